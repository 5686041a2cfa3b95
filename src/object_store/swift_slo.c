/* SPDX-License-Identifier: Apache-2.0
 * Static large objects: putting a manifest after a look at each segment, and deleting one with its segments. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "object_store/swift_parts.h"

enum { MAX_SEGMENTS = 1000, MAX_MANIFEST = 8 * 1024 * 1024 };

struct manifest {
    struct swift *sw;
    struct json_out out;
    struct buf text, errors;
    struct digest *tags;
    int64_t size;
    int count;
    bool sent;                      /* by another cluster, in the form that is kept */
};

static void complain(struct manifest *manifest, const char *path, const char *what) {
    buf_printf(&manifest->errors, "%s%s, %s", manifest->errors.size ? "\n" : "", path, what);
}

/* The segment as the client means it: there, readable, of the size and tag that it says. */
static bool find_segment(struct manifest *manifest, const struct json *item, const char *path, struct store_found *ret) {
    struct swift *sw = manifest->sw;
    const char *etag = json_get_text(item, "etag"), *slo;
    struct store_find find = {.account = sw->account, .version = STORE_CURRENT};
    int64_t size = json_get_int(item, "size_bytes", -1);

    if (!swift_split_path(sw->arena, path, &find.container, &find.name) || store_find(sw->arena, &find, ret) != STORE_OK) {
        return complain(manifest, path, "404 Not Found"), false;
    }
    if (!swift_may(sw, sw->account, &ret->container, false)) {
        return complain(manifest, path, "403 Forbidden"), false;
    }
    slo = store_meta_get(&ret->object.meta, "sys-slo-etag");
    if (etag && strcasecmp(etag, slo ? slo : ret->object.etag) != 0) {
        return complain(manifest, path, "Etag Mismatch"), false;
    }
    if (size >= 0 && size != swift_size(&ret->object)) {
        return complain(manifest, path, "Size Mismatch"), false;
    }
    return true;
}

static void write_segment(struct manifest *manifest, const char *path, const struct store_object *object, const char *range) {
    const char *slo = store_meta_get(&object->meta, "sys-slo-etag"), *tag = slo ? slo : object->etag;
    struct json_out *out = &manifest->out;
    char time[TIME_TEXT_SIZE];

    json_map(out);
    json_put_text(out, "name", path);
    json_put_int(out, "bytes", swift_size(object));
    json_put_text(out, "hash", tag);
    json_put_text(out, "content_type", object->type);
    json_put_text(out, "last_modified", time_print(object->modified, TIME_MICRO, time));
    if (range) {
        json_put_text(out, "range", range);
    }
    if (object->kind == STORE_MANIFEST) {
        json_put_bool(out, "sub_slo", true);
    }
    json_map_end(out);
    digest_add(manifest->tags, tag, strlen(tag));
    if (range) {
        const char *text = arena_printf(manifest->sw->arena, ":%s;", range);

        digest_add(manifest->tags, text, strlen(text));
    }
}

static void add_segment(struct manifest *manifest, const struct json *item, const char *path) {
    const char *range = json_get_text(item, "range");
    struct store_found found;
    int64_t first = 0, size;

    if (*path != '/') {
        path = arena_printf(manifest->sw->arena, "/%s", path);
    }
    if (!find_segment(manifest, item, path, &found)) {
        return;
    }
    size = swift_size(&found.object);
    if (range && !swift_segment_range(range, size, &first, &size)) {
        complain(manifest, path, "Unsatisfiable Range");
        return;
    }
    if (!size && !range) {
        complain(manifest, path, "Too Small; each segment must be at least 1 byte.");
        return;
    }
    range = range ? arena_printf(manifest->sw->arena, "%" PRId64 "-%" PRId64, first, first + size - 1) : NULL;
    write_segment(manifest, path, &found.object, range);
    manifest->size += size;
}

static void add_data(struct manifest *manifest, const char *data) {
    size_t size;
    const uint8_t *bytes = base64_decode(manifest->sw->arena, data, &size);
    const char *tag;

    if (!bytes || !size) {
        complain(manifest, "data", "the data of a segment must be base64 of at least one byte");
        return;
    }
    json_map(&manifest->out);
    json_put_text(&manifest->out, "data", data);
    json_map_end(&manifest->out);
    tag = digest_of(manifest->sw->arena, "md5", bytes, size);
    digest_add(manifest->tags, tag, strlen(tag));
    manifest->size += (int64_t)size;
}

