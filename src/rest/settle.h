/* SPDX-License-Identifier: Apache-2.0
 * Every transition has an owner: values that should pass (field.passing) and that nothing works on any more are ended with
 * a recorded fault, and so are tasks that did not end in time. */
#pragma once
#include <stdbool.h>

struct call;
struct field;
struct resource;

/* One look, about every few seconds, outside transactions. */
void settle_round(void);

/* Ends a passing value that nothing works on, where it is still so ('seen_value' null: whichever it is); the resource has
 * .on_stuck. In a write transaction. */
bool settle_end(struct call *call, const struct resource *resource, const struct field *field, const char *id,
                const char *seen_value, const char *cause);

/* Forgets rows whose time (resource.expires) is over for EXPIRED_DAYS. In a write transaction. */
enum { EXPIRED_DAYS = 2 };
bool settle_expired(struct call *call);
