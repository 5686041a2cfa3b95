/* SPDX-License-Identifier: Apache-2.0
 * Lists: filters, order, pages. One query, read in batches; each batch is expanded with a constant number of statements
 * and written into the response before the next is read, so memory does not grow with the table. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/http.h"
#include "rest/resource.h"
#include "rest/service.h"

enum { BATCH = 500, MAX_ARGS = 200, MAX_SORTS = 8, MAX_TAKEN = 32 };

struct sort {
    const struct field *field;
    bool descending;
};

struct query {
    struct call *call;
    const struct resource *resource;
    struct buf where;
    struct value args[MAX_ARGS];
    size_t arg_count;
    const char *taken[MAX_TAKEN];
    size_t taken_count;
    struct buf below;               /* " AND namespace = ?": of the parent that the path names */
    struct value below_args[MAX_PARAMETERS];
    size_t below_count;
    const char *order;              /* replaces the default */
    int all_projects;               /* -1: by the style; 0, 1: what the hook says */
    bool deleted;                   /* rows that filter_deleted hides are shown */
    struct sort sorts[MAX_SORTS];
    size_t sort_count;
    int64_t limit, offset;
    bool limited;                   /* the client gave a limit */
    bool reverse;                   /* the rows before the marker, or the last ones */
    const char *marker;
};

static bool query_room(struct query *query, size_t more) {
    return query->arg_count + more <= MAX_ARGS || fail(query->call, 400, "Too many filters");
}

void query_where(struct query *query, const char *sql, const struct value *args, size_t count) {
    if (!query_room(query, count)) {
        return;
    }
    buf_printf(&query->where, "%s(%s)", query->where.size ? " AND " : " WHERE ", sql);
    for (size_t i = 0; i < count; i++) {
        query->args[query->arg_count++] = args[i];
    }
}

void query_take(struct query *query, const char *argument) {
    assert(query->taken_count < MAX_TAKEN);
    query->taken[query->taken_count++] = argument;
}

void query_order(struct query *query, const char *order) {
    query->order = order;
}

void query_all_projects(struct query *query, bool all) {
    query->all_projects = all;
}

void query_deleted(struct query *query) {
    query->deleted = true;
}

/* ---- whose rows ---- */

static bool wants_all_projects(struct query *query) {
    const struct api_style *style = query->call->service->style;

    if (query->all_projects >= 0) {
        return query->all_projects == 1;
    }
    if (style->admin_sees_all) {
        return true;
    }
    return style->all_projects && call_argument_true(query->call, style->all_projects);
}

static void only_visible(struct query *query) {
    struct call *call = query->call;
    bool admin = call->caller.admin;
    struct value args[64];
    size_t count = 0;
    const char *sql;

    if (query->resource->filter_deleted && !query->deleted) {
        query_where(query, query->resource->filter_deleted, SQL_NO_ARGS);
    }
    call->caller.admin = admin && wants_all_projects(query);
    sql = row_visible(call, query->resource, args, &count);
    call->caller.admin = admin;
    if (sql) {
        query_where(query, sql, args, count);
    }
}

static bool is_taken(const struct query *query, const char *name);

/* A parameter of the path that is a field of the rows: /floatingips/{floatingip_id}/port_forwardings. What the field
 * refers to must be there. */
static bool only_parent(struct query *query) {
    for (size_t i = 0; i < query->call->parameter_count; i++) {
        const struct parameter *parameter = &query->call->parameters[i];
        const struct field *field = resource_field(query->resource, parameter->name);
        void *parent;

        if (field && field != query->resource->runtime->project && !(field->rights & VIRTUAL) &&
            !is_taken(query, parameter->name)) {
            if (field->refers && !row_get(query->call, field->refers, parameter->value, &parent)) {
                return false;
            }
            query_where(query, arena_printf(query->call->arena, "%s = ?", field->name),
                        SQL_ARGS(sql_text(parameter->value)));
            buf_printf(&query->below, " AND %s = ?", field->name);
            query->below_args[query->below_count++] = sql_text(parameter->value);
        }
    }
    return true;
}

/* ---- filters ---- */

static const char *const page_arguments[] = {"limit", "marker", "sort_key", "sort_dir", "sort", "page_reverse", "fields",
                                             "offset"};

static bool hook_took(const struct query *query, const char *name) {
    for (size_t i = 0; i < query->taken_count; i++) {
        if (!strcmp(query->taken[i], name)) {
            return true;
        }
    }
    return false;
}

static bool is_taken(const struct query *query, const char *name) {
    if (hook_took(query, name)) {
        return true;
    }
    for (size_t i = 0; i < sizeof page_arguments / sizeof *page_arguments; i++) {
        if (!strcmp(page_arguments[i], name)) {
            return true;
        }
    }
    return query->call->service->style->all_projects && !strcmp(query->call->service->style->all_projects, name);
}

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

