/* SPDX-License-Identifier: Apache-2.0
 * VDI (VirtualBox), LUKS (its on-disk format specifications), ploop (OpenVZ), ISO 9660, and the partition tables of raw
 * disks (MBR; GPT by the UEFI specification). */
#include "image/inspect_format.h"

#define VDI_SIGNATURE 0xbeda107fu     /* at 64 */

enum {
    VDI_DYNAMIC = 1,
    VDI_FIXED = 2,
    LUKS1_PAYLOAD_AT = 104,
    ISO_AT = 16 * 2048,
    ISO_DESCRIPTORS = 3,            /* readers look further, but the first descriptor must be among these */
};

bool probe_vdi(const struct inspector *inspector) {
    return inspector->head_size >= 68 && le32(inspector->head + 64) == VDI_SIGNATURE;
}

void check_vdi(struct inspector *inspector) {
    const uint8_t *head = inspector->head;
    uint32_t type = le32(head + 76), block = le32(head + 376), blocks = le32(head + 384);
    uint64_t disk = le64(head + 368);

    if (le32(head + 68) != 0x00010001) {
        inspector_refuse(inspector, "The vdi image has the unknown version 0x%x", le32(head + 68));
    } else if ((type != VDI_DYNAMIC && type != VDI_FIXED) || !all_zero(head + 424, 32)) {
        inspector_refuse(inspector, "The vdi image has a parent");
    } else if (block == 0 || disk > (uint64_t)block * blocks) {
        inspector_refuse(inspector, "The blocks of the vdi image do not cover its disk");
    }
    inspector_need(inspector, le32(head + 340), (uint64_t)blocks * 4);
    inspector_set_disk(inspector, disk, 1);
}

void check_luks(struct inspector *inspector) {
    uint16_t version = be16(inspector->head + 6);

    if (version != 1 && version != 2) {
        inspector_refuse(inspector, "The luks image has the unknown version %u", version);
    } else if (version == 1) {
        inspector_need(inspector, (uint64_t)be32(inspector->head + LUKS1_PAYLOAD_AT) * SECTOR, 0);
    }
}

/* Version 2 keeps the place of its payload in JSON; the whole file is the upper bound. */
void finish_luks(struct inspector *inspector) {
    bool first = be16(inspector->head + 6) == 1;
    uint64_t payload_at = first ? (uint64_t)be32(inspector->head + LUKS1_PAYLOAD_AT) * SECTOR : 0;

    inspector_set_disk(inspector, inspector->facts.size - payload_at, 1);
}

void check_ploop(struct inspector *inspector) {
    const uint8_t *head = inspector->head;
    bool old = memcmp(head, "WithoutFreeSpace", 16) == 0;

    if (le32(head + 16) != 2 || le32(head + 28) == 0) {
        inspector_refuse(inspector, "The header of the ploop image is not valid");
    }
    inspector_need(inspector, 64, (uint64_t)le32(head + 32) * 4);
    inspector_set_disk(inspector, old ? le32(head + 36) : le64(head + 36), SECTOR);
}

bool probe_iso(const struct inspector *inspector) {
    for (int i = 0; i < ISO_DESCRIPTORS; i++) {
        size_t at = ISO_AT + (size_t)i * 2048 + 1;

        if (inspector->head_size >= at + 5 && memcmp(inspector->head + at, "CD001", 5) == 0) {
            return true;
        }
    }
    return false;
}

/* A boot record without partitions is not a partition table, although it ends with the same two bytes. */
static bool has_mbr(const struct inspector *inspector) {
    const uint8_t *head = inspector->head;
    bool used = false;

    if (inspector->head_size < SECTOR || head[510] != 0x55 || head[511] != 0xaa) {
        return false;
    }
    for (const uint8_t *entry = head + 446; entry < head + 510; entry += 16) {
        if (entry[0] != 0 && entry[0] != 0x80) {
            return false;
        }
        used = used || (entry[4] != 0 && le32(entry + 12) != 0);
    }
    return used;
}

enum image_partitions find_partitions(const struct inspector *inspector) {
    const uint8_t *head = inspector->head;

    if ((inspector->head_size >= 2 * SECTOR && memcmp(head + SECTOR, "EFI PART", 8) == 0) ||
        (inspector->head_size >= 2 * 4096 && memcmp(head + 4096, "EFI PART", 8) == 0)) {
        return IMAGE_PARTITIONS_GPT;
    }
    return has_mbr(inspector) ? IMAGE_PARTITIONS_MBR : IMAGE_PARTITIONS_NONE;
}
