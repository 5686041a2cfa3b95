/* SPDX-License-Identifier: Apache-2.0
 * Reading XML that tenants send: one pass over the bytes, no recursion, no entities but the five and numbers. */
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "object_store/xml.h"

enum { MAX_DEPTH = 16, MAX_NODES = 100000, MAX_NAME = 256 };

struct reader {
    struct arena *arena;
    const char *at, *end;
    struct xml_node *open[MAX_DEPTH], *root;
    struct buf texts[MAX_DEPTH];
    int depth;
    int nodes;
};

static bool begins(const struct reader *r, const char *text) {
    size_t size = strlen(text);

    return (size_t)(r->end - r->at) >= size && !memcmp(r->at, text, size);
}

/* Moves behind the next 'text'. */
static bool skip_to(struct reader *r, const char *text) {
    const char *found = memmem(r->at, (size_t)(r->end - r->at), text, strlen(text));

    r->at = found ? found + strlen(text) : r->end;
    return found;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct reader *r) {
    while (r->at < r->end && is_space(*r->at)) {
        r->at++;
    }
}

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_-.:", c)) ||
           (unsigned char)c >= 0x80;
}

/* What a name has behind the prefix of its namespace. */
static const char *local(const char *name) {
    const char *colon = strchr(name, ':');

    return colon ? colon + 1 : name;
}

static bool begins_well(const char *name) {
    return *name && !strchr("0123456789-.:", *name);
}

/* A name whole, in the arena; null when there is none, or it is not PREFIX:NAME or NAME. */
static const char *read_name(struct reader *r) {
    const char *from = r->at, *name;

    while (r->at < r->end && is_name_char(*r->at)) {
        r->at++;
    }
    if (r->at - from > MAX_NAME) {
        return NULL;
    }
    name = arena_text_size(r->arena, from, (size_t)(r->at - from));
    return begins_well(name) && begins_well(local(name)) && !strchr(local(name), ':') ? name : NULL;
}

static void put_utf8(struct buf *out, unsigned c) {
    if (c < 0x80) {
        buf_char(out, (char)c);
    } else if (c < 0x800) {
        buf_put(out, (const char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 63))}, 2);
    } else if (c < 0x10000) {
        buf_put(out, (const char[]){(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63))}, 3);
    } else {
        buf_put(out, (const char[]){(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 63)), (char)(0x80 | (c >> 6 & 63)),
                                    (char)(0x80 | (c & 63))}, 4);
    }
}

/* The character that "&#...;" names; 0: none that may stand in a document. */
static unsigned number(const char *at, size_t size) {
    bool hex = size && (*at == 'x');
    unsigned c = 0;

    for (size_t i = hex; i < size; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, at[i] >= 'A' && at[i] <= 'F' ? at[i] + 32 : at[i]);

        if (!digit || !*digit || (!hex && digit - digits > 9) || c > 0x110000) {
            return 0;
        }
        c = c * (hex ? 16 : 10) + (unsigned)(digit - digits);
    }
    return c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff ||
           (c < 0x20 && c != '\t' && c != '\n' && c != '\r') ? 0 : c;
}

static bool read_entity(struct reader *r, struct buf *out) {
    static const struct {
        const char *name;
        char c;
    } known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    const char *semicolon = memchr(r->at, ';', r->end - r->at < 12 ? (size_t)(r->end - r->at) : 12);
    unsigned c = 0;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (begins(r, known[i].name)) {
            r->at += strlen(known[i].name);
            buf_char(out, known[i].c);
            return true;
        }
    }
    if (begins(r, "&#") && semicolon) {
        c = number(r->at + 2, (size_t)(semicolon - r->at - 2));
        r->at = semicolon + 1;
        put_utf8(out, c);
    }
    return c;
}

/* Text up to one of the bytes in 'stop', which are not taken. */
static bool read_text(struct reader *r, struct buf *out, char stop) {
    while (r->at < r->end && *r->at != stop) {
        if (*r->at == '&') {
            if (!read_entity(r, out)) {
                return false;
            }
        } else if (*r->at == '<') {
            return false;
        } else if (*r->at == '\r') {        /* line ends are one newline (XML 1.0 section 2.11) */
            r->at++;
            if (r->at == r->end || *r->at != '\n') {
                buf_char(out, '\n');
            }
        } else {
            buf_char(out, *r->at++);
        }
    }
    return r->at < r->end || stop == '<';
}

