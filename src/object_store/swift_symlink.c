/* SPDX-License-Identifier: Apache-2.0
 * Symbolic links: objects that stand for another, whatever it is (dynamic) or only as long as it is the same (static). */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "object_store/swift_parts.h"

enum { MAX_HOPS = 2 };

static bool names_type(const struct swift *sw) {
    const char *type = swift_request_header(sw, "Content-Type");

    return type && *type;
}

/* A target in "account", unless it says another, as clients write it. */
static const char *path_of(struct swift *sw, const char *account, const char *target) {
    return arena_printf(sw->arena, "/v1/%s%s", *target == '/' ? http_encoded(sw->arena, account, "/") : "",
                        http_encoded(sw->arena, target, "/"));
}

/* "account/container/object" in its parts; without an account it is the one that the link lies in. */
static bool split_target(struct swift *sw, const char *target, const char **account, struct store_find *find) {
    const char *slash = target ? strchr(target, '/') : NULL;

    if (!slash) {
        return false;
    }
    if (slash > target) {
        *account = arena_text_size(sw->arena, target, (size_t)(slash - target));
    }
    find->account = *account;
    return swift_split_path(sw->arena, slash, &find->container, &find->name);
}

static bool broken(struct swift_link *link, int status, const char *why) {
    link->status = status;
    link->why = why;
    return false;
}

static bool answer_broken(struct swift *sw, const struct swift_link *link) {
    if (link->status == 403) {
        swift_denied(sw);
    } else if (link->why) {
        swift_error(sw, link->status, "%s", link->why);
    } else {
        swift_status(sw, link->status);
    }
    return false;
}

/* One step: to what the link stands for. */
static bool hop(struct swift *sw, const char **account, struct store_found *found, struct swift_link *link) {
    const char *target = store_meta_get(&found->object.meta, "sys-symlink");
    struct store_find find = {.version = STORE_CURRENT, .want_bytes = swift_wants_bytes(sw)};
    enum store_result result;

    if (!split_target(sw, target, account, &find)) {
        return broken(link, 404, NULL);
    }
    link->location = path_of(sw, *account, target);
    result = store_find(sw->arena, &find, found);
    if (result == STORE_FAILED) {
        return broken(link, 503, NULL);
    }
    if (!swift_may(sw, find.account, &found->container, false)) {
        return broken(link, 403, NULL);
    }
    return result == STORE_OK || broken(link, 404, NULL);
}

bool swift_symlink_resolve(struct swift *sw, const char **account, struct store_found *found, const char *etag, bool dynamic,
                           struct swift_link *ret) {
    *ret = (struct swift_link){0};
    for (int hops = 0; found->object.kind == STORE_LINK; hops++) {
        const char *next = store_meta_get(&found->object.meta, "sys-symlink-etag");

        if (!next && !dynamic) {
            break;
        }
        if (etag && next && strcasecmp(etag, next) != 0) {
            return broken(ret, 409, "Two links on the way ask for different ETags of their target.");
        }
        if (etag && !next && strcasecmp(etag, found->object.etag) != 0) {
            break;
        }
        if (hops == MAX_HOPS) {
            return broken(ret, 409, arena_printf(sw->arena, "Too many levels of symbolic links, maximum allowed is %d", MAX_HOPS));
        }
        etag = next;
        if (!hop(sw, account, found, ret)) {
            return false;
        }
    }
    return !etag || !strcasecmp(etag, found->object.etag) ||
           broken(ret, 409, arena_printf(sw->arena, "Object Etag '%s' does not match X-Symlink-Target-Etag header '%.64s'",
                                         found->object.etag, etag));
}

/* A static link: its target must be there and be the one that is meant. The link notes what it was. */
static bool read_static(struct swift *sw, const char *account, const char *container, const char *name, const char *etag) {
    struct store_find find = {.account = account, .container = container, .name = name, .version = STORE_CURRENT};
    struct store_meta *meta = &sw->change.object.meta;
    const struct store_object *target;
    struct store_found found;
    struct swift_link link = {.status = 409, .why = "X-Symlink-Target does not exist"};
    enum store_result result = store_find(sw->arena, &find, &found);

    if (result == STORE_FAILED) {
        return swift_failed(sw, result), false;
    }
    if (!swift_may(sw, account, &found.container, false)) {
        return swift_denied(sw), false;
    }
    if (result != STORE_OK || !swift_symlink_resolve(sw, &account, &found, etag, false, &link)) {
        if (link.status == 404) {
            broken(&link, 409, "X-Symlink-Target does not exist");
        }
        return answer_broken(sw, &link);
    }
    target = &found.object;
    store_meta_set(sw->arena, meta, "sys-symlink-bytes", arena_printf(sw->arena, "%" PRId64, swift_size(target)));
    if (target->kind == STORE_MANIFEST) {
        store_meta_set(sw->arena, meta, "sys-slo-etag", store_meta_get(&target->meta, "sys-slo-etag"));
    }
    if (!names_type(sw)) {
        sw->change.object.type = target->type;
    }
    return true;
}

