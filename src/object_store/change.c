/* SPDX-License-Identifier: Apache-2.0
 * Changes of objects as the writer applies them. Each checks everything first and writes then. */
#include <string.h>

#include "base/clock.h"
#include "object_store/index.h"

/* ---- counting ---- */

static bool count_container(struct shard *shard, const struct store_change *change, int64_t container, int64_t objects,
                            int64_t bytes, int64_t old_objects, int64_t old_bytes) {
    sqlite3_stmt *count = index_statement(shard->writer, S_CONTAINER_COUNT);

    sqlite3_bind_int64(count, 1, container);
    sqlite3_bind_int64(count, 2, objects);
    sqlite3_bind_int64(count, 3, bytes);
    sqlite3_bind_int64(count, 4, old_objects);
    sqlite3_bind_int64(count, 5, old_bytes);
    return index_run(shard->writer, count);
}

bool change_count_account(struct shard *shard, const struct store_change *change, int64_t containers, int64_t objects,
                          int64_t bytes) {
    sqlite3_stmt *count = index_statement(shard->writer, S_ACCOUNT_COUNT);

    index_bind_text(count, 1, change->account);
    sqlite3_bind_int64(count, 2, containers);
    sqlite3_bind_int64(count, 3, objects);
    sqlite3_bind_int64(count, 4, bytes);
    return index_run(shard->writer, count);
}

static bool count_objects(struct shard *shard, const struct store_change *change, int64_t container, int64_t objects,
                          int64_t bytes, int64_t old_objects, int64_t old_bytes) {
    return count_container(shard, change, container, objects, bytes, old_objects, old_bytes) &&
           ((!objects && !bytes && !old_bytes) || change_count_account(shard, change, 0, objects, bytes + old_bytes));
}

/* ---- metadata ---- */

struct store_meta change_merged(const struct store_change *change, const struct store_meta *was) {
    struct store_meta meta = {0};

    for (size_t i = 0; i < was->count; i++) {
        if (!change->replace || !strncmp(was->at[i].name, "sys-", 4)) {
            store_meta_set(change->arena, &meta, was->at[i].name, was->at[i].value);
        }
    }
    for (size_t i = 0; i < change->set.count; i++) {
        store_meta_set(change->arena, &meta, change->set.at[i].name, change->set.at[i].value);
    }
    return meta;
}

/* ---- objects ---- */

struct target {
    struct store_container container;
    struct store_object was;
    bool there;                     /* and did not expire */
    bool row;                       /* a row is there, perhaps of an expired object */
};

static bool is_expired(const struct store_object *object, int64_t now) {
    return object->expires && object->expires <= now / SECOND;
}

static enum store_result find_target(struct shard *shard, struct store_change *change, int64_t version, struct target *ret) {
    struct index *index = shard->writer;

    if (!index_find_container(index, change->arena, change->account, change->container, &ret->container)) {
        return index_no_container(index);
    }
    ret->row = index_find_object(index, change->arena, ret->container.id, change->name, version, &ret->was);
    if (!ret->row && index_failed(index)) {
        return index_error(index);
    }
    ret->there = ret->row && !is_expired(&ret->was, clock_now());
    if (change->if_etag && (!ret->there || strcmp(ret->was.etag, change->if_etag) != 0)) {
        return STORE_PRECONDITION;
    }
    if (change->if_modified && (!ret->there || ret->was.modified != change->if_modified)) {
        return STORE_PRECONDITION;
    }
    return STORE_OK;
}

/* Frees the bytes of an object whose row goes. */
static bool drop_bytes(struct shard *shard, const struct store_change *change, const struct store_object *object) {
    sqlite3_stmt *remove;

    if (!parts_note(shard, change, object)) {
        return false;
    }
    if (object->place) {
        return writer_garbage(shard, object->place);
    }
    if (!object->data) {
        return true;
    }
    remove = index_statement(shard->writer, S_DATA_DELETE);
    sqlite3_bind_int64(remove, 1, object->data);
    return index_run(shard->writer, remove);
}

