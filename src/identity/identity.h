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

/* For services that check signed requests themselves: the secret of the EC2 keys 'access', and in call->caller who calls
 * with them. From memory where they are known. Null: there are no such keys, or their user, project or roles are gone, or
 * (call->error) they could not be looked up. Outside transactions. */
const char *identity_ec2_secret(struct call *call, const char *access);

/* Minutes before and after its time for which a signed request is good, as microseconds. */
int64_t identity_ec2_window(void);

/* The project's name; null when there is no such project. Outside transactions. */
const char *identity_project_name(struct call *call, const char *project_id);

/* True when the project exists. */
bool identity_project_exists(struct call *call, const char *project_id);
