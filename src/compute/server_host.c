/* SPDX-License-Identifier: Apache-2.0
 * What hosts tell and ask of their servers, so that both agree after a restart or a guest's own doing. */
#include <string.h>

#include "compute/document.h"
#include "compute/server.h"

/* A guest that shut itself down is stopped; one that was stopped here and runs is running. */
static const char *state_seen(const struct compute_server *server, int64_t power) {
    switch (power) {
    case POWER_RUNNING:
        return word_in("stopped|paused|suspended", server->vm_state) ? "active" : NULL;
    case POWER_SHUTDOWN:
    case POWER_CRASHED:
        return word_in("active|paused|suspended", server->vm_state) ? "stopped" : NULL;
    case POWER_PAUSED:
        return !strcmp(server->vm_state, "active") ? "paused" : NULL;
    case POWER_SUSPENDED:
        return !strcmp(server->vm_state, "active") ? "suspended" : NULL;
    default:
        return NULL;
    }
}

bool servers_report(struct call *call, const char *host, const char *kind, const char *id, const struct json *doc) {
    int64_t power = json_get_int(doc, "power_state", POWER_NONE);
    struct compute_server *server;
    const char *state;

    if (strcmp(kind, "compute.power") != 0 || !row_find(call, &resource_compute_server, id, &server)) {
        return !call->error;
    }
    if (!server->host || strcmp(server->host, host) != 0 || server->task_state || task_pending(call, id)) {
        return true;
    }
    state = state_seen(server, power);
    if (!state && server->power_state == power) {
        return true;
    }
    server->vm_state = state ? state : server->vm_state;
    server->power_state = power;
    return server_save(call, server);
}

static const char *power_word(const struct compute_server *server) {
    const char *state =
        !strcmp(server->vm_state, "resized") && server->old_vm_state ? server->old_vm_state : server->vm_state;

    return !strcmp(state, "stopped")     ? "shutdown"
           : !strcmp(state, "paused")    ? "paused"
           : !strcmp(state, "suspended") ? "suspended"
                                         : "running";
}

/* Servers that should be on the host and to which nothing is being done. */
static bool write_wanted(struct call *call, const char *host) {
    struct rows *rows =
        db_query(call->db,
                 "SELECT id, vm_state, old_vm_state FROM compute_server WHERE host = ? AND deleted = 0"
                 " AND task_state IS NULL AND vm_state IN ('active', 'stopped', 'paused', 'suspended', 'resized',"
                 " 'rescued') AND NOT EXISTS (SELECT 1 FROM rest_task WHERE resource_id = compute_server.id)",
                 SQL_ARGS(sql_text(host)));

    json_map(&call->out);
    json_key(&call->out, "servers");
    json_list(&call->out);
    while (rows_next(rows)) {
        const struct compute_server server = {.vm_state = rows_text(rows, 1), .old_vm_state = rows_text(rows, 2)};

        json_map(&call->out);
        json_put_text(&call->out, "id", rows_text(rows, 0));
        json_put_text(&call->out, "power", power_word(&server));
        json_map_end(&call->out);
    }
    rows_end(rows);
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static bool write_server(struct call *call, const char *host, const char *id) {
    struct compute_server *server;
    bool ok;

    if (!row_find(call, &resource_compute_server, id, &server) || !server->host || strcmp(server->host, host) != 0 ||
        server->task_state || task_pending(call, id)) {
        json_null(&call->out);
        return !call->error;
    }
    json_map(&call->out);
    ok = document_write(call, server, &call->out);
    json_map_end(&call->out);
    return ok;
}

/* Only of a server that is known can it be said that it was deleted. */
static bool write_deleted(struct call *call, const char *id) {
    bool deleted = !task_pending(call, id) &&
                   call_count(call, "SELECT count(*) FROM compute_server WHERE id = ? AND deleted = 1", SQL_ARGS(sql_text(id)));

    json_map(&call->out);
    json_put_bool(&call->out, "deleted", deleted);
    json_map_end(&call->out);
    return !call->error;
}

bool servers_ask(struct call *call, const char *host, const char *kind, const char *id) {
    if (!strcmp(kind, "compute.wanted")) {
        return write_wanted(call, host);
    }
    if (!strcmp(kind, "compute.server")) {
        return write_server(call, host, id);
    }
    if (!strcmp(kind, "compute.deleted")) {
        return write_deleted(call, id);
    }
    return fail(call, 404, "There is no question %.80s.", kind);
}
