/* SPDX-License-Identifier: Apache-2.0
 * Between the inspector and its formats; nobody else includes this.
 *
 * To add a format: a name in IMAGE_FORMATS, a row in inspect.c's table, a check function. */
#pragma once
#include <endian.h>
#include <string.h>

#include "image/inspect.h"

enum {
    HEAD_SIZE = 64 * 1024,      /* kept of the beginning; headers end before it */
    TAIL_SIZE = 1536,           /* kept of the end: footers of VMDK and VHD */
    WINDOWS = 8,
    SECTOR = 512,
};

/* Bytes further into the image, kept as they pass. */
struct window {
    uint64_t at;
    size_t size, have;
    uint8_t *bytes;
    void (*full)(struct inspector *inspector, const struct window *window);
};

struct inspector {
    struct arena *arena;
    const struct image_rule *rule;      /* null until the head is there */
    struct image_facts facts;           /* facts.size is where we are */
    uint8_t *head, *tail;               /* the tail's newest byte is its last */
    size_t head_size, tail_size;
    uint64_t needed;                    /* the file must be at least so long, in bytes */
    struct window windows[WINDOWS];
    int window_count;
    bool disk_size_known;
};

struct image_rule {
    enum image_format format;
    size_t header_size;                             /* a shorter file is truncated */
    bool (*probe)(const struct inspector *inspector);
    void (*check)(struct inspector *inspector);     /* the head is full, or the file has ended */
    void (*finish)(struct inspector *inspector);    /* the file has ended; may be null */
};

/* Notes why the image is not safe. The first reason stays. */
void inspector_refuse(struct inspector *inspector, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Asks for 'size' bytes at 'at', which must not have passed yet, and a call when they are there. */
void inspector_want(struct inspector *inspector, uint64_t at, size_t size,
                    void (*full)(struct inspector *, const struct window *));

/* The file must reach to at + size. */
void inspector_need(struct inspector *inspector, uint64_t at, uint64_t size);

/* The disk in the image has count * unit bytes; refuses what overflows or is too large. */
void inspector_set_disk(struct inspector *inspector, uint64_t count, uint64_t unit);

/* Does 'text' stand at the beginning of the head? */
bool inspector_begins(const struct inspector *inspector, const char *text, size_t size);

bool all_zero(const uint8_t *bytes, size_t size);

void check_qcow(struct inspector *inspector);
void check_qcow2(struct inspector *inspector);
void check_qed(struct inspector *inspector);
bool probe_vmdk(const struct inspector *inspector);
void check_vmdk(struct inspector *inspector);
void finish_vmdk(struct inspector *inspector);
bool probe_vdi(const struct inspector *inspector);
void check_vdi(struct inspector *inspector);
void check_vhd(struct inspector *inspector);
bool probe_vhd_footer(const struct inspector *inspector);
void finish_vhd_footer(struct inspector *inspector);
void check_vhdx(struct inspector *inspector);
void finish_luks(struct inspector *inspector);
void check_luks(struct inspector *inspector);
void check_ploop(struct inspector *inspector);
bool probe_iso(const struct inspector *inspector);
enum image_partitions find_partitions(const struct inspector *inspector);

/* Numbers of the formats, read without regard to alignment. */
#define READER(NAME, TYPE, CONVERT)                                                                                    \
    static inline TYPE NAME(const uint8_t *at) {                                                                       \
        TYPE value;                                                                                                    \
        memcpy(&value, at, sizeof value);                                                                              \
        return CONVERT(value);                                                                                         \
    }
READER(be16, uint16_t, be16toh)
READER(be32, uint32_t, be32toh)
READER(be64, uint64_t, be64toh)
READER(le16, uint16_t, le16toh)
READER(le32, uint32_t, le32toh)
READER(le64, uint64_t, le64toh)
#undef READER
