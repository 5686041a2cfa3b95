/* SPDX-License-Identifier: Apache-2.0
 * The database behind one narrow interface: SQLite on one machine, PostgreSQL on many.
 *
 * SQL is written once, for both: '?' marks a value, integers and truth values are BIGINT, times are BIGINT
 * microseconds, everything else is TEXT (or BLOB). Values are always bound. Statements are prepared once per connection
 * and text, kept, and counted.
 *
 * The same on both, so free to use: ON CONFLICT DO NOTHING / DO UPDATE, RETURNING, WITH (RECURSIVE), CASE, EXISTS,
 * coalesce, nullif, lower and upper (ASCII only), substr, length, replace, trim, ||, abs, count, sum, min, max,
 * CAST(x AS BIGINT / TEXT), regexp_like(text, POSIX extended pattern), LIMIT ? OFFSET ?, NULLS FIRST / LAST (without
 * it they differ). Text compares and LIKE
 * matches by bytes; a truth value as a result is 0 or 1. Mind: a lone '?' as a result column and a '?' compared with
 * an expression want CAST(? AS ...); a value bound to an integer column is an integer; reserved words as names are in
 * double quotes, texts in single ones; a text has no NUL and is valid UTF-8.
 *
 * A connection is in one transaction at a time. The first error of a transaction stays: later statements do nothing,
 * and commit refuses. So a caller may check once, at the end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct store;   /* a database: a pool of connections */
struct db;      /* one connection, used by one thread at a time */
struct rows;    /* the result of a query, read forward */

/* Opens "sqlite:PATH" (file is made when absent; "sqlite::memory:" shares one in-memory database among the
 * connections) or "postgresql://..." (a libpq URI). On an error returns null and sets *ret_error (in the arena). */
struct store *store_open(struct arena *arena, const char *url, const char **ret_error);
void store_close(struct store *store);      /* all connections must have been given back */
bool store_is_sqlite(const struct store *store);

/* Takes a connection from the pool (opening one, or waiting while all are busy) and gives it back. */
struct db *db_acquire(struct store *store);
void db_release(struct db *db);

enum db_error {
    DB_OK,
    DB_RETRY,       /* serialization failure, deadlock, lost connection: run the whole transaction again */
    DB_UNIQUE,      /* a UNIQUE constraint; db_message names it */
    DB_FULL,        /* the disk is full */
    DB_FAILED,      /* anything else: a bug, or a broken database; db_message says which */
};

enum db_mode { DB_READ, DB_WRITE, DB_WRITE_SOON };

/* Begins a transaction. DB_WRITE_SOON: its commit need not wait for the disk. After a power cut it may be undone, with all
 * that came after it and was not durable either; what is committed durably later makes it durable too. SQLite: writers wait for each other here, in order; readers see a snapshot and never wait.
 * PostgreSQL: SERIALIZABLE. */
bool db_begin(struct db *db, enum db_mode mode);
/* False: nothing was done, see db_failure. (The one exception: when the connection to PostgreSQL is lost during the
 * commit, nobody knows; that is DB_FAILED, so that it is not run a second time unasked.) */
bool db_commit(struct db *db);
void db_rollback(struct db *db);
enum db_error db_failure(const struct db *db);      /* of the current or just ended transaction */
const char *db_message(const struct db *db);
unsigned db_statements(struct db *db);      /* statements run since the last db_begin */

struct value {
    enum { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT, VALUE_BLOB } kind;
    size_t size;                            /* of a blob or text; 0 with a text: up to its NUL */
    union {
        int64_t integer;
        double real;
        const char *text;
        const void *blob;
    };
};

static inline struct value sql_text(const char *text) {
    return text ? (struct value){.kind = VALUE_TEXT, .text = text} : (struct value){.kind = VALUE_NULL};
}
static inline struct value sql_int(int64_t integer) {
    return (struct value){.kind = VALUE_INT, .integer = integer};
}
static inline struct value sql_null(void) {
    return (struct value){.kind = VALUE_NULL};
}

/* SQL_ARGS(sql_text(id), sql_int(3)) makes the last two arguments of db_exec and db_query. */
#define SQL_ARGS(...) \
    (const struct value[]){__VA_ARGS__}, sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)
#define SQL_NO_ARGS NULL, 0

/* "?, ?, ..." for the last 'count' (at least one) of the values args[*total], rounded up to a power of two so that few
 * different statements come about: the last value is repeated in args, which must have room for that. */
const char *sql_marks(struct arena *arena, struct value *args, size_t *total, size_t count);

/* Runs a statement without a result. True when it went well; db_changes tells how many rows it changed. */
bool db_exec(struct db *db, const char *sql, const struct value *args, size_t count);
int64_t db_changes(const struct db *db);

/* Runs a query. Never null: after an error the result is empty. Columns count from 0. What rows_text returns lives
 * until the next rows_next. A result must be ended with rows_end; several may be open at once. */
struct rows *db_query(struct db *db, const char *sql, const struct value *args, size_t count);
bool rows_next(struct rows *rows);
const char *rows_text(struct rows *rows, int column);       /* null for NULL */
const void *rows_blob(struct rows *rows, int column);
size_t rows_size(struct rows *rows, int column);            /* bytes of the text or blob */
int64_t rows_int(struct rows *rows, int column);            /* 0 for NULL */
double rows_real(struct rows *rows, int column);
bool rows_null(struct rows *rows, int column);
void rows_end(struct rows *rows);

/* The single integer or text that a query gives; 'otherwise' or null when it gives no row. */
int64_t db_query_int(struct db *db, const char *sql, const struct value *args, size_t count, int64_t otherwise);
const char *db_query_text(struct db *db, struct arena *arena, const char *sql, const struct value *args, size_t count);

/* Tables from declarations. */
enum column_type { COLUMN_TEXT, COLUMN_INT, COLUMN_REAL, COLUMN_BLOB };

struct column {
    const char *name;
    enum column_type type;
    bool key;                   /* part of the primary key */
    bool index;                 /* has an index of its own */
    bool sparse;                /* which leaves out rows where it is null */
    const char *otherwise;      /* SQL literal that rows have when the column is added later; null: NULL */
};

struct table {
    const char *name;
    const struct column *columns;
    size_t count;
    const char *unique;         /* "project_id,name;mac_address": one UNIQUE index each; null: none */
    const char *const *indexes; /* further ones, as SQL: "project_id, created_at DESC"; ends with null; null: none */
};

/* Makes the table when absent, adds columns and indexes that are missing. Never drops anything. Inside a write
 * transaction. */
bool table_ensure(struct db *db, struct arena *arena, const struct table *table);
