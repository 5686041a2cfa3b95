/* SPDX-License-Identifier: Apache-2.0
 * Parts of multipart uploads that nothing asks for any more. When an upload's record or an object made of parts goes, by
 * whichever door, that is noted in the same transaction (parts_note). A thread takes the notes, also those of a process
 * that died, and removes the parts that neither the upload nor a version of the object has; then the note goes. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "object_store/index.h"
#include "object_store/s3_upload.h"

LOG_MODULE("object_store.parts");

enum { ID_SIZE = 32, NUMBER_SIZE = 5, NOTES_AT_ONCE = 100, MAX_VERSIONS = 10000, PAGE = 1000 };
#define SOON (5 * SECOND)       /* a note is durable by then; else it is found when all are looked for */

static _Atomic int64_t look_until;

struct upload_of {
    const char *account, *bucket, *key, *id;
};

/* ---- noting ---- */

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), more = strlen(end);

    return size > more && !strcmp(text + size - more, end);
}

bool parts_note(struct shard *shard, const struct store_change *change, const struct store_object *gone) {
    const char *id = gone->kind == STORE_MANIFEST ? store_meta_get(&gone->meta, "sys-s3-upload") : NULL;
    const char *bucket = change->container, *key = change->name, *mark = key ? strchr(key, 1) : NULL;
    sqlite3_stmt *put;

    if (mark && ends_with(bucket, S3_UPLOADS)) {
        id = mark + 1;
        key = arena_text_size(change->arena, key, (size_t)(mark - key));
        bucket = arena_text_size(change->arena, bucket, strlen(bucket) - strlen(S3_UPLOADS));
    }
    if (!id || !key) {
        return true;
    }
    put = index_statement(shard->writer, S_DROPPED_PUT);
    index_bind_text(put, 1, change->account);
    index_bind_text(put, 2, bucket);
    index_bind_text(put, 3, key);
    index_bind_text(put, 4, id);
    look_until = clock_monotonic() + SOON;
    return index_run(shard->writer, put);
}

/* ---- who asks for a part ---- */

enum wanted { WANTED_KEPT, WANTED_ALL, WANTED_UNKNOWN };

struct versions_of {
    struct arena *arena;
    const struct upload_of *upload;
    int64_t *at;
    size_t count;
    bool unknown;
};

static bool add_version(void *user, const struct store_object *object) {
    struct versions_of *versions = user;
    const char *id = store_meta_get(&object->meta, "sys-s3-upload");

    if (strcmp(object->name, versions->upload->key) != 0) {
        return false;
    }
    versions->unknown = versions->unknown || object->shut;
    if (id && object->kind == STORE_MANIFEST && !strcmp(id, versions->upload->id)) {
        versions->at = arena_grow(versions->arena, versions->at, versions->count, sizeof *versions->at);
        versions->at[versions->count++] = object->version;
    }
    return true;
}

/* The bytes of a manifest as a text; null when they cannot be read. */
static const char *read_text(struct arena *arena, const struct upload_of *upload, const struct store_object *object) {
    struct store_reader *reader = store_reader_open(upload->account, upload->bucket, object, 0, object->size);
    char *text = arena_alloc(arena, (size_t)object->size + 1);
    ssize_t got = reader ? 1 : -1;
    int64_t size = 0;

    while (got > 0 && size < object->size) {
        got = store_reader_read(reader, text + size, (size_t)(object->size - size));
        size += got > 0 ? got : 0;
    }
    store_reader_close(reader);
    text[size] = 0;
    return size == object->size ? text : NULL;
}

/* Adds the parts that a version of the object has. False: unknown. */
static bool keep_version(struct arena *arena, const struct upload_of *upload, int64_t version, struct map *kept) {
    struct store_find find = {.account = upload->account, .container = upload->bucket, .name = upload->key,
                              .version = version, .want_expired = true, .want_bytes = true};
    size_t skip = strlen(upload->bucket) + strlen("/" S3_SEGMENTS "/");
    struct store_found found;
    enum store_result result = store_find(arena, &find, &found);
    const char *text = result == STORE_OK ? read_text(arena, upload, &found.object) : NULL;
    const struct json *list = text ? json_parse(arena, text, strlen(text), NULL) : NULL;

    if (result == STORE_MISSING || result == STORE_NO_CONTAINER) {
        return true;
    }
    if (!list || list->type != JSON_LIST) {
        return false;
    }
    for (JSON_EACH(item, list)) {
        const char *name = json_get_text(item, "name");

        if (name && strlen(name) > skip) {
            map_set(kept, name + skip, kept);
        }
    }
    return true;
}

