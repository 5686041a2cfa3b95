/* SPDX-License-Identifier: Apache-2.0
 * Method token: another scope for who has a token already. */
#include "base/conf.h"
#include "identity/auth.h"
#include "identity/certificate.h"
#include "rest/cloud.h"

static bool run(struct call *call, struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    const struct auth_token *given = identity->token;

    if (!given) {
        return fail(call, 400, "Invalid input: 'token' is a required property");
    }
    auth->from = token_open(call->arena, given->id, false);
    if (!auth->from) {
        return fail(call, 404, "Could not find token.");
    }
    if (!certificate_allows(call, auth->from)) {
        return auth_refused(call);
    }
    if (auth->from->delegation != DELEGATION_NONE || (auth->from->methods & METHOD_EC2)) {
        return fail(call, 403, "You are not authorized to perform the requested action: a delegated token cannot be used "
                               "to create another token.");
    }
    if (auth->from->scope == SCOPE_SYSTEM && (json_get(auth->request->scope, "project") || json_get(auth->request->scope, "domain"))) {
        return fail(call, 403, "You are not authorized to perform the requested action: a token for the system is not "
                               "exchanged for one of a project or domain.");
    }
    if (auth->from->scope != SCOPE_NONE && !conf_bool(cloud.conf, "token", "allow_rescope_scoped_token", true)) {
        return fail(call, 403, "You are not authorized to perform the requested action: rescope a scoped token.");
    }
    auth->methods |= auth->from->methods;
    return true;
}

const struct auth_method auth_method_token = {"token", METHOD_TOKEN, run};
