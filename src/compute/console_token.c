/* SPDX-License-Identifier: Apache-2.0
 * Console tokens: made for a user, spent by the WebSocket that shows the display. */
#include "compute/console_token.h"

#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/id.h"
#include "compute/types.h"
#include "rest/cloud.h"

enum { TOKEN_SECONDS = 600, ASK_MS = 10000 };

static const char *token_key(struct call *call, const char *token) {
    return digest_of(call->arena, "sha256", token, strlen(token));
}

/* The server may have gone while its host was asked. */
static bool store(struct call *call, void *user) {
    const struct compute_console_token *row = user;

    if (!call_count(call, "SELECT count(*) FROM compute_server WHERE id = ? AND deleted = 0",
                    SQL_ARGS(sql_text(row->server_id)))) {
        return fail(call, 404, "Instance %s could not be found.", row->server_id);
    }
    return call_exec(call, "DELETE FROM compute_console_token WHERE expires_at < ?", SQL_ARGS(sql_int(clock_now()))) &&
           row_insert(call, &resource_compute_console_token, user);
}

/* SCHEME://AUTHORITY of a URL. */
static const char *origin_of(struct call *call, const char *url) {
    const char *authority = strstr(url, "://");

    return !authority ? url : arena_text_size(call->arena, url, (size_t)(authority + 3 - url) + strcspn(authority + 3, "/?#"));
}

/* The page that opens the console; noVNC takes the WebSocket's path from the argument. */
static const char *console_url(struct call *call, const char *token) {
    const char *page = conf_text(cloud.conf, "compute", "novnc_url", NULL);

    if (!page) {
        page = arena_printf(call->arena, "%s/console/vnc_auto.html", call_base_url(call));
    }
    return arena_printf(call->arena, "%s?path=console%%2Fwebsockify%%3Ftoken%%3D%s", page, token);
}

bool console_display(struct call *call, const char *server_id, const char *host, const char **ret_host, int64_t *ret_port) {
    const struct json *display;

    if (!cloud_ask_host(call, host, "compute.vnc", server_id, NULL, ASK_MS, &display)) {
        return false;
    }
    *ret_host = json_get_text(display, "host");
    *ret_port = json_get_int(display, "port", 0);
    return (*ret_host && *ret_port > 0) || fail(call, 404, "The console of instance %s is not available.", server_id);
}

bool console_token_make(struct call *call, const char *server_id, const char *host, const char *type,
                        const char **ret_url) {
    const char *token = id_uuid(call->arena);
    struct compute_console_token row = {.id = token_key(call, token), .server_id = server_id, .type = type};

    if (strcmp(type, "novnc") != 0) {
        return fail(call, 400, "Unavailable console type %s.", type);
    }
    if (!console_display(call, server_id, host, &row.host, &row.port)) {
        return false;
    }
    row.expires_at = clock_now() + conf_int(cloud.conf, "compute", "console_token_seconds", TOKEN_SECONDS) * SECOND;
    *ret_url = console_url(call, token);
    row.origin = origin_of(call, *ret_url);
    return call_transaction(call, DB_WRITE, store, &row);
}

bool console_tokens_drop(struct call *call, const char *server_id) {
    return call_exec(call, "DELETE FROM compute_console_token WHERE server_id = ?", SQL_ARGS(sql_text(server_id)));
}

bool console_token_find(struct call *call, const char *token, struct compute_console_token **ret_row) {
    return row_first(call, &resource_compute_console_token,
                     "id = ? AND expires_at > ? AND EXISTS (SELECT 1 FROM compute_server WHERE compute_server.id ="
                     " compute_console_token.server_id AND"
                     " compute_server.deleted = 0)",
                     SQL_ARGS(sql_text(token_key(call, token)), sql_int(clock_now())), ret_row);
}

bool compute_console_token_show(struct call *call) {
    struct compute_console_token *row;

    if (!console_token_find(call, call_parameter(call, "token"), &row)) {
        return false;
    }
    if (!row) {
        return fail(call, 404, "Token not found");
    }
    if (call->minor < 31 && strcmp(row->type, "rdp-html5") != 0) {
        return fail(call, 401, "The requested console type details are not accessible");
    }
    json_map(&call->out);
    json_key(&call->out, "console");
    json_map(&call->out);
    json_put_text(&call->out, "instance_uuid", row->server_id);
    json_put_text(&call->out, "host", row->host);
    json_put_int(&call->out, "port", row->port);
    json_put_null(&call->out, "internal_access_path");
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}
