/* SPDX-License-Identifier: Apache-2.0
 * Several methods in steps: the rules of a user say which sets of methods are enough, and a receipt says which of them its
 * holder has passed already (header Openstack-Auth-Receipt). */
#pragma once
#include <stdbool.h>

struct call;
struct identity_user;

/* The methods that the request's receipt vouches for; 0 without one. False when it is not ours, has expired, or is
 * somebody else's. */
bool receipt_read(struct call *call, const char *user_id, unsigned *ret_methods);

/* Whether 'methods' (enum token_method) are enough for the user. Rules ask only for methods that there are. */
bool receipt_enough(struct call *call, const struct identity_user *user, unsigned methods);

/* Answers 401 with a receipt for 'methods'. In a transaction. */
bool receipt_write(struct call *call, const struct identity_user *user, unsigned methods);
