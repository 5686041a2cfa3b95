/* SPDX-License-Identifier: Apache-2.0
 * A hash map from text to pointer, on the heap. Keys are copied; values belong to the caller. Hashing is keyed by a
 * random number of this process, so that tenants cannot choose names that collide. Not locked. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map *map, void (*free_value)(void *));   /* free_value may be null; so may map */

/* Sets 'key' and returns the value it had, or null. A null value removes the key. */
void *map_set(struct map *map, const char *key, void *value);
void *map_get(const struct map *map, const char *key);
size_t map_count(const struct map *map);

/* Walks all entries: start with *cursor = 0; null at the end. The map must not change meanwhile. */
const char *map_next(const struct map *map, size_t *cursor, void **ret_value);

/* The keyed hash that maps use. */
uint64_t map_hash(const void *bytes, size_t size);
