/* SPDX-License-Identifier: Apache-2.0
 * Counting boundaries. */
#include "base/crash.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/control.h"
#include "base/log.h"

LOG_MODULE("base.crash");

struct counter {
    const char *variable, *name;
    bool counting;
    _Atomic long at;            /* 0: never */
    _Atomic long count;
};

static struct counter boundaries = {"HANEUL_CRASH_AT", "crash points"};
static struct counter allocations = {"HANEUL_ALLOC_FAIL_AT", "allocations"};
static struct counter libraries = {"HANEUL_LIBRARY_FAIL_AT", "library allocations"};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin_one(struct counter *counter) {
    const char *text = getenv(counter->variable);

    counter->counting = text != NULL;
    counter->at = text ? strtol(text, NULL, 10) : 0;
}

static void begin(void) {
    begin_one(&boundaries);
    begin_one(&allocations);
    begin_one(&libraries);
}

static void tell(void *user, struct buf *out) {
    const struct counter *counter = user;

    buf_printf(out, "%s %ld\n", counter->name, counter->count);
}

static bool fail_later(void *user, int argc, const char *const *argv, struct buf *out) {
    struct counter *counter = user;
    long n = argc == 1 ? strtol(argv[0], NULL, 10) : 0;

    counter->at = n > 0 ? counter->count + n : 0;
    buf_printf(out, "%ld\n", counter->count);
    return true;
}

void crash_begin(void) {
    pthread_once(&once, begin);
    if (boundaries.counting) {
        control_stats(tell, &boundaries);
    }
    if (allocations.counting) {
        control_stats(tell, &allocations);
    }
    if (libraries.counting) {
        control_stats(tell, &libraries);
        control_register("fail", "N: the N-th allocation of a library from now on fails (0: none); tells how many there were",
                         fail_later, &libraries);
    }
}

void crash_point(const char *where) {
    pthread_once(&once, begin);
    if (!boundaries.counting) {
        return;
    }
    long number = ++boundaries.count;

    log_debug("boundary %ld: %s", number, where);
    if (number == boundaries.at) {
        log_warn("crash point %ld (%s)", number, where);
        raise(SIGKILL);
    }
}

bool allocation_fails(void) {
    pthread_once(&once, begin);
    return allocations.counting && ++allocations.count == allocations.at;
}

bool library_allocations_watched(void) {
    pthread_once(&once, begin);
    return libraries.counting;
}

bool library_allocation_fails(void) {
    return library_allocations_watched() && ++libraries.count == libraries.at;
}
