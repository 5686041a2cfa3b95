/* SPDX-License-Identifier: Apache-2.0
 * Counting boundaries. */
#include "rest/crash.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

LOG_MODULE("rest.crash");

void crash_point(const char *where) {
    static _Atomic long count;
    static _Atomic long at = -1;

    if (at < 0) {
        const char *text = getenv("HANEUL_CRASH_AT");

        at = text ? strtol(text, NULL, 10) : 0;
    }
    if (at > 0 && ++count == at) {
        log_warn("crash point %ld (%s)", (long)at, where);
        _exit(137);
    }
}
