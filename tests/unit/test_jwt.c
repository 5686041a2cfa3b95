/* SPDX-License-Identifier: Apache-2.0
 * JSON Web Tokens of others: which signatures are taken, and which claims. The token is that of RFC 7515, appendix A.3. */
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/json.h"
#include "identity/jwt.h"
#include "test.h"

#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define HEADER "eyJhbGciOiJFUzI1NiJ9"
#define PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define TOKEN HEADER "." PAYLOAD "." SIGNATURE
#define KEY "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\""

static const struct json *parse(struct arena *arena, const char *text) {
    return json_parse(arena, text, strlen(text), NULL);
}

static int open_with(struct arena *arena, const char *token, const char *keys) {
    const struct json *claims;
    const char *error;

    return jwt_open(arena, token, parse(arena, keys), &claims, &error);
}

static char *encode(struct arena *arena, const char *text) {
    char *encoded = base64url_encode(arena, text, strlen(text));

    encoded[strcspn(encoded, "=")] = 0;
    return encoded;
}

TEST(jwt_signatures_are_taken_as_their_keys_allow) {
    struct arena *arena = arena_new(0);
    const char *one = "{\"keys\":[{" KEY "}]}";
    const struct json *claims = NULL;
    const char *error;

    check_int(jwt_open(arena, TOKEN, parse(arena, one), &claims, &error), JWT_GOOD);
    check_text(json_get_text(claims, "iss"), "joe");
    check_int(open_with(arena, TOKEN, "{\"keys\":[7,{},{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},{" KEY ",\"kid\":\"k\"}]}"),
              JWT_GOOD);
    check_int(open_with(arena, TOKEN, "{\"keys\":[{" KEY ",\"alg\":\"ES384\"}]}"), JWT_UNKNOWN_KEY);
    check_int(open_with(arena, TOKEN, "{\"keys\":[{" KEY ",\"use\":\"enc\"}]}"), JWT_UNKNOWN_KEY);
    check_int(open_with(arena, TOKEN, "{\"keys\":[]}"), JWT_UNKNOWN_KEY);
    check_int(open_with(arena, TOKEN, "{}"), JWT_UNKNOWN_KEY);
    check_int(open_with(arena, TOKEN, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" Y "\",\"y\":\"" X "\"}]}"), JWT_BAD);
    arena_free(arena);
}

TEST(jwt_forms_that_are_no_signature_are_refused) {
    struct arena *arena = arena_new(0);
    const char *keys = "{\"keys\":[{" KEY "}]}";
    const char *const bad[] = {
        "", ".", "..", "a.b.c", HEADER "." PAYLOAD, HEADER "." PAYLOAD ".", TOKEN ".", TOKEN "A",
        HEADER "." PAYLOAD "." SIGNATURE SIGNATURE, "." PAYLOAD "." SIGNATURE, HEADER ".." SIGNATURE,
        HEADER ".eyJpc3MiOiJhbm4ifQ." SIGNATURE,
        HEADER "." PAYLOAD ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    const char *const headers[] = {
        "{\"alg\":\"none\"}", "{\"alg\":\"None\"}", "{\"alg\":\"HS256\"}", "{}", "[]", "{\"alg\":7}",
        "{\"alg\":\"ES256\",\"crit\":[\"b64\"]}", "{\"alg\":\"ES256\",\"alg\":\"none\"}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_context(bad[i]);
        check_int(open_with(arena, bad[i], keys), JWT_BAD);
    }
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        test_context(headers[i]);
        check_int(open_with(arena, arena_printf(arena, "%s.%s.%s", encode(arena, headers[i]), PAYLOAD, SIGNATURE), keys), JWT_BAD);
        check_int(open_with(arena, arena_printf(arena, "%s.%s.", encode(arena, headers[i]), PAYLOAD), keys), JWT_BAD);
    }
    test_context(NULL);
    check_int(open_with(arena, arena_printf(arena, "%s.%s.%s", encode(arena, "{\"alg\":\"ES256\",\"kid\":\"x\"}"), PAYLOAD, SIGNATURE), keys),
              JWT_UNKNOWN_KEY);
    arena_free(arena);
}

