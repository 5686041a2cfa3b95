/* SPDX-License-Identifier: Apache-2.0
 * Domains and projects beyond their declarations. */
#include <string.h>

#include "identity/assignment.h"
#include "identity/identity.h"
#include "identity/target.h"
#include "identity/types.h"

bool identity_domain_delete(struct call *call, void *pointer) {
    const struct identity_domain *domain = pointer;

    if (domain->enabled) {
        return fail(call, 403, "Cannot delete a domain that is enabled, please disable it first.");
    }
    return assignments_forget_target(call, domain->id);
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
    return assignments_forget_target(call, project->id);
}

bool identity_domain_list(struct call *call, struct query *query) {
    if (!strcmp(call->operation->path, "/v3/auth/domains") || !strcmp(call->operation->path, "/v3/OS-FEDERATION/domains")) {
        only_domains_of(query, call->caller.user_id);
        query_where(query, "enabled = 1", SQL_NO_ARGS);
    }
    return true;
}

static bool list_projects_of(struct call *call, struct query *query) {
    const char *user = call_parameter(call, "user_id");
    struct identity_user *found;

    if (user && !path_row(call, "user", &found)) {
        return false;
    }
    only_projects_of(query, user ? user : call->caller.user_id);
    if (!user) {
        query_where(query, "enabled = 1", SQL_NO_ARGS);
    }
    return true;
}

bool identity_project_list(struct call *call, struct query *query) {
    if (strcmp(call->operation->path, "/v3/projects") != 0) {
        return list_projects_of(call, query);
    }
    if (call->caller.domain_id) {
        query_where(query, "domain_id = ?", SQL_ARGS(sql_text(call->caller.domain_id)));
    }
    if (!call_argument(call, "is_domain")) {
        query_where(query, "is_domain = 0", SQL_NO_ARGS);
    }
    return true;
}

bool identity_project_exists(struct call *call, const char *project_id) {
    struct identity_project *project;

    return row_find(call, &resource_identity_project, project_id, &project);
}
