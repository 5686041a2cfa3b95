/* SPDX-License-Identifier: Apache-2.0
 * Bytes as they may come over the bus: a frame is read, and what was read is printed and read again with the same
 * outcome. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "bus/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int same(const char *a, const char *b) {
    return a && b ? !strcmp(a, b) : a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = arena_new(0);
    struct buf buf = {0};
    struct frame frame, again;
    const struct json *payload;
    const char *error = NULL;

    if (frame_parse(arena, (const char *)data, size, &frame, &error)) {
        frame_print(&buf, &frame);
        if (!frame_parse(arena, buf.at, buf.size, &again, &error) || again.type != frame.type ||
            !same(again.host, frame.host) || !same(again.error, frame.error) || again.number != frame.number ||
            again.payload_size != frame.payload_size) {
            abort();
        }
        if (!frame_payload(arena, &frame, &payload, &error) && !error) {
            abort();
        }
    } else if (!error) {
        abort();
    }
    buf_release(&buf);
    arena_free(arena);
    return 0;
}
