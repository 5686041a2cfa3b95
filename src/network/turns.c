/* SPDX-License-Identifier: Apache-2.0
 * Turns: a lock for each of a few groups of keys, and when each key had its last turn. */
#include "network/turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"

enum { GROUPS = 64 };

static pthread_mutex_t groups[GROUPS] = {[0 ... GROUPS - 1] = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *times;           /* key -> int64_t; under the lock */

static pthread_mutex_t *group_of(const char *key) {
    return &groups[map_hash(key, strlen(key)) % GROUPS];
}

static void note(const char *key) {
    int64_t *time = malloc(sizeof *time);

    if (!time) {
        abort();
    }
    *time = clock_monotonic();
    pthread_mutex_lock(&lock);
    times = times ? times : map_new();
    free(map_set(times, key, time));
    pthread_mutex_unlock(&lock);
}

static bool had_since(const char *key, int64_t since) {
    const int64_t *time;
    bool had;

    pthread_mutex_lock(&lock);
    time = times ? map_get(times, key) : NULL;
    had = time && *time >= since;
    pthread_mutex_unlock(&lock);
    return had;
}

void turn_begin(const char *key) {
    note(key);
    pthread_mutex_lock(group_of(key));
}

bool turn_begin_unless(const char *key, int64_t since) {
    pthread_mutex_lock(group_of(key));
    if (had_since(key, since)) {
        pthread_mutex_unlock(group_of(key));
        return false;
    }
    return true;
}

void turn_end(const char *key) {
    pthread_mutex_unlock(group_of(key));
}

void turns_forget(int64_t time) {
    struct map *kept = map_new(), *old;
    size_t cursor = 0;
    const char *key;
    void *value;

    pthread_mutex_lock(&lock);
    old = times;
    while (old && (key = map_next(old, &cursor, &value)) != NULL) {
        if (*(int64_t *)value >= time) {
            map_set(kept, key, value);
        } else {
            free(value);
        }
    }
    times = kept;
    pthread_mutex_unlock(&lock);
    map_free(old, NULL);
}
