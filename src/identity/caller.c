/* SPDX-License-Identifier: Apache-2.0
 * From a token to a caller: the user, the scope, and the roles there, direct, by group, inherited and implied. */
#include <string.h>

#include "base/clock.h"
#include "identity/assignment.h"
#include "identity/identity.h"
#include "identity/token.h"
#include "identity/types.h"
#include "identity/user_password.h"

/* Roles that count on one target: given there, or inherited from above it, with what they imply. Roles of a domain only
 * imply. The target thrice, then the arguments of %s: whose. SQLite keeps the order of a CROSS JOIN: it goes from the few roles
 * that are held to their rows, and not through all roles. */
static const char sql_roles[] =
    "WITH RECURSIVE up(id) AS ("
    "  SELECT id FROM identity_project WHERE id = ?"
    "  UNION"
    "  SELECT p.parent_id FROM identity_project p JOIN up ON p.id = up.id WHERE p.parent_id IS NOT NULL"
    "), held(id) AS ("
    "  SELECT role_id FROM identity_assignment"
    "   WHERE (inherited = 0 AND target_id = ? OR inherited = 1 AND target_id <> ? AND target_id IN (SELECT id FROM up))"
    "     AND %s"
    "  UNION"
    "  SELECT implied_role_id FROM identity_implied_role JOIN held ON prior_role_id = held.id"
    ") SELECT identity_role.id, identity_role.name FROM held CROSS JOIN identity_role"
    "   WHERE identity_role.id = held.id AND identity_role.domain_id IS NULL"
    "   ORDER BY identity_role.id";

struct roles {
    const char **ids, **names;
    size_t count;
};

/* 'token' null: only what the user has by rows, whatever its token says. */
static void roles_add(struct call *call, struct roles *roles, const char *user, const struct token *token, const char *target) {
    struct condition whose = assignments_of(call, user, token);
    struct value *args = ARENA_ARRAY(call->arena, struct value, whose.count + 3);
    struct rows *rows;

    args[0] = args[1] = args[2] = sql_text(target);
    memcpy(args + 3, whose.args, whose.count * sizeof *args);
    rows = db_query(call->db, arena_printf(call->arena, sql_roles, whose.sql), args, whose.count + 3);
    while (rows_next(rows)) {
        roles->ids = arena_grow(call->arena, roles->ids, roles->count, sizeof *roles->ids);
        roles->names = arena_grow(call->arena, roles->names, roles->count, sizeof *roles->names);
        roles->ids[roles->count] = arena_text(call->arena, rows_text(rows, 0));
        roles->names[roles->count++] = arena_text(call->arena, rows_text(rows, 1));
    }
    rows_end(rows);
}

static bool in_list(const struct json *list, const char *id) {
    for (JSON_EACH(item, list)) {
        if (!strcmp(item->text, id)) {
            return true;
        }
    }
    return false;
}

/* Leaves only the roles in 'ids' (a JSON list). Returns how many are left. */
static size_t roles_narrow(struct call *call, struct roles *roles, const char *ids, size_t *ret_wanted) {
    const struct json *list = json_parse(call->arena, ids, strlen(ids), NULL);
    size_t kept = 0;

    for (size_t i = 0; i < roles->count; i++) {
        if (in_list(list, roles->ids[i])) {
            roles->ids[kept] = roles->ids[i];
            roles->names[kept++] = roles->names[i];
        }
    }
    *ret_wanted = list ? list->count : 0;
    return roles->count = kept;
}

static bool domain_of(struct call *call, const char *id, struct identity_domain **ret) {
    return row_find(call, &resource_identity_domain, id, ret) && (*ret)->enabled;
}

static bool load_project(struct call *call, const struct token *token, struct caller *caller) {
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
    return true;
}

static bool load_domain(struct call *call, const struct token *token, struct caller *caller) {
    struct identity_domain *domain;

    if (!domain_of(call, token->scope_id, &domain) || token->issued < domain->tokens_from) {
        return false;
    }
    caller->domain_id = domain->id;
    caller->domain_name = domain->name;
    return true;
}

static bool load_user(struct call *call, struct token *token, struct caller *caller) {
    struct identity_user *user;
    struct identity_domain *domain;

    if (!row_find(call, &resource_identity_user, token->user_id, &user) || !user_is_enabled(call, user) ||
        token->issued < user->tokens_from || !domain_of(call, user->domain_id, &domain) ||
        token->issued < domain->tokens_from) {
        return false;
    }
    caller->user_id = user->id;
    caller->user_name = user->name;
    caller->user_domain_id = domain->id;
    caller->user_domain_name = domain->name;
    caller->expires = token->expires;
    token->password_expires = user->password_expires_at;
    return true;
}

