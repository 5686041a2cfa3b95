/* SPDX-License-Identifier: Apache-2.0
 * VMDK, by VMware's "Virtual Disk Format 5.0". Of its many kinds only two keep everything in one file: monolithicSparse
 * and streamOptimized. A text descriptor can name any file of the host as an extent, so that it must be what those two
 * have, wherever and by whomever it is read. */
#include "image/inspect_format.h"

#include <ctype.h>
#include <stdio.h>

#include "base/arena.h"

enum {
    DESCRIPTOR_AT = SECTOR,             /* QEMU reads it there whatever the header says */
    DESCRIPTOR_USUAL = 20 * SECTOR,     /* QEMU looks so far for a parent whatever the header says */
};

/* The place of the grain directory, when the header is repeated in a footer which then counts. */
#define DIRECTORY_AT_END UINT64_MAX

static bool is_text_descriptor(const struct inspector *inspector) {
    const char *at = (const char *)inspector->head, *end = at + inspector->head_size;

    if (inspector->head_size >= 21 && strncasecmp(at, "# Disk DescriptorFile", 21) == 0) {
        return true;
    }
    while (at < end && (*at == '#' || *at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) {
        const char *line_end = *at == '#' ? memchr(at, '\n', (size_t)(end - at)) : at;

        if (!line_end) {
            return false;
        }
        at = line_end + 1;
    }
    return end - at >= 9 && strncasecmp(at, "version=", 8) == 0 && isdigit((unsigned char)at[8]);
}

bool probe_vmdk(const struct inspector *inspector) {
    return inspector_begins(inspector, "KDMV", 4) || inspector_begins(inspector, "COWD", 4) ||
           inspector_begins(inspector, "\xbe\xba\xfe\xca\0\0\0\0", 8) || is_text_descriptor(inspector);
}

/* How often 'word' stands in 'text', in upper or lower case; *ret_after points behind the first one. */
static int count_word(const char *text, const char *word, const char **ret_after) {
    int count = 0;

    for (const char *at = text; (at = strcasestr(at, word)) != NULL; at += strlen(word)) {
        if (count++ == 0) {
            *ret_after = at + strlen(word);
        }
    }
    return count;
}

/* An extent must be the file itself: a sparse one, named without a path. */
static bool extent_is_local(const char *line) {
    char kind[16];
    const char *name = strchr(line, '"'), *end = name ? strchr(name + 1, '"') : NULL;

    return sscanf(line, "%*15s %*20[0-9] %15s", kind) == 1 && strcasecmp(kind, "SPARSE") == 0 && end &&
           !strpbrk(name, "/\\") && end[1 + strspn(end + 1, " \t\r")] == 0;
}

static bool is_extent(const char *line) {
    static const char *const accesses[] = {"RW", "RDONLY", "NOACCESS"};

    for (size_t i = 0; i < sizeof accesses / sizeof *accesses; i++) {
        size_t size = strlen(accesses[i]);

        if (strncasecmp(line, accesses[i], size) == 0 && isspace((unsigned char)line[size])) {
            return true;
        }
    }
    return false;
}

static void check_extents(struct inspector *inspector, char *text) {
    char *rest = text, *line;
    int count = 0;

    while ((line = strsep(&rest, "\n")) != NULL) {
        line += strspn(line, " \t\r");
        if (is_extent(line)) {
            count++;
            if (!extent_is_local(line)) {
                inspector_refuse(inspector, "The vmdk descriptor has an extent that is not in the image");
            }
        }
    }
    if (count != 1) {
        inspector_refuse(inspector, "The vmdk descriptor has %d extents, not one", count);
    }
}

static bool type_is_accepted(const char *value) {
    static const char *const types[] = {"=\"monolithicSparse\"", "=\"streamOptimized\""};

    value += strspn(value, " \t");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strncmp(value, types[i], strlen(types[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* True when the descriptor says that another image lies below: an identity other than none, or more than one said. */
static bool has_parent_identity(const char *text) {
    const char *value = NULL;
    int count = count_word(text, "parentCID", &value);

    return count > 1 || (count == 1 && strncasecmp(value + strspn(value, " \t="), "ffffffff", 8) != 0);
}

/* Judges the bytes that any reader may take for the descriptor. */
static void check_descriptor(struct inspector *inspector, size_t size) {
    const char *bytes = (const char *)inspector->head + DESCRIPTOR_AT, *value = NULL;
    size_t look = size > DESCRIPTOR_USUAL ? size : DESCRIPTOR_USUAL, there = inspector->head_size - DESCRIPTOR_AT;
    char *text = arena_text_size(inspector->arena, bytes, look < there ? look : there);

    if (memmem(bytes, look < there ? look : there, "parentFileNameHint", 18) || has_parent_identity(text)) {
        inspector_refuse(inspector, "The vmdk image has a parent");
    } else if (count_word(text, "createType", &value) != 1) {
        inspector_refuse(inspector, "The vmdk descriptor does not tell its type once");
    } else if (!type_is_accepted(value)) {
        inspector_refuse(inspector, "The vmdk image is neither monolithicSparse nor streamOptimized");
    } else {
        check_extents(inspector, text);
    }
}

void check_vmdk(struct inspector *inspector) {
    const uint8_t *head = inspector->head;
    uint64_t sectors = le64(head + 12), descriptor_at = le64(head + 28), descriptor_size = le64(head + 36);

    if (!inspector_begins(inspector, "KDMV", 4)) {
        inspector_refuse(inspector, "The vmdk image is a descriptor or an extent of another one");
    } else if (inspector->head_size < SECTOR) {
        inspector_refuse(inspector, "The header of the vmdk image is truncated");
    } else if (le32(head + 4) < 1 || le32(head + 4) > 3) {
        inspector_refuse(inspector, "The vmdk image has the unknown version %u", le32(head + 4));
    } else if (sectors == 0) {
        inspector_refuse(inspector, "The vmdk image has no disk of its own");
    } else if (descriptor_at != 1 || descriptor_size == 0 || descriptor_size > HEAD_SIZE / SECTOR - 1) {
        inspector_refuse(inspector, "The vmdk descriptor is not where it belongs");
    } else if (inspector->head_size < DESCRIPTOR_AT + descriptor_size * SECTOR) {
        inspector_refuse(inspector, "The header of the vmdk image is truncated");
    } else {
        check_descriptor(inspector, (size_t)descriptor_size * SECTOR);
        inspector_set_disk(inspector, sectors, SECTOR);
    }
}

void finish_vmdk(struct inspector *inspector) {
    const uint8_t *head = inspector->head, *footer = inspector->tail + TAIL_SIZE - 2 * SECTOR;

    if (le64(head + 56) != DIRECTORY_AT_END) {
        return;
    }
    if (inspector->tail_size < TAIL_SIZE || memcmp(footer, "KDMV", 4) != 0) {
        inspector_refuse(inspector, "The vmdk image is truncated: it has no footer");
    } else if (memcmp(footer, head, 48) != 0) {
        inspector_refuse(inspector, "Header and footer of the vmdk image differ");
    }
}