static bool add_filters(struct query *query, const struct http_arguments *arguments) {
    const struct api_style *style = query->call->service->style;

    for (size_t i = 0; i < arguments->count; i++) {
        const char *name = arguments->at[i].name;
        const struct field *field;

        if (is_taken(query, name) || same_argument_before(arguments, i)) {
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

/* ---- order and pages ---- */

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

static bool add_sorts(struct query *query, const struct http_arguments *arguments) {
    const char *pairs = nth_argument(arguments, "sort", 0), *key, *direction;
    const char *otherwise = query->call->service->style->sort_pairs ? "desc" : "asc";

    if (hook_took(query, "sort_key")) {
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

static bool read_page(struct query *query) {
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

static void put_order(struct query *query, struct buf *sql, bool reverse) {
    for (size_t i = 0; i < query->sort_count; i++) {
        buf_printf(sql, "%s%s%s", i ? ", " : " ORDER BY ", sort_column(query->call->arena, query->sorts[i].field),
                   query->sorts[i].descending != reverse ? " DESC" : "");
    }
}

/* A page that is asked for in reverse is found backwards and shown forwards. */
static const char *final_sql(struct query *query) {
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

/* ---- writing ---- */

/* Reads up to BATCH rows of what the page still may have, expands and writes them. Returns how many there were. */
static size_t write_batch(struct query *query, struct rows *rows, struct page *page, char *batch, unsigned view) {
    const struct resource *resource = query->resource;
    struct call *call = query->call;
    size_t n = 0;

    while (n < BATCH && !page->more && rows_next(rows)) {
        if ((query->limit || query->limited) && page->count + n == (size_t)query->limit) {
            page->more = true;
            break;
        }
        memset(batch + n * resource->size, 0, resource->size);
        row_load(call, resource, rows, batch + n++ * resource->size);
    }
    if (n && resource->expand && !resource->expand(call, batch, n)) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        row_write(call, resource, batch + i * resource->size, view, &call->out);
    }
    if (n) {
        struct arena *keep = call->http->arena;

        page->first = page->first ? page->first : arena_text(keep, row_key(resource, batch));
        page->last = arena_text(keep, row_key(resource, batch + (n - 1) * resource->size));
    }
    page->count += n;
    return n;
}

static void write_rows(struct query *query, struct rows *rows, struct page *page) {
    struct call *call = query->call;
    struct arena *whole = call->arena, *part = arena_new(0);
    unsigned view = call->operation->flags & OP_BRIEF ? BRIEF : READ;
    char *batch = malloc(BATCH * query->resource->size);

    if (!batch) {
        abort();
    }
    call->arena = part;
    while (write_batch(query, rows, page, batch, view) == BATCH && !call->error) {
        arena_reset(part);
    }
    call->arena = whole;
    if (call->error) {
        call->error_message = arena_text(whole, call->error_message);
        call->error_logged = call->error_logged ? arena_text(whole, call->error_logged) : NULL;
    }
    arena_free(part);
    free(batch);
}

static bool write_list(struct query *query) {
    struct call *call = query->call;
    struct page page = {.limit = query->limit, .has_marker = query->marker != NULL,
                        .reverse = query->reverse};
    const char *sql = final_sql(query);
    struct rows *rows;

    json_map(&call->out);
    json_key(&call->out, query->resource->plural);
    json_list(&call->out);
    rows = db_query(call->db, sql, query->args, query->arg_count);
    write_rows(query, rows, &page);
    rows_end(rows);
    json_list_end(&call->out);
    if (!call->error && call->service->style->write_page) {
        call->service->style->write_page(call, query->resource, &page, &call->out);
    }
    json_map_end(&call->out);
    return !call->error && (db_failure(call->db) == DB_OK || fail_database(call));
}

bool op_list(struct call *call) {
    static const struct http_arguments no_arguments;
    struct query *query = ARENA_NEW(call->arena, struct query);
    const struct http_arguments *arguments = http_arguments(call->http);
    bool ok;

    *query = (struct query){.call = call, .resource = call->resource, .all_projects = -1};
    arguments = arguments ? arguments : &no_arguments;
    ok = read_page(query) && (!call->resource->on_list || call->resource->on_list(call, query));
    if (ok) {
        only_visible(query);
        ok = only_parent(query) && add_filters(query, arguments) && add_sorts(query, arguments) && !call->error;
    }
    if (ok) {
        finish_sorts(query);
        ok = (!query->marker || after_marker(query)) && !call->error && write_list(query);
    }
    buf_release(&query->where);
    buf_release(&query->below);
    return ok;
}
