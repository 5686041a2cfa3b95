/* SPDX-License-Identifier: Apache-2.0
 * The store's hot path: durable single-row transactions, reads by primary key, rows of a list, on one connection.
 * Usage: bench-store URL [SECONDS PER MEASUREMENT] */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/store.h"

enum { LIST = 1000 };

static const struct column columns[] = {
    {.name = "id", .type = COLUMN_TEXT, .key = true},
    {.name = "project_id", .type = COLUMN_TEXT, .index = true},
    {.name = "name", .type = COLUMN_TEXT},
    {.name = "status", .type = COLUMN_TEXT},
    {.name = "size", .type = COLUMN_INT},
    {.name = "created_at", .type = COLUMN_INT},
};
static const struct table table = {"bench_item", columns, sizeof columns / sizeof columns[0], NULL};

static int64_t made, sum;

static void fail(struct db *db) {
    fprintf(stderr, "failed: %s\n", db_message(db));
    exit(1);
}

static const char *item_id(int64_t number, char *text) {
    snprintf(text, 40, "%08x-0000-4000-8000-000000000000", (unsigned)((uint32_t)number * 2654435761U));
    return text;
}

static void insert_one(struct db *db) {
    char id[40];

    db_begin(db, DB_WRITE);
    db_exec(db, "INSERT INTO bench_item (id, project_id, name, status, size, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            SQL_ARGS(sql_text(item_id(made, id)), sql_text("0123456789abcdef0123456789abcdef"), sql_text("an item"),
                     sql_text("ACTIVE"), sql_int(made), sql_int(1700000000000000)));
    made++;
    if (!db_commit(db)) {
        fail(db);
    }
}

static void read_one(struct db *db) {
    char id[40];
    struct rows *rows;

    db_begin(db, DB_READ);
    rows = db_query(db, "SELECT id, project_id, name, status, size, created_at FROM bench_item WHERE id = ?",
                    SQL_ARGS(sql_text(item_id(rand() % made, id))));
    if (!rows_next(rows)) {
        fail(db);
    }
    sum += rows_int(rows, 4) + rows_text(rows, 2)[0];
    rows_end(rows);
    db_commit(db);
}

static void read_list(struct db *db) {
    struct rows *rows;

    db_begin(db, DB_READ);
    rows = db_query(db, "SELECT id, project_id, name, status, size, created_at FROM bench_item ORDER BY id LIMIT ?",
                    SQL_ARGS(sql_int(LIST)));
    while (rows_next(rows)) {
        for (int i = 0; i < 4; i++) {
            sum += rows_text(rows, i)[0];
        }
        sum += rows_int(rows, 4) + rows_int(rows, 5);
    }
    rows_end(rows);
    db_commit(db);
}

static void measure(struct db *db, const char *what, void (*one)(struct db *), double seconds) {
    int64_t start = clock_monotonic(), end = start + (int64_t)(seconds * SECOND), now = start, count = 0;

    while (now < end) {
        one(db);
        count++;
        now = clock_monotonic();
    }
    printf("%-28s %10.0f /s\n", what, (double)count * SECOND / (double)(now - start));
}

int main(int argc, char **argv) {
    const char *error = NULL;
    struct arena *arena = arena_new(0);
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    struct store *store = argc > 1 ? store_open(arena, argv[1], &error) : NULL;
    struct db *db;

    if (!store) {
        fprintf(stderr, "usage: bench-store URL [SECONDS]\n%s\n", error ? error : "");
        return 2;
    }
    db = db_acquire(store);
    db_begin(db, DB_WRITE);
    db_exec(db, "DROP TABLE IF EXISTS bench_item", SQL_NO_ARGS);
    table_ensure(db, arena, &table);
    if (!db_commit(db)) {
        fail(db);
    }
    measure(db, "durable inserts", insert_one, seconds);
    while (made < LIST) {
        insert_one(db);
    }
    measure(db, "reads by primary key", read_one, seconds);
    measure(db, "lists of 1000 rows", read_list, seconds);
    db_release(db);
    store_close(store);
    arena_free(arena);
    return 0;
}
