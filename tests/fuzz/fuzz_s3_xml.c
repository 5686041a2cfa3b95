/* SPDX-License-Identifier: Apache-2.0
 * XML that S3's clients send: what was read, written again, reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "object_store/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void write_node(struct buf *out, const struct xml_node *node) {
    buf_printf(out, "<%s>", node->name);
    xml_escape(out, node->text);
    for (const struct xml_node *child = node->first; child; child = child->next) {
        write_node(out, child);
    }
    buf_printf(out, "</%s>", node->name);
}

static void compare(const struct xml_node *a, const struct xml_node *b) {
    if (!b || strcmp(a->name, b->name) != 0 || strcmp(a->text, b->text) != 0) {
        abort();
    }
    for (a = a->first, b = b->first; a; a = a->next, b = b->next) {
        compare(a, b);
    }
    if (b) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);
    const struct xml_node *root = xml_parse(arena, (const char *)bytes, size);
    struct buf again = {0};

    if (root) {
        write_node(&again, root);
        compare(root, xml_parse(arena, again.at, again.size));
    }
    xml_child_text(root, "Key");
    buf_release(&again);
    arena_free(arena);
    return 0;
}
