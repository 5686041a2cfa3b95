/* SPDX-License-Identifier: Apache-2.0
 * Multipart uploads. An upload is an object "KEY\1ID" in container BUCKET+uploads, which has the headers of what will be;
 * its parts are objects "KEY/ID/NUMBER" in BUCKET+segments. Completing it writes a manifest of the parts as Swift's static
 * large objects are, so that every API reads it; its pair "sys-s3-upload" says whose parts they are.
 *
 * Uploading a part, completing and aborting one upload exclude each other, so that no part changes under a manifest. */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/json.h"
#include "base/map.h"
#include "object_store/s3_config.h"
#include "object_store/s3_customer.h"
#include "object_store/s3_upload.h"
#include "object_store/swift_parts.h"
#include "object_store/xml.h"

enum { SMALLEST_PART = 5 * 1024 * 1024, LOCKS = 64 };

static pthread_mutex_t locks[LOCKS] = {[0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t *lock_of(const char *id) {
    pthread_mutex_t *lock = &locks[map_hash(id, strlen(id)) % LOCKS];

    pthread_mutex_lock(lock);
    return lock;
}

const char *s3_segments(struct s3 *s3) {
    return arena_printf(s3->arena, "%s" S3_SEGMENTS, s3->bucket);
}

const char *s3_uploads(struct s3 *s3) {
    return arena_printf(s3->arena, "%s" S3_UPLOADS, s3->bucket);
}

static const char *part_prefix(struct s3 *s3, const char *id) {
    return arena_printf(s3->arena, "%s/%s/", s3->key, id);
}

/* The upload that ?uploadId= names. */
static enum store_result find_upload(struct s3 *s3, struct store_found *ret) {
    const char *id = s3_argument(s3, "uploadId");
    struct store_find find = {.account = s3->account, .container = s3_uploads(s3), .version = STORE_CURRENT,
                              .name = arena_printf(s3->arena, "%s\x01%s", s3->key, id)};
    enum store_result result = strchr(id, 1) ? STORE_MISSING : store_find(s3->arena, &find, ret);

    return result == STORE_NO_CONTAINER ? STORE_MISSING : result;
}

static bool missing_upload(struct s3 *s3, enum store_result result) {
    return (result == STORE_MISSING ? s3_error(s3, "NoSuchUpload", "UploadId", s3_argument(s3, "uploadId"), NULL)
                                    : s3_failed(s3, result)), false;
}

bool s3_find_upload(struct s3 *s3, struct store_found *ret) {
    enum store_result result = find_upload(s3, ret);

    return result == STORE_OK || missing_upload(s3, result);
}

/* ---- beginning one ---- */

static enum store_result need_container(struct s3 *s3, const char *container) {
    struct store_find find = {.account = s3->account, .container = container};
    struct store_change change = {.arena = s3->arena, .account = s3->account, .container = container, .policy = -1};
    struct store_found found;
    enum store_result result = store_find(s3->arena, &find, &found);

    if (result == STORE_NO_CONTAINER) {
        result = store_put_container(&change);
    }
    return result == STORE_CREATED ? STORE_OK : result;
}

bool s3_upload_post(struct call *call) {
    struct s3 *s3 = s3_of(call);
    struct store_object *object = &s3->change.object;
    const char *id = arena_printf(s3->arena, "%014llx%.18s", (unsigned long long)clock_now(), id_hex(s3->arena));
    struct s3_upload_sum sum;
    enum store_result result;
    struct buf *out;

    if (!s3_allow_bucket(s3, S3_WRITE) || !s3_read_object_headers(s3, object) || !s3_upload_sum_header(s3, &sum)) {
        return true;
    }
    result = need_container(s3, s3_segments(s3));
    result = result == STORE_OK ? need_container(s3, s3_uploads(s3)) : result;
    if (result != STORE_OK) {
        return s3_failed(s3, result);
    }
    if (call->caller.user_id) {
        store_meta_set(s3->arena, &object->meta, "sys-s3-initiator", call->caller.project_id);
    }
    if (sum.kind) {
        store_meta_set(s3->arena, &object->meta, "sys-s3-sum-of", s3_upload_sum_text(s3->arena, &sum));
        s3_put_header(s3, "x-amz-checksum-algorithm", "%s", s3_header(s3, "x-amz-checksum-algorithm"));
        s3_put_header(s3, "x-amz-checksum-type", "%s", sum.composite ? "COMPOSITE" : "FULL_OBJECT");
    }
    s3->change.container = s3_uploads(s3);
    s3->change.name = arena_printf(s3->arena, "%s\x01%s", s3->key, id);
    s3->change.upload = store_upload_new(s3->arena);
    store_upload_end(s3->change.upload);
    result = store_put_object(&s3->change);
    if (result != STORE_CREATED) {
        return s3_failed(s3, result);
    }
    s3_encryption_written(s3, &object->meta);
    out = s3_xml(s3, "InitiateMultipartUploadResult");
    xml_member(out, "Bucket", s3->bucket);
    xml_member(out, "Key", s3->key);
    xml_member(out, "UploadId", id);
    BUF_LITERAL(out, "</InitiateMultipartUploadResult>");
    return true;
}

/* ---- parts ---- */

static int read_number(const char *text) {
    size_t size = strspn(text, "0123456789");
    int number = size && size < 6 && !text[size] ? atoi(text) : 0;

    return number <= S3_MAX_PARTS ? number : 0;
}

bool s3_part_begin(struct call *call) {
    struct s3 *s3 = s3_of(call);
    struct store_found upload;

    if (!s3_allow_bucket(s3, S3_WRITE)) {
        return false;
    }
    if (!read_number(s3_argument(s3, "partNumber"))) {
        return s3_error_because(s3, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive"), false;
    }
    if (!s3_encryption_asked(s3) || !s3_find_upload(s3, &upload) || !s3_customer_fits_upload(s3, &upload.object.meta, true)) {
        return false;
    }
    s3_customer_begin(s3, &s3->change.object.meta);
    s3->sum_kind = s3_upload_sum_of(&upload.object).kind;
    s3_read_quotas(s3);
    s3->change.quota_objects = 0;       /* parts are no objects of the bucket, but their bytes are its bytes */
    s3->http->on_worker = true;
    return s3_header(s3, "x-amz-copy-source") || s3_body_begin(s3);
}

static enum store_result put_part(struct s3 *s3) {
    const char *id = s3_argument(s3, "uploadId");
    pthread_mutex_t *lock = lock_of(id);
    struct store_found upload;
    enum store_result result = find_upload(s3, &upload);

    if (result == STORE_OK) {
        s3->change.container = s3_segments(s3);
        s3->change.name = arena_printf(s3->arena, "%s%05d", part_prefix(s3, id), read_number(s3_argument(s3, "partNumber")));
        s3->change.upload = s3->upload;
        s3->change.object.type = "application/octet-stream";
        result = store_put_object(&s3->change);
    }
    pthread_mutex_unlock(lock);
    return result;
}

bool s3_part_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    struct s3_source source = {0};
    bool copies = s3_header(s3, "x-amz-copy-source");
    enum store_result result;

    if (copies ? !s3_copy_source(s3, &source) || !s3_copy_bytes(s3, &source) : !s3_body_end(s3)) {
        return true;
    }
    if (!copies) {
        s3_body_keep_sum(s3, &s3->change.object.meta);
    }
    result = put_part(s3);
    if (result != STORE_CREATED) {
        missing_upload(s3, result);
        return true;
    }
    s3_encryption_written(s3, &s3->change.object.meta);
    if (!copies) {
        s3_put_header(s3, "ETag", "\"%s\"", s3->upload->etag);
        s3_write_sum(s3, &s3->change.object.meta);
        return s3_status(s3, 200);
    }
    return s3_copy_result(s3, "CopyPartResult", &source);
}

/* ---- completing ---- */

struct completion {
    struct s3 *s3;
    const char *prefix;
    struct json_out out;
    struct buf text;
    struct digest *tags;            /* of the digests in hex, as Swift makes it */
    struct digest *bytes;           /* of the digests, as S3 makes it */
    struct s3_whole_sum sum;
    int64_t size;
    int count, last;
    bool small;                     /* the part before is too small to have another behind it */
};

static void add_bytes(struct digest *digest, const char *hex) {
    uint8_t md5[16];

    if (hex_read(hex, md5, sizeof md5)) {
        digest_add(digest, md5, sizeof md5);
    }
}

static void add_segment(struct completion *completion, const char *name, const struct store_object *object) {
    struct s3 *s3 = completion->s3;
    struct json_out *out = &completion->out;
    char time[TIME_TEXT_SIZE];

    json_map(out);
    json_put_text(out, "name", arena_printf(s3->arena, "/%s/%s", s3_segments(s3), name));
    json_put_int(out, "bytes", object->size);
    json_put_text(out, "hash", object->etag);
    json_put_text(out, "content_type", object->type);
    json_put_text(out, "last_modified", time_print(object->modified, TIME_MICRO, time));
    json_map_end(out);
    digest_add(completion->tags, object->etag, strlen(object->etag));
    add_bytes(completion->bytes, object->etag);
    completion->size += object->size;
    completion->count++;
}

/* The ETag of an entry without the quotes that may be around it. */
static const char *unquoted(struct arena *arena, const char *text) {
    size_t size = strlen(text);

    return size >= 2 && *text == '"' && text[size - 1] == '"' ? arena_text_size(arena, text + 1, size - 2) : text;
}

/* False: answered. */
static bool add_part(struct completion *completion, const struct xml_node *part) {
    struct s3 *s3 = completion->s3;
    const char *number_text = xml_child_text(part, "PartNumber"), *etag = xml_child_text(part, "ETag");
    int number = number_text ? read_number(number_text) : 0;
    struct store_find find = {.account = s3->account, .container = s3_segments(s3), .version = STORE_CURRENT,
                              .name = arena_printf(s3->arena, "%s%05d", completion->prefix, number)};
    struct store_found found;
    enum store_result result;

    if (strcmp(part->name, "Part") != 0 || !number_text || !etag) {
        return s3_error(s3, "MalformedXML", NULL), false;
    }
    if (number && number <= completion->last) {
        return s3_error(s3, "InvalidPartOrder", "UploadId", s3_argument(s3, "uploadId"), NULL), false;
    }
    completion->last = number;
    result = number ? store_find(s3->arena, &find, &found) : STORE_MISSING;
    if (result == STORE_FAILED) {
        return s3_failed(s3, result), false;
    }
    if (result != STORE_OK || strcmp(unquoted(s3->arena, etag), found.object.etag) != 0) {
        return s3_error(s3, "InvalidPart", "UploadId", s3_argument(s3, "uploadId"), "PartNumber", number_text, "ETag", etag,
                        NULL), false;
    }
    if (completion->small) {
        return s3_error(s3, "EntityTooSmall", "MinSizeAllowed", "5242880", "PartNumber", number_text, NULL), false;
    }
    completion->small = found.object.size < SMALLEST_PART;
    add_segment(completion, find.name, &found.object);
    return s3_whole_sum_add(s3, &completion->sum, part, &found.object);
}

static bool add_parts(struct completion *completion) {
    struct s3 *s3 = completion->s3;
    const struct xml_node *root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);

    if (!root || strcmp(root->name, "CompleteMultipartUpload") != 0 || !root->first) {
        return s3_error(s3, "MalformedXML", NULL), false;
    }
    json_list(&completion->out);
    for (const struct xml_node *part = root->first; part; part = part->next) {
        if (!add_part(completion, part)) {
            return false;
        }
    }
    json_list_end(&completion->out);
    return true;
}

static enum store_result put_manifest(struct completion *completion, const struct store_object *upload) {
    struct s3 *s3 = completion->s3;
    struct store_object *object = &s3->change.object;
    const char *tags = digest_hex(completion->tags, s3->arena), *bytes = digest_hex(completion->bytes, s3->arena);
    enum store_result result;

    completion->tags = completion->bytes = NULL;
    *object = (struct store_object){.type = upload->type, .kind = STORE_MANIFEST};
    for (size_t i = 0; i < upload->meta.count; i++) {
        if (strcmp(upload->meta.at[i].name, "sys-s3-initiator") != 0 && strcmp(upload->meta.at[i].name, "sys-s3-sum-of") != 0) {
            store_meta_set(s3->arena, &object->meta, upload->meta.at[i].name, upload->meta.at[i].value);
        }
    }
    store_meta_set(s3->arena, &object->meta, "sys-slo-etag", tags);
    store_meta_set(s3->arena, &object->meta, "sys-slo-size", arena_printf(s3->arena, "%" PRId64, completion->size));
    store_meta_set(s3->arena, &object->meta, "sys-s3-etag", arena_printf(s3->arena, "%s-%d", bytes, completion->count));
    store_meta_set(s3->arena, &object->meta, "sys-s3-upload", s3_argument(s3, "uploadId"));
    s3->change.upload = store_upload_new(s3->arena);
    store_upload_add(s3->change.upload, completion->text.at, completion->text.size);
    result = store_upload_end(s3->change.upload);
    return result == STORE_OK ? store_put_object(&s3->change) : result;
}

/* ---- the end of an upload: its parts that nothing asks for go by themselves (parts.c) ---- */

static void remove_record(struct arena *arena, const char *account, const char *bucket, const char *key, const char *id) {
    struct store_change change = {.arena = arena, .account = account, .container = arena_printf(arena, "%s" S3_UPLOADS, bucket),
                                  .version = STORE_CURRENT, .name = arena_printf(arena, "%s\x01%s", key, id)};

    store_delete_object(&change);
}

static void remove_upload(struct s3 *s3) {
    remove_record(s3->arena, s3->account, s3->bucket, s3->key, s3_argument(s3, "uploadId"));
}

void s3_upload_drop(struct arena *arena, const char *account, const char *bucket, const char *key, const char *id) {
    pthread_mutex_t *lock = lock_of(id);

    remove_record(arena, account, bucket, key, id);
    pthread_mutex_unlock(lock);
}

/* ---- the operations ---- */

static bool respond_completed(struct s3 *s3, const struct store_meta *meta, int64_t version) {
    struct buf *out, location = {0};

    if (version) {
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, version));
    }
    s3_encryption_written(s3, meta);
    http_encode(&location, s3->key, "/");
    out = s3_xml(s3, "CompleteMultipartUploadResult");
    xml_member(out, "Location", arena_printf(s3->arena, "%s/%s/%s", call_base_url(s3->call), s3->bucket, location.at));
    xml_member(out, "Bucket", s3->bucket);
    xml_member(out, "Key", s3->key);
    xml_member(out, "ETag", arena_printf(s3->arena, "\"%s\"", store_meta_get(meta, "sys-s3-etag")));
    s3_write_sum_xml(s3, out, store_meta_get(meta, "sys-s3-sum"), true);
    BUF_LITERAL(out, "</CompleteMultipartUploadResult>");
    buf_release(&location);
    return true;
}

