/* SPDX-License-Identifier: Apache-2.0
 * The OVN driver: its connections, what it reports, what it lists. The documents are applied by ovn_*.c. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "network/driver.h"
#include "network/ovn.h"

LOG_MODULE("network.ovn");

struct ovn ovn = {.write = PTHREAD_MUTEX_INITIALIZER};

#define COLUMNS(...) (const char *const[]){__VA_ARGS__, NULL}
#define ID "haneul:id"

static const struct ovsdb_table nb_tables[] = {
    {"Logical_Switch", COLUMNS("name", "other_config", "external_ids"), "name", {ID}},
    {"Logical_Switch_Port",
     COLUMNS("name", "type", "options", "parent_name", "tag", "addresses", "port_security", "up", "enabled",
             "dhcpv4_options", "dhcpv6_options", "external_ids"),
     "name", {ID, "haneul:network"}},
    {"QoS", COLUMNS("priority", "direction", "match", "action", "bandwidth", "external_ids"), NULL, {ID}},
    {"Address_Set", COLUMNS("name", "addresses", "external_ids"), "name", {ID}},
    {"DNS", COLUMNS("records", "external_ids"), NULL, {ID}},
    {"Load_Balancer", COLUMNS("name", "vips", "protocol", "external_ids"), "name", {ID}},
    {"DHCP_Options", COLUMNS("cidr", "options", "external_ids"), NULL, {ID}},
    {"Port_Group", COLUMNS("name", "external_ids"), "name", {ID}},
    {"ACL", COLUMNS("direction", "priority", "match", "action", "external_ids"), NULL, {ID}},
    {"Logical_Router", COLUMNS("name", "enabled", "options", "load_balancer", "external_ids"), "name", {ID}},
    {"Logical_Router_Port", COLUMNS("name", "mac", "networks", "options", "ipv6_ra_configs", "external_ids"), "name",
     {ID}},
    {"Gateway_Chassis", COLUMNS("name", "chassis_name", "priority", "external_ids"), "name", {ID}},
    {"NAT", COLUMNS("type", "external_ip", "logical_ip", "external_ids"), NULL, {ID}},
    {"Logical_Router_Static_Route", COLUMNS("ip_prefix", "nexthop", "output_port", "external_ids"), NULL, {ID}},
    {0},
};

static const struct ovsdb_table sb_tables[] = {
    {"Chassis", COLUMNS("name", "hostname", "other_config", "external_ids"), "name", {0}},
    {0},
};

static const struct ovsdb_table ovs_tables[] = {
    {"Open_vSwitch", COLUMNS("external_ids"), NULL, {0}},
    {"Bridge", COLUMNS("name"), "name", {0}},
    {"Port", COLUMNS("name"), "name", {0}},
    {"Interface", COLUMNS("name", "external_ids"), "name", {"haneul:port"}},
    {0},
};

/* What the northbound replica's thread saw and tells when the replica is unlocked again. */
static struct report {
    struct report *next;
    char *id;
    bool up;
} *reports, **report_tail = &reports;

static bool same(const char *a, const char *b) {
    return a && b && !strcmp(a, b);
}

/* True for a port whose state this host answers for: bound to it, or to none. */
static bool is_ours(struct arena *arena, const struct ovsdb_row *row) {
    const char *host = ovsdb_pair(arena, row, "options", "requested-chassis");

    return same(ovsdb_pair(arena, row, "external_ids", "haneul:key"), "port") &&
           (!host || !strcmp(host, ovn.host->name));
}

/* What the API calls ACTIVE: a chassis serves the port, and nobody switched it off. */
static bool is_up(const struct ovsdb_row *row) {
    const char *enabled = ovsdb_value(row, "enabled");

    return ovsdb_true(row, "up") && strcmp(enabled, "false") != 0;
}

static void tell(const char *id, bool up) {
    work_report("network.port", id, up ? "{\"status\": \"ACTIVE\"}" : "{\"status\": \"DOWN\"}");
}

static void nb_changed(void *user, const struct ovsdb_row *old, const struct ovsdb_row *new) {
    struct arena *arena;
    struct report *report;

    if (strcmp((old ? old : new)->table->name, "Logical_Switch_Port") != 0) {
        return;
    }
    if (!old || !new) {
        ovn_metadata_wake();
    }
    if (!new || (old && is_up(old) == is_up(new))) {
        return;
    }
    arena = arena_new(0);
    if (is_ours(arena, new)) {
        report = calloc(1, sizeof *report);
        if (!report || !(report->id = strdup(ovsdb_text(arena, new, "name")))) {
            abort();
        }
        report->up = is_up(new);
        *report_tail = report;
        report_tail = &report->next;
    }
    arena_free(arena);
}

static void nb_settled(void *user) {
    struct report *report = reports;

    reports = NULL;
    report_tail = &reports;
    while (report) {
        struct report *next = report->next;

        log_debug("port %s is %s", report->id, report->up ? "up" : "down");
        tell(report->id, report->up);
        free(report->id);
        free(report);
        report = next;
    }
}

static void report(void) {
    struct arena *arena = arena_new(0);
    size_t count;
    const struct ovsdb_row *const *rows = ovsdb_rows(ovn.nb, arena, "Logical_Switch_Port", NULL, NULL, &count);

    for (size_t i = 0; i < count; i++) {
        if (is_ours(arena, rows[i])) {
            tell(ovsdb_text(arena, rows[i], "name"), is_up(rows[i]));
        }
    }
    arena_free(arena);
}

