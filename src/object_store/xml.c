/* SPDX-License-Identifier: Apache-2.0
 * Writing XML. */
#include "object_store/xml.h"

#include <string.h>

void xml_escape(struct buf *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&': BUF_LITERAL(out, "&amp;"); break;
        case '<': BUF_LITERAL(out, "&lt;"); break;
        case '>': BUF_LITERAL(out, "&gt;"); break;
        case '"': BUF_LITERAL(out, "&quot;"); break;
        case '\'': BUF_LITERAL(out, "&#39;"); break;
        case '\r': BUF_LITERAL(out, "&#13;"); break;
        default: buf_char(out, (unsigned char)*text < 0x20 && !strchr("\t\n", *text) ? '?' : *text);
        }
    }
}

void xml_member(struct buf *out, const char *name, const char *text) {
    buf_printf(out, "<%s>", name);
    xml_escape(out, text);
    buf_printf(out, "</%s>", name);
}
