/* SPDX-License-Identifier: Apache-2.0
 * Ends what nobody ends. What is seen twice, [tasks] settle_seconds apart, has lost its task for good: tasks are written
 * in the same transaction as what they are to do. */
#include "rest/settle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/id.h"
#include "base/map.h"
#include "bus/bus.h"
#include "rest/audit_private.h"
#include "rest/cloud.h"
#include "rest/history.h"
#include "rest/process.h"
#include "rest/service.h"
#include "rest/tasks.h"
#include "rest/types.h"

LOG_MODULE("rest.settle");

enum { DEFAULT_SECONDS = 60, MAX_AT_ONCE = 100, LATE_SECONDS = 30, LATE_HERE_SECONDS = 600 };

/* ---- tasks ---- */

struct late {
    struct arena *arena;
    struct late_task {
        int64_t id;
        const char *cause;
    } tasks[MAX_AT_ONCE];
    size_t count;
};

static const char *late_cause(struct arena *arena, const struct rest_task *task) {
    int64_t seconds = (task->deadline - task->created_at) / SECOND;
    bool away = task->host && !(cloud.bus && bus_connected(cloud.bus, task->host));

    return arena_printf(arena, "it did not end within %" PRId64 " s%s%s%s", seconds, away ? ": host " : "",
                        away ? task->host : "", away ? " is not connected" : "");
}

static bool find_late(struct call *call, void *user) {
    struct late *late = user;
    struct rest_task *tasks;
    int64_t now = clock_now();

    if (!rows_find(call, &resource_rest_task,
                   "running = 1 AND deadline < ? AND (host IS NOT NULL OR (deadline < ? AND owner <> ?)) LIMIT 100",
                   SQL_ARGS(sql_int(now - LATE_SECONDS * SECOND), sql_int(now - LATE_HERE_SECONDS * SECOND),
                            sql_text(process_id())),
                   &tasks, &late->count)) {
        return false;
    }
    for (size_t i = 0; i < late->count; i++) {
        late->tasks[i] = (struct late_task){tasks[i].id, late_cause(late->arena, &tasks[i])};
    }
    return true;
}

static void end_late(struct arena *arena) {
    struct late *late = ARENA_NEW(arena, struct late);

    *late = (struct late){.arena = arena};
    if (cloud_transaction(cloud.services[0], DB_READ, NULL, find_late, late)) {
        for (size_t i = 0; i < late->count; i++) {
            tasks_result(late->tasks[i].id, 0, false, late->tasks[i].cause, NULL);
        }
    }
}

/* ---- passing values ---- */

/* When each was first seen: "RESOURCE KEY VALUE" to microseconds. Only the dispatcher's thread looks at it. */
static struct map *seen;

struct stuck {
    const struct resource *resource;
    const struct field *field;
    const char *id, *value, *cause;
};

struct look {
    struct arena *arena;
    struct map *now;                /* what is seen this time */
    struct stuck at[MAX_AT_ONCE];
    size_t count;
    int64_t seconds;
};

static void note_seen(struct look *look, const struct resource *resource, const struct field *field, const char *id,
                      const char *value) {
    const char *key = arena_printf(look->arena, "%s %s %s", resource->name, id, value);
    intptr_t first = seen ? (intptr_t)map_get(seen, key) : 0, now = (intptr_t)clock_monotonic();

    first = first ? first : now;
    map_set(look->now, key, (void *)first);
    if (now - first >= look->seconds * SECOND && look->count < MAX_AT_ONCE) {
        look->at[look->count++] = (struct stuck){
            .resource = resource, .field = field, .id = arena_text(look->arena, id), .value = arena_text(look->arena, value),
            .cause = arena_printf(look->arena, "nothing has worked on it for %" PRId64 " s.", (int64_t)((now - first) / SECOND))};
    }
}

