/* SPDX-License-Identifier: Apache-2.0
 * The writer of a shard: takes all changes that wait, applies them one by one in one transaction, commits (one fsync for
 * all of them), and only then says that they are done.
 *
 * A change checks everything before its first write, so one that is refused leaves nothing behind. When the disk is full
 * or fails, the whole batch is undone, and its changes are tried again one by one: only those that do not fit fail. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "object_store/index.h"

LOG_MODULE("object_store.writer");

/* Tries of a batch that other machines come before: many, since one of them succeeds each time. */
enum { MAX_BATCH = 1024, MAX_TRIES = 1000, MAX_GARBAGE = sizeof((struct shard){0}.garbage) / sizeof *(struct shard){0}.garbage };

int64_t writer_version(struct shard *shard) {
    int64_t now = clock_now();

    shard->newest = now > shard->newest ? now : shard->newest + 1;
    return shard->newest;
}

bool writer_garbage(struct shard *shard, const char *place) {
    sqlite3_stmt *put = index_statement(shard->writer, S_GARBAGE_PUT);

    index_bind_text(put, 1, place);
    if (!index_run(shard->writer, put)) {
        return false;
    }
    if (shard->garbage_count < MAX_GARBAGE && strlen(place) < sizeof *shard->garbage) {
        memcpy(shard->garbage[shard->garbage_count++], place, strlen(place) + 1);
    }
    return true;
}

#define COMPLAIN_EVERY (3600 * SECOND)

/* False: the blob stays noted as garbage, and the audit finds it as one without an object; '*ret_away': what keeps the blobs
 * did not answer, so the next need not be asked for. */
static bool remove_blob(struct shard *shard, const char *place, bool *ret_away) {
    bool removed = store.driver->remove(place);
    int error = errno;

    *ret_away = !removed && error == ETIMEDOUT;
    if (!removed && clock_monotonic() >= shard->next_complaint) {
        shard->next_complaint = clock_monotonic() + COMPLAIN_EVERY;
        log_error("blob %s belongs to no object and could not be removed, which is tried again: %s", place, strerror(error));
    }
    return removed;
}

/* Removes the blobs that the batch left; remove_old_garbage those that there is no room to remember. It takes the rows away
 * too, many at once: removing a blob twice does no harm. */
static void remove_garbage(struct shard *shard) {
    bool away = false;

    for (int i = 0; i < shard->garbage_count && !away; i++) {
        remove_blob(shard, shard->garbage[i], &away);
    }
}

static void forget_garbage(struct shard *shard, const char *const *places, int count) {
    sqlite3_stmt *forget = index_statement(shard->writer, S_GARBAGE_DELETE);

    for (int i = 0; i < count; i++) {
        index_bind_text(forget, 1, places[i]);
        index_run(shard->writer, forget);
    }
}

/* Their blobs are not the index's: they go, unless they are tried again. */
static void give_uploads_back(struct store_change *first) {
    for (struct store_change *change = first; change; change = change->next) {
        if (change->upload) {
            upload_taken(change->upload, false);
        }
    }
}

/* '*ret_again': another machine changed the shard meanwhile. */
static enum store_result try_batch(struct shard *shard, struct store_change *first, bool *ret_again) {
    struct index *index = shard->writer;
    enum store_result failure = STORE_OK;
    enum ordered_result committed = ORDERED_FAILED;

    shard->garbage_count = 0;
    shard->containers_change = false;
    *ret_again = false;
    if (!index_begin(index)) {
        return index_error(index);
    }
    for (struct store_change *change = first; change && failure == STORE_OK; change = change->next) {
        change->result = change->apply(shard, change);
        if (change->result == STORE_FULL || change->result == STORE_FAILED) {
            failure = change->result;
        }
    }
    crash_point("objects");
    if (failure == STORE_OK) {
        committed = index_commit(index);
        *ret_again = committed == ORDERED_AGAIN;
        failure = committed != ORDERED_FAILED ? STORE_OK : index->view ? STORE_FAILED : index_error(index);
    }
    crash_point("objects committed");
    if (shard->containers_change) {
        known_forget(shard);
    }
    /* What was read before and after another machine's change does not fit together: that may be all that is wrong. */
    *ret_again = *ret_again || (failure != STORE_OK && index_is_overtaken(index));
    if (committed == ORDERED_FAILED) {
        index_rollback(index);
    }
    if (failure == STORE_FULL) {        /* of other failures nobody knows what a crash would bring back */
        give_uploads_back(first);
    }
    return failure;
}

/* Applies 'first' to its end in one transaction. On failure nothing was done, and why is returned. */
static enum store_result apply_batch(struct shard *shard, struct store_change *first) {
    enum store_result failure;
    int tries = 0;
    bool again;

    do {
        failure = try_batch(shard, first, &again);
        if (again) {
            for (struct store_change *change = first; change; change = change->next) {
                change->was = (struct store_object){0};
            }
            give_uploads_back(first);
            usleep((useconds_t)(random() % (1000 << (tries < 5 ? tries : 5))));
        }
    } while (again && ++tries < MAX_TRIES);
    return again ? STORE_FAILED : failure;
}

