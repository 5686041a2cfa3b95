/* SPDX-License-Identifier: Apache-2.0
 * Containers as web sites: index pages, listings as HTML, pages for errors. For who comes without a token, or says
 * X-Web-Mode: true. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "object_store/swift_parts.h"
#include "object_store/xml.h"

static const char *setting(const struct swift *sw, const char *name) {
    const char *value = store_meta_get(&sw->found.container.meta, name);

    return value && *value ? value : NULL;
}

static bool ends_with_slash(const struct swift *sw) {
    const char *path = sw->http->raw_path;

    return *path && path[strlen(path) - 1] == '/';
}

static enum store_result find(struct swift *sw, const char *name) {
    struct store_find find = {.account = sw->account, .container = sw->container, .name = name, .version = STORE_CURRENT,
                              .want_bytes = sw->http->method == HTTP_GET};

    return store_find(sw->arena, &find, &sw->found);
}

/* ---- listings ---- */

struct web_page {
    struct swift *sw;
    const char *prefix;
    size_t count;
};

static void write_link(struct web_page *page, const char *name, const char *kind) {
    struct buf *out = &page->sw->http->response.body;

    name += strlen(page->prefix);
    buf_printf(out, "<tr class=\"item %s\"><td class=\"colname\"><a href=\"%s", kind, *name == '/' ? "./" : "");
    http_encode(out, name, "/");
    BUF_LITERAL(out, "\">");
    xml_escape(out, name);
    BUF_LITERAL(out, "</a></td>");
    page->count++;
}

static bool on_object(void *user, const struct store_object *object) {
    struct web_page *page = user;
    char time[TIME_TEXT_SIZE];

    write_link(page, object->name, "object");
    buf_printf(&page->sw->http->response.body, "<td class=\"colsize\">%" PRId64 "</td><td class=\"coldate\">%s</td></tr>\n",
               object->size, time_print(object->modified / SECOND * SECOND, TIME_SPACE, time));
    return true;
}

static bool on_common(void *user, const char *name) {
    write_link(user, name, "subdir");
    BUF_LITERAL(&((struct web_page *)user)->sw->http->response.body, "<td></td><td></td></tr>\n");
    return true;
}

/* A name in the container, an absolute path, or a URL. */
static void write_css(struct buf *out, const char *css, const char *prefix) {
    if (strstr(css, "://") || *css == '/') {
        xml_escape(out, css);
        return;
    }
    for (const char *at = prefix; (at = strchr(at, '/')) != NULL; at++) {
        BUF_LITERAL(out, "../");
    }
    http_encode(out, css, "/");
}

static bool list(struct swift *sw, const char *prefix) {
    struct web_page page = {sw, prefix, 0};
    struct store_list walk = {.account = sw->account, .container = sw->container, .prefix = prefix, .delimiter = "/",
                              .limit = LISTING_LIMIT, .on_object = on_object, .on_common = on_common, .user = &page};
    const char *css = setting(sw, "meta-web-listings-css");
    struct buf *out = &sw->http->response.body;

    BUF_LITERAL(out, "<!DOCTYPE html>\n<html><head><title>Listing of ");
    xml_escape(out, sw->http->path);
    BUF_LITERAL(out, "</title>\n");
    if (css) {
        BUF_LITERAL(out, "<link rel=\"stylesheet\" type=\"text/css\" href=\"");
        write_css(out, css, prefix);
        BUF_LITERAL(out, "\" />\n");
    }
    BUF_LITERAL(out, "</head><body><h1 id=\"title\">Listing of ");
    xml_escape(out, sw->http->path);
    BUF_LITERAL(out, "</h1>\n<table id=\"listing\">\n<tr id=\"heading\"><th class=\"colname\">Name</th>"
                     "<th class=\"colsize\">Size</th><th class=\"coldate\">Date</th></tr>\n");
    if (*prefix) {
        BUF_LITERAL(out, "<tr id=\"parent\" class=\"item\"><td class=\"colname\"><a href=\"../\">../</a></td><td></td><td></td>"
                         "</tr>\n");
    }
    if (store_list(sw->arena, &walk, NULL) != STORE_OK || (*prefix && !page.count)) {
        buf_clear(out);
        return false;
    }
    BUF_LITERAL(out, "</table></body></html>\n");
    swift_header(sw, "Content-Type", "text/html; charset=UTF-8");
    sw->http->response.status = 200;
    return true;
}

/* ---- pages ---- */

