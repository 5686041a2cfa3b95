/* SPDX-License-Identifier: Apache-2.0
 * JSON Patch on trees: a pointer is walked to the parent of what it names, where the change is made. */
#include "rest/json_patch.h"

#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "rest/resource.h"

enum { MAX_OPERATIONS = 1000 };

struct place {
    struct json *parent;
    const char *name;           /* the last token of the pointer, unescaped */
    struct json **slot;         /* where it is, or where the next sibling would be linked in */
    bool found;
};

static struct json *missing(struct call *call, const char *path) {
    fail(call, 409, "The path %.255s does not exist.", path);
    return NULL;
}

static bool malformed(struct call *call, const char *path) {
    return fail(call, 400, "Invalid JSON pointer: '%.255s'", path);
}

/* The next token of the pointer with ~0 and ~1 resolved (RFC 6901); moves '*at' behind it. Null when it is malformed. */
static const char *next_token(struct call *call, const char **at) {
    size_t size = strcspn(*at + 1, "/"), to = 0;
    char *token = arena_text_size(call->arena, *at + 1, size);

    for (size_t i = 0; i < size; i++) {
        if (token[i] == '~') {
            i++;
            if (token[i] != '0' && token[i] != '1') {
                return NULL;
            }
            token[to++] = token[i] == '0' ? '~' : '/';
        } else {
            token[to++] = token[i];
        }
    }
    token[to] = 0;
    *at += size + 1;
    return token;
}

/* Finds 'name' in a map or list. */
static void look(struct place *place, struct json *parent, const char *name) {
    char *end = NULL;
    unsigned long index = strtoul(name, &end, 10), i = 0;

    *place = (struct place){.parent = parent, .name = name, .slot = &parent->first};
    if (parent->type == JSON_LIST && (!*name || *end || !strchr("0123456789", name[0]))) {
        index = parent->count;      /* "-": behind the last */
    }
    for (; *place->slot; place->slot = &(*place->slot)->next, i++) {
        if (parent->type == JSON_LIST ? i == index : !strcmp((*place->slot)->key, name)) {
            place->found = true;
            return;
        }
    }
}

static bool find_place(struct call *call, struct json *document, const char *path, struct place *place) {
    struct json *parent = document;

    if (*path != '/') {
        return malformed(call, path);
    }
    for (const char *at = path;;) {
        const char *token = next_token(call, &at);

        if (!token || (parent->type == JSON_MAP && !*token)) {
            return malformed(call, path);
        }
        if (parent->type != JSON_MAP && parent->type != JSON_LIST) {
            return missing(call, path) != NULL;
        }
        look(place, parent, token);
        if (!*at) {
            return true;
        }
        if (!place->found) {
            return missing(call, path) != NULL;
        }
        parent = *place->slot;
    }
}

static struct json *copy_of(struct call *call, const struct json *value) {
    struct json *copy = ARENA_NEW(call->arena, struct json), **tail = &copy->first;

    *copy = *value;
    copy->next = NULL;
    if (value->type < JSON_LIST) {
        return copy;
    }
    for (const struct json *item = value->first; item; item = item->next) {
        *tail = copy_of(call, item);
        tail = &(*tail)->next;
    }
    *tail = NULL;
    return copy;
}

static void cut(struct place *place) {
    *place->slot = (*place->slot)->next;
    place->parent->count--;
}

/* In a list the new item goes before the one that is there; in a map it takes its place. */
static void put(struct place *place, struct json *value) {
    if (place->found && place->parent->type == JSON_MAP) {
        cut(place);
    }
    value->key = place->parent->type == JSON_MAP ? place->name : NULL;
    value->next = *place->slot;
    *place->slot = value;
    place->parent->count++;
}

static bool same(struct call *call, const struct json *a, const struct json *b) {
    return !strcmp(json_print(call->arena, a), json_print(call->arena, b));
}

/* copy, move and test look at a place; its value, or null. */
static struct json *value_at(struct call *call, struct json *document, const char *path, struct place *place) {
    if (!path) {
        fail(call, 400, "An operation of the patch lacks 'from'.");
        return NULL;
    }
    if (!find_place(call, document, path, place)) {
        return NULL;
    }
    return place->found ? *place->slot : missing(call, path);
}

