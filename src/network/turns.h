/* SPDX-License-Identifier: Apache-2.0
 * Who may work on a resource: one at a time, and a pass over everything gives way to what was done by itself meanwhile,
 * for the answer that the pass goes by may be older than that. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Waits until nobody works on 'key', and notes the time. turn_end() lets the next one in. */
void turn_begin(const char *key);

/* The same for a pass that began at 'since' (clock_monotonic): false, and no turn, when a turn began after that. */
bool turn_begin_unless(const char *key, int64_t since);

void turn_end(const char *key);

/* Forgets turns that began before 'time'. */
void turns_forget(int64_t time);
