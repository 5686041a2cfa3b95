/* SPDX-License-Identifier: Apache-2.0
 * What both databases have in common: the pool, the life of a transaction and its first error, results. */
#include "store/store.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "store/backend.h"

LOG_MODULE("store");

static const struct backend *backend_of(const char *url, const char **ret_target) {
    if (!strncmp(url, backend_sqlite.scheme, strlen(backend_sqlite.scheme))) {
        *ret_target = url + strlen(backend_sqlite.scheme);
        return &backend_sqlite;
    }
    *ret_target = url;
    return !strncmp(url, "postgresql:", 11) || !strncmp(url, "postgres:", 9) ? &backend_postgres : NULL;
}

struct store *store_open(struct arena *arena, const char *url, const char **ret_error) {
    const char *target;
    const struct backend *backend = backend_of(url, &target);
    struct store *store = calloc(1, sizeof *store);
    struct db *db;
    bool works;

    if (!store) {
        abort();
    }
    if (!backend || !*target) {
        *ret_error = "a database URL begins with sqlite: or postgresql:";
        free(store);
        return NULL;
    }
    store->backend = backend;
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->given_back, NULL);
    backend->open(store, target);

    db = db_acquire(store);
    works = db_begin(db, DB_READ) && db_query_int(db, "SELECT 1", SQL_NO_ARGS, 0) == 1 && db_commit(db);
    if (!works) {
        *ret_error = arena_text(arena, db_message(db));
    }
    db_release(db);
    if (!works) {
        store_close(store);
        return NULL;
    }
    return store;
}

static struct db *db_new(struct store *store) {
    struct db *db = calloc(1, sizeof *db);

    if (!db || !(db->statements = calloc(1, sizeof *db->statements))) {
        abort();
    }
    db->store = store;
    return db;
}

static void db_free(struct db *db) {
    db->store->backend->disconnect(db);
    free(db->statements);
    while (db->free_rows) {
        struct rows *rows = db->free_rows;

        db->free_rows = rows->next;
        free(rows);
    }
    free(db);
}

void store_close(struct store *store) {
    if (!store) {
        return;
    }
    assert(store->idle_count == store->opened);
    while (store->idle) {
        struct db *db = store->idle;

        store->idle = db->next_idle;
        db_free(db);
    }
    store->backend->close(store);
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->given_back);
    free(store->target);
    free(store);
}

bool store_is_sqlite(const struct store *store) {
    return store->backend == &backend_sqlite;
}

struct db *db_acquire(struct store *store) {
    struct db *db;

    pthread_mutex_lock(&store->lock);
    while (!store->idle && store->opened == store->backend->most_connections) {
        pthread_cond_wait(&store->given_back, &store->lock);
    }
    db = store->idle;
    if (db) {
        store->idle = db->next_idle;
        store->idle_count--;
    } else {
        store->opened++;
    }
    pthread_mutex_unlock(&store->lock);
    if (!db) {
        db = db_new(store);
    }
    return db;
}

void db_release(struct db *db) {
    struct store *store = db->store;

    db_rollback(db);
    db->failure = DB_OK;
    db->message[0] = 0;
    if (store->backend->cool && store->idle_count >= store->backend->most_warm) {
        store->backend->cool(db);
    }
    pthread_mutex_lock(&store->lock);
    db->next_idle = store->idle;
    store->idle = db;
    store->idle_count++;
    pthread_cond_signal(&store->given_back);
    pthread_mutex_unlock(&store->lock);
}

bool db_fail(struct db *db, enum db_error error, const char *format, ...) {
    va_list args;

    if (db->failure == DB_OK) {
        db->failure = error;
        va_start(args, format);
        vsnprintf(db->message, sizeof db->message, format, args);
        va_end(args);
    }
    return false;
}

bool db_begin(struct db *db, enum db_mode mode) {
    assert(!db->open);
    db->failure = DB_OK;
    db->message[0] = 0;
    db->run = 0;
    db->changes = 0;
    db->mode = mode;
    db->open = db->store->backend->begin(db, mode);
    return db->open;
}

/* Frees what a result holds of the database; it has no more rows then. */
static void rows_stop(struct rows *rows) {
    if (rows->native) {
        rows->db->store->backend->stop(rows);
        rows->native = NULL;
    }
    if (rows->statement) {
        statement_done(rows->db, rows->statement);
        rows->statement = NULL;
    }
}

static void rows_stop_all(struct db *db) {
    for (struct rows *rows = db->open_rows; rows; rows = rows->next) {
        rows_stop(rows);
    }
}

bool db_commit(struct db *db) {
    if (db->failure != DB_OK) {
        db_rollback(db);
        return false;
    }
    assert(db->open);
    rows_stop_all(db);
    db->open = false;
    return db->store->backend->commit(db);
}