/* Tells those who wait. 'done' may free its change. */
static void tell(struct store_change *first) {
    while (first) {
        struct store_change *change = first;

        first = first->next;
        change->next = NULL;
        change->done(change);
    }
}

static void apply_alone(struct shard *shard, struct store_change *first) {
    while (first) {
        struct store_change *change = first;
        enum store_result failure;

        first = first->next;
        change->next = NULL;
        failure = apply_batch(shard, change);
        change->result = failure == STORE_OK ? change->result : failure;
        tell(change);
        if (failure == STORE_OK) {
            remove_garbage(shard);
        }
    }
}

/* Nobody waits for blobs to be removed: that of a large one takes a while. */
static void run_batch(struct shard *shard, struct store_change *first) {
    if (apply_batch(shard, first) == STORE_OK) {
        tell(first);
        remove_garbage(shard);
    } else if (index_is_away(shard->writer)) {
        /* Not again: when the commit was done after all, the blobs are in the index, and would seem to be replaced. */
        for (struct store_change *change = first; change; change = change->next) {
            change->result = STORE_FAILED;
        }
        tell(first);
    } else {
        apply_alone(shard, first);
    }
}

/* Waits for changes and takes all there are, in order. */
static struct store_change *take_all(struct shard *shard) {
    struct store_change *first, *last;
    int count = 1;

    pthread_mutex_lock(&shard->lock);
    while (!shard->first) {
        pthread_cond_wait(&shard->work, &shard->lock);
    }
    first = last = shard->first;
    while (last->next && count < MAX_BATCH) {
        last = last->next;
        count++;
    }
    shard->first = last->next;
    if (!shard->first) {
        shard->last = &shard->first;
    }
    last->next = NULL;
    pthread_mutex_unlock(&shard->lock);
    return first;
}

enum { MAX_OLD = 1000 };

/* Removes up to MAX_OLD blobs behind '*from' that are noted as garbage, some again, and forgets them; those that cannot be
 * removed stay noted. '*from' becomes the last, or "" at the end. Returns whether there may be more. */
static bool remove_old_garbage(struct shard *shard, char (*from)[40]) {
    struct index *index = shard->writer;
    struct arena *arena = arena_new(0);
    sqlite3_stmt *list = index_statement(index, S_GARBAGE_LIST);
    const char **places = NULL;
    size_t count = 0, removed = 0;
    bool away = false, more;

    index_bind_text(list, 1, *from);
    sqlite3_bind_int(list, 2, MAX_OLD);
    while (sqlite3_step(list) == SQLITE_ROW) {
        places = arena_grow(arena, places, count, sizeof *places);
        places[count++] = arena_text(arena, (const char *)sqlite3_column_text(list, 0));
    }
    sqlite3_reset(list);
    more = count == MAX_OLD;
    snprintf(*from, sizeof *from, "%s", more ? places[count - 1] : "");
    for (size_t i = 0; i < count && !away; i++) {
        if (remove_blob(shard, places[i], &away)) {
            places[removed++] = places[i];
        }
    }
    if (removed && index_begin(index)) {
        forget_garbage(shard, places, (int)removed);
        more = index_commit(index) == ORDERED_DONE && more;     /* or next time */
    }
    arena_free(arena);
    return more && !away;
}

static void *write_shard(void *argument) {
    struct shard *shard = argument;
    unsigned batches = 0;
    char from[40] = "";

    for (;;) {
        if (batches++ % 4096 == 0) {
            while (remove_old_garbage(shard, &from)) {
            }
        }
        run_batch(shard, take_all(shard));
    }
    return NULL;
}

bool writers_start(void) {
    for (int i = 0; i < store.shard_count; i++) {
        pthread_attr_t attributes;
        pthread_t thread;
        int failed;

        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        failed = pthread_create(&thread, &attributes, write_shard, &store.shards[i]);
        pthread_attr_destroy(&attributes);
        if (failed) {
            log_error("the writer of objects cannot be started");
            return false;
        }
    }
    return true;
}

/* ---- waiting ---- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_over;
};

static void wake(struct store_change *change) {
    struct waiter *waiter = change->user;

    pthread_mutex_lock(&waiter->lock);
    waiter->is_over = true;
    pthread_cond_signal(&waiter->over);
    pthread_mutex_unlock(&waiter->lock);
}

static void submit(struct shard *shard, struct store_change *change) {
    change->next = NULL;
    pthread_mutex_lock(&shard->lock);
    *shard->last = change;
    shard->last = &change->next;
    pthread_cond_signal(&shard->work);
    pthread_mutex_unlock(&shard->lock);
}

enum store_result writer_submit(struct shard *shard, struct store_change *change,
                                enum store_result (*apply)(struct shard *shard, struct store_change *change)) {
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    void *user = change->user;

    change->apply = apply;
    if (change->done) {
        submit(shard, change);
        return STORE_OK;
    }
    change->done = wake;
    change->user = &waiter;
    submit(shard, change);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_over) {
        pthread_cond_wait(&waiter.over, &waiter.lock);
    }
    pthread_mutex_unlock(&waiter.lock);
    change->done = NULL;
    change->user = user;
    return change->result;
}