static bool apply(struct call *call, struct json *document, const char *op, const char *path, const struct json *item) {
    const struct json *value = json_get(item, "value");
    struct json *source = NULL;
    struct place place, from;
    bool needs_value = !strcmp(op, "add") || !strcmp(op, "replace") || !strcmp(op, "test");

    if (needs_value && !value) {
        return fail(call, 400, "Operation '%s' of the patch requires a member named 'value'.", op);
    }
    if (!strcmp(op, "copy") || !strcmp(op, "move")) {
        source = value_at(call, document, json_get_text(item, "from"), &from);
        if (!source) {
            return false;
        }
        source = copy_of(call, source);
        if (*op == 'm') {
            cut(&from);
        }
    }
    if (!find_place(call, document, path, &place)) {
        return false;
    }
    if (!place.found && (!strcmp(op, "remove") || !strcmp(op, "replace") || !strcmp(op, "test"))) {
        return missing(call, path) != NULL;
    }
    if (!strcmp(op, "test")) {
        return same(call, *place.slot, value) || fail(call, 409, "The test of %.255s does not hold.", path);
    }
    if (!strcmp(op, "remove") || !strcmp(op, "replace")) {
        cut(&place);
        place.found = false;
    }
    if (strcmp(op, "remove") != 0) {
        put(&place, source ? source : copy_of(call, value));
    }
    return true;
}

static bool apply_one(struct call *call, struct json *document, const struct json *item) {
    static const char *const ops[] = {"add", "remove", "replace", "move", "copy", "test"};
    const char *op = json_get_text(item, "op"), *path = json_get_text(item, "path");

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (op ? !strcmp(op, ops[i]) : json_get_text(item, ops[i]) != NULL) {
            path = op ? path : json_get_text(item, ops[i]);
            return path ? apply(call, document, ops[i], path, item)
                        : fail(call, 400, "Operation '%s' of the patch lacks a path.", ops[i]);
        }
    }
    return fail(call, 400, "Operations of a patch are add, remove, replace, move, copy and test.");
}

struct json *json_patch(struct call *call, struct json *document, const struct json *patch) {
    if (!patch || patch->type != JSON_LIST || patch->count > MAX_OPERATIONS) {
        fail(call, 400, "The body must be a list of at most %d operations.", MAX_OPERATIONS);
        return NULL;
    }
    for (JSON_EACH(item, patch)) {
        if (item->type != JSON_MAP) {
            fail(call, 400, "Operations of a patch must be JSON objects.");
            return NULL;
        }
        if (!apply_one(call, document, item)) {
            return NULL;
        }
    }
    return document;
}

static void put_removed(const struct json *before, const struct json *after, struct json_out *out) {
    for (JSON_EACH(item, before)) {
        if (!json_get(after, item->key)) {
            json_put_null(out, item->key);
        }
    }
}

static void put_changed(struct call *call, const struct json *before, const struct json *after, struct json_out *out) {
    for (JSON_EACH(item, after)) {
        const struct json *old = json_get(before, item->key);

        if (!old || !same(call, old, item)) {
            json_key(out, item->key);
            json_tree(out, item);
        }
    }
}

const struct json *json_patch_update(struct call *call, const struct resource *resource, const void *row) {
    const char *type = http_header(call->http, "Content-Type");
    struct buf text = {0}, update = {0};
    struct json_out out = {.buf = &text}, changes = {.buf = &update};
    const struct json *before, *after, *body = NULL;

    if (!type || !strstr(type, "json-patch")) {
        fail(call, 415, "The body must be a JSON patch, and Content-Type say so.");
        return NULL;
    }
    row_write(call, resource, row, READ, &out);
    before = json_parse(call->arena, text.at, text.size, NULL);
    after = json_patch(call, json_parse(call->arena, text.at, text.size, NULL), call->body);
    if (after) {
        json_map(&changes);
        put_removed(before, after, &changes);
        put_changed(call, before, after, &changes);
        json_map_end(&changes);
        body = json_parse(call->arena, update.at, update.size, NULL);
    }
    buf_release(&text);
    buf_release(&update);
    return body;
}
