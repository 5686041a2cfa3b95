/* SPDX-License-Identifier: Apache-2.0
 * GET ?attributes: what is known of an object, without its bytes
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/words.h"
#include "object_store/s3_config.h"
#include "object_store/s3_upload.h"
#include "object_store/swift_parts.h"
#include "object_store/xml.h"

/* A header with a number; 'otherwise' when it is not there. False: answered. */
static bool read_number(struct s3 *s3, const char *name, int64_t otherwise, int64_t *ret) {
    const char *text = s3_header(s3, name);

    *ret = otherwise;
    if (!text) {
        return true;
    }
    if (!*text || strlen(text) > 9 || strspn(text, "0123456789") != strlen(text)) {
        return s3_error(s3, "InvalidArgument", "ArgumentName", name, "ArgumentValue", text, NULL), false;
    }
    *ret = strtoll(text, NULL, 10);
    return true;
}

/* Every word is an attribute that there is, and there is one. False: answered. */
static bool check_wanted(struct s3 *s3, const char *wanted) {
    const char *rest = wanted, *word;
    size_t size, count = 0;

    while (rest && words_next(&rest, &word, &size)) {
        count++;
        if (!words_have("ETag Checksum ObjectParts StorageClass ObjectSize", arena_text_size(s3->arena, word, size))) {
            return s3_error_because(s3, "InvalidArgument", "Invalid attribute name specified."), false;
        }
    }
    return count || (s3_error_because(s3, "InvalidArgument", "The x-amz-object-attributes header is required."), false);
}

static void write_parts(struct s3 *s3, struct buf *out, const struct swift_pieces *pieces, int64_t marker, int64_t most) {
    size_t first = marker < (int64_t)pieces->count ? (size_t)marker : pieces->count, last;

    last = most < (int64_t)(pieces->count - first) ? first + (size_t)most : pieces->count;
    buf_printf(out, "<ObjectParts><PartsCount>%zu</PartsCount><PartNumberMarker>%" PRId64 "</PartNumberMarker><NextPartNumberMarker>%zu"
               "</NextPartNumberMarker><MaxParts>%" PRId64 "</MaxParts><IsTruncated>%s</IsTruncated>", pieces->count, marker, last,
               most, last < pieces->count ? "true" : "false");
    for (size_t i = first; i < last; i++) {
        const struct store_object *object = pieces->at[i].object;

        buf_printf(out, "<Part><PartNumber>%zu</PartNumber><Size>%" PRId64 "</Size>", i + 1, pieces->at[i].size);
        s3_write_sum_xml(s3, out, object ? store_meta_get(&object->meta, "sys-s3-sum") : NULL, false);
        BUF_LITERAL(out, "</Part>");
    }
    BUF_LITERAL(out, "</ObjectParts>");
}

static bool respond(struct s3 *s3, const char *wanted, const struct swift_pieces *pieces, int64_t marker, int64_t most) {
    const struct store_object *object = &s3->found.object;
    const char *etag = s3_etag(s3->arena, object), *sum = store_meta_get(&object->meta, "sys-s3-sum");
    struct buf *out = s3_xml(s3, "GetObjectAttributesResponse");

    if (words_have(wanted, "ETag")) {
        xml_member(out, "ETag", arena_text_size(s3->arena, etag + 1, strlen(etag) - 2));
    }
    if (words_have(wanted, "Checksum") && sum) {
        BUF_LITERAL(out, "<Checksum>");
        s3_write_sum_xml(s3, out, sum, true);
        BUF_LITERAL(out, "</Checksum>");
    }
    if (words_have(wanted, "ObjectParts") && store_meta_get(&object->meta, "sys-s3-upload")) {
        write_parts(s3, out, pieces, marker, most);
    }
    if (words_have(wanted, "StorageClass")) {
        xml_member(out, "StorageClass", "STANDARD");
    }
    if (words_have(wanted, "ObjectSize")) {
        buf_printf(out, "<ObjectSize>%" PRId64 "</ObjectSize>", pieces->size);
    }
    BUF_LITERAL(out, "</GetObjectAttributesResponse>");
    return true;
}

bool s3_object_attributes(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *wanted = s3_header(s3, "x-amz-object-attributes"), *account = s3->account;
    struct store_found found = s3->found;
    struct swift_pieces pieces;
    int64_t most, marker;

    if (!s3_allow_object(s3, S3_READ)) {
        return true;
    }
    if (s3->found.object.kind == STORE_MARKER) {
        s3_error(s3, s3->version == STORE_CURRENT ? "NoSuchKey" : "MethodNotAllowed", "Key", s3->key, NULL);
        s3_put_header(s3, "x-amz-delete-marker", "true");
        return true;
    }
    if (!check_wanted(s3, wanted) || !read_number(s3, "x-amz-max-parts", S3_MAX_LIST, &most) ||
        !read_number(s3, "x-amz-part-number-marker", 0, &marker) || !s3_encryption_of_read(s3) ||
        !s3_gather(s3, &s3->customer, &account, &found, &pieces)) {
        return true;
    }
    s3_last_modified(s3, s3->found.object.modified);
    if (s3->found.container.versions != VERSIONS_OFF) {
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, s3->found.object.version));
    }
    return respond(s3, wanted, &pieces, marker, most < S3_MAX_LIST ? most : S3_MAX_LIST);
}
