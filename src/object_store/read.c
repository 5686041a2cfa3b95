/* SPDX-License-Identifier: Apache-2.0
 * Opening the store, and reading what is in it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "object_store/crc32c.h"
#include "object_store/index.h"
#include "object_store/object_store.h"
#include "object_store/seal.h"

LOG_MODULE("object_store.read");

enum { LEAST_SHARDS = 2, MOST_SHARDS = 64, ORDERED_SHARDS = 8, MAX_TORN = 100 };

static const struct object_driver *const drivers[] = {&object_driver_file, &object_driver_rados, &object_driver_fake};

/* In files one for each core: writers of more shards than can run only split what would share a commit. */
static int default_shards(void) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (store.driver->ordered) {
        return ORDERED_SHARDS;
    }
    return cores < LEAST_SHARDS ? LEAST_SHARDS : cores > MOST_SHARDS ? MOST_SHARDS : (int)cores;
}

bool store_start_encryption(struct arena *arena, const struct conf *conf, const char *keys, const char **ret_error) {
    return seal_start(arena, conf_text(conf, "object_store", "encryption_keys", keys),
                      conf_bool(conf, "object_store", "encryption", false), ret_error);
}

int64_t object_wait_seconds(const struct conf *conf) {
    int64_t seconds = conf_int(conf, "object_store", "wait_seconds", 30);

    return seconds > 0 ? seconds : 1;
}

const struct object_driver *object_driver_find(const char *name) {
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        if (!strcmp(name, drivers[i]->name)) {
            return drivers[i];
        }
    }
    return NULL;
}

bool object_store_fit(const char *name, const char **ret_error) {
    const struct object_driver *driver = object_driver_find(name);

    *ret_error = "[object_store] driver must be file, rados or fake";
    return driver && (!driver->fit || driver->fit(ret_error));
}

bool store_start(struct arena *arena, const struct conf *conf, const char *root, const char **ret_error) {
    const char *driver = conf_text(conf, "object_store", "driver", "file");

    store.driver = object_driver_find(driver);
    if (!store.driver) {
        *ret_error = arena_printf(arena, "[object_store] driver must be file, rados or fake, not %s", driver);
        return false;
    }
    if (!store.driver->start(arena, conf, root, ret_error)) {
        return false;
    }
    *ret_error = "the writers of the object store cannot be started";
    return index_open_all(arena, root, (int)conf_int(conf, "object_store", "shards", default_shards()), ret_error) &&
           writers_start();
}

bool store_waits(void) {
    return store.driver->waits;
}

/* ---- one snapshot ---- */

static bool begin(struct index *index) {
    return index_run(index, index_statement(index, S_BEGIN_READ));
}

static void end(struct index *index) {
    index_run(index, index_statement(index, S_COMMIT));
}

/* Adds what one shard has of the account. */
static bool add_account(struct index *index, struct arena *arena, const char *account, struct store_account *sum) {
    sqlite3_stmt *find = index_statement(index, S_ACCOUNT);

    index_bind_text(find, 1, account);
    if (sqlite3_step(find) == SQLITE_ROW) {
        int64_t created = sqlite3_column_int64(find, 0);

        sum->exists = true;
        sum->created = created ? created : sum->created;
        sum->containers += sqlite3_column_int64(find, 1);
        sum->objects += sqlite3_column_int64(find, 2);
        sum->bytes += sqlite3_column_int64(find, 3);
        if (sqlite3_column_bytes(find, 4)) {
            sum->meta = index_unpack(arena, sqlite3_column_blob(find, 4), (size_t)sqlite3_column_bytes(find, 4));
        }
    }
    sqlite3_reset(find);
    return !index_failed(index);
}

static enum store_result find_account_meta(struct arena *arena, const char *account, struct store_account *ret) {
    struct shard *shard = index_shard(account, NULL);
    int64_t generation = known_generation(shard);
    struct store_container known = {0};
    struct index *index;
    enum store_result result;

    if (known_find(shard, arena, account, NULL, &known)) {
        *ret = (struct store_account){.exists = known.policy, .created = known.created, .meta = known.meta};
        return STORE_OK;
    }
    index = index_reader(shard);
    if (!index) {
        return STORE_FAILED;
    }
    result = add_account(index, arena, account, ret) ? STORE_OK : index_error(index);
    index_reader_release(shard, index);
    if (result == STORE_OK) {
        known = (struct store_container){.policy = ret->exists, .created = ret->created, .meta = ret->meta};
        known_keep(shard, generation, account, NULL, &known);
    }
    return result;
}

static enum store_result find_account(struct arena *arena, const char *account, struct store_account *ret) {

    for (struct shard *shard = store.shards; shard < store.shards + store.shard_count; shard++) {
        struct index *index = index_reader(shard);
        enum store_result result;

        if (!index) {
            return STORE_FAILED;
        }
        result = add_account(index, arena, account, ret) ? STORE_OK : index_error(index);
        index_reader_release(shard, index);
        if (result != STORE_OK) {
            return result;
        }
    }
    return STORE_OK;
}

static void take_bytes(struct arena *arena, sqlite3_stmt *row, int column, struct store_found *found) {
    const void *bytes = sqlite3_column_blob(row, column);
    size_t size = (size_t)sqlite3_column_bytes(row, column);
    const struct store_object *object = &found->object;
    char *copy = arena_text_size(arena, bytes, size);

    found->damaged = crc32c(0, copy, size) != object->sum;
    found->object.bytes = found->damaged ? NULL : copy;     /* nobody may take them for good */
    if (object->seal && !found->damaged) {
        seal_bytes(object->seal, 0, copy, copy, size);
    }
}

