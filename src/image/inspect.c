/* SPDX-License-Identifier: Apache-2.0
 * The inspector: keeps head, tail and the windows that a format asks for, finds the format, and judges. What is known
 * of the formats themselves is in inspect_qemu.c, inspect_vmdk.c, inspect_vhd.c and inspect_other.c. */
#include "image/inspect_format.h"

#include <assert.h>
#include <stdarg.h>

#include "base/arena.h"

#define STARTS(NAME, TEXT)                                                                                             \
    static bool NAME(const struct inspector *inspector) {                                                              \
        return inspector_begins(inspector, TEXT, sizeof(TEXT) - 1);                                                    \
    }
STARTS(probe_qcow2, "QFI\xfb")
STARTS(probe_qed, "QED\0")
STARTS(probe_vhd, "conectix")
STARTS(probe_vhdx, "vhdxfile")
STARTS(probe_luks, "LUKS\xba\xbe")
STARTS(probe_bochs, "Bochs Virtual HD Image")
STARTS(probe_cloop, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop")
#undef STARTS

static bool probe_qcow(const struct inspector *inspector) {
    return probe_qcow2(inspector) && inspector->head_size >= 8 && be32(inspector->head + 4) == 1;
}

static bool probe_ploop(const struct inspector *inspector) {
    return inspector_begins(inspector, "WithoutFreeSpace", 16) || inspector_begins(inspector, "WithouFreSpacExt", 16);
}

static void refuse_format(struct inspector *inspector) {
    inspector_refuse(inspector, "Images of format %s are not accepted", image_format_name(inspector->facts.format));
}

/* The first that fits is the format. Those told by the first bytes exclude each other. */
static const struct image_rule rules[] = {
    {IMAGE_QCOW, 48, probe_qcow, check_qcow},
    {IMAGE_QCOW2, 72, probe_qcow2, check_qcow2},
    {IMAGE_VMDK, 0, probe_vmdk, check_vmdk, finish_vmdk},
    {IMAGE_VDI, SECTOR, probe_vdi, check_vdi},
    {IMAGE_VHD, 2 * SECTOR, probe_vhd, check_vhd},
    {IMAGE_VHDX, HEAD_SIZE, probe_vhdx, check_vhdx},
    {IMAGE_LUKS, 592, probe_luks, check_luks, finish_luks},
    {IMAGE_QED, 64, probe_qed, check_qed},
    {IMAGE_PLOOP, 64, probe_ploop, check_ploop},
    {IMAGE_BOCHS, 0, probe_bochs, refuse_format},
    {IMAGE_CLOOP, 0, probe_cloop, refuse_format},
};
static const struct image_rule rule_iso = {IMAGE_ISO, 0, probe_iso, NULL};
static const struct image_rule rule_vhd_footer = {IMAGE_VHD, 0, probe_vhd_footer, NULL, finish_vhd_footer};
static const struct image_rule rule_raw = {IMAGE_RAW, 0, NULL, NULL};

struct inspector *inspector_new(struct arena *arena) {
    struct inspector *inspector = ARENA_NEW(arena, struct inspector);

    inspector->arena = arena;
    inspector->head = arena_alloc(arena, HEAD_SIZE);
    inspector->tail = arena_alloc(arena, TAIL_SIZE);
    return inspector;
}

void inspector_refuse(struct inspector *inspector, const char *format, ...) {
    va_list args;

    if (!inspector->facts.problem) {
        va_start(args, format);
        inspector->facts.problem = arena_vprintf(inspector->arena, format, args);
        va_end(args);
    }
}

void inspector_want(struct inspector *inspector, uint64_t at, size_t size,
                    void (*full)(struct inspector *, const struct window *)) {
    assert(inspector->window_count < WINDOWS && at >= inspector->facts.size && size > 0);
    inspector->windows[inspector->window_count++] =
        (struct window){.at = at, .size = size, .bytes = arena_alloc(inspector->arena, size), .full = full};
}

void inspector_need(struct inspector *inspector, uint64_t at, uint64_t size) {
    uint64_t end = at + size;

    if (end < at) {
        inspector_refuse(inspector, "The image names a place behind any possible end of file");
    } else if (end > inspector->needed) {
        inspector->needed = end;
    }
}

void inspector_set_disk(struct inspector *inspector, uint64_t count, uint64_t unit) {
    uint64_t size;

    if (__builtin_mul_overflow(count, unit, &size) || size > IMAGE_LARGEST_DISK) {
        inspector_refuse(inspector, "The disk in the image is larger than %llu bytes", IMAGE_LARGEST_DISK);
        return;
    }
    inspector->facts.virtual_size = size;
    inspector->disk_size_known = true;
}

bool inspector_begins(const struct inspector *inspector, const char *text, size_t size) {
    return inspector->head_size >= size && memcmp(inspector->head, text, size) == 0;
}

bool all_zero(const uint8_t *bytes, size_t size) {
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* The head is full, or the file has ended before: finds the format by the head. */
static void examine_head(struct inspector *inspector) {
    bool iso = probe_iso(inspector);

    inspector->rule = iso ? &rule_iso : &rule_raw;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].probe(inspector)) {
            inspector->rule = &rules[i];
            break;
        }
    }
    inspector->facts.format = inspector->rule->format;
    if (inspector->head_size < inspector->rule->header_size) {
        inspector_refuse(inspector, "The header of the %s image is truncated",
                         image_format_name(inspector->facts.format));
    } else if (iso && inspector->rule != &rule_iso) {
        inspector_refuse(inspector, "The image is %s and iso at once", image_format_name(inspector->facts.format));
    } else if (inspector->rule->check) {
        inspector->rule->check(inspector);
    }
}

