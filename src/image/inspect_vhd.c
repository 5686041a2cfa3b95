/* SPDX-License-Identifier: Apache-2.0
 * Microsoft's formats: VHD ("Virtual Hard Disk Image Format Specification") and VHDX ([MS-VHDX]).
 *
 * A dynamic VHD begins with a copy of its footer, a fixed one is raw but for the footer at its end. A VHDX is a set of
 * regions; the header of the disk is in the metadata region, found by way of the region table. */
#include "image/inspect_format.h"

#define VHD_LARGEST_GEOMETRY 0xffff10ffu      /* 65535 cylinders, 16 heads, 255 sectors */

enum {
    VHD_FIXED = 2,
    VHD_DYNAMIC = 3,
    VHD_CHECKSUM_AT = 64,

    VHDX_HEADER_SIZE = 4096,
    VHDX_TABLE_SIZE = 64 * 1024,
    VHDX_FIRST_REGION = 1024 * 1024,
    VHDX_HAS_PARENT = 1 << 1,
};

/* The one's complement of the sum of all bytes but the checksum's own. */
static bool vhd_checksum_fits(const uint8_t *footer) {
    uint32_t sum = 0;

    for (int i = 0; i < SECTOR; i++) {
        sum += i >= VHD_CHECKSUM_AT && i < VHD_CHECKSUM_AT + 4 ? 0 : footer[i];
    }
    return ~sum == be32(footer + VHD_CHECKSUM_AT);
}

/* The larger of the size and of what the geometry makes: programs differ in which they take. The largest geometry says
 * nothing but that the disk may be larger still. */
static uint64_t vhd_disk_size(const uint8_t *footer) {
    uint64_t current = be64(footer + 48);
    uint64_t geometry = (uint64_t)be16(footer + 56) * footer[58] * footer[59] * SECTOR;

    return current > geometry || be32(footer + 56) == VHD_LARGEST_GEOMETRY ? current : geometry;
}

void check_vhd(struct inspector *inspector) {
    const uint8_t *head = inspector->head;
    uint64_t header_at = be64(head + 16);

    if (!vhd_checksum_fits(head)) {
        inspector_refuse(inspector, "The checksum of the vhd image is wrong");
    } else if (be32(head + 60) != VHD_DYNAMIC) {
        inspector_refuse(inspector, "The vhd image is neither fixed nor dynamic");
    } else if (header_at < SECTOR || header_at > inspector->head_size || inspector->head_size - header_at < 1024 ||
               memcmp(head + header_at, "cxsparse", 8) != 0) {
        inspector_refuse(inspector, "The vhd image has no header where it belongs");
    } else if (!all_zero(head + header_at + 40, 16)) {
        inspector_refuse(inspector, "The vhd image has a parent");
    } else {
        inspector_need(inspector, be64(head + header_at + 16), (uint64_t)be32(head + header_at + 28) * 4);
        inspector_set_disk(inspector, vhd_disk_size(head), 1);
    }
}

bool probe_vhd_footer(const struct inspector *inspector) {
    const uint8_t *footer = inspector->tail + TAIL_SIZE - SECTOR;

    return inspector->tail_size >= SECTOR && memcmp(footer, "conectix", 8) == 0 && vhd_checksum_fits(footer);
}

void finish_vhd_footer(struct inspector *inspector) {
    const uint8_t *footer = inspector->tail + TAIL_SIZE - SECTOR;

    if (be32(footer + 60) != VHD_FIXED) {
        inspector_refuse(inspector, "The vhd image is neither fixed nor dynamic");
    } else if (be64(footer + 48) > inspector->facts.size - SECTOR) {
        inspector_refuse(inspector, "The vhd image is truncated");
    }
    inspector_set_disk(inspector, inspector->facts.size - SECTOR, 1);
}

/* GUIDs as they are stored */
static const uint8_t guid_metadata[16] = {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                          0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};
static const uint8_t guid_blocks[16] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                        0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
static const uint8_t guid_parameters[16] = {0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                            0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b};
static const uint8_t guid_disk_size[16] = {0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                           0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8};
static const uint8_t guid_parent[16] = {0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
                                        0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c};

/* The entry of 'guid' among 'count' entries of 32 bytes that follow the first 'skip' bytes of a table. Null when it is
 * not there; *ret_count tells how often it is. */
