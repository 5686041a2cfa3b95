/* SPDX-License-Identifier: Apache-2.0
 * Listings of multipart uploads of a bucket, and of the parts of one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "object_store/s3_upload.h"
#include "object_store/xml.h"

/* A count out of the query, 'most' when there is none. False: answered. */
static bool read_count(struct s3 *s3, const char *name, int64_t most, int64_t *ret) {
    const char *text = s3_argument(s3, name);

    *ret = most;
    if (!text || !*text) {
        return true;
    }
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 10 || strtoll(text, NULL, 10) > INT32_MAX) {
        return s3_error_because(s3, "InvalidArgument", "Argument %s must be an integer between 0 and 2147483647", name), false;
    }
    *ret = strtoll(text, NULL, 10);
    return true;
}

static void write_people(struct s3 *s3, struct buf *out, const struct store_object *upload) {
    const char *owner = s3_object_owner(s3->account, upload), *initiator = store_meta_get(&upload->meta, "sys-s3-initiator");

    BUF_LITERAL(out, "<Initiator>");
    s3_write_person(s3, out, initiator ? initiator : owner);
    BUF_LITERAL(out, "</Initiator><Owner>");
    s3_write_person(s3, out, owner);
    BUF_LITERAL(out, "</Owner><StorageClass>STANDARD</StorageClass>");
    s3_write_upload_sum(out, upload);
}

/* ---- parts ---- */

struct parts {
    struct s3 *s3;
    struct buf entries;
    int64_t count, most;
    const char *last;               /* number */
    bool more;
};

static bool add_part(void *user, const struct store_object *object) {
    struct parts *parts = user;
    struct buf *out = &parts->entries;

    if (parts->count == parts->most) {
        parts->more = true;
        return false;
    }
    parts->count++;
    parts->last = arena_printf(parts->s3->arena, "%d", atoi(strrchr(object->name, '/') + 1));
    BUF_LITERAL(out, "<Part>");
    xml_member(out, "PartNumber", parts->last);
    xml_member(out, "LastModified", s3_time(parts->s3->arena, object->modified));
    xml_member(out, "ETag", arena_printf(parts->s3->arena, "\"%s\"", object->etag));
    buf_printf(out, "<Size>%" PRId64 "</Size>", object->size);
    s3_write_sum_xml(parts->s3, out, store_meta_get(&object->meta, "sys-s3-sum"), false);
    BUF_LITERAL(out, "</Part>");
    return true;
}

static bool respond_parts(struct parts *parts, const struct store_object *upload, int64_t marker, bool encode) {
    struct s3 *s3 = parts->s3;
    struct buf *out = s3_xml(s3, "ListPartsResult");

    xml_member(out, "Bucket", s3->bucket);
    s3_write_name(out, "Key", s3->key, encode);
    xml_member(out, "UploadId", s3_argument(s3, "uploadId"));
    write_people(s3, out, upload);
    buf_printf(out, "<PartNumberMarker>%" PRId64 "</PartNumberMarker><NextPartNumberMarker>%s</NextPartNumberMarker>"
               "<MaxParts>%" PRId64 "</MaxParts>", marker, parts->last ? parts->last : "0", parts->most);
    if (encode) {
        xml_member(out, "EncodingType", "url");
    }
    xml_member(out, "IsTruncated", parts->more ? "true" : "false");
    buf_put(out, parts->entries.at ? parts->entries.at : "", parts->entries.size);
    BUF_LITERAL(out, "</ListPartsResult>");
    return true;
}

bool s3_parts_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    struct parts parts = {.s3 = s3};
    struct store_list list = {.account = s3->account, .container = s3_segments(s3), .on_object = add_part, .user = &parts,
                              .limit = INT64_MAX};
    const char *encoding = s3_argument(s3, "encoding-type");
    struct store_found upload;
    enum store_result result;
    int64_t marker;

    if (!s3_allow_bucket(s3, S3_READ) || !read_count(s3, "max-parts", S3_MAX_LIST, &parts.most) ||
        !read_count(s3, "part-number-marker", 0, &marker) || !s3_find_upload(s3, &upload)) {
        return true;
    }
    parts.most = parts.most < S3_MAX_LIST ? parts.most : S3_MAX_LIST;
    list.prefix = arena_printf(s3->arena, "%s/%s/", s3->key, s3_argument(s3, "uploadId"));
    list.marker = arena_printf(s3->arena, "%s%05" PRId64, list.prefix, marker < 99999 ? marker : 99999);
    result = store_list(s3->arena, &list, NULL);
    if (result == STORE_OK) {
        respond_parts(&parts, &upload.object, marker, encoding && !strcmp(encoding, "url"));
    } else {
        s3_failed(s3, result);
    }
    buf_release(&parts.entries);
    return true;
}

/* ---- uploads ---- */

struct uploads {
    struct s3 *s3;
    struct buf entries, common;
    const char *prefix, *delimiter;
    const char *skip;               /* a common prefix that an earlier page had */
    bool encode;
    int64_t count, most;
    const char *last_key, *last_id, *last_common;
    bool more;
};