/* An upload that was completed already, by a request whose answer did not arrive. */
static bool completed_before(struct s3 *s3) {
    struct store_find find = {.account = s3->account, .container = s3->bucket, .name = s3->key, .version = STORE_CURRENT};
    struct store_found found;
    const char *id;

    if (store_find(s3->arena, &find, &found) != STORE_OK) {
        return false;
    }
    id = store_meta_get(&found.object.meta, "sys-s3-upload");
    return id && !strcmp(id, s3_argument(s3, "uploadId")) &&
           respond_completed(s3, &found.object.meta, found.object.version);
}

/* What the client says the object's size is. False: answered. */
static bool check_size(struct completion *completion) {
    const char *text = s3_header(completion->s3, "x-amz-mp-object-size");

    return !text || !strcmp(text, arena_printf(completion->s3->arena, "%" PRId64, completion->size)) ||
           (s3_error_because(completion->s3, "InvalidRequest", "The provided 'x-amz-mp-object-size' header does not match what was "
                                                               "computed."), false);
}

/* Under the lock. */
static void complete(struct completion *completion) {
    struct s3 *s3 = completion->s3;
    struct store_found upload;
    enum store_result result = find_upload(s3, &upload);
    const char *sum;

    if (result != STORE_OK) {
        if (result != STORE_MISSING || !completed_before(s3)) {
            missing_upload(s3, result);
        }
        return;
    }
    if (!s3_customer_fits_upload(s3, &upload.object.meta, false) || !s3_whole_sum_begin(s3, &upload.object, &completion->sum) || !add_parts(completion) || !check_size(completion) ||
        !s3_whole_sum_end(s3, &completion->sum, &sum)) {
        return;
    }
    if (sum) {
        store_meta_set(s3->arena, &upload.object.meta, "sys-s3-sum", sum);
    }
    if (put_manifest(completion, &upload.object) != STORE_CREATED) {
        s3_put_done(s3);            /* answers what it failed with */
        return;
    }
    remove_upload(s3);
    respond_completed(s3, &s3->change.object.meta, s3->change.made_version);
}

bool s3_upload_complete(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *id = s3_argument(s3, "uploadId");
    struct completion completion = {.s3 = s3, .prefix = part_prefix(s3, id), .tags = digest_new("md5"),
                                    .bytes = digest_new("md5")};

    completion.out.buf = &completion.text;
    if (s3_allow_bucket(s3, S3_WRITE) && s3_write_conditions(s3) && s3_customer_read(s3, "x-amz-", &s3->customer)) {
        pthread_mutex_t *lock = lock_of(id);

        complete(&completion);
        pthread_mutex_unlock(lock);
    }
    digest_free(completion.tags);
    digest_free(completion.bytes);
    s3_whole_sum_free(&completion.sum);
    buf_release(&completion.text);
    return true;
}

bool s3_upload_abort(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *id = s3_argument(s3, "uploadId");
    struct store_found upload;

    if (s3_allow_bucket(s3, S3_WRITE)) {
        pthread_mutex_t *lock = lock_of(id);

        if (s3_find_upload(s3, &upload)) {
            remove_upload(s3);
            s3_status(s3, 204);
        }
        pthread_mutex_unlock(lock);
    }
    return true;
}
