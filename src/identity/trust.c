/* SPDX-License-Identifier: Apache-2.0
 * Trusts beyond their declaration: what may be delegated, and delegated again. */
#include "identity/trust.h"

#include <string.h>

#include "base/clock.h"
#include "identity/application_credential.h"
#include "identity/identity.h"
#include "identity/target.h"
#include "identity/token.h"
#include "identity/types.h"

enum { MAX_REDELEGATIONS = 3 };

/* ---- what a trust may be made of ---- */

static bool has(const struct json *ids, const char *id) {
    for (JSON_EACH(item, ids)) {
        if (!strcmp(item->text, id)) {
            return true;
        }
    }
    return false;
}

static bool within(struct call *call, const char *ids, const char *of) {
    const struct json *some = json_parse(call->arena, ids, strlen(ids), NULL);
    const struct json *all = json_parse(call->arena, of, strlen(of), NULL);

    for (JSON_EACH(id, some)) {
        if (!has(all, id->text)) {
            return false;
        }
    }
    return true;
}

/* A trust made with a token by another trust must not be more than that one. */
static bool check_redelegation(struct call *call, const struct identity_trust *from, struct identity_trust *trust) {
    if (from->redelegation_count <= 0 || from->redelegation_count > MAX_REDELEGATIONS) {
        return fail(call, 403, "Remaining redelegation depth of %d out of allowed range of [0..%d]",
                    (int)from->redelegation_count, MAX_REDELEGATIONS);
    }
    if (trust->remaining_uses != NO_INT) {
        return fail(call, 403, "Field \"remaining_uses\" must not be set in order to redelegate a trust.");
    }
    if (!trust->expires_at) {
        trust->expires_at = from->expires_at;
    }
    if (from->expires_at && trust->expires_at > from->expires_at) {
        return fail(call, 403, "Requested expiration time is more than redelegated trust can provide.");
    }
    if (!within(call, trust->role_ids, from->role_ids)) {
        return fail(call, 403, "Some of requested roles are not in redelegated trust.");
    }
    return from->impersonation || !trust->impersonation ||
           fail(call, 403, "Impersonation is not allowed because redelegated trust %s does not specify impersonation.", from->id);
}

static bool redelegate(struct call *call, struct identity_trust *trust, bool again) {
    struct identity_trust *from;

    if (!trust_usable(call, call->caller.trust_id, &from)) {
        return false;
    }
    if (again && trust->redelegation_count != NO_INT && trust->redelegation_count != from->redelegation_count - 1) {
        return fail(call, 403, "Modifying \"redelegation_count\" upon redelegation is forbidden.");
    }
    if (!check_redelegation(call, from, trust)) {
        return false;
    }
    trust->redelegated_trust_id = from->id;
    trust->redelegation_count = again ? from->redelegation_count - 1 : 0;
    return true;
}

static bool check_counts(struct call *call, struct identity_trust *trust, bool again) {
    if (again && trust->redelegation_count != NO_INT && trust->redelegation_count > MAX_REDELEGATIONS) {
        return fail(call, 403, "Requested redelegation depth of %d is greater than allowed %d",
                    (int)trust->redelegation_count, MAX_REDELEGATIONS);
    }
    if (again && trust->remaining_uses != NO_INT) {
        return fail(call, 400, "remaining_uses must not be set if redelegation is allowed");
    }
    return true;
}

/* The trustor must have each role in the project, now. */
static bool check_roles(struct call *call, const struct identity_trust *trust) {
    struct token token = {.user_id = trust->trustor_user_id, .scope = SCOPE_PROJECT, .scope_id = trust->project_id,
                          .issued = INT64_MAX};
    const struct json *ids = json_parse(call->arena, trust->role_ids, strlen(trust->role_ids), NULL);
    struct caller trustor;

    if (!trust->project_id) {
        return true;
    }
    if (!identity_project_exists(call, trust->project_id)) {
        return fail(call, 404, "Could not find project: %s.", trust->project_id);
    }
    if (!caller_load(call, &token, &trustor)) {
        trustor.role_count = 0;
    }
    for (JSON_EACH(id, ids)) {
        bool held = false;

        for (size_t i = 0; i < trustor.role_count; i++) {
            held = held || !strcmp(trustor.role_ids[i], id->text);
        }
        if (!held) {
            return fail(call, 404, "Could not find role: %s.", id->text);
        }
    }
    return true;
}

/* Tokens by application credentials and the like do not manage trusts; those by trusts redelegate. */
static bool may_manage(struct call *call) {
    const struct token *token = call->caller.token;

    return ((token->delegation == DELEGATION_NONE || token->delegation == DELEGATION_TRUST) &&
            !(token->methods & METHOD_EC2)) ||
           fail(call, 403, "You are not authorized to perform the requested action: delegated tokens cannot manage trusts.");
}

