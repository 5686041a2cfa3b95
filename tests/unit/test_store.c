/* SPDX-License-Identifier: Apache-2.0
 * The store's contract. Every STORE_TEST runs on SQLite in memory, on SQLite in a file and on PostgreSQL. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/store.h"
#include "test.h"

struct with {
    struct store *store;
    struct arena *arena;
    struct db *db;              /* one connection, already taken */
    bool memory;
};

static void run_on(const char *url, const char *name, void (*run)(struct with *)) {
    struct with w = {.arena = arena_new(0), .memory = !strcmp(url, "sqlite::memory:")};
    const char *error = NULL;

    test_context(name);
    w.store = store_open(w.arena, url, &error);
    if (!w.store) {
        test_fail(__FILE__, __LINE__, "cannot open %s: %s", url, error);
        arena_free(w.arena);
        return;
    }
    w.db = db_acquire(w.store);
    if (!store_is_sqlite(w.store)) {
        db_begin(w.db, DB_WRITE);
        db_exec(w.db, "DROP SCHEMA IF EXISTS public CASCADE", SQL_NO_ARGS);
        db_exec(w.db, "CREATE SCHEMA public", SQL_NO_ARGS);
        check(db_commit(w.db));
    }
    run(&w);
    db_release(w.db);
    store_close(w.store);
    arena_free(w.arena);
}

static void run_on_all(void (*run)(struct with *)) {
    const char *postgres = getenv("HANEUL_TEST_PG");
    char url[128];

    run_on("sqlite::memory:", "memory", run);
    snprintf(url, sizeof url, "sqlite:%s/store.db", test_directory());
    run_on(url, "file", run);
    if (postgres) {
        run_on(postgres, "postgresql", run);
    } else {
        test_skip("HANEUL_TEST_PG is not set: only SQLite was tested (use tests/postgres-run)");
    }
}

