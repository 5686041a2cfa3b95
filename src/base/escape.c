/* SPDX-License-Identifier: Apache-2.0
 * Escaping for XML and HTML. */
#include "base/escape.h"

#include <stdbool.h>

#include "base/buf.h"

/* Writes what stands for a byte (of U+FFFE and U+FFFF: for all three) that has to be looked at; returns how many it was. */
static size_t escape_one(struct buf *out, const unsigned char *at) {
    switch (*at) {
    case '&':
        BUF_LITERAL(out, "&amp;");
        break;
    case '<':
        BUF_LITERAL(out, "&lt;");
        break;
    case '>':
        BUF_LITERAL(out, "&gt;");
        break;
    case '"':
        BUF_LITERAL(out, "&quot;");
        break;
    case '\'':
        BUF_LITERAL(out, "&apos;");
        break;
    case '\r':
        BUF_LITERAL(out, "&#13;");
        break;
    case '\t':
    case '\n':
        buf_char(out, (char)*at);
        break;
    default:
        if (*at < 0x20) {
            buf_char(out, ' ');
        } else if (at[1] == 0xbf && at[2] >= 0xbe) {
            BUF_LITERAL(out, "\xef\xbf\xbd");       /* U+FFFE and U+FFFF */
            return 3;
        } else {
            buf_char(out, (char)*at);
        }
    }
    return 1;
}

void xml_escape(struct buf *out, const char *text) {
    static const bool looked_at[256] = {
        [0 ... 0x1f] = true, ['&'] = true, ['<'] = true, ['>'] = true, ['"'] = true, ['\''] = true, [0xef] = true,
    };
    const unsigned char *at = (const unsigned char *)text;

    for (;;) {
        size_t plain = 0;

        while (!looked_at[at[plain]]) {
            plain++;
        }
        buf_put(out, at, plain);
        at += plain;
        if (!*at) {
            return;
        }
        at += escape_one(out, at);
    }
}
