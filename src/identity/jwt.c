/* SPDX-License-Identifier: Apache-2.0
 * Keys out of JSON, signatures, and what a token says of itself. */
#include "identity/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/json.h"

enum { MAX_JWT = 16384, MAX_KEYS = 32, MIN_RSA_BYTES = 256, MAX_RSA_BYTES = 1024, HALF = 32 };

/* ---- algorithms ---- */

static const struct algorithm {
    const char *name, *key;
    const EVP_MD *(*digest)(void);
} algorithms[] = {
    {"RS256", "RSA", EVP_sha256}, {"RS384", "RSA", EVP_sha384}, {"RS512", "RSA", EVP_sha512}, {"ES256", "EC", EVP_sha256},
};

static const struct algorithm *algorithm_find(const char *name) {
    for (size_t i = 0; name && i < sizeof algorithms / sizeof *algorithms; i++) {
        if (!strcmp(algorithms[i].name, name)) {
            return &algorithms[i];
        }
    }
    return NULL;
}

static bool verify(EVP_PKEY *key, const EVP_MD *digest, const char *text, size_t size, const uint8_t *signature,
                   size_t signature_size) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
              EVP_DigestVerify(context, signature, signature_size, (const uint8_t *)text, size) == 1;

    EVP_MD_CTX_free(context);
    return ok;
}

bool jwt_signed(EVP_PKEY *key, const char *algorithm, const char *text, size_t size, const uint8_t *signature,
                size_t signature_size) {
    const struct algorithm *a = algorithm_find(algorithm);
    ECDSA_SIG *parts;
    uint8_t *der = NULL;
    int der_size;
    bool good;

    if (!a || EVP_PKEY_get_base_id(key) != (*a->key == 'R' ? EVP_PKEY_RSA : EVP_PKEY_EC)) {
        return false;
    }
    if (*a->key == 'R') {
        return verify(key, a->digest(), text, size, signature, signature_size);
    }
    if (signature_size != (size_t)2 * HALF) {
        return false;
    }
    parts = ECDSA_SIG_new();
    ECDSA_SIG_set0(parts, BN_bin2bn(signature, HALF, NULL), BN_bin2bn(signature + HALF, HALF, NULL));
    der_size = i2d_ECDSA_SIG(parts, &der);
    good = der_size > 0 && verify(key, a->digest(), text, size, der, (size_t)der_size);
    OPENSSL_free(der);
    ECDSA_SIG_free(parts);
    return good;
}

/* ---- keys ---- */

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *parts) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(parts);
    EVP_PKEY *key = NULL;

    if (EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    return key;
}

static const uint8_t *member(struct arena *arena, const struct json *jwk, const char *name, size_t *ret_size) {
    const char *text = json_get_text(jwk, name);

    return text && strlen(text) < MAX_JWT ? base64_decode(arena, text, ret_size) : NULL;
}

static EVP_PKEY *read_rsa(struct arena *arena, const struct json *jwk) {
    size_t n_size, e_size;
    const uint8_t *n = member(arena, jwk, "n", &n_size), *e = member(arena, jwk, "e", &e_size);
    OSSL_PARAM_BLD *parts;
    BIGNUM *modulus, *exponent;
    EVP_PKEY *key;

    if (!n || !e || n_size < MIN_RSA_BYTES || n_size > MAX_RSA_BYTES || !e_size || e_size > 8) {
        return NULL;
    }
    parts = OSSL_PARAM_BLD_new();
    modulus = BN_bin2bn(n, (int)n_size, NULL);
    exponent = BN_bin2bn(e, (int)e_size, NULL);
    OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, modulus);
    OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, exponent);
    key = BN_is_odd(exponent) && !BN_is_one(exponent) ? key_from("RSA", parts) : NULL;
    OSSL_PARAM_BLD_free(parts);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *read_ec(struct arena *arena, const struct json *jwk) {
    const char *curve = json_get_text(jwk, "crv");
    size_t x_size, y_size;
    const uint8_t *x = member(arena, jwk, "x", &x_size), *y = member(arena, jwk, "y", &y_size);
    uint8_t point[1 + 2 * HALF] = {4};      /* uncompressed */
    OSSL_PARAM_BLD *parts;
    EVP_PKEY *key;

    if (!curve || strcmp(curve, "P-256") != 0 || !x || !y || x_size != HALF || y_size != HALF) {
        return NULL;
    }
    memcpy(point + 1, x, HALF);
    memcpy(point + 1 + HALF, y, HALF);
    parts = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point);
    key = key_from("EC", parts);
    OSSL_PARAM_BLD_free(parts);
    return key;
}

static bool is_meant(const struct json *jwk, const struct algorithm *algorithm, const char *kid) {
    const char *type = json_get_text(jwk, "kty"), *use = json_get_text(jwk, "use"), *alg = json_get_text(jwk, "alg"),
               *id = json_get_text(jwk, "kid");

    return type && !strcmp(type, algorithm->key) && (!use || !strcmp(use, "sig")) &&
           (!alg || !strcmp(alg, algorithm->name)) && (!kid || (id && !strcmp(id, kid)));
}

/* ---- the compact form ---- */

struct compact {
    size_t signed_size;             /* header and payload with the dot between */
    const struct json *header, *claims;
    const uint8_t *signature;
    size_t signature_size;
};

