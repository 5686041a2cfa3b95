/* SPDX-License-Identifier: Apache-2.0
 * A growing run of bytes on the heap: responses, SQL text, messages. Always ends with a NUL that is not counted. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

struct arena;

struct buf {
    char *at;
    size_t size, capacity;
};

void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_int(struct buf *buf, long long value);

/* Makes room for 'size' more bytes and the NUL. */
void buf_grow(struct buf *buf, size_t size);

/* Room for 'size' more bytes; returns where they go. The caller then adds what it wrote to buf->size. */
static inline char *buf_reserve(struct buf *buf, size_t size) {
    if (buf->capacity - buf->size <= size) {
        buf_grow(buf, size);
    }
    return buf->at + buf->size;
}

static inline void buf_put(struct buf *buf, const void *bytes, size_t size) {
    char *to = buf_reserve(buf, size);

    if (size) {
        memcpy(to, bytes, size);
    }
    to[size] = 0;
    buf->size += size;
}

static inline void buf_text(struct buf *buf, const char *text) {
    buf_put(buf, text, strlen(text));
}

static inline void buf_char(struct buf *buf, char c) {
    buf_put(buf, &c, 1);
}

/* Frees the bytes and makes the buffer empty. */
void buf_release(struct buf *buf);

/* A copy of the bytes that lives as long as the arena; the buffer is released. */
char *buf_taken(struct buf *buf, struct arena *arena);

static inline void buf_clear(struct buf *buf) {
    buf->size = 0;
    if (buf->at) {
        buf->at[0] = 0;
    }
}

#define BUF_LITERAL(buf, text) buf_put((buf), (text), sizeof(text) - 1)
