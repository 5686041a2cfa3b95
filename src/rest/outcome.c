/* SPDX-License-Identifier: Apache-2.0
 * How tasks end: what hosts tell is recorded with the end of the task, as much as has come at once in one transaction. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/crash.h"
#include "bus/bus.h"
#include "rest/cloud.h"
#include "rest/history.h"
#include "rest/kinds.h"
#include "rest/service.h"
#include "rest/tasks.h"
#include "rest/transaction.h"
#include "rest/types.h"

LOG_MODULE("rest.outcome");

enum { MAX_BACKOFF = 60 };

/* What is recorded together, and the tasks that it is about. */
struct news {
    const char *host;
    struct bus_told *told;
    size_t count;
    struct rest_task *rows;
    size_t row_count;
    struct value ended[BUS_TOLD_MOST];          /* ids of tasks whose rows go */
    size_t ended_count;
};

const struct task_kind *task_kind_find(const char *name, const struct service **ret_service) {
    for (size_t s = 0; cloud.services[s]; s++) {
        for (const struct task_kind *kind = cloud.services[s]->tasks; kind; kind = kind->name ? kind + 1 : kind->more) {
            if (kind->name && !strcmp(kind->name, name)) {
                if (ret_service) {
                    *ret_service = cloud.services[s];
                }
                return kind;
            }
        }
    }
    return NULL;
}

struct call *task_call(struct arena *arena, const struct service *service, const char *request_id, struct buf *out) {
    struct call *call = ARENA_NEW(arena, struct call);

    *call = (struct call){.arena = arena, .service = service, .request_id = request_id, .response = out,
                          .caller = {.internal = true, .admin = true}};
    call->out = (struct json_out){.buf = out};
    return call;
}

struct task task_of_row(const struct rest_task *row) {
    return (struct task){
        .id = row->id, .kind = row->kind, .resource_id = row->resource_id, .host = row->host, .args = row->args,
        .request_id = row->request_id, .project_id = row->project_id, .attempts = (int)row->attempts,
        .created = row->created_at, .deadline = row->deadline,
    };
}

/* ---- one task ---- */

static bool try_again(struct call *call, struct rest_task *row, const char *error) {
    int64_t wait = row->attempts >= 6 ? MAX_BACKOFF : 1LL << row->attempts;

    row->running = false;
    row->error = error;
    row->not_before = clock_now() + wait * SECOND / 2;
    log_info("%s of %s failed, try %" PRId64 ": %s", row->kind, row->resource_id, row->attempts, error);
    history_note(call, "try", row->resource_id, row->host,
                 arena_printf(call->arena, "%s, try %" PRId64 " failed", row->kind, row->attempts), error);
    return row_update(call, &resource_rest_task, row);
}

static void note_end(struct call *call, const struct rest_task *row, const char *error) {
    history_note(call, "task", row->resource_id, row->host,
                 arena_printf(call->arena, "%s %s, try %" PRId64 ", after %" PRId64 " ms", row->kind,
                              error ? "failed for good" : "done", row->attempts, (clock_now() - row->created_at) / 1000),
                 error);
}

/* '*ret_ended' stays false while there is another try. */
static bool record_failure(struct call *call, struct rest_task *row, const struct task_kind *kind, const char *error,
                           bool *ret_ended) {
    struct task task = task_of_row(row);
    bool again = kind->tries ? row->attempts < kind->tries : true;

    if (again && clock_now() < row->deadline) {
        return try_again(call, row, error);
    }
    log_warn("%s of %s failed for good: %s", row->kind, row->resource_id, error);
    if (kind->failed && !kind->failed(call, &task, error)) {
        return false;
    }
    note_end(call, row, error);
    *ret_ended = true;
    return true;
}

static bool record_success(struct call *call, const struct rest_task *row, const struct task_kind *kind,
                           const struct json *result, bool *ret_ended) {
    struct task task = task_of_row(row);

    if (kind->done && !kind->done(call, &task, result)) {
        return false;
    }
    note_end(call, row, NULL);
    *ret_ended = true;
    return true;
}

static bool record_outcome(struct call *call, struct rest_task *row, const struct bus_told *told, bool *ret_ended) {
    const struct task_kind *kind = task_kind_find(row->kind, &call->service);

    call->request_id = row->request_id;
    log_request(row->request_id);
    if (!kind) {
        *ret_ended = true;
        return true;
    }
    if (!told->ok && (!row->running || (told->attempt && told->attempt != row->attempts))) {
        return true;        /* an old failure told again; the next try is on its way */
    }
    return told->ok ? record_success(call, row, kind, told->doc, ret_ended)
                    : record_failure(call, row, kind, told->error ? told->error : "it failed without a cause", ret_ended);
}

