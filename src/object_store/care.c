/* SPDX-License-Identifier: Apache-2.0
 * The store's care for itself: objects expire, lifecycle rules are followed, blobs are verified in turn (a damaged one is
 * noted and never given out), and blobs without an object are removed: those of a process that died between writing one
 * and the index. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "object_store/index.h"
#include "object_store/lifecycle.h"

LOG_MODULE("object_store.care");

/* INSIDE_COST: bytes for which looking at an object in the index counts, beside its own. */
enum { ORPHAN_AGE = 3600, EXPIRED_AT_ONCE = 1000, INSIDE_COST = 1024 };

static int64_t scrub_rate;          /* bytes a second */

/* ---- expiry ---- */

struct expired {
    struct arena *arena;
    const char *(*at)[3];
    size_t count;
};

static void add_expired(void *user, const char *account, const char *container, const char *name) {
    struct expired *expired = user;
    const char *(*entry)[3];

    expired->at = arena_grow(expired->arena, expired->at, expired->count, sizeof *expired->at);
    entry = &expired->at[expired->count++];
    (*entry)[0] = arena_text(expired->arena, account);
    (*entry)[1] = arena_text(expired->arena, container);
    (*entry)[2] = arena_text(expired->arena, name);
}

/* Returns how many there were. */
static size_t expire(void) {
    struct arena *arena = arena_new(0);
    struct expired expired = {.arena = arena};
    int64_t now = clock_now() / SECOND;
    size_t count;

    store_each_expired(arena, now, EXPIRED_AT_ONCE, add_expired, &expired);
    for (size_t i = 0; i < expired.count; i++) {
        struct store_change change = {.arena = arena, .account = expired.at[i][0], .container = expired.at[i][1],
                                      .name = expired.at[i][2], .version = STORE_CURRENT, .if_expired = now};

        store_delete_object(&change);
    }
    count = expired.count;
    arena_free(arena);
    return count;
}

/* ---- damage ---- */

static enum store_result note_damage(struct shard *shard, struct store_change *change) {
    sqlite3_stmt *put = index_statement(shard->writer, S_DAMAGED_PUT);

    index_bind_text(put, 1, change->name);
    index_bind_text(put, 2, change->container);
    return index_run(shard->writer, put) ? STORE_OK : index_error(shard->writer);
}

static enum store_result clear_damage(struct shard *shard, struct store_change *change) {
    return index_run(shard->writer, index_statement(shard->writer, S_DAMAGED_CLEAR)) ? STORE_OK : index_error(shard->writer);
}

static bool is_whole(const char *account, const char *container, const struct store_object *object) {
    struct store_reader *reader = store_reader_open(account, container, object, 0, object->size);
    char *bytes = reader ? malloc(STORE_BLOCK) : NULL;
    int64_t begin = clock_monotonic(), done = 0;
    ssize_t got = -1;

    while (bytes && (got = store_reader_read(reader, bytes, STORE_BLOCK)) > 0) {
        int64_t ahead = (done += got) * SECOND / scrub_rate - (clock_monotonic() - begin);

        if (ahead > 0) {
            usleep((useconds_t)(ahead < SECOND ? ahead : SECOND - 1));
        }
    }
    free(bytes);
    store_reader_close(reader);
    return got == 0;
}

static void note(struct shard *shard, struct arena *arena, const char *place, const char *what) {
    struct store_change change = {.arena = arena, .name = place, .container = what};

    writer_submit(shard, &change, note_damage);
}

/* Verifies up to 100 blobs behind 'from'; returns the last one's name, or null at the end. */
static const char *scrub_some(struct shard *shard, struct arena *arena, const char *from) {
    struct index *index = index_reader(shard);
    sqlite3_stmt *list;
    struct {
        struct store_object object;
        const char *account, *container;
    } found[100];
    size_t count = 0;

    if (!index) {
        return NULL;
    }
    list = index_statement(index, S_PLACES);
    index_bind_text(list, 1, from);
    while (count < 100 && sqlite3_step(list) == SQLITE_ROW) {
        found[count].object = (struct store_object){.place = arena_text(arena, (const char *)sqlite3_column_text(list, 0)),
                                                    .size = sqlite3_column_int64(list, 1),
                                                    .name = arena_text(arena, (const char *)sqlite3_column_text(list, 4))};
        found[count].account = arena_text(arena, (const char *)sqlite3_column_text(list, 2));
        found[count++].container = arena_text(arena, (const char *)sqlite3_column_text(list, 3));
    }
    sqlite3_reset(list);
    index_reader_release(shard, index);
    for (size_t i = 0; i < count; i++) {
        const struct store_object *object = &found[i].object;

        if (!is_whole(found[i].account, found[i].container, object)) {
            note(shard, arena, object->place, arena_printf(arena, "%s/%s/%s (blob %s)", found[i].account, found[i].container,
                                                           object->name, object->place));
        }
    }
    return count ? found[count - 1].object.place : NULL;
}

