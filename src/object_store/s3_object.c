/* SPDX-License-Identifier: Apache-2.0
 * Objects: put, got, looked at, deleted. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/words.h"
#include "object_store/s3_config.h"
#include "object_store/s3_customer.h"
#include "object_store/seal.h"
#include "object_store/swift_parts.h"

/* Headers that an object keeps and gives back, beside x-amz-meta-*; and the argument that replaces one in an answer. */
static const struct {
    const char *header, *name, *argument;
} kept[] = {{"Cache-Control", "cache-control", "response-cache-control"},
            {"Content-Disposition", "content-disposition", "response-content-disposition"},
            {"Content-Encoding", "content-encoding", "response-content-encoding"},
            {"Content-Language", "content-language", "response-content-language"},
            {"Expires", "expires", "response-expires"},
            {"X-Robots-Tag", "x-robots-tag", NULL}};
enum { KEPT = sizeof kept / sizeof *kept, MAX_RANGES = 50 };

/* ---- what is told of an object ---- */

const char *s3_version_text(struct arena *arena, int64_t version) {
    return version ? swift_version_text(arena, version) : "null";
}

const char *s3_etag(struct arena *arena, const struct store_object *object) {
    const char *own = store_meta_get(&object->meta, "sys-s3-etag"), *slo = store_meta_get(&object->meta, "sys-slo-etag");

    /* A manifest that another API wrote says neither how many parts it has nor their digests: clients only see that it is no
     * digest of the bytes. */
    return own ? arena_printf(arena, "\"%s\"", own) : slo ? arena_printf(arena, "\"%s-N\"", slo)
                                                          : arena_printf(arena, "\"%s\"", object->etag);
}

/* ---- conditions ---- */

static bool tag_listed(const char *list, const char *etag) {
    size_t size = strlen(etag) - 2;     /* without its quotes */

    while (*list) {
        size_t item;

        list += strspn(list, ", \t");
        list += strncmp(list, "W/", 2) ? 0 : 2;
        list += *list == '"';
        item = strcspn(list, "\", \t");
        if ((item == 1 && *list == '*') || (item == size && !strncmp(list, etag + 1, size))) {
            return true;
        }
        list += item;
        list += strspn(list, "\"");
    }
    return false;
}

int s3_conditions(struct s3 *s3, const char *prefix, const char *etag, int64_t modified) {
    static const char *const names[] = {"match", "none-match", "modified-since", "unmodified-since"};
    int64_t second = (modified + SECOND - 1) / SECOND * SECOND, time;
    const char *values[4];

    for (int i = 0; i < 4; i++) {
        values[i] = s3_header(s3, arena_printf(s3->arena, "%sif-%s", prefix, names[i]));
    }
    if (values[0]) {
        if (!tag_listed(values[0], etag)) {
            return 412;
        }
    } else if (values[3] && (time = s3_time_read(values[3])) > 0 && second > time) {
        return 412;
    }
    if (values[1]) {
        return tag_listed(values[1], etag) ? 304 : 0;
    }
    return values[2] && (time = s3_time_read(values[2])) > 0 && second <= time ? 304 : 0;
}

/* The current object as a condition of a change names it. */
static bool match_current(struct s3 *s3, const char *match) {
    struct store_find find = {.account = s3->account, .container = s3->bucket, .name = s3->key, .version = STORE_CURRENT};
    struct store_found found;
    enum store_result result = store_find(s3->arena, &find, &found);

    if (result != STORE_OK) {
        return s3_failed(s3, result), false;
    }
    if (!tag_listed(match, s3_etag(s3->arena, &found.object))) {
        return s3_error(s3, "PreconditionFailed", "Condition", "If-Match", NULL), false;
    }
    s3->change.if_etag = found.object.etag;
    return true;
}

bool s3_write_conditions(struct s3 *s3) {
    const char *match = s3_header(s3, "If-Match"), *none = s3_header(s3, "If-None-Match");
    struct store_find find = {.account = s3->account, .container = s3->bucket, .name = s3->key, .version = STORE_CURRENT};
    struct store_found found;

    s3->change.if_absent = none && !strcmp(none, "*");
    if (none && !s3->change.if_absent && store_find(s3->arena, &find, &found) == STORE_OK &&
        tag_listed(none, s3_etag(s3->arena, &found.object))) {
        return s3_error(s3, "PreconditionFailed", "Condition", "If-None-Match", NULL), false;
    }
    return !match || match_current(s3, match);
}

/* ---- headers of a PUT ---- */

