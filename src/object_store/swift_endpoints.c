/* SPDX-License-Identifier: Apache-2.0
 * Where an account, a container or an object is: /endpoints/[v1/|v2/]ACCOUNT[/CONTAINER[/OBJECT]], as Swift's list_endpoints
 * answers it for whoever wants to work near the bytes. They are all here, so the one place is the object's own URL. It asks
 * for no token; therefore it is off unless [object_store] list_endpoints is on. */
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "object_store/swift_parts.h"
#include "rest/cloud.h"

/* "1", "2", with what may stand around the digit: "v1.0". 0: an account's name; -1: a version that there is not. */
static int version_of(const char *text, size_t size) {
    static const struct {
        const char *text;
        int version;
    } known[] = {{"1", 1}, {"1.0", 1}, {"2", 2}, {"2.0", 2}};
    size_t letter = size && *text == 'v';

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].text) == size - letter && !strncmp(text + letter, known[i].text, size - letter)) {
            return known[i].version;
        }
    }
    return letter && !memchr(text, '_', size) ? -1 : 0;
}

/* The number of the container's storage policy as a header of v2; null without an object. */
static const char *policy_of(struct call *call, const char *path) {
    size_t account = strcspn(path, "/"), container = path[account] ? strcspn(path + account + 1, "/") : 0;
    const char *rest = path + account + 1 + container;
    struct store_find find = {.no_counts = true};
    struct store_found found;

    if (!container || !*rest || !rest[1]) {
        return NULL;
    }
    find.account = http_decode(call->arena, path, account, false);
    find.container = http_decode(call->arena, path + account + 1, container, false);
    return find.account && find.container && store_find(call->arena, &find, &found) == STORE_OK
               ? arena_printf(call->arena, "%d", found.container.policy) : "0";
}

static void write_endpoints(struct call *call, const char *path, int version) {
    struct json_out *out = &call->out;
    const char *policy = policy_of(call, path);

    if (version == 2) {
        json_map(out);
        json_key(out, "endpoints");
    }
    json_list(out);
    json_text(out, arena_printf(call->arena, "%s/object-store/v1/%s", call_base_url(call), path));
    json_list_end(out);
    if (version == 2) {
        json_key(out, "headers");
        json_map(out);
        if (policy) {
            json_put_text(out, "X-Backend-Storage-Policy-Index", policy);
        }
        json_map_end(out);
        json_map_end(out);
    }
}

bool swift_endpoints(struct call *call) {
    const char *path = call->http->raw_path + strlen("/endpoints/");
    size_t first = strcspn(path, "/");
    int version = version_of(path, first);

    if (!conf_bool(cloud.conf, "object_store", "list_endpoints", false)) {
        return fail(call, 404, "Places of objects are not told here.");
    }
    if (version < 0) {
        return fail(call, 400, "There is no version \"%.*s\" of this answer.", (int)first, path);
    }
    if (version) {
        path += first + (path[first] == '/');
    }
    if (!*path || *path == '/') {
        return fail(call, 400, "The path names no account.");
    }
    call_header(call, "X-Trans-Id", call->request_id);
    write_endpoints(call, path, version ? version : 1);
    return true;
}
