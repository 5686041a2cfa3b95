/* SPDX-License-Identifier: Apache-2.0
 * Work done on another thread while the caller goes on: for two costly things that need the same bytes, as hashing and
 * writing them do. A few threads serve all; work that none of them began yet is done by who waits for it. */
#pragma once
#include <stdbool.h>

struct beside {
    void (*run)(void *argument);        /* set both; the rest is beside.c's */
    void *argument;
    struct beside *next;
    bool queued, over;
};

/* The work, and all that it touches, must stay until beside_wait returned. */
void beside_begin(struct beside *work);
void beside_wait(struct beside *work);
