/* SPDX-License-Identifier: Apache-2.0
 * Symbolic links: objects that stand for another, whatever it is (dynamic) or only as long as it is the same (static). */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "object_store/swift_parts.h"

enum { MAX_HOPS = 2 };

static bool check_static(struct swift *sw, const char *account, const char *container, const char *name, const char *etag) {
    struct store_find find = {.account = account, .container = container, .name = name, .version = STORE_CURRENT};
    struct store_found found;
    const char *slo;

    if (store_find(sw->arena, &find, &found) != STORE_OK || !swift_may(sw, account, &found.container, false)) {
        return swift_error(sw, 409, "X-Symlink-Target does not exist"), false;
    }
    slo = store_meta_get(&found.object.meta, "sys-slo-etag");
    if (strcasecmp(etag, slo ? slo : found.object.etag) != 0) {
        return swift_error(sw, 409, "Object Etag \"%s\" does not match X-Symlink-Target-Etag header \"%.64s\"",
                           slo ? slo : found.object.etag, etag), false;
    }
    return true;
}

bool swift_symlink_read(struct swift *sw) {
    const char *target = swift_request_header(sw, "X-Symlink-Target");
    const char *account = swift_request_header(sw, "X-Symlink-Target-Account");
    const char *etag = swift_request_header(sw, "X-Symlink-Target-Etag"), *decoded, *container, *name;
    struct store_meta *meta = &sw->change.object.meta;

    if (!target) {
        return true;
    }
    decoded = http_decode(sw->arena, target, strlen(target), false);
    if (!decoded || *decoded == '/' || !swift_split_path(sw->arena, decoded, &container, &name)) {
        return swift_error(sw, 412, "X-Symlink-Target header must be of the form <container name>/<object name>"), false;
    }
    if (sw->http->content_length != 0) {
        return swift_error(sw, 400, "Symlink requests require a zero byte body"), false;
    }
    account = account && *account ? account : sw->account;
    if (strchr(account, '/')) {
        return swift_error(sw, 412, "Account name cannot contain slashes"), false;
    }
    if (!strcmp(account, sw->account) && !strcmp(container, sw->container) && !strcmp(name, sw->object)) {
        return swift_error(sw, 400, "Symlink cannot target itself"), false;
    }
    if (etag && !sw->stamp && !check_static(sw, account, container, name, etag)) {
        return false;
    }
    sw->change.object.kind = STORE_LINK;
    store_meta_set(sw->arena, meta, "sys-symlink", arena_printf(sw->arena, "%s/%s/%s", account, container, name));
    store_meta_set(sw->arena, meta, "sys-symlink-etag", etag);
    if (!swift_request_header(sw, "Content-Type")) {
        sw->change.object.type = "application/symlink";
    }
    return true;
}

static const char *encoded(struct swift *sw, const char *text) {
    struct buf buf = {0};
    const char *copy;

    http_encode(&buf, text, "/");
    copy = arena_text(sw->arena, buf.at ? buf.at : "");
    buf_release(&buf);
    return copy;
}

/* "account/container/object" in its parts. */
static bool split_target(struct swift *sw, const char *target, const char **account, struct store_find *find) {
    const char *slash = target ? strchr(target, '/') : NULL;

    if (!slash) {
        return false;
    }
    *account = find->account = arena_text_size(sw->arena, target, (size_t)(slash - target));
    return swift_split_path(sw->arena, slash, &find->container, &find->name);
}

bool swift_symlink_follow(struct swift *sw, const char **account, struct store_found *found) {
    for (int hops = 0; found->object.kind == STORE_LINK; hops++) {
        const char *target = store_meta_get(&found->object.meta, "sys-symlink");
        const char *etag = store_meta_get(&found->object.meta, "sys-symlink-etag"), *slo;
        struct store_find find = {.version = STORE_CURRENT, .want_bytes = sw->http->method == HTTP_GET};
        enum store_result result;

        if (hops == MAX_HOPS) {
            return swift_error(sw, 409, "Too many levels of symbolic links, maximum allowed is %d", MAX_HOPS), false;
        }
        if (!split_target(sw, target, account, &find)) {
            return swift_status(sw, 404), false;
        }
        result = store_find(sw->arena, &find, found);
        if (result == STORE_FAILED) {
            return swift_failed(sw, result), false;
        }
        /* A static link lends its own right to read. */
        if (!etag && !swift_may(sw, find.account, &found->container, false)) {
            return swift_denied(sw), false;
        }
        swift_header(sw, "Content-Location", "/v1/%s", encoded(sw, target));
        if (result != STORE_OK) {
            return swift_failed(sw, result), false;
        }
        slo = store_meta_get(&found->object.meta, "sys-slo-etag");
        if (etag && strcasecmp(etag, slo ? slo : found->object.etag) != 0) {
            return swift_error(sw, 409, "The target of the link changed."), false;
        }
    }
    return true;
}

void swift_symlink_headers(struct swift *sw, const struct store_object *object) {
    const char *target = store_meta_get(&object->meta, "sys-symlink"), *slash = target ? strchr(target, '/') : NULL;
    const char *etag = store_meta_get(&object->meta, "sys-symlink-etag");

    if (!slash) {
        return;
    }
    swift_header(sw, "X-Symlink-Target", "%s", encoded(sw, slash + 1));
    if (strncmp(target, sw->account, (size_t)(slash - target)) != 0 || sw->account[slash - target]) {
        swift_header(sw, "X-Symlink-Target-Account", "%.*s", (int)(slash - target), target);
    }
    if (etag) {
        swift_header(sw, "X-Symlink-Target-Etag", "%s", etag);
    }
}

bool swift_symlink_redirect(struct swift *sw) {
    const char *target = store_meta_get(&sw->found.object.meta, "sys-symlink");

    swift_header(sw, "Location", "%s%s/v1/%s", call_base_url(sw->call), sw->call->service->prefix, encoded(sw, target));
    return swift_error(sw, 307, "The requested POST was made to a symlink. POST directly to the target to apply its metadata.");
}
