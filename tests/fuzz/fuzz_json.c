/* SPDX-License-Identifier: Apache-2.0
 * JSON: what is read must be written and read again as the same, and a patch (RFC 6902) must leave a document that can be
 * written. An input is a document, or a document and a patch with a zero byte between. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "rest/json_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_round(struct arena *arena, const struct json *node) {
    const char *text = json_print(arena, node), *error = NULL;
    const struct json *again = json_parse(arena, text, strlen(text), &error);

    require(utf8_valid(text, strlen(text)));
    require(again && again->type == node->type && strcmp(json_print(arena, again), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);
    const uint8_t *end = memchr(bytes, 0, size), *second = end ? end + 1 : bytes + size;
    const char *error = NULL;
    struct json *document = json_parse(arena, (const char *)bytes, end ? (size_t)(end - bytes) : size, &error);
    const struct json *patch = json_parse(arena, (const char *)second, (size_t)(bytes + size - second), &error);

    require(document || error);
    if (document) {
        check_round(arena, document);
    }
    if (document && patch) {
        struct call call = {.arena = arena};
        struct json *patched = json_patch(&call, document, patch);

        require(!patched == !!call.error);
        if (patched) {
            check_round(arena, patched);
        }
    }
    arena_free(arena);
    return 0;
}
