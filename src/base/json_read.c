/* SPDX-License-Identifier: Apache-2.0
 * The JSON reader: recursive descent with a bounded depth. */
#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { MAX_DEPTH = 64 };

struct reader {
    struct arena *arena;
    const char *start, *at, *end;
    const char *error;
    unsigned depth;
};

static bool read_value(struct reader *r, struct json *node);

static bool refuse(struct reader *r, const char *what) {
    if (!r->error) {
        r->error = arena_printf(r->arena, "%s at byte %zu", what, (size_t)(r->at - r->start));
    }
    return false;
}

static void skip_space(struct reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')) {
        r->at++;
    }
}

static bool read_word(struct reader *r, const char *word) {
    size_t size = strlen(word);

    if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0) {
        return refuse(r, "unknown word");
    }
    r->at += size;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads the four digits after \u. Returns the code unit or -1. */
static int read_unit(struct reader *r) {
    int unit = 0;

    if (r->end - r->at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*r->at++);

        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static char *put_utf8(char *to, unsigned code) {
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

static char *read_unicode(struct reader *r, char *to) {
    int unit = read_unit(r);

    if (unit <= 0) {
        return refuse(r, unit ? "bad \\u escape" : "NUL in text"), NULL;
    }
    if (unit >= 0xdc00 && unit < 0xe000) {
        return refuse(r, "lone surrogate"), NULL;
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
        int low = -1;

        if (r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
            r->at += 2;
            low = read_unit(r);
        }
        if (low < 0xdc00 || low >= 0xe000) {
            return refuse(r, "lone surrogate"), NULL;
        }
        return put_utf8(to, 0x10000 + ((unsigned)(unit - 0xd800) << 10) + (unsigned)(low - 0xdc00));
    }
    return put_utf8(to, (unsigned)unit);
}

static char *read_escape(struct reader *r, char *to) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at++ : 0;
    const char *found = c ? strchr(from, c) : NULL;

    if (found) {
        *to++ = into[found - from];
        return to;
    }
    return c == 'u' ? read_unicode(r, to) : (refuse(r, "unknown escape"), NULL);
}

/* Reads a text whose opening quote was passed. The result ends with NUL; '*ret_size' has its bytes. */
static const char *read_text(struct reader *r, uint32_t *ret_size) {
    const char *close = r->at;
    bool escaped = false;
    char *text, *to;

    for (; close < r->end && *close != '"'; close++) {
        if ((unsigned char)*close < 0x20) {
            r->at = close;
            return refuse(r, "control character in text"), NULL;
        }
        if (*close == '\\') {
            escaped = true;
            close++;
        }
    }
    if (close >= r->end) {
        return refuse(r, "text without end"), NULL;
    }
    if (!utf8_valid(r->at, (size_t)(close - r->at))) {
        return refuse(r, "invalid UTF-8"), NULL;
    }
    text = to = arena_text_size(r->arena, r->at, (size_t)(close - r->at));
    if (!escaped) {
        to += close - r->at;
    }
    while (escaped && r->at < close) {
        if (*r->at != '\\') {
            *to++ = *r->at++;
            continue;
        }
        r->at++;
        to = read_escape(r, to);
        if (!to) {
            return NULL;
        }
    }
    *to = 0;
    r->at = close + 1;
    *ret_size = (uint32_t)(to - text);
    return text;
}

static bool read_digits(struct reader *r) {
    const char *from = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        r->at++;
    }
    return r->at > from;
}