static bool read_meta(struct s3 *s3, struct store_meta *meta) {
    size_t size = 0;

    for (size_t i = 0; i < s3->http->header_count; i++) {
        const char *name = s3->http->headers[i].name, *value = s3->http->headers[i].value, *before;
        char *kept_name;

        if (strncasecmp(name, "x-amz-meta-", 11) != 0 || !name[11]) {
            continue;
        }
        size += strlen(name + 11) + strlen(value);
        if (size > S3_MAX_META) {
            return s3_error(s3, "MetadataTooLarge", "Size", arena_printf(s3->arena, "%zu", size), "MaxSizeAllowed", "2048",
                            NULL), false;
        }
        kept_name = arena_printf(s3->arena, "meta-%s", name + 11);
        for (char *at = kept_name; *at; at++) {
            *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
        }
        before = store_meta_get(meta, kept_name);
        store_meta_set(s3->arena, meta, kept_name, before ? arena_printf(s3->arena, "%s,%s", before, value) : value);
    }
    return true;
}

/* The coding of the transfer is none of the object's. */
static const char *without_chunked(struct arena *arena, const char *coding) {
    const char *kept_codings = "", *one;
    size_t size;

    if (!strcasestr(coding, "aws-chunked")) {
        return coding;
    }
    while (words_next(&coding, &one, &size)) {
        if (size != 11 || strncasecmp(one, "aws-chunked", 11) != 0) {
            kept_codings = arena_printf(arena, "%s%s%.*s", kept_codings, *kept_codings ? "," : "", (int)size, one);
        }
    }
    return kept_codings;
}

/* What others put belongs to the bucket's owner when the bucket says so. */
static bool gives_away(struct s3 *s3) {
    enum s3_ownership ownership = s3_ownership(s3->arena, &s3->found.container);
    const char *canned = s3_header(s3, "x-amz-acl");

    return ownership == S3_OWNER_ENFORCED ||
           (ownership == S3_OWNER_PREFERRED && canned && !strcmp(canned, "bucket-owner-full-control"));
}

bool s3_read_object_headers(struct s3 *s3, struct store_object *object) {
    const char *class = s3_header(s3, "x-amz-storage-class"), *type = s3_header(s3, "Content-Type"), *tags, *grants;
    const char *project = s3->call->caller.project_id;
    struct store_meta *meta = &object->meta;

    if (s3_header(s3, "x-amz-website-redirect-location")) {
        return s3_error(s3, "NotImplemented", "Header", "x-amz-website-redirect-location", NULL), false;
    }
    if (!s3_encryption_asked(s3)) {
        return false;
    }
    s3_customer_begin(s3, meta);
    if (class && strcmp(class, "STANDARD") != 0) {
        return s3_error(s3, "InvalidStorageClass", "StorageClassRequested", class, NULL), false;
    }
    object->type = type && *type ? type : "binary/octet-stream";
    for (int i = 0; i < KEPT; i++) {
        const char *value = s3_header(s3, kept[i].header);

        value = value && i == 2 ? without_chunked(s3->arena, value) : value;
        if (value && *value) {
            store_meta_set(s3->arena, meta, kept[i].name, value);
        }
    }
    if (!read_meta(s3, meta) || !s3_header_tags(s3, &tags) || !s3_lock_read_headers(s3, meta) ||
        !s3_read_grants(s3, project ? project : s3_project_of(s3->account), &grants)) {
        return false;
    }
    if (tags && *tags) {
        store_meta_set(s3->arena, meta, "sys-s3-tags", tags);
    }
    if (grants) {
        store_meta_set(s3->arena, meta, "sys-s3-acl", grants);
    }
    if (project && strcmp(project, s3_project_of(s3->account)) != 0 && !gives_away(s3)) {
        store_meta_set(s3->arena, meta, "sys-s3-owner", project);
    }
    return true;
}

/* ---- PUT ---- */

void s3_read_quotas(struct s3 *s3) {
    struct store_find find = {.account = s3->account, .want_account = ACCOUNT_META};
    struct store_found found;
    struct swift *sw = s3_swift(s3, s3->account, &s3->found);

    if (store_find(s3->arena, &find, &found) == STORE_OK) {
        sw->found.account = found.account;
    }
    swift_read_quotas(sw);
    s3->change.quota_bytes = sw->change.quota_bytes;
    s3->change.quota_objects = sw->change.quota_objects;
    s3->change.account_bytes = sw->change.account_bytes;
    s3->change.account_objects = sw->change.account_objects;
}

