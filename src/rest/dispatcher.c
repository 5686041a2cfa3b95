/* SPDX-License-Identifier: Apache-2.0
 * The dispatcher: claims waiting tasks, prepares and sends them.
 *
 * The rows are the only truth. A claim marks the row as running; what is in flight when a process or host dies waits
 * again when it comes back. So a claim need not be durable before the task is sent: one that a power cut undoes is made
 * once more, and whatever is recorded of the task makes it durable. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena_top.h"
#include "base/clock.h"
#include "base/crash.h"
#include "bus/bus.h"
#include "rest/cloud.h"
#include "rest/history.h"
#include "rest/kinds.h"
#include "rest/process.h"
#include "rest/service.h"
#include "rest/settle.h"
#include "rest/tasks.h"
#include "rest/transaction.h"
#include "rest/types.h"

LOG_MODULE("rest.tasks");

enum { BATCH = 64, WORKERS = 4, LOST_SECONDS = 5 };

/* A claimed task on its way: its row, and what the agent should make true. */
struct claim {
    struct task task;
    const struct task_kind *kind;
    const struct service *service;
    const char *doc;            /* null: must not exist */
    const char *failed;         /* preparing it failed with this cause */
    bool needless;              /* there is nothing to do any more */
};

struct job {
    struct job *next;
    struct job *next_in_hand;
    struct arena *arena;
    struct claim claim;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work, jobs;
    bool awake, stopping;
    pthread_t thread, workers[WORKERS];
    struct job *first, **last;
    struct job *in_hand;        /* those that wait and those that run */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .last = &state.first};

void tasks_wake(void) {
    pthread_mutex_lock(&state.lock);
    state.awake = true;
    pthread_cond_signal(&state.work);
    pthread_mutex_unlock(&state.lock);
}

/* ---- claiming ---- */

static const char sql_ready[] =
    "running = 0 AND not_before <= ?"
    "   AND NOT EXISTS (SELECT 1 FROM rest_task earlier"
    "                    WHERE earlier.resource_id = rest_task.resource_id AND earlier.id < rest_task.id)"
    " ORDER BY id LIMIT 64";    /* BATCH */

static bool host_there(const struct rest_task *row) {
    return !row->host || (cloud.bus && bus_connected(cloud.bus, row->host));
}

static bool prepare_claim(struct call *call, struct claim *claim) {
    struct buf doc = {0};
    struct json_out out = {.buf = &doc};
    bool wanted = true;

    if (claim->kind->prepare) {
        wanted = claim->kind->prepare(call, &claim->task, &out);
        claim->doc = doc.size ? arena_text_size(call->arena, doc.at, doc.size) : NULL;
    } else {
        claim->doc = claim->task.args;
    }
    buf_release(&doc);
    if (!wanted && call->error) {
        claim->failed = call->error_message;
        call->error = 0;
    } else if (!wanted) {
        claim->needless = true;
    }
    return db_failure(call->db) == DB_OK;
}

struct claims {
    struct claim at[BATCH];
    size_t count;
    bool full;                  /* there may be more */
};

static bool claim_one(struct call *call, struct claims *claims, struct rest_task *row) {
    struct claim *claim = &claims->at[claims->count];
    bool there = host_there(row);

    if (!there && clock_now() < row->deadline) {
        row->not_before = clock_now() + SECOND;
        return row_update(call, &resource_rest_task, row);
    }
    row->attempts++;
    *claim = (struct claim){.task = task_of_row(row)};
    claim->kind = task_kind_find(row->kind, &claim->service);
    if (!claim->kind) {
        log_error("task %" PRId64 " has the unknown kind %s", row->id, row->kind);
        return row_delete(call, &resource_rest_task, row);
    }
    claims->count++;
    call->service = claim->service;
    call->request_id = row->request_id;
    if (!there) {
        claim->failed = arena_printf(call->arena, "host %s is not connected", row->host);
        return true;
    }
    return prepare_claim(call, claim);
}

