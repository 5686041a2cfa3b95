/* SPDX-License-Identifier: Apache-2.0
 * The API role's commands at its control socket: what is going on, and why. */
#include "rest/commands.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/control.h"
#include "bus/bus.h"
#include "rest/audit.h"
#include "rest/cloud.h"
#include "rest/history.h"
#include "rest/types.h"

enum { MOST_TASKS = 1000, ASK_MS = 5000 };

static bool run_why(void *user, int argc, const char *const *argv, struct buf *out) {
    if (argc != 2) {
        buf_text(out, "RESOURCE ID was expected, like: why server 3f9d...\n");
        return false;
    }
    return history_print(argv[0], argv[1], out);
}

/* ---- tasks ---- */

static bool print_tasks(struct call *call, void *user) {
    struct buf *out = user;
    struct rest_task *tasks;
    size_t count;

    buf_clear(out);
    if (!rows_find(call, &resource_rest_task, "1 = 1 ORDER BY id LIMIT 1000", NULL, 0, &tasks, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct rest_task *task = &tasks[i];

        buf_printf(out, "%" PRId64 " %s %s %s, try %" PRId64 ", %" PRId64 " s old, %" PRId64 " s left%s%s%s%s %s\n", task->id,
                   task->kind, task->resource_id, task->running ? "is being done" : "waits", task->attempts,
                   (int64_t)((clock_now() - task->created_at) / SECOND), (int64_t)((task->deadline - clock_now()) / SECOND),
                   task->host ? ", on " : "", task->host ? task->host : "", task->error ? "; last: " : "",
                   task->error ? task->error : "", task->request_id ? task->request_id : "");
    }
    buf_printf(out, "%zu tasks%s\n", count, count == MOST_TASKS ? ", and maybe more" : "");
    return true;
}

static bool run_tasks(void *user, int argc, const char *const *argv, struct buf *out) {
    return cloud_transaction(cloud.services[0], DB_READ, NULL, print_tasks, out);
}

/* ---- hosts ---- */

static bool run_reconcile(void *user, int argc, const char *const *argv, struct buf *out) {
    struct arena *arena = arena_new(0);
    const char *const *hosts;
    size_t count = bus_hosts(cloud.bus, arena, &hosts);
    bool ok = true;

    for (size_t i = 0; i < count; i++) {
        const struct json *answer;
        const char *error = NULL;

        if (argc > 0 && strcmp(argv[0], hosts[i]) != 0) {
            continue;
        }
        if (!bus_call(cloud.bus, arena, hosts[i], "agent.reconcile", hosts[i], NULL, ASK_MS, &answer, &error)) {
            ok = false;
        }
        buf_printf(out, "%s: %s\n", hosts[i], error ? error : "told");
    }
    arena_free(arena);
    return ok;
}

void commands_register(void) {
    audit_register();
    control_register("why", "RESOURCE ID: what happened to a resource: requests, tasks, tries, faults, events", run_why, &cloud);
    control_register("tasks", ": what is to be done, oldest first", run_tasks, &cloud);
    control_register("reconcile now", "[HOST]: hosts look at once what they should have", run_reconcile, &cloud);
}
