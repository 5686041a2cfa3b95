/* SPDX-License-Identifier: Apache-2.0
 * The few largest arenas. */
#include "base/arena_top.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

enum { TOP = 10, TEXT = 121 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic size_t least;            /* of those that are kept, once there are TOP */
static struct seen {
    size_t used;
    char what[TEXT], request_id[TEXT];
} top[TOP];                             /* largest first */

void arena_seen(const struct arena *arena, const char *kind, const char *what, const char *request_id) {
    size_t used = arena_used(arena), at = TOP;

    if (used <= least) {
        return;
    }
    pthread_mutex_lock(&lock);
    while (at && top[at - 1].used < used) {
        at--;
    }
    if (at < TOP) {
        memmove(&top[at + 1], &top[at], (TOP - at - 1) * sizeof *top);
        top[at].used = used;
        snprintf(top[at].what, sizeof top[at].what, "%s %s", kind, what);
        snprintf(top[at].request_id, sizeof top[at].request_id, "%s", request_id ? request_id : "");
        least = top[TOP - 1].used;
    }
    pthread_mutex_unlock(&lock);
}

void arena_top_print(struct buf *out) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < TOP && top[i].used; i++) {
        buf_printf(out, "%zu %s %s\n", top[i].used, top[i].what, top[i].request_id);
    }
    pthread_mutex_unlock(&lock);
}
