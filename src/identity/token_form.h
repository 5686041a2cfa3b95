/* SPDX-License-Identifier: Apache-2.0
 * The forms that a token has as text. Each opens what it sealed, whether expired or not; null when it is not ours. */
#pragma once
#include "identity/token.h"

/* Groups of a federated token: it has to fit into a header. */
enum { MAX_TOKEN_GROUPS = 128 };

char *token_seal_fernet(struct arena *arena, const struct token *token);
struct token *token_open_fernet(struct arena *arena, const char *sealed);

/* JSON Web Signatures (RFC 7515), ES256: who has the public keys can verify them, and read them too. */
char *token_seal_jws(struct arena *arena, const struct token *token);
struct token *token_open_jws(struct arena *arena, const char *sealed);

/* The key pair: DIRECTORY/private/private.pem signs, all of DIRECTORY/public/ (*.pem) verify. Reads them; without a
 * private key nothing is sealed in this form. */
void jws_load(const char *directory);
/* Makes a new pair, whose public key joins the others; 'again': also when there is one already. False: *ret_error. */
bool jws_make(const char *directory, bool again, const char **ret_error);
bool jws_ready(void);
