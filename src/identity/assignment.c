/* SPDX-License-Identifier: Apache-2.0
 * Role assignments: made and removed through the path that names actor, target and role. */
#include "identity/assignment.h"

#include <string.h>

#include "base/clock.h"
#include "http/http.h"
#include "identity/identity.h"
#include "identity/target.h"
#include "identity/token.h"
#include "identity/types.h"

static bool is_inherited(const struct call *call) {
    return !strncmp(call->operation->path, "/v3/OS-INHERIT/", 15);
}

/* Who: {user_id} or {group_id}. One that is gone may still be removed. */
static bool locate_actor(struct call *call, struct identity_assignment *row) {
    const char *kind = call_parameter(call, "user_id") ? "user" : "group";
    void *found;

    row->actor_type = kind;
    row->actor_id = call_parameter(call, arena_printf(call->arena, "%s_id", kind));
    return call->http->method == HTTP_DELETE || path_row(call, kind, &found);
}

/* Where: {project_id}, {domain_id} or the system. A role of a domain is for projects of that domain alone. */
static bool locate_target(struct call *call, struct identity_assignment *row) {
    struct identity_project *project;
    struct identity_domain *domain;
    struct identity_role *role;

    row->target_type = row->target_id = "system";
    if (call_parameter(call, "domain_id")) {
        row->target_type = "domain";
        row->target_id = call_parameter(call, "domain_id");
        return path_row(call, "domain", &domain);
    }
    if (call_parameter(call, "project_id")) {
        row->target_type = "project";
        row->target_id = call_parameter(call, "project_id");
        if (!path_row(call, "project", &project)) {
            return false;
        }
        if (call->http->method == HTTP_PUT && path_row(call, "role", &role) && role->domain_id && strcmp(role->domain_id, project->domain_id) != 0) {
            return fail(call, 403, "Project %s must be in the same domain as the role %s being assigned.", project->id,
                        role->id);
        }
    }
    return true;
}

bool identity_assignment_locate(struct call *call, void *pointer) {
    struct identity_assignment *row = pointer;

    row->inherited = is_inherited(call);
    return locate_actor(call, row) && locate_target(call, row);
}

bool identity_assignment_create(struct call *call, void *row) {
    event_note(call, "role_assignment.create", ((const struct identity_assignment *)row)->role_id);
    identity_changed(call);
    return true;
}

bool identity_assignment_delete(struct call *call, void *row) {
    identity_changed(call);
    event_note(call, "role_assignment.delete", ((const struct identity_assignment *)row)->role_id);
    return true;
}

/* ---- what counts for a user ---- */

static void add_arg(struct call *call, struct condition *condition, struct value value) {
    condition->args = arena_grow(call->arena, condition->args, condition->count, sizeof *condition->args);
    condition->args[condition->count++] = value;
}

struct condition assignments_of(struct call *call, const char *user_id, const struct token *token) {
    static const char held[] =
        "actor_id = ? OR actor_id IN (SELECT group_id FROM identity_membership WHERE user_id = ? UNION ALL"
        " SELECT group_id FROM identity_expiring_membership WHERE user_id = ? AND expires_at > ?)";
    const struct json *groups = token && token->group_ids
                                    ? json_parse(call->arena, token->group_ids, strlen(token->group_ids), NULL) : NULL;
    struct condition condition = {.sql = held};

    for (int i = 0; i < 3; i++) {
        add_arg(call, &condition, sql_text(user_id));
    }
    add_arg(call, &condition, sql_int(clock_now()));
    for (JSON_EACH(group, groups)) {
        condition.sql = arena_printf(call->arena, "%s%s", condition.sql, group == groups->first ? " OR actor_id IN (?" : ", ?");
        add_arg(call, &condition, sql_text(group->text));
    }
    condition.sql = arena_printf(call->arena, "(%s%s)", condition.sql, groups && groups->count ? ")" : "");
    return condition;
}

struct condition projects_of(struct call *call, const char *user_id, const struct token *token) {
    struct condition actor = assignments_of(call, user_id, token), twice = actor;

    for (size_t i = 0; i < actor.count; i++) {
        add_arg(call, &twice, actor.args[i]);
    }
    twice.sql = arena_printf(call->arena,
                             "id IN (WITH RECURSIVE below(id) AS ("
                             "  SELECT p.id FROM identity_project p JOIN identity_assignment a ON a.target_id = p.parent_id"
                             "    AND a.inherited = 1 WHERE %s"
                             "  UNION"
                             "  SELECT p.id FROM identity_project p JOIN below ON p.parent_id = below.id)"
                             " SELECT id FROM below"
                             " UNION SELECT target_id FROM identity_assignment"
                             "   WHERE inherited = 0 AND target_type = 'project' AND %s)", actor.sql, actor.sql);
    return twice;
}

struct condition domains_of(struct call *call, const char *user_id, const struct token *token) {
    struct condition actor = assignments_of(call, user_id, token);

    actor.sql = arena_printf(call->arena, "id IN (SELECT target_id FROM identity_assignment"
                                          " WHERE inherited = 0 AND target_type = 'domain' AND %s)", actor.sql);
    return actor;
}

/* ---- the roles that an actor has on a target: lists below the target's path ---- */

static const char sql_roles_of[] =
    "id IN (SELECT role_id FROM identity_assignment WHERE actor_id = ? AND target_id = ? AND inherited = ?)";

static bool list_granted(struct call *call, struct query *query) {
    struct identity_assignment row = {0};

    if (!identity_assignment_locate(call, &row)) {
        return false;
    }
    query_take(query, "domain_id");
    query_where(query, sql_roles_of, SQL_ARGS(sql_text(row.actor_id), sql_text(row.target_id), sql_int(row.inherited)));
    return true;
}

bool identity_role_list(struct call *call, struct query *query) {
    if (call->parameter_count) {
        return list_granted(call, query);
    }
    if (!call_argument(call, "domain_id")) {
        query_where(query, "domain_id IS NULL", SQL_NO_ARGS);
    }
    return true;
}
