/* SPDX-License-Identifier: Apache-2.0
 * What every cloud has, made at start and again on demand. */
#pragma once
#include "rest/call.h"

/* service.bootstrap of identity. */
bool identity_bootstrap(struct call *call);

/* Makes what is missing of the first domain, projects, roles and grants, and lets the administrator in again with the
 * password of DATA/api/admin-password. In a write transaction. */
bool identity_need_directory(struct call *call);
