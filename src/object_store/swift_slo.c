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
    struct buf text, errors;        /* errors of its form; those of its segments are in the report */
    struct swift_bulk bulk;
    struct digest *tags;
    int64_t size;
    int count;
    bool sent;                      /* by another cluster, in the form that is kept */
};

static void complain(struct manifest *manifest, const char *path, const char *what) {
    struct swift_bulk *bulk = &manifest->bulk;

    bulk->errors = arena_grow(manifest->sw->arena, bulk->errors, bulk->error_count, sizeof *bulk->errors);
    bulk->errors[bulk->error_count++] = (struct swift_bulk_error){path, what};
}

static void malformed(struct manifest *manifest, const char *what) {
    buf_printf(&manifest->errors, "Index %d: %s\n", manifest->count, what);
}

enum { NO_SIZE = -1, BAD_SIZE = -2 };

/* What the client says of a segment's size, as a number or a text. */
static int64_t size_of(const struct json *item) {
    const struct json *value = json_get(item, "size_bytes");
    const char *text = json_get_text(item, "size_bytes");

    if (!value || value->type == JSON_NULL) {
        return NO_SIZE;
    }
    if (text) {
        return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 19 ? strtoll(text, NULL, 10) : BAD_SIZE;
    }
    if (value->type == JSON_REAL) {
        return value->real >= 0 && value->real < 1e18 ? (int64_t)value->real : BAD_SIZE;
    }
    return value->type == JSON_INT && value->integer >= 0 ? value->integer : BAD_SIZE;
}

