/* SPDX-License-Identifier: Apache-2.0
 * What compute asks of network: ports of servers. Errors are in compute's words. */
#include <stdlib.h>
#include <string.h>

#include "network/network.h"
#include "network/parts.h"
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
