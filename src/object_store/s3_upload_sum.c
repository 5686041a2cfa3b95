/* SPDX-License-Identifier: Apache-2.0
 * Checksums of multipart uploads (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html): each
 * part has one, kept as its pair "sys-s3-sum"; the object's is of all its bytes (of CRCs alone, put together from the
 * parts') or, "composite", the sum of the parts' sums with their number behind it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "object_store/s3_customer.h"
#include "object_store/s3_upload.h"
#include "object_store/seal.h"

static const char *upper(struct arena *arena, const char *name) {
    char *copy = arena_text(arena, name);

    for (char *at = copy; *at; at++) {
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at;
    }
    return copy;
}

static const char *type_name(bool composite) {
    return composite ? "COMPOSITE" : "FULL_OBJECT";
}

/* ---- how an upload was begun ---- */

/* Digests cannot be put together; CRC-64/NVME is of all bytes always. False: answered. */
static bool read_type(struct s3 *s3, struct s3_upload_sum *sum) {
    const char *type = s3_header(s3, "x-amz-checksum-type");
    bool known = !type || !strcasecmp(type, "COMPOSITE") || !strcasecmp(type, "FULL_OBJECT");

    sum->composite = type ? !strcasecmp(type, "COMPOSITE") : sum->kind != S3_CRC64NVME;
    if (!known || (type && !sum->kind)) {
        return s3_error(s3, "InvalidRequest", "ArgumentName", "x-amz-checksum-type", "ArgumentValue", type, NULL), false;
    }
    if (sum->kind && (sum->composite ? sum->kind == S3_CRC64NVME : !s3_sum_combines(sum->kind))) {
        return s3_error_because(s3, "InvalidRequest", "The %s checksum type cannot be used with the %s checksum algorithm.",
                                type_name(sum->composite), s3_sum_names[sum->kind]), false;
    }
    return true;
}

bool s3_upload_sum_header(struct s3 *s3, struct s3_upload_sum *ret) {
    const char *algorithm = s3_header(s3, "x-amz-checksum-algorithm");

    *ret = (struct s3_upload_sum){.kind = algorithm ? s3_sum_of(algorithm) : S3_SUM_NONE};
    if (algorithm && !ret->kind) {
        return s3_error_because(s3, "InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of "
                                                      "the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"), false;
    }
    return read_type(s3, ret);
}

const char *s3_upload_sum_text(struct arena *arena, const struct s3_upload_sum *sum) {
    return arena_printf(arena, "%s:%s", s3_sum_names[sum->kind], type_name(sum->composite));
}

struct s3_upload_sum s3_upload_sum_of(const struct store_object *upload) {
    const char *text = store_meta_get(&upload->meta, "sys-s3-sum-of"), *colon = text ? strchr(text, ':') : NULL;
    struct s3_upload_sum sum = {.composite = colon && !strcmp(colon + 1, type_name(true))};

    for (enum s3_sum_kind kind = S3_CRC32; colon && kind < S3_SUM_KINDS; kind++) {
        if (strlen(s3_sum_names[kind]) == (size_t)(colon - text) && !strncmp(s3_sum_names[kind], text, (size_t)(colon - text))) {
            sum.kind = kind;
        }
    }
    return sum;
}

void s3_write_upload_sum(struct buf *out, const struct store_object *upload) {
    struct s3_upload_sum sum = s3_upload_sum_of(upload);
    struct arena *arena = arena_new(0);

    if (sum.kind) {
        xml_member(out, "ChecksumAlgorithm", upper(arena, s3_sum_names[sum.kind]));
        xml_member(out, "ChecksumType", type_name(sum.composite));
    }
    arena_free(arena);
}

/* ---- as it is told ---- */

void s3_write_sum_xml(struct s3 *s3, struct buf *out, const char *kept, bool type) {
    const char *colon = kept ? strchr(kept, ':') : NULL;

    if (!colon) {
        return;
    }
    xml_member(out, arena_printf(s3->arena, "Checksum%s", upper(s3->arena, arena_text_size(s3->arena, kept, (size_t)(colon - kept)))),
               colon + 1);
    if (type) {
        xml_member(out, "ChecksumType", type_name(strchr(colon, '-')));
    }
}

void s3_write_part_sum(struct s3 *s3, const struct store_meta *object, const struct store_meta *part) {
    const char *sum = store_meta_get(part, "sys-s3-sum"), *colon = sum ? strchr(sum, ':') : NULL;
    const char *whole = store_meta_get(object, "sys-s3-sum");

    if (colon && whole) {
        s3_put_header(s3, arena_printf(s3->arena, "x-amz-checksum-%.*s", (int)(colon - sum), sum), "%s", colon + 1);
        s3_put_header(s3, "x-amz-checksum-type", "%s", type_name(strchr(whole, '-')));
    }
}

void s3_write_sum(struct s3 *s3, const struct store_meta *meta) {
    s3_write_part_sum(s3, meta, meta);
}

/* ---- the sum of an object ---- */

