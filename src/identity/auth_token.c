/* SPDX-License-Identifier: Apache-2.0
 * Method token: another scope for who has a token already. */
#include "identity/auth.h"

static bool run(struct call *call, struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    const struct auth_token *given = identity->token;

    if (!given) {
        return fail(call, 400, "Invalid input: 'token' is a required property");
    }
    auth->from = token_open(call->arena, given->id, false);
    if (!auth->from) {
        return auth_refused(call);
    }
    if (auth->from->delegation != DELEGATION_NONE || (auth->from->methods & METHOD_EC2)) {
        return fail(call, 403, "You are not authorized to perform the requested action: a delegated token cannot be used "
                               "to create another token.");
    }
    auth->methods |= auth->from->methods;
    return true;
}

const struct auth_method auth_method_token = {"token", METHOD_TOKEN, run};