#define STORE_TEST(NAME) \
    static void store_##NAME(struct with *w); \
    TEST(store_##NAME) { \
        run_on_all(store_##NAME); \
    } \
    static void store_##NAME(struct with *w)

static const struct column port_columns[] = {
    {.name = "id", .type = COLUMN_TEXT, .key = true},
    {.name = "network_id", .type = COLUMN_TEXT, .index = true},
    {.name = "mac_address", .type = COLUMN_TEXT},
    {.name = "group", .type = COLUMN_TEXT},
    {.name = "number", .type = COLUMN_INT},
    {.name = "ratio", .type = COLUMN_REAL},
    {.name = "data", .type = COLUMN_BLOB},
};
static const struct table port_table = {"network_port", port_columns, 7, "network_id,mac_address;group"};

static const char sql_insert[] =
    "INSERT INTO network_port (id, network_id, mac_address, \"group\", number) VALUES (?, ?, ?, ?, ?)";

static bool insert(struct db *db, const char *id, const char *network, const char *mac, const char *group) {
    return db_exec(db, sql_insert, SQL_ARGS(sql_text(id), sql_text(network), sql_text(mac), sql_text(group),
                                            sql_int(atoi(id))));
}

/* The table with ports "1" to "count". */
static void make_ports(struct with *w, int count) {
    char text[16];

    check(db_begin(w->db, DB_WRITE));
    check(table_ensure(w->db, w->arena, &port_table));
    for (int i = 1; i <= count; i++) {
        snprintf(text, sizeof text, "%d", i);
        check(insert(w->db, text, "net", text, text));
    }
    if (!db_commit(w->db)) {
        test_fail(__FILE__, __LINE__, "%s", db_message(w->db));
    }
}

static int64_t count_ports(struct db *db) {
    int64_t count;

    check(db_begin(db, DB_READ));
    count = db_query_int(db, "SELECT count(*) FROM network_port", SQL_NO_ARGS, -1);
    check(db_commit(db));
    return count;
}

STORE_TEST(every_kind_of_value_comes_back) {
    const unsigned char bytes[] = {0, 1, '\\', 'x', 0xff, 0};
    struct rows *rows;

    make_ports(w, 0);
    db_begin(w->db, DB_WRITE);
    check(db_exec(w->db, "INSERT INTO network_port (id, mac_address, number, ratio, data) VALUES (?, ?, ?, ?, ?)",
                  SQL_ARGS(sql_text("a"), {.kind = VALUE_TEXT, .text = "cut here", .size = 3}, sql_int(INT64_MIN),
                           {.kind = VALUE_REAL, .real = 0.1}, {.kind = VALUE_BLOB, .blob = bytes, .size = 6})));
    check(db_exec(w->db, "INSERT INTO network_port (id, network_id, number, data) VALUES (?, ?, ?, ?)",
                  SQL_ARGS(sql_text("b"), sql_text("한울 ' \" ? \\"), sql_int(INT64_MAX), {.kind = VALUE_BLOB})));
    check(db_commit(w->db));
    db_begin(w->db, DB_READ);
    rows = db_query(w->db, "SELECT id, network_id, mac_address, number, ratio, data FROM network_port ORDER BY id",
                    SQL_NO_ARGS);
    check(rows_next(rows));
    check_text(rows_text(rows, 0), "a");
    check(rows_null(rows, 1) && !rows_text(rows, 1) && rows_size(rows, 1) == 0 && rows_int(rows, 1) == 0);
    check_text(rows_text(rows, 2), "cut");
    check(rows_int(rows, 3) == INT64_MIN && rows_real(rows, 4) == 0.1);
    check(rows_size(rows, 5) == 6 && !memcmp(rows_blob(rows, 5), bytes, 6) && rows_size(rows, 5) == 6);
    check(rows_next(rows));
    check_text(rows_text(rows, 1), "한울 ' \" ? \\");
    check(rows_int(rows, 3) == INT64_MAX && rows_null(rows, 4));
    check(!rows_null(rows, 5) && rows_size(rows, 5) == 0 && rows_blob(rows, 5));
    check(!rows_next(rows) && !rows_next(rows) && !rows_text(rows, 0));
    rows_end(rows);
    check(db_commit(w->db));
}

STORE_TEST(one_value_queries) {
    make_ports(w, 3);
    db_begin(w->db, DB_READ);
    check_int(db_query_int(w->db, "SELECT number FROM network_port WHERE id = ?", SQL_ARGS(sql_text("2")), -1), 2);
    check_int(db_query_int(w->db, "SELECT number FROM network_port WHERE id = ?", SQL_ARGS(sql_text("9")), -1), -1);
    check_int(db_query_int(w->db, "SELECT sum(number) FROM network_port", SQL_NO_ARGS, -1), 6);
    check_int(db_query_int(w->db, "SELECT number > 1 FROM network_port WHERE id = '2'", SQL_NO_ARGS, -1), 1);
    check_text(db_query_text(w->db, w->arena, "SELECT mac_address FROM network_port WHERE number = ?",
                             SQL_ARGS(sql_int(3))), "3");
    check_int(db_statements(w->db), 5);
    check(db_commit(w->db));
}

STORE_TEST(rollback_undoes_and_commit_stays) {
    struct db *other;

    make_ports(w, 1);
    db_begin(w->db, DB_WRITE);
    check(insert(w->db, "2", "n", "2", "2"));
    db_rollback(w->db);
    check_int(count_ports(w->db), 1);
    other = db_acquire(w->store);
    check(other != w->db);
    check_int(count_ports(other), 1);
    db_release(other);
}

STORE_TEST(empty_transactions_cost_nothing_and_succeed) {
    for (int i = 0; i < 3; i++) {
        check(db_begin(w->db, DB_WRITE) && db_commit(w->db));
        check(db_begin(w->db, DB_READ));
        db_rollback(w->db);
        db_rollback(w->db);
    }
    check_int(db_statements(w->db), 0);
}

STORE_TEST(the_first_error_stays) {
    struct rows *rows;

    make_ports(w, 1);
    db_begin(w->db, DB_WRITE);
    check(insert(w->db, "2", "n", "2", "2"));
    check(!db_exec(w->db, "UPDATE nothing SET a = 1", SQL_NO_ARGS));
    check_int(db_failure(w->db), DB_FAILED);
    check(strstr(db_message(w->db), "nothing") != NULL);
    check(!insert(w->db, "1", "n", "1", "1"));
    check_int(db_failure(w->db), DB_FAILED);
    rows = db_query(w->db, "SELECT id FROM network_port", SQL_NO_ARGS);
    check(rows && !rows_next(rows));
    rows_end(rows);
    check(!db_commit(w->db));
    check_int(db_failure(w->db), DB_FAILED);
    check_int(count_ports(w->db), 1);
    check_int(db_failure(w->db), DB_OK);
}

STORE_TEST(unique_violations_name_their_columns) {
    static const char *const cases[][5] = {
        {"1", "x", "x", "x", "not unique: network_port.id"},
        {"2", "net", "1", "x", "not unique: network_port.network_id, network_port.mac_address"},
        {"2", "x", "x", "1", "not unique: network_port.group"},
    };

    make_ports(w, 1);
    for (int i = 0; i < 3; i++) {
        db_begin(w->db, DB_WRITE);
        check(!insert(w->db, cases[i][0], cases[i][1], cases[i][2], cases[i][3]));
        check_int(db_failure(w->db), DB_UNIQUE);
        check_text(db_message(w->db), cases[i][4]);
        check(!db_commit(w->db));
    }
    db_begin(w->db, DB_WRITE);
    check(insert(w->db, "2", NULL, "1", NULL) && insert(w->db, "3", NULL, "1", NULL));
    check(db_commit(w->db));
}

STORE_TEST(reads_do_not_write) {
    make_ports(w, 1);
    db_begin(w->db, DB_READ);
    check(!db_exec(w->db, "DELETE FROM network_port", SQL_NO_ARGS));
    check_int(db_failure(w->db), DB_FAILED);
    check(!db_commit(w->db));
    check_int(count_ports(w->db), 1);
}

STORE_TEST(a_reader_sees_a_snapshot) {
    struct db *writer;

    if (w->memory) {
        return;     /* in memory, writers wait for readers */
    }
    make_ports(w, 1);
    writer = db_acquire(w->store);
    db_begin(w->db, DB_READ);
    check_int(db_query_int(w->db, "SELECT count(*) FROM network_port", SQL_NO_ARGS, -1), 1);
    db_begin(writer, DB_WRITE);
    check(insert(writer, "2", "n", "2", "2"));
    check_int(db_query_int(w->db, "SELECT count(*) FROM network_port", SQL_NO_ARGS, -1), 1);
    check(db_commit(writer));
    check_int(db_query_int(w->db, "SELECT count(*) FROM network_port", SQL_NO_ARGS, -1), 1);
    check(db_commit(w->db));
    check_int(count_ports(w->db), 2);
    db_release(writer);
}

STORE_TEST(several_results_are_open_at_once) {
    static const char sql[] = "SELECT id FROM network_port WHERE number > ? ORDER BY number";
    struct rows *outer, *inner;
    int pairs = 0;

    make_ports(w, 4);
    db_begin(w->db, DB_READ);
    outer = db_query(w->db, sql, SQL_ARGS(sql_int(0)));
    while (rows_next(outer)) {
        inner = db_query(w->db, sql, SQL_ARGS(sql_int(atoi(rows_text(outer, 0)))));
        while (rows_next(inner)) {
            check(atoi(rows_text(inner, 0)) > atoi(rows_text(outer, 0)));
            pairs++;
        }
        rows_end(inner);
    }
    rows_end(outer);
    check_int(pairs, 6);
    check(db_commit(w->db));
}

STORE_TEST(results_left_open_end_with_the_transaction) {
    struct rows *rows;

    make_ports(w, 4);
    db_begin(w->db, DB_WRITE);
    rows = db_query(w->db, "SELECT id FROM network_port", SQL_NO_ARGS);
    check(rows_next(rows));
    check(insert(w->db, "5", "n", "5", "5"));
    check(db_commit(w->db));
    check(!rows_next(rows) && !rows_text(rows, 0));
    rows_end(rows);
    check_int(count_ports(w->db), 5);
}

STORE_TEST(values_may_go_once_the_query_started) {
    char text[8] = "net";
    struct rows *rows;
    int count = 0;

    make_ports(w, 5);
    db_begin(w->db, DB_READ);
    rows = db_query(w->db, "SELECT id FROM network_port WHERE network_id || '' = ?", SQL_ARGS(sql_text(text)));
    memset(text, 'x', sizeof text);
    while (rows_next(rows)) {
        count++;
    }
    rows_end(rows);
    check_int(count, 5);
    check(db_commit(w->db));
}

STORE_TEST(more_statements_than_are_kept) {
    char sql[64];

    db_begin(w->db, DB_READ);
    for (int i = 0; i < 1500; i++) {
        snprintf(sql, sizeof sql, "SELECT %d + CAST(? AS BIGINT)", i % 700);
        check_int(db_query_int(w->db, sql, SQL_ARGS(sql_int(1)), -1), i % 700 + 1);
    }
    check_int(db_statements(w->db), 1500);
    check(db_commit(w->db));
}

STORE_TEST(question_marks_in_quotes_are_text) {
    db_begin(w->db, DB_READ);
    check_text(db_query_text(w->db, w->arena,
                             "SELECT '?''?' || /* ? */ \"a?\" || CAST(? AS TEXT) -- ?\n"
                             "  FROM (SELECT 'b' AS \"a?\") AS t",
                             SQL_ARGS(sql_text("c"))), "?'?bc");
    check(db_commit(w->db));
}

STORE_TEST(a_wrong_number_of_values_fails) {
    make_ports(w, 1);
    db_begin(w->db, DB_READ);
    check_int(db_query_int(w->db, "SELECT 1 FROM network_port WHERE id = ?", SQL_NO_ARGS, -1), -1);
    check_int(db_failure(w->db), DB_FAILED);
    db_rollback(w->db);
}

STORE_TEST(returning_happens_even_when_not_read) {
    struct rows *rows;

    make_ports(w, 3);
    db_begin(w->db, DB_WRITE);
    rows = db_query(w->db, "INSERT INTO network_port (id, number) VALUES (?, ?) RETURNING number",
                    SQL_ARGS(sql_text("x"), sql_int(77)));
    rows_end(rows);
    check_int(db_query_int(w->db, "UPDATE network_port SET number = number + 1 WHERE id = 'x' RETURNING number",
                           SQL_NO_ARGS, -1), 78);
    check_int(db_changes(w->db), 1);
    check(db_commit(w->db));
    check_int(count_ports(w->db), 4);
}

STORE_TEST(changes_are_counted) {
    make_ports(w, 4);
    db_begin(w->db, DB_WRITE);
    check(db_exec(w->db, "UPDATE network_port SET number = 0 WHERE number > ?", SQL_ARGS(sql_int(1))));
    check_int(db_changes(w->db), 3);
    check(db_exec(w->db, "DELETE FROM network_port WHERE id = ?", SQL_ARGS(sql_text("none"))));
    check_int(db_changes(w->db), 0);
    check(db_exec(w->db, "INSERT INTO network_port (id) VALUES ('1') ON CONFLICT DO NOTHING", SQL_NO_ARGS));
    check_int(db_changes(w->db), 0);
    check(db_exec(w->db, "INSERT INTO network_port (id, number) VALUES ('1', 9)"
                         " ON CONFLICT (id) DO UPDATE SET number = excluded.number", SQL_NO_ARGS));
    check_int(db_changes(w->db), 1);
    check(db_commit(w->db));
}

STORE_TEST(texts_compare_by_bytes) {
    static const char *const order[] = {"B", "a", "b", "É", "é"};
    struct rows *rows;

    make_ports(w, 0);
    db_begin(w->db, DB_WRITE);
    for (int i = 4; i >= 0; i--) {
        check(insert(w->db, order[i], NULL, NULL, NULL));
    }
    rows = db_query(w->db, "SELECT id FROM network_port ORDER BY id", SQL_NO_ARGS);
    for (int i = 0; i < 5; i++) {
        check(rows_next(rows));
        check_text(rows_text(rows, 0), order[i]);
    }
    rows_end(rows);
    check_int(db_query_int(w->db, "SELECT count(*) FROM network_port WHERE id LIKE 'b%'", SQL_NO_ARGS, -1), 1);
    check_text(db_query_text(w->db, w->arena, "SELECT lower(id) FROM network_port WHERE id = ?",
                             SQL_ARGS(sql_text("É"))), "É");
    check(db_commit(w->db));
}

STORE_TEST(texts_fit_regular_expressions) {
    static const char sql[] = "SELECT count(*) FROM network_port WHERE regexp_like(id, ?)";

    make_ports(w, 0);
    db_begin(w->db, DB_WRITE);
    check(insert(w->db, "web-1", NULL, NULL, NULL));
    check(insert(w->db, "web-22", NULL, NULL, NULL));
    check(insert(w->db, "10.0.0.1", NULL, NULL, NULL));
    check_int(db_query_int(w->db, sql, SQL_ARGS(sql_text("web")), -1), 2);
    check_int(db_query_int(w->db, sql, SQL_ARGS(sql_text("^web\\-[0-9]+$")), -1), 2);
    check_int(db_query_int(w->db, sql, SQL_ARGS(sql_text("^web-[0-9]$")), -1), 1);
    check_int(db_query_int(w->db, sql, SQL_ARGS(sql_text("^10\\.0\\.")), -1), 1);
    check_int(db_query_int(w->db, sql, SQL_ARGS(sql_text("^0")), -1), 0);
    check(db_commit(w->db));
}

STORE_TEST(tables_grow_with_their_declaration) {
    static const struct column before[] = {{.name = "id", .type = COLUMN_INT, .key = true}};
    static const struct column after[] = {
        {.name = "id", .type = COLUMN_INT, .key = true},
        {.name = "order", .type = COLUMN_TEXT, .index = true, .otherwise = "'first'"},
        {.name = "weight", .type = COLUMN_INT, .otherwise = "7"},
        {.name = "note", .type = COLUMN_TEXT},
    };
    static const struct table old = {"thing", before, 1, NULL}, new = {"thing", after, 4, "order,weight;id,note"};

    db_begin(w->db, DB_WRITE);
    check(table_ensure(w->db, w->arena, &old));
    check(db_exec(w->db, "INSERT INTO thing (id) VALUES (5)", SQL_NO_ARGS));
    check(db_commit(w->db));
    for (int i = 0; i < 3; i++) {
        db_begin(w->db, DB_WRITE);
        check(table_ensure(w->db, w->arena, &new));
        check_int(db_statements(w->db), i ? 2 : store_is_sqlite(w->store) ? 8 : 9);
        check_text(db_query_text(w->db, w->arena, "SELECT \"order\" FROM thing", SQL_NO_ARGS), "first");
        check_int(db_query_int(w->db, "SELECT weight FROM thing WHERE note IS NULL", SQL_NO_ARGS, -1), 7);
        check(db_commit(w->db));
    }
    db_begin(w->db, DB_WRITE);
    check(!db_exec(w->db, "INSERT INTO thing (id) VALUES (6)", SQL_NO_ARGS));
    check_text(db_message(w->db), "not unique: thing.order, thing.weight");
    db_rollback(w->db);
}

STORE_TEST(long_names_of_indexes_stay_apart) {
    static const struct column columns[] = {
        {.name = "the_id_of_the_project_that_owns_the_resource", .type = COLUMN_TEXT, .key = true},
        {.name = "a_column_with_a_rather_long_name_number_one", .type = COLUMN_TEXT, .key = true, .index = true},
        {.name = "a_column_with_a_rather_long_name_number_two", .type = COLUMN_TEXT, .index = true},
    };
    static const struct table table = {"a_table_with_a_rather_long_name", columns, 3,
                                       "a_column_with_a_rather_long_name_number_two"};

    for (int i = 0; i < 2; i++) {
        db_begin(w->db, DB_WRITE);
        check(table_ensure(w->db, w->arena, &table));
        check_int(db_statements(w->db), i ? 2 : store_is_sqlite(w->store) ? 6 : 7);
        check(db_commit(w->db));
    }
}

STORE_TEST(an_old_statement_survives_a_new_column) {
    static const struct column columns[] = {{.name = "id", .type = COLUMN_INT, .key = true},
                                            {.name = "a", .type = COLUMN_INT}};
    struct table table = {"thing", columns, 1, NULL};
    struct db *other = db_acquire(w->store);
    enum db_error error;

    db_begin(w->db, DB_WRITE);
    check(table_ensure(w->db, w->arena, &table) && db_commit(w->db));
    db_begin(other, DB_READ);
    check_int(db_query_int(other, "SELECT * FROM thing", SQL_NO_ARGS, -1), -1);
    check(db_commit(other));
    table.count = 2;
    db_begin(w->db, DB_WRITE);
    check(table_ensure(w->db, w->arena, &table));
    check(db_exec(w->db, "INSERT INTO thing VALUES (1, 2)", SQL_NO_ARGS) && db_commit(w->db));
    for (int i = 0; i < 2; i++) {
        db_begin(other, DB_READ);
        db_query_int(other, "SELECT * FROM thing", SQL_NO_ARGS, -1);
        error = db_failure(other);
        db_rollback(other);
        check(error == DB_OK || (error == DB_RETRY && !i));
    }
    db_release(other);
}

struct job {
    struct with *w;
    unsigned retries;
    bool broken;
};

static void *count_up(void *argument) {
    struct job *job = argument;

    for (int done = 0; done < 50;) {
        struct db *db = db_acquire(job->w->store);
        int64_t value;

        db_begin(db, DB_WRITE);
        value = db_query_int(db, "SELECT number FROM network_port WHERE id = '1'", SQL_NO_ARGS, -1);
        db_exec(db, "UPDATE network_port SET number = ? WHERE id = '1'", SQL_ARGS(sql_int(value + 1)));
        if (db_commit(db)) {
            done++;
        } else if (db_failure(db) == DB_RETRY) {
            job->retries++;
        } else {
            printf("    %s\n", db_message(db));
            job->broken = true;
            done = 50;
        }
        db_release(db);
    }
    return NULL;
}

STORE_TEST(no_increment_is_lost_among_threads) {
    struct job jobs[6];
    pthread_t threads[6];

    make_ports(w, 1);
    for (int i = 0; i < 6; i++) {
        jobs[i] = (struct job){.w = w};
        pthread_create(&threads[i], NULL, count_up, &jobs[i]);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        check(!jobs[i].broken);
        check(!store_is_sqlite(w->store) || jobs[i].retries == 0);
    }
    db_begin(w->db, DB_READ);
    check_int(db_query_int(w->db, "SELECT number FROM network_port WHERE id = '1'", SQL_NO_ARGS, -1), 301);
    check(db_commit(w->db));
}

static void *ensure_often(void *argument) {
    struct job *job = argument;
    struct arena *arena = arena_new(0);

    for (int tries = 0; tries < 20; tries++) {
        struct db *db = db_acquire(job->w->store);
        bool ok = db_begin(db, DB_WRITE) && table_ensure(db, arena, &port_table) && db_commit(db);

        job->broken = !ok;
        if (!ok && db_failure(db) != DB_RETRY) {
            printf("    %s\n", db_message(db));
            tries = 20;
        }
        db_release(db);
        if (ok) {
            break;
        }
    }
    arena_free(arena);
    return NULL;
}

STORE_TEST(many_make_the_same_table_at_once) {
    struct job jobs[4];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        jobs[i] = (struct job){.w = w};
        pthread_create(&threads[i], NULL, ensure_often, &jobs[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        check(!jobs[i].broken);
    }
    check_int(count_ports(w->db), 0);
}

static void *take_and_give(void *argument) {
    struct job *job = argument;

    for (int i = 0; i < 20; i++) {
        struct db *db = db_acquire(job->w->store);

        job->broken |= !db_begin(db, DB_READ) || db_query_int(db, "SELECT 1", SQL_NO_ARGS, 0) != 1 || !db_commit(db);
        db_release(db);
    }
    return NULL;
}

STORE_TEST(more_threads_than_connections) {
    enum { THREADS = 40 };
    struct job jobs[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){.w = w};
        pthread_create(&threads[i], NULL, take_and_give, &jobs[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        check(!jobs[i].broken);
    }
}

STORE_TEST(a_full_disk_is_told_apart) {
    make_ports(w, 0);
    db_begin(w->db, DB_WRITE);
    if (store_is_sqlite(w->store)) {
        char big[100000];

        memset(big, 'x', sizeof big);
        db_query_int(w->db, "PRAGMA max_page_count = 12", SQL_NO_ARGS, 0);
        check(!db_exec(w->db, "INSERT INTO network_port (id, data) VALUES ('big', ?)",
                       SQL_ARGS({.kind = VALUE_BLOB, .blob = big, .size = sizeof big})));
    } else {
        check(!db_exec(w->db, "DO $$ BEGIN RAISE SQLSTATE '53100'; END $$", SQL_NO_ARGS));
    }
    check_int(db_failure(w->db), DB_FULL);
    check(!db_commit(w->db));
    check_int(count_ports(w->db), 0);
}

STORE_TEST(a_lost_connection_is_a_retry) {
    if (store_is_sqlite(w->store)) {
        return;
    }
    make_ports(w, 1);
    for (int i = 0; i < 2; i++) {
        db_begin(w->db, DB_WRITE);
        check(i || insert(w->db, "2", NULL, NULL, NULL));
        check(!db_exec(w->db, "SELECT pg_terminate_backend(pg_backend_pid())", SQL_NO_ARGS));
        check_int(db_failure(w->db), DB_RETRY);
        check(!db_commit(w->db));
        check_int(count_ports(w->db), 1);
    }
}

STORE_TEST(conflicting_transactions_are_a_retry) {
    struct db *other;

    if (store_is_sqlite(w->store)) {
        return;
    }
    make_ports(w, 2);
    other = db_acquire(w->store);
    db_begin(w->db, DB_WRITE);
    db_begin(other, DB_WRITE);
    db_query_int(w->db, "SELECT sum(number) FROM network_port", SQL_NO_ARGS, 0);
    db_query_int(other, "SELECT sum(number) FROM network_port", SQL_NO_ARGS, 0);
    check(db_exec(w->db, "UPDATE network_port SET number = 5 WHERE id = '1'", SQL_NO_ARGS));
    check(db_exec(other, "UPDATE network_port SET number = 5 WHERE id = '2'", SQL_NO_ARGS));
    check(db_commit(w->db));
    check(!db_commit(other));
    check_int(db_failure(other), DB_RETRY);
    db_release(other);
}

TEST(store_survives_the_death_of_its_process) {
    struct arena *arena = arena_new(0);
    const char *error, *url = arena_printf(arena, "sqlite:%s/life.db", test_directory());
    struct stat about;
    struct store *store;
    struct db *db;
    pid_t pid = fork();

    if (!pid) {
        store = store_open(arena, url, &error);
        db = db_acquire(store);
        db_begin(db, DB_WRITE);
        table_ensure(db, arena, &port_table);
        insert(db, "1", NULL, NULL, NULL);
        db_commit(db);
        db_begin(db, DB_WRITE);
        insert(db, "2", NULL, NULL, NULL);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    store = store_open(arena, url, &error);
    check(store != NULL);
    db = db_acquire(store);
    check_int(count_ports(db), 1);
    check(stat(url + 7, &about) == 0 && (about.st_mode & 0777) == 0600);
    db_release(db);
    store_close(store);
    arena_free(arena);
}

TEST(store_says_why_it_cannot_open) {
    static const char *const urls[] = {"mysql://x", "", "sqlite:", "sqlite:/nowhere/at/all.db",
                                       "postgresql:///x?host=/nowhere"};
    struct arena *arena = arena_new(0);

    for (int i = 0; i < 5; i++) {
        const char *error = NULL;

        check(!store_open(arena, urls[i], &error));
        check(error && *error);
    }
    arena_free(arena);
}

TEST(store_in_memory_is_shared_within_and_private_without) {
    struct arena *arena = arena_new(0);
    const char *error;
    struct store *a = store_open(arena, "sqlite::memory:", &error), *b = store_open(arena, "sqlite::memory:", &error);
    struct db *one = db_acquire(a), *two = db_acquire(a), *strange = db_acquire(b);

    db_begin(one, DB_WRITE);
    check(db_exec(one, "CREATE TABLE t (a BIGINT)", SQL_NO_ARGS) && db_commit(one));
    db_begin(two, DB_READ);
    check_int(db_query_int(two, "SELECT count(*) FROM t", SQL_NO_ARGS, -1), 0);
    check(db_commit(two));
    db_begin(strange, DB_READ);
    check_int(db_query_int(strange, "SELECT count(*) FROM t", SQL_NO_ARGS, -1), -1);
    db_rollback(strange);
    db_release(one);
    db_release(two);
    db_release(strange);
    store_close(a);
    store_close(b);
    arena_free(arena);
}
