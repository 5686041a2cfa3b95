/* SPDX-License-Identifier: Apache-2.0
 * What compute asks of network: ports of servers. Errors are in compute's words. */
#include <stdlib.h>
#include <string.h>

#include "network/network.h"
#include "network/parts.h"
#include "network/related.h"
#include "rest/resource.h"

/* Compute's errors have no types of network's; too many ports are forbidden there, not a conflict. */
static bool translated(struct call *call, bool ok) {
    if (!ok && call->error_type && call->service != &network) {
        if (!strcmp(call->error_type, "OverQuota")) {
            call->error = 403;
            call->error_message = "Maximum number of ports exceeded";
        }
        call->error_type = NULL;
    }
    return ok;
}

const char network_devices_by_address[] = "SELECT network_port.device_id FROM network_allocation JOIN network_port ON "
                                          "network_port.id = network_allocation.port_id"
                                          " WHERE regexp_like(network_allocation.ip_address, ?)";

char *network_tap(struct arena *arena, const char *port_id) {
    return arena_printf(arena, "tap%.11s", port_id);
}

bool network_usable(struct call *call, const char *network_id) {
    struct network_network *net;

    if (!row_get(call, &resource_network_network, network_id, &net)) {
        call->error_type = NULL;
        if (call->error == 404) {
            call->error = 400;
            call->error_message = arena_printf(call->arena, "Network %.64s could not be found.", network_id);
        }
        return false;
    }
    if (!net->port_security_enabled) {
        return true;
    }
    return call_count(call, "SELECT count(*) FROM network_subnet WHERE network_id = ?",
                      SQL_ARGS(sql_text(network_id))) > 0 ||
           fail(call, 400, "Network %s requires a subnet in order to boot instances on.", network_id);
}

static bool collect_ids(struct call *call, struct rows *rows, const char ***ret_ids, size_t *ret_count) {
    const char **ids = NULL;
    size_t n = 0;

    while (rows_next(rows)) {
        ids = arena_grow(call->arena, ids, n, sizeof *ids);
        ids[n++] = arena_text(call->arena, rows_text(rows, 0));
    }
    rows_end(rows);
    *ret_ids = ids;
    *ret_count = n;
    return db_failure(call->db) == DB_OK || fail_database(call);
}

bool network_default(struct call *call, const char ***ret_ids, size_t *ret_count) {
    struct rows *own = db_query(call->db,
                                "SELECT id FROM network_network WHERE project_id = ? AND router_external = 0"
                                " ORDER BY created_at, id",
                                SQL_ARGS(sql_text(call->caller.project_id)));

    if (!collect_ids(call, own, ret_ids, ret_count) || *ret_count) {
        return !call->error;
    }
    return collect_ids(call, db_query(call->db,
                                      "SELECT id FROM network_network WHERE router_external = 0 AND id IN"
                                      " (SELECT object_id FROM network_rbac WHERE object_type = 'network'"
                                      " AND action = 'access_as_shared' AND target_tenant IN ('*', ?))"
                                      " ORDER BY created_at, id",
                                      SQL_ARGS(sql_text(call->caller.project_id))),
                       ret_ids, ret_count);
}

static const char *json_one(struct call *call, const char *key, const char *text) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    json_map(&out);
    json_put_text(&out, key, text);
    json_map_end(&out);
    json_list_end(&out);
    return network_text(call, &buf);
}

static const char *json_texts(struct call *call, const char *const *texts) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    for (; *texts; texts++) {
        json_text(&out, *texts);
    }
    json_list_end(&out);
    return network_text(call, &buf);
}

