/* SPDX-License-Identifier: Apache-2.0
 * The checksums that S3 clients send with a body: CRC-32, CRC-32C, CRC-64/NVME, SHA-1, SHA-256. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct digest;

enum s3_sum_kind { S3_SUM_NONE, S3_CRC32, S3_CRC32C, S3_CRC64NVME, S3_SHA1, S3_SHA256, S3_SUM_KINDS };
extern const char *const s3_sum_names[S3_SUM_KINDS];    /* "crc32": of x-amz-checksum-crc32; "" of none */

struct s3_sum {
    enum s3_sum_kind kind;
    uint64_t crc;
    struct digest *digest;
};
enum s3_sum_kind s3_sum_of(const char *name);           /* without case; S3_SUM_NONE: none of them */
size_t s3_sum_size(enum s3_sum_kind kind);              /* bytes of the result */
void s3_sum_begin(struct s3_sum *sum, enum s3_sum_kind kind);
void s3_sum_add(struct s3_sum *sum, const void *bytes, size_t size);
/* In base64; ends it. */
const char *s3_sum_end(struct s3_sum *sum, struct arena *arena);
/* Whether the sum of bytes can be had from the sums of their parts. */
bool s3_sum_combines(enum s3_sum_kind kind);
/* The sum, in base64, of bytes with the sum 'first' with 'size' bytes behind them that have the sum 'second'; null when one
 * of the two is no sum of that kind. */
const char *s3_sum_combine(struct arena *arena, enum s3_sum_kind kind, const char *first, const char *second, int64_t size);
