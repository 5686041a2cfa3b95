/* SPDX-License-Identifier: Apache-2.0
 * Cross-origin requests of browsers: what a container allows, and what a preflight is told. */
#include <string.h>
#include <strings.h>

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

static const char *allowed_list(const struct swift *sw) {
    return store_meta_get(&sw->found.container.meta, "meta-access-control-allow-origin");
}

static const char *shown_origin(const char *list, const char *origin) {
    return strchr(list, '*') ? "*" : origin;
}

void swift_cors_headers(struct swift *sw) {
    const char *origin = swift_request_header(sw, "Origin"), *list = allowed_list(sw);
    const char *expose = store_meta_get(&sw->found.container.meta, "meta-access-control-expose-headers");
    const char *names = "cache-control, content-language, content-type, expires, last-modified, pragma, etag, x-timestamp,"
                        " x-trans-id, x-openstack-request-id";

    if (!origin || !list || !origin_allowed(list, origin)) {
        return;
    }
    for (size_t i = 0; i < sw->http->response.header_count; i++) {
        const char *name = sw->http->response.headers[i].name;

        if (!strncasecmp(name, "X-Object-Meta-", 14) || !strncasecmp(name, "X-Container-Meta-", 17)) {
            names = arena_printf(sw->arena, "%s, %s", names, name);
        }
    }
    swift_header(sw, "Access-Control-Allow-Origin", "%s", shown_origin(list, origin));
    swift_header(sw, "Access-Control-Expose-Headers", "%s%s%s", names, expose ? ", " : "", expose ? expose : "");
    if (!strchr(list, '*')) {
        swift_header(sw, "Vary", "Origin");
    }
}

bool swift_cors_preflight(struct swift *sw) {
    const char *origin = swift_request_header(sw, "Origin"), *list = allowed_list(sw);
    const char *method = swift_request_header(sw, "Access-Control-Request-Method");
    const char *headers = swift_request_header(sw, "Access-Control-Request-Headers");
    const char *age = store_meta_get(&sw->found.container.meta, "meta-access-control-max-age");
    const char *methods = sw->depth == DEPTH_OBJECT ? "HEAD, GET, PUT, POST, COPY, OPTIONS, DELETE"
                                                    : "HEAD, GET, PUT, POST, OPTIONS, DELETE";

    swift_header(sw, "Allow", "%s", methods);
    if (!origin) {
        return swift_status(sw, 200);
    }
    if (!method || !strstr(methods, method) || !list || !origin_allowed(list, origin)) {
        return swift_status(sw, 401);
    }
    swift_header(sw, "Access-Control-Allow-Origin", "%s", shown_origin(list, origin));
    swift_header(sw, "Access-Control-Allow-Methods", "%s", methods);
    if (headers) {
        swift_header(sw, "Access-Control-Allow-Headers", "%s", headers);
        swift_header(sw, "Vary", "Origin, Access-Control-Request-Headers");
    }
    if (age) {
        swift_header(sw, "Access-Control-Max-Age", "%s", age);
    }
    return swift_status(sw, 200);
}