bool network_port_make(struct call *call, const struct network_port_new *wanted, const char **ret_id) {
    struct network_port *port = ARENA_NEW(call->arena, struct network_port);

    row_defaults(call, &resource_network_port, port);
    port->network_id = wanted->network_id;
    port->project_id = wanted->project_id;
    port->name = wanted->name ? wanted->name : "";
    port->device_id = wanted->device_id;
    port->device_owner = arena_printf(call->arena, "compute:%s", wanted->zone ? wanted->zone : "nova");
    port->binding_host_id = wanted->host ? wanted->host : "";
    port->server_owned = true;
    if (wanted->fixed_ip) {
        port->fixed_ips = json_one(call, "ip_address", wanted->fixed_ip);
    }
    if (wanted->security_groups) {
        port->security_groups = json_texts(call, wanted->security_groups);
    }
    *ret_id = port->id;
    return translated(call, resource_create(call, &resource_network_port, port));
}

bool network_port_take(struct call *call, const char *port_id, const char *device_id, const char *zone,
                       const char *host) {
    struct network_port *port, *was;

    if (!row_get(call, &resource_network_port, port_id, &was)) {
        return translated(call, false);
    }
    if (*was->device_id) {
        return fail(call, 409, "Port %s is still in use.", port_id);
    }
    port = ARENA_NEW(call->arena, struct network_port);
    *port = *was;
    port->device_id = device_id;
    port->device_owner = arena_printf(call->arena, "compute:%s", zone ? zone : "nova");
    port->binding_host_id = host ? host : "";
    return translated(call, resource_update(call, &resource_network_port, was, port));
}

static bool ports_of(struct call *call, const char *device_id, struct network_port **ret_ports, size_t *ret_count) {
    return rows_find(call, &resource_network_port,
                     "device_id = ? AND device_owner LIKE 'compute:%' ORDER BY created_at, id",
                     SQL_ARGS(sql_text(device_id)), ret_ports, ret_count);
}

bool network_ports_bind(struct call *call, const char *device_id, const char *host) {
    struct network_port *ports;
    size_t count;

    if (!ports_of(call, device_id, &ports, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct network_port was = ports[i];

        ports[i].binding_host_id = host ? host : "";
        if (strcmp(was.binding_host_id, ports[i].binding_host_id) != 0 &&
            !resource_update(call, &resource_network_port, &was, &ports[i])) {
            return translated(call, false);
        }
    }
    return true;
}

bool network_port_drop(struct call *call, const char *port_id) {
    struct network_port *port, was;

    if (!row_find(call, &resource_network_port, port_id, &port)) {
        return !call->error;
    }
    if (port->server_owned) {
        return translated(call, resource_delete(call, &resource_network_port, port));
    }
    was = *port;
    port->device_id = port->device_owner = port->binding_host_id = "";
    port->device_tag = NULL;
    return translated(call, resource_update(call, &resource_network_port, &was, port));
}

/* ---- ports as compute shows them ---- */


static struct network_port_info info_of(const struct network_port *port) {
    return (struct network_port_info){
        .id = port->id, .network_id = port->network_id, .network_name = "", .mac_address = port->mac_address,
        .device_id = port->device_id, .host = *port->binding_host_id ? port->binding_host_id : NULL,
        .status = port->status, .project_id = port->project_id, .fixed_ips = port->fixed_ips, .floating_ips = "[]",
        .security_groups = "[]", .subnets = "[]", .mtu = 1500, .port_security_enabled = port->port_security_enabled,
        .server_owned = port->server_owned, .tag = port->device_tag};
}

struct infos {
    struct call *call;
    const struct network_port *ports;
    struct network_port_info *at;
    size_t count;
};

/* Runs 'sql' with the ids of the ports (or of their networks) and hands each result to the ports it is of. */
static bool each(struct infos *infos, const char *field, const char *sql,
                 void (*fill)(const struct batch *batch, void *row, struct rows *result)) {
    enum { STEP = 500 };

    for (size_t from = 0; from < infos->count; from += STEP) {
        size_t count = infos->count - from < STEP ? infos->count - from : STEP;
        const struct batch batch = {infos->call, &resource_network_port,
                                    (void *)(uintptr_t)(infos->ports + from), count, field, 0};

        if (!related_each(&batch, sql, SQL_NO_ARGS, fill)) {
            return false;
        }
    }
    return true;
}

/* The rows' slot 'network' points to their info meanwhile. */
static struct network_port_info *slot_of(void *row) {
    return ((struct network_port *)row)->network;
}

static void fill_network(const struct batch *batch, void *row, struct rows *result) {
    slot_of(row)->network_name = arena_text(batch->call->arena, rows_text(result, 1));
    slot_of(row)->mtu = rows_int(result, 2);
}

/* 'list' with one more item, which 'write' writes. */
static const char *with_item(const struct batch *batch, const char *list, struct rows *result,
                             void (*write)(struct rows *result, struct json_out *out)) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    write(result, &out);
    list =
        arena_printf(batch->call->arena, "%.*s%s%s]", (int)strlen(list) - 1, list, list[1] == ']' ? "" : ", ", buf.at);
    buf_release(&buf);
    return list;
}