/* The one that a request names for the object: its kind and value; null: none. */
static const char *told_sum(struct s3 *s3, enum s3_sum_kind *ret_kind) {
    *ret_kind = S3_SUM_NONE;
    for (enum s3_sum_kind kind = S3_CRC32; kind < S3_SUM_KINDS; kind++) {
        const char *value = s3_header(s3, arena_printf(s3->arena, "x-amz-checksum-%s", s3_sum_names[kind]));

        if (value) {
            *ret_kind = kind;
            return value;
        }
    }
    return NULL;
}

bool s3_whole_sum_begin(struct s3 *s3, const struct store_object *upload, struct s3_whole_sum *ret) {
    const char *type = s3_header(s3, "x-amz-checksum-type");
    enum s3_sum_kind told;

    *ret = (struct s3_whole_sum){.of = s3_upload_sum_of(upload)};
    told_sum(s3, &told);
    if (!ret->of.kind) {
        ret->of.kind = told;
        if (!read_type(s3, &ret->of)) {
            return false;
        }
    } else if ((told && told != ret->of.kind) || (type && strcasecmp(type, type_name(ret->of.composite)) != 0)) {
        return s3_error_because(s3, "InvalidRequest", "The upload was created using the %s checksum with the type %s.",
                                s3_sum_names[ret->of.kind], type_name(ret->of.composite)), false;
    }
    s3_sum_begin(&ret->composite, ret->of.composite ? ret->of.kind : S3_SUM_NONE);
    return true;
}

/* Of a part that was put without one of this kind. Null: its bytes cannot be read, answered. */
static const char *read_sum(struct s3 *s3, enum s3_sum_kind kind, const struct store_object *part) {
    const struct seal *cipher = s3_customer_seal(s3->arena, &s3->customer, &part->meta);
    struct store_reader *reader;
    char *bytes;
    struct s3_sum sum;
    const char *made;
    int64_t at = 0;
    ssize_t got = -1;

    if (!s3_customer_fits(s3, &s3->customer, &part->meta)) {
        return NULL;
    }
    reader = store_reader_open(s3->account, s3_segments(s3), part, 0, part->size);
    bytes = malloc(STORE_BLOCK);
    s3_sum_begin(&sum, kind);
    while (reader && bytes && (got = store_reader_read(reader, bytes, STORE_BLOCK)) > 0) {
        if (cipher) {
            seal_bytes(cipher, at, bytes, bytes, (size_t)got);
        }
        s3_sum_add(&sum, bytes, (size_t)got);
        at += got;
    }
    made = s3_sum_end(&sum, s3->arena);
    store_reader_close(reader);
    free(bytes);
    return got == 0 ? made : (s3_failed(s3, STORE_FAILED), NULL);
}

static const char *part_sum(struct s3 *s3, enum s3_sum_kind kind, const struct store_object *part) {
    const char *kept = store_meta_get(&part->meta, "sys-s3-sum"), *name = s3_sum_names[kind];
    size_t size = strlen(name);

    return kept && !strncmp(kept, name, size) && kept[size] == ':' ? kept + size + 1 : read_sum(s3, kind, part);
}

bool s3_whole_sum_add(struct s3 *s3, struct s3_whole_sum *whole, const struct xml_node *part, const struct store_object *object) {
    enum s3_sum_kind kind = whole->of.kind;
    const char *sum, *told;
    const uint8_t *bytes;
    size_t size;

    if (!kind) {
        return true;
    }
    sum = part_sum(s3, kind, object);
    told = xml_child_text(part, arena_printf(s3->arena, "Checksum%s", upper(s3->arena, s3_sum_names[kind])));
    if (!sum) {
        return false;
    }
    if (told && strcmp(told, sum) != 0) {
        return s3_error(s3, "InvalidPart", "UploadId", s3_argument(s3, "uploadId"), "PartNumber",
                        xml_child_text(part, "PartNumber"), NULL), false;
    }
    whole->parts++;
    if (whole->of.composite) {
        bytes = base64_decode(s3->arena, sum, &size);
        s3_sum_add(&whole->composite, bytes, bytes ? size : 0);
    } else {
        whole->crc = whole->crc ? s3_sum_combine(s3->arena, kind, whole->crc, sum, object->size) : sum;
    }
    return true;
}

bool s3_whole_sum_end(struct s3 *s3, struct s3_whole_sum *whole, const char **ret) {
    enum s3_sum_kind kind;
    const char *told = told_sum(s3, &kind), *sum = whole->crc;

    *ret = NULL;
    if (!whole->of.kind) {
        return true;
    }
    if (whole->of.composite) {
        sum = s3_sum_end(&whole->composite, s3->arena);
        if (told && !strcmp(told, sum)) {       /* the number need not be told */
            told = NULL;
        }
        sum = arena_printf(s3->arena, "%s-%d", sum, whole->parts);
    }
    *ret = arena_printf(s3->arena, "%s:%s", s3_sum_names[whole->of.kind], sum);
    return !told || !strcmp(told, sum) ||
           (s3_error_because(s3, "BadDigest", "The %s you specified did not match the calculated checksum.",
                             s3_sum_names[whole->of.kind]), false);
}

void s3_whole_sum_free(struct s3_whole_sum *whole) {
    digest_free(whole->composite.digest);
}
