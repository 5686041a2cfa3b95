/* SPDX-License-Identifier: Apache-2.0
 * The prepared statements of a connection: a hash table by text, bounded; the one not used for longest goes first. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "store/backend.h"

static struct statement **bucket_of(struct statements *all, uint64_t hash) {
    return &all->buckets[hash % STATEMENT_BUCKETS];
}

static void unlink_age(struct statements *all, struct statement *statement) {
    *(statement->newer ? &statement->newer->older : &all->newest) = statement->older;
    *(statement->older ? &statement->older->newer : &all->oldest) = statement->newer;
}

static void link_newest(struct statements *all, struct statement *statement) {
    statement->older = all->newest;
    statement->newer = NULL;
    *(all->newest ? &all->newest->newer : &all->oldest) = statement;
    all->newest = statement;
}

static struct statement *find(struct statements *all, const char *sql, size_t size, uint64_t hash) {
    struct statement *at = *bucket_of(all, hash);

    while (at && (at->hash != hash || at->size != size || memcmp(at->sql, sql, size) != 0)) {
        at = at->chain;
    }
    return at;
}

static void keep(struct statements *all, struct statement *statement) {
    struct statement **bucket = bucket_of(all, statement->hash);

    statement->kept = true;
    statement->chain = *bucket;
    *bucket = statement;
    link_newest(all, statement);
    all->count++;
}

static void unkeep(struct statements *all, struct statement *statement) {
    struct statement **at = bucket_of(all, statement->hash);

    while (*at != statement) {
        at = &(*at)->chain;
    }
    *at = statement->chain;
    unlink_age(all, statement);
    all->count--;
}

static void make_room(struct db *db) {
    struct statement *at = db->statements->oldest;

    while (at && at->busy) {
        at = at->newer;
    }
    if (at && db->statements->count >= STATEMENTS_KEPT) {
        statement_drop(db, at);
    }
}

static struct statement *statement_new(struct db *db, const char *sql, size_t size, uint64_t hash) {
    struct statement *statement = calloc(1, sizeof *statement);

    if (!statement || !(statement->sql = strdup(sql))) {
        abort();
    }
    statement->size = size;
    statement->hash = hash;
    if (!db->store->backend->prepare(db, statement)) {
        free(statement->sql);
        free(statement);
        return NULL;
    }
    return statement;
}

struct statement *statement_get(struct db *db, const char *sql) {
    struct statements *all = db->statements;
    size_t size = strlen(sql);
    uint64_t hash = map_hash(sql, size);
    struct statement *found = find(all, sql, size, hash), *made;

    if (found && !found->busy) {
        if (found != all->newest) {
            unlink_age(all, found);
            link_newest(all, found);
        }
        return found;
    }
    make_room(db);
    made = statement_new(db, sql, size, hash);
    if (made && !found) {
        keep(all, made);
    }
    return made;
}

void statement_done(struct db *db, struct statement *statement) {
    statement->busy = false;
    if (!statement->kept) {
        statement_drop(db, statement);
    }
}

void statement_drop(struct db *db, struct statement *statement) {
    if (statement->kept) {
        unkeep(db->statements, statement);
    }
    db->store->backend->forget(db, statement);
    free(statement->sql);
    free(statement);
}

void statements_clear(struct db *db) {
    while (db->statements->oldest) {
        statement_drop(db, db->statements->oldest);
    }
}
