/* SPDX-License-Identifier: Apache-2.0
 * Checksums by name. */
#include "object_store/s3_sum.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "object_store/crc32c.h"

const char *const s3_sum_names[S3_SUM_KINDS] = {"", "crc32", "crc32c", "crc64nvme", "sha1", "sha256"};
static const size_t sizes[S3_SUM_KINDS] = {0, 4, 4, 8, 20, 32};

/* ---- CRC-64/NVME (NVM Express, NVM command set specification, section 5.2.1.3.4): eight tables, eight bytes a step ---- */

static uint64_t tables[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void) {
    for (unsigned i = 0; i < 256; i++) {
        uint64_t crc = i;

        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0x9a6c9329ac4bc9b5 : crc >> 1;
        }
        tables[0][i] = crc;
    }
    for (unsigned i = 0; i < 256; i++) {
        for (int t = 1; t < 8; t++) {
            tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
        }
    }
}

static uint64_t crc64(uint64_t crc, const unsigned char *at, size_t size) {
    pthread_once(&once, make_tables);
    crc = ~crc;
    for (; size >= 8; at += 8, size -= 8) {
        for (int i = 0; i < 8; i++) {
            crc ^= (uint64_t)at[i] << 8 * i;
        }
        crc = tables[7][crc & 255] ^ tables[6][crc >> 8 & 255] ^ tables[5][crc >> 16 & 255] ^ tables[4][crc >> 24 & 255] ^
              tables[3][crc >> 32 & 255] ^ tables[2][crc >> 40 & 255] ^ tables[1][crc >> 48 & 255] ^ tables[0][crc >> 56];
    }
    for (; size; at++, size--) {
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 255];
    }
    return ~crc;
}

/* ---- by name ---- */

enum s3_sum_kind s3_sum_of(const char *name) {
    for (enum s3_sum_kind kind = S3_CRC32; kind < S3_SUM_KINDS; kind++) {
        if (!strcasecmp(name, s3_sum_names[kind])) {
            return kind;
        }
    }
    return S3_SUM_NONE;
}

size_t s3_sum_size(enum s3_sum_kind kind) {
    return sizes[kind];
}

void s3_sum_begin(struct s3_sum *sum, enum s3_sum_kind kind) {
    *sum = (struct s3_sum){.kind = kind};
    if (kind == S3_SHA1 || kind == S3_SHA256) {
        sum->digest = digest_new(s3_sum_names[kind]);
    }
}

void s3_sum_add(struct s3_sum *sum, const void *bytes, size_t size) {
    switch (sum->kind) {
    case S3_CRC32:
        sum->crc = crc32_z(sum->crc, bytes, size);
        break;
    case S3_CRC32C:
        sum->crc = crc32c((uint32_t)sum->crc, bytes, size);
        break;
    case S3_CRC64NVME:
        sum->crc = crc64(sum->crc, bytes, size);
        break;
    case S3_SHA1:
    case S3_SHA256:
        digest_add(sum->digest, bytes, size);
        break;
    default:
        break;
    }
}

const char *s3_sum_end(struct s3_sum *sum, struct arena *arena) {
    size_t size = sizes[sum->kind];
    uint8_t bytes[32];

    if (sum->digest) {
        hex_read(digest_hex(sum->digest, arena), bytes, size);
        sum->digest = NULL;
    } else {
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(sum->crc >> 8 * (size - 1 - i));
        }
    }
    return base64_encode(arena, bytes, size);
}

/* ---- sums of parts (Mark Adler's way in zlib: appending a zero bit is a linear map of the sum, and maps can be squared) ---- */

struct map {
    uint64_t column[64];
};

static uint64_t apply(const struct map *map, uint64_t vector) {
    uint64_t sum = 0;

    for (int i = 0; vector; vector >>= 1, i++) {
        sum ^= vector & 1 ? map->column[i] : 0;
    }
    return sum;
}

static struct map squared(const struct map *map, int width) {
    struct map square;

    for (int i = 0; i < width; i++) {
        square.column[i] = apply(map, map->column[i]);
    }
    return square;
}

/* The sum with 'size' zero bytes behind. */
static uint64_t with_zeros(uint64_t crc, uint64_t polynomial, int width, int64_t size) {
    struct map map = {.column = {polynomial}};

    for (int i = 1; i < width; i++) {
        map.column[i] = 1ULL << (i - 1);
    }
    for (int i = 0; i < 3; i++) {       /* of one bit, then of a byte */
        map = squared(&map, width);
    }
    for (; size; size >>= 1) {
        crc = size & 1 ? apply(&map, crc) : crc;
        map = squared(&map, width);
    }
    return crc;
}

bool s3_sum_combines(enum s3_sum_kind kind) {
    return kind == S3_CRC32 || kind == S3_CRC32C || kind == S3_CRC64NVME;
}

static bool read_crc(struct arena *arena, enum s3_sum_kind kind, const char *text, uint64_t *ret) {
    size_t size;
    const uint8_t *bytes = base64_decode(arena, text, &size);

    *ret = 0;
    for (size_t i = 0; bytes && i < size && i < 8; i++) {
        *ret = *ret << 8 | bytes[i];
    }
    return bytes && size == sizes[kind];
}

const char *s3_sum_combine(struct arena *arena, enum s3_sum_kind kind, const char *first, const char *second, int64_t size) {
    static const uint64_t polynomials[S3_SUM_KINDS] = {
        [S3_CRC32] = 0xedb88320, [S3_CRC32C] = 0x82f63b78, [S3_CRC64NVME] = 0x9a6c9329ac4bc9b5};
    struct s3_sum sum = {.kind = kind};
    uint64_t before, behind;

    if (!read_crc(arena, kind, first, &before) || !read_crc(arena, kind, second, &behind)) {
        return NULL;
    }
    sum.crc = with_zeros(before, polynomials[kind], 8 * (int)sizes[kind], size) ^ behind;
    return s3_sum_end(&sum, arena);
}