static bool run_named(struct shard *shard, enum statement which, int64_t container, const char *name, int64_t version) {
    sqlite3_stmt *statement = index_statement(shard->writer, which);

    sqlite3_bind_int64(statement, 1, container);
    index_bind_text(statement, 2, name);
    if (sqlite3_bind_parameter_count(statement) > 2) {
        sqlite3_bind_int64(statement, 3, version);
    }
    return index_run(shard->writer, statement);
}

/* The row of version 0 among the old ones gives way to a new version 0. */
static bool drop_null_version(struct shard *shard, struct store_change *change, const struct target *target,
                              int64_t *old_objects, int64_t *old_bytes) {
    sqlite3_stmt *find = index_statement(shard->writer, S_VERSION);
    struct store_object old;
    bool found;

    sqlite3_bind_int64(find, 1, target->container.id);
    index_bind_text(find, 2, change->name);
    sqlite3_bind_int64(find, 3, 0);
    found = sqlite3_step(find) == SQLITE_ROW;
    if (found) {
        index_read_object(change->arena, find, &old);
    }
    sqlite3_reset(find);
    if (!found) {
        return true;
    }
    *old_objects -= 1;
    *old_bytes -= old.size;
    return run_named(shard, S_VERSION_DELETE, target->container.id, change->name, 0) && drop_bytes(shard, change, &old);
}

/* Makes room for what takes the current object's place: it becomes an old version, or goes. */
static bool displace(struct shard *shard, struct store_change *change, const struct target *target, int64_t *objects,
                     int64_t *bytes, int64_t *old_objects, int64_t *old_bytes) {
    const struct store_object *was = &target->was;
    bool keeps = target->container.versions == VERSIONS_ON ||
                 (target->container.versions == VERSIONS_SUSPENDED && target->row && was->version != 0);

    if (target->container.versions == VERSIONS_SUSPENDED &&
        !drop_null_version(shard, change, target, old_objects, old_bytes)) {
        return false;
    }
    if (!target->row) {
        return true;
    }
    *objects -= 1;
    *bytes -= was->size;
    if (keeps) {
        *old_objects += 1;
        *old_bytes += was->size;
        return run_named(shard, S_VERSION_KEEP, target->container.id, change->name, 0);
    }
    return drop_bytes(shard, change, was);
}

static bool insert_object(struct shard *shard, struct store_change *change, int64_t container) {
    const struct store_object *object = &change->object;
    struct upload_bytes bytes = upload_bytes(change->upload);
    const char *etag = object->etag ? object->etag : change->upload->etag;
    struct index *index = shard->writer;
    sqlite3_stmt *put = index_statement(index, S_DATA_PUT);
    int64_t data = 0;

    if (!bytes.place && change->upload->size) {
        sqlite3_bind_blob(put, 1, bytes.bytes, (int)change->upload->size, SQLITE_STATIC);
        if (!index_run(index, put)) {
            return false;
        }
        data = sqlite3_last_insert_rowid(index->handle);
    }
    put = index_statement(index, S_OBJECT_PUT);
    sqlite3_bind_int64(put, 1, container);
    index_bind_text(put, 2, change->name);
    sqlite3_bind_int64(put, 3, change->made_version);
    sqlite3_bind_int64(put, 4, object->size);
    sqlite3_bind_int64(put, 5, change->modified);
    sqlite3_bind_int64(put, 6, object->expires);
    index_bind_text(put, 7, bytes.seal ? "" : etag);
    index_bind_text(put, 8, object->type ? object->type : "application/octet-stream");
    sqlite3_bind_int(put, 9, object->kind);
    index_bind_object_meta(put, 10, change->arena, &object->meta, bytes.seal, etag);
    index_bind_text(put, 11, bytes.place);
    sqlite3_bind_int64(put, 12, data);
    sqlite3_bind_int64(put, 13, bytes.sum);
    return index_run(index, put);
}

/* What an account has in all shards; those of others may change meanwhile, so its quota is kept nearly, not to the byte. */
static bool account_fits(const struct store_change *change, int64_t bytes, int64_t objects) {
    struct store_find find = {.account = change->account, .want_account = ACCOUNT_ALL};
    struct store_found found;

    if (!change->account_bytes && !change->account_objects) {
        return true;
    }
    return store_find(change->arena, &find, &found) == STORE_OK &&
           (!change->account_bytes || found.account.bytes + bytes < change->account_bytes) &&
           (!change->account_objects || found.account.objects + objects < change->account_objects);
}