/* The segment as the client means it: there, readable, of the size and tag that it says. */
static bool find_segment(struct manifest *manifest, const struct json *item, const char *path, struct store_found *ret) {
    struct swift *sw = manifest->sw;
    const char *etag = json_get_text(item, "etag"), *account = sw->account, *slo;
    struct store_find find = {.account = account, .version = STORE_CURRENT};
    struct swift_link link = {.status = 404};
    int64_t size = size_of(item);
    enum store_result result = STORE_MISSING;

    if (swift_split_path(sw->arena, path, &find.container, &find.name)) {
        result = store_find(sw->arena, &find, ret);
    }
    if ((result == STORE_OK || result == STORE_MISSING) && !swift_may(sw, account, &ret->container, false)) {
        link.status = sw->call->caller.user_id ? 403 : 401;
    } else if (result == STORE_NO_CONTAINER && !swift_may(sw, account, &(struct store_container){0}, false)) {
        link.status = sw->call->caller.user_id ? 403 : 401;
    } else if (result == STORE_OK && swift_symlink_resolve(sw, &account, ret, NULL, true, &link)) {
        link.status = 0;
    }
    if (link.status) {
        return complain(manifest, path, arena_printf(sw->arena, "%d %s", link.status, status_title(link.status))), false;
    }
    slo = store_meta_get(&ret->object.meta, "sys-slo-etag");
    if (etag && strcasecmp(etag, slo ? slo : ret->object.etag) != 0) {
        complain(manifest, path, "Etag Mismatch");
    }
    if (size >= 0 && size != swift_size(&ret->object)) {
        complain(manifest, path, "Size Mismatch");
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

static void add_segment(struct manifest *manifest, const struct json *item, const char *path, bool last) {
    const char *range = json_get_text(item, "range");
    struct store_found found;
    int64_t first = 0, size;

    if (!find_segment(manifest, item, path, &found)) {
        return;
    }
    size = swift_size(&found.object);
    if (range && !swift_segment_range(range, size, &first, &size)) {
        complain(manifest, path, "Unsatisfiable Range");
        return;
    }
    if (!size && !last) {
        complain(manifest, path, "Too small; each segment must be at least 1 byte.");
        return;
    }
    range = range && size != swift_size(&found.object)
                ? arena_printf(manifest->sw->arena, "%" PRId64 "-%" PRId64, first, first + size - 1) : NULL;
    path = *path == '/' ? path : arena_printf(manifest->sw->arena, "/%s", path);
    write_segment(manifest, path, &found.object, range);
    manifest->size += size;
}

static void add_data(struct manifest *manifest, const char *data) {
    size_t size;
    const uint8_t *bytes = base64_decode(manifest->sw->arena, data, &size);
    const char *tag = digest_of(manifest->sw->arena, "md5", bytes, size);

    json_map(&manifest->out);
    json_put_text(&manifest->out, "data", data);
    json_map_end(&manifest->out);
    digest_add(manifest->tags, tag, strlen(tag));
    manifest->size += (int64_t)size;
}

/* ---- the form ---- */

static bool is_known(const char *key, bool data) {
    static const char *const keys[] = {"path", "range", "etag", "size_bytes"};

    for (int i = 0; i < 4 && !data; i++) {
        if (!strcmp(key, keys[i])) {
            return true;
        }
    }
    return data && !strcmp(key, "data");
}

static bool is_text_or_null(const struct json *item, const char *key) {
    const struct json *value = json_get(item, key);

    return !value || value->type == JSON_TEXT || value->type == JSON_NULL;
}

/* "/container/object" of the manifest that is being put. */
static bool is_itself(const struct swift *sw, const char *path) {
    return !strcmp(path + strspn(path, "/"), arena_printf(sw->arena, "%s/%s", sw->container, sw->object));
}

static const char *segment_fault(struct manifest *manifest, const struct json *item, bool last) {
    const char *path = json_get_text(item, "path"), *container, *name;
    int64_t size = size_of(item);

    if (!path || !is_text_or_null(item, "etag") || !is_text_or_null(item, "range")) {
        return "\"path\", \"etag\" and \"range\" must be texts";
    }
    if (!swift_split_path(manifest->sw->arena, path, &container, &name)) {
        return "the path names no object: it must be /container/object";
    }
    if (size == BAD_SIZE) {
        return "\"size_bytes\" must be a whole number";
    }
    if (!size && !last) {
        return "too small; each segment must be at least 1 byte";
    }
    return is_itself(manifest->sw, path) ? "a manifest must not have itself as a segment" : NULL;
}

/* What is wrong with the form of a segment; null: nothing. */
static const char *fault(struct manifest *manifest, const struct json *item, bool last) {
    const char *data = json_get_text(item, "data");
    size_t size = 0;

    if (item->type != JSON_MAP) {
        return "a segment is a JSON object";
    }
    if (!json_get(item, "data") == !json_get(item, "path")) {
        return "a segment has either \"path\" or \"data\"";
    }
    for (JSON_EACH(value, item)) {
        if (!is_known(value->key, json_get(item, "data"))) {
            return arena_printf(manifest->sw->arena, "unknown key \"%.100s\"", value->key);
        }
    }
    if (!json_get(item, "data")) {
        return segment_fault(manifest, item, last);
    }
    return data && base64_decode(manifest->sw->arena, data, &size) && size ? NULL : "the data must be base64 of at least one byte";
}

static bool check_form(struct manifest *manifest, const struct json *list) {
    struct swift *sw = manifest->sw;
    size_t objects = 0;

    if (!list || list->type != JSON_LIST) {
        return swift_error(sw, 400, "Manifest must be valid JSON.\n"), false;
    }
    if (!list->count) {
        return swift_error(sw, 400, "Manifest must have at least one segment.\n"), false;
    }
    for (JSON_EACH(item, list)) {
        const char *what = fault(manifest, item, (size_t)manifest->count + 1 == list->count);

        if (what) {
            malformed(manifest, what);
        }
        objects += json_get(item, "path") != NULL;
        manifest->count++;
    }
    if (manifest->errors.size) {
        return swift_error(sw, 400, "%s", manifest->errors.at), false;
    }
    return objects <= MAX_SEGMENTS ||
           (swift_error(sw, 413, "Number of object-backed segments must be <= %d\n", MAX_SEGMENTS), false);
}

/* ---- answers: with ?heartbeat=on the answer is 202 whatever comes of it, and its report says the rest ---- */

static ssize_t give_text(void *user, uint64_t position, char *bytes, size_t size) {
    const char *text = user;
    size_t left = strlen(text) - position;

    size = size < left ? size : left;
    memcpy(bytes, text + position, size);
    return (ssize_t)size;
}

static bool wants_heartbeat(struct swift *sw) {
    const char *heartbeat = swift_argument(sw, "heartbeat");

    return swift_is_true(heartbeat);
}

static bool report(struct swift *sw, int status, const char *etag, const char *modified, const struct swift_bulk *bulk) {
    struct swift_report_line lines[5] = {0}, *line = lines;
    struct buf text = {0};

    if (etag) {
        *line++ = (struct swift_report_line){"Etag", etag, 0};
        *line++ = (struct swift_report_line){"Last Modified", modified, 0};
    }
    *line++ = (struct swift_report_line){"Response Body", etag ? "" : status_title(status), 0};
    *line = (struct swift_report_line){"Response Status", arena_printf(sw->arena, "%d %s", status, etag ? "Created" : status_title(status)), 0};
    BUF_LITERAL(&text, " \r\n\r\n");
    swift_write_report(sw, &text, &(struct swift_report){"upload", lines, bulk});
    sw->http->response.status = 202;
    sw->http->response.stream = give_text;
    sw->http->response.stream_user = buf_taken(&text, sw->arena);
    sw->http->response.stream_size = -1;
    return true;
}

static bool refused(struct swift *sw, int status) {
    return wants_heartbeat(sw) ? report(sw, status, NULL, NULL, &(struct swift_bulk){0}) : swift_status(sw, status);
}

static bool check(struct manifest *manifest, const struct json *list) {
    struct swift *sw = manifest->sw;
    size_t index = 0;

    if (!check_form(manifest, list)) {
        return false;
    }
    json_list(&manifest->out);
    for (JSON_EACH(item, list)) {
        const char *data = json_get_text(item, "data");

        index++;
        if (data) {
            add_data(manifest, data);
        } else {
            add_segment(manifest, item, json_get_text(item, "path"), index == list->count);
        }
    }
    json_list_end(&manifest->out);
    if (!manifest->bulk.error_count) {
        return true;
    }
    if (wants_heartbeat(sw)) {
        return report(sw, 400, NULL, NULL, &manifest->bulk), false;
    }
    sw->http->response.status = 400;
    swift_write_report(sw, &sw->http->response.body,
                       &(struct swift_report){"upload", (struct swift_report_line[]){{0}}, &manifest->bulk});
    return false;
}

static void put_done(struct swift *sw) {
    const char *etag = arena_printf(sw->arena, "\"%s\"", store_meta_get(&sw->change.object.meta, "sys-slo-etag"));
    char time[TIME_TEXT_SIZE];

    if (sw->change.stamp && sw->change.result == STORE_PRECONDITION) {
        swift_status(sw, 202);
    } else if (sw->change.result != STORE_CREATED) {
        swift_failed(sw, sw->change.result);
        refused(sw, sw->http->response.status);
    } else if (wants_heartbeat(sw)) {
        report(sw, 201, etag, time_print((sw->change.modified + SECOND - 1) / SECOND * SECOND, TIME_HTTP, time),
               &(struct swift_bulk){0});
    } else {
        swift_header(sw, "ETag", "%s", etag);
        swift_last_modified(sw, sw->change.modified);
        if (sw->change.made_version) {
            swift_header(sw, "X-Object-Version-Id", "%s", swift_version_text(sw->arena, sw->change.made_version));
        }
        swift_status(sw, 201);
    }
}

static bool put(struct manifest *manifest, void (*finish)(struct swift *sw)) {
    struct swift *sw = manifest->sw;
    const char *etag = swift_request_header(sw, "ETag"), *slo = digest_hex(manifest->tags, sw->arena);
    enum store_result result;

    manifest->tags = NULL;
    if (!manifest->sent && etag && *etag && strcmp(swift_plain_etag(sw->arena, etag), slo) != 0) {
        return refused(sw, 422);
    }
    sw->upload = store_upload_new(sw->arena);
    store_upload_add(sw->upload, manifest->text.at, manifest->text.size);
    result = store_upload_end(sw->upload);
    if (result != STORE_OK) {
        return swift_failed(sw, result);
    }
    if (swift_keeps_old(sw) && !swift_keep_old(sw)) {
        return true;
    }
    sw->change.object.kind = STORE_MANIFEST;
    sw->change.object.etag = NULL;
    store_meta_set(sw->arena, &sw->change.object.meta, "sys-slo-etag", slo);
    store_meta_set(sw->arena, &sw->change.object.meta, "sys-slo-size", arena_printf(sw->arena, "%" PRId64, manifest->size));
    sw->change.upload = sw->upload;
    return swift_change(sw, store_put_object, finish);
}

bool swift_slo_begin(struct swift *sw) {
    sw->http->max_body = MAX_MANIFEST;
    sw->http->on_worker = true;
    return true;
}

bool swift_slo_put_list(struct swift *sw, const struct json *list, void (*finish)(struct swift *sw)) {
    struct manifest manifest = {.sw = sw, .tags = digest_new("md5")};

    manifest.out.buf = &manifest.text;
    if (check(&manifest, list)) {
        put(&manifest, finish);
    }
    digest_free(manifest.tags);
    buf_release(&manifest.text);
    buf_release(&manifest.errors);
    return true;
}

bool swift_slo_put(struct swift *sw) {
    const struct buf *body = &sw->http->body;

    return swift_slo_put_list(sw, body->size ? json_parse(sw->arena, body->at, body->size, NULL) : NULL, put_done);
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
        put(&manifest, put_done);
    }
    digest_free(manifest.tags);
    buf_release(&manifest.text);
    return true;
}

/* ---- deleting with all segments ---- */

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
        swift_bulk_delete_object(sw, bulk, inner, name, STORE_CURRENT);
    }
}

bool swift_slo_delete(struct swift *sw) {
    struct swift_bulk bulk = {0};
    struct store_found found;
    struct store_find find = {.account = sw->account, .container = sw->container, .name = sw->object,
                              .version = sw->version};

    if (swift_format_accepted(sw) < 0) {
        bulk.status = "406 Not Acceptable";
        return swift_bulk_respond(sw, &bulk, "Number Deleted");
    }
    if (store_find(sw->arena, &find, &found) == STORE_OK) {
        if (found.object.kind == STORE_MANIFEST) {
            delete_segments(sw, &bulk, sw->container, &found.object, 0);
        } else {
            swift_bulk_error(sw, &bulk, arena_printf(sw->arena, "/%s/%s", sw->container, sw->object), 400, "Not an SLO manifest");
            return swift_bulk_respond(sw, &bulk, "Number Deleted");
        }
    }
    swift_bulk_delete_object(sw, &bulk, sw->container, sw->object, sw->version);
    return swift_bulk_respond(sw, &bulk, "Number Deleted");
}
