/* SPDX-License-Identifier: Apache-2.0
 * Methods mapped, openid and saml2: an identity provider says who it is. They differ in name alone; the path of a
 * provider's protocol leads here too. */
#include <string.h>

#include "identity/federation.h"

static bool enter(struct call *call, struct authentication *auth, const struct auth_mapped *given) {
    struct evidence evidence = {.idp_id = given->identity_provider, .protocol_id = given->protocol,
                                .assertion = auth->assertion, .remote_id_attribute = "iss"};
    struct entrant entrant = {0};

    if (!auth->assertion && !evidence_read(call, &evidence)) {
        return false;
    }
    if (!federation_enter(call, &evidence, &entrant)) {
        return false;
    }
    auth->user = entrant.user;
    if (!entrant.local) {
        auth->idp_id = evidence.idp_id;
        auth->protocol_id = evidence.protocol_id;
        auth->group_ids = entrant.group_ids;
    }
    return true;
}

/* With the id of a token: another scope for who came in this way. */
static bool run(struct call *call, struct authentication *auth, const struct auth_mapped *given) {
    struct auth_identity *identity = (struct auth_identity *)auth->request->identity;
    struct auth_token token = {0};

    if (!given || (!given->id && !(given->identity_provider && given->protocol))) {
        return fail(call, 400, "Invalid input: a federated method needs 'identity_provider' and 'protocol'");
    }
    if (!given->id) {
        return enter(call, auth, given);
    }
    token.id = given->id;
    identity->token = &token;
    if (!auth_method_token.run(call, auth)) {
        return false;
    }
    return auth->from->idp_id || auth_refused(call);
}

static bool run_mapped(struct call *call, struct authentication *auth) {
    return run(call, auth, ((const struct auth_identity *)auth->request->identity)->mapped);
}

static bool run_openid(struct call *call, struct authentication *auth) {
    return run(call, auth, ((const struct auth_identity *)auth->request->identity)->openid);
}

static bool run_saml2(struct call *call, struct authentication *auth) {
    return run(call, auth, ((const struct auth_identity *)auth->request->identity)->saml2);
}

const struct auth_method auth_method_mapped = {"mapped", METHOD_MAPPED, run_mapped};
const struct auth_method auth_method_openid = {"openid", METHOD_OPENID, run_openid};
const struct auth_method auth_method_saml2 = {"saml2", METHOD_SAML2, run_saml2};

bool federation_authenticate(struct call *call, struct authentication *auth, const char *idp_id, const char *protocol_id) {
    struct auth_mapped *given = ARENA_NEW(call->arena, struct auth_mapped);
    struct auth_identity *identity = ARENA_NEW(call->arena, struct auth_identity);
    struct auth_request *request = ARENA_NEW(call->arena, struct auth_request);
    bool openid = !strcmp(protocol_id, "openid"), saml2 = !strcmp(protocol_id, "saml2");

    given->identity_provider = idp_id;
    given->protocol = protocol_id;
    identity->mapped = identity->openid = identity->saml2 = given;
    identity->methods = openid ? "[\"openid\"]" : saml2 ? "[\"saml2\"]" : "[\"mapped\"]";
    request->identity = identity;
    auth->request = request;
    return auth_run(call, auth);
}

bool identity_federated_auth(struct call *call) {
    struct authentication auth = {0};

    if (!federation_authenticate(call, &auth, call_parameter(call, "idp_id"), call_parameter(call, "protocol_id"))) {
        return false;
    }
    if (!auth.receipt) {
        call_header(call, "X-Subject-Token", token_seal(call->arena, &auth.token));
    }
    call_header(call, "Vary", "X-Auth-Token");
    return true;
}
