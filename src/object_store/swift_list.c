/* SPDX-License-Identifier: Apache-2.0
 * Listings of accounts and containers as text, JSON or XML. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "object_store/swift_parts.h"
#include "object_store/xml.h"

enum { USUAL_ROW = 192 };          /* bytes of an object in a listing as JSON, when it is none of the long ones */

#define EMPTY_ETAG "d41d8cd98f00b204e9800998ecf8427e"    /* of no bytes */

struct listing {
    struct swift *sw;
    enum swift_format format;
    struct json_out out;
    const char *path;               /* ?path=: what is shown lies right below it */
    size_t count;
    bool versions;
};

/* ---- writing ---- */

static bool add_container(void *user, const struct store_container *container) {
    struct listing *listing = user;
    struct json_out *out = &listing->out;
    char modified[TIME_TEXT_SIZE];

    listing->count++;
    if (listing->format == SWIFT_PLAIN) {
        buf_printf(out->buf, "%s\n", container->name);
    } else if (listing->format == SWIFT_JSON) {
        json_map(out);
        json_put_text(out, "name", container->name);
        json_put_int(out, "count", container->objects);
        json_put_int(out, "bytes", container->bytes + container->old_bytes);
        json_key(out, "last_modified");
        json_time(out, container->modified, TIME_MICRO);
        json_map_end(out);
    } else {
        BUF_LITERAL(out->buf, "<container>");
        xml_member(out->buf, "name", container->name);
        buf_printf(out->buf, "<count>%" PRId64 "</count><bytes>%" PRId64 "</bytes>", container->objects,
                   container->bytes + container->old_bytes);
        xml_member(out->buf, "last_modified", time_print(container->modified, TIME_MICRO, modified));
        BUF_LITERAL(out->buf, "</container>");
    }
    return true;
}

/* Keys of ours, with nothing to escape: they are copied, not looked at, in each of thousands of rows. The first one begins
 * the row. */
#define FIRST_KEY(out, key) put_literal((out), (out)->follows ? ", {\"" key "\": " : "{\"" key "\": ")
#define NEXT_KEY(out, key) put_literal((out), ", \"" key "\": ")
static inline void put_literal(struct json_out *out, const char *text) {
    buf_text(out->buf, text);
    out->follows = false;
}

/* The current object of a container that keeps versions stands for the version that it is. */
static void put_version_link(struct listing *listing, const struct store_object *object) {
    struct swift *sw = listing->sw;
    const char *path = http_encoded(sw->arena, arena_printf(sw->arena, "/v1/%s/%s/%s", sw->account, sw->container, object->name), "/");

    json_put_text(&listing->out, "symlink_path",
                  arena_printf(sw->arena, "%s?version-id=%s", path, swift_version_text(sw->arena, object->version)));
    json_put_bool(&listing->out, "version_symlink", true);
}

/* What few objects have. */
static void json_more(struct listing *listing, const struct store_object *object) {
    struct json_out *out = &listing->out;
    const char *slo = store_meta_get(&object->meta, "sys-slo-etag");
    const char *link = store_meta_get(&object->meta, "sys-symlink");
    const char *bytes = store_meta_get(&object->meta, "sys-symlink-bytes");

    if (slo) {
        json_put_text(out, "slo_etag", arena_printf(listing->sw->arena, "\"%s\"", slo));
    }
    if (link) {
        json_put_text(out, "symlink_path", arena_printf(listing->sw->arena, "/v1/%s%s", *link == '/' ? listing->sw->account : "",
                                                        http_encoded(listing->sw->arena, link, "/")));
    }
    if (bytes) {
        json_put_text(out, "symlink_etag", store_meta_get(&object->meta, "sys-symlink-etag"));
        json_put_int(out, "symlink_bytes", strtoll(bytes, NULL, 10));
    }
    if (listing->versions) {
        json_put_text(out, "version_id", swift_version_text(listing->sw->arena, object->version));
        json_put_bool(out, "is_latest", object->latest);
    } else if (object->version) {
        put_version_link(listing, object);
    }
}

