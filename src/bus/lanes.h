/* SPDX-License-Identifier: Apache-2.0
 * A pool of threads that does jobs of the same key strictly in order, one at a time, and others side by side. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct lanes;

enum { LANES_MOST = 32 };

/* 'run' does and frees jobs: of one key, in their order, as many as wait but at most 'most' (up to LANES_MOST) at once.
 * 'drop' frees one that will not be done. */
struct lanes *lanes_new(int threads, size_t most, void (*run)(void *const *jobs, size_t count), void (*drop)(void *job));

/* Adds a job. 'key' null: no order. After lanes_stop it is dropped at once. Never blocks. */
void lanes_add(struct lanes *lanes, const char *key, void *job);

/* Jobs that wait or run. */
size_t lanes_count(struct lanes *lanes);

/* Waits until fewer than 'most' jobs wait or run, or the pool is stopped. */
void lanes_wait(struct lanes *lanes, size_t most);

/* Takes no more jobs, and waits up to 'seconds' (-1: without limit) for those that run. True: none runs any more. */
bool lanes_stop(struct lanes *lanes, int seconds);

/* Drops what still waits and frees the pool; only after lanes_stop was true and when nobody adds any more. */
void lanes_free(struct lanes *lanes);
