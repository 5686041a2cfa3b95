/* SPDX-License-Identifier: Apache-2.0
 * Transactions of a call: begun, retried when the database asks for it, committed, and what follows a commit. */
#include "rest/transaction.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/id.h"
#include "rest/cloud.h"
#include "rest/history.h"
#include "rest/resource.h"
#include "rest/service.h"
#include "rest/tasks.h"

LOG_MODULE("rest.transaction");

enum { MAX_TRIES = 20, TRIES_TOGETHER = 2 };

/* Transactions of this process that lost more often than that go one at a time, so that none loses for ever. */
static pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;

struct after_commit {
    struct after_commit *next;
    void (*fn)(void *);
    void *argument;
};

void call_after_commit(struct call *call, void (*fn)(void *), void *argument) {
    struct after_commit *after = ARENA_NEW(call->arena, struct after_commit);

    *after = (struct after_commit){.next = call->after_commit, .fn = fn, .argument = argument};
    call->after_commit = after;
}

/* Forgets what a failed try left behind. */
static void start_over(struct call *call, size_t response_size) {
    call->error = 0;
    call->error_type = call->error_message = call->error_logged = NULL;
    call->wake_tasks = false;
    call->after_commit = NULL;
    call->events = NULL;
    call->notes = NULL;
    call->limits = NULL;
    call->shown = NULL;
    call->row = NULL;
    if (call->response && call->response->at) {
        call->response->size = response_size;
        call->response->at[response_size] = 0;
    }
    call->out = (struct json_out){.buf = call->response};
}

static bool write_history(struct call *call) {
    history_of_call(call);
    return history_write(call);
}

static bool run_once(struct call *call, enum db_mode mode, bool (*body)(struct call *call, void *user), void *user) {
    if (!db_begin(call->db, mode)) {
        return fail_database(call);
    }
    if (!body(call, user) || (mode != DB_READ && !write_history(call)) || call->error ||
        db_failure(call->db) != DB_OK || arena_exhausted(call->arena)) {
        if (db_failure(call->db) != DB_OK && (!call->error || db_failure(call->db) != DB_UNIQUE)) {
            call->error = 0;        /* whatever the body made of rows that it did not get */
            call->error_type = NULL;
            fail_database(call);
        }
        if (!call->error) {
            fail(call, arena_exhausted(call->arena) ? 413 : 500, "The request needs more memory than one may have.");
        }
        if (db_failure(call->db) == DB_FAILED) {
            log_error("%s", db_message(call->db));
        }
        db_rollback(call->db);
        return false;
    }
    if (mode != DB_READ) {
        crash_point("commit");
    }
    if (!db_commit(call->db)) {
        if (db_failure(call->db) != DB_RETRY) {
            log_error("commit: %s", db_message(call->db));
        }
        return fail_database(call);
    }
    if (mode != DB_READ) {
        crash_point("committed");
    }
    return true;
}

static void after_commit(struct call *call) {
    for (struct after_commit *after = call->after_commit; after; after = after->next) {
        after->fn(after->argument);
    }
    events_publish(call);
    if (call->wake_tasks) {
        tasks_wake();
    }
}

bool transaction_run(struct call *call, enum db_mode mode, bool (*body)(struct call *call, void *user), void *user) {
    struct db *db = db_acquire(cloud.store);
    size_t response_size = call->response ? call->response->size : 0;
    bool ok = false;

    call->db = db;
    call->limits = NULL;
    for (int attempt = 1; attempt <= MAX_TRIES; attempt++) {
        uint16_t jitter;

        if (attempt > TRIES_TOGETHER) {
            pthread_mutex_lock(&alone);
        }
        ok = run_once(call, mode, body, user);
        if (attempt > TRIES_TOGETHER) {
            pthread_mutex_unlock(&alone);
        }
        if (ok || db_failure(db) != DB_RETRY || attempt == MAX_TRIES) {
            break;
        }
        random_bytes(&jitter, sizeof jitter);
        usleep((useconds_t)(jitter % 1000) * (useconds_t)attempt);
        start_over(call, response_size);
    }
    call->statements += db_statements(db);
    call->db = NULL;
    db_release(db);
    if (ok) {
        after_commit(call);
        call->after_commit = NULL;
        call->events = NULL;
        call->wake_tasks = false;
    }
    return ok;
}

bool call_transaction(struct call *call, enum db_mode mode, bool (*body)(struct call *call, void *user), void *user) {
    return transaction_run(call, mode, body, user);
}
