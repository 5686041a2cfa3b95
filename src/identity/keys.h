/* SPDX-License-Identifier: Apache-2.0
 * The Fernet keys that seal tokens, and those that seal stored credentials. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum key_use { KEYS_TOKEN, KEYS_CREDENTIAL, KEYS_RECEIPT, KEYS_USES };

/* Reads DATA/api/fernet-keys or credential-keys, making two keys when there are none. */
bool keys_load(enum key_use use, const char *data, struct arena *arena);
/* Seals with the primary key; 'now' in seconds. */
char *keys_seal(enum key_use use, struct arena *arena, const void *bytes, size_t size, int64_t now);
/* Opens with any key; null when none fits. */
uint8_t *keys_open(enum key_use use, struct arena *arena, const char *sealed, size_t *ret_size, int64_t *ret_created);
