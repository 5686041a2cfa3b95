/* SPDX-License-Identifier: Apache-2.0
 * Transactions on SQLite. Writers of this process wait for each other at a gate, in order, so that BEGIN IMMEDIATE meets a
 * lock only when another process writes.
 *
 * They share one connection, which goes through the gate with them: so its pages stay in memory from one write to the
 * next, and several transactions can be made durable at once. Who commits while the next one waits leaves the SQL
 * transaction open, and the next one goes on in it behind a savepoint; the last of such a group commits for all, and
 * only then do the others return. */
#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite.h"

enum { GROUP_MOST = 16 };

/* Transactions that wait for the commit that they share. */
struct group {
    unsigned members;           /* that did not return yet */
    bool ended;
    enum db_error failure;
    char message[MESSAGE_SIZE];
};

/* Lends the writers' connection, or takes it back. */
static void exchange(struct db *db, struct shared *shared) {
    void *native = db->native;
    struct statements *statements = db->statements;

    db->native = shared->writer;
    db->statements = shared->statements;
    shared->writer = native;
    shared->statements = statements;
}

static void enter(struct db *db, enum db_mode mode) {
    struct shared *shared = shared_of(db);

    if (mode != DB_READ || shared->memory) {
        gate_enter(&shared->gate, mode != DB_READ);
    }
    if (mode != DB_READ) {
        exchange(db, shared);
    }
}

static void leave(struct db *db) {
    struct shared *shared = shared_of(db);

    if (db->mode != DB_READ) {
        exchange(db, shared);
    }
    if (db->mode != DB_READ || shared->memory) {
        gate_leave(&shared->gate, db->mode != DB_READ);
    }
}

static void undo(struct db *db) {
    if (!sqlite3_get_autocommit(handle_of(db))) {
        sqlite_control(db, ROLLBACK);
    }
}

/* ---- groups of transactions that are made durable together ---- */

static void group_end(struct shared *shared, enum db_error failure, const char *message) {
    struct group *group = shared->group;

    shared->group = NULL;
    pthread_mutex_lock(&shared->lock);
    group->ended = true;
    group->failure = failure;
    snprintf(group->message, sizeof group->message, "%s", message);
    pthread_cond_broadcast(&shared->ended);
    pthread_mutex_unlock(&shared->lock);
}

/* Before a transaction of its own begins: how its commit is to meet the disk. */
static bool synchronise(struct db *db, enum db_mode mode) {
    struct connection *c = db->native;
    bool soon = mode == DB_WRITE_SOON;

    if (c->soon != soon && sqlite3_exec(c->handle, soon ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", NULL,
                                        NULL, NULL) != SQLITE_OK) {
        return sqlite_fail(db, c->handle);
    }
    c->soon = soon;
    return true;
}

/* Commits what is open, for the group too when there is one. */
static bool commit_all(struct db *db) {
    struct shared *shared = shared_of(db);
    bool ok = sqlite_control(db, COMMIT);

    if (!ok) {
        undo(db);
    }
    if (db->mode != DB_READ && shared->group) {
        group_end(shared, ok ? DB_OK : db->failure, db->message);
    }
    return ok;
}

/* What another one joins is durable when it is. */
static bool may_wait(struct db *db) {
    struct shared *shared = shared_of(db);

    return !shared->memory && !((const struct connection *)db->native)->soon &&
           (!shared->group || shared->group->members < GROUP_MOST) && gate_alone_waits(&shared->gate);
}

static bool group_wait(struct db *db, struct shared *shared, struct group *group) {
    bool last;

    pthread_mutex_lock(&shared->lock);
    while (!group->ended) {
        pthread_cond_wait(&shared->ended, &shared->lock);
    }
    if (group->failure != DB_OK) {
        db_fail(db, group->failure, "%s", group->message);
    }
    last = --group->members == 0;
    pthread_mutex_unlock(&shared->lock);
    if (last) {
        free(group);
    }
    return db->failure == DB_OK;
}

/* Leaves the commit to the writer that waits at the gate. */
static bool commit_with_next(struct db *db) {
    struct shared *shared = shared_of(db);
    struct group *group = shared->group;

    if (!group && !(group = shared->group = calloc(1, sizeof *group))) {
        abort();
    }
    group->members++;
    leave(db);
    return group_wait(db, shared, group);
}

bool sqlite_begin(struct db *db, enum db_mode mode) {
    enum control how;

    enter(db, mode);
    how = mode == DB_READ ? BEGIN_READ : shared_of(db)->group ? SAVE : BEGIN_WRITE;
    if ((db->native || sqlite_connect(db)) && (how != BEGIN_WRITE || synchronise(db, mode)) && sqlite_control(db, how)) {
        return true;
    }
    if (how == SAVE) {
        commit_all(db);
    }
    leave(db);
    return false;
}

/* What this one did is undone; the group goes on, unless SQLite has undone all of it. */
void sqlite_rollback(struct db *db) {
    struct shared *shared = shared_of(db);

    if (db->mode == DB_READ || !shared->group) {
        undo(db);
    } else if (sqlite3_get_autocommit(handle_of(db))) {
        group_end(shared, DB_RETRY, "the transactions before were undone with this one");
    } else if (!sqlite_control(db, SAVE_UNDO) || !sqlite_control(db, SAVE_DROP)) {
        undo(db);
        group_end(shared, DB_RETRY, "the transactions before were undone with this one");
    } else if (!may_wait(db)) {
        commit_all(db);
    }
    leave(db);
}

bool sqlite_commit(struct db *db) {
    bool ok;

    if (db->mode != DB_READ && may_wait(db)) {
        if (!shared_of(db)->group || sqlite_control(db, SAVE_DROP)) {
            return commit_with_next(db);
        }
        sqlite_rollback(db);
        return false;
    }
    ok = commit_all(db);
    leave(db);
    return ok;
}
