/* SPDX-License-Identifier: Apache-2.0
 * From a token to a caller: the user, the scope, and the roles there, direct, by group, inherited and implied. */
#include <string.h>

#include "identity/identity.h"
#include "identity/token.h"
#include "identity/types.h"

enum { MAX_DEPTH = 32 };

/* Roles of the user (and its groups) on one target, with what they imply; names and ids are appended. */
static const char sql_roles[] =
    "WITH RECURSIVE held(id) AS ("
    "  SELECT role_id FROM identity_assignment"
    "   WHERE target_id = ? AND inherited = ?"
    "     AND (actor_id = ? OR actor_id IN (SELECT group_id FROM identity_membership WHERE user_id = ?))"
    "  UNION"
    "  SELECT implied_role_id FROM identity_implied_role JOIN held ON prior_role_id = held.id"
    ") SELECT identity_role.id, identity_role.name FROM identity_role JOIN held ON held.id = identity_role.id"
    "   WHERE identity_role.domain_id IS NULL"
    "   ORDER BY identity_role.id";

struct roles {
    const char **ids, **names;
    size_t count;
};

static bool has_role(const struct roles *roles, const char *id) {
    for (size_t i = 0; i < roles->count; i++) {
        if (!strcmp(roles->ids[i], id)) {
            return true;
        }
    }
    return false;
}

static void roles_add(struct call *call, struct roles *roles, const char *user, const char *target, bool inherited) {
    struct rows *rows = db_query(call->db, sql_roles,
                                 SQL_ARGS(sql_text(target), sql_int(inherited), sql_text(user), sql_text(user)));

    while (rows_next(rows)) {
        if (!has_role(roles, rows_text(rows, 0))) {
            roles->ids = arena_grow(call->arena, roles->ids, roles->count, sizeof *roles->ids);
            roles->names = arena_grow(call->arena, roles->names, roles->count, sizeof *roles->names);
            roles->ids[roles->count] = arena_text(call->arena, rows_text(rows, 0));
            roles->names[roles->count++] = arena_text(call->arena, rows_text(rows, 1));
        }
    }
    rows_end(rows);
}

/* Roles that come down the tree: from the parents and the domain, where they are inherited. */
static void roles_inherited(struct call *call, struct roles *roles, const char *user, const struct identity_project *project) {
    const char *parent = project->parent_id;

    for (int depth = 0; parent && depth < MAX_DEPTH && strcmp(parent, project->domain_id); depth++) {
        struct identity_project *up;

        roles_add(call, roles, user, parent, true);
        if (!row_find(call, &resource_identity_project, parent, &up)) {
            break;
        }
        parent = up->parent_id;
    }
    roles_add(call, roles, user, project->domain_id, true);
}

static bool domain_of(struct call *call, const char *id, struct identity_domain **ret) {
    return row_find(call, &resource_identity_domain, id, ret) && (*ret)->enabled;
}

static bool load_project(struct call *call, const struct token *token, struct caller *caller, struct roles *roles) {
    struct identity_project *project;
    struct identity_domain *domain;

    if (!row_find(call, &resource_identity_project, token->scope_id, &project) || !project->enabled) {
        return false;
    }
    if (!domain_of(call, project->is_domain ? project->id : project->domain_id, &domain) ||
        token->issued < project->tokens_from || token->issued < domain->tokens_from) {
        return false;
    }
    caller->project_id = project->id;
    caller->project_name = project->name;
    caller->project_domain_id = domain->id;
    caller->project_domain_name = domain->name;
    roles_add(call, roles, token->user_id, project->id, false);
    roles_inherited(call, roles, token->user_id, project);
    return roles->count > 0;
}

static bool load_domain(struct call *call, const struct token *token, struct caller *caller, struct roles *roles) {
    struct identity_domain *domain;

    if (!domain_of(call, token->scope_id, &domain) || token->issued < domain->tokens_from) {
        return false;
    }
    caller->domain_id = domain->id;
    caller->domain_name = domain->name;
    roles_add(call, roles, token->user_id, domain->id, false);
    return roles->count > 0;
}

static bool load_user(struct call *call, const struct token *token, struct caller *caller) {
    struct identity_user *user;
    struct identity_domain *domain;

    if (!row_find(call, &resource_identity_user, token->user_id, &user) || !user->enabled ||
        token->issued < user->tokens_from || !domain_of(call, user->domain_id, &domain) ||
        token->issued < domain->tokens_from) {
        return false;
    }
    caller->user_id = user->id;
    caller->user_name = user->name;
    caller->user_domain_id = domain->id;
    caller->user_domain_name = domain->name;
    caller->expires = token->expires;
    return true;
}

static bool load_scope(struct call *call, const struct token *token, struct caller *caller, struct roles *roles) {
    switch (token->scope) {
    case SCOPE_PROJECT:
        return load_project(call, token, caller, roles);
    case SCOPE_DOMAIN:
        return load_domain(call, token, caller, roles);
    case SCOPE_SYSTEM:
        caller->system = "all";
        roles_add(call, roles, token->user_id, "system", false);
        return roles->count > 0;
    default:
        return true;
    }
}

bool caller_load(struct call *call, const struct token *token, struct caller *caller) {
    struct roles roles = {0};

    *caller = (struct caller){0};
    if (!load_user(call, token, caller) || !load_scope(call, token, caller, &roles)) {
        return false;
    }
    caller->roles = roles.names;
    caller->role_ids = roles.ids;
    caller->role_count = roles.count;
    return db_failure(call->db) == DB_OK;
}
