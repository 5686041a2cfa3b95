/* SPDX-License-Identifier: Apache-2.0
 * Metadata headers: X-Account-Meta-*, X-Container-Meta-*, X-Object-Meta-*, and their limits. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "object_store/swift.h"

static const char *lower(struct arena *arena, const char *text) {
    char *copy = arena_text(arena, text);

    for (char *at = copy; *at; at++) {
        *at = *at == '_' ? '-' : (char)tolower((unsigned char)*at);     /* as they come through WSGI, so clients expect it */
    }
    return copy;
}

static bool names(const struct store_meta *meta, const char *name) {
    for (size_t i = 0; i < meta->count; i++) {
        if (!strcmp(meta->at[i].name, name)) {
            return true;
        }
    }
    return false;
}

struct limits {
    size_t count, size;
};

static bool within_limits(struct swift *sw, const char *name, const char *value, struct limits *used) {
    used->count++;
    used->size += strlen(name) + strlen(value);
    if (!*name) {
        return swift_error(sw, 400, "Metadata name cannot be empty"), false;
    }
    if (strlen(name) > MAX_META_NAME) {
        return swift_error(sw, 400, "Metadata name too long: %.200s", name), false;
    }
    if (strlen(value) > MAX_META_VALUE) {
        return swift_error(sw, 400, "Metadata value longer than %d: %s", MAX_META_VALUE, name), false;
    }
    if (used->count > MAX_META_COUNT) {
        return swift_error(sw, 400, "Too many metadata items; max %d", MAX_META_COUNT), false;
    }
    if (used->size > MAX_META_SIZE) {
        return swift_error(sw, 400, "Total metadata too large; max %d", MAX_META_SIZE), false;
    }
    return true;
}

/* What is there already counts as well, but for what changes. */
static bool all_within_limits(struct swift *sw, const struct store_meta *set, struct limits *used) {
    const struct store_meta *metas[] = {sw->depth == DEPTH_ACCOUNT ? &sw->found.account.meta : &sw->found.container.meta, set};

    for (int i = 0; i < 2; i++) {
        for (size_t n = 0; n < metas[i]->count; n++) {
            const struct store_pair *pair = &metas[i]->at[n];
            bool changes = !i && names(set, pair->name);

            if (!strncmp(pair->name, "meta-", 5) && pair->value && !changes &&
                !within_limits(sw, pair->name + 5, pair->value, used)) {
                return false;
            }
        }
    }
    return true;
}

/* Keys that sign in the account's name are for its owner's eyes. */
static bool is_owners(const char *name) {
    return !strcasecmp(name, "temp-url-key") || !strcasecmp(name, "temp-url-key-2");
}

static bool sets_key(const char *header, const char *prefix) {
    size_t size = strlen(prefix);

    return !strncasecmp(header, prefix, size) && is_owners(header + size);
}

/* Setting wins when both are asked for. */
static void drop_meta(struct swift *sw, const char *name, struct store_meta *ret) {
    const char *key = arena_printf(sw->arena, "meta-%s", name);

    if (!store_meta_get(ret, key)) {
        store_meta_set(sw->arena, ret, key, NULL);
    }
}

bool swift_read_meta(struct swift *sw, const char *kind, struct store_meta *ret) {
    const char *set = arena_printf(sw->arena, "x-%s-meta-", kind);
    const char *drop = arena_printf(sw->arena, "x-remove-%s-meta-", kind);
    size_t set_size = strlen(set), drop_size = strlen(drop);
    bool is_object = !strcmp(kind, "object");
    struct limits used = {0}, all = {0};

    for (size_t i = 0; i < sw->http->header_count; i++) {
        const char *name = sw->http->headers[i].name, *value = sw->http->headers[i].value;

        if (strlen(value) > MAX_HEADER) {
            return swift_error(sw, 400, "Header value too long: %.128s", name), false;
        }
        if (!is_object && !sw->owner && (sets_key(name, set) || sets_key(name, drop))) {
            continue;
        }
        if (!is_object && !strncasecmp(name, drop, drop_size)) {
            drop_meta(sw, lower(sw->arena, name + drop_size), ret);
        } else if (!strncasecmp(name, set, set_size)) {
            if (!within_limits(sw, name + set_size, value, &used)) {
                return false;
            }
            store_meta_set(sw->arena, ret, arena_printf(sw->arena, "meta-%s", lower(sw->arena, name + set_size)),
                           *value || is_object ? value : NULL);
        }
    }
    return is_object || !ret->count || all_within_limits(sw, ret, &all);
}

/* "x-object-meta-some-name" as "X-Object-Meta-Some-Name". */
static void write_titled(struct swift *sw, const char *kind, const char *name, const char *value) {
    char *header = arena_printf(sw->arena, "x-%s-meta-%s", kind, name);
    bool first = true;

    for (char *at = header; *at; at++) {
        *at = first ? (char)toupper((unsigned char)*at) : *at;
        first = *at == '-';
    }
    http_respond_header(sw->http, header, *value ? value : " ");
}

void swift_write_meta(struct swift *sw, const char *kind, const struct store_meta *meta) {
    for (size_t i = 0; i < meta->count; i++) {
        /* A temporary URL shows the metadata that are meant for everybody. */
        bool shown = !sw->temporary || !strncmp(meta->at[i].name, "meta-public-", 12);

        if (shown && meta->at[i].value && !strncmp(meta->at[i].name, "meta-", 5) && (sw->owner || !is_owners(meta->at[i].name + 5))) {
            write_titled(sw, kind, meta->at[i].name + 5, meta->at[i].value);
        }
    }
}
