/* SPDX-License-Identifier: Apache-2.0
 * Trusts, for tokens. */
#pragma once
#include "rest/call.h"

struct identity_trust;

/* Finds a trust that may be used: there, not expired, uses left. */
bool trust_find(struct call *call, const char *id, struct identity_trust **ret_trust);
/* The same; fails 404. */
bool trust_usable(struct call *call, const char *id, struct identity_trust **ret_trust);
