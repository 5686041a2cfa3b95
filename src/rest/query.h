/* SPDX-License-Identifier: Apache-2.0
 * A list's query while it is made; for the files of lists (list.c, filter.c, page.c). */
#pragma once
#include "http/http.h"
#include "rest/resource.h"

enum { MAX_ARGS = 200, MAX_SORTS = 8, MAX_TAKEN = 32 };

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

/* Whether the hook, or every list, deals with the argument of that name. */
bool query_took(const struct query *query, const char *name);
bool query_is_taken(const struct query *query, const char *name);

/* filter.c: what the arguments ask of the rows. */
bool query_filters(struct query *query, const struct http_arguments *arguments);

/* page.c, in this order: limit, offset and marker; the order that the arguments ask for; the whole order, and the rows
 * behind the marker. */
bool query_page(struct query *query);
bool query_sorts(struct query *query, const struct http_arguments *arguments);
bool query_paged(struct query *query);
/* The whole statement; its values are query->args. */
const char *query_sql(struct query *query);
