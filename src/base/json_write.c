/* SPDX-License-Identifier: Apache-2.0
 * The JSON writer. */
#include "base/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/digits.h"

/* Where a value or key of up to 'size' bytes goes, behind what parts it from the one before. ended() follows. */
static inline char *begun(struct json_out *out, size_t size) {
    char *to = buf_reserve(out->buf, size + 2);

    if (out->follows) {
        memcpy(to, ", ", 2);
        to += 2;
    }
    return to;
}

static inline void ended(struct json_out *out, char *end, bool follows) {
    *end = 0;
    out->buf->size = (size_t)(end - out->buf->at);
    out->follows = follows;
}

void json_map(struct json_out *out) {
    char *to = begun(out, 1);

    *to++ = '{';
    ended(out, to, false);
}

void json_map_end(struct json_out *out) {
    buf_char(out->buf, '}');
    out->follows = true;
}

void json_list(struct json_out *out) {
    char *to = begun(out, 1);

    *to++ = '[';
    ended(out, to, false);
}

void json_list_end(struct json_out *out) {
    buf_char(out->buf, ']');
    out->follows = true;
}

/* ---- texts: looked at while they are copied, several bytes at a time ---- */

#define EACH_BYTE(value) (0x0101010101010101ULL * (value))

/* Not zero when one of the eight bytes is a control character, a quotation mark or a backslash. */
static uint64_t to_escape(uint64_t word) {
    uint64_t quote = word ^ EACH_BYTE('"'), slash = word ^ EACH_BYTE('\\');

    return (((word - EACH_BYTE(0x20)) & ~word) | ((quote - EACH_BYTE(1)) & ~quote) | ((slash - EACH_BYTE(1)) & ~slash)) &
           EACH_BYTE(0x80);
}

static inline size_t copy_bytes(char *to, const char *text, size_t size) {
    size_t at = 0;

    while (at < size && (unsigned char)text[at] >= 0x20 && text[at] != '"' && text[at] != '\\') {
        to[at] = text[at];
        at++;
    }
    return at;
}

static inline size_t copy_eight(char *to, const char *text) {
    uint64_t word;

    memcpy(&word, text, sizeof word);
    if (to_escape(word)) {
        return copy_bytes(to, text, sizeof word);
    }
    memcpy(to, &word, sizeof word);
    return sizeof word;
}

static inline size_t copy_sixteen(char *to, const char *text) {
#ifdef __SSE2__
    __m128i bytes = _mm_loadu_si128((const __m128i *)text), last_control = _mm_set1_epi8(0x1f);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    int escapes = _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash)));

    _mm_storeu_si128((__m128i *)to, bytes);
    return escapes ? (size_t)__builtin_ctz((unsigned)escapes) : 16;
#else
    size_t plain = copy_eight(to, text);

    return plain < 8 ? plain : 8 + copy_eight(to + 8, text + 8);
#endif
}

/* By steps of 'step' bytes, which 'copy' copies; the last one lies over bytes that were copied before. */
static inline size_t copy_by(size_t (*copy)(char *to, const char *text), size_t step, char *to, const char *text, size_t size) {
    for (size_t at = 0; size - at >= step; at += step) {
        size_t plain = copy(to + at, text + at);

        if (plain < step) {
            return at + plain;
        }
    }
    return size % step ? size - step + copy(to + size - step, text + size - step) : size;
}

/* Copies what stands for itself up to the first byte that does not; returns how many they are. */
static inline size_t copy_plain(char *to, const char *text, size_t size) {
    return size >= 16 ? copy_by(copy_sixteen, 16, to, text, size)
           : size >= 8 ? copy_by(copy_eight, 8, to, text, size) : copy_bytes(to, text, size);
}

static void put_escape(struct buf *buf, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    if (c == '"' || c == '\\') {
        escape[1] = (char)c;
    } else if (c == '\n') {
        escape[1] = 'n';
    }
    buf_put(buf, escape, escape[1] == 'u' ? 6 : 2);
}

/* The rest of a text from a byte on that does not stand for itself; returns where 'more' bytes may follow. */
static char *put_escaped(struct buf *buf, const char *text, size_t size, size_t more) {
    while (size) {
        size_t plain;

        put_escape(buf, (unsigned char)*text++);
        size--;
        plain = copy_plain(buf_reserve(buf, size), text, size);
        buf->size += plain;
        text += plain;
        size -= plain;
    }
    return buf_reserve(buf, more);
}

enum { AROUND = 4 };                /* quotation marks, and what follows a key */

