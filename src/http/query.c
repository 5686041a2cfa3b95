/* SPDX-License-Identifier: Apache-2.0
 * Percent-encoding and query arguments. */
#include "http/http.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"

enum { MAX_ARGUMENTS = 1000 };

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that the escape at 'text' stands for; -1 when it is malformed or NUL. */
static int unescape(const char *text, const char *end) {
    int high = end - text > 2 ? hex_digit(text[1]) : -1;
    int low = high >= 0 ? hex_digit(text[2]) : -1;

    return low >= 0 && (high | low) ? high * 16 + low : -1;
}

char *http_decode(struct arena *arena, const char *text, size_t size, bool plus) {
    static const bool plain[256] = {[1 ... '%' - 1] = true, ['%' + 1 ... '+' - 1] = true, ['+' + 1 ... 0x7f] = true};
    char *decoded = arena_text_size(arena, text, size), *to;
    const char *at = text, *end = text + size;
    bool ascii = true;

    while (at < end && plain[(unsigned char)*at]) {
        at++;
    }
    if (at == end) {
        return decoded;
    }
    for (to = decoded + (at - text); at < end; at++) {
        int c = (unsigned char)*at;

        if (c == '%') {
            c = unescape(at, end);
            at += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c <= 0) {
            return NULL;
        }
        ascii = ascii && c < 0x80;
        *to++ = (char)c;
    }
    *to = 0;
    return ascii || utf8_valid(decoded, (size_t)(to - decoded)) ? decoded : NULL;
}

void http_encode(struct buf *buf, const char *text, const char *keep) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (strchr(unreserved, c) || strchr(keep, c)) {
            buf_char(buf, (char)c);
        } else {
            buf_put(buf, (const char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
        }
    }
}

char *http_encoded(struct arena *arena, const char *text, const char *keep) {
    struct buf buf = {0};

    http_encode(&buf, text, keep);
    return buf_taken(&buf, arena);
}

static bool argument_read(struct arena *arena, const char *text, size_t size, struct http_header *ret) {
    const char *equals = memchr(text, '=', size);
    size_t name_size = equals ? (size_t)(equals - text) : size;

    ret->name = http_decode(arena, text, name_size, true);
    ret->value = equals ? http_decode(arena, equals + 1, size - name_size - 1, true) : "";
    return ret->name && ret->value;
}

const struct http_arguments *http_arguments(struct http_request *request) {
    struct http_arguments *arguments;

    if (request->arguments) {
        return request->arguments;
    }
    arguments = ARENA_NEW(request->arena, struct http_arguments);
    for (const char *at = request->query; at && *at;) {
        size_t size = strcspn(at, "&");

        if (size) {
            arguments->at = arena_grow(request->arena, arguments->at, arguments->count, sizeof *arguments->at);
            if (arguments->count == MAX_ARGUMENTS ||
                !argument_read(request->arena, at, size, &arguments->at[arguments->count++])) {
                return NULL;
            }
        }
        at += size + (at[size] == '&');
    }
    return request->arguments = arguments;
}

const char *http_argument(const struct http_request *request, const char *name) {
    /* The constant part is what the caller sees; parsing fills a cache. */
    const struct http_arguments *arguments = http_arguments((struct http_request *)request);

    for (size_t i = 0; arguments && i < arguments->count; i++) {
        if (strcmp(arguments->at[i].name, name) == 0) {
            return arguments->at[i].value;
        }
    }
    return NULL;
}
