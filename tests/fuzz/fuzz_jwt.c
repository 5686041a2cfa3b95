/* SPDX-License-Identifier: Apache-2.0
 * Fuzzes JSON Web Tokens of others. The first byte chooses what the rest is: a token for a known key, which nothing but the
 * token of RFC 7515 (appendix A.3) is good for; a key set for that token; or claims. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "identity/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char keys[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                           "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
static const char text[] = "eyJhbGciOiJFUzI1NiJ9."
                           "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
                           "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void open_token(struct arena *arena, const char *token) {
    const struct json *claims = NULL;
    const char *error = NULL;
    enum jwt_result result = jwt_open(arena, token, json_parse(arena, keys, sizeof keys - 1, NULL), &claims, &error);
    size_t signed_size = (size_t)(strrchr(text, '.') - text);

    require(result == JWT_GOOD ? claims && !strncmp(token, text, signed_size) : error != NULL);
}

static void read_claims(struct arena *arena, const struct json *claims) {
    const struct jwt_wanted wanted = {.issuer = "i", .audiences = "a, b c", .parties = "p", .nonce = "n", .now = 1000, .skew = 10};

    if (!jwt_wrong(arena, claims, &wanted)) {
        require(!strcmp(json_get_text(claims, "iss"), "i") && !strcmp(json_get_text(claims, "nonce"), "n") &&
                json_get(claims, "aud") && json_get(claims, "exp"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);
    const struct json *node, *claims;
    const char *error;

    if (size && bytes[0] % 3 == 0) {
        open_token(arena, arena_text_size(arena, (const char *)bytes + 1, size - 1));
    } else if (size) {
        node = json_parse(arena, (const char *)bytes + 1, size - 1, NULL);
        if (bytes[0] % 3 == 1) {
            jwt_open(arena, text, node, &claims, &error);
        } else {
            read_claims(arena, node);
        }
    }
    arena_free(arena);
    return 0;
}
