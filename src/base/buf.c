/* SPDX-License-Identifier: Apache-2.0
 * Growing byte buffers. */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocation.h"
#include "base/arena.h"
#include "base/digits.h"

void buf_grow(struct buf *buf, size_t size) {
    size_t capacity = buf->capacity ? buf->capacity : 256;

    assert(size < (size_t)1 << 40);
    while (capacity - buf->size <= size) {
        capacity *= 2;
    }
    buf->at = allocation_fails() ? NULL : realloc(buf->at, capacity);
    if (!buf->at) {
        abort();
    }
    buf->capacity = capacity;
}

void buf_printf(struct buf *buf, const char *format, ...) {
    va_list args, again;
    size_t room;
    int size;

    buf_reserve(buf, 1);
    room = buf->capacity - buf->size;
    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(buf->at + buf->size, room, format, args);
    assert(size >= 0);
    if ((size_t)size >= room) {
        vsnprintf(buf_reserve(buf, (size_t)size), (size_t)size + 1, format, again);
    }
    buf->size += (size_t)size;
    va_end(again);
    va_end(args);
}

void buf_int(struct buf *buf, long long value) {
    char *end = put_digits(buf_reserve(buf, MAX_DIGITS), value);

    *end = 0;
    buf->size = (size_t)(end - buf->at);
}

void buf_release(struct buf *buf) {
    free(buf->at);
    *buf = (struct buf){0};
}

char *buf_taken(struct buf *buf, struct arena *arena) {
    char *text = arena_text_size(arena, buf->at ? buf->at : "", buf->size);

    buf_release(buf);
    return text;
}
