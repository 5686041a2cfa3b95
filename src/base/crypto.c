/* SPDX-License-Identifier: Apache-2.0
 * Digests and encodings. */
#include "base/crypto.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"

struct digest *digest_new(const char *name) {
    const EVP_MD *md = EVP_get_digestbyname(name);
    EVP_MD_CTX *context = md ? EVP_MD_CTX_new() : NULL;

    if (context && EVP_DigestInit_ex(context, md, NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (struct digest *)context;
}

void digest_add(struct digest *digest, const void *bytes, size_t size) {
    EVP_DigestUpdate((EVP_MD_CTX *)digest, bytes, size);
}

char *hex_text(struct arena *arena, const void *bytes, size_t size) {
    static const char hex[] = "0123456789abcdef";
    const uint8_t *from = bytes;
    char *text = arena_alloc(arena, size * 2 + 1);

    for (size_t i = 0; i < size; i++) {
        text[i * 2] = hex[from[i] >> 4];
        text[i * 2 + 1] = hex[from[i] & 15];
    }
    return text;
}

static int digit_of(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_read(const char *text, uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++, text += 2) {
        int high = digit_of(text[0]), low = high < 0 ? -1 : digit_of(text[1]);

        if (low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

char *digest_hex(struct digest *digest, struct arena *arena) {
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    EVP_DigestFinal_ex((EVP_MD_CTX *)digest, bytes, &size);
    digest_free(digest);
    return hex_text(arena, bytes, size);
}

void digest_free(struct digest *digest) {
    EVP_MD_CTX_free((EVP_MD_CTX *)digest);
}

char *digest_of(struct arena *arena, const char *name, const void *bytes, size_t size) {
    struct digest *digest = digest_new(name);

    assert(digest);
    digest_add(digest, bytes, size);
    return digest_hex(digest, arena);
}

void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size, uint8_t mac[32]) {
    unsigned mac_size = 32;
    const void *made = HMAC(EVP_sha256(), key, (int)key_size, bytes, size, mac, &mac_size);

    assert(made && mac_size == 32);
}

void hmac_sha1(const void *key, size_t key_size, const void *bytes, size_t size, uint8_t mac[20]) {
    unsigned mac_size = 20;
    const void *made = HMAC(EVP_sha1(), key, (int)key_size, bytes, size, mac, &mac_size);

    assert(made && mac_size == 20);
}

char *hmac_hex(struct arena *arena, const char *digest, const void *key, size_t key_size, const void *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_size = sizeof mac;
    const void *made = HMAC(EVP_get_digestbyname(digest), key, (int)key_size, bytes, size, mac, &mac_size);
    char *text = arena_alloc(arena, mac_size * 2 + 1);

    assert(made);
    for (unsigned i = 0; i < mac_size; i++) {
        text[i * 2] = digits[mac[i] >> 4];
        text[i * 2 + 1] = digits[mac[i] & 15];
    }
    return text;
}

bool equal_secret(const char *a, const char *b) {
    size_t size = strlen(a);

    return size == strlen(b) && CRYPTO_memcmp(a, b, size) == 0;
}

bool equal_secret_bytes(const void *a, const void *b, size_t size) {
    return CRYPTO_memcmp(a, b, size) == 0;
}

static char *encode64(struct arena *arena, const void *bytes, size_t size, const char *alphabet) {
    const uint8_t *at = bytes;
    char *text = arena_alloc(arena, (size + 2) / 3 * 4 + 1), *to = text;

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t word = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0);

        *to++ = alphabet[word >> 18];
        *to++ = alphabet[word >> 12 & 63];
        *to++ = left > 1 ? alphabet[word >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[word & 63] : '=';
    }
    return text;
}

char *base64url_encode(struct arena *arena, const void *bytes, size_t size) {
    return encode64(arena, bytes, size, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

char *base64_encode(struct arena *arena, const void *bytes, size_t size) {
    return encode64(arena, bytes, size, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

static int value64(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' || c == '+' ? 62 : c == '_' || c == '/' ? 63 : -1;
}

uint8_t *base64_decode(struct arena *arena, const char *text, size_t *ret_size) {
    size_t size = strlen(text), padded = size;
    uint8_t *bytes, *to;
    uint32_t word = 0;
    unsigned bits = 0;

    while (size && text[size - 1] == '=') {
        size--;
    }
    if (size % 4 == 1 || padded - size > 2 || (padded > size && padded % 4)) {
        return NULL;
    }
    bytes = to = arena_alloc(arena, size / 4 * 3 + 4);
    for (size_t i = 0; i < size; i++) {
        int value = value64(text[i]);

        if (value < 0) {
            return NULL;
        }
        word = word << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *to++ = (uint8_t)(word >> bits);
        }
    }
    if (word & ((1U << bits) - 1)) {
        return NULL;
    }
    *ret_size = (size_t)(to - bytes);
    return bytes;
}
