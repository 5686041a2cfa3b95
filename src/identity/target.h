/* SPDX-License-Identifier: Apache-2.0
 * The objects that a path names: for policy ("target.user.domain_id"), and for handlers that need them. */
#pragma once
#include "rest/call.h"

/* api_style.attribute of identity: of the row, of what the path names ({user_id} is target.user), of the caller's domain
 * where a list is asked for. "target.scope" is what the token is for: project,
 * domain, system. */
const char *identity_attribute(struct call *call, const struct resource *resource, const void *row, const char *name);

/* api_style.list_limit of identity. */
int64_t identity_list_limit(struct call *call);

/* Finds what {KIND_id} in the path names; fails 404. 'ret_row' points to a pointer to the kind's struct. */
bool path_row(struct call *call, const char *kind, void *ret_row);
