/* SPDX-License-Identifier: Apache-2.0
 * The gate before LDAP servers: half the workers at most are in, and a server that is silent is left alone for a while. */
#include "identity/ldap_gate.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/map.h"
#include "rest/cloud.h"

enum { REST_SECONDS = 5, MOST_KEYS = 4096 };
#define PATIENCE (SECOND / 2)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static int inside;
static int64_t moved;               /* when somebody came or went */
static struct map *silent;          /* key to the second until which it is left alone */

/* As http/server.c counts workers. */
static int most(void) {
    int64_t workers = conf_int(cloud.conf, "api", "workers", 0);

    workers = workers > 0 ? workers : sysconf(_SC_NPROCESSORS_ONLN) * 2 + 2;
    return workers > 3 ? (int)workers / 2 : 1;
}

static bool is_silent(const char *key) {
    return silent && (int64_t)(intptr_t)map_get(silent, key) > clock_monotonic() / SECOND;
}

/* Waits while somebody may still leave: not once all have been in for so long that they wait for silent servers. */
bool ldap_gate_enter(const char *key) {
    bool ok;

    pthread_mutex_lock(&lock);
    while (inside >= most() && !is_silent(key) && clock_monotonic() < moved + PATIENCE) {
        int64_t until = clock_now() + SECOND / 20;
        struct timespec time = {.tv_sec = until / SECOND, .tv_nsec = until % SECOND * 1000};

        pthread_cond_timedwait(&left, &lock, &time);
    }
    ok = inside < most() && !is_silent(key);
    inside += ok;
    moved = ok ? clock_monotonic() : moved;
    pthread_mutex_unlock(&lock);
    return ok;
}

void ldap_gate_leave(const char *key, bool dead) {
    pthread_mutex_lock(&lock);
    inside--;
    moved = clock_monotonic();
    if (!silent || map_count(silent) >= MOST_KEYS) {
        map_free(silent, NULL);
        silent = map_new();
    }
    map_set(silent, key, dead ? (void *)(intptr_t)(clock_monotonic() / SECOND + REST_SECONDS) : NULL);
    pthread_cond_broadcast(&left);
    pthread_mutex_unlock(&lock);
}
