/* SPDX-License-Identifier: Apache-2.0
 * Open addressing with linear probing; deletion shifts back, so there are no tombstones. */
#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/allocation.h"

struct slot {
    char *key;
    void *value;
    uint64_t hash;
};

struct map {
    struct slot *slots;
    size_t count, mask;
};

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void seed_make(void) {
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        abort();
    }
}

static inline uint64_t fold(uint64_t word) {
    __uint128_t product = (__uint128_t)word * (seed[1] | 1);

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply-fold over 8-byte words with two secret numbers: fast, and not predictable from outside. */
uint64_t map_hash(const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint64_t hash, word;

    pthread_once(&seed_once, seed_make);
    hash = seed[0] ^ size;
    for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = fold(hash ^ word);
    }
    word = 0;
    for (; size; size--) {
        word = word << 8 | at[size - 1];
    }
    hash = fold(hash ^ word);
    return hash ^ hash >> 32;
}

static struct slot *slots_new(size_t count) {
    struct slot *slots = allocation_fails() ? NULL : calloc(count, sizeof *slots);

    if (!slots) {
        abort();
    }
    return slots;
}

struct map *map_new(void) {
    struct map *map = calloc(1, sizeof *map);

    if (!map) {
        abort();
    }
    map->mask = 15;
    map->slots = slots_new(map->mask + 1);
    return map;
}

void map_free(struct map *map, void (*free_value)(void *)) {
    if (!map) {
        return;
    }
    for (size_t i = 0; i <= map->mask; i++) {
        if (map->slots[i].key) {
            free(map->slots[i].key);
            if (free_value) {
                free_value(map->slots[i].value);
            }
        }
    }
    free(map->slots);
    free(map);
}

static size_t find(const struct map *map, const char *key, uint64_t hash) {
    size_t i = hash & map->mask;

    while (map->slots[i].key && (map->slots[i].hash != hash || strcmp(map->slots[i].key, key) != 0)) {
        i = (i + 1) & map->mask;
    }
    return i;
}

static void grow(struct map *map) {
    struct slot *old = map->slots;
    size_t count = map->mask + 1;

    map->mask = count * 2 - 1;
    map->slots = slots_new(count * 2);
    for (size_t k = 0; k < count; k++) {
        if (old[k].key) {
            map->slots[find(map, old[k].key, old[k].hash)] = old[k];
        }
    }
    free(old);
}

static void remove_at(struct map *map, size_t hole) {
    free(map->slots[hole].key);
    map->count--;
    for (size_t i = hole;;) {
        i = (i + 1) & map->mask;
        if (!map->slots[i].key) {
            break;
        }
        if (((i - map->slots[i].hash) & map->mask) >= ((i - hole) & map->mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct slot){0};
}

void *map_set(struct map *map, const char *key, void *value) {
    uint64_t hash = map_hash(key, strlen(key));
    size_t i = find(map, key, hash);
    void *old = map->slots[i].value;

    if (map->slots[i].key) {
        if (value) {
            map->slots[i].value = value;
        } else {
            remove_at(map, i);
        }
        return old;
    }
    if (!value) {
        return NULL;
    }
    if ((map->count + 1) * 4 > (map->mask + 1) * 3) {
        grow(map);
        i = find(map, key, hash);
    }
    map->slots[i] = (struct slot){.key = strdup(key), .value = value, .hash = hash};
    assert(map->slots[i].key);
    map->count++;
    return NULL;
}

void *map_get(const struct map *map, const char *key) {
    return map->slots[find(map, key, map_hash(key, strlen(key)))].value;
}

size_t map_count(const struct map *map) {
    return map->count;
}

const char *map_next(const struct map *map, size_t *cursor, void **ret_value) {
    while (*cursor <= map->mask) {
        const struct slot *slot = &map->slots[(*cursor)++];

        if (slot->key) {
            *ret_value = slot->value;
            return slot->key;
        }
    }
    return NULL;
}
