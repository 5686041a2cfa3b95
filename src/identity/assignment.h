/* SPDX-License-Identifier: Apache-2.0
 * Role assignments as the other files of identity ask for them. */
#pragma once
#include "rest/call.h"

/* The assignments of a user, its own and its groups': two '?', the user's id twice. */
#define SQL_ACTOR "(actor_id = ? OR actor_id IN (SELECT group_id FROM identity_membership WHERE user_id = ?))"

/* Adds to a list of projects: those where the user has a role, inherited ones too. */
void only_projects_of(struct query *query, const char *user_id);
/* Adds to a list of domains: those where the user has a role itself. */
void only_domains_of(struct query *query, const char *user_id);

/* Deletes the assignments on a project or domain that goes away, or of a user or group. Tokens are looked up again. */
bool assignments_forget_target(struct call *call, const char *id);
bool assignments_forget_actor(struct call *call, const char *id);
