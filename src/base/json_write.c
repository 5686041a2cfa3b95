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

static void separate(struct json_out *out) {
    if (out->follows) {
        BUF_LITERAL(out->buf, ", ");
    }
    out->follows = true;
}

void json_map(struct json_out *out) {
    separate(out);
    buf_char(out->buf, '{');
    out->follows = false;
}

void json_map_end(struct json_out *out) {
    buf_char(out->buf, '}');
    out->follows = true;
}

void json_list(struct json_out *out) {
    separate(out);
    buf_char(out->buf, '[');
    out->follows = false;
}

void json_list_end(struct json_out *out) {
    buf_char(out->buf, ']');
    out->follows = true;
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

#define EACH_BYTE(value) (0x0101010101010101ULL * (value))

/* Not zero when one of the eight bytes is a control character, a quotation mark or a backslash. */
static uint64_t to_escape(uint64_t word) {
    uint64_t quote = word ^ EACH_BYTE('"'), slash = word ^ EACH_BYTE('\\');

    return (((word - EACH_BYTE(0x20)) & ~word) | ((quote - EACH_BYTE(1)) & ~quote) | ((slash - EACH_BYTE(1)) & ~slash)) &
           EACH_BYTE(0x80);
}

#ifdef __SSE2__
/* A bit for each of sixteen bytes that does not stand for itself. */
static inline unsigned escapes_of_sixteen(const char *text) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)text), last_control = _mm_set1_epi8(0x1f);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash)));
}

/* How many of the bytes, sixteen at a time, stand for themselves; the last sixteen may lie over some that were looked at. */
static size_t plain_sixteens(const char *text, size_t size) {
    size_t at = 0;

    for (; size - at >= 16; at += 16) {
        unsigned escapes = escapes_of_sixteen(text + at);

        if (escapes) {
            return at + (size_t)__builtin_ctz(escapes);
        }
    }
    return at && at < size && !escapes_of_sixteen(text + size - 16) ? size : at;
}
#else
static size_t plain_sixteens(const char *text, size_t size) {
    return 0;
}
#endif

/* How many bytes from 'text' on stand for themselves. */
static size_t plain_size(const char *text, size_t size) {
    size_t at = plain_sixteens(text, size);
    uint64_t word;

    while (size - at >= sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (to_escape(word)) {
            break;
        }
        at += sizeof word;
    }
    while (at < size && (unsigned char)text[at] >= 0x20 && text[at] != '"' && text[at] != '\\') {
        at++;
    }
    return at;
}

static void put_quoted(struct buf *buf, const char *text, size_t size) {
    size_t plain = plain_size(text, size);
    char *to = buf_reserve(buf, plain + 2);

    *to = '"';
    memcpy(to + 1, text, plain);
    buf->size += plain + 1;
    while (plain < size) {
        size_t more;

        put_escape(buf, (unsigned char)text[plain++]);
        more = plain_size(text + plain, size - plain);
        buf_put(buf, text + plain, more);
        plain += more;
    }
    buf_char(buf, '"');
}

void json_key(struct json_out *out, const char *key) {
    separate(out);
    put_quoted(out->buf, key, strlen(key));
    BUF_LITERAL(out->buf, ": ");
    out->follows = false;
}

const char *json_key_make(struct arena *arena, const char *key) {
    struct buf buf = {0};

    put_quoted(&buf, key, strlen(key));
    BUF_LITERAL(&buf, ": ");
    return buf_taken(&buf, arena);
}

void json_key_made(struct json_out *out, const char *made) {
    separate(out);
    buf_text(out->buf, made);
    out->follows = false;
}

void json_text_size(struct json_out *out, const char *text, size_t size) {
    separate(out);
    put_quoted(out->buf, text, size);
}

void json_text(struct json_out *out, const char *text) {
    if (text) {
        json_text_size(out, text, strlen(text));
    } else {
        json_null(out);
    }
}

void json_int(struct json_out *out, int64_t value) {
    separate(out);
    buf_int(out->buf, value);
}

void json_real(struct json_out *out, double value) {
    char text[32];

    separate(out);
    if (!isfinite(value)) {
        BUF_LITERAL(out->buf, "null");
        return;
    }
    if (fabs(value) < 1e15 && value == floor(value)) {
        buf_printf(out->buf, "%.1f", value);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    buf_text(out->buf, text);
    if (!strpbrk(text, ".e")) {
        BUF_LITERAL(out->buf, ".0");        /* else it would be read as an integer */
    }
}

void json_bool(struct json_out *out, bool value) {
    separate(out);
    buf_text(out->buf, value ? "true" : "false");
}

void json_null(struct json_out *out) {
    json_raw(out, "null");
}

void json_raw(struct json_out *out, const char *json) {
    separate(out);
    buf_text(out->buf, json ? json : "null");
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
