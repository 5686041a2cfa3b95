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

/* Logs a user of the default domain in with a password, for a project of that domain by its name: for services with a
 * login of their own. Outside transactions. Fails 401 in words that tell nothing. */
bool identity_login(struct call *call, const char *project, const char *user, const char *password,
                    struct caller *ret_caller, const char **ret_token);

/* True when the project exists. */
bool identity_project_exists(struct call *call, const char *project_id);
