/* SPDX-License-Identifier: Apache-2.0
 * What whoever runs the cloud does to identity: `haneul identity COMMAND`, in the running API where there is one. */
#pragma once
#include "rest/call.h"

/* Offers the control command "identity"; once. */
void identity_manage_register(void);

/* service.periodic of identity: forgets what has expired. */
bool identity_flush(struct call *call);