static void keep_tail(struct inspector *inspector, const uint8_t *bytes, size_t size) {
    size_t keep = TAIL_SIZE - size;

    if (size >= TAIL_SIZE) {
        memcpy(inspector->tail, bytes + size - TAIL_SIZE, TAIL_SIZE);
        inspector->tail_size = TAIL_SIZE;
        return;
    }
    memmove(inspector->tail, inspector->tail + size, keep);
    memcpy(inspector->tail + keep, bytes, size);
    inspector->tail_size = inspector->tail_size + size > TAIL_SIZE ? TAIL_SIZE : inspector->tail_size + size;
}

/* How many of 'size' bytes may be taken at once, so that nothing becomes full but at their end. */
static size_t step_size(const struct inspector *inspector, size_t size) {
    uint64_t at = inspector->facts.size, step = size;

    if (at < HEAD_SIZE && HEAD_SIZE - at < step) {
        step = HEAD_SIZE - at;
    }
    for (int i = 0; i < inspector->window_count; i++) {
        uint64_t end = inspector->windows[i].at + inspector->windows[i].size;

        if (end > at && end - at < step) {
            step = end - at;
        }
    }
    return (size_t)step;
}

static void fill_window(struct window *window, uint64_t at, const uint8_t *bytes, size_t size) {
    uint64_t from = at > window->at ? at : window->at;
    uint64_t end = window->at + window->size < at + size ? window->at + window->size : at + size;

    if (from < end) {
        memcpy(window->bytes + (from - window->at), bytes + (from - at), (size_t)(end - from));
        window->have = (size_t)(end - window->at);
    }
}

static void take_step(struct inspector *inspector, const uint8_t *bytes, size_t size) {
    uint64_t at = inspector->facts.size;
    int count = inspector->window_count;

    if (at < HEAD_SIZE) {
        memcpy(inspector->head + at, bytes, size);
        inspector->head_size += size;
    }
    for (int i = 0; i < count; i++) {
        fill_window(&inspector->windows[i], at, bytes, size);
    }
    inspector->facts.size += size;
    if (at < HEAD_SIZE && inspector->head_size == HEAD_SIZE) {
        examine_head(inspector);
    }
    for (int i = 0; i < count && !inspector->facts.problem; i++) {
        struct window *window = &inspector->windows[i];

        if (window->at + window->size == at + size) {
            window->full(inspector, window);
        }
    }
}

bool inspector_feed(struct inspector *inspector, const void *bytes, size_t size) {
    const uint8_t *at = bytes;

    if (size > 0) {
        keep_tail(inspector, at, size);
    }
    while (size > 0) {
        size_t step = step_size(inspector, size);

        take_step(inspector, at, step);
        at += step;
        size -= step;
    }
    return !inspector->facts.problem;
}

/* What can be said only when the length of the file is known. */
static void examine_whole(struct inspector *inspector) {
    for (int i = 0; i < inspector->window_count; i++) {
        inspector_need(inspector, inspector->windows[i].at, inspector->windows[i].size);
    }
    if (inspector->facts.size < inspector->needed) {
        inspector_refuse(inspector, "The %s image is truncated: it ends before byte %llu",
                         image_format_name(inspector->facts.format), (unsigned long long)inspector->needed);
    }
    if (inspector->rule == &rule_raw && probe_vhd_footer(inspector)) {
        inspector->rule = &rule_vhd_footer;
        inspector->facts.format = IMAGE_VHD;
    }
    if (inspector->rule == &rule_raw || inspector->rule == &rule_iso) {
        inspector->facts.partitions = find_partitions(inspector);
        inspector_set_disk(inspector, inspector->facts.size, 1);
    } else if (inspector->rule->finish && !inspector->facts.problem) {
        inspector->rule->finish(inspector);
    }
}

struct image_facts inspector_finish(struct inspector *inspector) {
    if (!inspector->rule) {
        examine_head(inspector);
    }
    examine_whole(inspector);
    if (!inspector->disk_size_known) {
        inspector_refuse(inspector, "The image does not tell the size of its disk");
    }
    inspector->facts.safe = !inspector->facts.problem;
    return inspector->facts;
}

static const char *const names[] = {
#define F(NAME, TEXT) TEXT,
    IMAGE_FORMATS(F)
#undef F
};

const char *image_format_name(enum image_format format) {
    return names[format];
}

bool image_format_parse(const char *name, enum image_format *ret_format) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_format = (enum image_format)i;
            return true;
        }
    }
    return false;
}

bool image_format_fits(const char *disk_format, enum image_format found) {
    bool bytes = strcmp(disk_format, "raw") == 0 || strcmp(disk_format, "ami") == 0 ||
                 strcmp(disk_format, "ari") == 0 || strcmp(disk_format, "aki") == 0;

    return bytes ? found == IMAGE_RAW || found == IMAGE_ISO : strcmp(disk_format, image_format_name(found)) == 0;
}