static void look_field(struct call *call, struct look *look, const struct resource *resource, const struct field *field) {
    struct rows *rows = audit_query(call, audit_passing_sql(look->arena, resource, field));

    while (rows_next(rows)) {
        note_seen(look, resource, field, rows_text(rows, 0), rows_text(rows, 1));
    }
    rows_end(rows);
}

static bool look_body(struct call *call, void *user) {
    struct look *look = user;

    look->count = 0;
    for (size_t s = 0; cloud.services[s]; s++) {
        for (size_t r = 0; cloud.services[s]->resources[r]; r++) {
            const struct resource *resource = cloud.services[s]->resources[r];

            for (size_t i = 0; resource->table && resource->on_stuck && i < resource->runtime->field_count; i++) {
                if (resource->runtime->fields[i].passing) {
                    look_field(call, look, resource, &resource->runtime->fields[i]);
                }
            }
        }
    }
    return true;
}

/* The value of the row, while it passes and nothing works on it; null when somebody has taken care meanwhile. */
static const char *value_now(struct call *call, const struct resource *resource, const struct field *field, const char *id) {
    struct rows *rows = audit_query(call, audit_passing_sql(call->arena, resource, field));
    const char *value = NULL;

    while (!value && rows_next(rows)) {
        value = !strcmp(rows_text(rows, 0), id) ? arena_text(call->arena, rows_text(rows, 1)) : NULL;
    }
    rows_end(rows);
    return value;
}

bool settle_end(struct call *call, const struct resource *resource, const struct field *field, const char *id,
                const char *seen_value, const char *cause) {
    const char *value = value_now(call, resource, field, id);
    void *row;

    if (!value || (seen_value && strcmp(value, seen_value) != 0) || !row_find(call, resource, id, &row)) {
        return !call->error;
    }
    log_warn("%s %s stayed in %s: %s", resource->singular, id, value, cause);
    history_note(call, "fault", id, NULL, arena_printf(call->arena, "it stayed in %s", value), cause);
    return resource->on_stuck(call, row, cause);
}

static bool end_stuck(struct call *call, void *user) {
    const struct stuck *stuck = user;

    return settle_end(call, stuck->resource, stuck->field, stuck->id, stuck->value, stuck->cause);
}

static void end_passing(struct arena *arena, int64_t seconds) {
    struct look *look = ARENA_NEW(arena, struct look);

    *look = (struct look){.arena = arena, .now = map_new(), .seconds = seconds};
    if (cloud_transaction(cloud.services[0], DB_READ, NULL, look_body, look)) {
        map_free(seen, NULL);
        seen = look->now;
    } else {
        map_free(look->now, NULL);
    }
    for (size_t i = 0; i < look->count; i++) {
        cloud_transaction(look->at[i].resource->runtime->service, DB_WRITE, id_request(arena),
                          end_stuck, &look->at[i]);
    }
}

/* ---- rows whose time is over ---- */

bool settle_expired(struct call *call) {
    int64_t before = clock_now() - EXPIRED_DAYS * 86400 * SECOND;

    for (size_t s = 0; cloud.services[s]; s++) {
        for (size_t r = 0; cloud.services[s]->resources[r]; r++) {
            const struct resource *resource = cloud.services[s]->resources[r];

            if (resource->expires &&
                !rows_forget(call, resource,
                             arena_printf(call->arena, "%s > 0 AND %s < ?", resource->expires, resource->expires),
                             SQL_ARGS(sql_int(before)))) {
                return false;
            }
        }
    }
    return true;
}

void settle_round(void) {
    static int64_t next;
    int64_t seconds = conf_int(cloud.conf, "tasks", "settle_seconds", DEFAULT_SECONDS), now = clock_monotonic();
    struct arena *arena;

    if (now < next) {
        return;
    }
    next = now + (seconds >= 12 ? seconds / 4 : 3) * SECOND;
    arena = arena_new(0);
    end_late(arena);
    end_passing(arena, seconds);
    arena_free(arena);
}
