/* SPDX-License-Identifier: Apache-2.0
 * The console proxy: noVNC's pages, and the WebSocket that joins a browser to a server's display. The token decides
 * which display; nothing else that the browser sends does. */
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "compute/console_token.h"
#include "compute/types.h"
#include "http/websocket.h"
#include "rest/cloud.h"
#include "rest/dispatch.h"

LOG_MODULE("compute.console");

#define DEF "compute/console.paths"
#include "rest/declare_types.h"
#include "rest/declare_hooks.h"
#include "rest/declare_tables.h"
static const struct resource *const resources[] = {
#include "rest/declare_list.h"
    NULL};
#undef DEF

enum { CONNECT_MS = 5000 };

static const struct api_style style = {.write_error = error_keyed};

const struct service compute_console = {
    .type = "console",
    .name = "console",
    .description = "Consoles of servers",
    .prefix = "/console",
    .style = &style,
    .resources = resources,
};

/* ---- the WebSocket ---- */

/* What the browser came with: the token's row (null: not valid), its server's host, the display's address. */
struct visit {
    struct compute_console_token *token;
    const char *host, *display;
};

/* Another site's page must not open a console with a token that it got hold of: a browser says where its page came from,
 * and that must be the page that the token was given out for. What the browser believes to be our name does not count: a
 * page that has its own name resolve to our address has us for its host. */
static bool origin_is_ours(struct call *call, const struct visit *visit) {
    const char *origin = http_header(call->http, "Origin");

    return !origin || !visit->token || (visit->token->origin && !strcasecmp(origin, visit->token->origin));
}

static bool find_token(struct call *call, void *user) {
    const char *token = call_argument(call, "token");
    struct visit *visit = user;
    struct compute_server *server;

    *visit = (struct visit){0};
    if (token && !console_token_find(call, token, &visit->token)) {
        return false;
    }
    if (visit->token && row_find(call, &resource_compute_server, visit->token->server_id, &server)) {
        visit->host = server->host;
    }
    return !call->error;
}

/* Where the server's display is now: the token is for the server and not for a port, which may be another server's by now. */
static bool find_display(struct call *call, struct visit *visit) {
    const char *host;
    int64_t port;

    if (!visit->token || !visit->host) {
        return true;
    }
    if (!console_display(call, visit->token->server_id, visit->host, &host, &port)) {
        return false;
    }
    visit->display = arena_printf(call->arena, "%s:%lld", host, (long long)port);
    return true;
}

/* Without a display (a token that is not valid) the connection ends at once, which is what clients of Nova's proxy
 * know. */
static void join(struct http_request *request, int client, const void *extra, size_t extra_size) {
    const char *display = dispatch_call(request)->row;
    int backend = display ? websocket_connect(display, CONNECT_MS) : -1;

    if (backend < 0) {
        log_info("console %s", display ? "display does not answer" : "token is not valid");
        return;
    }
    websocket_proxy(client, extra, extra_size, backend);
    close(backend);
}

bool console_open(struct call *call) {
    struct visit visit;

    if (!call_transaction(call, DB_READ, find_token, &visit)) {
        return false;
    }
    if (!origin_is_ours(call, &visit)) {
        return fail(call, 403, "Origin header does not match this host.");
    }
    if (!find_display(call, &visit)) {
        return false;
    }
    call->row = (void *)(uintptr_t)visit.display;
    call->answered = true;
    if (websocket_accept(call->http, "binary")) {
        call->http->upgraded = join;
    }
    return true;
}

/* ---- noVNC's pages ---- */

static const char *content_type(const char *path) {
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"}, {".js", "text/javascript"}, {".css", "text/css"},
        {".json", "application/json"},         {".svg", "image/svg+xml"},  {".png", "image/png"},
        {".ico", "image/x-icon"},              {".woff", "font/woff"},     {".ttf", "font/ttf"},
        {".mp3", "audio/mpeg"},                {".oga", "audio/ogg"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++) {
        if (!strcmp(dot, types[i][0])) {
            return types[i][1];
        }
    }
    return "application/octet-stream";
}

/* Below its directory whatever the path says: no empty segment, none that begins with a dot. */
static bool path_is_good(const char *path) {
    return *path && *path != '/' && *path != '.' && !strstr(path, "//") && !strstr(path, "/.");
}

/* The package's files, else those that quickstart unpacked. */
static const char *novnc_default(struct call *call) {
    return access("/usr/share/novnc", R_OK) == 0 ? "/usr/share/novnc" : arena_printf(call->arena, "%s/novnc", cloud.data);
}

bool console_file(struct call *call) {
    const char *root = conf_text(cloud.conf, "compute", "novnc", novnc_default(call));
    const char *path = call_parameter(call, "path");
    struct stat status;
    int fd = -1;

    if (access(root, F_OK)) {
        return fail(call, 501, "noVNC is not installed here (package novnc).");
    }
    if (path_is_good(path)) {
        fd = open(arena_printf(call->arena, "%s/%s", root, path), O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode)) {
        if (fd >= 0) {
            close(fd);
        }
        return fail(call, 404, "There is no such page.");
    }
    call->answered = true;
    http_respond_file(call->http, fd, status.st_size, content_type(path));
    return true;
}
