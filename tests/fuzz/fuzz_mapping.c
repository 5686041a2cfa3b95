/* SPDX-License-Identifier: Apache-2.0
 * Fuzzes mapping rules: JSON of rules, a NUL, JSON of an assertion. Whatever both are, they are applied or refused, in
 * bounded work, and what comes out can be said in JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "identity/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void show(struct arena *arena, const struct mapped *mapped) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const struct json *again;

    mapped_write(mapped, &out);
    again = json_parse(arena, buf.at, buf.size, NULL);
    require(again && json_get(again, "user") && json_get(again, "group_ids")->count == mapped->group_id_count &&
            json_get(again, "group_names")->count == mapped->group_count);
    buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);
    const uint8_t *middle = size ? memchr(bytes, 0, size) : NULL;
    const struct json *rules, *assertion;
    struct mapped mapped;
    const char *error = NULL;

    if (middle) {
        rules = json_parse(arena, (const char *)bytes, (size_t)(middle - bytes), NULL);
        assertion = json_parse(arena, (const char *)middle + 1, size - (size_t)(middle - bytes) - 1, NULL);
        if (mapping_apply(arena, rules, assertion, &mapped, &error)) {
            show(arena, &mapped);
        } else {
            require(error != NULL);
        }
        mapping_flaw(arena, rules);
    }
    arena_free(arena);
    return 0;
}
