/* SPDX-License-Identifier: Apache-2.0
 * Tables from declarations: what is declared and missing is made. Names are quoted, so a column may be called "group"
 * (whoever writes SQL by hand must quote it too). */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "store/backend.h"

enum { LONGEST_NAME = 63 };     /* of PostgreSQL: it would cut longer ones */

struct work {
    struct db *db;
    struct arena *arena;
    const struct table *table;
    struct map *columns, *indexes;      /* that exist */
    bool locked;
};

static struct map *names_of(struct db *db, const char *sql, const char *table) {
    struct map *names = map_new();
    struct rows *rows = db_query(db, sql, SQL_ARGS(sql_text(table)));

    while (rows_next(rows)) {
        map_set(names, rows_text(rows, 0), names);
    }
    rows_end(rows);
    return names;
}

/* Runs a change of the schema. Processes that start together wait for each other here. */
static bool change(struct work *w, struct buf *sql) {
    const char *lock = w->db->store->backend->sql_lock;
    bool ok = true;

    if (lock && !w->locked) {
        rows_end(db_query(w->db, lock, SQL_NO_ARGS));
        w->locked = true;
    }
    ok = db_exec(w->db, sql->at, SQL_NO_ARGS);
    buf_release(sql);
    return ok;
}

static void put_column(struct work *w, struct buf *sql, const struct column *column, bool only_key) {
    buf_printf(sql, "\"%s\" %s", column->name, w->db->store->backend->types[column->type]);
    if (column->key) {
        buf_text(sql, only_key ? " NOT NULL PRIMARY KEY" : " NOT NULL");
    }
    if (column->otherwise) {
        buf_printf(sql, " DEFAULT %s", column->otherwise);
    }
}

static void put_key(const struct table *table, struct buf *sql) {
    const char *before = ", PRIMARY KEY (";

    for (size_t i = 0; i < table->count; i++) {
        if (table->columns[i].key) {
            buf_printf(sql, "%s\"%s\"", before, table->columns[i].name);
            before = ", ";
        }
    }
    buf_char(sql, ')');
}

static bool make_table(struct work *w) {
    const struct table *table = w->table;
    struct buf sql = {0};
    size_t keys = 0;

    for (size_t i = 0; i < table->count; i++) {
        keys += table->columns[i].key;
    }
    buf_printf(&sql, "CREATE TABLE IF NOT EXISTS \"%s\" (", table->name);
    for (size_t i = 0; i < table->count; i++) {
        buf_text(&sql, i ? ", " : "");
        put_column(w, &sql, &table->columns[i], keys == 1);
    }
    if (keys > 1) {
        put_key(table, &sql);
    }
    buf_char(&sql, ')');
    if (keys > 1 && store_is_sqlite(w->db->store)) {
        BUF_LITERAL(&sql, " WITHOUT ROWID");
    }
    return change(w, &sql);
}

static bool add_columns(struct work *w) {
    for (size_t i = 0; i < w->table->count; i++) {
        const struct column *column = &w->table->columns[i];
        struct buf sql = {0};

        if (map_get(w->columns, column->name)) {
            continue;
        }
        buf_printf(&sql, "ALTER TABLE \"%s\" ADD COLUMN %s", w->table->name,
                   store_is_sqlite(w->db->store) ? "" : "IF NOT EXISTS ");
        put_column(w, &sql, column, false);
        if (!change(w, &sql)) {
            return false;
        }
    }
    return true;
}

/* FNV-1a: the same in every process. */
static uint32_t digest_of(const char *text) {
    uint32_t digest = 2166136261U;

    for (; *text; text++) {
        digest = (digest ^ (unsigned char)*text) * 16777619U;
    }
    return digest;
}

/* TABLE_COLUMNS_ix; a name too long for PostgreSQL ends with a digest of the whole instead. */
static const char *index_name(struct work *w, const char *columns, const char *ending) {
    char *name = arena_printf(w->arena, "%s_%s_%s", w->table->name, columns, ending);

    for (char *at = name; *at; at++) {
        *at = *at == ',' ? '_' : *at;
    }
    return strlen(name) <= LONGEST_NAME ? name : arena_printf(w->arena, "%.51s_%08x_%s", name, digest_of(name), ending);
}

static bool make_index(struct work *w, const char *columns, bool unique, bool sparse) {
    const char *name = index_name(w, columns, unique ? "ux" : "ix");
    struct buf sql = {0};

    if (map_get(w->indexes, name)) {
        return true;
    }
    buf_printf(&sql, "CREATE %sINDEX IF NOT EXISTS \"%s\" ON \"%s\" (\"", unique ? "UNIQUE " : "", name,
               w->table->name);
    for (const char *at = columns; *at; at++) {
        if (*at == ',') {
            BUF_LITERAL(&sql, "\", \"");
        } else {
            buf_char(&sql, *at);
        }
    }
    BUF_LITERAL(&sql, "\")");
    if (sparse) {
        buf_printf(&sql, " WHERE \"%s\" IS NOT NULL", columns);
    }
    return change(w, &sql);
}

/* An index whose columns are SQL; its name ends with their digest. */
static bool make_index_on(struct work *w, const char *columns) {
    const char *name = arena_printf(w->arena, "%.51s_%08x_ix", w->table->name, digest_of(columns));
    struct buf sql = {0};

    if (map_get(w->indexes, name)) {
        return true;
    }
    buf_printf(&sql, "CREATE INDEX IF NOT EXISTS \"%s\" ON \"%s\" (%s)", name, w->table->name, columns);
    return change(w, &sql);
}

static bool make_indexes(struct work *w) {
    const char *at = w->table->unique;

    for (size_t i = 0; i < w->table->count; i++) {
        const struct column *column = &w->table->columns[i];

        if (column->index && !make_index(w, column->name, false, column->sparse)) {
            return false;
        }
    }
    for (const char *const *columns = w->table->indexes; columns && *columns; columns++) {
        if (!make_index_on(w, *columns)) {
            return false;
        }
    }
    while (at && *at) {
        size_t size = strcspn(at, ";");

        if (!make_index(w, arena_text_size(w->arena, at, size), true, false)) {
            return false;
        }
        at += size + (at[size] == ';');
    }
    return true;
}

bool table_ensure(struct db *db, struct arena *arena, const struct table *table) {
    const struct backend *backend = db->store->backend;
    struct work w = {.db = db, .arena = arena, .table = table};
    bool ok;

    w.columns = names_of(db, backend->sql_columns, table->name);
    w.indexes = names_of(db, backend->sql_indexes, table->name);
    ok = db->failure == DB_OK && (map_count(w.columns) ? add_columns(&w) : make_table(&w)) && make_indexes(&w);
    map_free(w.columns, NULL);
    map_free(w.indexes, NULL);
    return ok;
}
