/* SPDX-License-Identifier: Apache-2.0
 * Writing XML 1.0, and finding pieces of libvirt's. */
#include "compute/xml.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"

static void close_tag(struct xml *xml) {
    if (xml->tag_is_open) {
        buf_char(xml->buf, '>');
        xml->tag_is_open = 0;
    }
}

void xml_begin(struct xml *xml, const char *name) {
    assert(xml->depth < XML_DEPTH);
    close_tag(xml);
    buf_char(xml->buf, '<');
    buf_text(xml->buf, name);
    xml->open[xml->depth++] = name;
    xml->tag_is_open = 1;
}

void xml_end(struct xml *xml) {
    assert(xml->depth > 0);
    const char *name = xml->open[--xml->depth];

    if (xml->tag_is_open) {
        BUF_LITERAL(xml->buf, "/>");
        xml->tag_is_open = 0;
        return;
    }
    BUF_LITERAL(xml->buf, "</");
    buf_text(xml->buf, name);
    buf_char(xml->buf, '>');
}

void xml_attribute(struct xml *xml, const char *name, const char *value) {
    assert(xml->tag_is_open);
    if (value) {
        buf_printf(xml->buf, " %s='", name);
        xml_escape(xml->buf, value);
        buf_char(xml->buf, '\'');
    }
}

void xml_attribute_int(struct xml *xml, const char *name, long long value) {
    assert(xml->tag_is_open);
    buf_printf(xml->buf, " %s='%lld'", name, value);
}

void xml_text(struct xml *xml, const char *text) {
    close_tag(xml);
    xml_escape(xml->buf, text);
}

void xml_element(struct xml *xml, const char *name, const char *text) {
    if (text && *text) {
        xml_begin(xml, name);
        xml_text(xml, text);
        xml_end(xml);
    }
}

void xml_element_int(struct xml *xml, const char *name, long long value) {
    xml_begin(xml, name);
    close_tag(xml);
    buf_int(xml->buf, value);
    xml_end(xml);
}

void xml_leaf(struct xml *xml, const char *name, const char *const *pairs, size_t count) {
    assert(count % 2 == 0);
    xml_begin(xml, name);
    for (size_t i = 0; i < count; i += 2) {
        xml_attribute(xml, pairs[i], pairs[i + 1]);
    }
    xml_end(xml);
}

/* Where the next start tag of 'name' is, or null. */
static const char *tag_find(const char *text, const char *name) {
    size_t size = strlen(name);

    for (const char *at = strchr(text, '<'); at; at = strchr(at + 1, '<')) {
        if (!strncmp(at + 1, name, size) && strchr(" />\n", at[1 + size])) {
            return at;
        }
    }
    return NULL;
}

/* One past the end of the element that starts at 'start'. */
static const char *element_end(struct arena *arena, const char *start, const char *name) {
    const char *tag_end = strchr(start, '>');
    const char *close;

    if (!tag_end || tag_end[-1] == '/') {
        return tag_end ? tag_end + 1 : NULL;
    }
    close = strstr(tag_end, arena_printf(arena, "</%s>", name));
    return close ? close + strlen(name) + 3 : NULL;
}

const char *xml_find(struct arena *arena, const char *text, const char *name, const char *mark, const char **at) {
    const char *start = tag_find(at && *at ? *at : text, name);

    while (start) {
        const char *end = element_end(arena, start, name);
        char *element = end ? arena_text_size(arena, start, (size_t)(end - start)) : NULL;

        if (element && (!mark || strstr(element, mark))) {
            if (at) {
                *at = end;
            }
            return element;
        }
        start = end ? tag_find(end, name) : NULL;
    }
    return NULL;
}

static const char *unescape(struct arena *arena, const char *text, size_t size) {
    static const struct {
        const char *name, *text;
    } entities[] = {{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}, {"&apos;", "'"}, {"&quot;", "\""}};
    char *result = arena_alloc(arena, size + 1), *to = result;

    for (const char *from = text; from < text + size;) {
        size_t took = 1;

        *to = *from;
        for (size_t i = 0; *from == '&' && i < sizeof entities / sizeof *entities; i++) {
            if (!strncmp(from, entities[i].name, strlen(entities[i].name))) {
                *to = *entities[i].text;
                took = strlen(entities[i].name);
            }
        }
        to++;
        from += took;
    }
    return result;
}

const char *xml_find_attribute(struct arena *arena, const char *text, const char *name, const char *attribute) {
    const char *start = tag_find(text, name);
    const char *end = start ? strchr(start, '>') : NULL;
    const char *mark = arena_printf(arena, " %s=", attribute);
    const char *value = end ? strstr(start, mark) : NULL;
    const char *quote;

    if (!value || value > end) {
        return NULL;
    }
    quote = value + strlen(mark);
    return unescape(arena, quote + 1, strcspn(quote + 1, *quote == '"' ? "\"" : "'"));
}
