/* SPDX-License-Identifier: Apache-2.0
 * Method password. */
#include "identity/auth.h"
#include "identity/user_password.h"

static const struct auth_user *given_user(const struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    const struct auth_password *password = identity->password;

    return password ? password->user : NULL;
}

static bool find_user(struct call *call, void *pointer) {
    struct authentication *auth = pointer;

    auth->user = auth_find_user(call, given_user(auth));
    return true;
}

static bool run(struct call *call, struct authentication *auth) {
    const struct auth_user *given = given_user(auth);

    if (!given || !given->password) {
        return fail(call, 400, "Invalid input: 'user' needs an id, or a name and a domain, and a password");
    }
    if (!auth_user_named(call, given) || !call_transaction(call, DB_READ, find_user, auth)) {
        return false;
    }
    switch (user_password_check(call, auth->user, given->password)) {
    case PASSWORD_GOOD:
        return true;
    case PASSWORD_EXPIRED:
        return fail(call, 401, "The password is expired and needs to be changed for user: %s.", auth->user->id);
    default:
        return !call->error && auth_refused(call);
    }
}

const struct auth_method auth_method_password = {"password", METHOD_PASSWORD, run};