static void json_object(struct listing *listing, const struct store_object *object) {
    struct json_out *out = &listing->out;
    bool marker = object->kind == STORE_MARKER;

    FIRST_KEY(out, "name");
    json_text(out, object->name);
    NEXT_KEY(out, "hash");
    json_text(out, marker ? EMPTY_ETAG : object->etag);
    NEXT_KEY(out, "bytes");
    json_int(out, swift_size(object));
    NEXT_KEY(out, "content_type");
    json_text(out, marker ? SWIFT_DELETED_TYPE : object->type);
    NEXT_KEY(out, "last_modified");
    json_time(out, object->modified, TIME_MICRO);
    if (object->meta.count || listing->versions || object->version) {
        json_more(listing, object);
    }
    json_map_end(out);
}

static void xml_object(struct buf *out, const struct store_object *object) {
    char modified[TIME_TEXT_SIZE];

    BUF_LITERAL(out, "<object>");
    xml_member(out, "name", object->name);
    xml_member(out, "hash", object->etag);
    BUF_LITERAL(out, "<bytes>");
    buf_int(out, swift_size(object));
    BUF_LITERAL(out, "</bytes>");
    xml_member(out, "content_type", object->type);
    xml_member(out, "last_modified", time_print(object->modified, TIME_MICRO, modified));
    BUF_LITERAL(out, "</object>");
}

static bool add_object(void *user, const struct store_object *object) {
    struct listing *listing = user;
    struct buf *out = listing->out.buf;

    if (listing->path && !strcmp(object->name, listing->path)) {
        return true;
    }
    listing->count++;
    if (listing->format == SWIFT_JSON) {
        json_object(listing, object);
    } else if (listing->format == SWIFT_XML) {
        xml_object(out, object);
    } else {
        buf_text(out, object->name);
        buf_char(out, '\n');
    }
    return true;
}

static bool add_common(void *user, const char *name) {
    struct listing *listing = user;
    struct json_out *out = &listing->out;

    listing->count++;
    if (listing->format == SWIFT_PLAIN) {
        buf_printf(out->buf, "%s\n", name);
    } else if (listing->format == SWIFT_JSON) {
        json_map(out);
        json_put_text(out, "subdir", name);
        json_map_end(out);
    } else {
        BUF_LITERAL(out->buf, "<subdir name=\"");
        xml_escape(out->buf, name);
        BUF_LITERAL(out->buf, "\">");
        xml_member(out->buf, "name", name);
        BUF_LITERAL(out->buf, "</subdir>");
    }
    return true;
}

/* ---- the walk ---- */

static bool read_limit(struct swift *sw, int64_t *ret) {
    const char *text = swift_argument(sw, "limit");

    *ret = LISTING_LIMIT;
    if (text && *text && strspn(text, "0123456789") == strlen(text)) {
        *ret = strlen(text) > 9 ? INT64_MAX : strtoll(text, NULL, 10);
    }
    return *ret <= LISTING_LIMIT || (swift_error(sw, 412, "Maximum limit is %d", LISTING_LIMIT), false);
}

static void read_path(struct listing *listing, struct store_list *list) {
    struct swift *sw = listing->sw;
    const char *path = swift_argument(sw, "path");

    if (path && sw->depth == DEPTH_CONTAINER) {
        size_t size = strlen(path);

        while (size && path[size - 1] == '/') {
            size--;
        }
        listing->path = list->prefix = *path ? arena_printf(sw->arena, "%.*s/", (int)size, path) : "";
        list->delimiter = "/";
        list->on_common = NULL;
    }
}

/* Room for a whole page at once: a buffer that grows is copied. Pages that pick names get it as they need it. */
static void make_room(struct listing *listing, const struct store_list *walk) {
    int64_t objects = listing->sw->found.container.objects, rows = objects < walk->limit ? objects : walk->limit;

    if (walk->container && !walk->prefix && !walk->delimiter && !walk->marker && rows > 0) {
        buf_reserve(listing->out.buf, (size_t)rows * USUAL_ROW);
    }
}

static void begin(struct listing *listing, const struct store_list *walk) {
    struct buf *out = listing->out.buf;

    if (listing->format == SWIFT_JSON) {
        make_room(listing, walk);
        json_list(&listing->out);
    } else if (listing->format >= SWIFT_XML) {
        bool account = listing->sw->depth == DEPTH_ACCOUNT;

        buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s name=\"", account ? "account" : "container");
        xml_escape(out, account ? listing->sw->account : listing->sw->container);
        BUF_LITERAL(out, "\">");
    }
}

