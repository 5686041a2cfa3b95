/* SPDX-License-Identifier: Apache-2.0
 * Checking passwords: bcrypt is slow by design, so a password that was right is remembered for a short while as a keyed
 * hash, in memory only. */
#pragma once
#include <stdbool.h>

struct call;

/* True when 'password' is the one that 'hash' was made of. A null hash takes as long as a wrong password, so that time
 * does not tell whether the user exists. Blocks; outside transactions. */
bool password_check(const char *user_id, const char *password, const char *hash);

/* The hash to store; takes about a quarter of a second ([identity] password_cost, a power of two, 12). */
const char *password_make(struct call *call, const char *password);

/* Whether password_make would make a hash of that form and cost. */
bool password_is_current(const char *hash);
