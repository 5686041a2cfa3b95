/* SPDX-License-Identifier: Apache-2.0
 * Escaping for XML and HTML. */
#include "base/escape.h"

#include "base/buf.h"

void xml_escape(struct buf *out, const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
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
            } else if (at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe) {
                BUF_LITERAL(out, "\xef\xbf\xbd");       /* U+FFFE and U+FFFF */
                at += 2;
            } else {
                buf_char(out, (char)*at);
            }
        }
    }
}