static void end(struct listing *listing) {
    struct http_request *http = listing->sw->http;

    if (listing->format == SWIFT_JSON) {
        json_list_end(&listing->out);
    } else if (listing->format >= SWIFT_XML) {
        buf_printf(listing->out.buf, "</%s>", listing->sw->depth == DEPTH_ACCOUNT ? "account" : "container");
    }
    http->response.status = listing->format == SWIFT_PLAIN && !listing->count ? 204 : 200;
    swift_header(listing->sw, "Content-Type", "%s; charset=utf-8", swift_format_type(listing->format));
}

/* ---- bounds that end with NUL ---- */

static const char *const bounds[] = {"end_marker", "marker"};

/* The bound that a piece of a query gives, if it ends with NUL; else -1. */
static int bound_of(const char *piece, size_t size) {
    for (int i = 0; i < 2; i++) {
        size_t name = strlen(bounds[i]);

        if (size > name + 3 && !strncmp(piece, bounds[i], name) && piece[name] == '=' && !memcmp(piece + size - 3, "%00", 3)) {
            return i;
        }
    }
    return -1;
}

/* No name holds NUL, so what is below "a" NUL is what is below "a" 1, and what is behind it is what is behind "a". */
bool swift_list_bounds(struct swift *sw) {
    struct http_request *http = sw->http;
    struct buf query = {0};
    bool ends[2] = {false};
    int upper;

    for (const char *at = http->query; *at;) {
        size_t size = strcspn(at, "&");
        int bound = bound_of(at, size);

        if (bound >= 0) {
            ends[bound] = true;
        }
        buf_put(&query, at, bound >= 0 ? size - 3 : size);
        buf_text(&query, at[size] ? "&" : "");
        at += size + (at[size] == '&');
    }
    http->query = query.size ? buf_taken(&query, sw->arena) : "";
    if (!(ends[0] || ends[1]) || !http_arguments(http)) {
        return false;
    }
    upper = swift_is_true(swift_argument(sw, "reverse"));
    for (size_t i = 0; i < http->arguments->count; i++) {
        struct http_header *argument = &http->arguments->at[i];

        if (ends[upper] && !strcmp(argument->name, bounds[upper])) {
            argument->value = arena_printf(sw->arena, "%s\x01", argument->value);
        }
    }
    return true;
}

/* ---- the operations ---- */

/* A version goes before another of the same name. */
static bool read_version_marker(struct swift *sw, const char *version, struct store_list *walk) {
    if (!walk->marker) {
        return swift_error(sw, 400, "version_marker needs a marker"), false;
    }
    return swift_version_read(version, &walk->marker_version) || (swift_error(sw, 400, "Invalid version_marker parameter"), false);
}

static bool list(struct swift *sw) {
    struct listing listing = {.sw = sw, .out = {.buf = &sw->http->response.body}};
    struct store_list walk = {.account = sw->account, .container = sw->container, .prefix = swift_argument(sw, "prefix"),
                              .marker = swift_argument(sw, "marker"), .end_marker = swift_argument(sw, "end_marker"),
                              .delimiter = swift_argument(sw, "delimiter"), .reverse = swift_is_true(swift_argument(sw, "reverse")),
                              .on_object = add_object, .on_container = add_container, .on_common = add_common,
                              .user = &listing};
    const char *version = swift_argument(sw, "version_marker");
    enum store_result result;

    walk.versions = sw->depth == DEPTH_CONTAINER && swift_argument(sw, "versions") && sw->owner;
    if (!swift_choose_format(sw, walk.versions, &listing.format) || !read_limit(sw, &walk.limit) ||
        (walk.versions && version && !read_version_marker(sw, version, &walk))) {
        return true;
    }
    read_path(&listing, &walk);
    walk.names_only = listing.format == SWIFT_PLAIN;
    walk.shown_only = !walk.versions && sw->found.container.versions == VERSIONS_OFF;
    listing.versions = walk.versions;
    begin(&listing, &walk);
    result = store_list(sw->arena, &walk, NULL);
    if (result != STORE_OK) {
        return swift_failed(sw, result);
    }
    end(&listing);
    return true;
}

bool swift_list_objects(struct swift *sw) {
    return list(sw);
}

bool swift_list_containers(struct swift *sw) {
    return list(sw);
}
