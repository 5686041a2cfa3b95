/* SPDX-License-Identifier: Apache-2.0
 * What store.c, statements.c and table.c share with the two databases: the parts of a connection, and one struct of
 * functions that each database fills in. Nobody outside this folder includes it.
 *
 * A function that fails calls db_fail and returns false. */
#pragma once
#include <pthread.h>

#include "store/store.h"

enum { STATEMENTS_KEPT = 500, STATEMENT_BUCKETS = 512, MESSAGE_SIZE = 512 };

/* A prepared statement of one connection. */
struct statement {
    struct statement *chain;            /* in the same bucket */
    struct statement *older, *newer;
    uint64_t hash;
    char *sql;
    size_t size;                        /* bytes of sql */
    void *native;
    unsigned number;                    /* PostgreSQL: its name */
    unsigned params;                    /* values it wants */
    bool read_only;
    bool prepared;                      /* PostgreSQL: the server knows it */
    bool busy;                          /* an open result uses it */
    bool kept;                          /* in the cache */
};

struct statements {
    struct statement *buckets[STATEMENT_BUCKETS];
    struct statement *oldest, *newest;
    unsigned count;
};

struct store {
    const struct backend *backend;
    char *target;                       /* path or URI */
    void *native;
    pthread_mutex_t lock;               /* of what follows */
    pthread_cond_t given_back;
    struct db *idle;                    /* given back last, first */
    unsigned opened;
    _Atomic unsigned idle_count;        /* read without the lock too */
};

struct db {
    struct store *store;
    struct db *next_idle;
    void *native;                       /* null: not connected */
    struct statements *statements;      /* of the connection */
    struct rows *open_rows, *free_rows;
    enum db_mode mode;
    bool open;                          /* in a transaction */
    enum db_error failure;
    unsigned run;                       /* statements since db_begin */
    int64_t changes;
    char message[MESSAGE_SIZE];
};

struct rows {
    struct db *db;
    struct rows *next;
    struct statement *statement;        /* SQLite: in use while the result is open */
    void *native;                       /* null: no more rows */
    int row, count;
    bool first;                         /* SQLite: the first row was fetched and not yet handed out */
    bool blobs;                         /* PostgreSQL: some columns are BYTEA */
};

struct backend {
    const char *scheme;                 /* "sqlite:" */
    unsigned most_connections;
    unsigned most_warm;                 /* idle connections that keep their caches */

    /* For table_ensure. */
    const char *types[COLUMN_BLOB + 1];
    const char *sql_columns;            /* columns of the table '?' */
    const char *sql_indexes;            /* indexes of the table '?' */
    const char *sql_lock;               /* run once before a change of the schema; may be null */

    /* The store's own state, from the URL behind the scheme. Required. */
    void (*open)(struct store *store, const char *target);
    void (*close)(struct store *store);

    /* Connects when there is no connection or it was lost, and begins. Required. */
    bool (*begin)(struct db *db, enum db_mode mode);
    /* Ends the transaction in every case. Required. */
    bool (*commit)(struct db *db);
    void (*rollback)(struct db *db);
    /* Ends the connection and forgets its statements. Nothing when there is none. Required. */
    void (*disconnect)(struct db *db);
    /* Frees what the connection can do without while it is idle. May be null. */
    void (*cool)(struct db *db);

    /* Sets native, params and read_only of a statement; and frees native. Required. */
    bool (*prepare)(struct db *db, struct statement *statement);
    void (*forget)(struct db *db, struct statement *statement);

    /* Run a statement: to its end, setting changes; or as a result, setting native when it has rows. Required. */
    bool (*exec)(struct db *db, struct statement *statement, const struct value *args, size_t count);
    bool (*query)(struct rows *rows, struct statement *statement, const struct value *args, size_t count);

    /* Of a result whose native is set. 'next' says whether there is one more row. 'stop' frees native. Required. */
    bool (*next)(struct rows *rows);
    void (*stop)(struct rows *rows);
    const char *(*text)(struct rows *rows, int column);
    const void *(*blob)(struct rows *rows, int column);
    size_t (*size)(struct rows *rows, int column);
    int64_t (*integer)(struct rows *rows, int column);
    double (*real)(struct rows *rows, int column);
    bool (*null)(struct rows *rows, int column);
};

extern const struct backend backend_sqlite, backend_postgres;

/* Notes the failure of the transaction; the first one stays. False, always. */
bool db_fail(struct db *db, enum db_error error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The statement for 'sql', prepared; null after an error. A statement that an open result uses comes a second time.
 * Give it back with statement_done. */
struct statement *statement_get(struct db *db, const char *sql);
void statement_done(struct db *db, struct statement *statement);

/* Forgets one statement, or all; no result may be open. */
void statement_drop(struct db *db, struct statement *statement);
void statements_clear(struct db *db);
