/* SPDX-License-Identifier: Apache-2.0
 * The files of the index: schema, connections, statements. */
#include "object_store/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "http/http.h"

LOG_MODULE("object_store.index");

struct store store;

#define OBJECT_COLUMNS                                                                                                 \
    "name, version, size, modified, expires, etag, type, kind, meta, place, data, sum"
#define OBJECT_DEFINITION                                                                                              \
    "container INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, size INTEGER NOT NULL,"                 \
    " modified INTEGER NOT NULL, expires INTEGER NOT NULL, etag TEXT NOT NULL, type TEXT NOT NULL,"                    \
    " kind INTEGER NOT NULL, meta BLOB, place TEXT, data INTEGER NOT NULL, sum INTEGER NOT NULL,"
#define CONTAINER_COLUMNS                                                                                              \
    "id, name, created, modified, objects, bytes, old_objects, old_bytes, policy, versions, meta"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, created INTEGER NOT NULL, containers INTEGER NOT NULL,"
    " objects INTEGER NOT NULL, bytes INTEGER NOT NULL, meta BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS container (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL,"
    " name TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, objects INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, old_objects INTEGER NOT NULL, old_bytes INTEGER NOT NULL, policy INTEGER NOT NULL,"
    " versions INTEGER NOT NULL, meta BLOB, UNIQUE (account, name));"
    "CREATE TABLE IF NOT EXISTS object (" OBJECT_DEFINITION " PRIMARY KEY (container, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS version (" OBJECT_DEFINITION " PRIMARY KEY (container, name, version DESC)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS data (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS garbage (place TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS damaged (place TEXT PRIMARY KEY, what TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS sync (container INTEGER NOT NULL, name TEXT NOT NULL, stamp INTEGER NOT NULL,"
    " PRIMARY KEY (container, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS dropped (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, container TEXT NOT NULL,"
    " name TEXT NOT NULL, upload TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS object_expires ON object (expires) WHERE expires > 0;"
    "CREATE INDEX IF NOT EXISTS object_place ON object (place) WHERE place IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS version_place ON version (place) WHERE place IS NOT NULL;";

/* When a version came to be: one written without versioning bears no time in its number. */
#define VERSION_TIME "CASE version WHEN 0 THEN modified ELSE version END"

/* Damage in bytes that are in the index is noted as "CONTAINER/DATA/NAME" instead of a blob's name. */
#define BEHIND_SLASH(TEXT) "substr(" TEXT ", instr(" TEXT ", '/') + 1)"
#define HAS_DAMAGED "container = CAST(damaged.place AS INTEGER) AND name = " BEHIND_SLASH(BEHIND_SLASH("damaged.place")) \
                    " AND data = CAST(" BEHIND_SLASH("damaged.place") " AS INTEGER) AND instr(damaged.place, '/')"

