/* SPDX-License-Identifier: Apache-2.0
 * Large objects: manifests that list their segments (static) or name a prefix of them (dynamic), as pieces to send.
 *
 * A static manifest is kept as JSON, one map a segment: {"name": "/container/object", "bytes", "hash", "content_type",
 * "last_modified"}, and "range", "sub_slo" or "data" where they apply. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "object_store/swift_parts.h"

enum { MAX_DEPTH = 10, MAX_PIECES = 100000 };

struct gather {
    struct swift *sw;
    struct swift_pieces *to;
    const char *allowed_container;  /* where the caller may read, as was found before */
};

bool swift_unlocked(struct swift *sw, const struct store_object *object) {
    return !store_meta_get(&object->meta, STORE_CUSTOMER_KEY) ||
           (swift_error(sw, 403, "%s is encrypted with a key that only its owner has; S3's API reads it when it is given the key.",
                        object->name), false);
}

static bool bad_segment(struct gather *gather) {
    return swift_status(gather->sw, 409), false;
}

bool swift_split_path(struct arena *arena, const char *path, const char **container, const char **object) {
    const char *slash;

    path += *path == '/';
    slash = strchr(path, '/');
    if (!slash || slash == path || !slash[1]) {
        return false;
    }
    *container = arena_text_size(arena, path, (size_t)(slash - path));
    *object = slash + 1;
    return true;
}

static bool add_piece(struct gather *gather, struct swift_piece piece) {
    struct swift_pieces *to = gather->to;

    if (piece.object && !gather->sw->opens && !swift_unlocked(gather->sw, piece.object)) {
        return false;
    }
    if (to->count == MAX_PIECES) {
        return swift_error(gather->sw, 409, "The object has more than %d segments.", MAX_PIECES), false;
    }
    to->at = arena_grow(gather->sw->arena, to->at, to->count, sizeof *to->at);
    to->at[to->count++] = piece;
    to->size += piece.size;
    return true;
}

static bool may_read(struct gather *gather, const char *account, const struct store_container *container) {
    if (gather->allowed_container && !strcmp(gather->allowed_container, container->name)) {
        return true;
    }
    if (!swift_may(gather->sw, account, container, false)) {
        return false;
    }
    gather->allowed_container = container->name;
    return true;
}

static bool add_manifest(struct gather *gather, const char *account, const struct store_found *found, int depth);

void swift_cut(struct swift_pieces *to, size_t from, int64_t first, int64_t size) {
    size_t kept = from;

    for (size_t i = from; i < to->count; i++) {
        struct swift_piece piece = to->at[i];
        int64_t skip = first < piece.size ? first : piece.size;

        to->size -= piece.size;
        first -= skip;
        piece.first += skip;
        piece.size -= skip;
        piece.size = piece.size < size ? piece.size : size;
        size -= piece.size;
        if (piece.size) {
            to->size += piece.size;
            to->at[kept++] = piece;
        }
    }
    to->count = kept;
}

/* "5-10", "5-", "-10" of 'size' bytes. */
static bool read_range(const char *text, int64_t size, int64_t *first, int64_t *count) {
    const char *dash = strchr(text, '-');
    int64_t from = strtoll(text, NULL, 10), to = dash && dash[1] ? strtoll(dash + 1, NULL, 10) : size - 1;

    if (!dash || strspn(text, "0123456789-") != strlen(text)) {
        return false;
    }
    if (dash == text) {
        from = size - strtoll(dash + 1, NULL, 10);
        from = from < 0 ? 0 : from;
        to = size - 1;
    }
    to = to < size ? to : size - 1;
    *first = from;
    *count = to - from + 1;
    return from <= to && from < size;
}

bool swift_segment_range(const char *text, int64_t size, int64_t *first, int64_t *count) {
    return read_range(text, size, first, count);
}

int64_t swift_size(const struct store_object *object) {
    const char *slo = store_meta_get(&object->meta, "sys-slo-size");

    return slo ? strtoll(slo, NULL, 10) : object->size;
}

