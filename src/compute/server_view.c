/* SPDX-License-Identifier: Apache-2.0
 * Servers as clients see them. What needs other rows (ports, volumes, hosts) is gathered for a whole batch at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "compute/server.h"
#include "http/http.h"
#include "rest/service.h"

enum { FULL_ANSWER = 75 };      /* from 2.75 on PUT and rebuild show all */

static const struct compute_server *server_in(const void *row) {
    return row;
}

static const char *quoted(struct call *call, const char *text) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    if (!text) {
        return "null";
    }
    json_text(&out, text);
    return buf_taken(&buf, call->arena);
}

/* "http://...:8470/compute" */
static const char *base_of(struct call *call) {
    return arena_printf(call->arena, "%s%s", call_base_url(call), call->service->prefix);
}

void server_location(struct call *call, const char *id) {
    call_header(call, "Location", arena_printf(call->arena, "%s/v2.1/servers/%s", base_of(call), id));
}

/* Ids are UUIDs, and a base has only the characters of a host's name: nothing to escape. */
static const char *links_text(struct call *call, const char *base, const char *id) {
    return arena_printf(call->arena,
                        "[{\"rel\": \"self\", \"href\": \"%s/v2.1/servers/%s\"},"
                        " {\"rel\": \"bookmark\", \"href\": \"%s/servers/%s\"}]", base, id, base, id);
}

const char *server_links(struct call *call, const char *id) {
    return links_text(call, base_of(call), id);
}

void compute_server_status(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    json_text(out, server_status(row));
}

/* The same for all servers of a project on a host, and telling neither: SHA-224 of both. */
static const char *host_id_of(struct call *call, const struct compute_server *server) {
    const char *data;

    if (!server->host) {
        return "";
    }
    data = arena_printf(call->arena, "%s%s", server->project_id, server->host);
    return digest_of(call->arena, "sha224", data, strlen(data));
}

static const char *bookmark_text(struct call *call, const char *base, const char *kind, const char *id) {
    return arena_printf(call->arena, "{\"id\": %s, \"links\": [{\"rel\": \"bookmark\", \"href\": %s}]}",
                        quoted(call, id), quoted(call, arena_printf(call->arena, "%s/%s/%s", base, kind, id)));
}

static const char *flavor_text(struct call *call, const char *base, const struct compute_server *server, bool specs) {
    struct server_size size;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    if (call->minor < 47) {
        return bookmark_text(call, base, "flavors", server->flavor_id);
    }
    size = size_read(call, server->flavor);
    json_map(&out);
    json_put_text(&out, "original_name", size.name);
    json_put_int(&out, "vcpus", size.vcpus);
    json_put_int(&out, "ram", size.ram);
    json_put_int(&out, "disk", size.disk);
    json_put_int(&out, "ephemeral", size.ephemeral);
    json_put_int(&out, "swap", size.swap);
    if (specs) {
        json_key(&out, "extra_specs");
        json_tree(&out, size.extra_specs);
    }
    json_map_end(&out);
    return buf_taken(&buf, call->arena);
}

static bool same(const char *a, const char *b) {
    return a && b && !strcmp(a, b);
}

/* What follows from the rows alone. Servers in a row often have the same flavor, image, project and host. */
static void add_references(struct call *call, struct compute_server *rows, size_t count) {
    const char *base = base_of(call);
    bool specs = call->minor >= 47 && call_allowed(call, "os_compute_api:servers:show:flavor-extra-specs", NULL, NULL);

    for (size_t i = 0; i < count; i++) {
        struct compute_server *row = &rows[i], *before = i ? row - 1 : NULL;

        row->links = links_text(call, base, row->id);
        row->flavor_shown = before && same(before->flavor, row->flavor) && same(before->flavor_id, row->flavor_id)
                                ? before->flavor_shown
                                : flavor_text(call, base, row, specs);
        row->image = !row->image_id ? "\"\""
                     : before && same(before->image_id, row->image_id)
                         ? before->image
                         : bookmark_text(call, base, "images", row->image_id);
        row->host_id = before && same(before->host, row->host) && same(before->project_id, row->project_id)
                           ? before->host_id
                           : host_id_of(call, row);
    }
}

void compute_server_config_drive(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    json_text(out, server_in(row)->config_drive ? "True" : "");
}

