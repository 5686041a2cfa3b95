/* SPDX-License-Identifier: Apache-2.0
 * Copying: COPY with Destination, and PUT with X-Copy-From. Bytes are shared where the driver can, and copied else. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "object_store/swift_parts.h"

/* Splits "/container/object", as it stands (escaped) in a header. */
static bool split(struct swift *sw, const char *header, const char *text, const char **container, const char **object) {
    const char *path = http_decode(sw->arena, text, strlen(text), false), *slash;

    path = path ? path + (*path == '/') : "";
    slash = strchr(path, '/');
    if (slash && slash > path && slash[1] && strlen(slash + 1) <= MAX_OBJECT_NAME && slash - path <= MAX_CONTAINER_NAME) {
        *container = arena_text_size(sw->arena, path, (size_t)(slash - path));
        *object = slash + 1;
        return true;
    }
    return swift_error(sw, 412, "%s must be of the form <container name>/<object name>", header), false;
}

/* What S3's API notes of an object is of that object alone, but for its tags. */
static bool is_of_source_alone(const char *name) {
    return !strncmp(name, "sys-s3-", 7) && strcmp(name, "sys-s3-tags") != 0;
}

/* The destination keeps the source's metadata but where the request says something else. */
static void merge_meta(struct swift *sw, const struct store_object *source) {
    struct store_meta *meta = &sw->change.object.meta, given = *meta;

    if (swift_is_true(swift_request_header(sw, "X-Fresh-Metadata"))) {
        return;
    }
    *meta = (struct store_meta){0};
    for (size_t i = 0; i < source->meta.count; i++) {
        if (!is_of_source_alone(source->meta.at[i].name)) {
            store_meta_set(sw->arena, meta, source->meta.at[i].name, source->meta.at[i].value);
        }
    }
    for (size_t i = 0; i < given.count; i++) {
        store_meta_set(sw->arena, meta, given.at[i].name, given.at[i].value);
    }
    if (!sw->change.object.expires && !swift_request_header(sw, "X-Delete-At")) {
        sw->change.object.expires = source->expires;
    }
}

struct copied {
    const char *account, *container, *name;     /* as the request names the source; it may be a link */
    const struct store_found *source;
};

static void copied(struct swift *sw) {
    const struct copied *from = sw->extra;
    const struct store_found *source = from->source;
    struct buf path = {0};
    char time[TIME_TEXT_SIZE];

    if (sw->change.result != STORE_CREATED) {
        swift_failed(sw, sw->change.result);
        return;
    }
    http_encode(&path, arena_printf(sw->arena, "%s/%s", from->container, from->name), "/");
    swift_header(sw, "X-Copied-From", "%s", path.at);
    swift_header(sw, "X-Copied-From-Account", "%s", http_encoded(sw->arena, from->account, ""));
    buf_release(&path);
    http_respond_header(sw->http, "X-Copied-From-Last-Modified",
                        time_print((source->object.modified + SECOND - 1) / SECOND * SECOND, TIME_HTTP, time));
    if (sw->change.object.kind == STORE_MANIFEST) {
        swift_header(sw, "ETag", "\"%s\"", store_meta_get(&sw->change.object.meta, "sys-slo-etag"));
    } else {
        swift_header(sw, "ETag", "%s", sw->change.object.etag ? sw->change.object.etag : sw->upload->etag);
    }
    swift_last_modified(sw, sw->change.modified);
    swift_write_meta(sw, "object", &sw->change.object.meta);
    if (source->container.versions != VERSIONS_OFF || swift_argument(sw, "version-id")) {
        swift_header(sw, "X-Copied-From-Version-Id", "%s", swift_version_text(sw->arena, source->object.version));
    }
    if (sw->change.object.expires) {
        swift_header(sw, "X-Delete-At", "%" PRId64, sw->change.object.expires);
    }
    if (sw->change.made_version) {
        swift_header(sw, "X-Object-Version-Id", "%s", swift_version_text(sw->arena, sw->change.made_version));
    }
    swift_status(sw, 201);
}

/* Large objects become one object, unless the manifest itself is asked for. */
static bool is_flattened(const struct swift *sw, const struct store_object *object) {
    return swift_is_large(object) && !swift_manifest_is(sw, "get");
}

/* Cuts the pieces to what the Range header asks for. False: answered. */
static bool cut_range(struct swift *sw, struct swift_pieces *pieces) {
    const char *range = swift_request_header(sw, "Range");
    int64_t first, size;

    if (!range || strncasecmp(range, "bytes=", 6) != 0 || strchr(range, ',')) {
        return true;
    }
    if (!swift_segment_range(range + 6, pieces->size, &first, &size)) {
        return swift_status(sw, 416), false;
    }
    swift_cut(pieces, 0, first, size);
    return true;
}

static bool flatten(struct swift *sw, const char *account, const struct store_found *source) {
    static const char *const dropped[] = {"sys-slo-etag", "sys-slo-size", "x-object-manifest"};
    struct swift_piece whole = {.account = account, .container = source->container.name, .object = &source->object,
                                .size = source->object.size};
    struct swift_pieces pieces = {.at = &whole, .count = 1, .size = whole.size};

    if ((is_flattened(sw, &source->object) && !swift_gather(sw, account, source, &pieces)) || !cut_range(sw, &pieces)) {
        return false;
    }
    if (pieces.size > MAX_FILE_SIZE) {
        return swift_status(sw, 413), false;
    }
    for (int i = 0; i < 3; i++) {
        store_meta_set(sw->arena, &sw->change.object.meta, dropped[i], swift_request_header(sw, dropped[i]));
    }
    sw->upload = swift_flatten(sw, &pieces);
    return true;
}

