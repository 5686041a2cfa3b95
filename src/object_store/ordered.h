/* SPDX-License-Identifier: Apache-2.0
 * An index that the driver keeps: for each shard a set of pairs of a key and a value, ordered by the bytes of their keys,
 * and a generation, which each change takes further by one.
 *
 * The pairs are the tables of the index (ordered_tables.c), which SQLite asks and changes as if they were its own, so that
 * there is one set of statements for all drivers. A writer reads through a view, which remembers what it read and what it
 * changes; committing applies all changes at once, provided that the shard's generation is still the one that was read.
 * So writers of several machines need no lock: the one that comes second reads again. */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct ordered_pair {
    const char *key, *value;        /* value null in a change: the key goes */
    size_t key_size, value_size;
};

enum ordered_result { ORDERED_DONE, ORDERED_AGAIN, ORDERED_FAILED };

/* The driver's part. Called from any thread; false: it could not be done, and the log has the cause. */
struct ordered_driver {
    /* The number of shards: 'wanted' when the store is first used, and the same for ever. 0: it cannot be told. */
    int (*shards)(int wanted);
    bool (*generation)(int shard, int64_t *ret);
    /* Adds the value to 'ret'. */
    bool (*get)(int shard, const char *key, size_t key_size, struct buf *ret, bool *ret_found);
    /* Calls fn for up to 'limit' pairs in order: those behind 'after' whose keys begin with 'prefix'. */
    bool (*scan)(int shard, const struct ordered_pair *after, const struct ordered_pair *prefix, int limit,
                 void (*fn)(void *user, const struct ordered_pair *pair), void *user);
    /* All changes or none; durable then. ORDERED_AGAIN: the generation is another. With no changes it is only compared. */
    enum ordered_result (*commit)(int shard, int64_t generation, const struct ordered_pair *changes, size_t count);
};

extern const struct ordered_driver ordered_fake, ordered_rados;

/* Of the driver fake (driver_fake.c): waits while its stop file is there; false, with errno, when that is too long. */
bool fake_goes_on(void);

/* ---- views (ordered_view.c): one thread at a time ---- */
struct ordered_view;
struct ordered_view *ordered_view_new(const struct ordered_driver *driver, int shard);
void ordered_view_free(struct ordered_view *view);              /* null is fine */

bool ordered_begin(struct ordered_view *view);
enum ordered_result ordered_commit(struct ordered_view *view);
void ordered_rollback(struct ordered_view *view);
bool ordered_is_overtaken(struct ordered_view *view);           /* within: the generation is another by now */
/* Since the last begin the driver failed: a commit may have been done all the same. */
bool ordered_is_away(const struct ordered_view *view);

/* 1: the value was added to 'ret'; 0: there is none; -1: it could not be read. */
int ordered_get(struct ordered_view *view, const char *key, size_t key_size, struct buf *ret);
/* Only between begin and commit. */
void ordered_set(struct ordered_view *view, const struct ordered_pair *change);

/* A walk over the pairs behind 'after' whose keys begin with 'prefix'; the changes of the view are among them. */
struct ordered_walk;
struct ordered_walk *ordered_walk_new(struct ordered_view *view, const struct ordered_pair *after,
                                      const struct ordered_pair *prefix);
/* 1: '*ret' lives until the next call; 0: the end; -1: it could not be read. */
int ordered_walk_next(struct ordered_walk *walk, struct ordered_pair *ret);
void ordered_walk_free(struct ordered_walk *walk);              /* null is fine */

/* ---- tables (ordered_tables.c) ---- */

/* A connection whose tables are the view's pairs. */
sqlite3 *ordered_connect(struct ordered_view *view);