static void ovs_changed(void *user, const struct ovsdb_row *old, const struct ovsdb_row *new) {
    if (!strcmp((old ? old : new)->table->name, "Interface")) {
        ovn_metadata_wake();
    }
}

const char *ovn_chassis(struct arena *arena) {
    size_t count;
    const struct ovsdb_row *const *rows = ovsdb_rows(ovn.ovs, arena, "Open_vSwitch", NULL, NULL, &count);

    return count ? ovsdb_pair(arena, rows[0], "external_ids", "system-id") : NULL;
}

static void start(const struct host *host) {
    ovn.host = host;
    ovn.nb = ovsdb_open(&(struct ovsdb_options){.remote = host->ovn_nb, .database = "OVN_Northbound",
                                                .tables = nb_tables, .changed = nb_changed, .settled = nb_settled});
    ovn.sb = ovsdb_open(&(struct ovsdb_options){.remote = host->ovn_sb, .database = "OVN_Southbound",
                                                .tables = sb_tables});
    ovn.ovs = ovsdb_open(&(struct ovsdb_options){.remote = host->ovs, .database = "Open_vSwitch", .tables = ovs_tables,
                                                 .changed = ovs_changed});
    ovn_metadata_start();
}

static void stop(void) {
    ovn_metadata_stop();
    ovsdb_close(ovn.nb);
    ovsdb_close(ovn.sb);
    ovsdb_close(ovn.ovs);
    ovn.nb = ovn.sb = ovn.ovs = NULL;
}

/* The ids of the resources that have their chief row ('key') in 'table'. */
static void list_ids(struct work *work, const char *name, const char *table, const char *key) {
    size_t count;
    const struct ovsdb_row *const *rows = ovsdb_rows(ovn.nb, work->arena, table, NULL, NULL, &count);

    json_key(&work->result, name);
    json_list(&work->result);
    for (size_t i = 0; i < count; i++) {
        if (same(ovsdb_pair(work->arena, rows[i], "external_ids", "haneul:key"), key) &&
            !same(ovsdb_pair(work->arena, rows[i], "external_ids", "haneul:kind"), "drop")) {
            json_text(&work->result, ovsdb_pair(work->arena, rows[i], "external_ids", ID));
        }
    }
    json_list_end(&work->result);
}

static void list_ports(struct work *work) {
    size_t count;
    const struct ovsdb_row *const *rows = ovsdb_rows(ovn.nb, work->arena, "Logical_Switch_Port", NULL, NULL, &count);

    json_key(&work->result, "ports");
    json_map(&work->result);
    for (size_t i = 0; i < count; i++) {
        if (same(ovsdb_pair(work->arena, rows[i], "external_ids", "haneul:key"), "port")) {
            json_put_text(&work->result, ovsdb_text(work->arena, rows[i], "name"),
                          is_up(rows[i]) ? "ACTIVE" : "DOWN");
        }
    }
    json_map_end(&work->result);
}

static void list_plugs(struct work *work) {
    size_t count;
    const struct ovsdb_row *const *rows = ovsdb_rows(ovn.ovs, work->arena, "Interface", NULL, NULL, &count);

    json_key(&work->result, "plugs");
    json_map(&work->result);
    for (size_t i = 0; i < count; i++) {
        const char *port = ovsdb_pair(work->arena, rows[i], "external_ids", "haneul:port");

        if (port) {
            json_put_text(&work->result, port, ovsdb_text(work->arena, rows[i], "name"));
        }
    }
    json_map_end(&work->result);
}

/* Networks that have a metadata proxy on this host, and with it a namespace. */
static void list_metadata(struct work *work) {
    size_t count;
    const struct ovsdb_row *const *rows = ovsdb_rows(ovn.ovs, work->arena, "Interface", NULL, NULL, &count);

    json_key(&work->result, "metadata");
    json_list(&work->result);
    for (size_t i = 0; i < count; i++) {
        const char *network = ovsdb_pair(work->arena, rows[i], "external_ids", "haneul:metadata");

        if (network) {
            json_text(&work->result, network);
        }
    }
    json_list_end(&work->result);
}

static bool list(struct work *work) {
    enum { READY_MS = 10000 };

    if (!ovsdb_ready(ovn.nb, READY_MS) || !ovsdb_ready(ovn.ovs, READY_MS)) {
        return work_fail(work, "OVN at %s or Open vSwitch at %s does not answer", work->host->ovn_nb, work->host->ovs);
    }
    list_ids(work, "networks", "Logical_Switch", "switch");
    list_ids(work, "routers", "Logical_Router", "router");
    list_ids(work, "address_groups", "Address_Set", "addresses:4");
    list_ids(work, "security_groups", "Port_Group", "group");
    list_ports(work);
    list_plugs(work);
    list_metadata(work);
    return true;
}

const struct network_driver network_driver_ovn = {
    .name = "ovn",
    .start = start,
    .stop = stop,
    .apply_network = ovn_apply_network,
    .apply_port = ovn_apply_port,
    .apply_router = ovn_apply_router,
    .apply_security_group = ovn_apply_security_group,
    .apply_address_group = ovn_apply_address_group,
    .plug = ovn_plug,
    .report = report,
    .list = list,
};
