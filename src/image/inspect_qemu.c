/* SPDX-License-Identifier: Apache-2.0
 * QEMU's own formats, by docs/interop/qcow2.txt and qed_spec.txt in its sources: qcow2, qcow version 1 and QED. */
#include "image/inspect_format.h"

enum {
    /* incompatible feature bits of qcow2 */
    QCOW2_DIRTY = 1 << 0,
    QCOW2_CORRUPT = 1 << 1,
    QCOW2_DATA_FILE = 1 << 2,
    QCOW2_COMPRESSION = 1 << 3,
    QCOW2_EXTENDED_L2 = 1 << 4,
    QCOW2_KNOWN = QCOW2_DIRTY | QCOW2_COMPRESSION | QCOW2_EXTENDED_L2,

    QCOW2_AUTOCLEAR_RAW_DATA_FILE = 1 << 1,

    /* header extensions */
    EXTENSION_END = 0,
    EXTENSION_DATA_FILE = 0x44415441,

    /* feature bits of QED */
    QED_BACKING_FILE = 1 << 0,
    QED_NEED_CHECK = 1 << 1,
};

/* Walks the header extensions, which end with a zero type or with the first cluster. */
static void check_extensions(struct inspector *inspector, uint64_t at, uint64_t cluster_size) {
    uint64_t end = inspector->head_size < cluster_size ? inspector->head_size : cluster_size;

    while (end - at >= 8) {
        uint32_t type = be32(inspector->head + at), size = be32(inspector->head + at + 4);

        if (type == EXTENSION_END) {
            return;
        }
        if (type == EXTENSION_DATA_FILE) {
            inspector_refuse(inspector, "The qcow2 image names an external data file");
        }
        if (size > end - at - 8) {
            inspector_refuse(inspector, "A header extension of the qcow2 image is too long");
            return;
        }
        at += 8 + (((uint64_t)size + 7) & ~7ULL);
        if (at > end) {
            return;
        }
    }
}

/* Version 3 adds feature bits and the length of the header. */
static void check_features(struct inspector *inspector, uint32_t *header_size) {
    const uint8_t *head = inspector->head;

    if (inspector->head_size < 104) {
        inspector_refuse(inspector, "The header of the qcow2 image is truncated");
        return;
    }

    uint64_t incompatible = be64(head + 72), autoclear = be64(head + 88);

    *header_size = be32(head + 100);
    if (incompatible & QCOW2_DATA_FILE || autoclear & QCOW2_AUTOCLEAR_RAW_DATA_FILE) {
        inspector_refuse(inspector, "The qcow2 image has an external data file");
    } else if (incompatible & QCOW2_CORRUPT) {
        inspector_refuse(inspector, "The qcow2 image is marked as corrupt");
    } else if (incompatible & ~(uint64_t)QCOW2_KNOWN) {
        inspector_refuse(inspector, "The qcow2 image has unknown feature bits 0x%llx",
                         (unsigned long long)(incompatible & ~(uint64_t)QCOW2_KNOWN));
    } else if (*header_size < 104 || *header_size > inspector->head_size || be32(head + 96) > 6) {
        inspector_refuse(inspector, "The header of the qcow2 image is not valid");
    } else if (incompatible & QCOW2_COMPRESSION && (*header_size < 105 || head[104] > 1)) {
        inspector_refuse(inspector, "The qcow2 image has an unknown compression type");
    }
}

/* The tables that must be there for the disk to be read: the L1 table covers the disk, all lies in the file. */
static void check_tables(struct inspector *inspector, uint32_t cluster_bits, bool extended) {
    const uint8_t *head = inspector->head;
    uint64_t cluster = 1ULL << cluster_bits, disk = be64(head + 24);
    uint64_t entries = be32(head + 36), l1_at = be64(head + 40), refcounts_at = be64(head + 48);
    int l2_bits = (int)cluster_bits * 2 - (extended ? 4 : 3);

    if (l2_bits < 63 && entries < (disk >> l2_bits) + ((disk & ((1ULL << l2_bits) - 1)) != 0)) {
        inspector_refuse(inspector, "The tables of the qcow2 image do not cover its disk");
    } else if (l1_at % cluster || refcounts_at % cluster || refcounts_at == 0 || (entries && l1_at == 0)) {
        inspector_refuse(inspector, "The tables of the qcow2 image are not where tables can be");
    }
    inspector_need(inspector, l1_at, entries * 8);
    inspector_need(inspector, refcounts_at, (uint64_t)be32(head + 56) * cluster);
}

void check_qcow2(struct inspector *inspector) {
    const uint8_t *head = inspector->head;
    uint32_t version = be32(head + 4), cluster_bits = be32(head + 20), header_size = 72;

    if (version != 2 && version != 3) {
        inspector_refuse(inspector, "The qcow2 image has the unknown version %u", version);
        return;
    }
    if (be64(head + 8) != 0) {
        inspector_refuse(inspector, "The qcow2 image has a backing file");
    }
    if (version == 3) {
        check_features(inspector, &header_size);
    }
    if (cluster_bits < 9 || cluster_bits > 21 || header_size > 1U << cluster_bits) {
        inspector_refuse(inspector, "The qcow2 image has clusters of a size that is not valid");
    }
    if (be32(head + 32) > 2) {
        inspector_refuse(inspector, "The qcow2 image has an unknown encryption");
    }
    inspector_set_disk(inspector, be64(head + 24), 1);
    if (!inspector->facts.problem) {
        check_extensions(inspector, header_size, 1ULL << cluster_bits);
        check_tables(inspector, cluster_bits, version == 3 && be64(head + 72) & QCOW2_EXTENDED_L2);
    }
}

void check_qcow(struct inspector *inspector) {
    const uint8_t *head = inspector->head;
    uint8_t cluster_bits = head[32], l2_bits = head[33];

    if (be64(head + 8) != 0) {
        inspector_refuse(inspector, "The qcow image has a backing file");
    } else if (cluster_bits < 9 || cluster_bits > 16 || l2_bits < 6 || l2_bits > 13) {
        inspector_refuse(inspector, "The header of the qcow image is not valid");
    } else if (be32(head + 36) > 1) {
        inspector_refuse(inspector, "The qcow image has an unknown encryption");
    }
    inspector_set_disk(inspector, be64(head + 24), 1);
}

void check_qed(struct inspector *inspector) {
    const uint8_t *head = inspector->head;
    uint64_t features = le64(head + 16);
    uint32_t cluster = le32(head + 4), table = le32(head + 8);

    if (features & QED_BACKING_FILE || le32(head + 56) != 0) {
        inspector_refuse(inspector, "The qed image has a backing file");
    } else if (features & ~(uint64_t)QED_NEED_CHECK) {
        inspector_refuse(inspector, "The qed image has unknown feature bits 0x%llx", (unsigned long long)features);
    } else if (cluster < 1 << 12 || cluster > 1 << 26 || cluster & (cluster - 1) || table < 1 || table > 16 ||
               table & (table - 1)) {
        inspector_refuse(inspector, "The header of the qed image is not valid");
    }
    inspector_need(inspector, le64(head + 40), (uint64_t)cluster * (table <= 16 ? table : 0));
    inspector_set_disk(inspector, le64(head + 48), 1);
}
