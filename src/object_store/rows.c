/* SPDX-License-Identifier: Apache-2.0
 * Rows of the index as structs, and metadata as bytes: name NUL value NUL, pair after pair. */
#include <string.h>

#include "object_store/index.h"
#include "object_store/seal.h"

static const char sealed_etag[] = "sys-etag";       /* a pair of sealed metadata */

const char *store_meta_find(const struct store_meta *meta, const char *name) {
    for (size_t i = 0; i < meta->count; i++) {
        if (!strcmp(meta->at[i].name, name)) {
            return meta->at[i].value;
        }
    }
    return NULL;
}

void store_meta_set(struct arena *arena, struct store_meta *meta, const char *name, const char *value) {
    for (size_t i = 0; i < meta->count; i++) {
        if (!strcmp(meta->at[i].name, name)) {
            meta->at[i].value = value;
            return;
        }
    }
    meta->at = arena_grow(arena, meta->at, meta->count, sizeof *meta->at);
    meta->at[meta->count++] = (struct store_pair){name, value};
}

void index_bind_text(sqlite3_stmt *statement, int at, const char *text) {
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

struct store_meta index_unpack(struct arena *arena, const void *bytes, size_t size) {
    struct store_meta meta = {0};
    const char *at = size ? arena_text_size(arena, bytes, size) : NULL, *end = at + size;

    while (at && at < end) {
        const char *name = at, *value = at + strlen(at) + 1;

        if (value >= end) {
            break;
        }
        meta.at = arena_grow(arena, meta.at, meta.count, sizeof *meta.at);
        meta.at[meta.count++] = (struct store_pair){name, value};
        at = value + strlen(value) + 1;
    }
    return meta;
}

size_t index_packed_size(const struct store_meta *meta) {
    size_t size = 0;

    for (size_t i = 0; i < meta->count; i++) {
        size += meta->at[i].value ? strlen(meta->at[i].name) + strlen(meta->at[i].value) + 2 : 0;
    }
    return size;
}

void index_pack(char *to, const struct store_meta *meta) {
    for (size_t i = 0; i < meta->count; i++) {
        if (meta->at[i].value) {
            to = stpcpy(to, meta->at[i].name) + 1;
            to = stpcpy(to, meta->at[i].value) + 1;
        }
    }
}

void index_bind_meta(sqlite3_stmt *statement, int at, struct arena *arena, const struct store_meta *meta) {
    size_t size = index_packed_size(meta);
    char *bytes;

    if (!size) {
        sqlite3_bind_null(statement, at);
        return;
    }
    bytes = arena_alloc(arena, size);
    index_pack(bytes, meta);
    sqlite3_bind_blob(statement, at, bytes, (int)size, SQLITE_STATIC);
}

void index_bind_object_meta(sqlite3_stmt *statement, int at, struct arena *arena, const struct store_meta *meta,
                            const struct seal *seal, const char *etag) {
    struct store_meta all = {0};
    uint8_t *sealed;
    size_t size;
    char *plain;

    if (!seal) {
        index_bind_meta(statement, at, arena, meta);
        return;
    }
    all.at = ARENA_ARRAY(arena, struct store_pair, meta->count + 1);
    if (meta->count) {
        memcpy(all.at, meta->at, meta->count * sizeof *meta->at);
    }
    all.count = meta->count;
    all.at[all.count++] = (struct store_pair){sealed_etag, etag};
    size = index_packed_size(&all);
    plain = arena_alloc(arena, size);
    index_pack(plain, &all);
    sealed = arena_alloc(arena, seal_meta_size(size));
    seal_meta(seal, plain, size, sealed);
    sqlite3_bind_blob(statement, at, sealed, (int)seal_meta_size(size), SQLITE_STATIC);
}

static const char *text_at(struct arena *arena, sqlite3_stmt *row, int column) {
    const char *text = (const char *)sqlite3_column_text(row, column);

    return arena && text ? arena_text_size(arena, text, (size_t)sqlite3_column_bytes(row, column)) : text;
}

static struct store_meta meta_at(struct arena *arena, sqlite3_stmt *row, int column) {
    const void *bytes = arena ? sqlite3_column_blob(row, column) : NULL;

    return bytes ? index_unpack(arena, bytes, (size_t)sqlite3_column_bytes(row, column)) : (struct store_meta){0};
}

void index_read_meta(struct arena *arena, const void *bytes, size_t size, struct store_object *ret) {
    void *plain;

    if (!size) {
        return;
    }
    if (!seal_is(bytes, size)) {
        ret->meta = index_unpack(arena, bytes, size);
        return;
    }
    ret->seal = seal_open(arena, bytes, size, &plain, &size);
    ret->shut = !ret->seal;
    if (!ret->shut) {
        ret->meta = index_unpack(arena, plain, size);
    }
    if (ret->meta.count && !strcmp(ret->meta.at[ret->meta.count - 1].name, sealed_etag)) {
        ret->etag = ret->meta.at[--ret->meta.count].value;
    }
}

void index_read_object(struct arena *arena, sqlite3_stmt *row, struct store_object *ret) {
    *ret = (struct store_object){
        .name = text_at(arena, row, 0),
        .version = sqlite3_column_int64(row, 1),
        .size = sqlite3_column_int64(row, 2),
        .modified = sqlite3_column_int64(row, 3),
        .expires = sqlite3_column_int64(row, 4),
        .etag = text_at(arena, row, 5),
        .type = text_at(arena, row, 6),
        .kind = (enum store_kind)sqlite3_column_int(row, 7),
        .place = text_at(arena, row, 9),
        .data = sqlite3_column_int64(row, 10),
        .sum = (uint32_t)sqlite3_column_int64(row, 11),
    };
    if (arena) {
        index_read_meta(arena, sqlite3_column_blob(row, 8), (size_t)sqlite3_column_bytes(row, 8), ret);
    }
}

void index_read_container(struct arena *arena, sqlite3_stmt *row, struct store_container *ret) {
    *ret = (struct store_container){
        .id = sqlite3_column_int64(row, 0),
        .name = text_at(arena, row, 1),
        .created = sqlite3_column_int64(row, 2),
        .modified = sqlite3_column_int64(row, 3),
        .objects = sqlite3_column_int64(row, 4),
        .bytes = sqlite3_column_int64(row, 5),
        .old_objects = sqlite3_column_int64(row, 6),
        .old_bytes = sqlite3_column_int64(row, 7),
        .policy = sqlite3_column_int(row, 8),
        .versions = (enum store_versions)sqlite3_column_int(row, 9),
        .meta = meta_at(arena, row, 10),
    };
}

bool index_find_container(struct index *index, struct arena *arena, const char *account, const char *container,
                          struct store_container *ret) {
    sqlite3_stmt *find = index_statement(index, S_CONTAINER);
    bool found;

    index_bind_text(find, 1, account);
    index_bind_text(find, 2, container);
    found = sqlite3_step(find) == SQLITE_ROW;
    if (found) {
        index_read_container(arena, find, ret);
    }
    sqlite3_reset(find);
    return found;
}

static bool read_one(struct arena *arena, sqlite3_stmt *find, struct store_object *ret) {
    bool found = sqlite3_step(find) == SQLITE_ROW;

    if (found) {
        index_read_object(arena, find, ret);
    }
    sqlite3_reset(find);
    return found;
}

bool index_find_object(struct index *index, struct arena *arena, int64_t container, const char *name, int64_t version,
                       struct store_object *ret) {
    sqlite3_stmt *find = index_statement(index, S_OBJECT);

    sqlite3_bind_int64(find, 1, container);
    index_bind_text(find, 2, name);
    if (read_one(arena, find, ret) && (version == STORE_CURRENT || ret->version == version)) {
        ret->current = true;
        return true;
    }
    if (version == STORE_CURRENT) {
        return false;
    }
    find = index_statement(index, S_VERSION);
    sqlite3_bind_int64(find, 1, container);
    index_bind_text(find, 2, name);
    sqlite3_bind_int64(find, 3, version);
    return read_one(arena, find, ret);
}