static bool fits(const struct store_change *change, const struct target *target) {
    bool keeps = target->container.versions == VERSIONS_ON;
    int64_t bytes = change->object.size - (target->row && !keeps ? target->was.size : 0);
    int64_t objects = target->row ? 0 : 1;

    return (!change->quota_bytes || bytes <= 0 || target->container.bytes + target->container.old_bytes + bytes < change->quota_bytes) &&
           (!change->quota_objects || !objects || target->container.objects + objects < change->quota_objects) &&
           account_fits(change, bytes, objects);
}

/* What is here is as new as what was done elsewhere, or newer. */
static bool is_old(struct shard *shard, const struct store_change *change, const struct target *target) {
    return change->stamp && change->stamp <= (target->row ? target->was.modified
                                              : sync_listed(shard, target->container.id, change->name));
}

static enum store_result put_object(struct shard *shard, struct store_change *change) {
    struct target target = {0};
    enum store_result result = find_target(shard, change, STORE_CURRENT, &target);
    int64_t objects = 1, bytes, old_objects = 0, old_bytes = 0;

    if (result != STORE_OK) {
        return result;
    }
    if ((change->if_absent && target.there) || is_old(shard, change, &target)) {
        return STORE_PRECONDITION;
    }
    change->object.size = change->upload->size;
    if (!fits(change, &target)) {
        return STORE_OVER_QUOTA;
    }
    if (!hold_put(&target.container, change)) {
        return STORE_HELD;
    }
    change->modified = change->stamp ? change->stamp : writer_version(shard);
    change->made_version = target.container.versions != VERSIONS_ON ? 0 : change->stamp ? writer_version(shard)
                           : change->modified;
    bytes = change->object.size;
    if (!displace(shard, change, &target, &objects, &bytes, &old_objects, &old_bytes) ||
        !insert_object(shard, change, target.container.id) ||
        !count_objects(shard, change, target.container.id, objects, bytes, old_objects, old_bytes) ||
        !sync_note(shard, &target.container, change->name, change->modified)) {
        return index_error(shard->writer);
    }
    if (target.there) {
        change->was = target.was;
    }
    upload_taken(change->upload, true);
    return STORE_CREATED;
}

enum store_result store_put_object(struct store_change *change) {
    return writer_submit(index_shard(change->account, change->container), change, put_object);
}

static enum store_result post_object(struct shard *shard, struct store_change *change) {
    struct target target = {0};
    enum store_result result = find_target(shard, change, change->version, &target);
    struct store_meta meta;
    sqlite3_stmt *update;

    if (result != STORE_OK) {
        return result;
    }
    if (!target.there || target.was.kind == STORE_MARKER) {
        return STORE_MISSING;
    }
    if (target.was.shut) {
        return STORE_FAILED;
    }
    if (!hold_post(&target.container, &target.was, change)) {
        return STORE_HELD;
    }
    meta = change_merged(change, &target.was.meta);
    change->modified = writer_version(shard);
    change->was = target.was;
    update = index_statement(shard->writer, target.was.current ? S_OBJECT_UPDATE : S_VERSION_UPDATE);
    sqlite3_bind_int64(update, 1, target.container.id);
    index_bind_text(update, 2, change->name);
    sqlite3_bind_int64(update, 3, target.was.version);
    sqlite3_bind_int64(update, 4, change->keep_time ? target.was.modified : change->modified);
    sqlite3_bind_int64(update, 5, change->object.expires < 0 ? target.was.expires : change->object.expires);
    index_bind_text(update, 6, change->object.type ? change->object.type : target.was.type);
    index_bind_object_meta(update, 7, change->arena, &meta, target.was.seal, target.was.etag);
    return index_run(shard->writer, update) && sync_note(shard, &target.container, change->name, change->modified)
               ? STORE_OK : index_error(shard->writer);
}

enum store_result store_post_object(struct store_change *change) {
    return writer_submit(index_shard(change->account, change->container), change, post_object);
}

