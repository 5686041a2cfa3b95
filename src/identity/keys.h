/* SPDX-License-Identifier: Apache-2.0
 * The Fernet keys that seal tokens, stored credentials, and receipts. A repository is a directory below the API's own:
 * files 0, 1, 2..., of which the highest number seals, 0 is the one that will next, and all open. Whoever changes the
 * files, here or on another machine, is noticed within a second. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum key_use { KEYS_TOKEN, KEYS_CREDENTIAL, KEYS_RECEIPT, KEYS_USES };

/* Reads the repository below 'data', making two keys when there are none. False: the log says why. */
bool keys_load(enum key_use use, const char *data, struct arena *arena);
/* Makes the next key the sealing one, a new next one, and removes the oldest beyond 'most' (3 or more). Tokens sealed with
 * those are void: there should be more keys than rotations in the life of a token. False: the log says why. */
bool keys_rotate(enum key_use use, int most, struct arena *arena);
size_t keys_count(enum key_use use);

/* Seals with the primary key; 'now' in seconds. */
char *keys_seal(enum key_use use, struct arena *arena, const void *bytes, size_t size, int64_t now);
/* Opens with any key; null when none fits. */
uint8_t *keys_open(enum key_use use, struct arena *arena, const char *sealed, size_t *ret_size, int64_t *ret_created);
/* True when it was sealed with the key that seals now. */
bool keys_current(enum key_use use, struct arena *arena, const char *sealed);