bool swift_symlink_read(struct swift *sw) {
    const char *target = swift_request_header(sw, "X-Symlink-Target");
    const char *account = swift_request_header(sw, "X-Symlink-Target-Account");
    const char *etag = swift_request_header(sw, "X-Symlink-Target-Etag"), *decoded, *container, *name;
    struct store_meta *meta = &sw->change.object.meta;
    bool given;

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
    given = account && *account;
    account = given ? account : sw->account;
    if (strchr(account, '/')) {
        return swift_error(sw, 412, "Account name cannot contain slashes"), false;
    }
    if (!strcmp(account, sw->account) && !strcmp(container, sw->container) && !strcmp(name, sw->object)) {
        return swift_error(sw, 400, "Symlink cannot target itself"), false;
    }
    etag = etag ? swift_plain_etag(sw->arena, etag) : NULL;
    if (etag && strpbrk(etag, ";\"\\")) {
        return swift_error(sw, 400, "Bad X-Symlink-Target-Etag format"), false;
    }
    if (!etag && !names_type(sw)) {
        sw->change.object.type = "application/symlink";
    }
    if (etag && sw->stamp) {
        store_meta_set(sw->arena, meta, "sys-symlink-bytes", swift_request_header(sw, "X-Symlink-Target-Bytes"));
    } else if (etag && !read_static(sw, account, container, name, etag)) {
        return false;
    }
    sw->change.object.kind = STORE_LINK;
    store_meta_set(sw->arena, meta, "sys-symlink", arena_printf(sw->arena, "%s/%s/%s", given ? account : "", container, name));
    store_meta_set(sw->arena, meta, "sys-symlink-etag", etag);
    return true;
}

bool swift_symlink_follow(struct swift *sw, const char **account, struct store_found *found) {
    struct swift_link link;
    bool ok = swift_symlink_resolve(sw, account, found, NULL, true, &link);

    if (link.location && (sw->http->method == HTTP_GET || sw->http->method == HTTP_HEAD)) {
        swift_header(sw, "Content-Location", "%s", link.location);
    }
    return ok || answer_broken(sw, &link);
}

void swift_symlink_move(struct swift *sw, struct store_meta *meta) {
    const char *account = swift_request_header(sw, "X-Symlink-Target-Account"), *target = store_meta_get(meta, "sys-symlink");

    if (account && *account && target && !strchr(account, '/')) {
        store_meta_set(sw->arena, meta, "sys-symlink", arena_printf(sw->arena, "%s%s", account, strchr(target, '/')));
    }
}

void swift_symlink_headers(struct swift *sw, const struct store_object *object) {
    const char *target = store_meta_get(&object->meta, "sys-symlink"), *slash = target ? strchr(target, '/') : NULL;
    const char *etag = store_meta_get(&object->meta, "sys-symlink-etag");
    const char *bytes = store_meta_get(&object->meta, "sys-symlink-bytes");

    if (!slash) {
        return;
    }
    swift_header(sw, "X-Symlink-Target", "%s", http_encoded(sw->arena, slash + 1, "/"));
    if (slash > target) {
        swift_header(sw, "X-Symlink-Target-Account", "%.*s", (int)(slash - target), target);
    }
    if (etag) {
        swift_header(sw, "X-Symlink-Target-Etag", "%s", etag);
    }
    if (bytes) {
        swift_header(sw, "X-Symlink-Target-Bytes", "%s", bytes);
    }
}

bool swift_symlink_redirect(struct swift *sw) {
    const struct store_meta *meta = &sw->found.object.meta;
    const char *target = store_meta_get(meta, "sys-symlink"), *etag = store_meta_get(meta, "sys-symlink-etag");

    swift_header(sw, "Location", "%s%s", sw->call->service->prefix, path_of(sw, sw->account, target));
    if (etag) {
        swift_header(sw, "X-Symlink-Target-Etag", "%s", etag);
    }
    return swift_error(sw, 307, "The link itself has the new metadata now; what it stands for is at Location.");
}
