/* SPDX-License-Identifier: Apache-2.0
 * Role assignments as the other files of identity ask for them. */
#pragma once
#include "rest/call.h"

struct token;

/* SQL with its arguments, in the arena of the call. */
struct condition {
    const char *sql;
    struct value *args;
    size_t count;
};

/* The assignments that count for a user: its own, its groups', and those of the groups that 'token' (may be null) says it
 * is in. A condition on the table of assignments. */
struct condition assignments_of(struct call *call, const char *user_id, const struct token *token);
/* Projects where it has a role, inherited ones too; domains where it has a role itself: conditions on their table. */
struct condition projects_of(struct call *call, const char *user_id, const struct token *token);
struct condition domains_of(struct call *call, const char *user_id, const struct token *token);

/* The filters tags, tags-any, not-tags and not-tags-any of a list of projects. */
bool project_tags_filter(struct call *call, struct query *query);
