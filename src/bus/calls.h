/* SPDX-License-Identifier: Apache-2.0
 * Questions that wait for their answers; the same on both sides of the bus. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct calls;
struct frame;
struct json;

struct calls *calls_new(void);
void calls_free(struct calls *calls);       /* nobody waits any more; null is fine */

/* Asks: gives frame->number, sends with send(user, frame) (false: the peer cannot be reached), and waits up to
 * 'timeout_ms'. 'peer' is whom calls_fail names. True: *ret_result is the answer's payload in the arena (null: none).
 * False: *ret_error, in the arena. */
bool calls_ask(struct calls *calls, struct arena *arena, struct frame *frame, const void *peer,
               bool (*send)(void *user, const struct frame *frame), void *user, int timeout_ms,
               const struct json **ret_result, const char **ret_error);

/* An answer arrived; one that nobody waits for is dropped. */
void calls_answer(struct calls *calls, const struct frame *answer);

/* The connection to 'peer' broke (null: to everybody): who waits is told so. */
void calls_fail(struct calls *calls, const void *peer);
