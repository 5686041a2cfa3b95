/* SPDX-License-Identifier: Apache-2.0
 * Filters of lists: the arguments that are fields, as SQL. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rest/query.h"
#include "rest/service.h"

static const struct field *filter_field(const struct query *query, const char *name, size_t size) {
    const struct resource_runtime *run = query->resource->runtime;

    if (size == 9 && !strncmp(name, "tenant_id", 9) && query->call->service->style->tenant_id) {
        return run->project;
    }
    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];
        const char *json = field_json_name(field);

        if ((field->rights & FILTER) && !(field->rights & VIRTUAL) && strlen(json) == size &&
            !strncmp(json, name, size) && field_in_version(query->call, field)) {
            return field;
        }
    }
    return NULL;
}

/* A filter's value as the column's. */
static bool filter_value(struct query *query, const struct field *field, const char *text, struct value *ret) {
    char *end;
    int64_t time;

    switch (field->type) {
    case TYPE_BOOL:
        if (truth_of(text) < 0) {
            return fail_field(query->call, field, "'%s' is not a boolean value", text);
        }
        *ret = sql_int(truth_of(text));
        return true;
    case TYPE_INT:
        errno = 0;
        *ret = sql_int(strtoll(text, &end, 10));
        return (end != text && !*end && !errno) || fail_field(query->call, field, "'%s' is not an integer", text);
    case TYPE_REAL:
        *ret = (struct value){.kind = VALUE_REAL, .real = strtod(text, &end)};
        return (end != text && !*end) || fail_field(query->call, field, "'%s' is not a number", text);
    case TYPE_TIME:
        if (!time_parse(text, &time)) {
            return fail_field(query->call, field, "'%s' is not a time", text);
        }
        *ret = sql_int(time);
        return true;
    default:
        *ret = sql_text(text);
        return true;
    }
}

/* "gte:2026-01-01" for times and numbers; plain text else. Returns the SQL operator and moves '*text' on. */
static const char *filter_operator(const struct field *field, const char **text) {
    static const char *const words[][2] = {{"gte:", ">="}, {"gt:", ">"}, {"lte:", "<="},
                                           {"lt:", "<"},   {"eq:", "="}, {"neq:", "<>"}};

    for (size_t i = 0; i < 6 && (field->type == TYPE_TIME || field->type == TYPE_INT); i++) {
        if (!strncmp(*text, words[i][0], strlen(words[i][0]))) {
            *text += strlen(words[i][0]);
            return words[i][1];
        }
    }
    return "=";
}

/* All values of one argument: "column IN (?, ?)", or a comparison. */
static bool filter_add(struct query *query, const struct field *field, const char *name,
                       const struct http_arguments *arguments, size_t from) {
    struct buf sql = {0};
    struct value values[64];
    size_t count = 0;
    bool ok = true;

    buf_printf(&sql, "%s IN (", field->name);
    for (size_t i = from; ok && i < arguments->count && count < 64; i++) {
        const char *text = arguments->at[i].value, *operator;

        if (strcmp(arguments->at[i].name, name) != 0) {
            continue;
        }
        operator = filter_operator(field, &text);
        ok = filter_value(query, field, text, &values[count]);
        if (ok && *operator != '=') {
            query_where(query, arena_printf(query->call->arena, "%s %s ?", field->name, operator), &values[count], 1);
            continue;
        }
        if (ok) {
            buf_text(&sql, count++ ? ", ?" : "?");
        }
    }
    buf_char(&sql, ')');
    if (ok && count) {
        query_where(query, sql.at, values, count);
    }
    buf_release(&sql);
    return ok;
}

static bool same_argument_before(const struct http_arguments *arguments, size_t i) {
    for (size_t k = 0; k < i; k++) {
        if (!strcmp(arguments->at[k].name, arguments->at[i].name)) {
            return true;
        }
    }
    return false;
}

static const char *like_escaped(struct call *call, const char *text, const char *before, const char *after) {
    struct buf buf = {0};
    const char *made;

    buf_text(&buf, before);
    for (; *text; text++) {
        if (*text == '%' || *text == '_' || *text == '\\') {
            buf_char(&buf, '\\');
        }
        buf_char(&buf, *text);
    }
    buf_text(&buf, after);
    made = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return made;
}

/* name__contains, name__startswith, name__endswith, each also with 'i' before for any case (identity's lists). */
static bool filter_inexact(struct query *query, const char *name, const char *value) {
    const char *mark = strstr(name, "__"), *word = mark ? mark + 2 : NULL;
    const struct field *field = mark ? filter_field(query, name, (size_t)(mark - name)) : NULL;
    bool any_case = word && *word == 'i';

    if (!field || !field_is_text(field)) {
        return false;
    }
    word += any_case;
    if (!strcmp(word, "contains")) {
        value = like_escaped(query->call, value, "%", "%");
    } else if (!strcmp(word, "startswith")) {
        value = like_escaped(query->call, value, "", "%");
    } else if (!strcmp(word, "endswith")) {
        value = like_escaped(query->call, value, "%", "");
    } else {
        return false;
    }
    query_where(query, any_case ? arena_printf(query->call->arena, "lower(%s) LIKE lower(?) ESCAPE '\\'", field->name)
                                : arena_printf(query->call->arena, "%s LIKE ? ESCAPE '\\'", field->name),
                SQL_ARGS(sql_text(value)));
    return true;
}

bool query_filters(struct query *query, const struct http_arguments *arguments) {
    const struct api_style *style = query->call->service->style;

    for (size_t i = 0; i < arguments->count; i++) {
        const char *name = arguments->at[i].name;
        const struct field *field;

        if (query_is_taken(query, name) || same_argument_before(arguments, i)) {
            continue;
        }
        field = filter_field(query, name, strlen(name));
        if (field) {
            if (!filter_add(query, field, name, arguments, i)) {
                return false;
            }
        } else if (style->inexact_filters && filter_inexact(query, name, arguments->at[i].value)) {
            continue;
        } else if (style->strict_arguments) {
            return fail(query->call, 400, "Additional properties are not allowed ('%s' was unexpected)", name);
        }
    }
    return true;
}
