/* SPDX-License-Identifier: Apache-2.0
 * What the other services may ask of identity. */
#pragma once
#include <stdbool.h>

#include "rest/service.h"

/* Identity's entry in the table of services. */
extern const struct service identity;

/* Keeps identity's caches true: tokens validated before are looked up again. Call it in a write transaction that changes
 * users, projects, domains, roles or assignments; it takes effect after the commit. */
void identity_changed(struct call *call);

/* True when the project exists. */
bool identity_project_exists(struct call *call, const char *project_id);
