/* SPDX-License-Identifier: Apache-2.0
 * Method oauth2_credential: an OAuth 2.0 client shows a certificate (RFC 8705 section 2.1). It names a user by id, and the
 * certificate's names, through the mapping that [oauth2] oauth2_cert_dn_mapping_id says, must be that user's. */
#include <string.h>

#include "base/conf.h"
#include "identity/auth.h"
#include "identity/certificate.h"
#include "identity/mapping.h"
#include "rest/cloud.h"

LOG_MODULE("identity.oauth2");

struct client {
    struct authentication *auth;
    const struct json *assertion;
};

static bool is(const char *mapped, const char *ours) {
    return !mapped || (ours && !strcmp(mapped, ours));
}

/* What the mapping does not give need not fit; but it must give something of the user. */
static bool names(struct call *call, const struct mapped *mapped, const struct identity_user *user) {
    const char *email = user->extra ? json_get_text(json_parse(call->arena, user->extra, strlen(user->extra), NULL), "email") : NULL;
    struct identity_domain *domain;

    return (mapped->user_id || mapped->user_name || mapped->email) && is(mapped->user_id, user->id) &&
           is(mapped->user_name, user->name) && is(mapped->email, email) && is(mapped->domain.id, user->domain_id) &&
           (!mapped->domain.name || (row_find(call, &resource_identity_domain, user->domain_id, &domain) &&
                                     is(mapped->domain.name, domain->name)));
}

static bool find(struct call *call, void *pointer) {
    struct client *client = pointer;
    struct authentication *auth = client->auth;
    const char *id = conf_text(cloud.conf, "oauth2", "oauth2_cert_dn_mapping_id", "oauth2_mapping"), *error;
    struct identity_mapping *mapping;
    struct identity_user *user;
    struct mapped mapped;

    if (!row_find(call, &resource_identity_mapping, id, &mapping)) {
        log_warn("the mapping %s of clients' certificates is not there", id);
        return auth_refused(call);
    }
    if (!mapping_apply(call->arena, json_parse(call->arena, mapping->rules, strlen(mapping->rules), NULL), client->assertion,
                       &mapped, &error)) {
        log_info("the mapping %s refuses a certificate: %s", id, error);
        return auth_refused(call);
    }
    if (!row_find(call, &resource_identity_user, auth->client_id, &user) || !names(call, &mapped, user) ||
        !user->default_project_id) {
        return auth_refused(call);
    }
    auth->user = user;
    auth->scope = SCOPE_PROJECT;
    auth->scope_id = user->default_project_id;
    return true;
}

/* Only where oauth2.c leads here there is a client. */
static bool run(struct call *call, struct authentication *auth) {
    struct certificate certificate;
    struct client client = {.auth = auth};

    if (!auth->client_id || !certificate_find(call, &certificate)) {
        return auth_refused(call);
    }
    client.assertion = certificate_assertion(call->arena, certificate);
    auth->thumbprint = certificate_thumbprint(call->arena, certificate);
    return client.assertion ? call_transaction(call, DB_READ, find, &client) : auth_refused(call);
}

const struct auth_method auth_method_oauth2 = {"oauth2_credential", METHOD_OAUTH2, run};
