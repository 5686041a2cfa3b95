/* SPDX-License-Identifier: Apache-2.0
 * What was read of containers and accounts and still holds, so that a request for an object need not ask the index for
 * them. A shard's generation goes up with each durable change of any container or account in it; what was read is kept
 * with the generation from before it was read, and holds as long as that is the shard's. Counters are none of this. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "object_store/index.h"

struct known {
    uint64_t hash;
    int64_t generation;
    struct store_container container;   /* without texts and counters; of an account: 'created' and 'policy' (it exists) */
    size_t account_size, container_size, meta_size;     /* with their NULs */
    char text[];                        /* account, container, metadata as rows have them */
};

enum { SLOTS = sizeof((struct shard){0}.known) / sizeof(struct known *) };

int64_t known_generation(struct shard *shard) {
    return atomic_load(&shard->generation);
}

void known_forget(struct shard *shard) {
    atomic_fetch_add(&shard->generation, 1);
}

static bool is_it(const struct known *known, const char *account, const char *container) {
    return !strcmp(known->text, account) &&
           (container ? known->container_size && !strcmp(known->text + known->account_size, container)
                      : !known->container_size);
}

bool known_find(struct shard *shard, struct arena *arena, const char *account, const char *container,
                struct store_container *ret) {
    uint64_t hash = index_hash(account, container);
    const struct known *known;
    bool found;

    if (store.driver->shared) {
        return false;               /* others change containers too */
    }
    pthread_mutex_lock(&shard->known_lock);
    known = shard->known[hash % SLOTS];
    found = known && known->hash == hash && known->generation == known_generation(shard) && is_it(known, account, container);
    if (found) {
        *ret = known->container;
        ret->name = container;
        ret->meta = index_unpack(arena, known->text + known->account_size + known->container_size, known->meta_size);
    }
    pthread_mutex_unlock(&shard->known_lock);
    return found;
}

void known_keep(struct shard *shard, int64_t generation, const char *account, const char *container,
                const struct store_container *what) {
    uint64_t hash = index_hash(account, container);
    size_t account_size = strlen(account) + 1, container_size = container ? strlen(container) + 1 : 0;
    size_t meta_size = index_packed_size(&what->meta);
    struct known *known = malloc(sizeof *known + account_size + container_size + meta_size);

    if (!known) {
        abort();
    }
    *known = (struct known){.hash = hash, .generation = generation, .container = *what, .account_size = account_size,
                            .container_size = container_size, .meta_size = meta_size};
    known->container.meta = (struct store_meta){0};
    known->container.name = NULL;
    memcpy(known->text, account, account_size);
    if (container) {
        memcpy(known->text + account_size, container, container_size);
    }
    index_pack(known->text + account_size + container_size, &what->meta);
    pthread_mutex_lock(&shard->known_lock);
    free(shard->known[hash % SLOTS]);
    shard->known[hash % SLOTS] = known;
    pthread_mutex_unlock(&shard->known_lock);
}
