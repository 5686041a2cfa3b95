/* SPDX-License-Identifier: Apache-2.0
 * The audit: looks whether the invariants of all services hold, and mends breaks. What is looked for is declared beside
 * each resource (INVARIANT and ON_HOST lines; .refers, .points and .passing of fields). */
#pragma once
#include "rest/call.h"

struct audit;

/* For an invariant's .find or .look: 'id' breaks it, because of what the text says. */
void audit_break(struct audit *audit, const char *id, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Looks, and with 'mend' mends what it found and looks again. Writes
 *   {"breaks": [{"invariant", "says", "id", "what", "did", "mended"}], "looked": number of invariants,
 *    "unseen": [hosts that could not be asked, and why]}
 * 'did' and 'mended' only with 'mend'. Takes a second when there are breaks. False: *ret_error (in the arena). */
bool audit_run(struct arena *arena, bool mend, struct json_out *out, const char **ret_error);

/* Adds the command "audit" to the control socket. */
void audit_register(void);