void compute_server_time(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    int64_t time = *(const int64_t *)((const char *)row + field->offset);
    char text[TIME_TEXT_SIZE];

    json_text(out, time ? time_print(time, TIME_MICRO, text) : NULL);
}

/* ---- what a batch needs of other rows ---- */

static const char *number(struct call *call, int64_t value) {
    return arena_printf(call->arena, "%lld", (long long)value);
}

static void put_address(struct json_out *out, const char *address, const char *type, const char *mac, bool extended) {
    json_map(out);
    json_put_int(out, "version", strchr(address, ':') ? 6 : 4);
    json_put_text(out, "addr", address);
    if (extended) {
        json_put_text(out, "OS-EXT-IPS:type", type);
        json_put_text(out, "OS-EXT-IPS-MAC:mac_addr", mac);
    }
    json_map_end(out);
}

static const struct json *parsed(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

/* The addresses of one port, with the floating ones after those they belong to. */
static void put_port(struct call *call, struct json_out *out, const struct network_port_info *port, bool extended) {
    for (JSON_EACH(fixed, parsed(call, port->fixed_ips))) {
        const char *address = json_get_text(fixed, "ip_address");

        if (!address) {
            continue;
        }
        put_address(out, address, "fixed", port->mac_address, extended);
        for (const struct network_port_name *ip = port->floating_ips; ip; ip = ip->next) {
            if (ip->fixed_ip && !strcmp(ip->fixed_ip, address)) {
                put_address(out, ip->name, "floating", port->mac_address, extended);
            }
        }
    }
}

static bool network_before(const struct network_port_info *ports, size_t i) {
    for (size_t k = 0; k < i; k++) {
        if (!strcmp(ports[k].network_id, ports[i].network_id)) {
            return true;
        }
    }
    return false;
}

/* {"network": [addresses]} of some ports of one server. */
static const char *addresses_of(struct call *call, const struct network_port_info *ports, size_t count, bool extended) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    for (size_t i = 0; i < count; i++) {
        if (network_before(ports, i)) {
            continue;
        }
        json_key(&out, ports[i].network_name);
        json_list(&out);
        for (size_t k = i; k < count; k++) {
            if (!strcmp(ports[k].network_id, ports[i].network_id)) {
                put_port(call, &out, &ports[k], extended);
            }
        }
        json_list_end(&out);
    }
    json_map_end(&out);
    return buf_taken(&buf, call->arena);
}

/* [{"name"}] of all groups of some ports; null when there are none. */
static const char *groups_of(struct call *call, const struct network_port_info *ports, size_t count) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool some = false;

    json_list(&out);
    for (size_t i = 0; i < count; i++) {
        for (const struct network_port_name *group = ports[i].security_groups; group; group = group->next) {
            bool again = false;

            for (size_t k = 0; k < i && !again; k++) {
                again = network_port_in_group(&ports[k], group->name);
            }
            if (!again) {
                json_map(&out);
                json_put_text(&out, "name", group->name);
                json_map_end(&out);
                some = true;
            }
        }
    }
    json_list_end(&out);
    return some ? buf_taken(&buf, call->arena) : (buf_release(&buf), NULL);
}

static int by_id(const void *a, const void *b) {
    return strcmp((*(const struct compute_server *const *)a)->id, (*(const struct compute_server *const *)b)->id);
}

/* The servers by id, to find each row's owner. */
struct batch {
    struct compute_server **by_id;
    const char **ids;
    size_t count;
};

static struct batch batch_of(struct call *call, struct compute_server *rows, size_t count) {
    struct batch batch = {ARENA_ARRAY(call->arena, struct compute_server *, count + 1),
                          ARENA_ARRAY(call->arena, const char *, count + 1), count};

    for (size_t i = 0; i < count; i++) {
        batch.by_id[i] = &rows[i];
    }
    qsort(batch.by_id, count, sizeof *batch.by_id, by_id);
    for (size_t i = 0; i < count; i++) {
        batch.ids[i] = batch.by_id[i]->id;
    }
    return batch;
}

static struct compute_server *batch_find(const struct batch *batch, const char *id) {
    struct compute_server key = {.id = id}, *at = &key, **found;

    found = bsearch(&at, batch->by_id, batch->count, sizeof *batch->by_id, by_id);
    return found ? *found : NULL;
}