/* From now on 'not_before' says when it was sent. */
static bool mark_claimed(struct call *call, const struct claims *claims) {
    struct value args[BATCH + 2] = {sql_text(process_id()), sql_int(clock_now())};
    const char *ids;
    size_t count = 2;

    for (size_t i = 0; i < claims->count; i++) {
        args[count++] = sql_int(claims->at[i].task.id);
    }
    if (!claims->count) {
        return true;
    }
    ids = sql_marks(call->arena, args, &count, claims->count);
    return call_exec(call, arena_printf(call->arena, "UPDATE rest_task SET running = 1, owner = ?, not_before = ?,"
                                        " attempts = attempts + 1 WHERE id IN (%s)", ids), args, count);
}

static bool claim_ready(struct call *call, void *user) {
    struct claims *claims = user;
    struct rest_task *rows;
    size_t count;

    claims->count = 0;
    claims->full = false;
    if (!rows_find(call, &resource_rest_task, sql_ready, SQL_ARGS(sql_int(clock_now())), &rows, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!claim_one(call, claims, &rows[i])) {
            return false;
        }
    }
    claims->full = count == BATCH;
    return mark_claimed(call, claims);
}

bool tasks_ready(struct call *call) {
    return call_count(call, "SELECT count(*) FROM (SELECT 1 FROM rest_task WHERE running = 0 AND not_before <= ? LIMIT 1)"
                            " AS ready", SQL_ARGS(sql_int(clock_now()))) > 0;
}

static bool any_ready(struct call *call, void *user) {
    *(bool *)user = tasks_ready(call);
    return true;
}

/* ---- running ---- */

static const char *keep(struct arena *arena, const char *text) {
    return text ? arena_text(arena, text) : NULL;
}

static void run_here(const struct claim *claim) {
    struct arena *arena = arena_new(0);
    struct job *job = ARENA_NEW(arena, struct job);

    *job = (struct job){.arena = arena, .claim = *claim};
    job->claim.doc = keep(arena, claim->doc);
    job->claim.task.kind = claim->kind->name;
    job->claim.task.resource_id = keep(arena, claim->task.resource_id);
    job->claim.task.args = keep(arena, claim->task.args);
    job->claim.task.request_id = keep(arena, claim->task.request_id);
    job->claim.task.project_id = keep(arena, claim->task.project_id);
    pthread_mutex_lock(&state.lock);
    *state.last = job;
    state.last = &job->next;
    job->next_in_hand = state.in_hand;
    state.in_hand = job;
    pthread_cond_signal(&state.jobs);
    pthread_mutex_unlock(&state.lock);
}

static void run_job(struct job *job) {
    struct buf result = {0}, response = {0};
    struct json_out out = {.buf = &result};
    const struct claim *claim = &job->claim;
    struct call *call = task_call(job->arena, claim->service, claim->task.request_id, &response);
    bool ok;

    log_request(claim->task.request_id);
    json_map(&out);
    ok = claim->kind->run && claim->kind->run(call, &claim->task, &out) && !call->error;
    json_map_end(&out);
    tasks_result(claim->task.id, claim->task.attempts, ok, call->error_message,
               json_parse(job->arena, result.at, result.size, NULL));
    log_request(NULL);
    buf_release(&result);
    buf_release(&response);
}

static void job_forget(struct job *job) {
    struct job **at = &state.in_hand;

    pthread_mutex_lock(&state.lock);
    while (*at != job) {
        at = &(*at)->next_in_hand;
    }
    *at = job->next_in_hand;
    pthread_mutex_unlock(&state.lock);
    arena_free(job->arena);
}

static void *worker_main(void *unused) {
    for (;;) {
        struct job *job;

        pthread_mutex_lock(&state.lock);
        while (!state.first && !state.stopping) {
            pthread_cond_wait(&state.jobs, &state.lock);
        }
        job = state.first;
        if (job) {
            state.first = job->next;
            state.last = state.first ? state.last : &state.first;
        }
        pthread_mutex_unlock(&state.lock);
        if (!job) {
            return NULL;
        }
        run_job(job);
        arena_seen(job->arena, job->claim.kind->name, job->claim.task.resource_id,
                   job->claim.task.request_id);
        job_forget(job);
    }
}

static bool put_back(struct call *call, void *user) {
    return call_exec(call, "UPDATE rest_task SET running = 0, attempts = attempts - 1, not_before = ? WHERE id = ?",
                     SQL_ARGS(sql_int(clock_now() + SECOND / 2), sql_int(*(const int64_t *)user)));
}

