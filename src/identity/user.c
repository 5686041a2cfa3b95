/* SPDX-License-Identifier: Apache-2.0
 * Users and groups beyond their declarations: passwords, membership. */
#include <string.h>

#include "base/clock.h"
#include "http/http.h"
#include "identity/backend.h"
#include "identity/federation.h"
#include "identity/forget.h"
#include "identity/identity.h"
#include "identity/options.h"
#include "identity/password.h"
#include "identity/target.h"
#include "identity/token.h"
#include "identity/types.h"
#include "identity/user_password.h"

/* ---- passwords ---- */

/* Before the transaction, since it takes a quarter of a second. */
bool identity_user_hash(struct call *call) {
    const char *password = json_get_text(json_get(call->body, "user"), "password");

    call->prepared = password ? password_make(call, password) : NULL;
    return true;
}

/* The domain that users and groups are made in: the one given, else the caller's. */
static bool in_domain(struct call *call, const char **id) {
    struct identity_domain *domain;

    *id = *id ? *id : "default";
    return row_find(call, &resource_identity_domain, *id, &domain) || fail(call, 404, "Could not find domain: %s.", *id);
}

static bool check_default_project(struct call *call, const char *id) {
    struct identity_domain *domain;

    return !id || !row_find(call, &resource_identity_domain, id, &domain) ||
           fail(call, 400, "User's default project ID cannot be a domain ID: %s.", id);
}

bool identity_user_create(struct call *call, void *pointer) {
    struct identity_user *user = pointer;

    user->options = options_merged(call, NULL, user->options);
    if (user->password && (!user_password_form(call, user->password) || !user_password_set(call, user, call->prepared, false))) {
        return false;
    }
    return in_domain(call, &user->domain_id) && backend_may_create(call, user->domain_id) &&
           check_default_project(call, user->default_project_id) && federated_store(call, user);
}

bool identity_group_create(struct call *call, void *pointer) {
    struct identity_group *group = pointer;

    return in_domain(call, &group->domain_id) && backend_may_create(call, group->domain_id);
}

bool identity_group_update(struct call *call, const void *old, void *group) {
    return backend_may_change(call, ((const struct identity_group *)old)->mirrored);
}

bool identity_user_update(struct call *call, const void *before, void *pointer) {
    const struct identity_user *old = before;
    struct identity_user *user = pointer;

    if (!backend_may_change(call, old->mirrored)) {
        return false;
    }
    identity_changed(call);
    user->options = options_merged(call, old->options, user->options);
    if (call_given(call, "password") &&
        ((user->password && !user_password_form(call, user->password)) ||
         !user_password_set(call, user, user->password ? call->prepared : NULL, false))) {
        return false;
    }
    if (old->enabled && !user->enabled) {
        user->tokens_from = clock_now();
        token_revoked_by(call, "user", user->id);
    }
    if (call_given(call, "enabled") && user->enabled) {
        user_reset(user);
    }
    return check_default_project(call, user->default_project_id) && federated_store(call, user);
}

/* Who has not been seen for too long is shown disabled. */
bool identity_user_expand(struct call *call, void *pointer, size_t count) {
    struct identity_user *users = pointer;

    for (size_t i = 0; i < count; i++) {
        users[i].enabled = user_is_enabled(call, &users[i]);
        if (call->operation && call->operation->run != op_list) {
            users[i].federated = federated_shown(call, users[i].id);
        }
    }
    return true;
}

/* Memberships that end say so, in the groups of a user. */
bool identity_group_expand(struct call *call, void *pointer, size_t count) {
    const char *user_id = call_parameter(call, "user_id");
    struct identity_group *groups = pointer;
    struct rows *rows;

    if (!user_id || !call->operation || call->operation->run != op_list) {
        return true;
    }
    rows = db_query(call->db, "SELECT group_id, expires_at FROM identity_expiring_membership WHERE user_id = ? AND"
                              " group_id NOT IN (SELECT group_id FROM identity_membership WHERE user_id = ?)",
                    SQL_ARGS(sql_text(user_id), sql_text(user_id)));
    while (rows_next(rows)) {
        for (size_t i = 0; i < count; i++) {
            if (!strcmp(groups[i].id, rows_text(rows, 0))) {
                groups[i].membership_expires_at = rows_int(rows, 1);
            }
        }
    }
    rows_end(rows);
    return db_failure(call->db) == DB_OK;
}

/* ---- lists ---- */

