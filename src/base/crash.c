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

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool counting;
static long at;                 /* 0: never */
static _Atomic long count;

static void tell(void *user, struct buf *out) {
    buf_printf(out, "crash points %ld\n", count);
}

static void begin(void) {
    const char *text = getenv("HANEUL_CRASH_AT");

    if (text) {
        counting = true;
        at = strtol(text, NULL, 10);
        control_stats(tell, &count);
    }
}

void crash_point(const char *where) {
    pthread_once(&once, begin);
    if (!counting) {
        return;
    }
    long number = ++count;

    log_debug("boundary %ld: %s", number, where);
    if (number == at) {
        log_warn("crash point %ld (%s)", at, where);
        raise(SIGKILL);
    }
}