static bool give(struct swift *sw, const char *name) {
    if (find(sw, name) != STORE_OK) {
        return false;
    }
    sw->looked = STORE_OK;
    sw->object = name;
    sw->depth = DEPTH_OBJECT;
    swift_object_get(sw->call);
    return true;
}

/* The name of the object that stands for an error: one for each status, or (as S3's API sets it) one for all; null: none. */
static const char *error_page(struct swift *sw, int status) {
    const char *each = setting(sw, "meta-web-error");

    return each ? arena_printf(sw->arena, "%d%s", status, each) : setting(sw, STORE_WEB_ERROR);
}

/* The container's page for a status, or the plain answer. */
static bool give_error(struct swift *sw, int status) {
    const char *page = error_page(sw, status);

    if (page && find(sw, page) == STORE_OK && sw->found.object.bytes &&
        !sw->found.damaged && !store_meta_get(&sw->found.object.meta, STORE_CUSTOMER_KEY)) {
        swift_header(sw, "Content-Type", "%s", sw->found.object.type);
        buf_put(&sw->http->response.body, sw->found.object.bytes, (size_t)sw->found.object.size);
        sw->http->response.status = status;
        return true;
    }
    return status == 401 || status == 403 ? swift_denied(sw) : swift_status(sw, status);
}

static bool add_slash(struct swift *sw) {
    swift_header(sw, "Location", "%s%s/", call_base_url(sw->call), sw->http->raw_path);
    return swift_status(sw, 301);
}

static bool lists(struct swift *sw) {
    return swift_is_true(setting(sw, "meta-web-listings"));
}

/* Who may read single objects need not know which there are. */
static bool may_list(struct swift *sw) {
    return swift_rights(sw, sw->account, &sw->found.container) & SWIFT_LISTS;
}

/* A directory, whose name ends with a slash (or the container's root): its index, else its listing. */
static bool give_directory(struct swift *sw, const char *prefix) {
    const char *index = setting(sw, "meta-web-index");

    if (index && give(sw, arena_printf(sw->arena, "%s%s", prefix, index))) {
        return true;
    }
    if (lists(sw) && !may_list(sw)) {
        return give_error(sw, sw->call->caller.user_id ? 403 : 401);
    }
    return (lists(sw) && list(sw, prefix)) || give_error(sw, 404);
}

static bool take_first(void *user, const struct store_object *object) {
    *(bool *)user = true;
    return false;
}

/* True when names lie below "name/". */
static bool is_directory(struct swift *sw) {
    bool found = false;
    struct store_list walk = {.account = sw->account, .container = sw->container, .limit = 1, .on_object = take_first,
                              .prefix = arena_printf(sw->arena, "%s/", sw->object), .user = &found};

    return store_list(sw->arena, &walk, NULL) == STORE_OK && found;
}

/* Some clients put an object without bytes where a directory is to be. */
static bool marks_directory(const struct swift *sw) {
    const char *type = setting(sw, "meta-web-directory-type");

    return sw->found.object.size <= 1 && !strcmp(sw->found.object.type, type ? type : "application/directory");
}

bool swift_web_denied(struct swift *sw) {
    bool web = sw->container && error_page(sw, 401) &&
               (sw->http->method == HTTP_GET || sw->http->method == HTTP_HEAD);

    return web && sw->looked != STORE_FAILED && give_error(sw, sw->call->caller.user_id ? 403 : 401);
}

bool swift_web(struct swift *sw) {
    const char *mode = swift_request_header(sw, "X-Web-Mode");
    bool index = setting(sw, "meta-web-index"), listings = lists(sw), error = error_page(sw, 404);

    if (sw->depth == DEPTH_CONTAINER && !index && !listings && swift_is_true(mode)) {
        return sw->looked == STORE_OK && give_error(sw, 404);
    }
    if (sw->depth == DEPTH_ACCOUNT || (sw->call->caller.user_id && !swift_is_true(mode)) || sw->looked == STORE_NO_CONTAINER ||
        (!index && !listings && !error)) {
        return false;
    }
    if (sw->depth == DEPTH_CONTAINER) {
        return (index || listings) && (ends_with_slash(sw) ? give_directory(sw, "") : add_slash(sw));
    }
    if (sw->looked == STORE_OK && !marks_directory(sw)) {
        return false;
    }
    if (sw->object[strlen(sw->object) - 1] == '/') {
        return give_directory(sw, sw->object);
    }
    return (index || listings) && may_list(sw) && is_directory(sw) ? add_slash(sw) : give_error(sw, 404);
}
