/* SPDX-License-Identifier: Apache-2.0
 * Password hashes: bcrypt is made; whatever an OpenStack identity service may have stored is verified. The forms of
 * passlib are those of its documentation (passlib.readthedocs.io, "Modular Crypt Format"). */
#include <assert.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/id.h"

enum {
    SCRYPT_DIGEST = 32,
    PBKDF2_DIGEST = 64,
    MAX_SCRYPT_MEMORY = 256 * 1024 * 1024,
    MAX_PBKDF2_ROUNDS = 10 * 1000 * 1000,
    BCRYPT_READS = 72,
};

/* libcrypt refuses phrases over 512 bytes, and bcrypt reads 72. */
static const char *bcrypt_phrase(const char *password, char cut[BCRYPT_READS + 1]) {
    if (strlen(password) <= BCRYPT_READS) {
        return password;
    }
    memcpy(cut, password, BCRYPT_READS);
    cut[BCRYPT_READS] = 0;
    return cut;
}

char *password_hash(struct arena *arena, const char *password, int cost) {
    struct crypt_data *data = ARENA_NEW(arena, struct crypt_data);
    char setting[CRYPT_GENSALT_OUTPUT_SIZE], random[16], cut[BCRYPT_READS + 1];
    char *hash;

    random_bytes(random, sizeof random);
    hash = crypt_gensalt_rn("$2b$", (unsigned long)cost, random, sizeof random, setting, sizeof setting);
    assert(hash);
    hash = crypt_r(bcrypt_phrase(password, cut), setting, data);
    assert(hash && hash[0] == '$');
    hash = arena_text(arena, hash);
    OPENSSL_cleanse(data, sizeof *data);
    return hash;
}

bool password_hash_is_current(const char *hash, int cost) {
    return !strncmp(hash, "$2b$", 4) && atoi(hash + 4) == cost;
}

/* Forms that libcrypt knows: bcrypt, sha512_crypt. */
static bool verify_crypt(const char *password, const char *hash) {
    struct crypt_data data = {0};
    char cut[BCRYPT_READS + 1];
    const char *made = crypt_r(hash[0] == '$' && hash[1] == '2' ? bcrypt_phrase(password, cut) : password, hash, &data);
    bool equal = made && made[0] != '*' && equal_secret(made, hash);

    OPENSSL_cleanse(&data, sizeof data);
    return equal;
}

/* The part of 'at' before '$' (or the end) decoded out of passlib's base64, which has '.' for '+' and no padding. Sets
 * '*at' behind it; 0: not valid. */
static size_t read_part(struct arena *arena, const char **at, const uint8_t **ret_bytes) {
    size_t length = strcspn(*at, "$"), size = 0;
    char *text = arena_text_size(arena, *at, length);

    for (char *c = text; *c; c++) {
        *c = *c == '.' ? '+' : *c;
    }
    *at += length + ((*at)[length] == '$');
    *ret_bytes = base64_decode(arena, text, &size);
    return *ret_bytes ? size : 0;
}

/* $bcrypt-sha256$v=2,t=2b,r=12$salt$digest: bcrypt of base64(HMAC-SHA256(salt, password)); the older
 * $bcrypt-sha256$2b,12$salt$digest: of base64(SHA256(password)). */
static bool verify_bcrypt_sha256(struct arena *arena, const char *password, const char *rest) {
    char type[3] = "", salt[23] = "", digest[32] = "";
    unsigned cost = 0, version = 2;
    uint8_t mac[32];

    if (sscanf(rest, "v=2,t=%2[2aby],r=%2u$%22[./A-Za-z0-9]$%31[./A-Za-z0-9]", type, &cost, salt, digest) != 4) {
        version = 1;
        if (sscanf(rest, "%2[2aby],%2u$%22[./A-Za-z0-9]$%31[./A-Za-z0-9]", type, &cost, salt, digest) != 4) {
            return false;
        }
    }
    if (version == 2) {
        hmac_sha256(salt, strlen(salt), password, strlen(password), mac);
    } else {
        SHA256((const unsigned char *)password, strlen(password), mac);
    }
    return verify_crypt(base64_encode(arena, mac, sizeof mac),
                        arena_printf(arena, "$%s$%02u$%s%s", type, cost, salt, digest));
}

/* ln=16,r=8,p=1$salt$digest */
static bool verify_scrypt(struct arena *arena, const char *password, const char *rest) {
    unsigned log = 0, r = 0, p = 0;
    const uint8_t *salt, *digest;
    const char *at = strchr(rest, '$');
    uint8_t made[SCRYPT_DIGEST];
    size_t salt_size;

    if (!at++ || sscanf(rest, "ln=%2u,r=%3u,p=%3u$", &log, &r, &p) != 3 || log < 1 || log > 22) {
        return false;
    }
    salt_size = read_part(arena, &at, &salt);
    return salt_size && read_part(arena, &at, &digest) == sizeof made &&
           EVP_PBE_scrypt(password, strlen(password), salt, salt_size, 1ULL << log, r, p, MAX_SCRYPT_MEMORY, made,
                          sizeof made) == 1 &&
           CRYPTO_memcmp(made, digest, sizeof made) == 0;
}

/* rounds$salt$digest */
static bool verify_pbkdf2(struct arena *arena, const char *password, const char *rest) {
    long rounds = strtol(rest, NULL, 10);
    const char *at = strchr(rest, '$');
    const uint8_t *salt, *digest;
    uint8_t made[PBKDF2_DIGEST];
    size_t salt_size;

    if (!at++ || rounds < 1 || rounds > MAX_PBKDF2_ROUNDS) {
        return false;
    }
    salt_size = read_part(arena, &at, &salt);
    return salt_size && read_part(arena, &at, &digest) == sizeof made &&
           PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)salt_size, (int)rounds, EVP_sha512(), sizeof made,
                             made) == 1 &&
           CRYPTO_memcmp(made, digest, sizeof made) == 0;
}

static const struct {
    const char *prefix;
    bool (*verify)(struct arena *arena, const char *password, const char *rest);
} forms[] = {
    {"$bcrypt-sha256$", verify_bcrypt_sha256},
    {"$scrypt$", verify_scrypt},
    {"$pbkdf2-sha512$", verify_pbkdf2},
};

bool password_verify(const char *password, const char *hash) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t size = strlen(forms[i].prefix);

        if (!strncmp(hash, forms[i].prefix, size)) {
            struct arena *arena = arena_new(0);
            bool good = forms[i].verify(arena, password, hash + size);

            arena_free(arena);
            return good;
        }
    }
    return verify_crypt(password, hash);
}
