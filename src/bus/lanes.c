/* SPDX-License-Identifier: Apache-2.0
 * Ordered jobs: a lane is the queue of one key; lanes with work stand in a queue of their own, and a lane whose job
 * runs does not. */
#include "bus/lanes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/map.h"

struct item {
    struct item *next;
    void *job;
};

struct lane {
    struct lane *next;          /* in the queue of lanes */
    char *key;                  /* null: a lane for one job */
    struct item *first, **last;
};

struct lanes {
    size_t most;
    void (*run)(void *const *jobs, size_t count);
    void (*drop)(void *job);
    pthread_mutex_t lock;
    pthread_cond_t work, fewer;
    struct map *keys;           /* lanes that have or run a job */
    struct lane *first, **last; /* lanes that could run */
    size_t count, running;
    bool stop;
    int thread_count;
    pthread_t threads[];
};

static void *worker(void *argument);

static void *allocate(size_t size) {
    void *memory = calloc(1, size);

    if (!memory) {
        abort();
    }
    return memory;
}

struct lanes *lanes_new(int threads, size_t most, void (*run)(void *const *jobs, size_t count), void (*drop)(void *job)) {
    struct lanes *lanes = allocate(sizeof *lanes + (size_t)threads * sizeof(pthread_t));
    pthread_condattr_t attributes;

    lanes->most = most;
    lanes->run = run;
    lanes->drop = drop;
    lanes->keys = map_new();
    lanes->last = &lanes->first;
    lanes->thread_count = threads;
    pthread_mutex_init(&lanes->lock, NULL);
    pthread_cond_init(&lanes->work, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lanes->fewer, &attributes);
    pthread_condattr_destroy(&attributes);
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&lanes->threads[i], NULL, worker, lanes)) {
            abort();
        }
    }
    return lanes;
}

static void lane_ready(struct lanes *lanes, struct lane *lane) {
    lane->next = NULL;
    *lanes->last = lane;
    lanes->last = &lane->next;
    pthread_cond_signal(&lanes->work);
}

static struct lane *lane_new(struct lanes *lanes, const char *key) {
    struct lane *lane = allocate(sizeof *lane);

    lane->last = &lane->first;
    if (key) {
        lane->key = strdup(key);
        map_set(lanes->keys, key, lane);
    }
    return lane;
}

static void lane_free(struct lanes *lanes, struct lane *lane) {
    if (lane->key) {
        map_set(lanes->keys, lane->key, NULL);
    }
    free(lane->key);
    free(lane);
}

void lanes_add(struct lanes *lanes, const char *key, void *job) {
    struct item *item = allocate(sizeof *item);
    struct lane *lane;
    bool dropped;

    item->job = job;
    pthread_mutex_lock(&lanes->lock);
    dropped = lanes->stop;
    if (!dropped) {
        lane = key ? map_get(lanes->keys, key) : NULL;
        lanes->count++;
        if (lane) {
            *lane->last = item;
            lane->last = &item->next;
        } else {
            lane = lane_new(lanes, key);
            *lane->last = item;
            lane->last = &item->next;
            lane_ready(lanes, lane);
        }
    }
    pthread_mutex_unlock(&lanes->lock);
    if (dropped) {
        lanes->drop(job);
        free(item);
    }
}

static struct item *take_item(struct lane *lane) {
    struct item *item = lane->first;

    lane->first = item->next;
    if (!lane->first) {
        lane->last = &lane->first;
    }
    return item;
}

/* Runs jobs of the first lane; called and returns with the lock held. */
static void run_some(struct lanes *lanes) {
    struct lane *lane = lanes->first;
    void *jobs[LANES_MOST];
    size_t count = 0;

    lanes->first = lane->next;
    if (!lanes->first) {
        lanes->last = &lanes->first;
    }
    while (lane->first && count < lanes->most) {
        struct item *item = take_item(lane);

        jobs[count++] = item->job;
        free(item);
    }
    lanes->running++;
    pthread_mutex_unlock(&lanes->lock);
    lanes->run(jobs, count);
    pthread_mutex_lock(&lanes->lock);
    lanes->running--;
    lanes->count -= count;
    pthread_cond_broadcast(&lanes->fewer);
    if (lane->first) {
        lane_ready(lanes, lane);
    } else {
        lane_free(lanes, lane);
    }
}

static void *worker(void *argument) {
    struct lanes *lanes = argument;

    pthread_mutex_lock(&lanes->lock);
    while (!lanes->stop) {
        if (lanes->first) {
            run_some(lanes);
        } else {
            pthread_cond_wait(&lanes->work, &lanes->lock);
        }
    }
    pthread_mutex_unlock(&lanes->lock);
    return NULL;
}

size_t lanes_count(struct lanes *lanes) {
    size_t count;

    pthread_mutex_lock(&lanes->lock);
    count = lanes->count;
    pthread_mutex_unlock(&lanes->lock);
    return count;
}

void lanes_wait(struct lanes *lanes, size_t most) {
    pthread_mutex_lock(&lanes->lock);
    while (lanes->count >= most && !lanes->stop) {
        pthread_cond_wait(&lanes->fewer, &lanes->lock);
    }
    pthread_mutex_unlock(&lanes->lock);
}

static void lane_drop(struct lanes *lanes, struct lane *lane) {
    while (lane->first) {
        struct item *item = take_item(lane);

        lanes->drop(item->job);
        lanes->count--;
        free(item);
    }
}

/* Waits until nothing runs. 'until' 0: without limit. */
static bool wait_running(struct lanes *lanes, int64_t until) {
    struct timespec end = {.tv_sec = until / SECOND, .tv_nsec = until % SECOND * 1000};

    while (lanes->running) {
        if (!until) {
            pthread_cond_wait(&lanes->fewer, &lanes->lock);
        } else if (pthread_cond_timedwait(&lanes->fewer, &lanes->lock, &end)) {
            return !lanes->running;
        }
    }
    return true;
}

/* The lanes that are left have no job running: frees them. */
static void lanes_clear(struct lanes *lanes) {
    size_t cursor = 0;
    void *lane;

    while (map_next(lanes->keys, &cursor, &lane)) {
        lane_drop(lanes, lane);
        free(((struct lane *)lane)->key);
        free(lane);
    }
}

bool lanes_stop(struct lanes *lanes, int seconds) {
    bool idle;

    pthread_mutex_lock(&lanes->lock);
    lanes->stop = true;
    pthread_cond_broadcast(&lanes->work);
    pthread_cond_broadcast(&lanes->fewer);
    idle = wait_running(lanes, seconds < 0 ? 0 : clock_monotonic() + seconds * SECOND);
    pthread_mutex_unlock(&lanes->lock);
    return idle;
}

void lanes_free(struct lanes *lanes) {
    struct lane *next;

    for (int i = 0; i < lanes->thread_count; i++) {
        pthread_join(lanes->threads[i], NULL);
    }
    for (struct lane *lane = lanes->first; lane; lane = next) {
        next = lane->next;
        if (!lane->key) {
            lane_drop(lanes, lane);
            free(lane);
        }
    }
    lanes_clear(lanes);
    map_free(lanes->keys, NULL);
    pthread_mutex_destroy(&lanes->lock);
    pthread_cond_destroy(&lanes->work);
    pthread_cond_destroy(&lanes->fewer);
    free(lanes);
}