static void add_item(struct manifest *manifest, const struct json *item) {
    const char *path = json_get_text(item, "path"), *data = json_get_text(item, "data");

    if (item->type != JSON_MAP || (!path && !data) || (path && data)) {
        complain(manifest, arena_printf(manifest->sw->arena, "Index %d", manifest->count),
                 "a segment is a JSON object with \"path\" or \"data\"");
    } else if (path) {
        add_segment(manifest, item, path);
    } else {
        add_data(manifest, data);
    }
    manifest->count++;
}

static bool check(struct manifest *manifest) {
    struct swift *sw = manifest->sw;
    const struct buf *body = &sw->http->body;
    const struct json *list = body->size ? json_parse(sw->arena, body->at, body->size, NULL) : NULL;

    if (!list || list->type != JSON_LIST) {
        return swift_error(sw, 400, "Manifest must be valid JSON.\n"), false;
    }
    if (list->count > MAX_SEGMENTS) {
        return swift_error(sw, 413, "Number of segments must be <= %d\n", MAX_SEGMENTS), false;
    }
    if (!list->count) {
        return swift_error(sw, 400, "Manifest must have at least one segment.\n"), false;
    }
    json_list(&manifest->out);
    for (JSON_EACH(item, list)) {
        add_item(manifest, item);
    }
    json_list_end(&manifest->out);
    return !manifest->errors.size || (swift_error(sw, 400, "Errors:\n%s\n", manifest->errors.at), false);
}

static void put_done(struct swift *sw) {
    if (sw->change.stamp && sw->change.result == STORE_PRECONDITION) {
        swift_status(sw, 202);
        return;
    }
    if (sw->change.result != STORE_CREATED) {
        swift_failed(sw, sw->change.result);
        return;
    }
    swift_header(sw, "ETag", "\"%s\"", store_meta_get(&sw->change.object.meta, "sys-slo-etag"));
    swift_last_modified(sw, sw->change.modified);
    swift_status(sw, 201);
}

static bool put(struct manifest *manifest) {
    struct swift *sw = manifest->sw;
    const char *etag = swift_request_header(sw, "ETag"), *slo = digest_hex(manifest->tags, sw->arena);
    enum store_result result;

    manifest->tags = NULL;
    if (!manifest->sent && etag && strncmp(etag + (*etag == '"'), slo, strlen(slo)) != 0) {
        return swift_status(sw, 422);
    }
    sw->upload = store_upload_new(sw->arena);
    store_upload_add(sw->upload, manifest->text.at, manifest->text.size);
    result = store_upload_end(sw->upload);
    if (result != STORE_OK) {
        return swift_failed(sw, result);
    }
    sw->change.object.kind = STORE_MANIFEST;
    store_meta_set(sw->arena, &sw->change.object.meta, "sys-slo-etag", slo);
    store_meta_set(sw->arena, &sw->change.object.meta, "sys-slo-size", arena_printf(sw->arena, "%" PRId64, manifest->size));
    sw->change.upload = sw->upload;
    return swift_change(sw, store_put_object, put_done);
}

bool swift_slo_begin(struct swift *sw) {
    sw->http->max_body = MAX_MANIFEST;
    sw->http->on_worker = true;
    return true;
}

bool swift_slo_put(struct swift *sw) {
    struct manifest manifest = {.sw = sw, .tags = digest_new("md5")};

    manifest.out.buf = &manifest.text;
    if (check(&manifest)) {
        put(&manifest);
    }
    digest_free(manifest.tags);
    buf_release(&manifest.text);
    buf_release(&manifest.errors);
    return true;
}

/* ---- a manifest from another cluster: its segments may come later ---- */

