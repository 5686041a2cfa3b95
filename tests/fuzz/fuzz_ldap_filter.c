/* SPDX-License-Identifier: Apache-2.0
 * Filters and names of LDAP: what comes from outside stays one value. The bytes as a value of a filter are read back as
 * what they were; as a part of a filter they are refused or closed in themselves; as a name's first value they are read back
 * by libldap. */
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "identity/ldap_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static int digit(char c) {
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void value(struct arena *arena, const uint8_t *bytes, size_t size) {
    const char *text = filter_escaped(arena, (const char *)bytes, size);
    size_t at = 0;

    require(text[strcspn(text, "()*")] == 0);
    for (size_t i = 0; text[i]; i++, at++) {
        uint8_t byte = (uint8_t)text[i];

        if (text[i] == '\\') {
            byte = (uint8_t)(digit(text[i + 1]) << 4 | digit(text[i + 2]));
            i += 2;
        }
        require(at < size && byte == bytes[at]);
    }
    require(at == size);
    require(filter_part(arena, arena_printf(arena, "(cn=%s)", text)) || size > 2000);
}

/* Balanced at every place, so that nothing that stands behind it changes its meaning. */
static void part(struct arena *arena, const char *text) {
    const char *filter = filter_part(arena, text);
    int depth = 0;

    for (const char *at = filter; at && *at; at++) {
        depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
        require(depth > 0 || (depth == 0 && *at == ')'));
    }
    require(depth == 0);
    filter_equals(arena, "objectGUID", text);
    filter_equals(arena, "cn", text);
}

static void name(struct arena *arena, const char *text) {
    const char *dn = arena_printf(arena, "cn=%s,dc=example", dn_escaped(arena, text)), *back;

    if (*text && utf8_valid(text, strlen(text))) {
        back = dn_first(arena, dn, "CN");
        require(back && !strcmp(back, text));
    }
    dn_normal(arena, text);
    dn_first(arena, text, "cn");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);
    const char *text = arena_text_size(arena, (const char *)bytes, size);

    value(arena, bytes, size);
    part(arena, text);
    name(arena, text);
    attribute_good(text);
    arena_free(arena);
    return 0;
}