static void send_claim(const struct claim *claim) {
    const struct task *task = &claim->task;

    if (claim->failed || claim->needless) {
        tasks_result(task->id, 0, claim->needless, claim->failed, NULL);
        return;
    }
    if (!task->host) {
        run_here(claim);
        return;
    }
    if (!bus_send_task(cloud.bus, task->host, task->id, task->attempts, task->kind, task->resource_id, task->request_id, 0,
                       claim->doc)) {
        int64_t id = task->id;

        cloud_transaction(claim->service, DB_WRITE, task->request_id, put_back, &id);
    }
}

/* One round, 'look' first whether there is work. True when it may be worth another at once. */
static bool dispatch_round(bool look) {
    struct arena *arena = arena_new(0);
    struct claims *claims = ARENA_NEW(arena, struct claims);
    struct buf out = {0};
    struct call *call = task_call(arena, cloud.services[0], NULL, &out);
    bool ready = !look;

    if (ready || (transaction_run(call, DB_READ, any_ready, &ready) && ready)) {
        call = task_call(arena, cloud.services[0], NULL, &out);
        if (!transaction_run(call, DB_WRITE_SOON, claim_ready, claims)) {
            log_error("claiming tasks: %s", call->error_message);
            claims->count = 0;
        }
        for (size_t i = 0; i < claims->count; i++) {
            send_claim(&claims->at[i]);
        }
    }
    ready = claims->full;
    buf_release(&out);
    arena_free(arena);
    return ready;
}

/* ---- what was lost on its way ---- */

/* What is marked as running and is with nobody: a message that was lost, or a claim of which the database did not say
 * whether it was committed. */
struct lost {
    const char *host;               /* null: tasks of this process */
    const struct json *in_hand;     /* ids that the host told */
    int64_t ids[BATCH];
    size_t count;
};

static bool told(const struct lost *lost, int64_t id) {
    for (JSON_EACH(at, lost->in_hand)) {
        if (at->type == JSON_INT && at->integer == id) {
            return true;
        }
    }
    return false;
}

static bool in_hand_here(int64_t id) {
    const struct job *job;

    pthread_mutex_lock(&state.lock);
    for (job = state.in_hand; job && job->claim.task.id != id; job = job->next_in_hand) {
    }
    pthread_mutex_unlock(&state.lock);
    return job;
}

static bool find_lost(struct call *call, void *user) {
    struct lost *lost = user;
    int64_t before = clock_now() - LOST_SECONDS * SECOND;
    struct rows *rows =
        lost->host ? db_query(call->db, "SELECT id FROM rest_task WHERE running = 1 AND host = ? AND not_before < ?",
                              SQL_ARGS(sql_text(lost->host), sql_int(before)))
                   : db_query(call->db, "SELECT id FROM rest_task WHERE running = 1 AND host IS NULL AND owner = ?"
                                        " AND not_before < ?", SQL_ARGS(sql_text(process_id()), sql_int(before)));

    lost->count = 0;
    while (rows_next(rows)) {
        int64_t id = rows_int(rows, 0);

        if (lost->count < BATCH && !(lost->host ? told(lost, id) : in_hand_here(id))) {
            lost->ids[lost->count++] = id;
        }
    }
    rows_end(rows);
    return true;
}

static bool requeue_lost(struct call *call, void *user) {
    const struct lost *lost = user;

    for (size_t i = 0; i < lost->count; i++) {
        if (!call_exec(call, "UPDATE rest_task SET running = 0, not_before = 0 WHERE running = 1 AND id = ?",
                       SQL_ARGS(sql_int(lost->ids[i])))) {
            return false;
        }
    }
    call->wake_tasks = true;
    return true;
}

void tasks_host_has(const char *host, const struct json *ids) {
    struct lost lost = {.host = host, .in_hand = ids};

    if (cloud_transaction(cloud.services[0], DB_READ, NULL, find_lost, &lost) && lost.count) {
        log_warn("%s has no word of %zu tasks that it should do; they begin again", host ? host : "this process",
                 lost.count);
        cloud_transaction(cloud.services[0], DB_WRITE, NULL, requeue_lost, &lost);
    }
}

struct periodic {
    const struct service *service;
    bool begun, more;   /* by the turn before and by this one: it is not at its end */
    int64_t next;       /* monotonic */
};

