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

/* Projects where a user has a role, as a condition on the table of projects: the user's id four times. */
extern const char sql_projects_of[];

/* The filters tags, tags-any, not-tags and not-tags-any of a list of projects. */
bool project_tags_filter(struct call *call, struct query *query);