static bool read_data(struct index *index, struct arena *arena, struct store_found *found) {
    sqlite3_stmt *find = index_statement(index, S_DATA);
    bool there;

    sqlite3_bind_int64(find, 1, found->object.data);
    there = sqlite3_step(find) == SQLITE_ROW;
    if (there) {
        take_bytes(arena, find, 0, found);
    }
    sqlite3_reset(find);
    return there || !index_failed(index);
}

/* The current object, and its bytes when they are in the index, by one statement. */
static bool find_with_bytes(struct index *index, struct arena *arena, const char *name, struct store_found *ret) {
    sqlite3_stmt *find = index_statement(index, S_OBJECT_BYTES);
    const struct store_object *object = &ret->object;
    bool found;

    sqlite3_bind_int64(find, 1, ret->container.id);
    index_bind_text(find, 2, name);
    found = sqlite3_step(find) == SQLITE_ROW;
    if (found) {
        index_read_object(arena, find, &ret->object);
        ret->object.current = true;
        if (object->data && !object->place && !object->shut && sqlite3_column_type(find, 12) != SQLITE_NULL) {
            take_bytes(arena, find, 12, ret);
        }
    }
    sqlite3_reset(find);
    return found;
}

static void close_blob(void *blob) {
    store.driver->close(blob);
}

/* '*ret_torn': the object was replaced between reading its row and its bytes. 'looked': bytes in the index were read when they
 * were there. False when the index cannot be read. */
static bool want_bytes(struct index *index, struct arena *arena, struct store_found *found, bool looked, bool *ret_torn) {
    struct store_object *object = &found->object;

    if (object->place) {
        object->blob = store.driver->open(object->place);
        *ret_torn = !object->blob && errno == ENOENT;
        if (object->blob) {
            arena_defer(arena, close_blob, object->blob);
        }
        return true;
    }
    if (!object->data) {
        object->bytes = "";
    } else if (!looked && !read_data(index, arena, found)) {
        return false;
    }
    *ret_torn = !object->bytes && !found->damaged;
    return true;
}

static enum store_result find_in_container(struct index *index, struct arena *arena, const struct store_find *find,
                                           struct store_found *ret, bool *ret_torn) {
    bool at_once = find->want_bytes && find->version == STORE_CURRENT;

    *ret_torn = ret->damaged = false;
    if (!ret->container.id && !index_find_container(index, arena, find->account, find->container, &ret->container)) {
        return index_no_container(index);
    }
    if (!find->name) {
        return STORE_OK;
    }
    if (!(at_once ? find_with_bytes(index, arena, find->name, ret)
                  : index_find_object(index, arena, ret->container.id, find->name, find->version, &ret->object))) {
        return index_failed(index) ? index_error(index) : STORE_MISSING;
    }
    if (!find->want_expired && ret->object.expires && ret->object.expires <= clock_now() / SECOND) {
        return STORE_MISSING;
    }
    ret->damaged = ret->damaged || ret->object.shut;
    if (find->want_bytes && !ret->object.shut && !want_bytes(index, arena, ret, at_once, ret_torn)) {
        return index_error(index);
    }
    if (ret->damaged) {
        log_error("%s/%s/%s: its bytes are not what was written", find->account, find->container, find->name);
    }
    return STORE_OK;
}

static bool is_same(const char *place, const char *other) {
    return place && other && !strcmp(place, other);
}

enum store_result store_find(struct arena *arena, const struct store_find *find, struct store_found *ret) {
    struct shard *shard;
    struct index *index;
    enum store_result result = STORE_OK;
    int64_t generation;
    bool known, single, torn = false;
    const char *lost;
    int tries = 0;

    *ret = (struct store_found){0};
    if (find->want_account) {
        result = find->want_account == ACCOUNT_ALL ? find_account(arena, find->account, &ret->account)
                                                   : find_account_meta(arena, find->account, &ret->account);
    }
    if (result != STORE_OK || !find->container) {
        return result;
    }
    shard = index_shard(find->account, find->container);
    generation = known_generation(shard);
    known = find->no_counts && known_find(shard, arena, find->account, find->container, &ret->container);
    if (known && !find->name) {
        return STORE_OK;
    }
    index = index_reader(shard);
    if (!index) {
        return STORE_FAILED;
    }
    /* One statement needs no transaction to be one snapshot. */
    single = known && find->version == STORE_CURRENT;
    do {
        lost = ret->object.place;
        result = single || begin(index) ? find_in_container(index, arena, find, ret, &torn) : index_error(index);
        if (!single) {
            end(index);
        }
    } while (torn && result == STORE_OK && ++tries < MAX_TORN && !is_same(lost, ret->object.place));
    ret->damaged = ret->damaged || (result == STORE_OK && torn);
    index_reader_release(shard, index);
    if (find->no_counts && !known && ret->container.id) {
        known_keep(shard, generation, find->account, find->container, &ret->container);
    }
    return result;
}

bool store_each_expired(struct arena *arena, int64_t now, int64_t limit,
                        void (*fn)(void *user, const char *account, const char *container, const char *name), void *user) {
    for (int i = 0; i < store.shard_count; i++) {
        struct index *index = index_reader(&store.shards[i]);
        sqlite3_stmt *list;

        if (!index) {
            return false;
        }
        list = index_statement(index, S_EXPIRED);
        sqlite3_bind_int64(list, 1, now);
        sqlite3_bind_int64(list, 2, limit);
        while (sqlite3_step(list) == SQLITE_ROW) {
            fn(user, (const char *)sqlite3_column_text(list, 0), (const char *)sqlite3_column_text(list, 1),
               (const char *)sqlite3_column_text(list, 2));
        }
        sqlite3_reset(list);
        index_reader_release(&store.shards[i], index);
    }
    return true;
}
