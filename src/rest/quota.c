/* SPDX-License-Identifier: Apache-2.0
 * Quotas: limits are rows (project, service, name), usage is counted from the rows that use it, inside the transaction
 * that adds one. There is no usage table that could drift. */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "http/http.h"
#include "rest/resource.h"
#include "rest/service.h"

static const struct quota *quota_find(const struct service *service, const char *name) {
    for (const struct quota *q = service->quotas; q && q->name; q++) {
        if (!strcmp(q->name, name)) {
            return q;
        }
    }
    return NULL;
}

struct limit {
    const char *name;
    int64_t value;
};

/* What rows say of one service's quotas for one project; kept until the transaction ends or changes one. */
struct limits {
    struct limits *next;
    const struct service *service;
    const char *project;
    struct limit *at;
    size_t count;
};

/* A row of the project "" is the default of all; it comes first, so that the project's own is found from the end. */
static const struct limits *limits_of(struct call *call, const struct service *service, const char *project) {
    struct arena *arena = call->http ? call->http->arena : call->arena;
    struct limits *limits = call->limits;
    struct rows *rows;

    while (limits && (limits->service != service || strcmp(limits->project, project) != 0)) {
        limits = limits->next;
    }
    if (limits) {
        return limits;
    }
    limits = ARENA_NEW(arena, struct limits);
    *limits = (struct limits){.next = call->limits, .service = service, .project = arena_text(arena, project)};
    rows = db_query(call->db, "SELECT name, quota_limit FROM rest_quota WHERE service = ? AND project_id IN (?, '')"
                              " ORDER BY project_id", SQL_ARGS(sql_text(service->type), sql_text(project)));
    while (rows_next(rows)) {
        limits->at = arena_grow(arena, limits->at, limits->count, sizeof *limits->at);
        limits->at[limits->count++] = (struct limit){arena_text(arena, rows_text(rows, 0)), rows_int(rows, 1)};
    }
    rows_end(rows);
    call->limits = limits;
    return limits;
}

int64_t quota_limit(struct call *call, const struct service *service, const char *project, const char *name) {
    const struct quota *quota = quota_find(service, name);
    const struct limits *limits = limits_of(call, service, project ? project : "");

    for (size_t i = limits->count; i-- > 0;) {
        if (!strcmp(limits->at[i].name, name)) {
            return limits->at[i].value;
        }
    }
    return quota ? quota->limit : -1;
}

int64_t quota_used(struct call *call, const struct service *service, const char *project, const char *name) {
    const struct quota *quota = quota_find(service, name);

    return quota && quota->count ? db_query_int(call->db, quota->count, SQL_ARGS(sql_text(project)), 0) : 0;
}

bool quota_check(struct call *call, const struct service *service, const char *project, const char *name, int64_t more) {
    int64_t limit, used;

    if (!project || call->caller.internal) {
        return true;
    }
    limit = quota_limit(call, service, project, name);
    if (limit < 0) {
        return true;
    }
    used = quota_used(call, service, project, name);
    if (used + more <= limit) {
        return true;
    }
    if (service->style->quota_message) {
        return fail_type(call, service->style->quota_status, service->style->quota_type, service->style->quota_message, name);
    }
    return fail_type(call, service->style->quota_status ? service->style->quota_status : 403, service->style->quota_type,
                     "Quota exceeded for %s: requested %lld, but already used %lld of %lld.", name, (long long)more,
                     (long long)used, (long long)limit);
}

bool quota_set(struct call *call, const struct service *service, const char *project, const char *name, int64_t limit) {
    call->limits = NULL;
    if (limit == NO_INT) {
        return call_exec(call, "DELETE FROM rest_quota WHERE service = ? AND project_id = ? AND name = ?",
                         SQL_ARGS(sql_text(service->type), sql_text(project), sql_text(name)));
    }
    return call_exec(call,
                     "INSERT INTO rest_quota (service, project_id, name, quota_limit) VALUES (?, ?, ?, ?)"
                     " ON CONFLICT (service, project_id, name) DO UPDATE SET quota_limit = excluded.quota_limit",
                     SQL_ARGS(sql_text(service->type), sql_text(project), sql_text(name), sql_int(limit)));
}

bool quota_reset(struct call *call, const struct service *service, const char *project) {
    call->limits = NULL;
    return call_exec(call, "DELETE FROM rest_quota WHERE service = ? AND project_id = ?",
                     SQL_ARGS(sql_text(service->type), sql_text(project)));
}
