/* SPDX-License-Identifier: Apache-2.0
 * The gate: whoever leaves lets the next ones in by name, so nobody overtakes and nobody spins. */
#include "store/gate.h"

#include <assert.h>

struct gate_waiter {
    struct gate_waiter *next;
    pthread_cond_t called;
    bool alone, inside;
};

void gate_init(struct gate *gate) {
    *gate = (struct gate){0};
    pthread_mutex_init(&gate->lock, NULL);
}

void gate_release(struct gate *gate) {
    assert(!gate->first && !gate->alone && !gate->sharing);
    pthread_mutex_destroy(&gate->lock);
}

static bool admit(struct gate *gate, bool alone) {
    if (gate->alone || (alone && gate->sharing)) {
        return false;
    }
    gate->alone = alone;
    gate->sharing += !alone;
    return true;
}

static void wait_for_turn(struct gate *gate, bool alone) {
    struct gate_waiter self = {.called = PTHREAD_COND_INITIALIZER, .alone = alone};

    *(gate->last ? &gate->last->next : &gate->first) = &self;
    gate->last = &self;
    while (!self.inside) {
        pthread_cond_wait(&self.called, &gate->lock);
    }
    pthread_cond_destroy(&self.called);
}

void gate_enter(struct gate *gate, bool alone) {
    pthread_mutex_lock(&gate->lock);
    if (gate->first || !admit(gate, alone)) {
        wait_for_turn(gate, alone);
    }
    pthread_mutex_unlock(&gate->lock);
}

void gate_leave(struct gate *gate, bool alone) {
    pthread_mutex_lock(&gate->lock);
    if (alone) {
        gate->alone = false;
    } else {
        gate->sharing--;
    }
    while (gate->first && admit(gate, gate->first->alone)) {
        struct gate_waiter *next = gate->first;

        gate->first = next->next;
        if (!gate->first) {
            gate->last = NULL;
        }
        next->inside = true;
        pthread_cond_signal(&next->called);
    }
    pthread_mutex_unlock(&gate->lock);
}

bool gate_alone_waits(struct gate *gate) {
    bool waits;

    pthread_mutex_lock(&gate->lock);
    waits = gate->first && gate->first->alone;
    pthread_mutex_unlock(&gate->lock);
    return waits;
}