/* Which parts of the upload are asked for; those of objects into 'kept'. */
static enum wanted find_wanted(struct arena *arena, const struct upload_of *upload, struct map *kept) {
    struct store_find record = {.account = upload->account, .container = arena_printf(arena, "%s" S3_UPLOADS, upload->bucket),
                                .name = arena_printf(arena, "%s\x01%s", upload->key, upload->id), .version = STORE_CURRENT};
    struct versions_of versions = {.arena = arena, .upload = upload};
    struct store_list list = {.account = upload->account, .container = upload->bucket, .prefix = upload->key,
                              .versions = true, .limit = MAX_VERSIONS, .on_object = add_version, .user = &versions};
    struct store_found found;
    enum store_result result = store_find(arena, &record, &found);
    bool more = false;

    if (result == STORE_OK) {
        return WANTED_ALL;
    }
    if (result == STORE_FAILED) {
        return WANTED_UNKNOWN;
    }
    result = store_list(arena, &list, &more);
    if (result == STORE_FAILED || more || versions.unknown) {
        return WANTED_UNKNOWN;
    }
    for (size_t i = 0; i < versions.count; i++) {
        if (!keep_version(arena, upload, versions.at[i], kept)) {
            return WANTED_UNKNOWN;
        }
    }
    return WANTED_KEPT;
}

/* ---- removing ---- */

struct names {
    struct arena *arena;
    const char **at;
    size_t count;
};

static bool add_name(void *user, const struct store_object *object) {
    struct names *names = user;

    names->at = arena_grow(names->arena, names->at, names->count, sizeof *names->at);
    names->at[names->count++] = arena_text(names->arena, object->name);
    return true;
}

/* Removes the parts of an upload that nothing asks for. False: it is to be tried again. */
static bool remove_parts(struct arena *arena, const struct upload_of *upload) {
    const char *container = arena_printf(arena, "%s" S3_SEGMENTS, upload->bucket);
    struct names names = {.arena = arena};
    struct store_list list = {.account = upload->account, .container = container, .limit = S3_MAX_PARTS + 1,
                              .prefix = arena_printf(arena, "%s/%s/", upload->key, upload->id), .names_only = true,
                              .on_object = add_name, .user = &names};
    struct map *kept = map_new();
    enum wanted wanted = find_wanted(arena, upload, kept);
    bool ok = wanted != WANTED_UNKNOWN && store_list(arena, &list, NULL) != STORE_FAILED;

    for (size_t i = 0; ok && wanted == WANTED_KEPT && i < names.count; i++) {
        struct store_change change = {.arena = arena, .account = upload->account, .container = container,
                                      .version = STORE_CURRENT, .name = names.at[i]};
        enum store_result result = map_get(kept, names.at[i]) ? STORE_OK : store_delete_object(&change);

        ok = result == STORE_OK || result == STORE_MISSING || result == STORE_NO_CONTAINER;
    }
    map_free(kept, NULL);
    return ok;
}

static enum store_result forget_note(struct shard *shard, struct store_change *change) {
    sqlite3_stmt *forget = index_statement(shard->writer, S_DROPPED_DELETE);

    sqlite3_bind_int64(forget, 1, change->version);
    return index_run(shard->writer, forget) ? STORE_OK : index_error(shard->writer);
}

/* Takes up to NOTES_AT_ONCE notes behind '*from', which becomes the last; how many. */
static size_t take_notes(struct shard *shard, int64_t *from) {
    struct arena *arena = arena_new(0);
    struct index *index = index_reader(shard);
    struct upload_of all[NOTES_AT_ONCE];
    int64_t ids[NOTES_AT_ONCE];
    size_t count = 0;

    if (index) {
        sqlite3_stmt *list = index_statement(index, S_DROPPED);

        sqlite3_bind_int64(list, 1, *from);
        while (count < NOTES_AT_ONCE && sqlite3_step(list) == SQLITE_ROW) {
            const char *texts[4];

            for (int i = 0; i < 4; i++) {
                texts[i] = arena_text(arena, (const char *)sqlite3_column_text(list, i + 1));
            }
            all[count] = (struct upload_of){texts[0], texts[1], texts[2], texts[3]};
            ids[count++] = sqlite3_column_int64(list, 0);
        }
        sqlite3_reset(list);
        index_reader_release(shard, index);
    }
    for (size_t i = 0; i < count; i++) {
        struct store_change forget = {.arena = arena, .version = ids[i]};

        *from = ids[i];
        if (remove_parts(arena, &all[i])) {
            writer_submit(shard, &forget, forget_note);
        } else {
            log_warn("parts of %s/%s could not be removed yet", all[i].bucket, all[i].key);
        }
    }
    arena_free(arena);
    return count;
}

