/* SPDX-License-Identifier: Apache-2.0
 * Resource options: their names and types stand in the field's .values ("immutable:bool|..."). */
#include "identity/options.h"

#include <string.h>

#include "identity/types.h"

static struct json *parse(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

/* The type of an option in "name:type|name:type", or null. */
static const char *option_type(const char *known, const char *name) {
    size_t size = strlen(name);

    for (const char *at = known; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (!strncmp(at, name, size) && at[size] == ':') {
            return at + size + 1;
        }
    }
    return NULL;
}

static bool is_rules(const struct json *value) {
    for (JSON_EACH(rule, value)) {
        if (rule->type != JSON_LIST || !rule->count) {
            return false;
        }
        for (JSON_EACH(method, rule)) {
            if (method->type != JSON_TEXT) {
                return false;
            }
        }
    }
    return value->type == JSON_LIST;
}

bool identity_options_check(struct call *call, const struct field *field, void *slot) {
    const struct json *given = parse(call, *(const char **)slot);

    if (!given) {
        return fail(call, 400, "Invalid input for field/attribute options: an object was expected");
    }
    for (JSON_EACH(option, given)) {
        const char *type = option_type(field->values, option->key);
        bool good = type && (option->type == JSON_NULL || (*type == 'b' ? json_is_bool(option) : is_rules(option)));

        if (!good) {
            return fail(call, 400, "Invalid input for field/attribute options: '%.64s' is not an option, or its value "
                                   "is not of its type", option->key);
        }
    }
    return true;
}

const char *options_merged(struct call *call, const char *old, const char *given) {
    const struct json *before = parse(call, old), *now = parse(call, given);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    for (JSON_EACH(option, before)) {
        if (!json_get(now, option->key)) {
            json_key(&out, option->key);
            json_tree(&out, option);
        }
    }
    for (JSON_EACH(option, now)) {
        if (option->type != JSON_NULL) {
            json_key(&out, option->key);
            json_tree(&out, option);
        }
    }
    json_map_end(&out);
    return buf_taken(&buf, call->arena);
}

bool option_true(struct call *call, const char *options, const char *name) {
    return json_get_bool(parse(call, options), name);
}

bool immutable_update(struct call *call, const char *what, const char *id, const char *options) {
    const struct json *body = json_get(call->body, what), *given = json_get(json_get(body, "options"), "immutable");

    if (!option_true(call, options, "immutable") ||
        (body && body->count == 1 && given && (given->type == JSON_FALSE || given->type == JSON_NULL))) {
        return true;
    }
    return fail(call, 403, "Unable to update immutable %s resource: %s. Set the option immutable to false first.", what, id);
}

bool immutable_delete(struct call *call, const char *what, const char *id, const char *options) {
    return !option_true(call, options, "immutable") ||
           fail(call, 403, "Unable to delete immutable %s resource: %s. Set the option immutable to false first.", what, id);
}
