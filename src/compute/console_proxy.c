/* SPDX-License-Identifier: Apache-2.0
 * The console proxy: noVNC's pages, and the WebSocket that joins a browser to a server's display. The token decides
 * which display; nothing else that the browser sends does. */
#include <fcntl.h>
#include <string.h>
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

/* Another site's page must not open a console with a token that it got hold of: a browser says where its page came
 * from. */
static bool origin_is_ours(struct call *call) {
    const char *origin = http_header(call->http, "Origin"), *host = http_header(call->http, "Host");
    const char *page = conf_text(cloud.conf, "compute", "novnc_url", NULL);
    const char *from = origin ? strstr(origin, "://") : NULL;

    if (!origin || (from && host && !strcmp(from + 3, host))) {
        return true;
    }
    return page && !strncmp(page, origin, strlen(origin)) && page[strlen(origin)] == '/';
}

static bool find_display(struct call *call, void *user) {
    const char *token = call_argument(call, "token");
    struct compute_console_token *row = NULL;

    if (token && !console_token_find(call, token, &row)) {
        return false;
    }
    *(const char **)user = row ? arena_printf(call->arena, "%s:%lld", row->host, (long long)row->port) : NULL;
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
    const char *display = NULL;

    if (!origin_is_ours(call)) {
        return fail(call, 403, "Origin header does not match this host.");
    }
    if (!call_transaction(call, DB_READ, find_display, &display)) {
        return false;
    }
    call->row = (void *)(uintptr_t)display;
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
