/* SPDX-License-Identifier: Apache-2.0
 * Where a server is in its life: the status that clients see, what may be done in which state, and how things end.
 * States and statuses are those of the compute API. */
#include <string.h>

#include "base/clock.h"
#include "compute/server.h"
#include "rest/history.h"

/* The first line that fits is the status; a null task_state fits all. */
static const struct {
    const char *vm_state, *task_state, *status;
} states[] = {
    {"active", "rebooting", "REBOOT"},
    {"active", "reboot_pending", "REBOOT"},
    {"active", "reboot_started", "REBOOT"},
    {"active", "rebooting_hard", "HARD_REBOOT"},
    {"active", "updating_password", "PASSWORD"},
    {"active", "rebuilding", "REBUILD"},
    {"active", "migrating", "MIGRATING"},
    {"active", "resize_prep", "RESIZE"},
    {"active", "resize_migrating", "RESIZE"},
    {"active", "resize_finish", "RESIZE"},
    {"active", NULL, "ACTIVE"},
    {"building", NULL, "BUILD"},
    {"stopped", "resize_prep", "RESIZE"},
    {"stopped", "resize_migrating", "RESIZE"},
    {"stopped", "resize_finish", "RESIZE"},
    {"stopped", "rebuilding", "REBUILD"},
    {"stopped", NULL, "SHUTOFF"},
    {"resized", "resize_reverting", "REVERT_RESIZE"},
    {"resized", NULL, "VERIFY_RESIZE"},
    {"paused", "migrating", "MIGRATING"},
    {"paused", NULL, "PAUSED"},
    {"suspended", NULL, "SUSPENDED"},
    {"rescued", NULL, "RESCUE"},
    {"error", "rebuilding", "REBUILD"},
    {"error", NULL, "ERROR"},
    {"deleted", NULL, "DELETED"},
    {"soft-delete", NULL, "SOFT_DELETED"},
    {"shelved", NULL, "SHELVED"},
    {"shelved_offloaded", NULL, "SHELVED_OFFLOADED"},
};

enum { STATES = sizeof states / sizeof *states, MAX_CAUSE = 2000, MAX_MESSAGE = 255 };

const char *server_status(const struct compute_server *server) {
    if (server->deleted) {
        return "DELETED";
    }
    for (size_t i = 0; i < STATES; i++) {
        if (!strcmp(states[i].vm_state, server->vm_state) &&
            (!states[i].task_state || (server->task_state && !strcmp(states[i].task_state, server->task_state)))) {
            return states[i].status;
        }
    }
    return "UNKNOWN";
}

static bool is_one_of(const char *const *words, size_t count, const char *word) {
    for (size_t i = 0; i < count; i++) {
        if (!strcasecmp(words[i], word)) {
            return true;
        }
    }
    return false;
}

/* A status of a vm_state alone also finds servers to which something is being done. */
const char *server_status_sql(struct call *call, const char *const *statuses, size_t count) {
    const char *sql = NULL;

    for (size_t i = 0; i < STATES; i++) {
        const char *task =
            states[i].task_state ? arena_printf(call->arena, " AND task_state = '%s'", states[i].task_state) : "";

        if (is_one_of(statuses, count, states[i].status)) {
            sql = arena_printf(call->arena, "%s%svm_state = '%s'%s", sql ? sql : "", sql ? " OR " : "",
                               states[i].vm_state, task);
        }
    }
    return sql;
}

bool word_in(const char *words, const char *word) {
    size_t size = strlen(word);

    for (const char *at = words; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (!strncmp(at, word, size) && (at[size] == '|' || !at[size])) {
            return true;
        }
    }
    return false;
}

bool server_unlocked(struct call *call, const struct compute_server *server) {
    return !server->locked ||
           call_allowed(call, "os_compute_api:os-lock-server:unlock:unlock_override", &resource_compute_server,
                        server) ||
           fail(call, 409, "Instance %s is locked", server->id);
}

