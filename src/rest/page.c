/* SPDX-License-Identifier: Apache-2.0
 * Order and pages of lists: sort keys, limit and marker, as SQL. */
#include <string.h>

#include "rest/query.h"
#include "rest/service.h"

static bool add_sort(struct query *query, const char *key, size_t size, const char *direction) {
    const struct resource_runtime *run = query->resource->runtime;

    if (strcmp(direction, "asc") != 0 && strcmp(direction, "desc") != 0) {
        return fail(query->call, 400, "Invalid sort direction '%s': asc or desc", direction);
    }
    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];
        const char *json = field_json_name(field);

        if ((field->rights & SORT) && !(field->rights & VIRTUAL) &&
            ((strlen(json) == size && !strncmp(json, key, size)) ||
             (strlen(field->name) == size && !strncmp(field->name, key, size)))) {
            if (query->sort_count < MAX_SORTS - 1) {
                query->sorts[query->sort_count++] = (struct sort){field, direction[0] == 'd'};
            }
            return true;
        }
    }
    return fail(query->call, 400, "Invalid sort key '%.*s'", (int)size, key);
}

/* sort=name:asc,id */
static bool add_sort_pairs(struct query *query, const char *pairs) {
    while (*pairs) {
        size_t size = strcspn(pairs, ","), key = strcspn(pairs, ":,");
        const char *direction = "desc";

        if (key < size) {
            direction = arena_text_size(query->call->arena, pairs + key + 1, size - key - 1);
        }
        if (!add_sort(query, pairs, key, direction)) {
            return false;
        }
        pairs += size + (pairs[size] == ',');
    }
    return true;
}

static const char *nth_argument(const struct http_arguments *arguments, const char *name, size_t n) {
    for (size_t i = 0; i < arguments->count; i++) {
        if (!strcmp(arguments->at[i].name, name) && n-- == 0) {
            return arguments->at[i].value;
        }
    }
    return NULL;
}

bool query_sorts(struct query *query, const struct http_arguments *arguments) {
    const char *pairs = nth_argument(arguments, "sort", 0), *key, *direction;
    const char *otherwise = query->call->service->style->sort_pairs ? "desc" : "asc";

    if (query_took(query, "sort_key")) {
        return true;
    }
    if (pairs && query->call->service->style->sort_pairs) {
        return add_sort_pairs(query, pairs);
    }
    for (size_t n = 0; (key = nth_argument(arguments, "sort_key", n)); n++) {
        direction = nth_argument(arguments, "sort_dir", n);
        direction = direction ? direction : n ? nth_argument(arguments, "sort_dir", 0) : NULL;
        if (!add_sort(query, key, strlen(key), direction ? direction : otherwise)) {
            return false;
        }
    }
    return true;
}

static void default_sorts(struct query *query) {
    const char *at = query->order ? query->order : query->resource->order;
    const struct field *field;
    bool descending;

    while (query->sort_count < MAX_SORTS - 1 && (field = sort_next(query->resource, &at, &descending))) {
        query->sorts[query->sort_count++] = (struct sort){field, descending};
    }
}

static void finish_sorts(struct query *query) {
    const struct field *key = query->resource->runtime->key;

    if (!query->sort_count) {
        default_sorts(query);
    }
    for (size_t i = 0; i < query->sort_count; i++) {
        if (query->sorts[i].field == key) {
            query->sort_count = i + 1;
            return;
        }
    }
    query->sorts[query->sort_count] = (struct sort){key, query->sort_count && query->sorts[0].descending};
    query->sort_count++;
}

bool query_page(struct query *query) {
    const struct api_style *style = query->call->service->style;
    const char *marker = call_argument(query->call, "marker");
    int64_t limit = -1, most;

    if (!call_argument_count(query->call, "limit", 0, &limit) ||
        (style->offset && !call_argument_count(query->call, "offset", 0, &query->offset))) {
        return false;
    }
    query->limited = limit > 0 || (limit == 0 && style->max_limit);
    query->limit = limit < 0 ? style->default_limit : limit;
    if (limit < 0 && query->call->operation->flags & OP_WHOLE) {
        query->limit = 0;
    } else if (style->max_limit && (query->limit > style->max_limit || (limit < 0 && !query->limit))) {
        query->limit = style->max_limit;
    }
    most = style->list_limit ? style->list_limit(query->call) : 0;
    if (most && (query->limit > most || !query->limit)) {
        query->limit = most;
    }
    query->marker = marker && *marker ? marker : NULL;
    query->reverse = style->page_reverse && query->limited && call_argument_true(query->call, "page_reverse");
    return true;
}

