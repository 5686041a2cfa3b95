/* SPDX-License-Identifier: Apache-2.0
 * SQLite: a file in WAL mode with full synchronisation; connections, statements and their rows. sqlite_group.c has the
 * transactions.
 *
 * A database in memory lives in SQLite's memdb, which has no snapshots: there readers stand at the gate too. */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/allocation.h"
#include "store/sqlite.h"

enum { BUSY_TIMEOUT_MS = 10000 };

static const char *const control_sql[CONTROLS] = {
    [BEGIN_READ] = "BEGIN",
    [BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVE] = "SAVEPOINT one",
    [SAVE_DROP] = "RELEASE one",
    [SAVE_UNDO] = "ROLLBACK TO one",
};

static const char sql_settings[] =
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = OFF;"
    "PRAGMA cache_size = -8192;"
    "PRAGMA wal_autocheckpoint = 4000;"
    "PRAGMA journal_size_limit = 67108864;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA case_sensitive_like = ON;";

/* The error of the last call on 'handle' as ours. */
bool sqlite_fail(struct db *db, sqlite3 *handle) {
    int code = sqlite3_extended_errcode(handle);
    const char *message = sqlite3_errmsg(handle), *columns;

    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID) {
        columns = strstr(message, ": ");
        return db_fail(db, DB_UNIQUE, "not unique: %s", columns ? columns + 2 : message);
    }
    if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) {
        return db_fail(db, DB_RETRY, "%s", message);
    }
    if ((code & 0xff) == SQLITE_FULL || ((code & 0xff) == SQLITE_IOERR && sqlite3_system_errno(handle) == ENOSPC)) {
        return db_fail(db, DB_FULL, "%s", message);
    }
    return db_fail(db, DB_FAILED, "%s (%d)", message, code);
}

static sqlite3_mem_methods memory;

static void *take(int size) {
    return library_allocation_fails() ? NULL : memory.xMalloc(size);
}

static void *take_again(void *old, int size) {
    return library_allocation_fails() ? NULL : memory.xRealloc(old, size);
}

static void configure_process(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (library_allocations_watched()) {
        sqlite3_mem_methods watched;

        sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
        watched = memory;
        watched.xMalloc = take;
        watched.xRealloc = take_again;
        sqlite3_config(SQLITE_CONFIG_MALLOC, &watched);
    }
}

static void open_store(struct store *store, const char *target) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static unsigned memories;
    struct shared *shared = calloc(1, sizeof *shared);
    bool made;

    pthread_once(&once, configure_process);
    if (!shared || !(shared->statements = calloc(1, sizeof *shared->statements))) {
        abort();
    }
    gate_init(&shared->gate);
    pthread_mutex_init(&shared->lock, NULL);
    pthread_cond_init(&shared->ended, NULL);
    shared->memory = !strcmp(target, ":memory:");
    store->native = shared;
    if (shared->memory) {
        made = asprintf(&store->target, "file:/haneul-%u?vfs=memdb",
                        __atomic_add_fetch(&memories, 1, __ATOMIC_RELAXED)) > 0;
    } else {
        made = (store->target = strdup(target)) != NULL;
    }
    if (!made) {
        abort();
    }
}

/* A new database is readable by its owner alone; SQLite gives its other files the same mode. An existing file is not
 * opened here: closing it would drop the locks that this process holds on it. */
static void create_private(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
    }
}

static void disconnect(struct db *db) {
    struct connection *c = db->native;

    if (!c) {
        return;
    }
    statements_clear(db);
    for (int i = 0; i < CONTROLS; i++) {
        sqlite3_finalize(c->control[i]);
    }
    sqlite3_close(c->handle);
    free(c);
    db->native = NULL;
}

static void close_store(struct store *store) {
    struct shared *shared = store->native;
    struct db writer = {.store = store, .native = shared->writer, .statements = shared->statements};

    disconnect(&writer);
    free(shared->statements);
    gate_release(&shared->gate);
    pthread_mutex_destroy(&shared->lock);
    pthread_cond_destroy(&shared->ended);
    free(shared);
}

static void pattern_free(void *pattern) {
    regfree(pattern);
    free(pattern);
}

