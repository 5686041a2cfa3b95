/* SPDX-License-Identifier: Apache-2.0
 * Percent-encoding (RFC 3986 section 2.1). */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "http/http.h"

const char *http_encode(struct arena *arena, const char *text) {
    static const char hex[] = "0123456789ABCDEF";
    char *encoded = arena_alloc(arena, strlen(text) * 3 + 1), *to = encoded;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-._~", c)) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    return encoded;
}
