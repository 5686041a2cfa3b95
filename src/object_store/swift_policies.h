/* SPDX-License-Identifier: Apache-2.0
 * Storage policies by their names. */
#pragma once
#include "object_store/swift_parts.h"

struct swift_policy {
    int index;
    const char *name;
    const char *aliases;            /* with the name, as in "gold, yellow" */
    bool is_default, deprecated;
};

/* Reads the configuration. Once. False with what is wrong with it. */
bool swift_policies_prepare(const char **ret_error);
/* By a name or alias, whatever its case; null: there is none. */
const struct swift_policy *swift_policy_named(const char *name);
const struct swift_policy *swift_policy_at(int index);      /* null: it is configured no more */
void swift_policies_info(struct json_out *out);             /* the list of /info */
/* Headers X-Account-Storage-Policy-NAME-* of the account. */
void swift_policy_headers(struct swift *sw);
