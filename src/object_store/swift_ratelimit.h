/* SPDX-License-Identifier: Apache-2.0
 * Limits on how often. */
#pragma once
#include "object_store/swift_parts.h"

void swift_ratelimit_prepare(void);     /* reads the configuration */
void swift_ratelimit_info(struct json_out *out);    /* "ratelimit" of /info, when there are limits */
/* The container's number of objects is needed for changes of objects too. */
bool swift_ratelimit_counts(void);
/* Sets sw->wait, microseconds until the request's turn. False: answered with 497 or 498. */
bool swift_ratelimit(struct swift *sw);
/* Waits for the turn, on a worker. False: answered with 498, because too many wait. */
bool swift_ratelimit_wait(struct swift *sw);