/* regexp_like(text, pattern), as PostgreSQL has it. A pattern is compiled once per statement; a wrong one is an error. */
static void regexp_like(sqlite3_context *context, int count, sqlite3_value **values) {
    const char *text = (const char *)sqlite3_value_text(values[0]), *source = (const char *)sqlite3_value_text(values[1]);
    regex_t *pattern = sqlite3_get_auxdata(context, 1);
    bool fresh = !pattern;

    if (!text || !source) {
        return;
    }
    if (fresh) {
        pattern = calloc(1, sizeof *pattern);
        if (!pattern || regcomp(pattern, source, REG_EXTENDED | REG_NOSUB)) {
            free(pattern);
            sqlite3_result_error(context, "invalid regular expression", -1);
            return;
        }
    }
    sqlite3_result_int(context, regexec(pattern, text, 0, NULL, 0) == 0);
    if (fresh) {
        sqlite3_set_auxdata(context, 1, pattern, pattern_free);
    }
}

static bool configure(struct connection *c, bool memory) {
    sqlite3_extended_result_codes(c->handle, 1);
    sqlite3_busy_timeout(c->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(c->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(c->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    if (sqlite3_create_function(c->handle, "regexp_like", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, regexp_like, NULL,
                                NULL) != SQLITE_OK) {
        return false;
    }
    if (sqlite3_exec(c->handle, memory ? "SELECT 1" : "PRAGMA journal_mode = WAL", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(c->handle, sql_settings, NULL, NULL, NULL) != SQLITE_OK) {
        return false;
    }
    for (int i = 0; i < CONTROLS; i++) {
        if (sqlite3_prepare_v3(c->handle, control_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &c->control[i], NULL)) {
            return false;
        }
    }
    return true;
}

bool sqlite_connect(struct db *db) {
    bool memory = shared_of(db)->memory;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | (memory ? SQLITE_OPEN_URI : 0);
    struct connection *c = calloc(1, sizeof *c);

    if (!c) {
        abort();
    }
    if (!memory) {
        create_private(db->store->target);
    }
    db->native = c;
    if (sqlite3_open_v2(db->store->target, &c->handle, flags, NULL) == SQLITE_OK && configure(c, memory)) {
        return true;
    }
    sqlite_fail(db, c->handle);
    disconnect(db);
    return false;
}

bool sqlite_control(struct db *db, enum control which) {
    struct connection *c = db->native;
    bool ok = sqlite3_step(c->control[which]) == SQLITE_DONE;

    if (!ok) {
        sqlite_fail(db, c->handle);
    }
    sqlite3_reset(c->control[which]);
    return ok;
}

static void cool(struct db *db) {
    if (db->native) {
        sqlite3_db_release_memory(handle_of(db));
    }
}

static bool prepare(struct db *db, struct statement *statement) {
    sqlite3_stmt *made = NULL;

    if (sqlite3_prepare_v3(handle_of(db), statement->sql, (int)statement->size + 1, SQLITE_PREPARE_PERSISTENT, &made,
                           NULL) != SQLITE_OK) {
        return sqlite_fail(db, handle_of(db));
    }
    if (!made) {
        return db_fail(db, DB_FAILED, "no statement in: %.200s", statement->sql);
    }
    statement->native = made;
    statement->params = (unsigned)sqlite3_bind_parameter_count(made);
    statement->read_only = sqlite3_stmt_readonly(made);
    return true;
}

static void forget(struct db *db, struct statement *statement) {
    sqlite3_finalize(statement->native);
}

static int bind_value(sqlite3_stmt *stmt, int at, const struct value *value, sqlite3_destructor_type keep) {
    switch (value->kind) {
    case VALUE_NULL:
        return sqlite3_bind_null(stmt, at);
    case VALUE_INT:
        return sqlite3_bind_int64(stmt, at, value->integer);
    case VALUE_REAL:
        return sqlite3_bind_double(stmt, at, value->real);
    case VALUE_TEXT:
        return sqlite3_bind_text(stmt, at, value->text, (int)(value->size ? value->size : strlen(value->text)), keep);
    case VALUE_BLOB:
        return sqlite3_bind_blob(stmt, at, value->size ? value->blob : "", (int)value->size, keep);
    }
    return SQLITE_MISUSE;
}

static bool bind_all(struct db *db, sqlite3_stmt *stmt, const struct value *args, size_t count,
                     sqlite3_destructor_type keep) {
    for (size_t i = 0; i < count; i++) {
        if (args[i].size >= INT32_MAX || bind_value(stmt, (int)i + 1, &args[i], keep) != SQLITE_OK) {
            return db_fail(db, DB_FAILED, "value %zu cannot be bound: %s", i + 1, sqlite3_errmsg(handle_of(db)));
        }
    }
    return true;
}

static void note_changes(struct db *db, const struct statement *statement) {
    if (!statement->read_only) {
        db->changes = sqlite3_changes64(handle_of(db));
    }
}

static bool exec(struct db *db, struct statement *statement, const struct value *args, size_t count) {
    int code = SQLITE_ROW;

    if (!bind_all(db, statement->native, args, count, SQLITE_STATIC)) {
        return false;
    }
    while (code == SQLITE_ROW) {
        code = sqlite3_step(statement->native);
    }
    if (code == SQLITE_DONE) {
        note_changes(db, statement);
    } else {
        sqlite_fail(db, handle_of(db));
    }
    sqlite3_reset(statement->native);
    return code == SQLITE_DONE;
}

/* The first row is fetched at once: an INSERT ... RETURNING has happened, and errors show, as with PostgreSQL. */
static bool query(struct rows *rows, struct statement *statement, const struct value *args, size_t count) {
    struct db *db = rows->db;
    int code;

    if (!bind_all(db, statement->native, args, count, SQLITE_TRANSIENT)) {
        return false;
    }
    code = sqlite3_step(statement->native);
    if (code == SQLITE_ROW) {
        note_changes(db, statement);
        statement->busy = true;
        rows->statement = statement;
        rows->native = statement->native;
        rows->first = true;
        return true;
    }
    if (code == SQLITE_DONE) {
        note_changes(db, statement);
    } else {
        sqlite_fail(db, handle_of(db));
    }
    sqlite3_reset(statement->native);
    return code == SQLITE_DONE;
}

static bool next(struct rows *rows) {
    int code;

    if (rows->first) {
        rows->first = false;
        return true;
    }
    code = sqlite3_step(rows->native);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        sqlite_fail(rows->db, handle_of(rows->db));
    }
    return code == SQLITE_ROW;
}

static void stop(struct rows *rows) {
    sqlite3_reset(rows->native);
}

static const char *column_text(struct rows *rows, int column) {
    return (const char *)sqlite3_column_text(rows->native, column);
}

static const void *column_blob(struct rows *rows, int column) {
    const void *blob = sqlite3_column_blob(rows->native, column);

    return blob || sqlite3_column_type(rows->native, column) == SQLITE_NULL ? blob : "";
}

static size_t column_size(struct rows *rows, int column) {
    return (size_t)sqlite3_column_bytes(rows->native, column);
}

static int64_t column_int(struct rows *rows, int column) {
    return sqlite3_column_int64(rows->native, column);
}

static double column_real(struct rows *rows, int column) {
    return sqlite3_column_double(rows->native, column);
}

static bool column_null(struct rows *rows, int column) {
    return sqlite3_column_type(rows->native, column) == SQLITE_NULL;
}

const struct backend backend_sqlite = {
    .scheme = "sqlite:",
    .most_connections = 32,
    .most_warm = 4,
    .types = {[COLUMN_TEXT] = "TEXT", [COLUMN_INT] = "INTEGER", [COLUMN_REAL] = "REAL", [COLUMN_BLOB] = "BLOB"},
    .sql_columns = "SELECT name FROM pragma_table_info(?)",
    .sql_indexes = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?",
    .open = open_store,
    .close = close_store,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .disconnect = disconnect,
    .cool = cool,
    .prepare = prepare,
    .forget = forget,
    .exec = exec,
    .query = query,
    .next = next,
    .stop = stop,
    .text = column_text,
    .blob = column_blob,
    .size = column_size,
    .integer = column_int,
    .real = column_real,
    .null = column_null,
};