static bool read_attribute(struct reader *r, struct xml_node *node) {
    const char *name = read_name(r);
    struct buf value = {0};
    bool ok;
    char quote;

    skip_space(r);
    if (!name || r->at == r->end || *r->at++ != '=') {
        return false;
    }
    skip_space(r);
    if (r->at == r->end || (*r->at != '"' && *r->at != '\'')) {
        return false;
    }
    quote = *r->at++;
    ok = read_text(r, &value, quote);
    if (ok && !strcmp(local(name), "type")) {
        node->type = arena_text_size(r->arena, value.at, value.size);
    }
    buf_release(&value);
    r->at += ok;
    return ok;
}

static void close_node(struct reader *r) {
    struct xml_node *node = r->open[--r->depth];
    struct buf *text = &r->texts[r->depth];

    if (text->size) {
        node->text = arena_text_size(r->arena, text->at, text->size);
    }
    buf_clear(text);
}

static bool open_node(struct reader *r) {
    struct xml_node *node = ARENA_NEW(r->arena, struct xml_node), *parent = r->depth ? r->open[r->depth - 1] : NULL;
    const char *name = read_name(r);

    if (!name || r->depth == MAX_DEPTH || r->nodes++ == MAX_NODES || (!parent && r->root)) {
        return false;
    }
    *node = (struct xml_node){.name = local(name), .text = ""};
    if (!parent) {
        r->root = node;
    } else if (parent->last) {
        parent->last = parent->last->next = node;
    } else {
        parent->first = parent->last = node;
    }
    r->open[r->depth++] = node;
    for (;;) {
        const char *before = r->at;

        skip_space(r);
        if (begins(r, "/>")) {
            r->at += 2;
            close_node(r);
            return true;
        }
        if (begins(r, ">")) {
            r->at++;
            return true;
        }
        if (before == r->at || !read_attribute(r, node)) {
            return false;
        }
    }
}

static bool end_tag(struct reader *r) {
    const char *name = read_name(r);

    skip_space(r);
    if (!name || !r->depth || strcmp(local(name), r->open[r->depth - 1]->name) != 0 || !begins(r, ">")) {
        return false;
    }
    r->at++;
    close_node(r);
    return true;
}

static bool read_cdata(struct reader *r) {
    const char *from = r->at + 9;

    r->at = from;
    if (!r->depth || !skip_to(r, "]]>")) {
        return false;
    }
    buf_put(&r->texts[r->depth - 1], from, (size_t)(r->at - 3 - from));
    return true;
}

/* What begins with '<'. */
static bool read_markup(struct reader *r) {
    if (begins(r, "<!--")) {
        r->at += 4;
        return skip_to(r, "-->");
    }
    if (begins(r, "<![CDATA[")) {
        return read_cdata(r);
    }
    if (begins(r, "</")) {
        r->at += 2;
        return end_tag(r);
    }
    r->at++;
    return open_node(r);
}

static bool read_all(struct reader *r) {
    if (begins(r, "\xef\xbb\xbf")) {
        r->at += 3;
    }
    if (begins(r, "<?xml") && !skip_to(r, "?>")) {
        return false;
    }
    while (r->at < r->end) {
        if (*r->at == '<') {
            if (!read_markup(r)) {
                return false;
            }
        } else if (!r->depth) {
            if (!is_space(*r->at++)) {
                return false;
            }
        } else if (!read_text(r, &r->texts[r->depth - 1], '<')) {
            return false;
        }
    }
    return r->root && !r->depth;
}

/* Only characters that a document may have (XML 1.0 section 2.2). */
static bool is_plain(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)bytes[i] < 0x20 && !is_space(bytes[i])) {
            return false;
        }
    }
    return utf8_valid(bytes, size) && !memmem(bytes, size, "\xef\xbf\xbe", 3) && !memmem(bytes, size, "\xef\xbf\xbf", 3);
}

const struct xml_node *xml_parse(struct arena *arena, const char *bytes, size_t size) {
    struct reader r = {.arena = arena, .at = bytes, .end = bytes + size};
    bool ok = size && is_plain(bytes, size) && read_all(&r);

    for (int i = 0; i < MAX_DEPTH; i++) {
        buf_release(&r.texts[i]);
    }
    return ok ? r.root : NULL;
}

const struct xml_node *xml_child(const struct xml_node *node, const char *name) {
    for (const struct xml_node *child = node ? node->first : NULL; child; child = child->next) {
        if (!strcmp(child->name, name)) {
            return child;
        }
    }
    return NULL;
}

const char *xml_child_text(const struct xml_node *node, const char *name) {
    const struct xml_node *child = xml_child(node, name);

    return child ? child->text : NULL;
}