/* 'to': where size + AROUND bytes go. Returns where the text ends, which may be elsewhere. */
static inline char *put_quoted(struct buf *buf, char *to, const char *text, size_t size) {
    size_t plain;

    *to++ = '"';
    plain = copy_plain(to, text, size);
    to += plain;
    if (plain < size) {
        buf->size = (size_t)(to - buf->at);
        to = put_escaped(buf, text + plain, size - plain, AROUND);
    }
    *to++ = '"';
    return to;
}

static inline char *put_key(struct buf *buf, char *to, const char *key, size_t size) {
    return mempcpy(put_quoted(buf, to, key, size), ": ", 2);
}

void json_key(struct json_out *out, const char *key) {
    size_t size = strlen(key);

    ended(out, put_key(out->buf, begun(out, size + AROUND), key, size), false);
}

const char *json_key_make(struct arena *arena, const char *key) {
    struct buf buf = {0};
    size_t size = strlen(key);

    buf.size = (size_t)(put_key(&buf, buf_reserve(&buf, size + AROUND), key, size) - buf.at);
    return buf_taken(&buf, arena);
}

static inline void put_raw(struct json_out *out, const char *text, size_t size, bool follows) {
    char *to = begun(out, size);

    ended(out, mempcpy(to, text, size), follows);
}

void json_key_made(struct json_out *out, const char *made) {
    put_raw(out, made, strlen(made), false);
}

static inline void put_text(struct json_out *out, const char *text, size_t size) {
    ended(out, put_quoted(out->buf, begun(out, size + AROUND), text, size), true);
}

void json_text_size(struct json_out *out, const char *text, size_t size) {
    put_text(out, text, size);
}

void json_text(struct json_out *out, const char *text) {
    if (text) {
        put_text(out, text, strlen(text));
    } else {
        json_null(out);
    }
}

void json_int(struct json_out *out, int64_t value) {
    ended(out, put_digits(begun(out, MAX_DIGITS), value), true);
}

void json_time(struct json_out *out, int64_t time, enum time_format format) {
    char *to;

    if (!time) {
        json_null(out);
        return;
    }
    to = begun(out, TIME_TEXT_SIZE + 2);
    *to++ = '"';
    to = time_put(time, format, to);
    *to++ = '"';
    ended(out, to, true);
}

void json_real(struct json_out *out, double value) {
    char text[32];

    if (!isfinite(value)) {
        json_null(out);
        return;
    }
    if (fabs(value) < 1e15 && value == floor(value)) {
        snprintf(text, sizeof text, "%.1f", value);
        json_raw(out, text);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    json_raw(out, text);
    if (!strpbrk(text, ".e")) {
        BUF_LITERAL(out->buf, ".0");        /* else it would be read as an integer */
    }
}

void json_bool(struct json_out *out, bool value) {
    json_raw(out, value ? "true" : "false");
}

void json_null(struct json_out *out) {
    put_raw(out, "null", 4, true);
}

void json_raw(struct json_out *out, const char *json) {
    json = json ? json : "null";
    put_raw(out, json, strlen(json), true);
}

void json_tree(struct json_out *out, const struct json *node) {
    switch (node ? node->type : JSON_NULL) {
    case JSON_NULL:
        json_null(out);
        break;
    case JSON_FALSE:
    case JSON_TRUE:
        json_bool(out, node->type == JSON_TRUE);
        break;
    case JSON_INT:
        json_int(out, node->integer);
        break;
    case JSON_REAL:
        json_real(out, node->real);
        break;
    case JSON_TEXT:
        json_text_size(out, node->text, node->count);
        break;
    case JSON_LIST:
        json_list(out);
        for (JSON_EACH(item, node)) {
            json_tree(out, item);
        }
        json_list_end(out);
        break;
    case JSON_MAP:
        json_map(out);
        for (JSON_EACH(item, node)) {
            json_key(out, item->key);
            json_tree(out, item);
        }
        json_map_end(out);
        break;
    }
}

void json_put_text(struct json_out *out, const char *key, const char *text) {
    json_key(out, key);
    json_text(out, text);
}

void json_put_int(struct json_out *out, const char *key, int64_t value) {
    json_key(out, key);
    json_int(out, value);
}

void json_put_bool(struct json_out *out, const char *key, bool value) {
    json_key(out, key);
    json_bool(out, value);
}

void json_put_null(struct json_out *out, const char *key) {
    json_key(out, key);
    json_null(out);
}

void json_put_raw(struct json_out *out, const char *key, const char *json) {
    json_key(out, key);
    json_raw(out, json);
}

const char *json_print(struct arena *arena, const struct json *node) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_tree(&out, node);
    return buf_taken(&buf, arena);
}