static bool add_segment(struct gather *gather, const char *account, const struct json *item, int depth) {
    const char *path = json_get_text(item, "name"), *hash = json_get_text(item, "hash"), *range = json_get_text(item, "range");
    struct store_find find = {.account = account, .version = STORE_CURRENT};
    struct store_found *found = ARENA_NEW(gather->sw->arena, struct store_found);
    struct swift_link link;
    const char *slo;
    size_t before = gather->to->count;
    int64_t first, size;

    if (!path || !swift_split_path(gather->sw->arena, path, &find.container, &find.name) ||
        store_find(gather->sw->arena, &find, found) != STORE_OK) {
        return bad_segment(gather);
    }
    if (!may_read(gather, account, &found->container) || !swift_symlink_resolve(gather->sw, &account, found, NULL, true, &link)) {
        return bad_segment(gather);
    }
    slo = store_meta_get(&found->object.meta, "sys-slo-etag");
    if (hash && strcmp(slo ? slo : found->object.etag, hash) != 0) {
        return bad_segment(gather);
    }
    if (found->object.kind == STORE_MANIFEST ? !add_manifest(gather, account, found, depth + 1)
                                             : !add_piece(gather, (struct swift_piece){
                                                   .account = account, .container = found->container.name,
                                                   .object = &found->object, .size = found->object.size})) {
        return false;
    }
    if (range && read_range(range, swift_size(&found->object), &first, &size)) {
        swift_cut(gather->to, before, first, size);
    }
    return true;
}

static bool add_data(struct gather *gather, const char *data) {
    size_t size;
    const uint8_t *bytes = base64_decode(gather->sw->arena, data, &size);

    return bytes ? add_piece(gather, (struct swift_piece){.text = (const char *)bytes, .size = (int64_t)size})
                 : bad_segment(gather);
}

const char *swift_object_text(struct swift *sw, const char *account, const char *container,
                              const struct store_object *object) {
    struct store_reader *reader = store_reader_open(account, container, object, 0, object->size);
    char *text = reader ? arena_alloc(sw->arena, (size_t)object->size + 1) : NULL;
    int64_t size = 0;
    ssize_t got = 1;

    while (text && size < object->size && got > 0) {
        got = store_reader_read(reader, text + size, (size_t)(object->size - size));
        size += got > 0 ? got : 0;
    }
    store_reader_close(reader);
    return size == object->size ? text : NULL;
}

static bool add_manifest(struct gather *gather, const char *account, const struct store_found *found, int depth) {
    const char *text = depth < MAX_DEPTH ? swift_object_text(gather->sw, account, found->container.name, &found->object) : NULL;
    const struct json *list = text ? json_parse(gather->sw->arena, text, strlen(text), NULL) : NULL;

    if (!list || list->type != JSON_LIST) {
        return bad_segment(gather);
    }
    for (JSON_EACH(item, list)) {
        const char *data = json_get_text(item, "data");

        if (data ? !add_data(gather, data) : !add_segment(gather, account, item, depth)) {
            return false;
        }
    }
    return true;
}

/* ---- dynamic ---- */

struct dynamic {
    struct gather gather;
    struct swift *sw;
    const char *account;
    const struct store_container *container;
    struct digest *tags;
    int64_t modified;
    bool ok;
};

static bool on_segment(void *user, const struct store_object *listed) {
    struct dynamic *dynamic = user;
    struct store_found *found = ARENA_NEW(dynamic->sw->arena, struct store_found);
    struct store_object *object = &found->object;
    const char *slo = store_meta_get(&listed->meta, "sys-slo-etag"), *tag = slo ? slo : listed->etag;

    *found = (struct store_found){.container = *dynamic->container, .object = *listed};
    object->name = arena_text(dynamic->sw->arena, listed->name);
    object->etag = arena_text(dynamic->sw->arena, listed->etag);
    object->type = arena_text(dynamic->sw->arena, listed->type);
    object->place = arena_text(dynamic->sw->arena, listed->place);
    digest_add(dynamic->tags, tag, strlen(tag));
    dynamic->modified = object->modified > dynamic->modified ? object->modified : dynamic->modified;
    dynamic->ok = object->kind == STORE_MANIFEST
                      ? add_manifest(&dynamic->gather, dynamic->account, found, 1)
                      : add_piece(&dynamic->gather, (struct swift_piece){.account = dynamic->account,
                                                                        .container = dynamic->container->name,
                                                                        .object = object, .size = object->size});
    return dynamic->ok;
}

