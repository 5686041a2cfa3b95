/* SPDX-License-Identifier: Apache-2.0
 * Looks into a disk image while its bytes pass by and tells what it is, how large the disk in it is, and whether it is
 * safe to hand to the programs that read images.
 *
 * The bytes are a tenant's and hostile. Content decides, never a name or a label. Memory is constant, a quarter of a
 * mebibyte at most, whatever the size of the image. An image is safe when it is whole in itself (it names no other
 * file), uses only features known here, is not two formats at once, and its measures are consistent. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct inspector;

#define IMAGE_FORMATS(F)                                                                                               \
    F(RAW, "raw")           /* none of the others, with or without a partition table */                                \
    F(QCOW2, "qcow2")                                                                                                  \
    F(QCOW, "qcow")         /* version 1 */                                                                            \
    F(VMDK, "vmdk")                                                                                                    \
    F(VDI, "vdi")                                                                                                      \
    F(VHD, "vhd")                                                                                                      \
    F(VHDX, "vhdx")                                                                                                    \
    F(ISO, "iso")                                                                                                      \
    F(LUKS, "luks")                                                                                                    \
    F(QED, "qed")                                                                                                      \
    F(PLOOP, "ploop")                                                                                                  \
    F(BOCHS, "bochs")                                                                                                  \
    F(CLOOP, "cloop")

enum image_format {
#define F(NAME, TEXT) IMAGE_##NAME,     /* IMAGE_RAW and so on */
    IMAGE_FORMATS(F)
#undef F
};

enum image_partitions { IMAGE_PARTITIONS_NONE, IMAGE_PARTITIONS_MBR, IMAGE_PARTITIONS_GPT };

/* No image may claim a larger disk, in bytes. */
#define IMAGE_LARGEST_DISK (64ULL << 40)

struct image_facts {
    enum image_format format;
    enum image_partitions partitions;   /* of raw and iso images */
    uint64_t size;                      /* bytes fed */
    uint64_t virtual_size;              /* of the disk in the image, in bytes; 0 when the image does not tell */
    bool safe;
    const char *problem;                /* a sentence without full stop, lives in the arena; null when safe */
};

/* All memory is taken from 'arena', which must outlive the inspector. */
struct inspector *inspector_new(struct arena *arena);

/* Takes the next 'size' bytes of the image. False as soon as the image is known to be unsafe: the caller may stop
 * reading it then, or go on. */
bool inspector_feed(struct inspector *inspector, const void *bytes, size_t size);

/* The image has ended: tells what it was. To be called once. */
struct image_facts inspector_finish(struct inspector *inspector);

/* The name of a format as image services write it; "vhd" and not "vpc". */
const char *image_format_name(enum image_format format);

/* False when 'name' is the name of no format. */
bool image_format_parse(const char *name, enum image_format *ret_format);

/* True when an image labelled 'disk_format' (an Image API disk_format: also ami, ari, aki, which are raw bytes) may
 * have the content 'found'. A raw label admits an ISO, which is read sector by sector all the same. */
bool image_format_fits(const char *disk_format, enum image_format found);
