/* SPDX-License-Identifier: Apache-2.0
 * A lock that lets threads in strictly in the order they came: one alone, or several that share. */
#pragma once
#include <pthread.h>
#include <stdbool.h>

struct gate {
    pthread_mutex_t lock;
    struct gate_waiter *first, *last;
    unsigned sharing;           /* inside together */
    bool alone;                 /* one is inside, alone */
};

void gate_init(struct gate *gate);
void gate_release(struct gate *gate);
void gate_enter(struct gate *gate, bool alone);
void gate_leave(struct gate *gate, bool alone);
/* Whether the next to enter waits and wants to be alone; asked from inside. */
bool gate_alone_waits(struct gate *gate);