/* A token that a provider's word made ends when the provider or the protocol does. */
static bool load_federation(struct call *call, const struct token *token) {
    struct identity_provider *provider;
    struct identity_protocol *protocol;

    return !token->idp_id ||
           (row_find(call, &resource_identity_provider, token->idp_id, &provider) && provider->enabled &&
            token->issued >= provider->tokens_from &&
            row_first(call, &resource_identity_protocol, "idp_id = ? AND id = ?",
                      SQL_ARGS(sql_text(token->idp_id), sql_text(token->protocol_id)), &protocol) &&
            protocol && token->issued >= protocol->tokens_from);
}

/* Roles by a membership that ends have to be asked for again by then. */
static int64_t memberships_until(struct call *call, const char *user_id) {
    return db_query_int(call->db, "SELECT min(expires_at) FROM identity_expiring_membership WHERE user_id = ? AND expires_at > ?",
                        SQL_ARGS(sql_text(user_id), sql_int(clock_now())), 0);
}

static bool load_scope(struct call *call, const struct token *token, struct caller *caller) {
    switch (token->scope) {
    case SCOPE_PROJECT:
        return load_project(call, token, caller);
    case SCOPE_DOMAIN:
        return load_domain(call, token, caller);
    case SCOPE_SYSTEM:
        caller->system = "all";
        return true;
    default:
        return true;
    }
}

/* ---- delegation: whose roles count, and how many of them ---- */

static bool user_enabled(struct call *call, const char *id) {
    struct identity_user *user;
    struct identity_domain *domain;

    return row_find(call, &resource_identity_user, id, &user) && user_is_enabled(call, user) &&
           domain_of(call, user->domain_id, &domain);
}

/* A trust gives the trustor's roles, all that it names or none at all. */
static bool load_trust(struct call *call, const struct token *token, struct caller *caller, struct roles *roles) {
    struct identity_trust *trust;
    size_t wanted;

    if (!row_find(call, &resource_identity_trust, token->delegation_id, &trust) ||
        (trust->expires_at && trust->expires_at <= clock_now()) || !user_enabled(call, trust->trustor_user_id) ||
        !user_enabled(call, trust->trustee_user_id)) {
        return false;
    }
    caller->trust_id = trust->id;
    caller->trustor_id = trust->trustor_user_id;
    caller->trustee_id = trust->trustee_user_id;
    if (!token->scope_id) {
        return true;
    }
    roles_add(call, roles, trust->trustor_user_id, NULL, token->scope_id);
    return roles_narrow(call, roles, trust->role_ids, &wanted) == wanted;
}

static bool load_application_credential(struct call *call, struct token *token, struct roles *roles) {
    struct identity_application_credential *row;
    size_t wanted;

    if (!row_find(call, &resource_identity_application_credential, token->delegation_id, &row) ||
        (row->expires_at && row->expires_at <= clock_now())) {
        return false;
    }
    token->access_rules = row->access_rules_kept;
    roles_add(call, roles, token->user_id, NULL, token->scope_id);
    return roles_narrow(call, roles, row->role_ids, &wanted) > 0;
}

static bool load_access_token(struct call *call, const struct token *token, struct roles *roles) {
    struct identity_access_token *row;
    size_t wanted;

    if (!row_find(call, &resource_identity_access_token, token->delegation_id, &row) || row->expires_at <= clock_now()) {
        return false;
    }
    roles_add(call, roles, token->user_id, NULL, token->scope_id);
    return roles_narrow(call, roles, row->role_ids, &wanted) == wanted;
}

static bool load_roles(struct call *call, struct token *token, struct caller *caller, struct roles *roles) {
    switch (token->delegation) {
    case DELEGATION_TRUST:
        return load_trust(call, token, caller, roles);
    case DELEGATION_APPLICATION_CREDENTIAL:
        return load_application_credential(call, token, roles);
    case DELEGATION_OAUTH1:
        return load_access_token(call, token, roles);
    default:
        if (token->scope != SCOPE_NONE) {
            roles_add(call, roles, token->user_id, token, caller->system ? "system" : token->scope_id);
        }
        return token->scope == SCOPE_NONE || roles->count;
    }
}

bool caller_load(struct call *call, struct token *token, struct caller *caller) {
    struct roles roles = {0};

    *caller = (struct caller){0};
    if (!load_user(call, token, caller) || !load_federation(call, token) || !load_scope(call, token, caller) ||
        !load_roles(call, token, caller, &roles)) {
        return false;
    }
    token->until = token->scope == SCOPE_NONE ? 0 : memberships_until(call, caller->trustor_id ? caller->trustor_id : caller->user_id);
    caller->roles = roles.names;
    caller->role_ids = roles.ids;
    caller->role_count = roles.count;
    return db_failure(call->db) == DB_OK;
}
