/* SPDX-License-Identifier: Apache-2.0
 * The Fernet keys that seal tokens. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Reads DATA/api/fernet-keys, making two keys when there are none. */
bool keys_load(const char *data, struct arena *arena);
/* Seals with the primary key; 'now' in seconds. */
char *keys_seal(struct arena *arena, const void *bytes, size_t size, int64_t now);
/* Opens with any key; null when none fits. */
uint8_t *keys_open(struct arena *arena, const char *sealed, size_t *ret_size, int64_t *ret_created);
