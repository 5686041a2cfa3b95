/* SPDX-License-Identifier: Apache-2.0
 * JSON Web Tokens of others (RFC 7519), in the compact form, verified with JSON Web Keys (RFC 7517). */
#pragma once
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct json;

enum jwt_result { JWT_GOOD, JWT_BAD, JWT_UNKNOWN_KEY };

/* Opens a token that one of 'keys' (a JWK set) has signed, with RS256, RS384, RS512 or ES256: only as its key allows, and
 * never without a signature. JWT_UNKNOWN_KEY: no key of the set is meant; newer keys may help. *ret_error says what is
 * wrong, for the log. */
enum jwt_result jwt_open(struct arena *arena, const char *text, const struct json *keys, const struct json **ret_claims,
                         const char **ret_error);

/* What a token must say to be for us. Texts that are null are not asked for. */
struct jwt_wanted {
    const char *issuer;
    const char *audiences;      /* "a, b": one of them must be in "aud" */
    const char *parties;        /* "a, b": "azp" (or "client_id") must be one of them, where it is there */
    const char *nonce;          /* of an ID token, which must have an "azp" when it has several audiences */
    int64_t now, skew;          /* seconds */
};

/* Null when the claims are as wanted and the token is valid now ("exp" must be there); else what is wrong. */
const char *jwt_wrong(struct arena *arena, const struct json *claims, const struct jwt_wanted *wanted);

/* Whether 'signature' is the key's of the text: r and s for ES256 (RFC 7518 section 3.4), PKCS #1 for RS256 and kin. */
bool jwt_signed(EVP_PKEY *key, const char *algorithm, const char *text, size_t size, const uint8_t *signature,
                size_t signature_size);