/* A manifest copied as such is put anew: its segments must be there for the destination too. */
static bool copy_manifest(struct swift *sw, const char *account, struct store_found *source) {
    const char *text = swift_raw_manifest(sw, account, source);

    if (!text) {
        return swift_status(sw, 503);
    }
    return swift_slo_put_list(sw, json_parse(sw->arena, text, strlen(text), NULL), copied);
}

static bool copy(struct swift *sw, const char *account, struct store_found *source) {
    const struct store_object *object = &source->object;
    struct copied *from = ARENA_NEW(sw->arena, struct copied);
    const char *how = swift_argument(sw, "symlink"), *target = swift_request_header(sw, "X-Symlink-Target");
    const char *type = swift_request_header(sw, "Content-Type");

    *from = (struct copied){account, source->container.name, object->name, source};
    sw->extra = from;
    if (object->kind == STORE_LINK && !(how && !strcmp(how, "get")) && !swift_symlink_follow(sw, &account, source)) {
        return true;
    }
    if (!swift_unlocked(sw, object) || !swift_conditions(sw, object->etag, object->modified)) {
        return true;
    }
    if (object->size > MAX_FILE_SIZE) {
        return swift_status(sw, 413);
    }
    if (target && *target && object->size) {
        return swift_error(sw, 400, "A link has no bytes of its own.");
    }
    merge_meta(sw, object);
    if (object->kind == STORE_LINK) {
        swift_symlink_move(sw, &sw->change.object.meta);
    }
    if (!type || !*type) {
        sw->change.object.type = object->type;
    }
    if (object->kind == STORE_MANIFEST && !is_flattened(sw, object)) {
        return copy_manifest(sw, account, source);
    }
    if (is_flattened(sw, object) || (object->kind == STORE_DATA && swift_request_header(sw, "Range"))) {
        if (!flatten(sw, account, source)) {
            return true;
        }
    } else {
        sw->change.object.kind = object->kind;
        sw->change.object.etag = object->kind != STORE_DATA ? object->etag : NULL;
        sw->upload = store_upload_copy(sw->arena, account, source->container.name, object);
    }
    if (sw->upload->failed != STORE_OK) {
        return swift_failed(sw, sw->upload->failed);
    }
    if (swift_keeps_old(sw) && !swift_keep_old(sw)) {
        return true;
    }
    sw->change.upload = sw->upload;
    return swift_change(sw, store_put_object, copied);
}

bool swift_copy_here(struct swift *sw) {
    const char *account = swift_request_header(sw, "X-Copy-From-Account"), *container, *object;
    struct store_found *source = ARENA_NEW(sw->arena, struct store_found);
    struct store_find find = {.version = STORE_CURRENT, .want_bytes = true};
    enum store_result result;

    if (sw->http->body.size) {
        return swift_error(sw, 400, "Copy requests require a zero byte body");
    }
    if (!split(sw, "X-Copy-From", swift_request_header(sw, "X-Copy-From"), &container, &object)) {
        return true;
    }
    find.account = account && *account ? account : sw->account;
    find.container = container;
    find.name = object;
    if (swift_argument(sw, "version-id")) {
        find.version = sw->version;
    }
    result = store_find(sw->arena, &find, source);
    if (result == STORE_FAILED) {
        return swift_failed(sw, result);
    }
    if (!swift_may(sw, find.account, &source->container, false)) {
        return swift_denied(sw);
    }
    return result == STORE_OK ? copy(sw, find.account, source) : swift_failed(sw, result);
}

/* COPY is the PUT that its Destination names. */
bool swift_object_copy(struct call *call) {
    struct swift *sw = swift_of(call);
    struct store_found *source = ARENA_NEW(sw->arena, struct store_found), target;
    const char *to = swift_request_header(sw, "Destination"), *account = swift_request_header(sw, "Destination-Account");
    const char *from = sw->account;
    struct store_find find = {0};
    enum store_result result;

    if (!to) {
        return swift_error(sw, 412, "Destination header required");
    }
    if (sw->looked != STORE_OK) {
        return swift_failed(sw, sw->looked);
    }
    if (!swift_may(sw, sw->account, &sw->found.container, false)) {
        return swift_denied(sw);
    }
    *source = sw->found;
    find.account = account && *account ? account : sw->account;
    if (!split(sw, "Destination", to, &find.container, &sw->change.name)) {
        return true;
    }
    result = store_find(sw->arena, &find, &target);
    if (result == STORE_FAILED || !swift_may(sw, find.account, &target.container, true)) {
        return result == STORE_FAILED ? swift_failed(sw, result) : swift_denied(sw);
    }
    if (result != STORE_OK) {
        return swift_failed(sw, result);
    }
    sw->account = sw->change.account = find.account;
    sw->container = sw->change.container = find.container;
    sw->object = sw->change.name;
    sw->found.container = target.container;
    swift_read_quotas(sw);
    return !swift_read_object_headers(sw, false) || copy(sw, from, source);
}