bool server_ready(struct call *call, const struct compute_server *server, const char *action, const char *vm_states,
                  const char *busy) {
    if (!server_unlocked(call, server)) {
        return false;
    }
    if (vm_states && !word_in(vm_states, server->vm_state)) {
        return fail(call, 409, "Cannot '%s' instance %s while it is in vm_state %s", action, server->id,
                    server->vm_state);
    }
    if (server->task_state && (!busy || (strcmp(busy, "*") != 0 && !word_in(busy, server->task_state)))) {
        return fail(call, 409, "Cannot '%s' instance %s while it is in task_state %s", action, server->id,
                    server->task_state);
    }
    return true;
}

bool server_save(struct call *call, struct compute_server *server) {
    server->updated_at = clock_now();
    return row_update(call, &resource_compute_server, server);
}

bool server_note(struct call *call, const struct compute_server *server, const char *action) {
    struct compute_action row;

    memset(&row, 0, sizeof row);
    row_defaults(call, &resource_compute_action, &row);
    row.server_id = server->id;
    row.request_id = call->request_id;
    row.action = action;
    row.project_id = call->caller.project_id ? call->caller.project_id : server->project_id;
    row.user_id = call->caller.user_id ? call->caller.user_id : server->user_id;
    row.event = arena_printf(call->arena, "compute_%s_instance", action);
    row.host = server->host;
    return row_insert(call, &resource_compute_action, &row);
}

bool server_begin(struct call *call, struct compute_server *server, const char *action, const char *task_state) {
    server->task_state = task_state;
    return server_save(call, server) && server_note(call, server, action);
}

bool server_noted(struct call *call, const struct compute_server *server, const char *error) {
    int64_t now = clock_now();

    return call_exec(
        call,
        "UPDATE compute_action SET finish_time = ?, updated_at = ?, result = ?, details = ?, message = ?, host = ?"
        " WHERE server_id = ? AND request_id = ?",
        SQL_ARGS(sql_int(now), sql_int(now), sql_text(error ? "Error" : "Success"), sql_text(error),
                 sql_text(error ? "Error" : NULL), sql_text(server->host), sql_text(server->id),
                 sql_text(call->request_id)));
}

bool server_leaves(const struct compute_server *server) {
    return server->task_state &&
           (!strcmp(server->task_state, "deleting") || !strcmp(server->task_state, "soft-deleting"));
}

bool server_of_task(struct call *call, const struct task *task, struct compute_server **ret_server) {
    *ret_server = NULL;
    if (!row_find(call, &resource_compute_server, task->resource_id, ret_server)) {
        return !call->error;
    }
    if (server_leaves(*ret_server)) {
        *ret_server = NULL;
    }
    return true;
}

bool server_settle(struct call *call, struct compute_server *server, const char *vm_state, const struct json *result) {
    server->task_state = NULL;
    server->power_state = json_get_int(result, "power_state", server->power_state);
    if (vm_state) {
        server->vm_state = vm_state;
    }
    return server_save(call, server) && server_noted(call, server, NULL);
}

/* At most 'most' bytes of the text, cut between characters. */
static const char *bounded(struct call *call, const char *text, size_t most) {
    size_t size = strnlen(text, most);

    while (size && ((unsigned char)text[size] & 0xc0) == 0x80) {
        size--;
    }
    return arena_text_size(call->arena, text, size);
}

/* {"code", "created" (microseconds), "message", "details"} */
static const char *fault_text(struct call *call, int code, const char *cause, const char *details) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;
    json_map(&out);
    json_put_int(&out, "code", code);
    json_put_int(&out, "created", clock_now());
    json_put_text(&out, "message", bounded(call, cause, MAX_MESSAGE));
    json_put_text(&out, "details", bounded(call, details, MAX_CAUSE));
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

bool server_fail(struct call *call, struct compute_server *server, const char *vm_state, int code, const char *cause) {
    return server_fail_why(call, server, vm_state, code, cause, cause);
}

bool server_fail_why(struct call *call, struct compute_server *server, const char *vm_state, int code, const char *cause,
                     const char *details) {
    server->task_state = NULL;
    server->fault = fault_text(call, code, cause, details);
    if (vm_state) {
        server->vm_state = vm_state;
    }
    history_note(call, "fault", server->id, server->host, cause, strcmp(cause, details) ? details : NULL);
    return server_save(call, server) && server_noted(call, server, cause);
}