/* Objects of a container whose bytes are in the index. */
struct inside {
    struct arena *arena;
    struct store_object *at;
    size_t count;
    const char *last;               /* name of the last one that was seen, and its version or time */
    int64_t last_version;
};

static bool add_inside(void *user, const struct store_object *object) {
    struct inside *inside = user;
    const char *name = arena_text(inside->arena, object->name);

    if (object->data) {
        inside->at = arena_grow(inside->arena, inside->at, inside->count, sizeof *inside->at);
        inside->at[inside->count++] = (struct store_object){.name = name, .size = object->size, .version = object->version,
                                                            .current = object->current};
    }
    inside->last = name;
    inside->last_version = object->version ? object->version : object->modified;
    return true;
}

/* One that was replaced meanwhile is another, and as good. */
static void verify_inside(struct shard *shard, struct arena *arena, const char *account, const char *container,
                          const struct store_object *object) {
    struct store_find find = {.account = account, .container = container, .name = object->name, .want_bytes = true,
                              .want_expired = true, .version = object->current ? STORE_CURRENT : object->version};
    struct store_found found;

    if (store_find(arena, &find, &found) == STORE_OK && found.damaged && !found.object.shut) {
        note(shard, arena, arena_printf(arena, "%lld/%lld/%s", (long long)found.container.id, (long long)found.object.data,
                                        object->name),
             arena_printf(arena, "%s/%s/%s (in the index)", account, container, object->name));
    }
    usleep((useconds_t)((object->size + INSIDE_COST) * SECOND / scrub_rate % SECOND));
}

/* What is in the index of a container's objects and versions, 100 at a time. */
static void scrub_container(struct shard *shard, const char *account, const char *container) {
    struct store_list list = {.account = account, .container = container, .versions = true, .limit = 100,
                              .on_object = add_inside};
    struct arena *before = NULL;
    bool more = true;

    while (more) {
        struct inside inside = {.arena = arena_new(0)};

        list.user = &inside;
        more = store_list(inside.arena, &list, &more) == STORE_OK && more && inside.last;
        for (size_t i = 0; i < inside.count; i++) {
            verify_inside(shard, inside.arena, account, container, &inside.at[i]);
        }
        list.marker = inside.last;
        list.marker_version = inside.last_version;
        arena_free(before);
        before = inside.arena;
    }
    arena_free(before);
}

/* The next container behind 'from', which it becomes; false at the end. */
static bool scrub_next(struct shard *shard, int64_t *from) {
    struct index *index = index_reader(shard);
    const char *account = NULL, *container = NULL;
    struct arena *arena;
    sqlite3_stmt *next;

    if (!index) {
        return false;
    }
    arena = arena_new(0);
    next = index_statement(index, S_CONTAINER_NEXT);
    sqlite3_bind_int64(next, 1, *from);
    if (sqlite3_step(next) == SQLITE_ROW) {
        *from = sqlite3_column_int64(next, 0);
        account = arena_text(arena, (const char *)sqlite3_column_text(next, 1));
        container = arena_text(arena, (const char *)sqlite3_column_text(next, 2));
    }
    sqlite3_reset(next);
    index_reader_release(shard, index);
    if (container) {
        scrub_container(shard, account, container);
    }
    arena_free(arena);
    return container;
}

static void scrub(void) {
    for (int i = 0; i < store.shard_count; i++) {
        struct store_change clear = {0};
        char from[64] = "";
        int64_t container = 0;
        bool more = true;

        writer_submit(&store.shards[i], &clear, clear_damage);
        while (more) {
            struct arena *arena = arena_new(0);
            const char *last = scrub_some(&store.shards[i], arena, from);

            more = last != NULL;
            if (last) {
                memccpy(from, last, 0, sizeof from - 1);
            }
            arena_free(arena);
        }
        while (scrub_next(&store.shards[i], &container)) {
        }
    }
}

static bool each_text(struct arena *arena, enum statement which, int columns, void (*fn)(void *user, const char *what),
                      void *user) {
    for (int i = 0; i < store.shard_count; i++) {
        struct index *index = index_reader(&store.shards[i]);
        sqlite3_stmt *list;

        if (!index) {
            return false;
        }
        list = index_statement(index, which);
        while (sqlite3_step(list) == SQLITE_ROW) {
            fn(user, columns == 1 ? arena_text(arena, (const char *)sqlite3_column_text(list, 0))
                                  : arena_printf(arena, "%s/%s", sqlite3_column_text(list, 0), sqlite3_column_text(list, 1)));
        }
        sqlite3_reset(list);
        index_reader_release(&store.shards[i], index);
    }
    return true;
}

bool store_each_damaged(struct arena *arena, void (*fn)(void *user, const char *what), void *user) {
    return each_text(arena, S_DAMAGED, 1, fn, user);
}

/* ---- counters ---- */

bool store_each_miscount(struct arena *arena, void (*fn)(void *user, const char *what), void *user) {
    return each_text(arena, S_MISCOUNTED, 2, fn, user) && each_text(arena, S_ACCOUNT_MISCOUNTED, 1, fn, user);
}

