/* SPDX-License-Identifier: Apache-2.0
 * The index in memory: an array of pairs for each shard. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "object_store/ordered.h"

struct kept {
    struct ordered_pair pair;
    char bytes[];
};

static struct shelf {
    pthread_mutex_t lock;
    struct kept **at;               /* by key */
    size_t count, room;
    int64_t generation;
} *shelves;

static int shelf_count;

static void *must(void *memory) {
    if (!memory) {
        abort();
    }
    return memory;
}

static int shards(int wanted) {
    if (!shelves && wanted > 0) {
        shelves = must(calloc((size_t)wanted, sizeof *shelves));
        shelf_count = wanted;
        for (int i = 0; i < wanted; i++) {
            pthread_mutex_init(&shelves[i].lock, NULL);
        }
    }
    return shelf_count;
}

static bool generation(int shard, int64_t *ret) {
    if (!fake_goes_on()) {
        return false;
    }
    pthread_mutex_lock(&shelves[shard].lock);
    *ret = shelves[shard].generation;
    pthread_mutex_unlock(&shelves[shard].lock);
    return true;
}

static int compare(const struct ordered_pair *a, const struct ordered_pair *b) {
    return bytes_compare(a->key, a->key_size, b->key, b->key_size);
}

/* The first pair whose key is not less; '*ret_same': it is this key. */
static size_t find(const struct shelf *shelf, const struct ordered_pair *key, bool *ret_same) {
    size_t low = 0, high = shelf->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&shelf->at[middle]->pair, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_same = low < shelf->count && !compare(&shelf->at[low]->pair, key);
    return low;
}

static bool get(int shard, const char *key, size_t key_size, struct buf *ret, bool *ret_found) {
    struct shelf *shelf = &shelves[shard];
    struct ordered_pair wanted = {.key = key, .key_size = key_size};
    size_t at;

    if (!fake_goes_on()) {
        return false;
    }
    pthread_mutex_lock(&shelf->lock);
    at = find(shelf, &wanted, ret_found);
    if (*ret_found) {
        buf_put(ret, shelf->at[at]->pair.value, shelf->at[at]->pair.value_size);
    }
    pthread_mutex_unlock(&shelf->lock);
    return true;
}

static bool scan(int shard, const struct ordered_pair *after, const struct ordered_pair *prefix, int limit,
                 void (*fn)(void *user, const struct ordered_pair *pair), void *user) {
    struct shelf *shelf = &shelves[shard];
    bool same;
    size_t at;

    if (!fake_goes_on()) {
        return false;
    }
    pthread_mutex_lock(&shelf->lock);
    at = find(shelf, after, &same);
    for (at += same; at < shelf->count && limit; at++) {
        const struct ordered_pair *pair = &shelf->at[at]->pair;

        if (pair->key_size >= prefix->key_size && !memcmp(pair->key, prefix->key, prefix->key_size)) {
            fn(user, pair);
            limit--;
        } else if (compare(pair, prefix) > 0) {
            break;
        }
    }
    pthread_mutex_unlock(&shelf->lock);
    return true;
}

static void apply(struct shelf *shelf, const struct ordered_pair *change) {
    bool same;
    size_t at = find(shelf, change, &same);
    struct kept *kept;

    if (same) {
        free(shelf->at[at]);
        shelf->count--;
        memmove(shelf->at + at, shelf->at + at + 1, (shelf->count - at) * sizeof *shelf->at);
    }
    if (!change->value) {
        return;
    }
    kept = must(malloc(sizeof *kept + change->key_size + change->value_size));
    memcpy(kept->bytes, change->key, change->key_size);
    memcpy(kept->bytes + change->key_size, change->value, change->value_size);
    kept->pair = (struct ordered_pair){kept->bytes, kept->bytes + change->key_size, change->key_size, change->value_size};
    if (shelf->count == shelf->room) {
        shelf->room = shelf->room ? shelf->room * 2 : 64;
        shelf->at = must(realloc(shelf->at, shelf->room * sizeof *shelf->at));
    }
    memmove(shelf->at + at + 1, shelf->at + at, (shelf->count - at) * sizeof *shelf->at);
    shelf->at[at] = kept;
    shelf->count++;
}

static enum ordered_result commit(int shard, int64_t generation, const struct ordered_pair *changes, size_t count) {
    struct shelf *shelf = &shelves[shard];
    bool same;

    if (!fake_goes_on()) {
        return ORDERED_FAILED;
    }
    pthread_mutex_lock(&shelf->lock);
    same = shelf->generation == generation;
    if (same && count) {
        shelf->generation++;
        for (size_t i = 0; i < count; i++) {
            apply(shelf, &changes[i]);
        }
    }
    pthread_mutex_unlock(&shelf->lock);
    return same ? ORDERED_DONE : ORDERED_AGAIN;
}

const struct ordered_driver ordered_fake = {
    .shards = shards, .generation = generation, .get = get, .scan = scan, .commit = commit};
