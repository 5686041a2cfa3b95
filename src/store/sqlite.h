/* SPDX-License-Identifier: Apache-2.0
 * Between the two files of SQLite. */
#pragma once
#include <sqlite3.h>

#include "store/backend.h"
#include "store/gate.h"

enum control { BEGIN_READ, BEGIN_WRITE, COMMIT, ROLLBACK, SAVE, SAVE_DROP, SAVE_UNDO, CONTROLS };

struct connection {
    sqlite3 *handle;
    bool soon;                  /* commits do not wait for the disk */
    sqlite3_stmt *control[CONTROLS];
};

struct group;

struct shared {
    struct gate gate;
    bool memory;
    void *writer;               /* the connection of writers, and its statements: of who is inside the gate */
    struct statements *statements;
    struct group *group;        /* open, of who is inside the gate; null: none */
    pthread_mutex_t lock;       /* of the groups */
    pthread_cond_t ended;
};

static inline sqlite3 *handle_of(const struct db *db) {
    return ((const struct connection *)db->native)->handle;
}

static inline struct shared *shared_of(const struct db *db) {
    return db->store->native;
}

/* Notes the error of the last call on 'handle'. False. */
bool sqlite_fail(struct db *db, sqlite3 *handle);
/* Opens the connection of 'db'. */
bool sqlite_connect(struct db *db);
bool sqlite_control(struct db *db, enum control which);

/* As struct backend has them. */
bool sqlite_begin(struct db *db, enum db_mode mode);
void sqlite_rollback(struct db *db);
bool sqlite_commit(struct db *db);