static const struct json *decode(struct arena *arena, const char *text, size_t size) {
    size_t decoded;
    const uint8_t *bytes = base64_decode(arena, arena_text_size(arena, text, size), &decoded);
    const struct json *node = bytes ? json_parse(arena, (const char *)bytes, decoded, NULL) : NULL;

    return node && node->type == JSON_MAP ? node : NULL;
}

static bool split(struct arena *arena, const char *text, struct compact *ret) {
    size_t size = strnlen(text, MAX_JWT + 1);
    const char *first = size > MAX_JWT ? NULL : strchr(text, '.'), *second = first ? strchr(first + 1, '.') : NULL;

    if (!second || strchr(second + 1, '.')) {
        return false;
    }
    ret->signed_size = (size_t)(second - text);
    ret->header = decode(arena, text, (size_t)(first - text));
    ret->claims = decode(arena, first + 1, (size_t)(second - first - 1));
    ret->signature = base64_decode(arena, second + 1, &ret->signature_size);
    return ret->header && ret->claims && ret->signature;
}

enum jwt_result jwt_open(struct arena *arena, const char *text, const struct json *keys, const struct json **ret_claims,
                         const char **ret_error) {
    struct compact compact = {0};
    const struct algorithm *algorithm;
    int tried = 0;

    if (!split(arena, text, &compact)) {
        *ret_error = "it is no JSON Web Token";
        return JWT_BAD;
    }
    algorithm = algorithm_find(json_get_text(compact.header, "alg"));
    if (!algorithm || json_get(compact.header, "crit")) {
        *ret_error = "it is signed in a way that is not taken";
        return JWT_BAD;
    }
    for (JSON_EACH(jwk, json_get(keys, "keys"))) {
        EVP_PKEY *key;
        bool good;

        if (tried == MAX_KEYS || !is_meant(jwk, algorithm, json_get_text(compact.header, "kid"))) {
            continue;
        }
        tried++;
        key = *algorithm->key == 'R' ? read_rsa(arena, jwk) : read_ec(arena, jwk);
        good = key && jwt_signed(key, algorithm->name, text, compact.signed_size, compact.signature, compact.signature_size);
        EVP_PKEY_free(key);
        if (good) {
            *ret_claims = compact.claims;
            return JWT_GOOD;
        }
    }
    *ret_error = tried ? "its signature is wrong" : "its key is none of the provider's";
    return tried ? JWT_BAD : JWT_UNKNOWN_KEY;
}

/* ---- claims ---- */

/* "a, b c, d": commas alone divide. */
static bool in_words(const char *words, const char *word) {
    size_t size = strlen(word);

    while (*(words += strspn(words, ", "))) {
        size_t here = strcspn(words, ","), end = here;

        while (words[end - 1] == ' ') {
            end--;
        }
        if (end == size && !strncmp(words, word, size)) {
            return true;
        }
        words += here;
    }
    return false;
}

static bool is_for(const struct json *audience, const char *wanted) {
    if (audience && audience->type == JSON_TEXT) {
        return in_words(wanted, audience->text);
    }
    for (JSON_EACH(item, audience && audience->type == JSON_LIST ? audience : NULL)) {
        if (item->type == JSON_TEXT && in_words(wanted, item->text)) {
            return true;
        }
    }
    return false;
}

static bool is_list_of_several(const struct json *audience) {
    return audience && audience->type == JSON_LIST && audience->count > 1;
}

/* A time in seconds, whole or not; 'otherwise' when it is absent. False when it is no time. */
static bool read_time(const struct json *claims, const char *name, int64_t otherwise, int64_t *ret) {
    const struct json *node = json_get(claims, name);

    *ret = !node ? otherwise : node->type == JSON_INT ? node->integer : otherwise;
    if (node && node->type == JSON_REAL && node->real > 0 && node->real < 1e12) {
        *ret = (int64_t)node->real;
        return true;
    }
    return !node || (node->type == JSON_INT && node->integer > 0 && node->integer < 1000000000000);
}

const char *jwt_wrong(struct arena *arena, const struct json *claims, const struct jwt_wanted *wanted) {
    const struct json *audience = json_get(claims, "aud");
    const char *issuer = json_get_text(claims, "iss"), *azp = json_get_text(claims, "azp"),
               *party = azp ? azp : json_get_text(claims, "client_id"), *nonce = json_get_text(claims, "nonce");
    int64_t expires, from, issued;

    if (wanted->issuer && (!issuer || strcmp(issuer, wanted->issuer) != 0)) {
        return arena_printf(arena, "it is issued by '%.128s'", issuer ? issuer : "");
    }
    if (wanted->audiences && !is_for(audience, wanted->audiences)) {
        return "it is for another audience";
    }
    if (wanted->parties && (party ? !in_words(wanted->parties, party) : wanted->nonce && is_list_of_several(audience))) {
        return "it is for another party";
    }
    if (wanted->nonce && (!nonce || !equal_secret(nonce, wanted->nonce))) {
        return "it is an answer to another question (nonce)";
    }
    if (!json_get(claims, "exp") || !read_time(claims, "exp", 0, &expires) || !read_time(claims, "nbf", 0, &from) ||
        !read_time(claims, "iat", 0, &issued)) {
        return "it does not say how long it is valid";
    }
    if (expires + wanted->skew <= wanted->now) {
        return "it has expired";
    }
    return from - wanted->skew > wanted->now || issued - wanted->skew > wanted->now ? "it is not valid yet" : NULL;
}
