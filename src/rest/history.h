/* SPDX-License-Identifier: Apache-2.0
 * What happened to each resource, kept for a while for `haneul why`: requests that changed it, its tasks and their failed
 * tries, faults, events. Rows of the engine's table rest_history, written in the transaction of what they tell of. */
#pragma once
#include "rest/call.h"

/* Notes something of a resource; written at the end of the call's write transaction. 'kind': "fault", "note"; 'what' in few words, 'detail'
 * (may be null) at length: 2,000 bytes are kept. The call's request id, user and project go with it.
 * 'resource_id' and 'host' live until then. */
void history_note(struct call *call, const char *kind, const char *resource_id, const char *host, const char *what,
                  const char *detail);

/* The engine's own: notes what a call has changed so far, in its name. */
void history_of_call(struct call *call);

/* The engine's own: writes what was noted, before the commit. */
bool history_write(struct call *call);

/* Forgets what is older than [history] days or beyond [history] rows. In a write transaction. */
bool history_prune(struct call *call);

/* Writes the timeline of a resource as text: "server", "volume", or "compute_server"; an id. False: 'out' says why. */
bool history_print(const char *resource, const char *id, struct buf *out);