static bool add_sent(struct manifest *manifest, const struct json *item) {
    const char *name = json_get_text(item, "name"), *hash = json_get_text(item, "hash"), *range = json_get_text(item, "range");
    const char *data = json_get_text(item, "data"), *container, *object;
    int64_t bytes = json_get_int(item, "bytes", -1), first, size;
    struct arena *arena = manifest->sw->arena;
    const uint8_t *decoded;
    size_t count;

    if (data) {
        decoded = base64_decode(arena, data, &count);
        hash = decoded ? digest_of(arena, "md5", decoded, count) : NULL;
        size = (int64_t)count;
    } else if (!name || bytes < 0 || bytes > MAX_FILE_SIZE * MAX_SEGMENTS || !swift_split_path(arena, name, &container, &object)) {
        return false;
    } else if (!range) {
        size = bytes;
    } else if (!swift_segment_range(range, bytes, &first, &size)) {
        return false;
    }
    if (!hash) {
        return false;
    }
    digest_add(manifest->tags, hash, strlen(hash));
    if (range && !data) {
        digest_add(manifest->tags, ":", 1);
        digest_add(manifest->tags, range, strlen(range));
        digest_add(manifest->tags, ";", 1);
    }
    manifest->size += size;
    return true;
}

bool swift_slo_sent(struct swift *sw) {
    struct manifest manifest = {.sw = sw, .tags = digest_new("md5"), .sent = true};
    const struct buf *body = &sw->http->body;
    const struct json *list = body->size ? json_parse(sw->arena, body->at, body->size, NULL) : NULL;
    const char *etag = swift_request_header(sw, "ETag");
    bool ok = list && list->type == JSON_LIST && list->count && list->count <= MAX_SEGMENTS;

    for (JSON_EACH(item, ok ? list : NULL)) {
        ok = ok && add_sent(&manifest, item);
    }
    if (!ok) {
        swift_error(sw, 400, "The manifest is not a list of segments as they are kept.");
    } else if (etag && strcmp(etag, digest_of(sw->arena, "md5", body->at, body->size)) != 0) {
        swift_status(sw, 422);
    } else {
        buf_put(&manifest.text, body->at, body->size);
        put(&manifest);
    }
    digest_free(manifest.tags);
    buf_release(&manifest.text);
    return true;
}

/* ---- deleting with all segments ---- */

static void delete_one(struct swift *sw, struct swift_bulk *bulk, const char *container, const char *name) {
    swift_bulk_delete_object(sw, bulk, container, name);
}

static void delete_segments(struct swift *sw, struct swift_bulk *bulk, const char *container,
                            const struct store_object *object, int depth) {
    const char *text = depth < 10 ? swift_object_text(sw, sw->account, container, object) : NULL;
    const struct json *list = text ? json_parse(sw->arena, text, strlen(text), NULL) : NULL;

    for (JSON_EACH(item, list)) {
        const char *path = json_get_text(item, "name"), *inner, *name;
        struct store_found found;

        if (!path || !swift_split_path(sw->arena, path, &inner, &name)) {
            continue;
        }
        if (json_get_bool(item, "sub_slo") &&
            store_find(sw->arena, &(struct store_find){.account = sw->account, .container = inner, .name = name,
                                                       .version = STORE_CURRENT}, &found) == STORE_OK &&
            found.object.kind == STORE_MANIFEST) {
            delete_segments(sw, bulk, inner, &found.object, depth + 1);
        }
        delete_one(sw, bulk, inner, name);
    }
}

bool swift_slo_delete(struct swift *sw) {
    struct swift_bulk bulk = {0};
    struct store_found found;
    struct store_find find = {.account = sw->account, .container = sw->container, .name = sw->object,
                              .version = STORE_CURRENT};

    if (store_find(sw->arena, &find, &found) == STORE_OK) {
        if (found.object.kind == STORE_MANIFEST) {
            delete_segments(sw, &bulk, sw->container, &found.object, 0);
        } else {
            swift_bulk_error(sw, &bulk, arena_printf(sw->arena, "/%s/%s", sw->container, sw->object), 400, "Not an SLO manifest");
            return swift_bulk_respond(sw, &bulk, "Number Deleted");
        }
    }
    delete_one(sw, &bulk, sw->container, sw->object);
    return swift_bulk_respond(sw, &bulk, "Number Deleted");
}
