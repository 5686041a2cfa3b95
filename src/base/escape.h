/* SPDX-License-Identifier: Apache-2.0
 * Text that stays text in XML and HTML. */
#pragma once

struct buf;

/* Adds 'text' so that it is one in an element or a quoted attribute. Characters that have no place in XML 1.0 (section 2.2)
 * become a space, or U+FFFD. */
void xml_escape(struct buf *out, const char *text);
