/* SPDX-License-Identifier: Apache-2.0
 * Between the two files of PostgreSQL. */
#pragma once
#include <libpq-fe.h>

#include "store/backend.h"

enum { DIGITS = 32 };

struct connection {
    PGconn *pg;
    bool begin_waits;           /* BEGIN goes with the first statement */
    bool stale;                 /* statements must be prepared anew */
    bool owes;                  /* the answer to the end of the last transaction was not read yet */
    unsigned names;             /* statements named so far */

    /* Values of the statement being sent; 'capacity' of each. */
    const char **values;
    int *sizes, *formats;
    char (*digits)[DIGITS];
    size_t capacity;
};

/* Notes the failure that the result tells of. False. */
bool postgres_fail(struct db *db, const PGresult *result);
/* After a failure to send, what the server got is not known: the connection ends. False. */
bool postgres_give_up(struct db *db);

/* The result of the next command of the pipeline; null when the connection was lost. */
PGresult *postgres_take(struct connection *c);
/* Reads the result of a command that gives no rows; the end of what was sent together. */
bool postgres_take_done(struct db *db);
void postgres_take_sync(struct connection *c);

/* Runs SQL without values and without rows. */
bool postgres_command(struct db *db, const char *sql);

/* As struct backend has them. */
bool postgres_begin(struct db *db, enum db_mode mode);
void postgres_rollback(struct db *db);
bool postgres_commit(struct db *db);
void postgres_disconnect(struct db *db);
