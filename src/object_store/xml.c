/* SPDX-License-Identifier: Apache-2.0
 * Writing XML. */
#include "object_store/xml.h"

void xml_member(struct buf *out, const char *name, const char *text) {
    buf_printf(out, "<%s>", name);
    xml_escape(out, text);
    buf_printf(out, "</%s>", name);
}
