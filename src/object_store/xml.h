/* SPDX-License-Identifier: Apache-2.0
 * XML as the object store's APIs speak it: names and texts of tenants written so that they stay text. */
#pragma once
#include "base/buf.h"

/* Adds 'text' so that it is one in an element or a quoted attribute, of XML and HTML. Control characters, which have no
 * place in XML 1.0, become question marks. */
void xml_escape(struct buf *out, const char *text);

/* <name>text</name>; the name is the program's own. */
void xml_member(struct buf *out, const char *name, const char *text);
