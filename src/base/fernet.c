/* SPDX-License-Identifier: Apache-2.0
 * Fernet: version 0x80 | time (8 bytes) | IV (16) | AES-128-CBC of the payload | HMAC-SHA256 (32), as base64url. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/id.h"

enum { HEAD = 1 + 8 + 16, MAC = 32, BLOCK = 16, VERSION = 0x80 };

bool fernet_key_parse(const char *text, struct fernet_key *ret_key) {
    struct arena *arena = arena_new(0);
    size_t size = 0;
    uint8_t *bytes = base64_decode(arena, text, &size);
    bool ok = bytes && size == sizeof ret_key->bytes;

    if (ok) {
        memcpy(ret_key->bytes, bytes, size);
    }
    arena_free(arena);
    return ok;
}

/* One pass of AES-128-CBC; returns the bytes written or -1. */
static int cipher(bool encrypt, const uint8_t *key, const uint8_t *iv, const uint8_t *from, int size, uint8_t *to) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int first = 0, last = 0;
    bool ok = context && EVP_CipherInit_ex(context, EVP_aes_128_cbc(), NULL, key, iv, encrypt) == 1 &&
              EVP_CipherUpdate(context, to, &first, from, size) == 1 &&
              EVP_CipherFinal_ex(context, to + first, &last) == 1;

    EVP_CIPHER_CTX_free(context);
    return ok ? first + last : -1;
}

char *fernet_encode(struct arena *arena, const struct fernet_key *key, const void *bytes, size_t size, int64_t now) {
    uint8_t *token = arena_alloc(arena, HEAD + size + BLOCK + MAC);
    int written;

    token[0] = VERSION;
    for (int i = 0; i < 8; i++) {
        token[1 + i] = (uint8_t)((uint64_t)now >> (56 - 8 * i));
    }
    random_bytes(token + 9, 16);
    written = cipher(true, key->bytes + 16, token + 9, bytes, (int)size, token + HEAD);
    if (written < 0) {
        return NULL;
    }
    hmac_sha256(key->bytes, 16, token, (size_t)(HEAD + written), token + HEAD + written);
    return base64url_encode(arena, token, (size_t)(HEAD + written + MAC));
}

uint8_t *fernet_decode(struct arena *arena, const struct fernet_key *keys, size_t count, const char *token,
                       size_t *ret_size, int64_t *ret_created) {
    size_t size = 0;
    uint8_t *bytes = strlen(token) > 8192 ? NULL : base64_decode(arena, token, &size);

    if (!bytes || size < HEAD + BLOCK + MAC || bytes[0] != VERSION || (size - HEAD - MAC) % BLOCK) {
        return NULL;
    }
    for (size_t k = 0; k < count; k++) {
        uint8_t mac[MAC], *plain;
        int written;

        hmac_sha256(keys[k].bytes, 16, bytes, size - MAC, mac);
        if (CRYPTO_memcmp(mac, bytes + size - MAC, MAC) != 0) {
            continue;
        }
        plain = arena_alloc(arena, size);
        written = cipher(false, keys[k].bytes + 16, bytes + 9, bytes + HEAD, (int)(size - HEAD - MAC), plain);
        if (written < 0) {
            return NULL;
        }
        *ret_created = 0;
        for (int i = 0; i < 8; i++) {
            *ret_created = *ret_created << 8 | bytes[1 + i];
        }
        *ret_size = (size_t)written;
        return plain;
    }
    return NULL;
}
