/* SPDX-License-Identifier: Apache-2.0
 * `haneul identity mapping-test RULES ASSERTION`: what rules make of an assertion, before anybody logs in with them. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "identity/manage.h"
#include "identity/mapping.h"

enum { MAX_FILE = 1024 * 1024 };

static char *read_file(struct arena *arena, const char *path, const char **ret_error) {
    FILE *file = fopen(path, "re");
    char *text = arena_alloc(arena, MAX_FILE + 1);
    size_t size = file ? fread(text, 1, MAX_FILE, file) : 0;

    if (file) {
        fclose(file);
    }
    if (!file || size == MAX_FILE) {
        *ret_error = arena_printf(arena, "%s %s", path, file ? "is too long" : "cannot be read");
        return NULL;
    }
    return text;
}

/* A list of rules, as it is or in what the API takes: {"mapping": {"rules": [...]}}. */
static const struct json *read_rules(struct arena *arena, const char *path, const char **ret_error) {
    const char *text = read_file(arena, path, ret_error), *error = NULL;
    const struct json *node = text ? json_parse(arena, text, strlen(text), &error) : NULL;

    node = json_get(node, "mapping") ? json_get(node, "mapping") : node;
    node = json_get(node, "rules") ? json_get(node, "rules") : node;
    if (text && (!node || node->type != JSON_LIST)) {
        *ret_error = arena_printf(arena, "%s: %s", path, error ? error : "there is no list of rules");
        return NULL;
    }
    return text ? node : NULL;
}

/* Lines "Name: value;value" as the variables of a web server are; lines that are not are nothing. */
static const struct json *read_assertion(struct arena *arena, const char *path, const char **ret_error) {
    char *text = read_file(arena, path, ret_error), *line, *rest = text;
    struct json *assertion = ARENA_NEW(arena, struct json), **end = &assertion->first;

    assertion->type = JSON_MAP;
    while (rest && (line = strsep(&rest, "\n"))) {
        char *value = strchr(line, ':');
        struct json *list = ARENA_NEW(arena, struct json), **last = &list->first;
        const char *one;

        if (!value) {
            continue;
        }
        *value++ = 0;
        *list = (struct json){.type = JSON_LIST, .key = line + strspn(line, " \t")};
        value += strspn(value, " \t");
        value[strcspn(value, "\r")] = 0;
        while ((one = strsep(&value, ";"))) {
            *last = ARENA_NEW(arena, struct json);
            **last = (struct json){.type = JSON_TEXT, .text = one};
            last = &(*last)->next;
        }
        *end = list;
        end = &list->next;
    }
    return text ? assertion : NULL;
}

bool identity_mapping_test(struct arena *arena, const char *rules_path, const char *assertion_path, struct buf *out,
                           const char **ret_error) {
    const struct json *rules = read_rules(arena, rules_path, ret_error);
    const struct json *assertion = rules ? read_assertion(arena, assertion_path, ret_error) : NULL;
    struct json_out json = {.buf = out};
    struct mapped mapped;

    if (!assertion) {
        return false;
    }
    *ret_error = mapping_flaw(arena, rules);
    if (*ret_error || !mapping_apply(arena, rules, assertion, &mapped, ret_error)) {
        return false;
    }
    mapped_write(&mapped, &json);
    buf_char(out, '\n');
    return true;
}
