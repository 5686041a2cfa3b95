/* SPDX-License-Identifier: Apache-2.0
 * Writing XML. */
#include "object_store/xml.h"

static void put_tag(struct buf *out, const char *open, const char *name) {
    buf_text(out, open);
    buf_text(out, name);
    buf_char(out, '>');
}

void xml_member(struct buf *out, const char *name, const char *text) {
    put_tag(out, "<", name);
    xml_escape(out, text);
    put_tag(out, "</", name);
}

void xml_write(struct buf *out, const struct xml_node *node) {
    if (!node->first) {
        xml_member(out, node->name, node->text);
        return;
    }
    put_tag(out, "<", node->name);
    for (const struct xml_node *child = node->first; child; child = child->next) {
        xml_write(out, child);
    }
    put_tag(out, "</", node->name);
}