static bool gather_dynamic(struct swift *sw, const char *account, const char *manifest, struct swift_pieces *ret) {
    struct store_found place;
    struct store_find find = {.account = account};
    struct dynamic dynamic = {.gather = {sw, ret, NULL}, .sw = sw, .account = account, .container = &place.container, .ok = true};
    struct store_list list = {.account = account, .on_object = on_segment, .user = &dynamic, .limit = MAX_PIECES};
    const char *decoded = http_decode(sw->arena, manifest, strlen(manifest), false);
    enum store_result result = STORE_MISSING;

    if (decoded && swift_split_path(sw->arena, decoded, &find.container, &list.prefix)) {
        list.container = find.container;
        result = store_find(sw->arena, &find, &place);
    }
    if (result != STORE_OK) {
        return swift_failed(sw, result), false;
    }
    if (!may_read(&dynamic.gather, account, &place.container)) {
        return swift_denied(sw), false;
    }
    dynamic.tags = digest_new("md5");
    result = store_list(sw->arena, &list, NULL);
    ret->etag = digest_hex(dynamic.tags, sw->arena);
    ret->modified = dynamic.modified;
    return result == STORE_OK ? dynamic.ok : (swift_failed(sw, result), false);
}

bool swift_is_large(const struct store_object *object) {
    return object->kind == STORE_MANIFEST || store_meta_get(&object->meta, "x-object-manifest");
}

bool swift_gather(struct swift *sw, const char *account, const struct store_found *found, struct swift_pieces *ret) {
    const char *dynamic = store_meta_get(&found->object.meta, "x-object-manifest");
    struct gather gather = {sw, ret, NULL};

    *ret = (struct swift_pieces){.modified = found->object.modified};
    if (found->object.kind == STORE_MANIFEST) {
        ret->etag = store_meta_get(&found->object.meta, "sys-slo-etag");
        return add_manifest(&gather, account, found, 0);
    }
    return gather_dynamic(sw, account, dynamic, ret);
}

/* ---- GET and HEAD ---- */

static void write_raw_segment(struct json_out *out, const struct json *item) {
    static const char *const names[][2] = {{"data", "data"}, {"hash", "etag"}, {"name", "path"}, {"range", "range"}};

    json_map(out);
    for (int i = 0; i < 4; i++) {
        if (json_get_text(item, names[i][0])) {
            json_put_text(out, names[i][1], json_get_text(item, names[i][0]));
        }
    }
    if (!json_get_text(item, "data")) {
        json_put_int(out, "size_bytes", json_get_int(item, "bytes", 0));
    }
    json_map_end(out);
}

const char *swift_raw_manifest(struct swift *sw, const char *account, const struct store_found *found) {
    const char *text = swift_object_text(sw, account, found->container.name, &found->object);
    const struct json *list = text ? json_parse(sw->arena, text, strlen(text), NULL) : NULL;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    if (!list) {
        return NULL;
    }
    json_list(&out);
    for (JSON_EACH(item, list)) {
        write_raw_segment(&out, item);
    }
    json_list_end(&out);
    return buf_taken(&buf, sw->arena);
}

