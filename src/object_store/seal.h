/* SPDX-License-Identifier: Apache-2.0
 * Encryption at rest. Each object has two keys of its own, drawn at random: its bytes are AES-256-CTR by the one (any range
 * can be read), its metadata and ETag AES-256-GCM by the other. Both are kept with it, wrapped by AES-256-GCM under a key
 * that is derived (HMAC-SHA256) from a root key and a salt. Root keys are lines "ID HEX" of a file, the last of them for new
 * objects: a key is changed by adding a line. Checksums are of what lies on disk, so verifying needs no key. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct conf;

struct seal {
    uint8_t bytes_key[32], meta_key[32];
    uint8_t wrapped[4 + 16 + 64 + 16];      /* number of the root key, salt, wrapped keys, tag */
};

/* Reads the root keys from 'path'; with 'wanted' they are made when there are none, and new objects are sealed. */
bool seal_start(struct arena *arena, const char *path, bool wanted, const char **ret_error);

/* For a new object; null: it is not to be sealed. */
const struct seal *seal_new(struct arena *arena);

/* Encrypts or decrypts 'size' bytes that stand at 'offset' of the object. 'from' may be 'to'. */
void seal_bytes(const struct seal *seal, int64_t offset, const void *from, void *to, size_t size);

/* The key of an object's bytes, from one that a customer gives with each request and a salt of the object's own. 'check' is
 * the same for the same key and salt, and says nothing of the key. */
enum { SEAL_SALT = 16, SEAL_CHECK = 16 };
void seal_customer(const uint8_t key[32], const uint8_t salt[SEAL_SALT], struct seal *ret, uint8_t check[SEAL_CHECK]);

/* Metadata, sealed: begins with a NUL, which packed metadata never do. */
size_t seal_meta_size(size_t size);
void seal_meta(const struct seal *seal, const void *plain, size_t size, uint8_t *to);
bool seal_is(const void *bytes, size_t size);
/* Null when the root key is not known or the bytes are not what was written (logged). */
const struct seal *seal_open(struct arena *arena, const void *bytes, size_t size, void **ret_plain, size_t *ret_size);
