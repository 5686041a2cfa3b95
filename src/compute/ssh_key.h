/* SPDX-License-Identifier: Apache-2.0
 * Keys of key pairs: reading OpenSSH public keys that tenants bring, fingerprints, and making new pairs.
 *
 * Making a pair takes a tenth of a second and more: do it before a transaction opens. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum { SSH_KEY_BITS = 2048, SSH_KEY_LARGEST_TEXT = 16 * 1024 };

struct ssh_key {
    const char *type;           /* "ssh-rsa", "ssh-dss", "ssh-ed25519", "ecdsa-sha2-nistp256" (384, 521) */
    const char *comment;        /* what follows the key on its line; may be empty */
    const uint8_t *blob;        /* the key as it goes over the wire (RFC 4253 section 6.6) */
    size_t blob_size;
    int bits;
};

/* A new pair, all texts. */
struct key_pair {
    const char *private_key, *public_key, *fingerprint;
};

/* Parses the first line of 'text': type, base64, comment. The key must be well formed and of a usable size; points must
 * be on their curve. On an error returns false and sets *ret_error to a sentence. */
bool ssh_key_parse(struct arena *arena, const char *text, struct ssh_key *ret_key, const char **ret_error);

/* MD5 of the blob as lower-case pairs parted by ':', as Nova gives it. */
char *ssh_key_fingerprint(struct arena *arena, const struct ssh_key *key);

/* Makes an RSA pair: the private key in PEM as PKCS #1, the public one as a line of OpenSSH ending with 'comment'.
 * False when OpenSSL fails. */
bool ssh_key_make_rsa(struct arena *arena, int bits, const char *comment, struct key_pair *ret_pair);

/* Makes an Ed25519 pair; the private key in OpenSSH's own format (PROTOCOL.key of OpenSSH), without a passphrase. */
bool ssh_key_make_ed25519(struct arena *arena, const char *comment, struct key_pair *ret_pair);

/* Makes a self-signed certificate for logging in to Windows as 'user_id' (at most 64 characters): RSA, ten years, for
 * client authentication, with user_id@localhost as its user principal name. The public key is the certificate in PEM,
 * the private one PKCS #12 with an empty password in base64,
     the fingerprint that of x509_fingerprint. False when OpenSSL
 * fails or 'user_id' is too long. */
bool x509_key_make(struct arena *arena, const char *user_id, struct key_pair *ret_pair);

/* SHA-1 of the certificate in PEM 'text' as pairs parted by ':'; null when it is no certificate. */
char *x509_fingerprint(struct arena *arena, const char *text);
