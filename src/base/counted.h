/* SPDX-License-Identifier: Apache-2.0
 * Counting how often something is come by, and noticing the n-th time, as a variable of the environment asks. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct counted {
    const char *variable, *name;
    bool counting;
    _Atomic long at;            /* 0: never */
    _Atomic long count;
};

/* Once, before anything is counted. */
static inline void counted_begin(struct counted *counted) {
    const char *text = getenv(counted->variable);

    counted->counting = text != NULL;
    counted->at = text ? strtol(text, NULL, 10) : 0;
}
