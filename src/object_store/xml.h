/* SPDX-License-Identifier: Apache-2.0
 * XML as the object store's APIs speak it: names and texts of tenants written so that they stay text, and what tenants
 * send read by a reader that knows elements, attributes and text and nothing else: a document type, an entity of its own
 * or a processing instruction makes a document malformed, so that none can name a file or grow. */
#pragma once
#include <stddef.h>

#include "base/buf.h"
#include "base/escape.h"

struct arena;

/* <name>text</name>; the name is the program's own. */
void xml_member(struct buf *out, const char *name, const char *text);

struct xml_node {
    const char *name;               /* without the prefix of a namespace */
    const char *text;               /* of this element alone; "" when it has none */
    const char *type;               /* attribute "type", whatever its prefix; null: none */
    struct xml_node *first, *last, *next;
};

/* Writes an element that was read: its children, or (without any) its text. Attributes are left out. */
void xml_write(struct buf *out, const struct xml_node *node);

/* The root of a document; null when it is malformed, deeper than 16 elements or of more than 100,000. */
const struct xml_node *xml_parse(struct arena *arena, const char *bytes, size_t size);
/* The first child of that name; null when there is none, or no node. */
const struct xml_node *xml_child(const struct xml_node *node, const char *name);
/* Its text; null when there is no such child. */
const char *xml_child_text(const struct xml_node *node, const char *name);