static void *take_all(void *argument) {
    const int64_t *seconds = argument;
    int64_t next = 0;

    for (;;) {
        int64_t now = clock_monotonic();

        if (now >= next || now < look_until) {
            next = now + *seconds * SECOND;
            for (int i = 0; i < store.shard_count; i++) {
                int64_t from = 0;

                while (take_notes(&store.shards[i], &from) == NOTES_AT_ONCE) {
                }
            }
        }
        usleep(SECOND / 4);
    }
    return NULL;
}

bool parts_start(int64_t seconds) {
    static int64_t between;
    pthread_t thread;

    between = seconds;
    if (pthread_create(&thread, NULL, take_all, &between)) {
        return false;
    }
    pthread_detach(thread);
    return true;
}

/* ---- for the audit ---- */

/* Reads "KEY/ID/NUMBER". False: no upload made this name. */
static bool read_part(struct arena *arena, const char *name, struct upload_of *ret) {
    size_t size = strlen(name), tail = ID_SIZE + NUMBER_SIZE + 2;
    const char *at = name + (size > tail ? size - tail : 0);

    if (size <= tail || *at != '/' || at[1 + ID_SIZE] != '/' || strspn(at + 1, "0123456789abcdef") != ID_SIZE ||
        strspn(at + 2 + ID_SIZE, "0123456789") != NUMBER_SIZE) {
        return false;
    }
    ret->key = arena_text_size(arena, name, (size_t)(at - name));
    ret->id = arena_text_size(arena, at + 1, ID_SIZE);
    return true;
}

static bool is_asked_for(struct arena *arena, const struct upload_of *upload, const char *name) {
    struct map *kept = map_new();
    bool asked = find_wanted(arena, upload, kept) != WANTED_KEPT || map_get(kept, name);

    map_free(kept, NULL);
    return asked;
}

static void look_at_container(struct arena *arena, const char *account, const char *container,
                              void (*fn)(void *user, const char *what), void *user) {
    struct upload_of upload = {.account = account};
    const char *marker = NULL;
    bool more = true;

    upload.bucket = arena_text_size(arena, container, strlen(container) - strlen(S3_SEGMENTS));
    while (more) {
        struct names names = {.arena = arena};
        struct store_list list = {.account = account, .container = container, .marker = marker, .limit = PAGE,
                                  .names_only = true, .on_object = add_name, .user = &names};

        more = store_list(arena, &list, &more) == STORE_OK && more && names.count;
        for (size_t i = 0; i < names.count; i++) {
            if (read_part(arena, names.at[i], &upload) && !is_asked_for(arena, &upload, names.at[i])) {
                fn(user, arena_printf(arena, "%s/%s/%s", account, container, names.at[i]));
            }
            marker = names.at[i];
        }
    }
}

bool store_each_unwanted_part(struct arena *arena, void (*fn)(void *user, const char *what), void *user) {
    for (int i = 0; i < store.shard_count; i++) {
        struct index *index = index_reader(&store.shards[i]);
        struct names names = {.arena = arena};
        sqlite3_stmt *list;

        if (!index) {
            return false;
        }
        list = index_statement(index, S_PART_CONTAINERS);
        while (sqlite3_step(list) == SQLITE_ROW) {
            add_name(&names, &(struct store_object){.name = (const char *)sqlite3_column_text(list, 0)});
            add_name(&names, &(struct store_object){.name = (const char *)sqlite3_column_text(list, 1)});
        }
        sqlite3_reset(list);
        index_reader_release(&store.shards[i], index);
        for (size_t at = 0; at < names.count; at += 2) {
            look_at_container(arena, names.at[at], names.at[at + 1], fn, user);
        }
    }
    return true;
}

bool store_remove_unwanted_part(struct arena *arena, const char *what) {
    const char *slash = strchr(what, '/'), *second = slash ? strchr(slash + 1, '/') : NULL;
    struct store_change change = {.arena = arena, .version = STORE_CURRENT};
    struct upload_of upload;

    if (!second || !read_part(arena, second + 1, &upload)) {
        return false;
    }
    change.account = upload.account = arena_text_size(arena, what, (size_t)(slash - what));
    change.container = arena_text_size(arena, slash + 1, (size_t)(second - slash - 1));
    change.name = second + 1;
    upload.bucket = arena_text_size(arena, change.container, strlen(change.container) - strlen(S3_SEGMENTS));
    return is_asked_for(arena, &upload, change.name) || store_delete_object(&change) != STORE_FAILED;
}
