/* SPDX-License-Identifier: Apache-2.0
 * The agent's commands at its process's control socket. */
#include <string.h>

#include "base/arena.h"
#include "base/control.h"
#include "base/map.h"
#include "bus/agent_private.h"

static void print_task(struct arena *arena, const struct agent_task *task, struct buf *out) {
    struct frame frame;
    const char *error;

    if (frame_parse(arena, task->frame.at, task->frame.size, &frame, &error)) {
        buf_printf(out, "%lld %s %s on %s, try %d%s %s\n", (long long)task->number, frame.kind ? frame.kind : "task",
                   frame.id ? frame.id : "", task->host->name, task->attempt,
                   task->done ? ", done, its result is not acknowledged" : "", frame.request_id ? frame.request_id : "");
    }
}

static bool run_tasks(void *user, int argc, const char *const *argv, struct buf *out) {
    struct arena *arena = arena_new(0);
    struct agent *agent = user;
    size_t cursor = 0;
    void *task;

    pthread_mutex_lock(&agent->lock);
    while (map_next(agent->tasks, &cursor, &task)) {
        print_task(arena, task, out);
    }
    buf_printf(out, "%zu tasks; %s\n", map_count(agent->tasks), agent->greeted ? "connected" : "not connected");
    pthread_mutex_unlock(&agent->lock);
    arena_free(arena);
    return true;
}

static bool run_reconcile(void *user, int argc, const char *const *argv, struct buf *out) {
    agent_reconcile_now(user);
    buf_text(out, "begun\n");
    return true;
}

void agent_commands_add(struct agent *agent) {
    control_register("tasks", ": what this agent has in hand", run_tasks, agent);
    control_register("reconcile now", ": looks at once what its hosts should have", run_reconcile, agent);
}