static bool read_number(struct reader *r, struct json *node) {
    const char *from = r->at, *digits;
    bool whole = true;
    char *text;

    r->at += *r->at == '-';
    digits = r->at;
    if (!read_digits(r) || (*digits == '0' && r->at > digits + 1)) {
        return refuse(r, "bad number");
    }
    if (r->at < r->end && *r->at == '.') {
        whole = false;
        r->at++;
        if (!read_digits(r)) {
            return refuse(r, "bad number");
        }
    }
    if (r->at < r->end && (*r->at | 0x20) == 'e') {
        whole = false;
        r->at++;
        r->at += r->at < r->end && (*r->at == '+' || *r->at == '-');
        if (!read_digits(r)) {
            return refuse(r, "bad number");
        }
    }
    text = arena_text_size(r->arena, from, (size_t)(r->at - from));
    errno = 0;
    node->type = JSON_INT;
    node->integer = whole ? strtoll(text, NULL, 10) : 0;
    if (!whole || errno == ERANGE) {
        node->type = JSON_REAL;
        node->real = strtod(text, NULL);
        if (!isfinite(node->real)) {
            return refuse(r, "number out of range");
        }
    }
    return true;
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool members_unique(struct reader *r, const struct json *map) {
    const char **keys = arena_alloc(r->arena, sizeof *keys * (map->count + 1));
    size_t n = 0;

    for (const struct json *m = map->first; m; m = m->next) {
        keys[n++] = m->key;
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (!strcmp(keys[i - 1], keys[i])) {
            return refuse(r, arena_printf(r->arena, "member '%.80s' is there twice,", keys[i]));
        }
    }
    return true;
}

static bool read_key(struct reader *r, struct json *item) {
    uint32_t size;

    skip_space(r);
    if (r->at >= r->end || *r->at != '"') {
        return refuse(r, "a member name was expected");
    }
    r->at++;
    item->key = read_text(r, &size);
    if (!item->key) {
        return false;
    }
    skip_space(r);
    if (r->at >= r->end || *r->at != ':') {
        return refuse(r, "':' was expected");
    }
    r->at++;
    return true;
}

static bool read_items(struct reader *r, struct json *node, char close) {
    struct json **tail = &node->first;

    node->first = NULL;
    r->at++;
    skip_space(r);
    if (r->at < r->end && *r->at == close) {
        r->at++;
        return true;
    }
    for (;;) {
        struct json *item = ARENA_NEW(r->arena, struct json);

        if ((node->type == JSON_MAP && !read_key(r, item)) || !read_value(r, item)) {
            return false;
        }
        *tail = item;
        tail = &item->next;
        node->count++;
        skip_space(r);
        if (r->at < r->end && *r->at == ',') {
            r->at++;
            continue;
        }
        if (r->at >= r->end || *r->at != close) {
            return refuse(r, "',' or an end was expected");
        }
        r->at++;
        return node->type == JSON_LIST || members_unique(r, node);
    }
}

static bool read_value(struct reader *r, struct json *node) {
    bool ok;

    skip_space(r);
    if (r->at >= r->end) {
        return refuse(r, "a value was expected");
    }
    switch (*r->at) {
    case '{':
    case '[':
        if (r->depth >= MAX_DEPTH) {
            return refuse(r, "nested too deep");
        }
        r->depth++;
        node->type = *r->at == '{' ? JSON_MAP : JSON_LIST;
        ok = read_items(r, node, *r->at == '{' ? '}' : ']');
        r->depth--;
        return ok;
    case '"':
        r->at++;
        node->type = JSON_TEXT;
        node->text = read_text(r, &node->count);
        return node->text != NULL;
    case 't':
        node->type = JSON_TRUE;
        return read_word(r, "true");
    case 'f':
        node->type = JSON_FALSE;
        return read_word(r, "false");
    case 'n':
        node->type = JSON_NULL;
        return read_word(r, "null");
    default:
        return read_number(r, node);
    }
}

struct json *json_parse(struct arena *arena, const char *bytes, size_t size, const char **ret_error) {
    struct reader r = {.arena = arena, .start = bytes, .at = bytes, .end = bytes + size};
    struct json *node = ARENA_NEW(arena, struct json);

    if (size >= UINT32_MAX) {
        refuse(&r, "too large");
    } else if (read_value(&r, node)) {
        skip_space(&r);
        if (r.at == r.end) {
            return node;
        }
        refuse(&r, "text after the end");
    }
    if (ret_error) {
        *ret_error = r.error;
    }
    return NULL;
}

const struct json *json_get(const struct json *node, const char *key) {
    if (!node || node->type != JSON_MAP) {
        return NULL;
    }
    for (const struct json *m = node->first; m; m = m->next) {
        if (!strcmp(m->key, key)) {
            return m;
        }
    }
    return NULL;
}

const char *json_get_text(const struct json *node, const char *key) {
    const struct json *m = json_get(node, key);

    return m && m->type == JSON_TEXT ? m->text : NULL;
}

int64_t json_get_int(const struct json *node, const char *key, int64_t otherwise) {
    const struct json *m = json_get(node, key);

    return m && m->type == JSON_INT ? m->integer : otherwise;
}

bool json_get_bool(const struct json *node, const char *key) {
    const struct json *m = json_get(node, key);

    return m && m->type == JSON_TRUE;
}

/* Length in bytes of the sequence that starts with 'c', and the smallest code it may hold. */
static unsigned sequence(unsigned char c, unsigned *ret_least) {
    if (c >= 0xc2 && c < 0xe0) {
        *ret_least = 0x80;
        return 2;
    }
    if (c >= 0xe0 && c < 0xf0) {
        *ret_least = 0x800;
        return 3;
    }
    *ret_least = 0x10000;
    return c >= 0xf0 && c < 0xf5 ? 4 : 0;
}

bool utf8_valid(const char *bytes, size_t size) {
    const unsigned char *at = (const unsigned char *)bytes, *end = at + size;

    while (at < end) {
        unsigned least, n, code;

        if (*at < 0x80) {
            at++;
            continue;
        }
        n = sequence(*at, &least);
        if (!n || (size_t)(end - at) < n) {
            return false;
        }
        code = *at & (0x7fU >> n);
        for (unsigned i = 1; i < n; i++) {
            if ((at[i] & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | (at[i] & 0x3f);
        }
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
            return false;
        }
        at += n;
    }
    return true;
}

size_t utf8_length(const char *text) {
    size_t length = 0;

    for (; *text; text++) {
        length += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return length;
}

void json_append(struct json *to, struct json *node) {
    struct json **at = &to->first;

    while (*at) {
        at = &(*at)->next;
    }
    *at = node;
    to->count++;
}
