/* SPDX-License-Identifier: Apache-2.0
 * The list of a container's changes that are yet to be done elsewhere: one row a name, written by the change itself. The
 * empty name stands for all that was there before: it is put when a container is first to be kept elsewhere, or somewhere
 * else, and gives way to the names themselves when the list is read, a thousand at a time. */
#include <string.h>

#include "object_store/index.h"

enum { FILL_AT_ONCE = 1000 };

static bool put(struct shard *shard, int64_t container, const char *name, int64_t stamp) {
    sqlite3_stmt *statement = index_statement(shard->writer, S_SYNC_PUT);

    sqlite3_bind_int64(statement, 1, container);
    index_bind_text(statement, 2, name);
    sqlite3_bind_int64(statement, 3, stamp);
    return index_run(shard->writer, statement);
}

bool sync_note(struct shard *shard, const struct store_container *container, const char *name, int64_t stamp) {
    return !store_meta_get(&container->meta, "sys-sync-to") || put(shard, container->id, name, stamp);
}

bool sync_drop(struct shard *shard, int64_t container) {
    sqlite3_stmt *drop = index_statement(shard->writer, S_SYNC_DROP);

    sqlite3_bind_int64(drop, 1, container);
    return index_run(shard->writer, drop);
}

bool sync_container(struct shard *shard, int64_t container, const struct store_meta *was, const struct store_meta *meta,
                    int64_t stamp) {
    const char *before = store_meta_get(was, "sys-sync-to"), *to = store_meta_get(meta, "sys-sync-to");

    if (!to) {
        return !before || sync_drop(shard, container);
    }
    return (before && !strcmp(before, to)) || put(shard, container, "", stamp);
}

int64_t sync_listed(struct shard *shard, int64_t container, const char *name) {
    sqlite3_stmt *get = index_statement(shard->writer, S_SYNC_GET);
    int64_t stamp;

    sqlite3_bind_int64(get, 1, container);
    index_bind_text(get, 2, name);
    stamp = sqlite3_step(get) == SQLITE_ROW ? sqlite3_column_int64(get, 0) : 0;
    sqlite3_reset(get);
    return stamp;
}

/* ---- reading it ---- */

bool store_each_synced(struct arena *arena, void (*fn)(void *user, const char *account, const char *container), void *user) {
    for (int i = 0; i < store.shard_count; i++) {
        struct index *index = index_reader(&store.shards[i]);
        sqlite3_stmt *list;

        if (!index) {
            return false;
        }
        list = index_statement(index, S_SYNCED);
        while (sqlite3_step(list) == SQLITE_ROW) {
            fn(user, arena_text(arena, (const char *)sqlite3_column_text(list, 0)),
               arena_text(arena, (const char *)sqlite3_column_text(list, 1)));
        }
        sqlite3_reset(list);
        index_reader_release(&store.shards[i], index);
    }
    return true;
}

static enum store_result read_some(struct arena *arena, const char *account, const char *container, const char *from,
                                   int limit, struct store_sync **ret, size_t *ret_count) {
    struct shard *shard = index_shard(account, container);
    struct index *index = index_reader(shard);
    struct store_container found = {0};
    sqlite3_stmt *list;
    bool there;

    *ret = NULL;
    *ret_count = 0;
    if (!index) {
        return STORE_FAILED;
    }
    there = index_find_container(index, arena, account, container, &found);
    list = index_statement(index, S_SYNC_LIST);
    sqlite3_bind_int64(list, 1, found.id);
    index_bind_text(list, 2, from);
    sqlite3_bind_int(list, 3, limit);
    while (there && sqlite3_step(list) == SQLITE_ROW) {
        *ret = arena_grow(arena, *ret, *ret_count, sizeof **ret);
        (*ret)[(*ret_count)++] = (struct store_sync){arena_text(arena, (const char *)sqlite3_column_text(list, 0)),
                                                     sqlite3_column_int64(list, 1)};
    }
    sqlite3_reset(list);
    index_reader_release(shard, index);
    return there ? STORE_OK : STORE_NO_CONTAINER;
}

/* ---- all that was there before ---- */

/* Lists what comes behind change->name; change->object.name becomes the last of it, null at the end. */
static enum store_result fill(struct shard *shard, struct store_change *change) {
    struct index *index = shard->writer;
    sqlite3_stmt *statement = index_statement(index, S_SYNC_LAST);
    struct store_container container;

    if (!index_find_container(index, change->arena, change->account, change->container, &container)) {
        return index_no_container(index);
    }
    sqlite3_bind_int64(statement, 1, container.id);
    index_bind_text(statement, 2, change->name);
    sqlite3_bind_int(statement, 3, FILL_AT_ONCE);
    change->object.name = NULL;
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
        change->object.name = arena_text(change->arena, (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_reset(statement);
    if (!change->object.name) {
        return STORE_OK;
    }
    statement = index_statement(index, S_SYNC_FILL);
    sqlite3_bind_int64(statement, 1, container.id);
    index_bind_text(statement, 2, change->name);
    index_bind_text(statement, 3, change->object.name);
    return index_run(index, statement) ? STORE_OK : index_error(index);
}

static enum store_result fill_all(struct arena *arena, const char *account, const char *container) {
    struct store_change change = {.arena = arena, .account = account, .container = container, .name = ""};
    enum store_result result;

    do {
        result = writer_submit(index_shard(account, container), &change, fill);
        change.name = change.object.name;
    } while (result == STORE_OK && change.name);
    return result;
}

enum store_result store_sync_list(struct arena *arena, const char *account, const char *container, const char *after,
                                  int limit, struct store_sync **ret, size_t *ret_count) {
    enum store_result result = read_some(arena, account, container, after, limit + 1, ret, ret_count);

    if (result == STORE_OK && *ret_count && !*(*ret)->name) {
        result = fill_all(arena, account, container);
        result = result == STORE_OK ? store_sync_done(arena, account, container, *ret) : result;
        return result == STORE_OK ? read_some(arena, account, container, after, limit, ret, ret_count) : result;
    }
    if (*ret_count && !strcmp((*ret)->name, after)) {
        (*ret)++;
        (*ret_count)--;
    } else if (*ret_count > (size_t)limit) {
        (*ret_count)--;
    }
    return result;
}

static enum store_result take_done(struct shard *shard, struct store_change *change) {
    struct index *index = shard->writer;
    sqlite3_stmt *done = index_statement(index, S_SYNC_DONE);
    struct store_container container;

    if (!index_find_container(index, change->arena, change->account, change->container, &container)) {
        return index_no_container(index);
    }
    sqlite3_bind_int64(done, 1, container.id);
    index_bind_text(done, 2, change->name);
    sqlite3_bind_int64(done, 3, change->stamp);
    return index_run(index, done) ? STORE_OK : index_error(index);
}

enum store_result store_sync_done(struct arena *arena, const char *account, const char *container,
                                  const struct store_sync *done) {
    struct store_change change = {.arena = arena, .account = account, .container = container, .name = done->name,
                                  .stamp = done->stamp};

    return writer_submit(index_shard(account, container), &change, take_done);
}
