/* SPDX-License-Identifier: Apache-2.0
 * Method application_credential: the scope is the credential's own. */
#include "base/clock.h"
#include "identity/auth.h"
#include "identity/password.h"

struct search {
    const struct auth_application_credential *given;
    struct identity_application_credential *row;
    struct identity_user *user;
};

static bool find(struct call *call, void *pointer) {
    struct search *s = pointer;

    if (s->given->id) {
        row_find(call, &resource_identity_application_credential, s->given->id, &s->row);
    } else {
        s->user = auth_find_user(call, s->given->user);
        row_first(call, &resource_identity_application_credential, "user_id = ? AND name = ?",
                  SQL_ARGS(sql_text(s->user ? s->user->id : ""), sql_text(s->given->name)), &s->row);
    }
    if (s->row) {
        row_find(call, &resource_identity_user, s->row->user_id, &s->user);
    }
    return true;
}

static bool run(struct call *call, struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    struct search s = {.given = identity->application_credential};

    if (!s.given || (!s.given->id && !(s.given->name && s.given->user))) {
        return fail(call, 400, "Invalid input: 'application_credential' needs an id, or a name and a user");
    }
    if (!s.given->id && !auth_user_named(call, s.given->user)) {
        return false;
    }
    if (auth->request->scope) {
        return fail(call, 401, "Error authenticating with application credential: Application credentials cannot request a "
                               "scope.");
    }
    if (!call_transaction(call, DB_READ, find, &s)) {
        return false;
    }
    if (!password_check(s.row ? s.row->id : NULL, s.given->secret, s.row ? s.row->secret_hash : NULL) || !s.user ||
        (s.row->expires_at && s.row->expires_at <= clock_now())) {
        return auth_refused(call);
    }
    auth_delegate(auth, s.user, DELEGATION_APPLICATION_CREDENTIAL, s.row->id, s.row->project_id, s.row->expires_at);
    return true;
}

const struct auth_method auth_method_application_credential = {"application_credential", METHOD_APPLICATION_CREDENTIAL, run};
