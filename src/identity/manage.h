/* SPDX-License-Identifier: Apache-2.0
 * What whoever runs the cloud does to identity: `haneul identity COMMAND`, in the running API where there is one. */
#pragma once
#include "rest/call.h"

/* Offers the control command "identity"; once. */
void identity_manage_register(void);

/* `haneul identity mapping-test`, which needs no cloud: applies the rules of one file (JSON) to the assertion of another
 * (lines "Name: value;value") and adds what comes out to 'out' as JSON. False: *ret_error (in the arena). */
bool identity_mapping_test(struct arena *arena, const char *rules_path, const char *assertion_path, struct buf *out,
                           const char **ret_error);

/* service.periodic of identity: forgets what has expired. */
bool identity_flush(struct call *call);