static enum store_result recount(struct shard *shard, struct store_change *change) {
    struct index *index = shard->writer;
    sqlite3_stmt *update;

    if (change->container) {
        update = index_statement(index, S_RECOUNT);
        index_bind_text(update, 1, change->account);
        index_bind_text(update, 2, change->container);
        if (!index_run(index, update)) {
            return index_error(index);
        }
    }
    update = index_statement(index, S_ACCOUNT_RECOUNT);
    index_bind_text(update, 1, change->account);
    return index_run(index, update) ? STORE_OK : index_error(index);
}

bool store_recount(struct arena *arena, const char *what) {
    const char *slash = strchr(what, '/');
    struct store_change change = {.arena = arena, .account = what};
    bool ok = true;

    if (slash) {
        change.account = arena_text_size(arena, what, (size_t)(slash - what));
        change.container = slash + 1;
        return writer_submit(index_shard(change.account, change.container), &change, recount) == STORE_OK;
    }
    for (int i = 0; i < store.shard_count; i++) {
        ok = writer_submit(&store.shards[i], &change, recount) == STORE_OK && ok;
    }
    return ok;
}

/* ---- orphans ---- */

struct old_blobs {
    struct arena *arena;
    const char **at;
    size_t count;
};

static void add_old(void *user, const char *name, int64_t age, bool whole) {
    struct old_blobs *old = user;

    /* A blob that is under way has no object yet; this process knows its own. */
    if (!upload_under_way(name) && (!store.driver->shared || age >= ORPHAN_AGE)) {
        old->at = arena_grow(old->arena, old->at, old->count, sizeof *old->at);
        old->at[old->count++] = arena_text(old->arena, name);
    }
}

/* 1: some object has it, 0: none, -1: unknown. */
static int is_used(const char *blob) {
    for (int i = 0; i < store.shard_count; i++) {
        struct index *index = index_reader(&store.shards[i]);
        sqlite3_stmt *used;
        int found;

        if (!index) {
            return -1;
        }
        used = index_statement(index, S_PLACE_USED);
        index_bind_text(used, 1, blob);
        found = sqlite3_step(used) == SQLITE_ROW ? sqlite3_column_int(used, 0) : -1;
        sqlite3_reset(used);
        index_reader_release(&store.shards[i], index);
        if (found) {
            return found;
        }
    }
    return 0;
}

bool store_each_orphan(struct arena *arena, void (*fn)(void *user, const char *blob), void *user) {
    struct old_blobs old = {.arena = arena};

    if (!store.driver->each(add_old, &old)) {
        return false;
    }
    for (size_t i = 0; i < old.count; i++) {
        if (is_used(old.at[i]) == 0) {
            fn(user, old.at[i]);
        }
    }
    return true;
}

bool store_remove_orphan(struct arena *arena, const char *blob) {
    /* In this order: what ended meanwhile is in the index by now. */
    return upload_under_way(blob) || is_used(blob) != 0 || store.driver->remove(blob);
}

static void remove_orphan(void *user, const char *blob) {
    log_warn("blob %s belongs to no object and is removed", blob);
    store_remove_orphan(user, blob);
}

static void remove_orphans(void) {
    struct arena *arena = arena_new(0);

    store_each_orphan(arena, remove_orphan, arena);
    arena_free(arena);
}

/* ---- the thread ---- */

struct times {
    int64_t expire, scrub, lifecycle;       /* seconds between */
};

static void *care(void *argument) {
    const struct times *times = argument;
    int64_t next_expire = 0, next_scrub = clock_monotonic() + times->scrub * SECOND, next_lifecycle = 0;

    for (;;) {
        if (clock_monotonic() >= next_expire) {
            size_t count = expire();

            next_expire = clock_monotonic() + (count < EXPIRED_AT_ONCE ? times->expire * SECOND : 0);
        }
        if (clock_monotonic() >= next_lifecycle) {
            lifecycle_run();
            next_lifecycle = clock_monotonic() + times->lifecycle * SECOND;
        }
        if (clock_monotonic() >= next_scrub) {
            remove_orphans();
            scrub();
            next_scrub = clock_monotonic() + times->scrub * SECOND;
        }
        usleep(SECOND / 4);
    }
    return NULL;
}

bool store_care_start(const struct conf *conf) {
    static struct times times;
    pthread_t thread;

    times.expire = conf_int(conf, "object_store", "expire_seconds", 60);
    times.scrub = conf_int(conf, "object_store", "scrub_seconds", 7 * 24 * 3600);
    times.lifecycle = conf_int(conf, "object_store", "lifecycle_seconds", 3600);
    lifecycle_prepare(conf_int(conf, "object_store", "lifecycle_day", 24 * 3600));
    scrub_rate = conf_int(conf, "object_store", "scrub_rate", 20 * 1000 * 1000);
    if (scrub_rate < 1 || !parts_start(times.expire) || pthread_create(&thread, NULL, care, &times)) {
        log_error("the object store's care cannot be started");
        return false;
    }
    pthread_detach(thread);
    return true;
}
