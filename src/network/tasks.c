/* SPDX-License-Identifier: Apache-2.0
 * From rows to drivers: tasks that say "look at this again", the documents they carry, and what comes back. */
#include <string.h>

#include "network/parts.h"
#include "rest/task.h"

bool network_apply(struct call *call, const char *kind, const char *id) {
    const char *host = network_driver_host(call);

    return !host || task_add_once(call, kind, id, host, NULL);
}

bool network_port_is_wired(const struct network_port *port) {
    bool own = !strncmp(port->device_owner, "network:", 8);

    return own ? strcmp(port->device_owner, OWNER_FLOATINGIP) != 0 : port->binding_host_id && *port->binding_host_id;
}

bool network_apply_port(struct call *call, const struct network_port *port, bool was_wired) {
    return (!was_wired && !network_port_is_wired(port)) || network_apply(call, "network.port", port->id);
}

bool network_apply_all(struct call *call, const char *kind, const char *sql, const char *argument) {
    struct rows *rows = db_query(call->db, sql, SQL_ARGS(sql_text(argument)));
    const char **ids = NULL;
    size_t count = 0;

    while (rows_next(rows)) {
        ids = arena_grow(call->arena, ids, count, sizeof *ids);
        ids[count++] = arena_text(call->arena, rows_text(rows, 0));
    }
    rows_end(rows);
    for (size_t i = 0; i < count; i++) {
        if (!network_apply(call, kind, ids[i])) {
            return false;
        }
    }
    return true;
}

bool network_apply_routers(struct call *call, const char *network_id) {
    return network_apply_all(call, "network.router",
                             "SELECT DISTINCT device_id FROM network_port WHERE network_id = ? AND device_owner IN"
                             " ('network:router_interface', 'network:router_gateway')", network_id);
}

/* ---- documents ---- */

static bool prepare_network(struct call *call, const struct task *task, struct json_out *out) {
    struct network_network *row;

    if (!row_find(call, &resource_network_network, task->resource_id, &row)) {
        return !call->error;
    }
    return network_document(network_world_new(call), out, row);
}

static bool prepare_port(struct call *call, const struct task *task, struct json_out *out) {
    struct network_port *row;

    if (!row_find(call, &resource_network_port, task->resource_id, &row) || !network_port_is_wired(row)) {
        return !call->error;
    }
    return network_port_document(network_world_new(call), out, row);
}

static bool prepare_router(struct call *call, const struct task *task, struct json_out *out) {
    struct network_router *row;

    if (!row_find(call, &resource_network_router, task->resource_id, &row)) {
        return !call->error;
    }
    return network_router_document(network_world_new(call), out, row);
}

static bool prepare_group(struct call *call, const struct task *task, struct json_out *out) {
    struct network_security_group *row;

    if (!row_find(call, &resource_network_security_group, task->resource_id, &row)) {
        return !call->error;
    }
    return network_group_document(network_world_new(call), out, row);
}

static bool prepare_addresses(struct call *call, const struct task *task, struct json_out *out) {
    struct network_address_group *row;

    if (!row_find(call, &resource_network_address_group, task->resource_id, &row)) {
        return !call->error;
    }
    return network_addresses_document(out, row);
}

/* ---- what comes back ---- */

static bool set_status(struct call *call, const char *port_id, const char *status) {
    return call_exec(call, "UPDATE network_port SET status = ? WHERE id = ? AND status <> ?",
                     SQL_ARGS(sql_text(status), sql_text(port_id), sql_text(status)));
}

/* The cloud's own ports are up as soon as they are there; a guest's when its driver sees it. */
static bool port_done(struct call *call, const struct task *task, const struct json *result) {
    return call_exec(call, "UPDATE network_port SET status = 'ACTIVE' WHERE id = ? AND status = 'DOWN'"
                           " AND device_owner LIKE 'network:%' AND admin_state_up = 1",
                     SQL_ARGS(sql_text(task->resource_id)));
}

bool network_report(struct call *call, const char *host, const char *kind, const char *id, const struct json *doc) {
    const char *status = json_get_text(doc, "status");
    struct network_port *port;

    if (strcmp(kind, "network.port") != 0 || !status ||
        (strcmp(status, "ACTIVE") != 0 && strcmp(status, "DOWN") != 0)) {
        return true;
    }
    if (!row_find(call, &resource_network_port, id, &port) || !network_port_is_wired(port)) {
        return !call->error;
    }
    /* What a driver sees of the cloud's own ports says nothing: those that are there are up. */
    status = strncmp(port->device_owner, "network:", 8) == 0 ? "ACTIVE" : status;
    return set_status(call, id, port->admin_state_up ? status : "DOWN");
}

bool network_ask(struct call *call, const char *host, const char *kind, const char *id) {
    const char *driver = network_driver_host(call);
    struct network_world *world = network_world_new(call);

    return strcmp(kind, "network.wanted") == 0 && network_world_fill(world) &&
           network_wanted(world, &call->out, host, !driver || !strcmp(driver, host));
}

const struct task_kind network_tasks[] = {
    {.name = "network.network", .prepare = prepare_network},
    {.name = "network.port", .prepare = prepare_port, .done = port_done},
    {.name = "network.router", .prepare = prepare_router},
    {.name = "network.address_group", .prepare = prepare_addresses},
    {.name = "network.security_group", .prepare = prepare_group},
    {0},
};
