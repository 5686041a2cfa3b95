/* SPDX-License-Identifier: Apache-2.0
 * Writing XML. */
#include "object_store/xml.h"

void xml_member(struct buf *out, const char *name, const char *text) {
    buf_printf(out, "<%s>", name);
    xml_escape(out, text);
    buf_printf(out, "</%s>", name);
}

void xml_write(struct buf *out, const struct xml_node *node) {
    if (!node->first) {
        xml_member(out, node->name, node->text);
        return;
    }
    buf_printf(out, "<%s>", node->name);
    for (const struct xml_node *child = node->first; child; child = child->next) {
        xml_write(out, child);
    }
    buf_printf(out, "</%s>", node->name);
}
