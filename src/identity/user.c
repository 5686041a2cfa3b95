/* SPDX-License-Identifier: Apache-2.0
 * Users and groups beyond their declarations: passwords, membership. */
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "http/http.h"
#include "identity/forget.h"
#include "identity/identity.h"
#include "identity/options.h"
#include "identity/password.h"
#include "identity/target.h"
#include "identity/types.h"

/* ---- passwords ---- */

/* Before the transaction, since it takes a quarter of a second. */
bool identity_user_hash(struct call *call) {
    const char *password = json_get_text(json_get(call->body, "user"), "password");

    call->prepared = password ? password_make(call, password) : NULL;
    return true;
}

static void set_password(struct identity_user *user, const char *hash) {
    user->password_hash = hash;
    user->password_created_at = clock_now();
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
    if (user->password) {
        set_password(user, call->prepared);
    }
    return in_domain(call, &user->domain_id) && check_default_project(call, user->default_project_id);
}

bool identity_group_create(struct call *call, void *pointer) {
    return in_domain(call, &((struct identity_group *)pointer)->domain_id);
}

bool identity_user_update(struct call *call, const void *before, void *pointer) {
    const struct identity_user *old = before;
    struct identity_user *user = pointer;

    identity_changed(call);
    user->options = options_merged(call, old->options, user->options);
    if (call_given(call, "password")) {
        set_password(user, user->password ? call->prepared : NULL);
    }
    if (call_given(call, "password") || (old->enabled && !user->enabled)) {
        user->tokens_from = clock_now();
    }
    return check_default_project(call, user->default_project_id);
}

/* POST /v3/users/{user_id}/password: who knows the old one sets a new one. */
struct change {
    struct identity_user *user;
    const char *hash;
};

static bool find_user(struct call *call, void *pointer) {
    struct change *change = pointer;

    row_find(call, &resource_identity_user, call_parameter(call, "user_id"), &change->user);
    return true;
}

static bool store_password(struct call *call, void *pointer) {
    struct change *change = pointer;
    struct identity_user *user;

    if (!row_find(call, &resource_identity_user, change->user->id, &user) ||
        !equal_secret(user->password_hash, change->user->password_hash)) {
        return fail(call, 409, "The password was changed meanwhile.");
    }
    identity_changed(call);
    set_password(user, change->hash);
    user->tokens_from = clock_now();
    return row_update(call, &resource_identity_user, user);
}

bool identity_user_password(struct call *call) {
    const struct identity_new_password *input = call->input;
    struct change change = {0};

    if (!call_transaction(call, DB_READ, find_user, &change)) {
        return false;
    }
    if (!password_check(change.user ? change.user->id : NULL, input->original_password,
                        change.user ? change.user->password_hash : NULL)) {
        return fail(call, 401, "The request you have made requires authentication.");
    }
    change.hash = password_make(call, input->password);
    return call_transaction(call, DB_WRITE, store_password, &change);
}

/* ---- lists ---- */

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
    return true;
}

bool identity_group_list(struct call *call, struct query *query) {
    struct identity_user *user;

    if (call->caller.domain_id) {
        query_where(query, "domain_id = ?", SQL_ARGS(sql_text(call->caller.domain_id)));
    }
    if (call_parameter(call, "user_id")) {
        query_where(query, "id IN (SELECT group_id FROM identity_membership WHERE user_id = ?)",
                    SQL_ARGS(sql_text(call_parameter(call, "user_id"))));
        return path_row(call, "user", &user);
    }
    return true;
}

/* ---- ends ---- */

bool identity_membership_changed(struct call *call, void *row) {
    identity_changed(call);
    return true;
}

bool identity_user_delete(struct call *call, void *pointer) {
    return forget(call, "user", "?", ((const struct identity_user *)pointer)->id);
}

bool identity_group_delete(struct call *call, void *pointer) {
    return forget(call, "group", "?", ((const struct identity_group *)pointer)->id);
}
