/* SPDX-License-Identifier: Apache-2.0
 * Extra specs of flavors: names with values that tell the scheduler and the hypervisor what else a size means. From
 * version 2.86 on, names of the namespaces that are known must be known themselves, and their values fit. */
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compute/types.h"
#include "rest/service.h"

enum value_kind { ANY, INTEGER, BOOLEAN, ONE_OF, FORM };

/* 'name' may end with '#' (digits), '*' (anything) or '@' (a resource class or trait). 'what': choices, or an
 * expression. Integers have a least value in 'what', and perhaps a most. */
static const struct spec {
    const char *name;
    enum value_kind kind;
    const char *what;
} specs[] = {
#define CPU_LIST "\\^?[0-9]+((-[0-9]+)?(,\\^?[0-9]+(-[0-9]+)?)?)*"
#define LEVELS "custom|high|normal|low"
#define SPEC(NAME, KIND, WHAT) {NAME, KIND, WHAT},
#include "compute/extra_specs.list"
#undef SPEC
};

static bool ends_well(char mark, const char *rest) {
    switch (mark) {
    case '#':
        return *rest && strspn(rest, "0123456789") == strlen(rest);
    case '@':
        return *rest && strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(rest);
    default:
        return true;
    }
}

/* "resources1:VCPU" names the group 1: the group does not count. */
static const char *without_group(struct call *call, const char *name) {
    static const char *const grouped[] = {"resources", "trait"};

    for (int i = 0; i < 2; i++) {
        size_t size = strlen(grouped[i]);
        const char *colon = strchr(name, ':');

        if (colon && !strncmp(name, grouped[i], size) && (size_t)(colon - name) - size <= 64) {
            return arena_printf(call->arena, "%s%s", grouped[i], colon);
        }
    }
    return name;
}

static const struct spec *spec_find(struct call *call, const char *name, bool *ret_namespace) {
    const char *plain = without_group(call, name);
    size_t space = strcspn(plain, ":");

    *ret_namespace = false;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        const char *known = specs[i].name;
        size_t size = strlen(known);
        char mark = known[size - 1];

        if (strchr("#*@", mark) ? !strncmp(known, plain, size - 1) && ends_well(mark, plain + size - 1)
                                : !strcmp(known, plain)) {
            return &specs[i];
        }
        *ret_namespace = *ret_namespace || (plain[space] && !strncmp(known, plain, space + 1));
    }
    return NULL;
}

static bool one_of(const char *choices, const char *value) {
    size_t size = strlen(value);

    for (const char *at = choices; *at;) {
        size_t length = strcspn(at, "|");

        if (length == size && !memcmp(at, value, size)) {
            return true;
        }
        at += length + (at[length] == '|');
    }
    return false;
}

static bool has_form(const char *expression, const char *value) {
    regmatch_t match;
    regex_t regex;
    bool ok;

    if (regcomp(&regex, expression, REG_EXTENDED)) {
        return false;
    }
    ok = !regexec(&regex, value, 1, &match, 0) && match.rm_so == 0 && !value[match.rm_eo];
    regfree(&regex);
    return ok;
}

static bool in_range(struct call *call, const char *range, const char *value) {
    char *end, *rest = NULL;
    long long number = strtoll(value, &end, 10), least = *range ? strtoll(range, &rest, 10) : INT64_MIN;

    if (end == value || *end) {
        return fail(call, 400, "Validation failed; '%.80s' is not a valid integer value.", value);
    }
    if (number < least) {
        return fail(call, 400, "Validation failed; '%lld' is less than the min value of '%lld'.", number, least);
    }
    if (rest && *rest && number > strtoll(rest, NULL, 10)) {
        return fail(call, 400, "Validation failed; '%lld' is greater than the max value of '%s'.", number, rest + 1);
    }
    return true;
}