static const char *const sql[STATEMENTS] = {
    [S_BEGIN_READ] = "BEGIN",
    [S_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [S_COMMIT] = "COMMIT",
    [S_ROLLBACK] = "ROLLBACK",
    [S_ACCOUNT] = "SELECT created, containers, objects, bytes, meta FROM account WHERE name = ?",
    [S_ACCOUNT_PUT] = "INSERT INTO account VALUES (?1, ?2, 0, 0, 0, ?3) ON CONFLICT (name) DO UPDATE SET created ="
                      " CASE WHEN created = 0 THEN excluded.created ELSE created END, meta = excluded.meta",
    [S_ACCOUNT_COUNT] = "INSERT INTO account VALUES (?1, 0, ?2, ?3, ?4, NULL) ON CONFLICT (name) DO UPDATE SET"
                        " containers = containers + ?2, objects = objects + ?3, bytes = bytes + ?4",
    [S_ACCOUNT_DELETE] = "DELETE FROM account WHERE name = ?",
    [S_CONTAINER] = "SELECT " CONTAINER_COLUMNS " FROM container WHERE account = ? AND name = ?",
    [S_CONTAINER_INSERT] = "INSERT INTO container (account, name, created, modified, objects, bytes, old_objects, old_bytes,"
                           " policy, versions, meta) VALUES (?1, ?2, ?3, ?3, 0, 0, 0, 0, ?4, ?5, ?6)",
    [S_CONTAINER_UPDATE] = "UPDATE container SET modified = ?2, versions = ?3, meta = ?4 WHERE id = ?1",
    [S_CONTAINER_COUNT] = "UPDATE container SET objects = objects + ?2, bytes = bytes + ?3, old_objects = old_objects + ?4,"
                          " old_bytes = old_bytes + ?5 WHERE id = ?1",
    [S_CONTAINER_DELETE] = "DELETE FROM container WHERE id = ?",
    [S_CONTAINER_USED] = "SELECT EXISTS (SELECT 1 FROM object WHERE container = ?1 AND (expires = 0 OR expires > ?2)) OR"
                         " EXISTS (SELECT 1 FROM version WHERE container = ?1)",
    [S_OBJECT] = "SELECT " OBJECT_COLUMNS " FROM object WHERE container = ? AND name = ?",
    [S_OBJECT_BYTES] = "SELECT " OBJECT_COLUMNS ", bytes FROM object LEFT JOIN data ON id = object.data"
                       " WHERE container = ? AND name = ?",
    [S_OBJECT_PUT] = "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [S_OBJECT_DELETE] = "DELETE FROM object WHERE container = ? AND name = ?",
    [S_OBJECT_UPDATE] = "UPDATE object SET modified = ?4, expires = ?5, type = ?6, meta = ?7"
                        " WHERE container = ?1 AND name = ?2 AND ?3 = ?3",
    [S_VERSION] = "SELECT " OBJECT_COLUMNS " FROM version WHERE container = ? AND name = ? AND version = ?",
    [S_VERSION_NEWEST] = "SELECT " OBJECT_COLUMNS " FROM version WHERE container = ? AND name = ?"
                         " ORDER BY " VERSION_TIME " DESC LIMIT 1",
    [S_VERSION_KEEP] = "INSERT OR REPLACE INTO version SELECT * FROM object WHERE container = ? AND name = ?",
    [S_VERSION_MARKER] = "INSERT OR REPLACE INTO version VALUES (?1, ?2, ?3, 0, ?4, 0, '', 'application/x-deleted;swift_versions_deleted=1',"
                         " 3, NULL, NULL, 0, 0)",
    [S_VERSION_DELETE] = "DELETE FROM version WHERE container = ? AND name = ? AND version = ?",
    [S_VERSION_UPDATE] = "UPDATE version SET modified = ?4, expires = ?5, type = ?6, meta = ?7"
                         " WHERE container = ?1 AND name = ?2 AND version = ?3",
    [S_VERSION_RESTORE] = "INSERT OR REPLACE INTO object SELECT * FROM version WHERE container = ? AND name = ? AND version = ?",
    [S_DATA] = "SELECT bytes FROM data WHERE id = ?",
    [S_DATA_PUT] = "INSERT INTO data (bytes) VALUES (?)",
    [S_DATA_DELETE] = "DELETE FROM data WHERE id = ?",
    [S_GARBAGE_PUT] = "INSERT OR IGNORE INTO garbage VALUES (?)",
    [S_GARBAGE_DELETE] = "DELETE FROM garbage WHERE place = ?",
    [S_GARBAGE_LIST] = "SELECT place FROM garbage WHERE place > ? ORDER BY place LIMIT ?",
    [S_LIST_OBJECTS] = "SELECT " OBJECT_COLUMNS " FROM object WHERE container = ? AND name >= ? ORDER BY name",
    /* Each column costs, and the last one of the table first costs less. See list.c for told. */
    [S_LIST_SHOWN] = "SELECT name FROM object WHERE container = ? AND name >= ?"
                     " AND NOT told(meta, name, expires, size, modified, etag, type) ORDER BY name",
    [S_LIST_NAMES] = "SELECT name FROM object WHERE container = ? AND name >= ? AND NOT told(name, expires) ORDER BY name",
    [S_LIST_OBJECTS_BACK] = "SELECT " OBJECT_COLUMNS " FROM object WHERE container = ? AND name < ? ORDER BY name DESC",
    [S_LIST_CONTAINERS] = "SELECT " CONTAINER_COLUMNS " FROM container WHERE account = ? AND name >= ? ORDER BY name",
    [S_LIST_CONTAINERS_BACK] = "SELECT " CONTAINER_COLUMNS " FROM container WHERE account = ? AND name < ?"
                               " ORDER BY name DESC",
    [S_LIST_VERSIONS] = "SELECT " OBJECT_COLUMNS " FROM version WHERE container = ? AND name >= ?"
                        " ORDER BY name, " VERSION_TIME " DESC",
    [S_LIST_VERSIONS_BACK] = "SELECT " OBJECT_COLUMNS " FROM version WHERE container = ? AND name < ?"
                             " ORDER BY name DESC, " VERSION_TIME,
    [S_EXPIRED] = "SELECT c.account, c.name, o.name FROM object o JOIN container c ON c.id = o.container"
                  " WHERE o.expires > 0 AND o.expires <= ? LIMIT ?",
    [S_ANY_OBJECT] = "SELECT " OBJECT_COLUMNS " FROM object WHERE container = ? LIMIT 1",
    [S_PLACE_USED] = "SELECT EXISTS (SELECT 1 FROM object WHERE place = ?1) OR"
                     " EXISTS (SELECT 1 FROM version WHERE place = ?1)",
    [S_PLACES] = "SELECT o.place, o.size, c.account, c.name, o.name FROM"
                 " (SELECT place, size, container, name FROM object WHERE place > ?1 UNION ALL"
                 "  SELECT place, size, container, name FROM version WHERE place > ?1 ORDER BY place LIMIT 100) o"
                 " JOIN container c ON c.id = o.container ORDER BY o.place",
    [S_DAMAGED_PUT] = "INSERT OR REPLACE INTO damaged VALUES (?, ?)",
    [S_DAMAGED_CLEAR] = "DELETE FROM damaged WHERE NOT EXISTS (SELECT 1 FROM object WHERE place = damaged.place) AND"
                        " NOT EXISTS (SELECT 1 FROM version WHERE place = damaged.place) AND"
                        " NOT EXISTS (SELECT 1 FROM object WHERE " HAS_DAMAGED ") AND"
                        " NOT EXISTS (SELECT 1 FROM version WHERE " HAS_DAMAGED ")",
    [S_DAMAGED] = "SELECT what FROM damaged",
    [S_CONTAINER_NEXT] = "SELECT id, account, name FROM container WHERE id > ? ORDER BY id LIMIT 1",
    [S_MISCOUNTED] = "SELECT c.account, c.name FROM container c WHERE (objects, bytes, old_objects, old_bytes) IS NOT"
                     " ((SELECT count(*) FROM object WHERE container = c.id),"
                     "  (SELECT coalesce(sum(size), 0) FROM object WHERE container = c.id),"
                     "  (SELECT count(*) FROM version WHERE container = c.id),"
                     "  (SELECT coalesce(sum(size), 0) FROM version WHERE container = c.id))",
    [S_RECOUNT] = "UPDATE container SET objects = (SELECT count(*) FROM object WHERE container = id),"
                  " bytes = (SELECT coalesce(sum(size), 0) FROM object WHERE container = id),"
                  " old_objects = (SELECT count(*) FROM version WHERE container = id),"
                  " old_bytes = (SELECT coalesce(sum(size), 0) FROM version WHERE container = id)"
                  " WHERE account = ? AND name = ?",
    [S_ACCOUNT_MISCOUNTED] = "SELECT name FROM account a WHERE (containers, objects, bytes) IS NOT"
                             " (SELECT count(*), coalesce(sum(c.objects), 0), coalesce(sum(c.bytes + c.old_bytes), 0)"
                             "    FROM container c WHERE c.account = a.name)",
    [S_ACCOUNT_RECOUNT] = "UPDATE account SET (containers, objects, bytes) ="
                          " (SELECT count(*), coalesce(sum(c.objects), 0), coalesce(sum(c.bytes + c.old_bytes), 0)"
                          "    FROM container c WHERE c.account = account.name) WHERE name = ?",
    [S_SYNC_PUT] = "INSERT OR REPLACE INTO sync VALUES (?, ?, ?)",
    [S_SYNC_GET] = "SELECT stamp FROM sync WHERE container = ? AND name = ?",
    [S_SYNC_LIST] = "SELECT name, stamp FROM sync WHERE container = ? AND name >= ? ORDER BY name LIMIT ?",
    [S_SYNC_DONE] = "DELETE FROM sync WHERE container = ? AND name = ? AND stamp = ?",
    [S_SYNC_DROP] = "DELETE FROM sync WHERE container = ?",
    [S_SYNC_LAST] = "SELECT max(name) FROM"
                    " (SELECT name FROM object WHERE container = ? AND name > ? ORDER BY name LIMIT ?)",
    [S_SYNC_FILL] = "INSERT OR IGNORE INTO sync SELECT container, name, modified FROM object"
                    " WHERE container = ? AND name > ? AND name <= ?",
    [S_POLICY_COUNTS] = "SELECT policy, count(*), sum(objects), sum(bytes + old_bytes) FROM container"
                        " WHERE account = ? GROUP BY policy",
    [S_SYNCED] = "SELECT account, name FROM container WHERE id IN (SELECT DISTINCT container FROM sync)",
    [S_DROPPED] = "SELECT id, account, container, name, upload FROM dropped WHERE id > ? ORDER BY id",
    [S_DROPPED_PUT] = "INSERT INTO dropped (account, container, name, upload) VALUES (?, ?, ?, ?)",
    [S_DROPPED_DELETE] = "DELETE FROM dropped WHERE id = ?",
    [S_PART_CONTAINERS] = "SELECT account, name FROM container WHERE name GLOB '?*+segments' AND objects > 0",
};

/* What virtual tables need said otherwise: they know no ON CONFLICT. */
static const char *const ordered_sql[STATEMENTS] = {
    [S_ACCOUNT_PUT] = "INSERT OR REPLACE INTO account SELECT ?1, coalesce(nullif(max(created), 0), ?2),"
                      " coalesce(max(containers), 0), coalesce(max(objects), 0), coalesce(max(bytes), 0), ?3"
                      " FROM account WHERE name = ?1",
    [S_ACCOUNT_COUNT] = "INSERT OR REPLACE INTO account SELECT ?1, coalesce(max(created), 0), coalesce(max(containers), 0) + ?2,"
                        " coalesce(max(objects), 0) + ?3, coalesce(max(bytes), 0) + ?4, max(meta)"
                        " FROM account WHERE name = ?1",
};

/* The hash that chooses a shard must be the same for ever. FNV-1a with a final mix. */
uint64_t index_hash(const char *account, const char *container) {
    uint64_t hash = 0xcbf29ce484222325ULL;

    for (int part = 0; part < 2; part++) {
        for (const char *at = part ? container : account; at && *at; at++) {
            hash = (hash ^ (unsigned char)*at) * 0x100000001b3ULL;
        }
        hash = (hash ^ 0xff) * 0x100000001b3ULL;
    }
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
    return hash ^ hash >> 33;
}

struct shard *index_shard(const char *account, const char *container) {
    return &store.shards[index_hash(account, container) % (unsigned)store.shard_count];
}

enum store_result index_error(struct index *index) {
    int code = sqlite3_extended_errcode(index->handle);

    if ((code & 0xff) == SQLITE_FULL || ((code & 0xff) == SQLITE_IOERR && sqlite3_system_errno(index->handle) == ENOSPC)) {
        return STORE_FULL;
    }
    log_error("the index: %s (%d)", sqlite3_errmsg(index->handle), code);
    return STORE_FAILED;
}

bool index_failed(struct index *index) {
    int code = sqlite3_errcode(index->handle) & 0xff;

    return code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE;
}

enum store_result index_no_container(struct index *index) {
    return index_failed(index) ? index_error(index) : STORE_NO_CONTAINER;
}

sqlite3_stmt *index_statement(struct index *index, enum statement which) {
    const char *text = index->view && ordered_sql[which] ? ordered_sql[which] : sql[which];
    sqlite3_stmt **at = &index->statements[which];

    if (!*at && sqlite3_prepare_v3(index->handle, text, -1, SQLITE_PREPARE_PERSISTENT, at, NULL) != SQLITE_OK) {
        log_error("the index: %s: %s", text, sqlite3_errmsg(index->handle));
        abort();        /* a statement of ours that is wrong, or no memory */
    }
    return *at;
}

bool index_run(struct index *index, sqlite3_stmt *statement) {
    int code = sqlite3_step(statement);

    sqlite3_reset(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW;
}

static void index_close(struct index *index) {
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(index->statements[i]);
    }
    sqlite3_close(index->handle);
    ordered_view_free(index->view);
    free(index);
}

static bool add_functions(struct index *index) {
    int flags = SQLITE_UTF8 | SQLITE_DIRECTONLY;

    return sqlite3_create_function(index->handle, "told", 2, flags, index, list_told_name, NULL, NULL) == SQLITE_OK &&
           sqlite3_create_function(index->handle, "told", 7, flags, index, list_told_shown, NULL, NULL) == SQLITE_OK;
}

struct index *index_connect(struct shard *shard) {
    static const char settings[] = "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                   "PRAGMA cache_size = -2048; PRAGMA mmap_size = 1073741824; PRAGMA temp_store = MEMORY;"
                                   "PRAGMA wal_autocheckpoint = 2048; PRAGMA journal_size_limit = 134217728;"
                                   "PRAGMA trusted_schema = OFF;";
    struct index *index = calloc(1, sizeof *index);

    if (!index) {
        abort();
    }
    if (store.driver->ordered) {
        index->view = ordered_view_new(store.driver->ordered, shard->number);
        index->handle = ordered_connect(index->view);
        if (!add_functions(index)) {
            abort();                /* no memory */
        }
        return index;
    }
    if (sqlite3_open_v2(shard->target, &index->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL) == SQLITE_OK) {
        sqlite3_extended_result_codes(index->handle, 1);
        sqlite3_busy_timeout(index->handle, 10000);
        if (sqlite3_exec(index->handle, settings, NULL, NULL, NULL) == SQLITE_OK && add_functions(index)) {
            return index;
        }
    }
    index_error(index);
    index_close(index);
    return NULL;
}

struct index *index_reader(struct shard *shard) {
    struct index *index;

    pthread_mutex_lock(&shard->lock);
    index = shard->readers;
    if (index) {
        shard->readers = index->next;
    }
    pthread_mutex_unlock(&shard->lock);
    return index ? index : index_connect(shard);
}

void index_reader_release(struct shard *shard, struct index *index) {
    pthread_mutex_lock(&shard->lock);
    index->next = shard->readers;
    shard->readers = index;
    pthread_mutex_unlock(&shard->lock);
}

/* ---- a writer's transaction ---- */

bool index_begin(struct index *index) {
    return index->view ? ordered_begin(index->view) : index_run(index, index_statement(index, S_BEGIN_WRITE));
}

enum ordered_result index_commit(struct index *index) {
    if (index->view) {
        return ordered_commit(index->view);
    }
    return index_run(index, index_statement(index, S_COMMIT)) ? ORDERED_DONE : ORDERED_FAILED;
}

void index_rollback(struct index *index) {
    if (index->view) {
        ordered_rollback(index->view);
    } else if (!sqlite3_get_autocommit(index->handle)) {
        index_run(index, index_statement(index, S_ROLLBACK));
    }
}

bool index_is_away(const struct index *index) {
    return index->view && ordered_is_away(index->view);
}

bool index_is_overtaken(struct index *index) {
    return index->view && ordered_is_overtaken(index->view);
}

/* A path in a URI. */
static const char *uri_path(const char *path) {
    struct buf text = {0};
    const char *kept;

    http_encode(&text, path, "/");
    kept = arena_text(store.arena, text.at);
    buf_release(&text);
    return kept;
}

static bool open_shard(struct arena *arena, const char *root, int number, const char **ret_error) {
    struct shard *shard = &store.shards[number];

    shard->number = number;
    shard->last = &shard->first;
    pthread_mutex_init(&shard->lock, NULL);
    pthread_mutex_init(&shard->known_lock, NULL);
    pthread_cond_init(&shard->work, NULL);
    /* No other process has the index open, so locks and the map of the log need not be shared with any. */
    shard->target = arena_printf(store.arena, "file:%s/index-%02d.db?vfs=unix-excl", uri_path(root), number);
    shard->writer = index_connect(shard);
    if (store.driver->ordered) {
        return true;
    }
    if (!shard->writer || sqlite3_exec(shard->writer->handle, schema, NULL, NULL, NULL) != SQLITE_OK) {
        *ret_error = arena_printf(arena, "the index of objects %s cannot be opened: %s", shard->target,
                                  shard->writer ? sqlite3_errmsg(shard->writer->handle) : "the log has the cause");
        return false;
    }
    return true;
}

/* The number of shards is chosen when the store is made, and kept with it. */
static int kept_shards(struct arena *arena, const char *root, int wanted) {
    const char *path = arena_printf(arena, "%s/shards", root);
    FILE *file = fopen(path, "re");
    int kept = 0;

    if (file) {
        if (fscanf(file, "%d", &kept) != 1) {
            kept = 0;
        }
        fclose(file);
        return kept;
    }
    file = fopen(path, "wxe");
    if (!file) {
        return 0;
    }
    fprintf(file, "%d\n", wanted);
    kept = fflush(file) == 0 && fsync(fileno(file)) == 0 ? wanted : 0;
    fclose(file);
    return kept;
}

bool index_open_all(struct arena *arena, const char *root, int shards, const char **ret_error) {
    shards = store.driver->ordered ? store.driver->ordered->shards(shards) : kept_shards(arena, root, shards);
    if (shards < 1 || shards > 256) {
        *ret_error = "the number of the index's shards cannot be read or made, or is none from 1 to 256";
        return false;
    }
    store.arena = arena_new(0);
    store.shards = arena_alloc(store.arena, (size_t)shards * sizeof *store.shards);
    store.shard_count = shards;
    for (int i = 0; i < shards; i++) {
        if (!open_shard(arena, root, i, ret_error)) {
            return false;
        }
    }
    return true;
}
