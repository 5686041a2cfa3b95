/* SPDX-License-Identifier: Apache-2.0
 * Passwords of users under the rules of [security_compliance]: lockout, expiry, history, age, form, inactivity. */
#pragma once
#include "rest/call.h"

struct identity_user;

enum password_state { PASSWORD_WRONG, PASSWORD_GOOD, PASSWORD_EXPIRED };

/* Whether 'password' is the user's (null: there is no such user, which takes as long as a wrong one). Counts what fails
 * where accounts are locked after so many tries; a locked account's password is wrong. Blocks; outside transactions. */
enum password_state user_password_check(struct call *call, const struct identity_user *user, const char *password);

/* Fails 400 unless the text is what [security_compliance] password_regex wants. */
bool user_password_form(struct call *call, const char *password);

/* Gives the row a new hash (null: no password) with its times, and keeps the old one in the history where one is kept.
 * 'by_user': chosen by the user itself. In a write transaction; the row is the caller's to store. */
bool user_password_set(struct call *call, struct identity_user *user, const char *hash, bool by_user);

/* True unless the user is disabled, or has not been seen for too long. */
bool user_is_enabled(struct call *call, const struct identity_user *user);

/* An administrator enabled the user: it counts as seen, and failures are forgotten. */
void user_reset(struct identity_user *user);

/* Notes that the user authenticated, where somebody wants to know. Outside transactions. */
bool user_seen(struct call *call, const char *user_id);
