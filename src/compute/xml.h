/* SPDX-License-Identifier: Apache-2.0
 * XML as libvirt speaks it: a writer that escapes everything, and the few look-ups we need in what libvirt itself
 * wrote (no comments inside elements, no '>' in attributes). Not a parser for tenants' XML. */
#pragma once
#include <stddef.h>

#include "base/buf.h"

struct arena;

enum { XML_DEPTH = 16 };

struct xml {
    struct buf *buf;
    const char *open[XML_DEPTH];
    int depth;
    int tag_is_open;            /* "<name" is written, ">" is not */
};

void xml_begin(struct xml *xml, const char *name);
void xml_end(struct xml *xml);
void xml_attribute(struct xml *xml, const char *name, const char *value);       /* a null value writes nothing */
void xml_attribute_int(struct xml *xml, const char *name, long long value);
void xml_text(struct xml *xml, const char *text);

/* <name>text</name>; nothing when text is null or empty. */
void xml_element(struct xml *xml, const char *name, const char *text);
void xml_element_int(struct xml *xml, const char *name, long long value);

/* <name attribute='value' .../>: XML_LEAF(xml, "target", "dev", device, "bus", bus); null values are left out. */
void xml_leaf(struct xml *xml, const char *name, const char *const *pairs, size_t count);
#define XML_LEAF(xml, name, ...) \
    xml_leaf((xml), (name), (const char *const[]){__VA_ARGS__}, \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* The first element 'name' in 'text' that contains 'mark', as text of its own; null when there is none. An element of
 * that name inside such an element is not looked for. *at, when not null, is where to start and then where it ended. */
const char *xml_find(struct arena *arena, const char *text, const char *name, const char *mark, const char **at);

/* The value of the attribute in the first element 'name' of 'text', unescaped; null when there is none. */
const char *xml_find_attribute(struct arena *arena, const char *text, const char *name, const char *attribute);