bool s3_object_begin(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (!s3_allow_bucket(s3, S3_WRITE) || !s3_write_conditions(s3)) {
        return false;
    }
    if (swift_keeps_old(s3_swift(s3, s3->account, &s3->found))) {
        /* Swift's older way of versions is a matter of its own door. */
        return s3_error(s3, "InvalidBucketState", NULL), false;
    }
    s3_read_quotas(s3);
    if (s3_header(s3, "x-amz-copy-source")) {
        s3->http->on_worker = true;
        return true;
    }
    return s3_read_object_headers(s3, &s3->change.object) && s3_body_begin(s3);
}

bool s3_put_done(struct s3 *s3) {
    const struct store_change *change = &s3->change;
    const char *etag = store_meta_get(&change->object.meta, "sys-s3-etag");
    struct store_object written;

    if (change->result != STORE_CREATED) {
        if (change->result == STORE_PRECONDITION) {
            s3_error(s3, "PreconditionFailed", "Condition", change->if_absent ? "If-None-Match" : "If-Match", NULL);
        } else {
            s3_failed(s3, change->result);
        }
        return false;
    }
    s3_put_header(s3, "ETag", "\"%s\"", etag ? etag : change->upload->etag);
    written = change->object;
    written.name = change->name;
    written.modified = change->modified;
    s3_write_expiration(s3, &written);
    s3_encryption_written(s3, &change->object.meta);
    if (change->made_version) {
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, change->made_version));
    }
    return true;
}

static void put_done(struct s3 *s3) {
    if (s3_put_done(s3)) {
        s3_write_sum(s3, &s3->change.object.meta);
        s3_status(s3, 200);
    }
}

bool s3_object_put(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (s3_header(s3, "x-amz-copy-source")) {
        return s3_copy(s3);
    }
    if (!s3_body_end(s3)) {
        return true;
    }
    s3_body_keep_sum(s3, &s3->change.object.meta);
    s3->change.upload = s3->upload;
    return s3_change(s3, store_put_object, put_done);
}

/* ---- GET and HEAD ---- */

static void write_headers(struct s3 *s3, const struct store_object *object) {
    const struct store_meta *meta = &object->meta;
    const char *mode = s3_header(s3, "x-amz-checksum-mode"), *tags = store_meta_get(meta, "sys-s3-tags");

    s3_last_modified(s3, object->modified);
    s3_put_header(s3, "Accept-Ranges", "bytes");
    if (s3->found.container.versions != VERSIONS_OFF) {
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, object->version));
    }
    for (size_t i = 0; i < meta->count; i++) {
        if (!strncmp(meta->at[i].name, "meta-", 5)) {
            s3_put_header(s3, arena_printf(s3->arena, "x-amz-meta-%s", meta->at[i].name + 5), "%s",
                          *meta->at[i].value ? meta->at[i].value : " ");
        }
    }
    for (int i = 0; i < KEPT; i++) {
        const char *value = kept[i].argument ? s3_argument(s3, kept[i].argument) : NULL;

        value = value ? value : store_meta_get(meta, kept[i].name);
        if (value) {
            s3_put_header(s3, kept[i].header, "%s", value);
        }
    }
    s3_lock_write_headers(s3, meta);
    s3_write_expiration(s3, object);
    if (tags) {
        s3_put_header(s3, "x-amz-tagging-count", "%d", s3_count_tags(s3, tags));
    }
    /* Of a part it is the part's: choose_part. */
    if (mode && !strcasecmp(mode, "ENABLED") && !s3_header(s3, "Range") && !s3_argument(s3, "partNumber")) {
        s3_write_sum(s3, meta);
    }
}

static const char *type_of(struct s3 *s3, const struct store_object *object) {
    const char *type = s3_argument(s3, "response-content-type");

    return type ? type : object->type;
}

/* What the parts of Swift's API answered in its own words, in S3's. */
static bool translate(struct s3 *s3) {
    switch (s3->http->response.status) {
    case 401:
    case 403:
        return s3_error(s3, "AccessDenied", NULL);
    case 404:
        return s3_error(s3, "NoSuchKey", "Key", s3->key, NULL);
    default:
        return s3_error(s3, "InternalError", NULL);
    }
}

/* The bytes that came with the object. */
static void open_text(struct s3 *s3, struct swift_piece *piece) {
    if (piece->text && piece->cipher) {
        char *opened = arena_alloc(s3->arena, (size_t)piece->size + 1);

        seal_bytes(piece->cipher, 0, piece->text, opened, (size_t)piece->size);
        piece->text = opened;
    }
}

