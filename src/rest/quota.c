/* SPDX-License-Identifier: Apache-2.0
 * Quotas: limits are rows (project, service, name), usage is counted from the rows that use it, inside the transaction
 * that adds one. There is no usage table that could drift. */
#include <assert.h>
#include <string.h>

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

/* A row of the project "" is the default of all. */
int64_t quota_limit(struct call *call, const struct service *service, const char *project, const char *name) {
    const struct quota *quota = quota_find(service, name);

    return db_query_int(call->db,
                        "SELECT quota_limit FROM rest_quota WHERE service = ? AND project_id IN (?, '') AND name = ?"
                        " ORDER BY project_id DESC LIMIT 1",
                        SQL_ARGS(sql_text(service->type), sql_text(project), sql_text(name)), quota ? quota->limit : -1);
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
    if (limit == NO_INT) {
        return call_exec(call, "DELETE FROM rest_quota WHERE service = ? AND project_id = ? AND name = ?",
                         SQL_ARGS(sql_text(service->type), sql_text(project), sql_text(name)));
    }
    return call_exec(call,
                     "INSERT INTO rest_quota (service, project_id, name, quota_limit) VALUES (?, ?, ?, ?)"
                     " ON CONFLICT (service, project_id, name) DO UPDATE SET quota_limit = excluded.quota_limit",
                     SQL_ARGS(sql_text(service->type), sql_text(project), sql_text(name), sql_int(limit)));
}