/* ---- an old version becomes the current one ---- */

static enum store_result make_current(struct shard *shard, struct store_change *change) {
    struct target target = {0}, old = {0};
    enum store_result result = find_target(shard, change, STORE_CURRENT, &target);
    int64_t objects = 1, bytes, old_objects = -1, old_bytes;

    if (result == STORE_OK) {
        result = find_target(shard, change, change->version, &old);
    }
    if (result != STORE_OK || !old.row || old.was.kind == STORE_MARKER) {
        return result != STORE_OK ? result : STORE_MISSING;
    }
    change->modified = old.was.modified;
    change->made_version = change->version;
    if (old.was.current) {
        return STORE_CREATED;
    }
    bytes = old.was.size;
    old_bytes = -bytes;
    if (!displace(shard, change, &target, &objects, &bytes, &old_objects, &old_bytes) ||
        !run_named(shard, S_VERSION_RESTORE, target.container.id, change->name, change->version) ||
        !run_named(shard, S_VERSION_DELETE, target.container.id, change->name, change->version) ||
        !count_objects(shard, change, target.container.id, objects, bytes, old_objects, old_bytes) ||
        !sync_note(shard, &target.container, change->name, writer_version(shard))) {
        return index_error(shard->writer);
    }
    return STORE_CREATED;
}

enum store_result store_make_current(struct store_change *change) {
    return writer_submit(index_shard(change->account, change->container), change, make_current);
}

/* ---- deleting ---- */

static bool restore_newest(struct shard *shard, struct store_change *change, int64_t container, int64_t *objects,
                           int64_t *bytes, int64_t *old_objects, int64_t *old_bytes) {
    sqlite3_stmt *find = index_statement(shard->writer, S_VERSION_NEWEST);
    struct store_object old;
    bool found;

    sqlite3_bind_int64(find, 1, container);
    index_bind_text(find, 2, change->name);
    found = sqlite3_step(find) == SQLITE_ROW;
    if (found) {
        index_read_object(change->arena, find, &old);
    }
    sqlite3_reset(find);
    if (!found || old.kind == STORE_MARKER) {
        return true;
    }
    *objects += 1;
    *bytes += old.size;
    *old_objects -= 1;
    *old_bytes -= old.size;
    return run_named(shard, S_VERSION_RESTORE, container, change->name, old.version) &&
           run_named(shard, S_VERSION_DELETE, container, change->name, old.version);
}

static bool insert_marker(struct shard *shard, struct store_change *change, int64_t container, int64_t version) {
    sqlite3_stmt *insert = index_statement(shard->writer, S_VERSION_MARKER);

    sqlite3_bind_int64(insert, 1, container);
    index_bind_text(insert, 2, change->name);
    sqlite3_bind_int64(insert, 3, version);
    sqlite3_bind_int64(insert, 4, change->modified);
    return index_run(shard->writer, insert);
}

/* With versions, deleting the current object keeps it and leaves a marker. */
static enum store_result delete_softly(struct shard *shard, struct store_change *change, const struct target *target) {
    int64_t objects = 0, bytes = 0, old_objects = 1, old_bytes = 0;

    change->made_version = target->container.versions == VERSIONS_ON ? change->modified : 0;
    if (!displace(shard, change, target, &objects, &bytes, &old_objects, &old_bytes) ||
        (target->row && !run_named(shard, S_OBJECT_DELETE, target->container.id, change->name, 0)) ||
        !insert_marker(shard, change, target->container.id, change->made_version) ||
        !count_objects(shard, change, target->container.id, objects, bytes, old_objects, old_bytes)) {
        return index_error(shard->writer);
    }
    return target->there ? STORE_OK : STORE_MISSING;
}

static enum store_result delete_for_good(struct shard *shard, struct store_change *change, const struct target *target) {
    int64_t container = target->container.id, size = target->was.size;
    int64_t objects = 0, bytes = 0, old_objects = 0, old_bytes = 0;
    bool ok;

