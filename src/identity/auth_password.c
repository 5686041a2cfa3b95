/* SPDX-License-Identifier: Apache-2.0
 * Method password. */
#include "identity/auth.h"
#include "identity/backend.h"

static const struct auth_user *given_user(const struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    const struct auth_password *password = identity->password;

    return password ? password->user : NULL;
}

static bool run(struct call *call, struct authentication *auth) {
    const struct auth_user *given = given_user(auth);
    enum password_state state;

    if (!given || !given->password) {
        return fail(call, 400, "Invalid input: 'user' needs an id, or a name and a domain, and a password");
    }
    if (!auth_user_named(call, given) || !backend_login(call, given, given->password, &auth->user, &state)) {
        return false;
    }
    switch (state) {
    case PASSWORD_GOOD:
        return true;
    case PASSWORD_EXPIRED:
        return fail(call, 401, "The password is expired and needs to be changed for user: %s.", auth->user->id);
    default:
        return !call->error && auth_refused(call);
    }
}

const struct auth_method auth_method_password = {"password", METHOD_PASSWORD, run};