bool identity_trust_create(struct call *call, void *pointer) {
    struct identity_trust *trust = pointer;
    bool again = trust->allow_redelegation && trust->redelegation_count != 0;
    struct identity_user *trustee;

    if (!may_manage(call)) {
        return false;
    }
    if (trust->project_id && !trust->roles.count) {
        return fail(call, 403, "At least one role should be specified.");
    }
    if (strcmp(trust->trustor_user_id, call->caller.user_id) != 0) {
        return fail(call, 403, "The authenticated user should match the trustor.");
    }
    if (!row_find(call, &resource_identity_user, trust->trustee_user_id, &trustee)) {
        return fail(call, 404, "Could not find user: %s.", trust->trustee_user_id);
    }
    if (trust->expires_at && trust->expires_at <= clock_now()) {
        return fail(call, 400, "Invalid input for field/attribute expires_at: it is in the past");
    }
    if (!roles_given(call, &trust->roles, &trust->role_ids) || !check_roles(call, trust) ||
        !check_counts(call, trust, again)) {
        return false;
    }
    if (call->caller.trust_id) {
        return redelegate(call, trust, again);
    }
    trust->redelegation_count = !again ? 0 : trust->redelegation_count == NO_INT ? MAX_REDELEGATIONS : trust->redelegation_count;
    return true;
}

/* ---- using and ending ---- */

bool trust_find(struct call *call, const char *id, struct identity_trust **ret_trust) {
    struct identity_trust *trust;

    if (!row_find(call, &resource_identity_trust, id, &trust) || (trust->expires_at && trust->expires_at <= clock_now()) ||
        trust->remaining_uses == 0) {
        return false;
    }
    *ret_trust = trust;
    return true;
}

bool trust_usable(struct call *call, const char *id, struct identity_trust **ret_trust) {
    return trust_find(call, id, ret_trust) || fail(call, 404, "Could not find trust: %s.", id ? id : "");
}

bool identity_trust_delete(struct call *call, void *pointer) {
    static const char sql[] =
        "DELETE FROM identity_trust WHERE id IN (WITH RECURSIVE made(id) AS (SELECT id FROM identity_trust"
        "  WHERE redelegated_trust_id = ? UNION SELECT t.id FROM identity_trust t JOIN made"
        "    ON t.redelegated_trust_id = made.id) SELECT id FROM made)";

    identity_changed(call);
    return may_manage(call) && token_revoked_by(call, "trust", ((struct identity_trust *)pointer)->id) && call_exec(call, sql, SQL_ARGS(sql_text(((struct identity_trust *)pointer)->id)));
}

/* ---- showing ---- */

void identity_trust_roles_links(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    const struct identity_trust *trust = row;

    json_map(out);
    json_put_text(out, "self", arena_printf(call->arena, "%s/identity/v3/OS-TRUST/trusts/%s/roles", call_base_url(call),
                                            trust->id));
    json_put_null(out, "next");
    json_put_null(out, "previous");
    json_map_end(out);
}

bool identity_trust_expand(struct call *call, void *pointer, size_t count) {
    struct identity_trust *trust = pointer;

    if (call->operation->flags & OP_BRIEF) {
        return true;
    }
    trust->roles_shown = trust->role_ids;
    return roles_shown(call, &trust->roles_shown, 1, true);
}

/* One's own trusts by argument, everybody's for who may. */
bool identity_trust_list(struct call *call, struct query *query) {
    const char *trustor = call_argument(call, "trustor_user_id"), *trustee = call_argument(call, "trustee_user_id");
    const struct identity_trust asked = {.trustor_user_id = trustor, .trustee_user_id = trustee};
    const char *rule = trustor   ? "identity:list_trusts_for_trustor"
                       : trustee ? "identity:list_trusts_for_trustee"
                                 : "identity:list_trusts";

    if (!call_allow(call, rule, &resource_identity_trust, &asked) || !may_manage(call)) {
        return false;
    }
    if (trustor) {
        query_where(query, "trustor_user_id = ?", SQL_ARGS(sql_text(trustor)));
    } else if (trustee) {
        query_where(query, "trustee_user_id = ?", SQL_ARGS(sql_text(trustee)));
    }
    return true;
}

static bool usable_row(struct call *call) {
    struct identity_trust *trust = call->row;

    return may_manage(call) && trust_usable(call, trust->id, &trust);
}

bool identity_trust_show(struct call *call) {
    return usable_row(call) && op_show(call);
}

bool identity_trust_roles(struct call *call) {
    struct identity_trust *trust = call->row;

    if (!usable_row(call) || !identity_trust_expand(call, trust, 1)) {
        return false;
    }
    json_map(&call->out);
    json_put_raw(&call->out, "roles", trust->roles_shown);
    json_key(&call->out, "links");
    identity_trust_roles_links(call, NULL, trust, &call->out);
    json_map_end(&call->out);
    return true;
}

bool identity_trust_role(struct call *call) {
    const struct identity_trust *trust = call->row;
    const struct json *ids = json_parse(call->arena, trust->role_ids, strlen(trust->role_ids), NULL);
    struct identity_role *role;

    if (!usable_row(call) || !path_row(call, "role", &role)) {
        return false;
    }
    if (!has(ids, role->id)) {
        return fail(call, 404, "Could not find role: %s.", role->id);
    }
    return row_respond(call, &resource_identity_role, role);
}
