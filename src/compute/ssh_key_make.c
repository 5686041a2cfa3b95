/* SPDX-License-Identifier: Apache-2.0
 * Making SSH key pairs with OpenSSL. */
#include "compute/ssh_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/id.h"

enum { SEED_SIZE = 32, PEM_LINE = 70 };

static void free_pkey(EVP_PKEY **pkey) {
    EVP_PKEY_free(*pkey);
}

static void free_bio(BIO **bio) {
    BIO_free(*bio);
}

static void free_number(BIGNUM **number) {
    BN_free(*number);
}

/* For buffers of secrets. */
static void wipe(struct buf *buf) {
    if (buf->at) {
        OPENSSL_cleanse(buf->at, buf->capacity);
    }
    buf_release(buf);
}

#define AUTO_PKEY __attribute__((cleanup(free_pkey))) EVP_PKEY *
#define AUTO_BIO __attribute__((cleanup(free_bio))) BIO *
#define AUTO_NUMBER __attribute__((cleanup(free_number))) BIGNUM *
#define AUTO_BUF __attribute__((cleanup(wipe))) struct buf

static void put_number32(struct buf *buf, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};

    buf_put(buf, bytes, sizeof bytes);
}

static void put_part(struct buf *buf, const void *bytes, size_t size) {
    put_number32(buf, (uint32_t)size);
    buf_put(buf, bytes, size);
}

static void put_text(struct buf *buf, const char *text) {
    put_part(buf, text, strlen(text));
}

/* A positive number, with a zero byte before it when its highest bit is set (RFC 4251 section 5). */
static void put_number(struct buf *buf, const BIGNUM *number) {
    size_t size = (size_t)BN_num_bytes(number), lead = BN_num_bits(number) % 8 == 0;
    char *at;

    put_number32(buf, (uint32_t)(size + lead));
    at = buf_reserve(buf, size + lead);
    at[0] = 0;
    BN_bn2bin(number, (uint8_t *)at + lead);
    buf->size += size + lead;
}

/* Completes a pair of which the private key is known. */
static bool finish_pair(struct arena *arena, const char *type, const struct buf *blob, const char *comment,
                        const char *private_key, struct key_pair *ret_pair) {
    struct ssh_key key = {.blob = (const uint8_t *)blob->at, .blob_size = blob->size};
    const char *base64 = base64_encode(arena, blob->at, blob->size);

    *ret_pair = (struct key_pair){
        .private_key = private_key,
        .public_key = comment[0] ? arena_printf(arena, "%s %s %s", type, base64, comment)
                                 : arena_printf(arena, "%s %s", type, base64),
        .fingerprint = ssh_key_fingerprint(arena, &key),
    };
    return true;
}

bool ssh_key_make_rsa(struct arena *arena, int bits, const char *comment, struct key_pair *ret_pair) {
    AUTO_PKEY pkey = EVP_RSA_gen((unsigned)bits);
    AUTO_BIO pem = BIO_new(BIO_s_secmem());
    AUTO_NUMBER exponent = NULL;
    AUTO_NUMBER modulus = NULL;
    AUTO_BUF blob = {0};
    char *text;
    long size;

    if (!pkey || !pem || !PEM_write_bio_PrivateKey_traditional(pem, pkey, NULL, NULL, 0, NULL, NULL) ||
        !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) ||
        !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &modulus)) {
        return false;
    }
    size = BIO_get_mem_data(pem, &text);
    put_text(&blob, "ssh-rsa");
    put_number(&blob, exponent);
    put_number(&blob, modulus);
    return finish_pair(arena, "ssh-rsa", &blob, comment, arena_text_size(arena, text, (size_t)size), ret_pair);
}

/* The part of an OpenSSH private key that would be encrypted: padded with 1, 2, 3... to a multiple of eight. */
static void put_secret(struct buf *buf, const uint8_t seed[SEED_SIZE], const uint8_t public[SEED_SIZE],
                       const char *comment) {
    AUTO_BUF secret = {0};
    uint32_t twice;

    random_bytes(&twice, sizeof twice);
    put_number32(&secret, twice);
    put_number32(&secret, twice);
    put_text(&secret, "ssh-ed25519");
    put_part(&secret, public, SEED_SIZE);
    put_number32(&secret, 2 * SEED_SIZE);
    buf_put(&secret, seed, SEED_SIZE);
    buf_put(&secret, public, SEED_SIZE);
    put_text(&secret, comment);
    for (char pad = 1; secret.size % 8 != 0; pad++) {
        buf_char(&secret, pad);
    }
    put_part(buf, secret.at, secret.size);
}

static const char *print_openssh(struct arena *arena, const struct buf *key) {
    const char *base64 = base64_encode(arena, key->at, key->size);
    AUTO_BUF pem = {0};

    BUF_LITERAL(&pem, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
    while (*base64) {
        size_t size = strnlen(base64, PEM_LINE);

        buf_put(&pem, base64, size);
        buf_char(&pem, '\n');
        base64 += size;
    }
    BUF_LITERAL(&pem, "-----END OPENSSH PRIVATE KEY-----\n");
    return arena_text_size(arena, pem.at, pem.size);
}

bool ssh_key_make_ed25519(struct arena *arena, const char *comment, struct key_pair *ret_pair) {
    AUTO_PKEY pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    AUTO_BUF blob = {0};
    AUTO_BUF key = {0};
    uint8_t seed[SEED_SIZE], public[SEED_SIZE];
    size_t seed_size = sizeof seed, public_size = sizeof public;

    if (!pkey || !EVP_PKEY_get_raw_private_key(pkey, seed, &seed_size) ||
        !EVP_PKEY_get_raw_public_key(pkey, public, &public_size)) {
        return false;
    }
    put_text(&blob, "ssh-ed25519");
    put_part(&blob, public, sizeof public);
    buf_put(&key, "openssh-key-v1", sizeof "openssh-key-v1");
    put_text(&key, "none");
    put_text(&key, "none");
    put_text(&key, "");
    put_number32(&key, 1);
    put_part(&key, blob.at, blob.size);
    put_secret(&key, seed, public, comment);
    OPENSSL_cleanse(seed, sizeof seed);
    return finish_pair(arena, "ssh-ed25519", &blob, comment, print_openssh(arena, &key), ret_pair);
}