    if (target->was.current) {
        objects = -1;
        bytes = -size;
        ok = run_named(shard, S_OBJECT_DELETE, container, change->name, 0);
    } else {
        old_objects = -1;
        old_bytes = -size;
        ok = run_named(shard, S_VERSION_DELETE, container, change->name, target->was.version);
    }
    if (ok && change->restore) {
        sqlite3_stmt *find = index_statement(shard->writer, S_OBJECT);
        bool current;

        sqlite3_bind_int64(find, 1, container);
        index_bind_text(find, 2, change->name);
        current = sqlite3_step(find) == SQLITE_ROW;
        sqlite3_reset(find);
        ok = current || restore_newest(shard, change, container, &objects, &bytes, &old_objects, &old_bytes);
    }
    if (!ok || !drop_bytes(shard, change, &target->was) ||
        !count_objects(shard, change, container, objects, bytes, old_objects, old_bytes)) {
        return index_error(shard->writer);
    }
    return STORE_OK;
}

/* The current object becomes an old version as it is, with nothing in its place. */
static enum store_result detach(struct shard *shard, struct store_change *change, const struct target *target) {
    int64_t container = target->container.id, size = target->was.size;

    if (!target->row || !target->was.version) {
        return !target->row ? STORE_MISSING
               : hold_keeps(&target->container, &target->was, change->bypass) ? STORE_HELD
               : delete_for_good(shard, change, target);
    }
    if (!run_named(shard, S_VERSION_KEEP, container, change->name, 0) ||
        !run_named(shard, S_OBJECT_DELETE, container, change->name, 0) ||
        !count_objects(shard, change, container, -1, -size, 1, size)) {
        return index_error(shard->writer);
    }
    return target->there ? STORE_OK : STORE_MISSING;
}

static enum store_result delete_found(struct shard *shard, struct store_change *change, const struct target *target) {
    if (change->if_expired) {
        return target->row && target->was.expires && target->was.expires <= change->if_expired
                   ? delete_for_good(shard, change, target) : STORE_PRECONDITION;
    }
    if (target->there) {
        change->was = target->was;
    }
    if (change->detach) {
        return detach(shard, change, target);
    }
    if (change->version == STORE_CURRENT && target->container.versions != VERSIONS_OFF) {
        return delete_softly(shard, change, target);
    }
    if (target->row && hold_keeps(&target->container, &target->was, change->bypass)) {
        return STORE_HELD;
    }
    /* What expired is gone, but for who names its version. */
    return target->there || (target->row && change->version > 0) ? delete_for_good(shard, change, target) : STORE_MISSING;
}

static enum store_result delete_object(struct shard *shard, struct store_change *change) {
    struct target target = {0};
    enum store_result result = find_target(shard, change, change->detach ? STORE_CURRENT : change->version, &target);

    if (result == STORE_OK && change->detach && !target.row && !change->version) {
        change->detach = false;     /* an old one may be called null as well */
        result = find_target(shard, change, 0, &target);
    }
    if (result != STORE_OK) {
        return result;
    }
    if (is_old(shard, change, &target)) {
        return target.row ? STORE_PRECONDITION : STORE_MISSING;
    }
    change->modified = change->stamp ? change->stamp : writer_version(shard);
    result = delete_found(shard, change, &target);
    return result != STORE_OK || sync_note(shard, &target.container, change->name, change->modified)
               ? result : index_error(shard->writer);
}

enum store_result store_delete_object(struct store_change *change) {
    return writer_submit(index_shard(change->account, change->container), change, delete_object);
}

bool change_drop_expired(struct shard *shard, struct store_change *change, int64_t container) {
    struct target target = {.container = {.id = container}};
    bool ok = true, more = true;

    while (ok && more) {
        sqlite3_stmt *find = index_statement(shard->writer, S_ANY_OBJECT);

        sqlite3_bind_int64(find, 1, container);
        more = sqlite3_step(find) == SQLITE_ROW;
        if (more) {
            index_read_object(change->arena, find, &target.was);
            target.was.current = true;
        }
        sqlite3_reset(find);
        if (more) {
            struct store_change remove = *change;

            remove.name = target.was.name;
            ok = delete_for_good(shard, &remove, &target) == STORE_OK;
        }
    }
    return ok;
}
