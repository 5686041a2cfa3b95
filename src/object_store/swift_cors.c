/* SPDX-License-Identifier: Apache-2.0
 * Cross-origin requests of browsers: what a container allows, and what a preflight is told. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/words.h"
#include "object_store/swift_parts.h"

/* True when the container's list (separated by spaces) has the origin. */
static bool origin_allowed(const char *list, const char *origin) {
    size_t size = strlen(origin);

    while (list && *list) {
        size_t item;

        list += strspn(list, " ");
        item = strcspn(list, " ");
        if ((item == 1 && *list == '*') || (item == size && !strncasecmp(list, origin, size))) {
            return true;
        }
        list += item;
    }
    return false;
}

/* Null when there is none; an empty one is none. */
static const char *origin_of(const struct swift *sw) {
    const char *origin = swift_request_header(sw, "Origin");

    return origin && *origin ? origin : NULL;
}

static const char *allowed_list(const struct swift *sw) {
    return store_meta_get(&sw->found.container.meta, "meta-access-control-allow-origin");
}

/* Only a container that allows all says so; others name the one that asked. */
static bool allows_all(const char *list) {
    list += strspn(list, " ");
    return *list == '*' && !list[1 + strspn(list + 1, " ")];
}

/* The names of a list separated by spaces, in lower case, each with a comma before it. */
static const char *more_names(struct arena *arena, const char *list) {
    char *lower = arena_text(arena, list);
    const char *names = "", *word;
    size_t size;

    for (char *at = lower; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    for (list = lower; words_next(&list, &word, &size);) {
        names = arena_printf(arena, "%s, %.*s", names, (int)size, word);
    }
    return names;
}

void swift_cors_headers(struct swift *sw) {
    const char *origin = origin_of(sw), *list = allowed_list(sw);
    const char *expose = store_meta_get(&sw->found.container.meta, "meta-access-control-expose-headers");
    const char *names = "cache-control, content-language, content-type, expires, last-modified, pragma, etag, x-timestamp,"
                        " x-trans-id, x-openstack-request-id";

    if (!origin || !list || !origin_allowed(list, origin) || sw->http->method == HTTP_OPTIONS) {
        return;
    }
    for (size_t i = 0; i < sw->http->response.header_count; i++) {
        const char *name = sw->http->response.headers[i].name;

        if (!strncasecmp(name, "X-Object-Meta-", 14) || !strncasecmp(name, "X-Container-Meta-", 17)) {
            names = arena_printf(sw->arena, "%s%s", names, more_names(sw->arena, name));
        }
    }
    swift_header(sw, "Access-Control-Allow-Origin", "%s", allows_all(list) ? "*" : origin);
    swift_header(sw, "Access-Control-Expose-Headers", "%s%s", names, expose ? more_names(sw->arena, expose) : "");
    if (!allows_all(list)) {
        swift_header(sw, "Vary", "Origin");
    }
}

const char *swift_methods(const struct swift *sw) {
    return sw->depth == DEPTH_OBJECT ? "HEAD, GET, PUT, POST, COPY, OPTIONS, DELETE" : "HEAD, GET, PUT, POST, OPTIONS, DELETE";
}

bool swift_cors_preflight(struct swift *sw) {
    const char *origin = origin_of(sw), *list = allowed_list(sw);
    const char *method = swift_request_header(sw, "Access-Control-Request-Method");
    const char *headers = swift_request_header(sw, "Access-Control-Request-Headers");
    const char *age = store_meta_get(&sw->found.container.meta, "meta-access-control-max-age");
    const char *methods = swift_methods(sw);

    swift_header(sw, "Allow", "%s", methods);
    if (!origin || sw->depth == DEPTH_ACCOUNT) {
        return swift_status(sw, 200);
    }
    if (!method || !words_have(methods, method) || !list || !origin_allowed(list, origin)) {
        return swift_status(sw, 401);
    }
    swift_header(sw, "Access-Control-Allow-Origin", "%s", allows_all(list) ? "*" : origin);
    swift_header(sw, "Access-Control-Allow-Methods", "%s", methods);
    if (headers && *headers) {
        swift_header(sw, "Access-Control-Allow-Headers", "%s", headers);
    }
    if (!allows_all(list) || (headers && *headers)) {
        swift_header(sw, "Vary", "%s%s%s", allows_all(list) ? "" : "Origin", !allows_all(list) && headers && *headers ? ", " : "",
                     headers && *headers ? "Access-Control-Request-Headers" : "");
    }
    if (age) {
        swift_header(sw, "Access-Control-Max-Age", "%s", age);
    }
    return swift_status(sw, 200);
}