/* ---- all that was told ---- */

static bool find_tasks(struct call *call, struct news *news) {
    struct value ids[BUS_TOLD_MOST];
    const char *marks;
    size_t count = 0;

    news->row_count = news->ended_count = 0;
    for (size_t i = 0; i < news->count; i++) {
        if (!news->told[i].kind) {
            ids[count++] = sql_int(news->told[i].task);
        }
    }
    if (!count) {
        return true;
    }
    marks = sql_marks(call->arena, ids, &count, count);
    return rows_find(call, &resource_rest_task, arena_printf(call->arena, "id IN (%s)", marks), ids, count, &news->rows,
                     &news->row_count);
}

/* Null: it is long forgotten, or ended by what was told before. */
static struct rest_task *task_told(const struct news *news, int64_t id) {
    for (size_t i = 0; i < news->ended_count; i++) {
        if (news->ended[i].integer == id) {
            return NULL;
        }
    }
    for (size_t i = 0; i < news->row_count; i++) {
        if (news->rows[i].id == id) {
            return &news->rows[i];
        }
    }
    return NULL;
}

static bool record_report(struct call *call, const struct news *news, const struct bus_told *told) {
    const struct service *service = cloud_service_of_kind(told->kind);

    call->request_id = NULL;
    log_request(NULL);
    if (!service || !service->report) {
        return true;
    }
    call->service = service;
    return service->report(call, news->host, told->kind, told->id, told->doc);
}

static bool record_one(struct call *call, struct news *news, const struct bus_told *told) {
    struct rest_task *row = told->kind ? NULL : task_told(news, told->task);
    bool ended = false;

    if (told->kind ? !record_report(call, news, told) : row && !record_outcome(call, row, told, &ended)) {
        return false;
    }
    if (ended) {
        news->ended[news->ended_count++] = sql_int(row->id);
    }
    history_of_call(call);
    return !call->error;
}

/* What waited for those that ended may be ready now. */
static bool remove_ended(struct call *call, struct news *news) {
    const char *ids;

    if (!news->ended_count) {
        return true;
    }
    ids = sql_marks(call->arena, news->ended, &news->ended_count, news->ended_count);
    if (!call_exec(call, arena_printf(call->arena, "DELETE FROM rest_task WHERE id IN (%s)", ids), news->ended,
                   news->ended_count)) {
        return false;
    }
    call->wake_tasks = call->wake_tasks || tasks_ready(call);
    return true;
}

static bool record_body(struct call *call, void *user) {
    struct news *news = user;
    const struct service *first = call->service;
    bool ok = find_tasks(call, news);

    for (size_t i = 0; ok && i < news->count; i++) {
        ok = record_one(call, news, &news->told[i]);
    }
    call->service = first;
    return ok && remove_ended(call, news);
}

static bool record(struct arena *arena, struct news *news, int *ret_error, const char **ret_message) {
    struct buf out = {0};
    struct call *call = task_call(arena, cloud.services[0], NULL, &out);
    bool ok = transaction_run(call, DB_WRITE, record_body, news);

    crash_point("end of a task recorded");
    *ret_error = call->error;
    *ret_message = call->error_message;
    log_request(NULL);
    buf_release(&out);
    return ok;
}

/* A success that cannot be recorded is a failure with that cause. */
static void record_alone(struct arena *arena, const char *host, struct bus_told *told) {
    struct bus_told failure = {.task = told->task};
    struct news news = {.host = host, .told = told, .count = 1};
    int error;

    told->recorded = record(arena, &news, &error, &failure.error);
    if (told->recorded) {
        return;
    }
    if (told->kind) {
        log_error("%s of %s: %s", told->kind, told->id ? told->id : "", failure.error);
    } else if (told->ok && error != 503) {
        log_error("recording the end of task %" PRId64 ": %s", told->task, failure.error);
        news.told = &failure;
        told->recorded = record(arena, &news, &error, &failure.error);
    }
}

void tasks_told(const char *host, struct bus_told *told, size_t count) {
    struct news news = {.host = host, .told = told, .count = count};
    struct arena *arena = arena_new(0);
    const char *message;
    int error;
    bool together = count > 1 && record(arena, &news, &error, &message);

    for (size_t i = 0; i < count; i++) {
        if (together) {
            told[i].recorded = true;
        } else {
            arena_reset(arena);
            record_alone(arena, host, &told[i]);
        }
    }
    arena_free(arena);
}

bool tasks_result(int64_t id, int attempt, bool ok, const char *error, const struct json *result) {
    struct bus_told told = {.task = id, .attempt = attempt, .ok = ok, .error = error, .doc = result};

    tasks_told(NULL, &told, 1);
    return told.recorded;
}