/* The manifest itself: as it is kept, or (raw) in the words in which it may be put again. */
static bool respond_manifest(struct swift *sw, const char *account, const struct store_found *found) {
    const char *format = swift_argument(sw, "format");
    bool raw = format && !strcmp(format, "raw");
    const char *text = raw ? swift_raw_manifest(sw, account, found)
                           : swift_object_text(sw, account, found->container.name, &found->object);

    if (!text) {
        return swift_status(sw, 503);
    }
    swift_header(sw, "Content-Type", "%s", raw ? found->object.type : "application/json; charset=utf-8");
    swift_header(sw, "X-Static-Large-Object", "True");
    swift_header(sw, "ETag", "%s", raw ? digest_of(sw->arena, "md5", text, strlen(text)) : found->object.etag);
    swift_write_object_headers(sw, &found->object);
    sw->http->response.status = 200;
    buf_text(&sw->http->response.body, text);
    return true;
}

/* What a static one is stands in its manifest; only its bytes need the segments. */
static bool static_get(struct swift *sw, const char *account, const struct store_found *found) {
    const struct store_object *object = &found->object;
    const char *etag = arena_printf(sw->arena, "\"%s\"", store_meta_get(&object->meta, "sys-slo-etag"));
    struct swift_pieces pieces = {.size = swift_size(object)};

    swift_header(sw, "ETag", "%s", etag);
    swift_header(sw, "X-Static-Large-Object", "True");
    swift_header(sw, "X-Manifest-Etag", "%s", object->etag);
    swift_write_object_headers(sw, object);
    if (!swift_conditions(sw, etag, object->modified)) {
        return true;
    }
    return (sw->http->method == HTTP_GET && !swift_gather(sw, account, found, &pieces)) ||
           swift_respond_pieces(sw, pieces.at, pieces.count, pieces.size, object->type);
}

bool swift_large_get(struct swift *sw, const char *account, const struct store_found *found) {
    const char *range = swift_request_header(sw, "Range"), *etag;
    struct swift_pieces pieces;

    if (found->object.kind == STORE_MANIFEST) {
        return swift_manifest_is(sw, "get") ? respond_manifest(sw, account, found) : static_get(sw, account, found);
    }
    if (!swift_gather(sw, account, found, &pieces)) {
        return true;
    }
    etag = arena_printf(sw->arena, "\"%s\"", pieces.etag);
    swift_header(sw, "ETag", "%s", etag);
    swift_write_object_headers(sw, &found->object);
    if (!swift_conditions(sw, etag, pieces.modified > found->object.modified ? pieces.modified : found->object.modified)) {
        return true;
    }
    /* Of a dynamic one there is only one range at a time; who asks for more gets the whole. */
    if (range && strchr(range, ',')) {
        swift_header(sw, "Content-Type", "%s", found->object.type);
        sw->http->response.status = 200;
        swift_send_pieces(sw, pieces.at, pieces.count, 0, pieces.size);
        return true;
    }
    return swift_respond_pieces(sw, pieces.at, pieces.count, pieces.size, found->object.type);
}

bool swift_read_pieces(const struct swift_pieces *pieces, bool (*add)(void *user, const void *bytes, size_t size), void *user) {
    char *bytes = malloc(STORE_BLOCK);
    bool ok = bytes;

    for (size_t i = 0; ok && i < pieces->count; i++) {
        const struct swift_piece *piece = &pieces->at[i];
        struct store_reader *reader = NULL;
        int64_t given = 0;

        while (ok && given < piece->size) {
            ssize_t got = swift_piece_read(piece, &reader, given, bytes, STORE_BLOCK);

            ok = got > 0 && add(user, bytes, (size_t)got);
            given += got;
        }
        store_reader_close(reader);
    }
    free(bytes);
    return ok;
}

static bool add_to_upload(void *user, const void *bytes, size_t size) {
    return store_upload_add(user, bytes, size);
}

struct store_upload *swift_flatten(struct swift *sw, const struct swift_pieces *pieces) {
    struct store_upload *upload = store_upload_new(sw->arena);

    if (!swift_read_pieces(pieces, add_to_upload, upload) && upload->failed == STORE_OK) {
        upload->failed = STORE_FAILED;
    }
    store_upload_end(upload);
    return upload;
}