static const uint8_t *find_entry(const uint8_t *table, size_t skip, uint32_t count, const uint8_t *guid,
                                 int *ret_count) {
    const uint8_t *found = NULL;

    *ret_count = 0;
    for (uint32_t i = 0; i < count && skip + (i + 1) * 32 <= VHDX_TABLE_SIZE; i++) {
        const uint8_t *entry = table + skip + (size_t)i * 32;

        if (memcmp(entry, guid, 16) == 0) {
            found = entry;
            (*ret_count)++;
        }
    }
    return found;
}

static void vhdx_parameters(struct inspector *inspector, const struct window *window) {
    if (le32(window->bytes + 4) & VHDX_HAS_PARENT) {
        inspector_refuse(inspector, "The vhdx image has a parent");
    }
}

static void vhdx_disk_size(struct inspector *inspector, const struct window *window) {
    inspector_set_disk(inspector, le64(window->bytes), 1);
}

/* Asks for the 8 bytes of the metadata item 'guid', which lies behind the table. */
static void want_item(struct inspector *inspector, const struct window *table, const uint8_t *guid,
                      void (*full)(struct inspector *, const struct window *)) {
    int count;
    const uint8_t *entry = find_entry(table->bytes, 32, le16(table->bytes + 10), guid, &count);

    if (count != 1 || le32(entry + 16) < VHDX_TABLE_SIZE || le32(entry + 20) != 8) {
        inspector_refuse(inspector, "The metadata of the vhdx image is not valid");
    } else {
        inspector_want(inspector, table->at + le32(entry + 16), 8, full);
    }
}

static void vhdx_metadata(struct inspector *inspector, const struct window *window) {
    int parents;

    find_entry(window->bytes, 32, le16(window->bytes + 10), guid_parent, &parents);
    if (memcmp(window->bytes, "metadata", 8) != 0) {
        inspector_refuse(inspector, "The metadata of the vhdx image is not valid");
    } else if (parents) {
        inspector_refuse(inspector, "The vhdx image has a parent");
    } else {
        want_item(inspector, window, guid_parameters, vhdx_parameters);
        want_item(inspector, window, guid_disk_size, vhdx_disk_size);
    }
}

/* A log that is not empty is written over the image when it is opened, so that what was judged here would not hold. */
static void vhdx_header(struct inspector *inspector, const struct window *window) {
    if (memcmp(window->bytes, "head", 4) == 0 && !all_zero(window->bytes + 48, 16)) {
        inspector_refuse(inspector, "The vhdx image was not closed: its log is not empty");
    }
}

/* Both copies of the region table must be the same, so that all readers find the same metadata. */
static void vhdx_regions_again(struct inspector *inspector, const struct window *window) {
    const struct window *first = window - 1;

    if (memcmp(first->bytes, window->bytes, VHDX_TABLE_SIZE) != 0) {
        inspector_refuse(inspector, "The region tables of the vhdx image differ");
    }
}

static void vhdx_regions(struct inspector *inspector, const struct window *window) {
    uint32_t count = le32(window->bytes + 8);
    int found, blocks;
    const uint8_t *entry = find_entry(window->bytes, 16, count, guid_metadata, &found);

    find_entry(window->bytes, 16, count, guid_blocks, &blocks);
    if (memcmp(window->bytes, "regi", 4) != 0 || found != 1 || blocks != 1 || count != 2) {
        inspector_refuse(inspector, "The region table of the vhdx image is not valid");
    } else if (le64(entry + 16) < VHDX_FIRST_REGION || le64(entry + 16) > IMAGE_LARGEST_DISK ||
               le32(entry + 24) < VHDX_TABLE_SIZE) {
        inspector_refuse(inspector, "The metadata of the vhdx image is not where it can be");
    } else {
        inspector_want(inspector, le64(entry + 16), VHDX_TABLE_SIZE, vhdx_metadata);
    }
}

void check_vhdx(struct inspector *inspector) {
    inspector_want(inspector, 64 * 1024, VHDX_HEADER_SIZE, vhdx_header);
    inspector_want(inspector, 128 * 1024, VHDX_HEADER_SIZE, vhdx_header);
    inspector_want(inspector, 192 * 1024, VHDX_TABLE_SIZE, vhdx_regions);
    inspector_want(inspector, 256 * 1024, VHDX_TABLE_SIZE, vhdx_regions_again);
}
