/* SPDX-License-Identifier: Apache-2.0
 * Deleting an account with all that is in it: many small changes, so that others of the shard are not held up. It may be
 * called again after a crash, until nothing is left. */
#include <string.h>

#include "object_store/index.h"

enum { AT_ONCE = 1000 };

struct names {
    struct arena *arena;
    const char **at;
    int64_t *versions;
    size_t count;
};

static void add(struct names *names, const char *name, int64_t version) {
    names->at = arena_grow(names->arena, names->at, names->count, sizeof *names->at);
    names->versions = arena_grow(names->arena, names->versions, names->count, sizeof *names->versions);
    names->at[names->count] = arena_text(names->arena, name);
    names->versions[names->count++] = version;
}

static bool add_object(void *user, const struct store_object *object) {
    add(user, object->name, object->version);
    return true;
}

static bool add_container(void *user, const struct store_container *container) {
    add(user, container->name, 0);
    return true;
}

static enum store_result empty_container(const char *account, const char *container) {
    enum store_result result = STORE_OK;
    bool more = true;

    while (more && result == STORE_OK) {
        struct arena *arena = arena_new(0);
        struct names names = {.arena = arena};
        struct store_list list = {.account = account, .container = container, .versions = true, .limit = AT_ONCE,
                                  .on_object = add_object, .user = &names};

        result = store_list(arena, &list, &more);
        for (size_t i = 0; i < names.count && result == STORE_OK; i++) {
            struct store_change change = {.arena = arena, .account = account, .container = container, .name = names.at[i],
                                          .version = names.versions[i]};

            result = store_delete_object(&change);
            result = result == STORE_MISSING ? STORE_OK : result;
        }
        arena_free(arena);
    }
    return result;
}

static enum store_result forget(struct shard *shard, struct store_change *change) {
    sqlite3_stmt *remove = index_statement(shard->writer, S_ACCOUNT_DELETE);

    shard->containers_change = true;
    index_bind_text(remove, 1, change->account);
    return index_run(shard->writer, remove) ? STORE_OK : index_error(shard->writer);
}

enum store_result store_delete_account(struct store_change *change) {
    struct names names = {.arena = change->arena};
    struct store_list list = {.account = change->account, .limit = INT64_MAX, .on_container = add_container, .user = &names};
    enum store_result result = store_list(change->arena, &list, NULL);

    for (size_t i = 0; i < names.count && result == STORE_OK; i++) {
        struct store_change remove = {.arena = change->arena, .account = change->account, .container = names.at[i]};

        result = empty_container(change->account, names.at[i]);
        result = result == STORE_OK ? store_delete_container(&remove) : result;
        result = result == STORE_NO_CONTAINER ? STORE_OK : result;
    }
    for (int i = 0; i < store.shard_count && result == STORE_OK; i++) {
        struct store_change remove = {.arena = change->arena, .account = change->account};

        result = writer_submit(&store.shards[i], &remove, forget);
    }
    return result;
}