static void write_floating(struct rows *result, struct json_out *out) {
    json_map(out);
    json_put_text(out, "floating_ip_address", rows_text(result, 1));
    json_put_text(out, "fixed_ip_address", rows_text(result, 2));
    json_map_end(out);
}

static void fill_floating(const struct batch *batch, void *row, struct rows *result) {
    slot_of(row)->floating_ips = with_item(batch, slot_of(row)->floating_ips, result, write_floating);
}

static void write_group(struct rows *result, struct json_out *out) {
    json_text(out, rows_text(result, 1));
}

static void fill_group(const struct batch *batch, void *row, struct rows *result) {
    slot_of(row)->security_groups = with_item(batch, slot_of(row)->security_groups, result, write_group);
}

static void write_subnet(struct rows *result, struct json_out *out) {
    json_map(out);
    json_put_text(out, "id", rows_text(result, 1));
    json_put_text(out, "cidr", rows_text(result, 2));
    json_put_text(out, "gateway_ip", rows_text(result, 3));
    json_put_raw(out, "dns_nameservers", rows_text(result, 4));
    json_put_raw(out, "host_routes", rows_text(result, 5));
    json_put_bool(out, "enable_dhcp", rows_int(result, 6) != 0);
    json_put_int(out, "ip_version", rows_int(result, 7));
    json_map_end(out);
}

static void fill_subnet(const struct batch *batch, void *row, struct rows *result) {
    slot_of(row)->subnets = with_item(batch, slot_of(row)->subnets, result, write_subnet);
}

static bool make_infos(struct call *call, struct network_port *ports, size_t count, bool subnets,
                       struct network_port_info **ret) {
    struct infos infos = {call, ports, ARENA_ARRAY(call->arena, struct network_port_info, count + 1), count};

    for (size_t i = 0; i < count; i++) {
        infos.at[i] = info_of(&ports[i]);
        ports[i].network = &infos.at[i];
    }
    *ret = infos.at;
    return each(&infos, "network_id", "SELECT id, name, mtu FROM network_network WHERE id IN ($ids)", fill_network) &&
           each(&infos, "id",
                "SELECT port_id, floating_ip_address, fixed_ip_address FROM network_floatingip WHERE port_id IN ($ids)"
                " ORDER BY floating_ip_address",
                fill_floating) &&
           each(&infos, "id",
                "SELECT p.port_id, g.name FROM network_port_group p JOIN network_security_group g ON g.id = p.group_id"
                " WHERE p.port_id IN ($ids) ORDER BY g.name, g.id",
                fill_group) &&
           (!subnets ||
            each(&infos, "id",
                 "SELECT a.port_id, s.id, s.cidr, s.gateway_ip, s.dns_nameservers, s.host_routes, s.enable_dhcp, "
                 "s.ip_version"
                 " FROM network_allocation a JOIN network_subnet s ON s.id = a.subnet_id WHERE a.port_id IN ($ids)"
                 " ORDER BY s.ip_version, s.created_at, s.id",
                 fill_subnet));
}

