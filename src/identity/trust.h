/* SPDX-License-Identifier: Apache-2.0
 * Trusts, for tokens. */
#pragma once
#include "rest/call.h"

struct identity_trust;

/* Finds a trust that may be used: there, not expired, uses left, its chain whole. Fails 404 or 403. */
bool trust_usable(struct call *call, const char *id, struct identity_trust **ret_trust);
