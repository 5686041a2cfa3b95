/* SPDX-License-Identifier: Apache-2.0
 * Rings of buffers, each with two lanes: hashing takes what is full, writing what is hashed. Each kind of lane has a crew of
 * threads of its own: a thread that hashes goes on hashing while another waits for the disk. A lane that has something to do
 * stands in its crew's queue with those of all rings; a thread takes the first, does one buffer, and puts it back at the end. */
#include "object_store/write_ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_BUFFERS = 64, MAX_SPARE = 16, MAX_SLOTS = 4, WRITERS = 4 };

struct crew {
    pthread_cond_t work_there;
    struct lane *first, **last;
    int threads, idle;
};

struct lane {
    struct ring *ring;
    struct crew *crew;
    struct lane *next;
    uint64_t done;                  /* buffers */
    bool busy;                      /* in the queue, or on a thread */
};

struct ring {
    struct ring_user user;
    char *buffers[MAX_SLOTS];
    size_t sizes[MAX_SLOTS];
    uint64_t full;                  /* buffers that were filled */
    int slots;                      /* buffers it has; grows while 'full' has not gone round */
    size_t filled;                  /* bytes in the one that is being filled */
    struct lane hashing, writing;
    int error;
    pthread_cond_t written;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct crew hashers, writers;
static char *spare[MAX_SPARE];
static int spare_count, made;

/* All below that is not said to be otherwise is called under the lock. */

static char *take_buffer(void) {
    char *buffer = spare_count ? spare[--spare_count] : NULL;

    if (!buffer && made < MAX_BUFFERS) {
        buffer = mmap(NULL, RING_BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        buffer = buffer != MAP_FAILED ? buffer : NULL;
        made += buffer != NULL;
    }
    return buffer;
}

static void give_buffer(char *buffer) {
    if (spare_count < MAX_SPARE) {
        spare[spare_count++] = buffer;
    } else {
        munmap(buffer, RING_BUFFER);
        made--;
    }
}

static uint64_t ready(const struct lane *lane) {
    return lane == &lane->ring->hashing ? lane->ring->full : lane->ring->hashing.done;
}

static void queue(struct lane *lane) {
    struct crew *crew = lane->crew;

    if (!lane->busy && lane->done < ready(lane)) {
        lane->busy = true;
        lane->next = NULL;
        *crew->last = lane;
        crew->last = &lane->next;
        if (crew->idle) {
            pthread_cond_signal(&crew->work_there);
        }
    }
}

/* Lets go of the lock while it works. */
static void do_one(struct lane *lane) {
    struct ring *ring = lane->ring;
    int slot = (int)(lane->done % (unsigned)ring->slots), error = ring->error;

    pthread_mutex_unlock(&lock);
    if (lane == &ring->hashing) {
        ring->user.hash(ring->user.user, ring->buffers[slot], ring->sizes[slot]);
    } else if (!error && !ring->user.write(ring->user.user, ring->buffers[slot], ring->sizes[slot])) {
        error = errno ? errno : EIO;
    }
    pthread_mutex_lock(&lock);
    ring->error = error ? error : ring->error;
    lane->done++;
    lane->busy = false;
    queue(lane);
    if (lane == &ring->hashing) {
        queue(&ring->writing);
    } else {
        pthread_cond_signal(&ring->written);
    }
}

static void *serve(void *argument) {
    struct crew *crew = argument;

    pthread_mutex_lock(&lock);
    for (;;) {
        struct lane *lane = crew->first;

        if (!lane) {
            crew->idle++;
            pthread_cond_wait(&crew->work_there, &lock);
            crew->idle--;
            continue;
        }
        crew->first = lane->next;
        crew->last = crew->first ? crew->last : &crew->first;
        do_one(lane);
    }
    return NULL;
}

static void crew_reset(struct crew *crew) {
    *crew = (struct crew){.work_there = PTHREAD_COND_INITIALIZER, .last = &crew->first};
}

static void before_fork(void) {
    pthread_mutex_lock(&lock);
}

static void after_fork(void) {
    pthread_mutex_unlock(&lock);
}

/* A child has none of the threads, nothing that they were at, and none of those that wait. */
static void in_child(void) {
    crew_reset(&hashers);
    crew_reset(&writers);
    once = (pthread_once_t)PTHREAD_ONCE_INIT;
    pthread_mutex_unlock(&lock);
}

/* Not under the lock. */
static void crew_start(struct crew *crew, long threads) {
    crew_reset(crew);
    for (long i = 0; i < threads; i++) {
        pthread_t thread;

        if (!pthread_create(&thread, NULL, serve, crew)) {
            pthread_detach(thread);
            crew->threads++;
        }
    }
}

/* Not under the lock. */
static void start(void) {
    static bool told;

    if (!told) {
        told = true;
        pthread_atfork(before_fork, after_fork, in_child);
    }
    crew_start(&hashers, sysconf(_SC_NPROCESSORS_ONLN));
    crew_start(&writers, WRITERS);
}

struct ring *ring_new(const struct ring_user *user) {
    struct ring *ring = NULL;
    char *buffer;

    pthread_once(&once, start);
    pthread_mutex_lock(&lock);
    buffer = hashers.threads && writers.threads ? take_buffer() : NULL;
    pthread_mutex_unlock(&lock);
    if (buffer) {
        ring = calloc(1, sizeof *ring);
        if (!ring) {
            abort();
        }
        *ring = (struct ring){.user = *user, .buffers = {buffer}, .slots = 1, .hashing = {.ring = ring, .crew = &hashers},
                              .writing = {.ring = ring, .crew = &writers}};
        pthread_cond_init(&ring->written, NULL);
    }
    return ring;
}

/* Counts the buffer that was filled as full, and makes sure that there is a free one. */
static void turn(struct ring *ring) {
    pthread_mutex_lock(&lock);
    ring->sizes[ring->full % (unsigned)ring->slots] = ring->filled;
    ring->filled = 0;
    ring->full++;
    queue(&ring->hashing);
    if (ring->full == (unsigned)ring->slots && ring->slots < MAX_SLOTS) {
        ring->buffers[ring->slots] = take_buffer();
        ring->slots += ring->buffers[ring->slots] != NULL;
    }
    while (ring->full - ring->writing.done >= (unsigned)ring->slots) {
        pthread_cond_wait(&ring->written, &lock);
    }
    pthread_mutex_unlock(&lock);
}

/* Not under the lock: after turn. */
static bool well(struct ring *ring) {
    int error;

    pthread_mutex_lock(&lock);
    error = ring->error;
    pthread_mutex_unlock(&lock);
    errno = error;
    return !error;
}

bool ring_add(struct ring *ring, const void *bytes, size_t size) {
    for (const char *at = bytes; size;) {
        size_t room = RING_BUFFER - ring->filled, part = size < room ? size : room;

        memcpy(ring->buffers[ring->full % (unsigned)ring->slots] + ring->filled, at, part);
        ring->filled += part;
        at += part;
        size -= part;
        if (ring->filled == RING_BUFFER) {
            turn(ring);
            if (!well(ring)) {
                return false;
            }
        }
    }
    return true;
}

static void settle(struct ring *ring) {
    pthread_mutex_lock(&lock);
    while (ring->writing.done < ring->full || ring->hashing.busy || ring->writing.busy) {
        pthread_cond_wait(&ring->written, &lock);
    }
    pthread_mutex_unlock(&lock);
}

bool ring_end(struct ring *ring) {
    if (ring->filled) {
        turn(ring);
    }
    settle(ring);
    return well(ring);
}

void ring_free(struct ring *ring) {
    if (!ring) {
        return;
    }
    settle(ring);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < ring->slots; i++) {
        give_buffer(ring->buffers[i]);
    }
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&ring->written);
    free(ring);
}