/* By server and then creation: in C, since the database would copy whole rows to sort them. */
static int by_device(const void *a, const void *b) {
    const struct network_port *one = a, *other = b;
    int order = strcmp(one->device_id, other->device_id);

    if (!order) {
        order = (one->created_at > other->created_at) - (one->created_at < other->created_at);
    }
    return order ? order : strcmp(one->id, other->id);
}

bool network_ports_of(struct call *call, const char *const *device_ids, size_t device_count, bool subnets,
                      struct network_port_info **ret_ports, size_t *ret_count) {
    struct value *args = ARENA_ARRAY(call->arena, struct value, device_count * 2 + 1);
    struct network_port *ports;
    size_t arg_count = 0;

    *ret_ports = NULL;
    *ret_count = 0;
    if (!device_count) {
        return true;
    }
    const char *where = arena_printf(call->arena, "device_id IN (%s) AND device_owner LIKE 'compute:%%'",
                                     related_marks(call, device_ids, device_count, args, &arg_count));

    if (!rows_find(call, &resource_network_port, where, args, arg_count, &ports, ret_count)) {
        return false;
    }
    if (*ret_count > 1) {
        qsort(ports, *ret_count, sizeof *ports, by_device);
    }
    return make_infos(call, ports, *ret_count, subnets, ret_ports);
}

bool network_port_by_address(struct call *call, const char *network_id, const char *address,
                             struct network_port_info **ret_port) {
    struct network_port *port;

    *ret_port = NULL;
    if (!row_first(call, &resource_network_port,
                   "id IN (SELECT port_id FROM network_allocation WHERE network_id = ? AND ip_address = ?)",
                   SQL_ARGS(sql_text(network_id), sql_text(address)), &port)) {
        return false;
    }
    return !port || make_infos(call, port, 1, false, ret_port);
}

/* ---- security groups ---- */

bool network_security_group(struct call *call, const char *id_or_name, const char **ret_id) {
    struct network_security_group *groups;
    struct value args[8] = {sql_text(id_or_name), sql_text(id_or_name)};
    size_t count, arg_count = 2;
    const char *visible, *own;

    if (call->caller.project_id && !network_default_group(call, call->caller.project_id, &own)) {
        return translated(call, false);
    }
    visible = row_visible(call, &resource_network_security_group, args, &arg_count);
    if (!visible && call->caller.project_id) {
        visible = "project_id = ?";
        args[arg_count++] = sql_text(call->caller.project_id);
    }
    if (!rows_find(
            call, &resource_network_security_group,
            arena_printf(call->arena, "(id = ? OR name = ?)%s%s", visible ? " AND " : "", visible ? visible : ""), args,
            arg_count, &groups, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (count == 1 || !strcmp(groups[i].id, id_or_name)) {
            *ret_id = groups[i].id;
            return true;
        }
    }
    if (count) {
        return fail(call, 409, "Multiple security groups found matching '%.255s'. Use an ID to be more specific.",
                    id_or_name);
    }
    return fail(call, 400, "Security group %.255s not found for project %s.", id_or_name,
                call->caller.project_id ? call->caller.project_id : "-");
}

/* The JSON list without 'id', or with it at the end. */
static const char *groups_text(struct call *call, const char *list, const char *id, bool add) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    for (JSON_EACH(item, network_json(call, list))) {
        if (strcmp(item->text, id) != 0) {
            json_text(&out, item->text);
        }
    }
    if (add) {
        json_text(&out, id);
    }
    json_list_end(&out);
    return network_text(call, &buf);
}

bool network_security_group_apply(struct call *call, const char *device_id, const char *group_id, bool add) {
    struct network_port *ports;
    size_t count;

    if (!ports_of(call, device_id, &ports, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct network_port was = ports[i];

        if (!was.port_security_enabled) {
            continue;
        }
        ports[i].security_groups = groups_text(call, was.security_groups, group_id, add);
        if (!resource_update(call, &resource_network_port, &was, &ports[i])) {
            return translated(call, false);
        }
    }
    return true;
}
