/* SPDX-License-Identifier: Apache-2.0
 * OpenID Connect as a relying party: providers configured in [oidc.IDP], their keys, their tokens. Everything here may ask
 * the provider over the network, so it runs outside transactions. */
#pragma once
#include "rest/call.h"

/* What [oidc.IDP] says. */
struct oidc {
    const char *section;            /* "oidc.IDP" */
    const char *issuer, *client_id, *client_secret;
    const char *audiences;          /* "a, b": for whom the tokens must be that clients bring */
    const char *clients;            /* "a, b": who may have got them ("azp") */
    const char *scope, *ca_file;
    bool userinfo;                  /* what the tokens do not say is asked for there */
    int64_t skew;                   /* seconds by which clocks may differ */
};

/* True when users of the identity provider come through OpenID Connect by that protocol. */
bool oidc_find(struct call *call, const char *idp_id, const char *protocol_id, struct oidc *ret_oidc);

/* Where the provider has its pages: a member of its discovery document, such as "token_endpoint". Null after fail(). */
const char *oidc_endpoint(struct call *call, const struct oidc *oidc, const char *member);

/* The assertion that a token makes, which a client brought ('nonce' null) or the provider gave us for a code. With
 * 'access_token' the rest is asked for where [oidc.IDP] userinfo says so. Null after fail(): 401, or 503 when the provider
 * does not answer. */
const struct json *oidc_verify(struct call *call, const struct oidc *oidc, const char *token, const char *nonce,
                               const char *access_token);

/* Exchanges a code for the tokens (a map). Null after fail(). */
const struct json *oidc_exchange(struct call *call, const struct oidc *oidc, const char *code, const char *redirect_uri,
                                 const char *verifier);
