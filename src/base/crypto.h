/* SPDX-License-Identifier: Apache-2.0
 * Digests, base64url, password hashes, Fernet and constant-time comparison, on OpenSSL and libcrypt. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Incremental digest; 'name' as OpenSSL knows it: "md5", "sha256", "sha512", ... */
struct digest;
struct digest *digest_new(const char *name);                     /* null: unknown name */
void digest_add(struct digest *digest, const void *bytes, size_t size);
char *digest_hex(struct digest *digest, struct arena *arena);    /* ends it; frees it */
void digest_free(struct digest *digest);                         /* without a result; null is fine */

/* Bytes as lower-case hexadecimal digits; and 'size' bytes out of at least twice as many digits of either case, false when
 * one is none. */
char *hex_text(struct arena *arena, const void *bytes, size_t size);
bool hex_read(const char *text, uint8_t *bytes, size_t size);

/* Digest of 'size' bytes as lower-case hexadecimal digits. */
char *digest_of(struct arena *arena, const char *name, const void *bytes, size_t size);

/* HMAC-SHA256 into 32 bytes. */
void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size, uint8_t mac[32]);

/* HMAC-SHA1 into 20 bytes, for protocols that ask for it. */
void hmac_sha1(const void *key, size_t key_size, const void *bytes, size_t size, uint8_t mac[20]);

/* HMAC with "sha1", "sha256" or "sha512", as lower-case hexadecimal digits. */
char *hmac_hex(struct arena *arena, const char *digest, const void *key, size_t key_size, const void *bytes, size_t size);

/* Compares without telling by its time where they differ. */
bool equal_secret(const char *a, const char *b);
bool equal_secret_bytes(const void *a, const void *b, size_t size);

/* base64url with padding (RFC 4648 section 5) and plain base64 (section 4). Decoding accepts missing padding;
 * returns null when the text is not valid; bits left over must be zero. */
char *base64url_encode(struct arena *arena, const void *bytes, size_t size);
char *base64_encode(struct arena *arena, const void *bytes, size_t size);
uint8_t *base64_decode(struct arena *arena, const char *text, size_t *ret_size);   /* either alphabet */

/* bcrypt ($2b$) with 'cost' rounds as a power of two (4 to 31). bcrypt reads 72 bytes: longer passwords are cut there,
 * as OpenStack's identity service does. */
char *password_hash(struct arena *arena, const char *password, int cost);
/* Whether 'hash' is of 'password'. Takes every form that OpenStack's identity service stores: bcrypt, and as passlib
 * writes them bcrypt_sha256, scrypt, pbkdf2_sha512 and sha512_crypt. A form not known: false. */
bool password_verify(const char *password, const char *hash);
/* Whether 'hash' is what password_hash makes with that cost. */
bool password_hash_is_current(const char *hash, int cost);

/* Fernet tokens (the Fernet specification, version 0x80). A key is 32 bytes: 16 to sign, 16 to encrypt. */
struct fernet_key {
    uint8_t bytes[32];
};
bool fernet_key_parse(const char *text, struct fernet_key *ret_key);     /* base64url of 32 bytes */
char *fernet_encode(struct arena *arena, const struct fernet_key *key, const void *bytes, size_t size, int64_t now);
/* Tries each of 'count' keys. Null when no key fits or the token is malformed. 'now' and the result's time: seconds. */
uint8_t *fernet_decode(struct arena *arena, const struct fernet_key *keys, size_t count, const char *token,
                       size_t *ret_size, int64_t *ret_created);
