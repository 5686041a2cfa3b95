/* SPDX-License-Identifier: Apache-2.0
 * What only the host knows of a running server: its console, its display, how it is doing. The host is asked while no
 * transaction is open. */
#include <string.h>

#include "compute/console_token.h"
#include "compute/server.h"
#include "rest/cloud.h"

enum { ASK_MS = 10000 };

static bool on_host(struct call *call, const struct compute_server *server) {
    return server->host || fail(call, 409, "Instance %s is not ready", server->id);
}

/* The last 'lines' pieces between line ends, as Nova counts: a line end at the very end is followed by an empty piece. */
static const char *tail_of(const char *text, int64_t lines) {
    const char *at = text + strlen(text);

    for (; at > text; at--) {
        if (at[-1] == '\n' && --lines <= 0) {
            break;
        }
    }
    return at;
}

bool compute_server_console_output(struct call *call) {
    const struct compute_console_output *input = call->input;
    const struct compute_server *server = call->row;
    int64_t lines = input->length == NO_INT || input->length < 0 ? 0 : input->length;
    const struct json *result;
    const char *text;

    if (!strcmp(server->vm_state, "building")) {
        return fail(call, 409, "Instance %s is not ready", server->id);
    }
    if (!on_host(call, server) ||
        !cloud_ask_host(call, server->host, "compute.console_log", server->id,
                        arena_printf(call->arena, "{\"lines\": %lld}", (long long)lines), ASK_MS, &result)) {
        return false;
    }
    text = json_get_text(result, "output");
    json_map(&call->out);
    json_put_text(&call->out, "output", !text || input->length == 0 ? "" : lines ? tail_of(text, lines) : text);
    json_map_end(&call->out);
    return true;
}

static bool console_url(struct call *call, const char *type, const char **ret_url) {
    const struct compute_server *server = call->row;

    if (!word_in("active|paused|rescued|resized|suspended", server->vm_state)) {
        return fail(call, 409, "Instance %s is not ready", server->id);
    }
    return on_host(call, server) && console_token_make(call, server->id, server->host, type, ret_url);
}

bool compute_server_get_console(struct call *call) {
    const struct compute_console_type *input = call->input;
    const char *url;

    if (!console_url(call, input->type, &url)) {
        return false;
    }
    call->status = 200;
    json_map(&call->out);
    json_key(&call->out, "console");
    json_map(&call->out);
    json_put_text(&call->out, "type", input->type);
    json_put_text(&call->out, "url", url);
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_server_remote_console(struct call *call) {
    const struct compute_remote_console *input = call->input;
    const char *url;

    if (!console_url(call, input->type, &url)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "remote_console");
    json_map(&call->out);
    json_put_text(&call->out, "protocol", input->protocol);
    json_put_text(&call->out, "type", input->type);
    json_put_text(&call->out, "url", url);
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

/* From 2.48 on as the host tells it; before, the same numbers under the names of the libvirt driver. */
static void put_old_diagnostics(struct call *call, const struct json *result) {
    const struct json *memory = json_get(result, "memory_details");
    size_t n = 0;

    json_map(&call->out);
    json_put_int(&call->out, "memory", json_get_int(memory, "maximum", 0) * 1024);
    for (JSON_EACH(cpu, json_get(result, "cpu_details"))) {
        json_put_int(&call->out, arena_printf(call->arena, "cpu%zu_time", n++), json_get_int(cpu, "time", 0));
    }
    n = 0;
    for (JSON_EACH(disk, json_get(result, "disk_details"))) {
        char letter = (char)('a' + n++ % 26);

        json_put_int(&call->out, arena_printf(call->arena, "vd%c_read", letter), json_get_int(disk, "read_bytes", 0));
        json_put_int(&call->out, arena_printf(call->arena, "vd%c_read_req", letter),
                     json_get_int(disk, "read_requests", 0));
        json_put_int(&call->out, arena_printf(call->arena, "vd%c_write", letter), json_get_int(disk, "write_bytes", 0));
        json_put_int(&call->out, arena_printf(call->arena, "vd%c_write_req", letter),
                     json_get_int(disk, "write_requests", 0));
        json_put_int(&call->out, arena_printf(call->arena, "vd%c_errors", letter),
                     json_get_int(disk, "errors_count", -1));
    }
    json_map_end(&call->out);
}

bool compute_server_diagnostics(struct call *call) {
    const struct compute_server *server = call->row;
    const struct json *result;

    if (strcmp(server->vm_state, "active") != 0) {
        return fail(call, 409, "Cannot 'get_diagnostics' instance %s while it is in vm_state %s", server->id,
                    server->vm_state);
    }
    if (!on_host(call, server) ||
        !cloud_ask_host(call, server->host, "compute.diagnostics", server->id, NULL, ASK_MS, &result)) {
        return false;
    }
    if (call->minor < 48) {
        put_old_diagnostics(call, result);
    } else {
        json_tree(&call->out, result);
    }
    return true;
}