/* Those that are known at a provider, by one or more of the three that say who they are there. */
static void only_federated(struct call *call, struct query *query) {
    static const char *const names[] = {"idp_id", "protocol_id", "unique_id"};
    const char *where = "id IN (SELECT user_id FROM identity_federated_user WHERE 1 = 1";
    struct value *args = ARENA_ARRAY(call->arena, struct value, 3);
    size_t count = 0;

    for (size_t i = 0; i < 3; i++) {
        const char *value = call_argument(call, names[i]);

        if (value) {
            where = arena_printf(call->arena, "%s AND %s = ?", where, names[i]);
            args[count++] = sql_text(value);
        }
    }
    if (count) {
        query_where(query, arena_printf(call->arena, "%s)", where), args, count);
    }
}

bool identity_user_list(struct call *call, struct query *query) {
    struct identity_group *group;

    if (call->caller.domain_id) {
        query_where(query, "domain_id = ?", SQL_ARGS(sql_text(call->caller.domain_id)));
    }
    if (call_parameter(call, "group_id")) {
        query_where(query, "id IN (SELECT user_id FROM identity_membership WHERE group_id = ?)",
                    SQL_ARGS(sql_text(call_parameter(call, "group_id"))));
        return path_row(call, "group", &group);
    }
    only_federated(call, query);
    return true;
}

bool identity_group_list(struct call *call, struct query *query) {
    struct identity_user *user;

    if (call->caller.domain_id) {
        query_where(query, "domain_id = ?", SQL_ARGS(sql_text(call->caller.domain_id)));
    }
    if (call_parameter(call, "user_id")) {
        struct value id = sql_text(call_parameter(call, "user_id"));

        query_where(query, "id IN (SELECT group_id FROM identity_membership WHERE user_id = ? UNION ALL"
                           " SELECT group_id FROM identity_expiring_membership WHERE user_id = ? AND expires_at > ?)",
                    SQL_ARGS(id, id, sql_int(clock_now())));
        return path_row(call, "user", &user);
    }
    return true;
}

/* A membership that ends is one as long as it lasts. */
bool identity_membership_show(struct call *call) {
    return call_count(call, "SELECT count(*) FROM identity_expiring_membership WHERE user_id = ? AND group_id = ?"
                            " AND expires_at > ?",
                      SQL_ARGS(sql_text(call_parameter(call, "user_id")), sql_text(call_parameter(call, "group_id")),
                               sql_int(clock_now()))) > 0 ||
           op_linked(call);
}

/* ---- ends ---- */

/* Neither a copy of a user nor one of a group is changed here. */
bool identity_membership_locate(struct call *call, void *row) {
    bool changes = call->http->method == HTTP_PUT || call->http->method == HTTP_DELETE;
    struct identity_user *user;
    struct identity_group *group;

    return !changes ||
           ((!row_find(call, &resource_identity_user, call_parameter(call, "user_id"), &user) ||
             backend_may_change(call, user->mirrored)) &&
            (!row_find(call, &resource_identity_group, call_parameter(call, "group_id"), &group) ||
             backend_may_change(call, group->mirrored)));
}

bool identity_membership_changed(struct call *call, void *row) {
    event_note(call, "group.update", ((const struct identity_membership *)row)->group_id);
    identity_changed(call);
    return true;
}

/* Who leaves a group may have had what it gave in tokens of any scope. */
bool identity_membership_delete(struct call *call, void *pointer) {
    const struct identity_membership *row = pointer;

    event_note(call, "group.update", row->group_id);
    identity_changed(call);
    return token_revoked_by(call, "user", row->user_id) &&
           call_exec(call, "UPDATE identity_user SET tokens_from = ? WHERE id = ?",
                     SQL_ARGS(sql_int(clock_now()), sql_text(row->user_id)));
}

bool identity_user_delete(struct call *call, void *pointer) {
    const struct identity_user *user = pointer;

    return backend_may_change(call, user->mirrored) && forget(call, "user", "?", user->id);
}

bool identity_group_delete(struct call *call, void *pointer) {
    static const char sql[] = "UPDATE identity_user SET tokens_from = ?"
                              " WHERE id IN (SELECT user_id FROM identity_membership WHERE group_id = ?)";
    const char *id = ((const struct identity_group *)pointer)->id;

    return backend_may_change(call, ((const struct identity_group *)pointer)->mirrored) && call_exec(call, sql, SQL_ARGS(sql_int(clock_now()), sql_text(id))) && forget(call, "group", "?", id);
}
