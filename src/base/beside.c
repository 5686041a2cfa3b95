/* SPDX-License-Identifier: Apache-2.0
 * One queue, as many threads as cores. */
#include "base/beside.h"

#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_there = PTHREAD_COND_INITIALIZER, work_over = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct beside *first, **last = &first;

static void *serve(void *argument) {
    pthread_mutex_lock(&lock);
    for (;;) {
        struct beside *work = first;

        if (!work) {
            pthread_cond_wait(&work_there, &lock);
            continue;
        }
        first = work->next;
        last = first ? last : &first;
        work->queued = false;
        pthread_mutex_unlock(&lock);
        work->run(work->argument);
        pthread_mutex_lock(&lock);
        work->over = true;
        pthread_cond_broadcast(&work_over);
    }
    return NULL;
}

/* Without any thread all is done by who waits. */
static void start(void) {
    for (long i = sysconf(_SC_NPROCESSORS_ONLN); i > 0; i--) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, serve, NULL)) {
            return;
        }
        pthread_detach(thread);
    }
}

void beside_begin(struct beside *work) {
    pthread_once(&once, start);
    work->next = NULL;
    work->queued = true;
    work->over = false;
    pthread_mutex_lock(&lock);
    *last = work;
    last = &work->next;
    pthread_cond_signal(&work_there);
    pthread_mutex_unlock(&lock);
}

/* Under the lock. */
static void take_back(struct beside *work) {
    struct beside **at = &first;

    while (*at != work) {
        at = &(*at)->next;
    }
    *at = work->next;
    last = *at ? last : at;
}

void beside_wait(struct beside *work) {
    bool mine;

    pthread_mutex_lock(&lock);
    mine = work->queued;
    if (mine) {
        take_back(work);
    }
    while (!mine && !work->over) {
        pthread_cond_wait(&work_over, &lock);
    }
    pthread_mutex_unlock(&lock);
    if (mine) {
        work->run(work->argument);
    }
}
