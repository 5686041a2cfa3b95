/* SPDX-License-Identifier: Apache-2.0
 * Memory that SQLite and curl do not get: each allocation of a transaction and of a call fails once. A transaction is
 * then none, and the next one goes well; a call ends the process. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/control.h"
#include "base/run.h"
#include "http/http.h"
#include "http_fixture.h"
#include "store/store.h"
#include "test.h"

enum { MAX_TRIES = 5000 };

/* The n-th allocation from now on fails, none with 0; returns how many there were until now. */
static long arm(long n) {
    struct arena *arena = arena_new(0);
    struct buf out = {0};
    long count = -1;

    if (control_run(arena_printf(arena, "fail %ld", n), &out)) {
        count = strtol(out.at, NULL, 10);
    }
    buf_release(&out);
    arena_free(arena);
    check(count >= 0);
    return count;
}

static bool write_twice(struct store *store, int64_t n) {
    struct db *db = db_acquire(store);
    bool ok = db_begin(db, DB_WRITE);

    if (ok) {
        for (int half = 0; ok && half < 2; half++) {
            ok = db_exec(db, "INSERT INTO row (n, text) VALUES (?, ?)", SQL_ARGS(sql_int(n), sql_text("half of it")));
        }
        if (ok) {
            ok = db_commit(db);
        } else {
            check(db_failure(db) == DB_FAILED && strstr(db_message(db), "memory"));
            db_rollback(db);
        }
    }
    db_release(db);
    return ok;
}

static int64_t count_rows(struct store *store, int64_t n) {
    struct db *db = db_acquire(store);
    int64_t count = db_begin(db, DB_READ) ? db_query_int(db, "SELECT count(*) FROM row WHERE n = ?", SQL_ARGS(sql_int(n)), -1) : -1;

    db_rollback(db);
    db_release(db);
    return count;
}

TEST(a_transaction_without_memory_is_none) {
    struct arena *arena = arena_new(0);
    const char *error = NULL, *url = arena_printf(arena, "sqlite:%s/memory.db", test_directory());
    struct store *store = store_open(arena, url, &error);
    struct db *db = db_acquire(store);
    long target, failed = 0;
    int n = 0;

    check(db_begin(db, DB_WRITE) && db_exec(db, "CREATE TABLE row (n INTEGER, text TEXT)", SQL_NO_ARGS) && db_commit(db));
    db_release(db);
    do {
        bool ok;

        target = ++n;
        target += arm(n);
        ok = write_twice(store, n);
        failed += !ok;
        if (arm(0) < target) {
            target = 0;
            check(ok);
        }
        check_int(count_rows(store, n), ok ? 2 : 0);
    } while (target && n < MAX_TRIES);
    check(failed > 0 && n < MAX_TRIES);
    store_close(store);
    arena_free(arena);
}

/* Not a test by itself: what the next one starts as a process of its own, with what it is to do in the environment. */
TEST(zz_one_call_in_a_process_of_its_own) {
    const char *url = getenv("TEST_CALL_URL"), *n = getenv("TEST_CALL_N");

    if (url && n) {
        struct arena *arena = arena_new(0);
        struct http_call call = {.url = url};
        struct http_reply reply = {0};
        long target = arm(strtol(n, NULL, 10)) + strtol(n, NULL, 10);
        bool good = http_call(arena, &call, &reply) && reply.status == 200 && reply.body_size == 100000;

        _exit(!good ? 2 : arm(0) < target);
    }
}

/* 0 when the call was as it should be, 1 when the n-th allocation was not reached either; else how it died (waitpid). */
static int call_without(const char *url, long n) {
    const char *const argv[] = {"/proc/self/exe", "zz_one_call", NULL};
    struct arena *arena = arena_new(0);
    const char *const env[] = {arena_printf(arena, "TEST_CALL_URL=%s", url), arena_printf(arena, "TEST_CALL_N=%ld", n), NULL};
    struct run_result result;
    int status;

    run_program(arena, &(struct run){.argv = argv, .env = env}, &result);
    status = result.status;
    arena_free(arena);
    return status;
}

TEST(a_call_without_memory_ends_the_process_and_sends_nothing_else) {
    struct fixture fixture;
    int status = 0, aborted = 0;
    const char *url;

    fixture_start(&fixture, NULL);
    url = fixture_url(&fixture, "/stream?size=100000");
    for (long n = 1; n < MAX_TRIES && status != 1; n += 1 + n / 10) {
        status = call_without(url, n);
        check(status == 0 || status == 1 || status == 128 + SIGABRT);
        aborted += status == 128 + SIGABRT;
    }
    check(status == 1 && aborted > 10);
    fixture_stop(&fixture);
}
