/* SPDX-License-Identifier: Apache-2.0
 * Application credentials, for tokens. */
#pragma once
#include "rest/call.h"

/* True when one of the rules (a JSON list of service, method and path) is for the call's request. */
bool access_rules_allow(struct call *call, const char *rules);

/* The JSON list of roles {"id", "name", "domain_id"} for each of 'count' texts, which are JSON lists of ids; one
 * statement for all. Each ids[i] is replaced. 'links' adds where the role is found. */
bool roles_shown(struct call *call, const char **texts, size_t count, bool links);

/* Role ids as a JSON list out of inputs (struct named_role with an id or a name). Fails 404. */
bool roles_given(struct call *call, const struct objects *roles, const char **ret_ids);