static bool check_known(struct call *call, const char *name, const char *value) {
    bool namespace;
    const struct spec *spec = spec_find(call, name, &namespace);

    if (!spec) {
        return !namespace || fail(call, 400, "Validation failed; extra spec '%s' does not appear to be a valid extra "
                                             "spec.", name);
    }
    switch (spec->kind) {
    case INTEGER:
        return in_range(call, spec->what, value);
    case BOOLEAN:
        return one_of("1|t|true|on|y|yes|0|f|false|off|n|no|True|False|TRUE|FALSE|Yes|No", value)
               || fail(call, 400, "Validation failed; '%.80s' is not a valid boolean-like value.", value);
    case ONE_OF:
        return one_of(spec->what, value)
               || fail(call, 400, "Validation failed; '%.80s' is not one of: %s.", value, spec->what);
    case FORM:
        return has_form(spec->what, value)
               || fail(call, 400, "Validation failed; '%.80s' is not of the format '%s'.", value, spec->what);
    default:
        return true;
    }
}

/* The value as the text that is kept; null after fail(). */
static const char *spec_value(struct call *call, const struct json *item) {
    const char *name = item->key, *value = NULL;

    for (const char *at = name; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr("-_:. ", *at)) {
            fail(call, 400,
                 "Invalid input for field/attribute extra_specs: '%.80s' has characters that are not allowed", name);
            return NULL;
        }
    }
    if (item->type == JSON_TEXT) {
        value = item->text;
    } else if (item->type == JSON_INT || item->type == JSON_REAL) {
        value = json_print(call->arena, item);
    }
    if (!*name || strlen(name) > 255 || !value || utf8_length(value) > 255) {
        fail(call, 400,
             "Invalid input for field/attribute %.80s: a name and a text of at most 255 characters are wanted", name);
        return NULL;
    }
    return call->minor < 86 || check_known(call, name, value) ? value : NULL;
}

static const struct json *specs_of(struct call *call, const struct compute_flavor *flavor) {
    const char *text = flavor->extra_specs ? flavor->extra_specs : "{}";

    return json_parse(call->arena, text, strlen(text), NULL);
}

/* The flavor's specs with those of 'added' over them, and without 'removed'. */
static bool specs_store(struct call *call, const struct json *added, const char *removed) {
    struct compute_flavor *flavor = call->row;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    for (JSON_EACH(item, specs_of(call, flavor))) {
        if (!json_get(added, item->key) && (!removed || strcmp(removed, item->key) != 0)) {
            json_put_text(&out, item->key, item->text);
        }
    }
    for (JSON_EACH(item, added)) {
        const char *value = spec_value(call, item);

        if (!value) {
            buf_release(&buf);
            return false;
        }
        json_put_text(&out, item->key, value);
    }
    json_map_end(&out);
    flavor->extra_specs = buf_taken(&buf, call->arena);
    return row_update(call, &resource_compute_flavor, flavor);
}

static bool answer_specs(struct call *call, const struct json *map) {
    json_map(&call->out);
    json_key(&call->out, "extra_specs");
    json_tree(&call->out, map);
    json_map_end(&call->out);
    return true;
}

bool compute_specs_list(struct call *call) {
    return answer_specs(call, specs_of(call, call->row));
}

bool compute_specs_add(struct call *call) {
    const struct compute_flavor_specs *input = call->input;

    return specs_store(call, input->extra_specs, NULL) && answer_specs(call, input->extra_specs);
}

static bool find_spec(struct call *call, const struct json **ret_item) {
    const struct compute_flavor *flavor = call->row;
    const char *key = call_parameter(call, "key");

    *ret_item = json_get(specs_of(call, flavor), key);
    return *ret_item || fail(call, 404, "Flavor %s has no extra specs with key %.255s.", flavor->id, key);
}

bool compute_specs_show(struct call *call) {
    const struct json *item;

    if (!find_spec(call, &item)) {
        return false;
    }
    json_map(&call->out);
    json_put_text(&call->out, item->key, item->text);
    json_map_end(&call->out);
    return true;
}

bool compute_specs_set(struct call *call) {
    const struct json *body = call->body;

    if (!body || body->type != JSON_MAP || body->count != 1) {
        return fail(call, 400, "Invalid input: one extra spec is expected in the body");
    }
    if (!json_get(body, call_parameter(call, "key"))) {
        return fail(call, 400, "Request body and URI mismatch");
    }
    if (!specs_store(call, body, NULL)) {
        return false;
    }
    json_tree(&call->out, body);
    return true;
}

bool compute_specs_remove(struct call *call) {
    const struct json *item;

    return find_spec(call, &item) && specs_store(call, NULL, item->key);
}
