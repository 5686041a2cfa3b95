/* SPDX-License-Identifier: Apache-2.0
 * Lists: whose rows, and how they are written. One query, read in batches; each batch is expanded with a constant number
 * of statements and written into the response before the next is read, so memory does not grow with the table. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rest/query.h"
#include "rest/service.h"

enum { BATCH = 500 };

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

static const char *const page_arguments[] = {"limit", "marker", "sort_key", "sort_dir", "sort", "page_reverse", "fields",
                                             "offset"};

bool query_took(const struct query *query, const char *name) {
    for (size_t i = 0; i < query->taken_count; i++) {
        if (!strcmp(query->taken[i], name)) {
            return true;
        }
    }
    return false;
}

bool query_is_taken(const struct query *query, const char *name) {
    if (query_took(query, name)) {
        return true;
    }
    for (size_t i = 0; i < sizeof page_arguments / sizeof *page_arguments; i++) {
        if (!strcmp(page_arguments[i], name)) {
            return true;
        }
    }
    return query->call->service->style->all_projects && !strcmp(query->call->service->style->all_projects, name);
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

/* A parameter of the path that is a field of the rows: /floatingips/{floatingip_id}/port_forwardings. What the field
 * refers to must be there. */
static bool only_parent(struct query *query) {
    for (size_t i = 0; i < query->call->parameter_count; i++) {
        const struct parameter *parameter = &query->call->parameters[i];
        const struct field *field = resource_field(query->resource, parameter->name);
        void *parent;

        if (field && field != query->resource->runtime->project && !(field->rights & VIRTUAL) &&
            !query_is_taken(query, parameter->name)) {
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
    const char *sql = query_sql(query);
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
    ok = query_page(query) && (!call->resource->on_list || call->resource->on_list(call, query));
    if (ok) {
        only_visible(query);
        ok = only_parent(query) && query_filters(query, arguments) && query_sorts(query, arguments) && !call->error;
    }
    ok = ok && query_paged(query) && write_list(query);
    buf_release(&query->where);
    buf_release(&query->below);
    return ok;
}
