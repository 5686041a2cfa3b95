/* SPDX-License-Identifier: Apache-2.0
 * Where multipart uploads lie, for their listings. */
#pragma once
#include "object_store/s3.h"
#include "object_store/xml.h"

#define S3_UPLOADS "+uploads"           /* behind a bucket's name: the container of its uploads */

const char *s3_segments(struct s3 *s3);
const char *s3_uploads(struct s3 *s3);
/* Ends an upload that nobody completed. */
void s3_upload_drop(struct arena *arena, const char *account, const char *bucket, const char *key, const char *id);
/* The upload that ?uploadId= names. False: answered. */
bool s3_find_upload(struct s3 *s3, struct store_found *ret);

/* ---- s3_upload_sum.c: checksums of uploads and of what they become ---- */
/* The sums that an upload is begun with: an algorithm, and whether the object's is of all bytes or of its parts' sums. */
struct s3_upload_sum {
    enum s3_sum_kind kind;          /* S3_SUM_NONE: none */
    bool composite;
};
/* x-amz-checksum-algorithm and -type of a new upload. False: answered. */
bool s3_upload_sum_header(struct s3 *s3, struct s3_upload_sum *ret);
const char *s3_upload_sum_text(struct arena *arena, const struct s3_upload_sum *sum);       /* as it is kept */
struct s3_upload_sum s3_upload_sum_of(const struct store_object *upload);
/* The sum of an object, from the sums of its parts. */
struct s3_whole_sum {
    struct s3_upload_sum of;
    struct s3_sum composite;
    const char *crc;
    int parts;
};
bool s3_whole_sum_begin(struct s3 *s3, const struct store_object *upload, struct s3_whole_sum *ret);    /* false: answered */
/* 'part': its entry, which may tell its sum. False: answered. */
bool s3_whole_sum_add(struct s3 *s3, struct s3_whole_sum *whole, const struct xml_node *part, const struct store_object *object);
/* "ALGORITHM:SUM" for the object; null in *ret: none. False: it is not what the request says; answered. */
bool s3_whole_sum_end(struct s3 *s3, struct s3_whole_sum *whole, const char **ret);
void s3_whole_sum_free(struct s3_whole_sum *whole);
/* <ChecksumCRC32>...</ChecksumCRC32> of what is kept; with 'type' also <ChecksumType>. Null: nothing. */
void s3_write_sum_xml(struct s3 *s3, struct buf *out, const char *kept, bool type);
/* <ChecksumAlgorithm> and <ChecksumType> of an upload. */
void s3_write_upload_sum(struct buf *out, const struct store_object *upload);
