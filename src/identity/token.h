/* SPDX-License-Identifier: Apache-2.0
 * Tokens: what is inside one, issuing, and validating from memory. */
#pragma once
#include <stdint.h>

#include "rest/call.h"

enum token_scope { SCOPE_NONE, SCOPE_PROJECT, SCOPE_DOMAIN, SCOPE_SYSTEM };
enum token_method {
    METHOD_PASSWORD = 1, METHOD_TOKEN = 2, METHOD_APPLICATION_CREDENTIAL = 4, METHOD_EC2 = 8, METHOD_TOTP = 16,
    METHOD_OAUTH1 = 32, METHOD_EXTERNAL = 64, METHOD_MAPPED = 128, METHOD_OPENID = 256, METHOD_SAML2 = 512,
    METHOD_OAUTH2 = 1024,
};
/* A token that stands for less than its user: by a trust, an application credential, an OAuth access token. */
enum token_delegation { DELEGATION_NONE, DELEGATION_TRUST, DELEGATION_APPLICATION_CREDENTIAL, DELEGATION_OAUTH1 };

/* What the token itself says; everything else is looked up. */
struct token {
    const char *user_id;
    enum token_scope scope;
    const char *scope_id;           /* project or domain */
    enum token_delegation delegation;
    const char *delegation_id;
    unsigned methods;               /* enum token_method; up to 16 */
    int64_t issued, expires;        /* microseconds; shown as whole seconds */
    const char *audit_id, *parent_audit_id;     /* 22 characters of base64url; the parent may be null */
    const char *idp_id, *protocol_id;   /* of who was brought by an identity provider; null else */
    const char *group_ids;              /* JSON list: what it said the user is in, for as long as the token */
    const char *thumbprint;         /* only with METHOD_OAUTH2: of the certificate that must come with the token */
    /* Filled by caller_load: */
    int64_t until;                              /* what it found is good until then; 0: as long as the token */
    const char *access_rules;                   /* what the token is good for: JSON; null: all */
    int64_t password_expires;                   /* of the user; 0: never */
    /* Of EC2 keys, which memory keeps as it keeps tokens: what their requests are signed with. Null in tokens. */
    const char *secret;
};

/* Names of the methods in the order of their bits, ends with null; and the list of those in 'methods'. */
extern const char *const token_method_names[];
void token_methods_write(struct json_out *out, unsigned methods);

/* The token as text. */
char *token_seal(struct arena *arena, const struct token *token);
/* Opens a sealed token; null when it is not ours, or expired ('allow_expired' false), or revoked. */
struct token *token_open(struct arena *arena, const char *sealed, bool allow_expired);

/* A fresh audit id. */
char *token_audit_id(struct arena *arena);

/* Revokes a token, which lives as long as the call. In a write transaction. */
bool token_revoke(struct call *call, const struct token *token);
/* Notes that the tokens of a "user", "project", "domain", "role", "trust", "consumer" or "access_token" made so far are
 * void, for who validates tokens elsewhere; here the rows say so. Other kinds: nothing. In a write transaction. */
bool token_revoked_by(struct call *call, const char *kind, const char *id);
/* Another number after each change of identity's data that this process knows of. */
uint64_t identity_generation(void);

/* Reads the revocations made since a time into memory. */
bool token_load_revoked(struct call *call, int64_t since);
/* Forgets revocations of tokens that have ended, and validated tokens that have. */
void token_forget_revoked(void);

/* Fills 'caller' from what the token says and the rows as they are. False when the user, project, domain or the last role
 * is gone or disabled. In a transaction. */
bool caller_load(struct call *call, struct token *token, struct caller *caller);

/* cloud_authenticate: validates from memory, or by caller_load. */
bool token_authenticate(struct call *call, const char *sealed);

/* cloud_recall: the same, but only a token that memory knows. */
bool token_recall(struct call *call, const char *sealed);

/* EC2 keys and who calls with them, kept in memory until identity's data change or token->expires. Both fill call->caller
 * and return the secret, or null: from memory alone, or (in a transaction) by 'load', which says what the keys are. */
typedef bool token_loader(struct call *call, const char *access, struct token *ret_token, struct caller *ret_caller);
const char *token_recall_keys(struct call *call, const char *access);
const char *token_load_keys(struct call *call, const char *access, token_loader *load);

/* What a valid token says, and who has it; from memory where it is known. False when it is not valid. */
bool token_find(struct call *call, const char *sealed, struct token *ret_token, struct caller *ret_caller);
