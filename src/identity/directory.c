/* SPDX-License-Identifier: Apache-2.0
 * Behaviour of the directory beyond its declarations: domains, projects, users, groups, roles, and the catalog's rows. */
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "identity/identity.h"
#include "identity/types.h"

/* ---- catalog ---- */

bool identity_region_delete(struct call *call, void *pointer) {
    const struct identity_region *region = pointer;

    if (call_count(call, "SELECT count(*) FROM identity_region WHERE parent_region_id = ?", SQL_ARGS(sql_text(region->id))) ||
        call_count(call, "SELECT count(*) FROM identity_endpoint WHERE region_id = ?", SQL_ARGS(sql_text(region->id)))) {
        return fail(call, 403, "Unable to delete region %s because it or its child regions have associated endpoints.",
                    region->id);
    }
    return true;
}

bool identity_service_delete(struct call *call, void *pointer) {
    const struct identity_service *service = pointer;

    return call_exec(call, "DELETE FROM identity_endpoint WHERE service_id = ?", SQL_ARGS(sql_text(service->id)));
}

void identity_endpoint_region(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    json_text(out, ((const struct identity_endpoint *)pointer)->region_id);
}

/* "region" is the older name of region_id; naming a region that is not there makes it. */
bool identity_endpoint_create(struct call *call, void *pointer) {
    struct identity_endpoint *endpoint = pointer;
    struct identity_region *found, region;

    if (!endpoint->region || endpoint->region_id) {
        return true;
    }
    endpoint->region_id = endpoint->region;
    if (row_find(call, &resource_identity_region, endpoint->region, &found)) {
        return true;
    }
    memset(&region, 0, sizeof region);
    row_defaults(call, &resource_identity_region, &region);
    region.id = endpoint->region;
    return row_insert(call, &resource_identity_region, &region);
}

/* ---- domains and projects ---- */

static bool forget_target(struct call *call, const char *id) {
    identity_changed(call);
    return call_exec(call, "DELETE FROM identity_assignment WHERE target_id = ?", SQL_ARGS(sql_text(id)));
}

static bool forget_actor(struct call *call, const char *id) {
    identity_changed(call);
    return call_exec(call, "DELETE FROM identity_assignment WHERE actor_id = ?", SQL_ARGS(sql_text(id)));
}

bool identity_domain_delete(struct call *call, void *pointer) {
    const struct identity_domain *domain = pointer;

    if (domain->enabled) {
        return fail(call, 403, "Cannot delete a domain that is enabled, please disable it first.");
    }
    return forget_target(call, domain->id);
}

bool identity_project_create(struct call *call, void *pointer) {
    struct identity_project *project = pointer;
    struct identity_domain *domain;

    if (!project->domain_id) {
        project->domain_id = "default";
    }
    if (!row_find(call, &resource_identity_domain, project->domain_id, &domain)) {
        return fail(call, 404, "Could not find domain: %s.", project->domain_id);
    }
    if (!project->parent_id) {
        project->parent_id = project->domain_id;
    }
    return true;
}

bool identity_project_delete(struct call *call, void *pointer) {
    const struct identity_project *project = pointer;

    if (call_count(call, "SELECT count(*) FROM identity_project WHERE parent_id = ?", SQL_ARGS(sql_text(project->id)))) {
        return fail(call, 403, "Cannot delete the project %s since it is not a leaf in the hierarchy.", project->id);
    }
    return forget_target(call, project->id);
}

bool identity_project_list(struct call *call, struct query *query) {
    if (!call_argument(call, "is_domain")) {
        query_where(query, "is_domain = 0", SQL_NO_ARGS);
    }
    return true;
}

bool identity_project_exists(struct call *call, const char *project_id) {
    struct identity_project *project;

    return row_find(call, &resource_identity_project, project_id, &project);
}

/* ---- users and groups ---- */

static void set_password(struct call *call, struct identity_user *user) {
    if (user->password) {
        user->password_hash = password_hash(call->arena, user->password, 12);
        user->password_created_at = clock_now();
    }
}

bool identity_user_create(struct call *call, void *pointer) {
    struct identity_user *user = pointer;

    if (!user->domain_id) {
        user->domain_id = "default";
    }
    set_password(call, user);
    return true;
}

bool identity_user_update(struct call *call, const void *old, void *pointer) {
    identity_changed(call);
    set_password(call, pointer);
    return true;
}

bool identity_user_delete(struct call *call, void *pointer) {
    const struct identity_user *user = pointer;

    return forget_actor(call, user->id) &&
           call_exec(call, "DELETE FROM identity_membership WHERE user_id = ?", SQL_ARGS(sql_text(user->id)));
}

bool identity_group_delete(struct call *call, void *pointer) {
    const struct identity_group *group = pointer;

    return forget_actor(call, group->id) &&
           call_exec(call, "DELETE FROM identity_membership WHERE group_id = ?", SQL_ARGS(sql_text(group->id)));
}

/* ---- roles ---- */

bool identity_role_list(struct call *call, struct query *query) {
    if (!call_argument(call, "domain_id")) {
        query_where(query, "domain_id IS NULL", SQL_NO_ARGS);
    }
    return true;
}

bool identity_role_create(struct call *call, void *pointer) {
    struct identity_role *role = pointer;

    role->domain_key = role->domain_id ? role->domain_id : "";
    return true;
}

bool identity_role_delete(struct call *call, void *pointer) {
    const struct identity_role *role = pointer;

    identity_changed(call);
    return call_exec(call, "DELETE FROM identity_assignment WHERE role_id = ?", SQL_ARGS(sql_text(role->id))) &&
           call_exec(call, "DELETE FROM identity_implied_role WHERE prior_role_id = ? OR implied_role_id = ?",
                     SQL_ARGS(sql_text(role->id), sql_text(role->id)));
}
