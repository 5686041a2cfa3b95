/* SPDX-License-Identifier: Apache-2.0
 * Authentication methods. To add one: a file with a 'struct auth_method', its line in auth.c's table, its bit in
 * token.h, and the fields of its body in token.def. */
#pragma once
#include "identity/token.h"
#include "identity/types.h"

/* What an authentication has come to know. */
struct authentication {
    const struct auth_request *request;
    unsigned methods;
    const struct identity_user *user;
    const struct token *from;           /* method token */
    enum token_delegation delegation;
    const char *delegation_id;
    enum token_scope scope;             /* that the method itself gives */
    const char *scope_id;
    const char *idp_id, *protocol_id;   /* who brought the user, */
    const char *group_ids;              /* and the groups it named: JSON list */
    const char *client_id;              /* the user that an OAuth 2.0 client with a certificate says it is; null else */
    const char *thumbprint;             /* of the certificate that the token will be bound to; null: none */
    const struct json *assertion;       /* what a provider was asked already about the user; null: the request says it */
    int64_t latest;                     /* the token ends by then; 0: by its own life */
    struct token token;                 /* being made */
    struct caller caller;
    bool receipt;                       /* more methods are wanted: a receipt was answered, no token */
};

struct auth_method {
    const char *name;                   /* in "methods", and the key of its part of the body */
    unsigned bit;                       /* enum token_method */
    /* Checks the method's part of the body and fills in who it is. Outside any transaction, so it may hash. Fails 401
     * in the same words whatever is wrong with a secret or name. */
    bool (*run)(struct call *call, struct authentication *auth);
};

extern const struct auth_method auth_method_password, auth_method_token, auth_method_application_credential,
    auth_method_oauth1, auth_method_totp, auth_method_external, auth_method_mapped, auth_method_openid, auth_method_saml2,
    auth_method_oauth2;

/* The value of the header that [auth] 'option' names, when the request comes from one of [auth] external_addresses; null
 * else: nobody but the proxies there is believed. */
const char *auth_external_header(struct call *call, const char *option);

/* True when an address is one of a list: "10.0.0.1, 10.1.0.0/16". */
bool auth_address_in(struct call *call, const char *list, const char *address);

/* Sets who it is, and the project for which a delegation, by its id, was made; 'latest': when it ends, 0: never. */
void auth_delegate(struct authentication *auth, const struct identity_user *user, enum token_delegation delegation, const char *id,
                   const char *project_id, int64_t latest);

/* 401 in the words that tell nothing. */
bool auth_refused(struct call *call);

/* Finds the domain or user that a body names by id, or by name (a user's in its domain); null when there is none. In a
 * transaction. */
struct identity_domain *auth_find_domain(struct call *call, const struct auth_domain *given);
struct identity_user *auth_find_user(struct call *call, const struct auth_user *given);
/* Fails 400 unless the user is named whole. */
bool auth_user_named(struct call *call, const struct auth_user *given);

/* Runs the methods that auth->request names, and writes the body of the token, or of a receipt (401). Outside
 * transactions. */
bool auth_run(struct call *call, struct authentication *auth);

/* Makes the token that 'auth' is for and writes its body. In a transaction. */
bool auth_make_token(struct call *call, struct authentication *auth);
