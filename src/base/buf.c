/* SPDX-License-Identifier: Apache-2.0
 * Growing byte buffers. */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"

char *buf_reserve(struct buf *buf, size_t size) {
    if (buf->capacity - buf->size < size + 1) {
        size_t capacity = buf->capacity ? buf->capacity : 256;

        assert(size < (size_t)1 << 40);
        while (capacity - buf->size < size + 1) {
            capacity *= 2;
        }
        buf->at = allocation_fails() ? NULL : realloc(buf->at, capacity);
        if (!buf->at) {
            abort();
        }
        buf->capacity = capacity;
    }
    return buf->at + buf->size;
}

void buf_put(struct buf *buf, const void *bytes, size_t size) {
    char *to = buf_reserve(buf, size);

    if (size) {
        memcpy(to, bytes, size);
    }
    to[size] = 0;
    buf->size += size;
}

void buf_text(struct buf *buf, const char *text) {
    buf_put(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c) {
    buf_put(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...) {
    va_list args, again;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    assert(size >= 0);
    vsnprintf(buf_reserve(buf, (size_t)size), (size_t)size + 1, format, args);
    buf->size += (size_t)size;
    va_end(args);
}

void buf_int(struct buf *buf, long long value) {
    char digits[24];
    char *at = digits + sizeof digits;
    unsigned long long rest = value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) {
        *--at = '-';
    }
    buf_put(buf, at, (size_t)(digits + sizeof digits - at));
}

void buf_release(struct buf *buf) {
    free(buf->at);
    *buf = (struct buf){0};
}