/* The key is "KEY\1ID"; a common prefix is of the key alone, so it is found here and not by the store. */
static const char *common_of(struct uploads *uploads, const char *key) {
    size_t prefix = strlen(uploads->prefix);
    const char *found = uploads->delimiter ? strstr(key + prefix, uploads->delimiter) : NULL;

    return found ? arena_text_size(uploads->s3->arena, key, (size_t)(found - key) + strlen(uploads->delimiter)) : NULL;
}

static void write_upload(struct uploads *uploads, const char *key, const char *id, const struct store_object *object) {
    struct s3 *s3 = uploads->s3;
    struct buf *out = &uploads->entries;

    BUF_LITERAL(out, "<Upload>");
    s3_write_name(out, "Key", key, uploads->encode);
    xml_member(out, "UploadId", id);
    write_people(s3, out, object);
    xml_member(out, "Initiated", s3_time(s3->arena, object->modified));
    BUF_LITERAL(out, "</Upload>");
}

static bool add_upload(void *user, const struct store_object *object) {
    struct uploads *uploads = user;
    const char *separator = strrchr(object->name, 1), *key, *common;

    if (!separator) {
        return true;
    }
    key = arena_text_size(uploads->s3->arena, object->name, (size_t)(separator - object->name));
    if (strlen(key) < strlen(uploads->prefix)) {
        return true;
    }
    common = common_of(uploads, key);
    if (common && ((uploads->last_common && !strcmp(common, uploads->last_common)) ||
                   (uploads->skip && !strcmp(common, uploads->skip)))) {
        return true;
    }
    if (uploads->count == uploads->most) {
        uploads->more = true;
        return false;
    }
    uploads->count++;
    uploads->last_common = common;
    uploads->last_key = common ? common : key;
    uploads->last_id = common ? NULL : arena_text(uploads->s3->arena, separator + 1);
    if (common) {
        BUF_LITERAL(&uploads->common, "<CommonPrefixes>");
        s3_write_name(&uploads->common, "Prefix", common, uploads->encode);
        BUF_LITERAL(&uploads->common, "</CommonPrefixes>");
    } else {
        write_upload(uploads, key, uploads->last_id, object);
    }
    return true;
}

static void respond_uploads(struct uploads *uploads, const char *key_marker, const char *id_marker) {
    struct s3 *s3 = uploads->s3;
    struct buf *out = s3_xml(s3, "ListMultipartUploadsResult");

    xml_member(out, "Bucket", s3->bucket);
    s3_write_name(out, "KeyMarker", key_marker, uploads->encode);
    xml_member(out, "UploadIdMarker", id_marker);
    s3_write_name(out, "NextKeyMarker", uploads->last_key ? uploads->last_key : "", uploads->encode);
    xml_member(out, "NextUploadIdMarker", uploads->last_id ? uploads->last_id : "");
    if (uploads->delimiter) {
        s3_write_name(out, "Delimiter", uploads->delimiter, uploads->encode);
    }
    if (*uploads->prefix || uploads->delimiter) {
        s3_write_name(out, "Prefix", uploads->prefix, uploads->encode);
    }
    buf_printf(out, "<MaxUploads>%" PRId64 "</MaxUploads>", uploads->most);
    if (uploads->encode) {
        xml_member(out, "EncodingType", "url");
    }
    xml_member(out, "IsTruncated", uploads->more ? "true" : "false");
    buf_put(out, uploads->entries.at ? uploads->entries.at : "", uploads->entries.size);
    buf_put(out, uploads->common.at ? uploads->common.at : "", uploads->common.size);
    BUF_LITERAL(out, "</ListMultipartUploadsResult>");
}

static const char *given(const struct s3 *s3, const char *name) {
    const char *text = s3_argument(s3, name);

    return text ? text : "";
}

bool s3_uploads_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *key_marker = given(s3, "key-marker"), *id_marker = given(s3, "upload-id-marker");
    const char *encoding = given(s3, "encoding-type"), *delimiter = given(s3, "delimiter");
    struct uploads uploads = {.s3 = s3, .prefix = given(s3, "prefix"), .delimiter = *delimiter ? delimiter : NULL,
                              .encode = !strcmp(encoding, "url"), .skip = key_marker};
    struct store_list list = {.account = s3->account, .container = s3_uploads(s3), .prefix = uploads.prefix,
                              .limit = INT64_MAX, .on_object = add_upload, .user = &uploads};
    enum store_result result;

    if (!s3_allow_bucket(s3, S3_READ) || !read_count(s3, "max-uploads", S3_MAX_LIST, &uploads.most)) {
        return true;
    }
    if (*encoding && !uploads.encode) {
        return s3_error(s3, "InvalidArgument", "ArgumentName", "encoding-type", "ArgumentValue", encoding, NULL);
    }
    uploads.most = uploads.most < S3_MAX_LIST ? uploads.most : S3_MAX_LIST;
    if (*key_marker) {
        /* "~" sorts behind all ids: without an upload's marker the key's own uploads are passed over. */
        list.marker = arena_printf(s3->arena, "%s\x01%s", key_marker, *id_marker ? id_marker : "~");
    }
    result = store_list(s3->arena, &list, NULL);
    if (result == STORE_OK || result == STORE_NO_CONTAINER) {
        respond_uploads(&uploads, key_marker, id_marker);
    } else {
        s3_failed(s3, result);
    }
    buf_release(&uploads.entries);
    buf_release(&uploads.common);
    return true;
}
