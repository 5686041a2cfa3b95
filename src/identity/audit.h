/* SPDX-License-Identifier: Apache-2.0
 * Who did what: a CADF record (DMTF DSP0262) of each change and authentication, one line of JSON in the log, named as
 * Keystone names its notifications. */
#pragma once
#include "rest/call.h"

/* service.publish of identity: a change that was committed. */
void identity_publish(struct call *call, const char *what, const char *id);

/* An authentication of 'user_id' (null: nobody we know) went well or not. */
void audit_authenticate(struct call *call, const char *user_id, bool ok);
