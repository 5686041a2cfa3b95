/* SPDX-License-Identifier: Apache-2.0
 * Fuzzes the image inspector. The first byte chooses the size of the pieces, which must not change the verdict; a safe
 * image must tell a disk size in bounds. So that small inputs reach deep offsets, zeros, as many pages as the second
 * byte says, stand after the first 4 KiB. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "image/inspect.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t image[2 << 20];
    size_t gap, rest, begin;
    struct arena *arena;
    struct image_facts whole, parts;

    if (size < 3 || size > sizeof image / 2) {
        return 0;
    }
    begin = size - 2 < 4096 ? size - 2 : 4096;
    gap = (size_t)data[1] * 4096;
    rest = size - 2 - begin;
    memcpy(image, data + 2, begin);
    memset(image + begin, 0, gap);
    memcpy(image + begin + gap, data + 2 + begin, rest);
    arena = arena_new(0);
    whole = inspect(arena, image, begin + gap + rest, sizeof image);
    parts = inspect(arena, image, begin + gap + rest, 1 + (size_t)data[0] * 37);
    require(whole.format == parts.format && whole.safe == parts.safe && whole.virtual_size == parts.virtual_size);
    require(whole.safe == !whole.problem && (!whole.safe || whole.virtual_size <= IMAGE_LARGEST_DISK));
    arena_free(arena);
    return 0;
}
