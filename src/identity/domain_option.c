/* SPDX-License-Identifier: Apache-2.0
 * Options of domains as they count: set for the domain, in haneul.conf, or by default. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "identity/domain_config.h"
#include "identity/domain_config_table.h"
#include "identity/types.h"
#include "rest/cloud.h"

bool domain_options_read(struct call *call, const char *domain_id, const char *group, struct domain_options *ret_options) {
    struct identity_domain_option *rows;

    ret_options->group = group;
    if (!rows_find(call, &resource_identity_domain_option, "domain_id = ? AND family = ?",
                   SQL_ARGS(sql_text(domain_id), sql_text(group)), &rows, &ret_options->count)) {
        return false;
    }
    ret_options->rows = rows;
    return true;
}

bool domain_option_is_set(const struct domain_options *options, const char *name) {
    for (size_t i = 0; i < options->count; i++) {
        if (!strcmp(options->rows[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* A list as a text with commas. */
static const char *joined(struct arena *arena, const struct json *list) {
    const char *text = "";

    for (JSON_EACH(item, list)) {
        if (item->type == JSON_TEXT) {
            text = arena_printf(arena, "%s%s%s", text, *text ? "," : "", item->text);
        }
    }
    return text;
}

static const char *plain(struct arena *arena, const char *json) {
    const struct json *value = json_parse(arena, json, strlen(json), NULL);

    if (!value || value->type == JSON_NULL || value->type == JSON_MAP) {
        return NULL;
    }
    return value->type == JSON_TEXT ? value->text : value->type == JSON_LIST ? joined(arena, value) : json_print(arena, value);
}

static const char *stored(struct call *call, const struct domain_options *options, const char *name) {
    const struct domain_option *known = domain_option_find(options->group, name);
    const char *text = NULL;

    for (size_t i = 0; i < options->count && !text; i++) {
        text = strcmp(options->rows[i].name, name) ? NULL : plain(call->arena, options->rows[i].value);
    }
    text = text ? text : conf_text(cloud.conf, options->group, name, NULL);
    return text || !known ? text : plain(call->arena, known->otherwise);
}

const char *domain_option_text(struct call *call, const struct domain_options *options, const char *name) {
    const char *text = stored(call, options, name), *from, *to;
    int most = 8;

    for (from = text ? strstr(text, "%(") : NULL; from && most-- > 0; from = strstr(from, "%(")) {
        const struct domain_option *secret;
        const char *value, *inner;
        size_t before = (size_t)(from - text);

        to = strstr(from, ")s");
        inner = to ? arena_text_size(call->arena, from + 2, (size_t)(to - from - 2)) : NULL;
        secret = inner ? domain_option_find(options->group, inner) : NULL;
        if (!secret || !secret->secret || !strcmp(inner, name)) {
            from += 2;
            continue;
        }
        value = stored(call, options, inner);
        value = value ? value : "";
        text = arena_printf(call->arena, "%.*s%s%s", (int)before, text, value, to + 2);
        from = text + before + strlen(value);
    }
    return text;
}

int64_t domain_option_int(struct call *call, const struct domain_options *options, const char *name, int64_t least,
                          int64_t most, int64_t otherwise) {
    const char *text = domain_option_text(call, options, name);
    char *end;
    long long value = text ? strtoll(text, &end, 10) : 0;

    return text && *text && !*end && value >= least && value <= most ? value : otherwise;
}

bool domain_option_true(struct call *call, const struct domain_options *options, const char *name) {
    const char *text = domain_option_text(call, options, name);

    return text && (!strcasecmp(text, "true") || !strcmp(text, "1") || !strcasecmp(text, "yes") || !strcasecmp(text, "on"));
}