bool s3_gather(struct s3 *s3, const struct s3_customer *customer, const char **account, struct store_found *found,
               struct swift_pieces *ret) {
    struct swift *sw = s3_swift(s3, *account, found);
    const char *name = found->object.name;

    if (found->object.kind == STORE_LINK && !swift_symlink_follow(sw, account, found)) {
        return translate(s3), false;
    }
    if (!swift_is_large(&found->object)) {
        *ret = (struct swift_pieces){.count = 1, .size = found->object.size};
        ret->at = ARENA_NEW(s3->arena, struct swift_piece);
        *ret->at = (struct swift_piece){.text = found->object.bytes, .account = *account, .container = found->container.name,
                                        .object = &found->object, .size = found->object.size};
        if (!s3_customer_open(s3, customer, ret)) {
            return false;
        }
        open_text(s3, ret->at);
        return true;
    }
    sw->opens = true;
    /* Parts of an upload of this API were written for this object: who may read it may read them. */
    sw->lends = store_meta_get(&found->object.meta, "sys-s3-upload") && !strcmp(name, found->object.name);
    return swift_gather(sw, *account, found, ret) ? s3_customer_open(s3, customer, ret) : (translate(s3), false);
}

/* ?partNumber=: which bytes of the object. False: answered. */
static bool choose_part(struct s3 *s3, const struct swift_pieces *pieces, struct http_range *range) {
    const char *text = s3_argument(s3, "partNumber"), *mode = s3_header(s3, "x-amz-checksum-mode");
    bool multipart = store_meta_get(&s3->found.object.meta, "sys-s3-upload");
    size_t number = strspn(text, "0123456789") == strlen(text) && strlen(text) < 6 ? (size_t)strtoul(text, NULL, 10) : 0;

    if (!number || number > S3_MAX_PARTS) {
        return s3_error_because(s3, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive"), false;
    }
    if (s3_header(s3, "Range")) {
        return s3_error_because(s3, "InvalidRequest", "Cannot specify both Range header and partNumber query parameter"), false;
    }
    if (number > (multipart ? pieces->count : 1)) {
        return s3_error(s3, "InvalidPartNumber", "PartNumberRequested", text, "ActualPartCount",
                        arena_printf(s3->arena, "%zu", multipart ? pieces->count : 1), NULL), false;
    }
    *range = (struct http_range){0, pieces->size};
    if (mode && !strcasecmp(mode, "ENABLED")) {
        s3_write_part_sum(s3, &s3->found.object.meta, multipart && pieces->at[number - 1].object ? &pieces->at[number - 1].object->meta
                                                                      : &s3->found.object.meta);
    }
    if (multipart) {
        for (size_t i = 0; i + 1 < number; i++) {
            range->first += pieces->at[i].size;
        }
        range->size = pieces->at[number - 1].size;
        s3_put_header(s3, "x-amz-mp-parts-count", "%zu", pieces->count);
    }
    return true;
}

/* The bytes that are asked for, by Range or partNumber; a status of 0: answered. */
static int choose_range(struct s3 *s3, const struct swift_pieces *pieces, struct http_range *range) {
    struct http_request get = *s3->http;
    int count;

    if (s3_argument(s3, "partNumber")) {
        return choose_part(s3, pieces, range) ? 206 : 0;
    }
    get.method = HTTP_GET;              /* HEAD is told what GET would be */
    count = s3_header(s3, "Range") ? http_ranges(&get, pieces->size, range, 1) : 0;
    if (count < 0) {
        s3_error(s3, "InvalidRange", "RangeRequested", s3_header(s3, "Range"), "ActualObjectSize",
                 arena_printf(s3->arena, "%" PRId64, pieces->size), NULL);
        s3_put_header(s3, "Content-Range", "bytes */%" PRId64, pieces->size);
        return 0;
    }
    if (!count) {
        *range = (struct http_range){0, pieces->size};
    }
    return count ? 206 : 200;
}

/* More than one range is asked for: they come as parts of one body. */
static bool has_ranges(struct s3 *s3, int64_t size) {
    const char *text = s3_header(s3, "Range");
    struct http_range ranges[MAX_RANGES];

    return text && strchr(text, ',') && !s3_argument(s3, "partNumber") && http_ranges(s3->http, size, ranges, MAX_RANGES) > 1;
}

static bool respond(struct s3 *s3, const char *account, struct store_found *found, const char *etag) {
    struct swift_pieces pieces;
    struct http_range range;
    int status;

    if (found->damaged) {
        return s3_error_because(s3, "InternalError", "The object's bytes are damaged; they are not given out.");
    }
    if (!s3_gather(s3, &s3->customer, &account, found, &pieces)) {
        return true;
    }
    s3_put_header(s3, "ETag", "%s", etag);
    write_headers(s3, &found->object);
    s3_encryption_read(s3, &found->object, &pieces);
    if (has_ranges(s3, pieces.size)) {
        return swift_respond_pieces(s3_swift(s3, account, found), pieces.at, pieces.count, pieces.size, type_of(s3, &found->object));
    }
    status = choose_range(s3, &pieces, &range);
    if (!status) {
        return true;
    }
    s3_put_header(s3, "Content-Type", "%s", type_of(s3, &found->object));
    if (status == 206) {
        s3_put_header(s3, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64, range.first,
                      range.first + range.size - 1, pieces.size);
    }
    s3->http->response.status = status;
    if (pieces.count == 1 && pieces.at->text && s3->http->method == HTTP_GET) {
        buf_put(&s3->http->response.body, pieces.at->text + pieces.at->first + range.first, (size_t)range.size);
    } else {
        swift_send_pieces(s3_swift(s3, account, found), pieces.at, pieces.count, range.first, range.size);
    }
    return true;
}

/* Arguments that replace headers of the answer are for who signed them. */
static bool overrides_unsigned(struct s3 *s3) {
    bool any = s3_argument(s3, "response-content-type");

    for (int i = 0; i < KEPT; i++) {
        any = any || (kept[i].argument && s3_argument(s3, kept[i].argument));
    }
    return any && s3->signature.by == S3_NOBODY;
}

static bool take_marker(void *user, const struct store_object *object) {
    struct s3 *s3 = user;

    if (!strcmp(object->name, s3->key) && object->kind == STORE_MARKER) {
        s3_put_header(s3, "x-amz-delete-marker", "true");
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, object->version));
    }
    return false;
}