static bool add_ports(struct call *call, const struct batch *batch, bool extended) {
    struct network_port_info *ports;
    size_t count, run;

    if (!network_ports_of(call, batch->ids, batch->count, &ports, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i += run) {
        struct compute_server *server = batch_find(batch, ports[i].device_id);

        for (run = 1; i + run < count && !strcmp(ports[i].device_id, ports[i + run].device_id); run++) {
        }
        if (server) {
            server->addresses =
                strcmp(server->vm_state, "building") ? addresses_of(call, &ports[i], run, extended) : NULL;
            server->security_groups = groups_of(call, &ports[i], run);
        }
    }
    return true;
}

/* "?, ?, ?" and its values. */
static const char *id_marks(struct call *call, const struct batch *batch, struct value **ret_values) {
    char *marks = arena_alloc(call->arena, 2 * batch->count + 1);

    *ret_values = ARENA_ARRAY(call->arena, struct value, batch->count + 1);
    for (size_t i = 0; i < batch->count; i++) {
        (*ret_values)[i] = sql_text(batch->ids[i]);
        memcpy(marks + 2 * i, i ? ",?" : " ?", 2);
    }
    return marks;
}

static void put_volume(struct call *call, struct compute_server *server, const char *volume_id, bool delete_too) {
    const char *more =
        call->minor >= 3 ? delete_too ? ", \"delete_on_termination\": true" : ", \"delete_on_termination\": false" : "";
    const char *old = server->volumes_attached;
    const char *before = !strcmp(old, "[]") ? "[" : arena_printf(call->arena, "%.*s, ", (int)strlen(old) - 1, old);

    server->volumes_attached = arena_printf(call->arena, "%s{\"id\": \"%s\"%s}]", before, volume_id, more);
}

static bool add_volumes(struct call *call, const struct batch *batch) {
    struct value *values;
    const char *marks = id_marks(call, batch, &values);
    struct rows *rows = db_query(call->db,
                                 arena_printf(call->arena,
                                              "SELECT server_id, volume_id, delete_on_termination FROM compute_disk"
                                              " WHERE server_id IN (%s) AND volume_id IS NOT NULL"
                                              " ORDER BY server_id, created_at, id", marks), values, batch->count);

    while (rows_next(rows)) {
        struct compute_server *server = batch_find(batch, rows_text(rows, 0));

        if (server) {
            put_volume(call, server, rows_text(rows, 1), rows_int(rows, 2));
        }
    }
    rows_end(rows);
    return db_failure(call->db) == DB_OK;
}

/* "UP", "DOWN", "MAINTENANCE" (disabled) by the host of each; "" for those without one. */
static bool add_host_status(struct call *call, const struct batch *batch) {
    struct compute_host *hosts;
    size_t count;

    if (call->minor < 16 || !call_allowed(call, "os_compute_api:servers:show:host_status", NULL, NULL)) {
        return true;
    }
    if (!rows_find(call, &resource_compute_host, NULL, SQL_NO_ARGS, &hosts, &count)) {
        return false;
    }
    for (size_t i = 0; i < batch->count; i++) {
        struct compute_server *server = batch->by_id[i];

        server->host_status = "";
        for (size_t k = 0; server->host && k < count; k++) {
            if (!strcmp(hosts[k].name, server->host)) {
                server->host_status = hosts[k].forced_down                  ? "DOWN"
                                      : !strcmp(hosts[k].status, "disabled") ? "MAINTENANCE"
                                      : !strcmp(hosts[k].state, "up")        ? "UP"
                                                                             : "UNKNOWN";
                break;
            }
        }
    }
    return true;
}

static void add_fault(struct call *call, struct compute_server *server) {
    const struct json *fault =
        server->deleted || !strcmp(server_status(server), "ERROR") ? parsed(call, server->fault) : NULL;
    const char *details = json_get_text(fault, "details");
    int64_t code = json_get_int(fault, "code", 500);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    char time[TIME_TEXT_SIZE];

    if (!fault) {
        return;
    }
    json_map(&out);
    json_put_int(&out, "code", code);
    json_put_text(&out, "created", time_print(json_get_int(fault, "created", 0), TIME_Z, time));
    json_put_text(&out, "message", json_get_text(fault, "message"));
    if (details && *details && (call->caller.admin || code != 500)) {
        json_put_text(&out, "details", details);
    }
    json_map_end(&out);
    server->fault_shown = buf_taken(&buf, call->arena);
}

const char *server_domain_name(struct arena *arena, const struct compute_server *server) {
    return arena_printf(arena, "instance-%.8s", server->id);
}

/* For whom the policy allows, how the cloud runs the server. */
static void add_attributes(struct call *call, struct compute_server *server, bool allowed) {
    if (!allowed) {
        server->attr_hostname = call->minor >= 90 ? quoted(call, server->hostname) : NULL;
        return;
    }
    server->attr_host = server->attr_node = quoted(call, server->host);
    server->attr_name = quoted(call, server_domain_name(call->arena, server));
    server->attr_reservation = quoted(call, server->reservation_id);
    server->attr_index = number(call, server->launch_index);
    server->attr_hostname = quoted(call, server->hostname);
    server->attr_kernel = server->attr_ramdisk = "\"\"";
    server->attr_root = quoted(call, server->root_device);
    server->attr_user_data = quoted(call, server->user_data);
}

static const char *const with_progress = "ACTIVE|BUILD|REBUILD|RESIZE|VERIFY_RESIZE|MIGRATING";

bool compute_server_expand(struct call *call, void *pointer, size_t count) {
    struct compute_server *rows = pointer;
    const struct operation *op = call->operation;
    bool list = op && op->run == op_list, brief = list && op->flags & OP_BRIEF, allowed;
    bool extended = !op || op->run == op_list || op->run == op_show || call->minor >= FULL_ANSWER;
    const char *base = NULL;
    struct batch batch;

    if (brief) {
        for (size_t i = 0; i < count; i++) {
            rows[i].links = links_text(call, i ? base : (base = base_of(call)), rows[i].id);
        }
    }
    if (brief || !count) {
        return true;
    }
    add_references(call, rows, count);
    batch = batch_of(call, rows, count);
    allowed = call_allowed(call, "os_compute_api:os-extended-server-attributes", NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        rows[i].volumes_attached = "[]";
        rows[i].progress = word_in(with_progress, server_status(&rows[i])) ? 0 : NO_INT;
        add_fault(call, &rows[i]);
        add_attributes(call, &rows[i], allowed);
        if (!list && call->minor >= 71) {
            rows[i].server_groups = rows[i].group_id ? arena_printf(call->arena, "[\"%s\"]", rows[i].group_id) : "[]";
        }
    }
    if (!add_ports(call, &batch, extended) || !add_volumes(call, &batch) || !add_host_status(call, &batch)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].addresses = rows[i].addresses ? rows[i].addresses : "{}";
    }
    return true;
}