/* Rows after the marker: a >= x AND ((a > x) OR (a = x AND b > y) ...), with the marker's own values. The first part
 * follows from the second, and lets the database begin at the marker. */
static bool after_marker(struct query *query) {
    struct call *call = query->call;
    const struct resource_runtime *run = query->resource->runtime;
    struct buf select = {0}, sql = {0};
    struct value values[MAX_SORTS], args[MAX_SORTS * MAX_SORTS + 1], named[1 + MAX_PARAMETERS] = {sql_text(query->marker)};
    size_t count = 0;
    struct rows *rows;

    for (size_t i = 0; i < query->sort_count; i++) {
        buf_printf(&select, "%s%s", i ? ", " : "SELECT ", sort_column(query->call->arena, query->sorts[i].field));
    }
    buf_printf(&select, " FROM %s WHERE %s = ?%s", query->resource->table, run->key->name,
               query->below.at ? query->below.at : "");
    memcpy(named + 1, query->below_args, query->below_count * sizeof *named);
    rows = db_query(call->db, select.at, named, 1 + query->below_count);
    buf_release(&select);
    if (!rows_next(rows)) {
        rows_end(rows);
        return fail(call, call->service->style->missing_marker ? call->service->style->missing_marker : 400,
                    "marker [%s] not found", query->marker);
    }
    for (size_t i = 0; i < query->sort_count; i++) {
        values[i] = field_is_text(query->sorts[i].field)
                        ? sql_text(arena_text(call->arena, rows_text(rows, (int)i)))
                        : sql_int(rows_int(rows, (int)i));
    }
    rows_end(rows);
    buf_printf(&sql, "%s %s ? AND (", sort_column(query->call->arena, query->sorts[0].field),
               query->sorts[0].descending != query->reverse ? "<=" : ">=");
    args[count++] = values[0];
    for (size_t i = 0; i < query->sort_count; i++) {
        buf_text(&sql, i ? " OR (" : "(");
        for (size_t k = 0; k <= i; k++) {
            const char *relation = k < i ? "=" : query->sorts[k].descending != query->reverse ? "<" : ">";

            buf_printf(&sql, "%s%s %s ?", k ? " AND " : "", sort_column(query->call->arena, query->sorts[k].field), relation);
            args[count++] = values[k];
        }
        buf_char(&sql, ')');
    }
    buf_char(&sql, ')');
    query_where(query, sql.at, args, count);
    buf_release(&sql);
    return true;
}

bool query_paged(struct query *query) {
    finish_sorts(query);
    return (!query->marker || after_marker(query)) && !query->call->error;
}

static void put_order(struct query *query, struct buf *sql, bool reverse) {
    for (size_t i = 0; i < query->sort_count; i++) {
        buf_printf(sql, "%s%s%s", i ? ", " : " ORDER BY ", sort_column(query->call->arena, query->sorts[i].field),
                   query->sorts[i].descending != reverse ? " DESC" : "");
    }
}

/* A page that is asked for in reverse is found backwards and shown forwards. */
const char *query_sql(struct query *query) {
    struct buf sql = {0};
    const char *text;

    buf_text(&sql, query->reverse ? "SELECT * FROM (" : "");
    buf_text(&sql, query->resource->runtime->select);
    if (query->where.size) {
        buf_put(&sql, query->where.at, query->where.size);
    }
    put_order(query, &sql, query->reverse);
    if (query->limit || query->limited) {
        buf_text(&sql, " LIMIT ?");
        query->args[query->arg_count++] = sql_int(query->limit + !query->reverse);
    }
    if (query->reverse) {
        buf_text(&sql, ") page");
        put_order(query, &sql, false);
    }
    if (query->limit && query->offset) {
        buf_text(&sql, " OFFSET ?");
        query->args[query->arg_count++] = sql_int(query->offset);
    }
    text = arena_text(query->call->arena, sql.at);
    buf_release(&sql);
    return text;
}
