/* SPDX-License-Identifier: Apache-2.0
 * Certificates of clients (X.509): who the request's is, and whether a token that is bound to one may come with it. */
#pragma once
#include "identity/token.h"

/* One certificate in DER. */
struct certificate {
    const void *bytes;
    size_t size;
};

/* The certificate that the request's client has shown: to us, or to one of [oauth2] trusted_proxies, which says so in a
 * header. False when there is none that counts. */
bool certificate_find(struct call *call, struct certificate *ret_certificate);

/* SHA-256 of it in base64url without padding: "x5t#S256" of RFC 8705 section 3.1. */
const char *certificate_thumbprint(struct arena *arena, struct certificate certificate);

/* Its distinguished names as mapping_apply takes them: SSL_CLIENT_SUBJECT_DN_CN, SSL_CLIENT_ISSUER_DN_O and so on, which
 * are Keystone's; of an attribute that comes several times the last. Null when it is no certificate. */
const struct json *certificate_assertion(struct arena *arena, struct certificate certificate);

/* False when the token is bound to a certificate that is not the request's. */
bool certificate_allows(struct call *call, const struct token *token);