void db_rollback(struct db *db) {
    rows_stop_all(db);
    if (db->open) {
        db->open = false;
        db->store->backend->rollback(db);
    }
}

enum db_error db_failure(const struct db *db) {
    return db->failure;
}

const char *db_message(const struct db *db) {
    return db->message;
}

unsigned db_statements(struct db *db) {
    return db->run;
}

int64_t db_changes(const struct db *db) {
    return db->changes;
}

/* Counts and prepares; null when the transaction has failed, now or before. */
static struct statement *statement_start(struct db *db, const char *sql, size_t count) {
    struct statement *statement;

    if (db->failure != DB_OK) {
        return NULL;
    }
    assert(db->open);
    db->run++;
    db->changes = 0;
    log_debug("%s", sql);
    statement = statement_get(db, sql);
    if (statement && statement->params != count) {
        db_fail(db, DB_FAILED, "%zu values for %u places in: %.200s", count, statement->params, sql);
        statement_done(db, statement);
        return NULL;
    }
    if (statement && db->mode == DB_READ && !statement->read_only) {
        db_fail(db, DB_FAILED, "a write in a read transaction: %.200s", sql);
        statement_done(db, statement);
        return NULL;
    }
    return statement;
}

const char *sql_marks(struct arena *arena, struct value *args, size_t *total, size_t count) {
    size_t rounded = 1;
    char *marks, *at;

    assert(count && count <= *total);
    while (rounded < count) {
        rounded *= 2;
    }
    at = marks = arena_alloc(arena, rounded * 3 + 1);
    for (size_t i = 0; i < rounded; i++) {
        if (i >= count) {
            args[*total] = args[*total - 1];
            ++*total;
        }
        at = stpcpy(at, i ? ", ?" : "?");
    }
    return marks;
}

bool db_exec(struct db *db, const char *sql, const struct value *args, size_t count) {
    struct statement *statement = statement_start(db, sql, count);
    bool ok = statement && db->store->backend->exec(db, statement, args, count);

    if (statement) {
        statement_done(db, statement);
    }
    return ok;
}

struct rows *db_query(struct db *db, const char *sql, const struct value *args, size_t count) {
    struct rows *rows = db->free_rows;
    struct statement *statement = statement_start(db, sql, count);

    if (rows) {
        db->free_rows = rows->next;
    } else if (!(rows = malloc(sizeof *rows))) {
        abort();
    }
    *rows = (struct rows){.db = db, .next = db->open_rows};
    db->open_rows = rows;
    if (statement) {
        db->store->backend->query(rows, statement, args, count);
        if (!rows->statement) {
            statement_done(db, statement);
        }
    }
    return rows;
}

bool rows_next(struct rows *rows) {
    if (!rows->native) {
        return false;
    }
    if (rows->db->store->backend->next(rows)) {
        return true;
    }
    rows_stop(rows);
    return false;
}

void rows_end(struct rows *rows) {
    struct db *db = rows->db;
    struct rows **at = &db->open_rows;

    rows_stop(rows);
    while (*at != rows) {
        at = &(*at)->next;
    }
    *at = rows->next;
    rows->next = db->free_rows;
    db->free_rows = rows;
}

const char *rows_text(struct rows *rows, int column) {
    return rows->native ? rows->db->store->backend->text(rows, column) : NULL;
}

const void *rows_blob(struct rows *rows, int column) {
    return rows->native ? rows->db->store->backend->blob(rows, column) : NULL;
}

size_t rows_size(struct rows *rows, int column) {
    return rows->native ? rows->db->store->backend->size(rows, column) : 0;
}

int64_t rows_int(struct rows *rows, int column) {
    return rows->native ? rows->db->store->backend->integer(rows, column) : 0;
}

double rows_real(struct rows *rows, int column) {
    return rows->native ? rows->db->store->backend->real(rows, column) : 0;
}

bool rows_null(struct rows *rows, int column) {
    return !rows->native || rows->db->store->backend->null(rows, column);
}

int64_t db_query_int(struct db *db, const char *sql, const struct value *args, size_t count, int64_t otherwise) {
    struct rows *rows = db_query(db, sql, args, count);
    int64_t value = rows_next(rows) ? rows_int(rows, 0) : otherwise;

    rows_end(rows);
    return value;
}

const char *db_query_text(struct db *db, struct arena *arena, const char *sql, const struct value *args, size_t count) {
    struct rows *rows = db_query(db, sql, args, count);
    const char *text = rows_next(rows) ? rows_text(rows, 0) : NULL;

    text = text ? arena_text_size(arena, text, rows_size(rows, 0)) : NULL;
    rows_end(rows);
    return text;
}