bool server_answer(struct call *call, struct compute_server *server, bool rebuild) {
    bool all = call->minor >= FULL_ANSWER;
    unsigned view = all ? READ : READ_CHANGED;
    struct compute_server shown = *server;

    if (!compute_server_expand(call, &shown, 1)) {
        return false;
    }
    if (rebuild) {
        shown.new_user_data = call->minor >= 57 ? quoted(call, server->user_data) : NULL;
        shown.new_key_name = quoted(call, server->key_name);
        shown.attr_user_data = NULL;
    } else {
        shown.admin_pass = NULL;
    }
    json_map(&call->out);
    json_key(&call->out, "server");
    row_write(call, &resource_compute_server, &shown, view, &call->out);
    json_map_end(&call->out);
    return true;
}

/* ---- addresses on their own ---- */

static bool ports_shown(struct call *call, const char **ret_addresses) {
    const struct compute_server *server = call->row;
    struct network_port_info *ports;
    size_t count;

    if (!network_ports_of(call, &server->id, 1, &ports, &count)) {
        return false;
    }
    *ret_addresses = addresses_of(call, ports, count, false);
    return true;
}

bool compute_server_ips(struct call *call) {
    const char *addresses;

    if (!ports_shown(call, &addresses)) {
        return false;
    }
    json_map(&call->out);
    json_put_raw(&call->out, "addresses", addresses);
    json_map_end(&call->out);
    return true;
}

bool compute_server_ips_of(struct call *call) {
    const char *addresses, *network = call_parameter(call, "network");
    const struct json *of;

    if (!ports_shown(call, &addresses)) {
        return false;
    }
    of = json_get(parsed(call, addresses), network);
    if (!of) {
        return fail(call, 404, "Instance does not have a network named %.255s", network);
    }
    json_map(&call->out);
    json_key(&call->out, network);
    json_tree(&call->out, of);
    json_map_end(&call->out);
    return true;
}
