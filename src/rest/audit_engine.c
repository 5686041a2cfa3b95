/* SPDX-License-Identifier: Apache-2.0
 * Invariants of the engine's own rows. */
#include <stdlib.h>
#include <string.h>

#include "rest/audit.h"
#include "rest/cloud.h"
#include "rest/kinds.h"
#include "rest/service.h"
#include "rest/tasks.h"
#include "rest/types.h"

bool rest_find_kinds(struct call *call, struct audit *audit) {
    struct rest_task *tasks;
    size_t count;

    if (!rows_find(call, &resource_rest_task, NULL, NULL, 0, &tasks, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!task_kind_find(tasks[i].kind, NULL)) {
            audit_break(audit, arena_printf(call->arena, "%lld", (long long)tasks[i].id), "nobody can do %s of %s",
                        tasks[i].kind, tasks[i].resource_id);
        }
    }
    return true;
}

bool rest_fix_task(struct call *call, const char *id) {
    return call_exec(call, "DELETE FROM rest_task WHERE id = ?", SQL_ARGS(sql_int(strtoll(id, NULL, 10))));
}

bool rest_fix_owner(struct call *call, const char *id) {
    call->wake_tasks = true;
    return call_exec(call, "UPDATE rest_task SET running = 0, not_before = 0 WHERE id = ?",
                     SQL_ARGS(sql_int(strtoll(id, NULL, 10))));
}

/* Ended as the dispatcher would: the fault is recorded on the resource. */
static void end_late(void *id) {
    tasks_result(*(const int64_t *)id, 0, false, "its time was over", NULL);
}

bool rest_fix_late(struct call *call, const char *id) {
    int64_t *number = ARENA_NEW(call->arena, int64_t);

    *number = strtoll(id, NULL, 10);
    call_after_commit(call, end_late, number);
    return call_exec(call, "UPDATE rest_task SET running = 1 WHERE id = ?", SQL_ARGS(sql_int(*number)));
}

static bool is_quota(const char *type, const char *name) {
    const struct service *service = cloud_service(type);

    for (const struct quota *quota = service ? service->quotas : NULL; quota && quota->name; quota++) {
        if (!strcmp(quota->name, name)) {
            return true;
        }
    }
    return false;
}

bool rest_find_quotas(struct call *call, struct audit *audit) {
    struct rest_quota *rows;
    size_t count;

    if (!rows_find(call, &resource_rest_quota, NULL, NULL, 0, &rows, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_quota(rows[i].service, rows[i].name)) {
            audit_break(audit, arena_printf(call->arena, "%s/%s/%s", rows[i].service, rows[i].project_id, rows[i].name),
                        "there is no such quota");
        }
    }
    return true;
}

bool rest_fix_quota(struct call *call, const char *id) {
    return call_exec(call, "DELETE FROM rest_quota WHERE service || '/' || project_id || '/' || name = ?",
                     SQL_ARGS(sql_text(id)));
}
