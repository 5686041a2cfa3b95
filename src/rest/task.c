/* SPDX-License-Identifier: Apache-2.0
 * Adding and cancelling tasks, inside the transaction that wants the effect. */
#include "rest/task.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "rest/kinds.h"
#include "rest/service.h"
#include "rest/tasks.h"
#include "rest/types.h"

static _Atomic int64_t last;

void task_ids_begin(int64_t newest) {
    last = newest > last ? newest : last;
}

/* Ids grow with time, so that the order of ids is the order of tasks. */
static int64_t next_id(void) {
    int64_t before = last, id;

    do {
        id = clock_now();
        id = id > before ? id : before + 1;
    } while (!atomic_compare_exchange_weak(&last, &before, id));
    return id;
}

bool task_add_later(struct call *call, const char *kind, const char *resource_id, const char *host, const char *args,
                    int64_t delay) {
    const struct task_kind *known = task_kind_find(kind, NULL);
    int64_t now = clock_now();

    assert(known);

    struct rest_task task = {
        .id = next_id(),
        .kind = kind,
        .resource_id = resource_id,
        .host = host,
        .args = args,
        .request_id = call->request_id,
        .project_id = call->caller.project_id,
        .not_before = now + delay,
        .deadline = now + delay + (known->seconds ? known->seconds : 600) * SECOND,
        .created_at = now,
    };
    call->wake_tasks = true;
    return row_insert(call, &resource_rest_task, &task);
}

bool task_add(struct call *call, const char *kind, const char *resource_id, const char *host, const char *args) {
    return task_add_later(call, kind, resource_id, host, args, 0);
}

bool task_add_once(struct call *call, const char *kind, const char *resource_id, const char *host, const char *args) {
    int64_t waiting = call_count(call,
                                 "SELECT count(*) FROM rest_task"
                                 " WHERE resource_id = ? AND kind = ? AND running = 0 AND coalesce(host, '') = ?",
                                 SQL_ARGS(sql_text(resource_id), sql_text(kind), sql_text(host ? host : "")));

    return waiting > 0 || task_add(call, kind, resource_id, host, args);
}

bool task_cancel(struct call *call, const char *resource_id, const char *kind) {
    return kind ? call_exec(call, "DELETE FROM rest_task WHERE resource_id = ? AND running = 0 AND kind = ?",
                            SQL_ARGS(sql_text(resource_id), sql_text(kind)))
                : call_exec(call, "DELETE FROM rest_task WHERE resource_id = ? AND running = 0",
                            SQL_ARGS(sql_text(resource_id)));
}

bool task_pending(struct call *call, const char *resource_id) {
    return call_count(call, "SELECT count(*) FROM rest_task WHERE resource_id = ?", SQL_ARGS(sql_text(resource_id))) > 0;
}
