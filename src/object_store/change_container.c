/* SPDX-License-Identifier: Apache-2.0
 * Changes of accounts and containers as the writer applies them. Each checks everything first and writes then. */
#include "base/clock.h"
#include "object_store/index.h"

/* ---- accounts ---- */

static struct store_meta account_meta(struct shard *shard, const struct store_change *change) {
    sqlite3_stmt *find = index_statement(shard->writer, S_ACCOUNT);
    struct store_meta meta = {0};

    index_bind_text(find, 1, change->account);
    if (sqlite3_step(find) == SQLITE_ROW && sqlite3_column_bytes(find, 4)) {
        meta = index_unpack(change->arena, sqlite3_column_blob(find, 4), (size_t)sqlite3_column_bytes(find, 4));
    }
    sqlite3_reset(find);
    return meta;
}

static enum store_result put_account(struct shard *shard, struct store_change *change) {
    struct store_meta was = account_meta(shard, change), meta = change_merged(change, &was);
    sqlite3_stmt *put = index_statement(shard->writer, S_ACCOUNT_PUT);

    change->modified = writer_version(shard);
    shard->containers_change = true;
    index_bind_text(put, 1, change->account);
    sqlite3_bind_int64(put, 2, change->modified);
    index_bind_meta(put, 3, change->arena, &meta);
    return index_run(shard->writer, put) ? STORE_OK : index_error(shard->writer);
}

enum store_result store_put_account(struct store_change *change) {
    return writer_submit(index_shard(change->account, NULL), change, put_account);
}

/* ---- containers ---- */

static bool insert_container(struct shard *shard, struct store_change *change) {
    sqlite3_stmt *insert = index_statement(shard->writer, S_CONTAINER_INSERT);
    struct store_meta none = {0}, meta = change_merged(change, &none);

    index_bind_text(insert, 1, change->account);
    index_bind_text(insert, 2, change->name ? change->name : change->container);
    sqlite3_bind_int64(insert, 3, change->modified);
    sqlite3_bind_int(insert, 4, change->policy);
    sqlite3_bind_int(insert, 5, change->versions ? change->versions - 1 : VERSIONS_OFF);
    index_bind_meta(insert, 6, change->arena, &meta);
    shard->containers_change = true;
    return index_run(shard->writer, insert) && change_count_account(shard, change, 1, 0, 0) &&
           sync_container(shard, sqlite3_last_insert_rowid(shard->writer->handle), &none, &meta, change->modified);
}

static bool update_container(struct shard *shard, struct store_change *change, const struct store_container *was) {
    sqlite3_stmt *update = index_statement(shard->writer, S_CONTAINER_UPDATE);
    struct store_meta meta = change_merged(change, &was->meta);

    sqlite3_bind_int64(update, 1, was->id);
    sqlite3_bind_int64(update, 2, change->modified);
    sqlite3_bind_int(update, 3, change->versions ? change->versions - 1 : (int)was->versions);
    index_bind_meta(update, 4, change->arena, &meta);
    shard->containers_change = true;
    return index_run(shard->writer, update) && sync_container(shard, was->id, &was->meta, &meta, change->modified);
}

static enum store_result change_container(struct shard *shard, struct store_change *change, bool make) {
    struct store_container was;
    bool there = index_find_container(shard->writer, change->arena, change->account, change->container, &was);

    if (!there && (!make || index_failed(shard->writer))) {
        return index_no_container(shard->writer);
    }
    if (there && make && change->policy >= 0 && change->policy != was.policy) {
        return STORE_PRECONDITION;
    }
    if (there && !hold_container(&was, change)) {
        return STORE_HELD;
    }
    change->policy = there ? was.policy : change->policy < 0 ? store.default_policy : change->policy;
    change->modified = writer_version(shard);
    if (there ? !update_container(shard, change, &was) : !insert_container(shard, change)) {
        return index_error(shard->writer);
    }
    return there ? STORE_OK : STORE_CREATED;
}

static enum store_result put_container(struct shard *shard, struct store_change *change) {
    return change_container(shard, change, true);
}

static enum store_result post_container(struct shard *shard, struct store_change *change) {
    return change_container(shard, change, false);
}

enum store_result store_put_container(struct store_change *change) {
    return writer_submit(index_shard(change->account, change->container), change, put_container);
}

enum store_result store_post_container(struct store_change *change) {
    return writer_submit(index_shard(change->account, change->container), change, post_container);
}

/* ---- deleting a container ---- */

static enum store_result delete_container(struct shard *shard, struct store_change *change) {
    struct index *index = shard->writer;
    sqlite3_stmt *used = index_statement(index, S_CONTAINER_USED), *remove = index_statement(index, S_CONTAINER_DELETE);
    struct store_container was;
    bool full;

    if (!index_find_container(index, change->arena, change->account, change->container, &was)) {
        return index_no_container(index);
    }
    sqlite3_bind_int64(used, 1, was.id);
    sqlite3_bind_int64(used, 2, clock_now() / SECOND);
    full = sqlite3_step(used) != SQLITE_ROW || sqlite3_column_int(used, 0);
    sqlite3_reset(used);
    if (full) {
        return index_failed(index) ? index_error(index) : STORE_NOT_EMPTY;
    }
    change->modified = writer_version(shard);
    shard->containers_change = true;
    if (!change_drop_expired(shard, change, was.id)) {
        return index_error(index);
    }
    sqlite3_bind_int64(remove, 1, was.id);
    return index_run(index, remove) && sync_drop(shard, was.id) && change_count_account(shard, change, -1, 0, 0) ? STORE_OK : index_error(index);
}

enum store_result store_delete_container(struct store_change *change) {
    return writer_submit(index_shard(change->account, change->container), change, delete_container);
}
