/* SPDX-License-Identifier: Apache-2.0
 * What hangs on users, groups, projects and roles, as a table. A resource that refers to one of them adds its line. */
#include "identity/forget.h"

#include <string.h>

#include "identity/identity.h"
#include "identity/token.h"
#include "rest/cloud.h"
#include "rest/task.h"

static const struct {
    const char *kind, *table, *column;
} hanging[] = {
    {"user", "identity_membership", "user_id"},
    {"user", "identity_assignment", "actor_id"},
    {"user", "identity_old_password", "user_id"},
    {"group", "identity_membership", "group_id"},
    {"group", "identity_assignment", "actor_id"},
    {"project", "identity_assignment", "target_id"},
    {"project", "identity_project_endpoint", "project_id"},
    {"project", "identity_project_endpoint_group", "project_id"},
    {"project", "identity_limit", "owner"},
    {"project", "identity_domain_option", "domain_id"},
    {"project", "identity_id_mapping", "domain_id"},
    {"project", "identity_credential", "project_id"},
    {"project", "identity_trust", "project_id"},
    {"project", "identity_application_credential", "project_id"},
    {"user", "identity_credential", "user_id"},
    {"user", "identity_trust", "trustor_user_id"},
    {"user", "identity_trust", "trustee_user_id"},
    {"user", "identity_application_credential", "user_id"},
    {"user", "identity_access_rule", "user_id"},
    {"user", "identity_expiring_membership", "user_id"},
    {"user", "identity_federated_user", "user_id"},
    {"group", "identity_expiring_membership", "group_id"},
    {"user", "identity_access_token", "user_id"},
    {"project", "identity_access_token", "project_id"},
    {"consumer", "identity_request_token", "consumer_id"},
    {"consumer", "identity_access_token", "consumer_id"},
    {"endpoint", "identity_project_endpoint", "endpoint_id"},
    {"endpoint", "identity_policy_association", "endpoint_id"},
    {"endpoint_group", "identity_project_endpoint_group", "endpoint_group_id"},
    {"service", "identity_policy_association", "service_id"},
    {"policy", "identity_policy_association", "policy_id"},
    {"provider", "identity_remote_id", "idp_id"},
    {"role", "identity_assignment", "role_id"},
    {"role", "identity_implied_role", "prior_role_id"},
    {"role", "identity_implied_role", "implied_role_id"},
};

/* What else is a project's: its objects. */
static bool forget_accounts(struct call *call, const char *which, const char *id) {
    struct rows *rows;
    bool ok = true;

    if (!cloud_service("object_store")) {
        return true;
    }
    rows = db_query(call->db, arena_printf(call->arena, "SELECT id FROM identity_project WHERE id IN (%s)", which),
                    SQL_ARGS(sql_text(id)));
    while (ok && rows_next(rows)) {
        ok = task_add(call, "object_store.forget_account", arena_text(call->arena, rows_text(rows, 0)), NULL, NULL);
    }
    rows_end(rows);
    return ok;
}

bool forget(struct call *call, const char *kind, const char *which, const char *id) {
    identity_changed(call);
    if ((!strcmp(kind, "project") && !forget_accounts(call, which, id)) ||
        (!strcmp(which, "?") && !token_revoked_by(call, kind, id))) {
        return false;
    }
    for (size_t i = 0; i < sizeof hanging / sizeof *hanging; i++) {
        if (!strcmp(hanging[i].kind, kind) &&
            !call_exec(call, arena_printf(call->arena, "DELETE FROM %s WHERE %s IN (%s)", hanging[i].table,
                                          hanging[i].column, which), SQL_ARGS(sql_text(id)))) {
            return false;
        }
    }
    return true;
}

bool forget_domain(struct call *call, const char *domain_id) {
    static const char *const kinds[] = {"user", "group", "project", "role"};

    for (size_t i = 0; i < 4; i++) {
        const char *table = arena_printf(call->arena, "identity_%s", kinds[i]);

        if (!forget(call, kinds[i], arena_printf(call->arena, "SELECT id FROM %s WHERE domain_id = ?", table), domain_id) ||
            !call_exec(call, arena_printf(call->arena, "DELETE FROM %s WHERE domain_id = ?", table),
                       SQL_ARGS(sql_text(domain_id)))) {
            return false;
        }
    }
    return token_revoked_by(call, "domain", domain_id) && forget(call, "project", "?", domain_id);
}
