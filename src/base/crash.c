/* SPDX-License-Identifier: Apache-2.0
 * Counting boundaries. */
#include "base/crash.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/allocation.h"
#include "base/buf.h"
#include "base/control.h"
#include "base/counted.h"
#include "base/log.h"

LOG_MODULE("base.crash");

static struct counted boundaries = {"HANEUL_CRASH_AT", "crash points"};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void) {
    counted_begin(&boundaries);
}

static void tell(void *user, struct buf *out) {
    const struct counted *counter = user;

    buf_printf(out, "%s %ld\n", counter->name, counter->count);
}

static bool fail_later(void *user, int argc, const char *const *argv, struct buf *out) {
    struct counted *counter = user;
    long n = argc == 1 ? strtol(argv[0], NULL, 10) : 0;

    counter->at = n > 0 ? counter->count + n : 0;
    buf_printf(out, "%ld\n", counter->count);
    return true;
}

void crash_begin(void) {
    struct counted *all[] = {&boundaries, allocations_counted(), library_allocations_counted()};

    pthread_once(&once, begin);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i]->counting) {
            control_stats(tell, all[i]);
        }
    }
    if (library_allocations_watched()) {
        control_register("fail", "N: the N-th allocation of a library from now on fails (0: none); tells how many there were",
                         fail_later, library_allocations_counted());
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