static bool run_periodic(struct call *call, void *user) {
    struct periodic *periodic = user;
    const struct service *service = periodic->service;
    int64_t now = clock_now();

    periodic->more = false;
    if (!periodic->begun) {
        if (!call_exec(call, "INSERT INTO rest_periodic (service, next_at) VALUES (?, 0) ON CONFLICT DO NOTHING",
                       SQL_ARGS(sql_text(service->type))) ||
            !call_exec(call, "UPDATE rest_periodic SET next_at = ? WHERE service = ? AND next_at <= ?",
                       SQL_ARGS(sql_int(now + service->period * SECOND), sql_text(service->type), sql_int(now)))) {
            return false;
        }
        if (db_changes(call->db) == 0) {
            return true;
        }
    }
    if (!service->periodic(call)) {
        return false;
    }
    periodic->more = call->more;
    return true;
}

/* A part that leaves more to do takes its next turn behind the tasks that wait. */
static void do_periodic(struct periodic *periodic) {
    int64_t now = clock_monotonic();

    if (now >= periodic->next) {
        periodic->begun = cloud_transaction(periodic->service, DB_WRITE, NULL, run_periodic, periodic) && periodic->more;
        periodic->next = periodic->begun ? now : now + periodic->service->period * SECOND;
    }
}

static void periodics(void) {
    static struct periodic all[64];
    static int64_t look;
    int64_t now = clock_monotonic();

    if (now >= look) {
        look = now + LOST_SECONDS * SECOND;
        tasks_host_has(NULL, NULL);
    }
    process_round();
    settle_round();
    for (size_t i = 0; cloud.services[i] && i < 64; i++) {
        if (cloud.services[i]->periodic) {
            all[i].service = cloud.services[i];
            do_periodic(&all[i]);
        }
    }
}

/* True: there is work; false: it may be time to look for some. */
static bool wait_for_work(void) {
    struct timespec until;
    bool awake;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 500 * 1000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&state.lock);
    while (!state.awake && !state.stopping &&
           pthread_cond_timedwait(&state.work, &state.lock, &until) != ETIMEDOUT) {
    }
    awake = state.awake;
    state.awake = false;
    pthread_mutex_unlock(&state.lock);
    return awake;
}

static void *dispatcher_main(void *unused) {
    bool awake = false;

    while (!state.stopping) {
        while (!state.stopping && dispatch_round(!awake)) {
        }
        periodics();
        awake = wait_for_work();
    }
    return NULL;
}

/* ---- life ---- */

static bool find_newest(struct call *call, void *user) {
    task_ids_begin(call_count(call, "SELECT coalesce(max(id), 0) FROM rest_task", SQL_NO_ARGS));
    return true;
}

static bool requeue_host(struct call *call, void *user) {
    return call_exec(call, "UPDATE rest_task SET running = 0, not_before = 0 WHERE running = 1 AND host = ?",
                     SQL_ARGS(sql_text(user))) &&
           call_exec(call, "UPDATE rest_task SET not_before = 0 WHERE running = 0 AND host = ? AND attempts = 0",
                     SQL_ARGS(sql_text(user)));
}

void tasks_host_up(const char *host) {
    cloud_transaction(cloud.services[0], DB_WRITE, NULL, requeue_host, (void *)(uintptr_t)host);
    tasks_wake();
}

void tasks_start(void) {
    pthread_cond_init(&state.work, NULL);
    pthread_cond_init(&state.jobs, NULL);
    state.stopping = false;
    cloud_transaction(cloud.services[0], DB_READ, NULL, find_newest, NULL);
    process_begin();
    pthread_create(&state.thread, NULL, dispatcher_main, NULL);
    for (int i = 0; i < WORKERS; i++) {
        pthread_create(&state.workers[i], NULL, worker_main, NULL);
    }
}

void tasks_stop(int seconds) {
    pthread_mutex_lock(&state.lock);
    state.stopping = true;
    pthread_cond_broadcast(&state.work);
    pthread_cond_broadcast(&state.jobs);
    pthread_mutex_unlock(&state.lock);
    pthread_join(state.thread, NULL);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(state.workers[i], NULL);
    }
    process_end();
}
