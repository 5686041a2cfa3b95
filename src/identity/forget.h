/* SPDX-License-Identifier: Apache-2.0
 * What goes when something goes. */
#pragma once
#include "rest/call.h"

/* Deletes what hangs on rows of 'kind' ("user", "project", ... in the table), and moves identity's caches on. 'which' is
 * "?" for one row, or SQL that selects ids; 'id' is its one value. The rows themselves stay. */
bool forget(struct call *call, const char *kind, const char *which, const char *id);

/* Deletes all that lies in a domain; the domain itself stays. */
bool forget_domain(struct call *call, const char *domain_id);
