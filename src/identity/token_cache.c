/* SPDX-License-Identifier: Apache-2.0
 * The cache: shards with a lock each, so that threads seldom meet. A full shard is emptied; what is in use stays until its
 * requests end. */
#include "identity/token_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

enum { MAX_CACHED = 32768, SHARDS = 16 };

static struct {
    pthread_rwlock_t lock;
    struct map *map;
} shards[SHARDS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void) {
    for (int i = 0; i < SHARDS; i++) {
        pthread_rwlock_init(&shards[i].lock, NULL);
        shards[i].map = map_new();
    }
}

static unsigned shard_of(const char *sealed) {
    pthread_once(&once, make);
    return (unsigned)(map_hash(sealed, strlen(sealed)) % SHARDS);
}

void cached_unref(void *pointer) {
    struct cached *cached = pointer;

    if (--cached->users == 0) {
        free(cached);
    }
}

struct cached *cache_get(const char *sealed, uint64_t generation) {
    unsigned shard = shard_of(sealed);
    struct cached *cached;

    pthread_rwlock_rdlock(&shards[shard].lock);
    cached = map_get(shards[shard].map, sealed);
    if (cached && cached->generation == generation) {
        cached->users++;
    } else {
        cached = NULL;
    }
    pthread_rwlock_unlock(&shards[shard].lock);
    return cached;
}

/* ---- one piece ---- */

/* Adds sizes while 'at' is null, copies after that. */
struct packer {
    char *at;
    size_t size;
};

static void pack_text(struct packer *packer, const char **text) {
    size_t size = *text ? strlen(*text) + 1 : 0;

    if (packer->at && size) {
        *text = memcpy(packer->at + packer->size, *text, size);
    }
    packer->size += size;
}

static void pack_texts(struct packer *packer, const char *const **texts, size_t count) {
    const char **copy = (const char **)(void *)(packer->at ? packer->at + packer->size : NULL);

    packer->size += count * sizeof **texts;
    for (size_t i = 0; i < count; i++) {
        const char *text = (*texts)[i];

        pack_text(packer, &text);
        if (copy) {
            copy[i] = text;
        }
    }
    packer->size = (packer->size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    *texts = copy ? copy : *texts;
}

/* The arrays first: they want alignment. */
static void pack(struct packer *packer, struct caller *caller, struct token *token) {
    const char **texts[] = {
        &caller->user_id, &caller->user_name, &caller->user_domain_id, &caller->user_domain_name, &caller->project_id,
        &caller->project_name, &caller->project_domain_id, &caller->project_domain_name, &caller->domain_id,
        &caller->domain_name, &caller->system, &caller->trust_id, &caller->trustor_id, &caller->trustee_id,
        &token->user_id, &token->scope_id, &token->delegation_id, &token->audit_id, &token->parent_audit_id,
        &token->access_rules, &token->secret, &token->idp_id, &token->protocol_id, &token->group_ids,
        &token->thumbprint,
    };

    pack_texts(packer, &caller->roles, caller->role_count);
    pack_texts(packer, &caller->role_ids, caller->role_count);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        pack_text(packer, texts[i]);
    }
}

struct cached *cache_put(const char *sealed, uint64_t generation, const struct token *token, const struct caller *caller) {
    struct caller c = *caller;
    struct token t = *token;
    struct packer packer = {0};
    unsigned shard = shard_of(sealed);
    struct cached *cached, *old;

    pack(&packer, &c, &t);
    cached = malloc(sizeof *cached + packer.size);
    if (!cached) {
        abort();
    }
    packer = (struct packer){.at = (char *)(cached + 1)};
    pack(&packer, &c, &t);
    *cached = (struct cached){.caller = c, .token = t, .generation = generation, .users = 2};
    cached->caller.token = &cached->token;
    pthread_rwlock_wrlock(&shards[shard].lock);
    if (map_count(shards[shard].map) >= MAX_CACHED / SHARDS) {
        map_free(shards[shard].map, cached_unref);
        shards[shard].map = map_new();
    }
    old = map_set(shards[shard].map, sealed, cached);
    pthread_rwlock_unlock(&shards[shard].lock);
    if (old) {
        cached_unref(old);
    }
    return cached;
}

void cache_sweep(int64_t now) {
    pthread_once(&once, make);
    for (int i = 0; i < SHARDS; i++) {
        struct map *kept = map_new();
        size_t cursor = 0;
        const char *key;
        void *value;

        pthread_rwlock_wrlock(&shards[i].lock);
        while ((key = map_next(shards[i].map, &cursor, &value))) {
            if (((struct cached *)value)->token.expires > now) {
                map_set(kept, key, value);
            } else {
                cached_unref(value);
            }
        }
        map_free(shards[i].map, NULL);
        shards[i].map = kept;
        pthread_rwlock_unlock(&shards[i].lock);
    }
}
