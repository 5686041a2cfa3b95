/* SPDX-License-Identifier: Apache-2.0
 * Fuzzes the image inspector. The size of the pieces must not change the verdict, and a safe image must tell a disk
 * size in bounds. So that small inputs reach deep offsets, an input is a list of what stands where:
 *
 *   size of the pieces (1 byte), length of the image in blocks of 16 KiB (1),
 *   then records of: block (1), size (2, little-endian), bytes */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "image/inspect.h"

enum { BLOCK = 16 * 1024, LARGEST = 256 * BLOCK };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct image_facts inspect(struct arena *arena, const uint8_t *bytes, size_t size, size_t piece) {
    struct inspector *inspector = inspector_new(arena);

    for (size_t at = 0; at < size; at += piece) {
        inspector_feed(inspector, bytes + at, size - at < piece ? size - at : piece);
    }
    return inspector_finish(inspector);
}

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

/* Lays the records out in 'image'; the last one may end the image in the middle of a block. Returns its size. */
static size_t lay_out(uint8_t *image, const uint8_t *at, const uint8_t *end, size_t blocks) {
    size_t size = blocks * BLOCK;

    while (end - at > 3) {
        size_t place = (size_t)at[0] * BLOCK, want = at[1] | (size_t)at[2] << 8, there = (size_t)(end - at) - 3;
        size_t take = want < there ? want : there;

        at += 3;
        take = take < LARGEST - place ? take : LARGEST - place;
        memcpy(image + place, at, take);
        size = place + take > size ? place + take : size;
        at += take;
    }
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static uint8_t image[LARGEST];
    struct image_facts whole, parts;
    struct arena *arena;
    size_t image_size;

    if (size < 2) {
        return 0;
    }
    arena = arena_new(0);
    image_size = lay_out(image, bytes + 2, bytes + size, bytes[1]);
    whole = inspect(arena, image, image_size, LARGEST);
    parts = inspect(arena, image, image_size, 500 + (size_t)bytes[0] * 501);
    require(whole.format == parts.format && whole.safe == parts.safe && whole.virtual_size == parts.virtual_size);
    require(whole.safe == !whole.problem && (!whole.safe || whole.virtual_size <= IMAGE_LARGEST_DISK));
    memset(image, 0, image_size);
    arena_free(arena);
    return 0;
}
