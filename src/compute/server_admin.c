/* SPDX-License-Identifier: Apache-2.0
 * Changing what a server is called, locking it, putting its state right, and what only several hosts can do. */
#include <string.h>

#include "compute/server.h"

bool compute_server_update(struct call *call) {
    const struct compute_server_change *input = call->input;
    struct compute_server *server = call->row;

    server->name = input->name ? input->name : server->name;
    server->disk_config = input->disk_config ? input->disk_config : server->disk_config;
    server->access_ip_v4 = input->access_ip_v4 ? input->access_ip_v4 : server->access_ip_v4;
    server->access_ip_v6 = input->access_ip_v6 ? input->access_ip_v6 : server->access_ip_v6;
    server->hostname = input->hostname ? input->hostname : server->hostname;
    server->description = call_given(call, "description") ? input->description : server->description;
    event_note(call, "server.update", server->id);
    return server_save(call, server) && server_answer(call, server, false);
}

/* Who locked a server may unlock it: its owner, or an administrator for whom the owner has to wait. */
static const char *locker(const struct call *call, const struct compute_server *server) {
    const char *project = call->caller.project_id;

    return project && !strcmp(project, server->project_id) ? "owner" : "admin";
}

bool compute_server_lock(struct call *call) {
    const struct compute_lock *input = call->input;
    struct compute_server *server = call->row;
    const char *by = locker(call, server);

    if (server->locked && !strcmp(by, "owner")) {
        return true;
    }
    server->locked = true;
    server->locked_by = by;
    server->locked_reason = input->locked_reason;
    return server_begin(call, server, "lock", server->task_state) && server_noted(call, server, NULL);
}

bool compute_server_unlock(struct call *call) {
    struct compute_server *server = call->row;

    if (server->locked_by && strcmp(server->locked_by, locker(call, server)) != 0 &&
        !call_allow(call, "os_compute_api:os-lock-server:unlock:unlock_override", &resource_compute_server, server)) {
        return false;
    }
    server->locked = false;
    server->locked_by = server->locked_reason = NULL;
    return server_begin(call, server, "unlock", server->task_state) && server_noted(call, server, NULL);
}

bool compute_server_reset_state(struct call *call) {
    const struct compute_reset_state *input = call->input;
    struct compute_server *server = call->row;

    server->vm_state = input->state;
    return task_cancel(call, server->id, NULL) && server_begin(call, server, "reset_state", NULL) &&
           server_noted(call, server, NULL);
}

/* The network service tells drivers of every change by itself. */
bool compute_server_nothing(struct call *call) {
    return server_unlocked(call, call->row);
}

bool compute_server_gone(struct call *call) {
    return fail(call, 410, "This resource is no longer available.");
}

bool compute_server_change_password(struct call *call) {
    return server_ready(call, call->row, "changePassword", "active", NULL) &&
           fail(call, 501, "Unable to set password on instance: this cloud has no agent in its guests.");
}

bool compute_server_crash_dump(struct call *call) {
    return server_ready(call, call->row, "trigger_crash_dump", "active|paused|rescued|resized|error", NULL) &&
           fail(call, 501, "Crash dumps are not available in this cloud yet.");
}

/* ---- what moves servers between hosts ---- */

static bool no_move(struct call *call, const char *what) {
    int64_t others =
        call_count(call, "SELECT count(*) FROM compute_host WHERE state = 'up' AND status = 'enabled' AND name <> ?",
                   SQL_ARGS(sql_text(((const struct compute_server *)call->row)->host)));

    return others ? fail(call, 501, "%s is not available in this cloud yet.", what) : fail(call, 400, NO_VALID_HOST);
}

bool compute_server_migrate(struct call *call) {
    return server_ready(call, call->row, "migrate", "active|stopped", NULL) && no_move(call, "Migration");
}

bool compute_server_migrate_live(struct call *call) {
    return server_ready(call, call->row, "os-migrateLive", "active|paused", NULL) && no_move(call, "Live migration");
}

bool compute_server_evacuate(struct call *call) {
    const struct compute_server *server = call->row;

    if (!server_ready(call, server, "evacuate", "active|stopped|error", "*")) {
        return false;
    }
    if (call_count(call, "SELECT count(*) FROM compute_host WHERE name = ? AND state = 'up' AND forced_down = 0",
                   SQL_ARGS(sql_text(server->host)))) {
        return fail(call, 400, "Compute service of %s is still in use.", server->host);
    }
    return no_move(call, "Evacuation");
}

/* ---- small things ---- */

bool compute_server_topology(struct call *call) {
    json_map(&call->out);
    json_put_raw(&call->out, "nodes", "[]");
    json_put_null(&call->out, "pagesize_kb");
    json_map_end(&call->out);
    return true;
}

/* The password that the guest made and encrypted with the server's key, once it told the metadata service. */
bool compute_server_password(struct call *call) {
    const struct compute_server *server = call->row;

    json_map(&call->out);
    json_put_text(&call->out, "password", server->password ? server->password : "");
    json_map_end(&call->out);
    return true;
}

bool compute_server_password_clear(struct call *call) {
    struct compute_server *server = call->row;

    server->password = NULL;
    return server_save(call, server);
}