/* Of an object that is not there any more: its newest version is a marker. */
static void tell_marker(struct s3 *s3) {
    struct store_list list = {.account = s3->account, .container = s3->bucket, .prefix = s3->key, .versions = true, .limit = 1,
                              .on_object = take_marker, .user = s3};

    if (s3->looked == STORE_MISSING && s3->version == STORE_CURRENT && s3->found.container.versions != VERSIONS_OFF &&
        s3->http->response.status == 404) {
        store_list(s3->arena, &list, NULL);
    }
}

bool s3_object_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct store_object *object = &s3->found.object;
    const char *etag;
    int status;

    if (!s3_allow_object(s3, S3_READ)) {
        tell_marker(s3);
        return true;
    }
    if (!s3_encryption_of_read(s3) || !s3_customer_fits(s3, &s3->customer, &object->meta)) {
        return true;
    }
    if (overrides_unsigned(s3)) {
        return s3_error_because(s3, "InvalidRequest", "Request specific response headers cannot be used for anonymous GET "
                                                      "requests.");
    }
    if (object->kind == STORE_MARKER) {
        if (s3->version == STORE_CURRENT) {
            s3_error(s3, "NoSuchKey", "Key", s3->key, NULL);
        } else {
            s3_error(s3, "MethodNotAllowed", "Method", s3->http->method_name, "ResourceType", "DeleteMarker", NULL);
        }
        s3_put_header(s3, "x-amz-delete-marker", "true");
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, object->version));
        return true;
    }
    etag = s3_etag(s3->arena, object);
    status = s3_conditions(s3, "", etag, object->modified);
    if (status == 412) {
        return s3_error(s3, "PreconditionFailed", NULL);
    }
    if (status == 304) {
        s3_put_header(s3, "ETag", "%s", etag);
        s3_last_modified(s3, object->modified);
        return s3_status(s3, 304);
    }
    return respond(s3, s3->account, &s3->found, etag);
}

/* ---- DELETE ---- */

static void deleted(struct s3 *s3) {
    const struct store_change *change = &s3->change;

    if (change->result == STORE_PRECONDITION) {
        s3_error(s3, "PreconditionFailed", "Condition", "If-Match", NULL);
        return;
    }
    if (change->result != STORE_OK && change->result != STORE_MISSING) {
        s3_failed(s3, change->result);
        return;
    }
    if (change->version != STORE_CURRENT) {
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, change->version));
        if (change->was.kind == STORE_MARKER) {
            s3_put_header(s3, "x-amz-delete-marker", "true");
        }
    } else if (s3->found.container.versions != VERSIONS_OFF) {
        s3_put_header(s3, "x-amz-delete-marker", "true");
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, change->made_version));
    }
    s3_status(s3, 204);
}

bool s3_object_delete(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *match = s3_header(s3, "If-Match");

    if (!s3_allow_bucket(s3, S3_WRITE) || (match && !match_current(s3, match))) {
        return true;
    }
    s3->change.restore = true;
    s3->change.bypass = s3_lock_bypasses(s3, s3->key);
    return s3_change(s3, store_delete_object, deleted);
}