/* A token that an RSA key of so many bits has signed, and its key set. */
static char *sign_rsa(struct arena *arena, unsigned bits, const char *algorithm, char **ret_keys) {
    EVP_PKEY *key = EVP_RSA_gen(bits);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    char *text = arena_printf(arena, "%s.%s", encode(arena, arena_printf(arena, "{\"alg\":\"%s\"}", algorithm)), PAYLOAD);
    uint8_t signature[1024], number[1024];
    size_t size = sizeof signature;
    BIGNUM *n = NULL;

    EVP_DigestSignInit(context, NULL, EVP_get_digestbyname(algorithm[2] == '2' ? "SHA256" : "SHA512"), NULL, key);
    EVP_DigestSign(context, signature, &size, (const uint8_t *)text, strlen(text));
    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
    *ret_keys = arena_printf(arena, "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}]}",
                             base64url_encode(arena, number, (size_t)BN_bn2bin(n, number)));
    text = arena_printf(arena, "%s.%s", text, base64url_encode(arena, signature, size));
    BN_free(n);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return text;
}

TEST(jwt_rsa_keys_must_be_long_enough) {
    struct arena *arena = arena_new(0);
    char *keys, *text = sign_rsa(arena, 2048, "RS256", &keys);

    check_int(open_with(arena, text, keys), JWT_GOOD);
    text[strlen(text) / 2] ^= 1;
    check_int(open_with(arena, text, keys), JWT_BAD);
    text = sign_rsa(arena, 2048, "RS512", &keys);
    check_int(open_with(arena, text, keys), JWT_GOOD);
    text = sign_rsa(arena, 1024, "RS256", &keys);
    check_int(open_with(arena, text, keys), JWT_BAD);
    arena_free(arena);
}

#define CLAIMS "\"iss\":\"i\",\"aud\":[\"x\",\"us\"],\"azp\":\"us\",\"nonce\":\"n\",\"exp\":1000"

TEST(jwt_claims_must_be_for_us_and_now) {
    static const struct {
        const char *claims, *wrong;
    } examples[] = {
        {"{" CLAIMS "}", NULL},
        {"{\"iss\":\"i\",\"aud\":\"us\",\"nonce\":\"n\",\"exp\":1000.5}", NULL},
        {"{" CLAIMS ",\"nbf\":905,\"iat\":910}", NULL},                           /* in the future by less than the skew */
        {"{\"iss\":\"j\",\"aud\":\"us\",\"nonce\":\"n\",\"exp\":1000}", "it is issued by 'j'"},
        {"{\"aud\":\"us\",\"nonce\":\"n\",\"exp\":1000}", "it is issued by ''"},
        {"{\"iss\":\"i\",\"aud\":\"u\",\"nonce\":\"n\",\"exp\":1000}", "it is for another audience"},
        {"{\"iss\":\"i\",\"aud\":[7,{}],\"nonce\":\"n\",\"exp\":1000}", "it is for another audience"},
        {"{\"iss\":\"i\",\"nonce\":\"n\",\"exp\":1000}", "it is for another audience"},
        {"{\"iss\":\"i\",\"aud\":\"us\",\"azp\":\"x\",\"nonce\":\"n\",\"exp\":1000}", "it is for another party"},
        {"{\"iss\":\"i\",\"aud\":[\"us\",\"x\"],\"nonce\":\"n\",\"exp\":1000}", "it is for another party"},
        {"{\"iss\":\"i\",\"aud\":\"us\",\"exp\":1000}", "it is an answer to another question (nonce)"},
        {"{\"iss\":\"i\",\"aud\":\"us\",\"nonce\":\"m\",\"exp\":1000}", "it is an answer to another question (nonce)"},
        {"{\"iss\":\"i\",\"aud\":\"us\",\"nonce\":\"n\"}", "it does not say how long it is valid"},
        {"{\"iss\":\"i\",\"aud\":\"us\",\"nonce\":\"n\",\"exp\":\"1000\"}", "it does not say how long it is valid"},
        {"{\"iss\":\"i\",\"aud\":\"us\",\"nonce\":\"n\",\"exp\":9223372036854775807}", "it does not say how long it is valid"},
        {"{\"iss\":\"i\",\"aud\":\"us\",\"nonce\":\"n\",\"exp\":890}", "it has expired"},
        {"{\"iss\":\"i\",\"aud\":\"us\",\"nonce\":\"n\",\"exp\":891}", NULL},
        {"{" CLAIMS ",\"nbf\":911}", "it is not valid yet"},
        {"{" CLAIMS ",\"iat\":911}", "it is not valid yet"},
    };
    const struct jwt_wanted wanted = {.issuer = "i", .audiences = "a b , us", .parties = "us", .nonce = "n", .now = 900, .skew = 10};

    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct arena *arena = arena_new(0);

        test_context(examples[i].claims);
        check_text(jwt_wrong(arena, parse(arena, examples[i].claims), &wanted), examples[i].wrong);
        arena_free(arena);
    }
    test_context(NULL);
}
