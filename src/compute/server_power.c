/* SPDX-License-Identifier: Apache-2.0
 * Power: start, stop, reboot, pause, suspend, rescue. One task kind does them all; its args say which. */
#include <string.h>

#include "compute/server.h"
#include "image/image.h"

/* How an action of the API is done: from which states, what it is called meanwhile, what the host does, where it ends. */
static const struct power {
    const char *action, *name, *from, *task_state, *host_action, *to, *on_failure;
} powers[] = {
    {"os-start", "start", "stopped", "powering-on", "start", "active", NULL},
    {"os-stop", "stop", "active|error", "powering-off", "stop", "stopped", NULL},
    {"pause", "pause", "active", "pausing", "pause", "paused", NULL},
    {"unpause", "unpause", "paused", "unpausing", "unpause", "active", NULL},
    {"suspend", "suspend", "active", "suspending", "suspend", "suspended", NULL},
    {"resume", "resume", "suspended", "resuming", "resume", "active", "error"},
    {"reboot-soft", "reboot", "active", "rebooting", "reboot_soft", "active", NULL},
    {"reboot-hard", "reboot", "active|stopped|paused|suspended|error", "rebooting_hard", "reboot_hard", "active",
     "error"},
    {"rescue", "rescue", "active|stopped|error", "rescuing", "reboot_hard", "rescued", "error"},
    {"unrescue", "unrescue", "rescued", "unrescuing", "reboot_hard", "active", "error"},
    {"shelve", "shelve", "active|stopped|paused|suspended", "shelving", "stop", "", NULL},
};

static const struct power *power_named(const char *action) {
    for (size_t i = 0; action && i < sizeof powers / sizeof *powers; i++) {
        if (!strcmp(powers[i].action, action)) {
            return &powers[i];
        }
    }
    return NULL;
}

static const struct power *power_of_task(struct call *call, const struct task *task) {
    const struct json *args = task->args ? json_parse(call->arena, task->args, strlen(task->args), NULL) : NULL;

    return power_named(json_get_text(args, "action"));
}

static bool power_begin(struct call *call, const char *action, const char *busy) {
    const struct power *power = power_named(action);
    struct compute_server *server = call->row;

    if (!server_ready(call, server, power->name, power->from, busy)) {
        return false;
    }
    if (!server->host) {
        return fail(call, 409, "Instance %s is not ready", server->id);
    }
    return server_begin(call, server, power->name, power->task_state) &&
           task_add(call, "compute.power", server->id, server->host,
                    arena_printf(call->arena, "{\"action\": \"%s\"}", action));
}

bool compute_server_power(struct call *call) {
    return power_begin(call, call->operation->action, NULL);
}

bool compute_server_reboot(struct call *call) {
    const struct compute_reboot *input = call->input;
    bool hard = input->type[0] == 'H' || input->type[0] == 'h';

    return hard ? power_begin(call, "reboot-hard",
                              "rebooting|reboot_pending|reboot_started|rebooting_hard|pausing|suspending")
                : power_begin(call, "reboot-soft", NULL);
}

/* ---- rescue ---- */

bool compute_server_rescue(struct call *call) {
    const struct compute_rescue *input = call->input;
    struct compute_server *server = call->row;
    struct image_info image;
    const char *id = input->rescue_image_ref ? input->rescue_image_ref : server->image_id;

    if (!server_ready(call, server, "rescue", "active|stopped|error", NULL)) {
        return false;
    }
    if (call->minor < 87 && disks_root_is_volume(call, server)) {
        return fail(call, 400, "Instance %s cannot be rescued: Cannot rescue a volume-backed instance", server->id);
    }
    if (!id) {
        return fail(call, 400, "Instance %s cannot be rescued: no rescue image was given", server->id);
    }
    if (!image_get(call, id, &image)) {
        call->error = call->error == 404 ? 400 : call->error;
        return false;
    }
    server->rescue_image_id = id;
    if (!power_begin(call, "rescue", NULL)) {
        return false;
    }
    call->status = 200;
    json_map(&call->out);
    json_put_text(&call->out, "adminPass", input->admin_pass ? input->admin_pass : server_password_new(call->arena));
    json_map_end(&call->out);
    return true;
}

bool compute_server_unrescue(struct call *call) {
    struct compute_server *server = call->row;

    if (!strcmp(server->vm_state, "rescued") && !server->task_state) {
        server->rescue_image_id = NULL;
    }
    return power_begin(call, "unrescue", NULL);
}

/* ---- the task ---- */

bool power_prepare(struct call *call, const struct task *task, struct json_out *out) {
    const struct power *power = power_of_task(call, task);
    struct compute_server *server;
    bool ok;

    if (!power || !server_of_task(call, task, &server) || !server) {
        return false;
    }
    json_map(out);
    ok = document_write(call, server, out);
    json_put_text(out, "action", power->host_action);
    json_map_end(out);
    return ok;
}

bool power_done(struct call *call, const struct task *task, const struct json *result) {
    const struct power *power = power_of_task(call, task);
    struct compute_server *server;

    if (!power || !server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    if (!*power->to) {      /* a step of something longer */
        server->power_state = json_get_int(result, "power_state", server->power_state);
        return server_save(call, server);
    }
    event_note(call, arena_printf(call->arena, "server.%s", power->name), server->id);
    return server_settle(call, server, power->to, result);
}

bool power_failed(struct call *call, const struct task *task, const char *cause) {
    const struct power *power = power_of_task(call, task);
    struct compute_server *server;

    if (!power || !server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    if (!*power->to && !task_cancel(call, server->id, NULL)) {
        return false;
    }
    return server_fail(call, server, power->on_failure, 500, cause);
}
