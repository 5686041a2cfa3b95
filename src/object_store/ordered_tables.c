/* SPDX-License-Identifier: Apache-2.0
 * The tables of the index as SQLite's virtual tables over ordered pairs. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "object_store/ordered.h"
#include "object_store/ordered_plan.h"

static const char sequence_key[] = "n";

struct vtab {
    sqlite3_vtab base;              /* first */
    const struct ordered_table *table;
    struct ordered_view *view;
    sqlite3 *handle;
};

struct vcursor {
    sqlite3_vtab_cursor base;       /* first */
    struct ordered_walk *walk;
    const struct ordered_path *path;
    struct buf key, stop;           /* of the row; what is at or behind 'stop' is no more of the walk */
    struct ordered_row row;
    bool at_end;
};

static int broken(struct vtab *vtab, const char *what) {
    sqlite3_free(vtab->base.zErrMsg);
    vtab->base.zErrMsg = sqlite3_mprintf("%s", what);
    return SQLITE_IOERR;
}

/* 1, 0 (no such row), -1. */
static int read_row(const struct vtab *vtab, const char *key, size_t key_size, struct ordered_row *ret) {
    int found;

    buf_clear(&ret->bytes);
    found = ordered_get(vtab->view, key, key_size, &ret->bytes);
    return found == 1 && !ordered_unpack(vtab->table, ret) ? -1 : found;
}

/* ---- life ---- */

static int connect_table(sqlite3 *handle, void *view, int argc, const char *const *argv, sqlite3_vtab **ret, char **ret_error) {
    const struct ordered_table *table = ordered_tables;
    struct vtab *vtab = sqlite3_malloc(sizeof *vtab);
    char *declared;
    int code;

    while (strcmp(table->name, argv[2]) != 0) {
        table++;
    }
    declared = sqlite3_mprintf("CREATE TABLE x(%s, row_key BLOB HIDDEN PRIMARY KEY) WITHOUT ROWID", table->schema);
    if (!vtab || !declared) {
        abort();
    }
    sqlite3_vtab_config(handle, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
    code = sqlite3_declare_vtab(handle, declared);
    sqlite3_free(declared);
    *vtab = (struct vtab){.table = table, .view = view, .handle = handle};
    *ret = &vtab->base;
    return code;
}

static int disconnect(sqlite3_vtab *vtab) {
    sqlite3_free(vtab);
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *vtab, sqlite3_vtab_cursor **ret) {
    struct vcursor *cursor = calloc(1, sizeof *cursor);

    if (!cursor) {
        abort();
    }
    *ret = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base) {
    struct vcursor *cursor = (struct vcursor *)base;

    ordered_walk_free(cursor->walk);
    buf_release(&cursor->key);
    buf_release(&cursor->stop);
    buf_release(&cursor->row.bytes);
    free(cursor);
    return SQLITE_OK;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    return ordered_plan(((struct vtab *)base)->table, info);
}

/* ---- walking ---- */

static struct ordered_value value_of(sqlite3_value *given, bool number) {
    struct ordered_value value = {.type = number ? 'i' : 't'};

    if (number) {
        value.number = sqlite3_value_int64(given);
    } else {
        value.bytes = (const char *)sqlite3_value_blob(given);
        value.size = (size_t)sqlite3_value_bytes(given);
    }
    return value;
}

static int next_row(sqlite3_vtab_cursor *base) {
    struct vcursor *cursor = (struct vcursor *)base;
    struct vtab *vtab = (struct vtab *)base->pVtab;

    for (;;) {
        struct ordered_pair pair;
        int found = ordered_walk_next(cursor->walk, &pair);
        size_t common;
        int order;

        if (found < 0) {
            return broken(vtab, "the driver could not read");
        }
        common = found && pair.key_size < cursor->stop.size ? pair.key_size : cursor->stop.size;
        order = found && cursor->stop.size ? memcmp(pair.key, cursor->stop.at, common) : -1;
        if (!found || order > 0 || (!order && pair.key_size >= cursor->stop.size)) {
            cursor->at_end = true;
            return SQLITE_OK;
        }
        buf_clear(&cursor->key);
        if (cursor->path == vtab->table->paths) {
            buf_put(&cursor->key, pair.key, pair.key_size);
            buf_clear(&cursor->row.bytes);
            buf_put(&cursor->row.bytes, pair.value, pair.value_size);
            return ordered_unpack(vtab->table, &cursor->row) ? SQLITE_OK : broken(vtab, "a row is not what was written");
        }
        buf_put(&cursor->key, pair.value, pair.value_size);
        found = read_row(vtab, cursor->key.at, cursor->key.size, &cursor->row);
        if (found) {
            return found > 0 ? SQLITE_OK : broken(vtab, "the driver could not read");
        }
        /* Another machine took the row away between the two reads. */
    }
}

static int one_row(struct vcursor *cursor, struct vtab *vtab, sqlite3_value *key) {
    int found;

    buf_clear(&cursor->key);
    buf_put(&cursor->key, sqlite3_value_blob(key), (size_t)sqlite3_value_bytes(key));
    found = read_row(vtab, cursor->key.at, cursor->key.size, &cursor->row);
    cursor->at_end = found != 1;
    return found < 0 ? broken(vtab, "the driver could not read") : SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc, sqlite3_value **argv) {
    struct vcursor *cursor = (struct vcursor *)base;
    struct vtab *vtab = (struct vtab *)base->pVtab;
    int equal = plan >> 4 & 15, lower = plan >> 8 & 15, upper = plan >> 12 & 15, column;
    struct buf prefix = {0}, after = {0};
    struct ordered_pair from, within;
    bool number;

    ordered_walk_free(cursor->walk);
    cursor->walk = NULL;
    cursor->at_end = false;
    buf_clear(&cursor->stop);
    for (int i = 0; i < argc; i++) {
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL) {
            cursor->at_end = true;  /* nothing is equal to, less or more than null */
            return SQLITE_OK;
        }
    }
    if (plan == ORDERED_BY_KEY) {
        return one_row(cursor, vtab, argv[0]);
    }
    cursor->path = &vtab->table->paths[plan & 15];
    buf_char(&prefix, cursor->path->letter);
    for (int i = 0; i < equal; i++) {
        struct ordered_value value;

        column = ordered_column(cursor->path->columns[i]);
        number = ordered_is_number(vtab->table, column);
        value = value_of(argv[i], number);
        ordered_put_value(&prefix, &value, number, cursor->path->columns[i] < 'a');
    }
    if (equal == (int)strlen(cursor->path->columns) && cursor->path == vtab->table->paths) {
        int found;

        buf_char(&prefix, 0);
        buf_clear(&cursor->key);
        buf_put(&cursor->key, prefix.at, prefix.size);
        buf_release(&prefix);
        found = read_row(vtab, cursor->key.at, cursor->key.size, &cursor->row);
        cursor->at_end = found != 1;
        return found < 0 ? broken(vtab, "the driver could not read") : SQLITE_OK;
    }
    buf_put(&after, prefix.at, prefix.size);
    column = lower || upper ? ordered_column(cursor->path->columns[equal]) : 0;
    number = ordered_is_number(vtab->table, column);
    if (lower) {
        struct ordered_value value = value_of(argv[equal], number);

        if (number) {
            ordered_put_number(&after, value.number + (lower == 2 && value.number < INT64_MAX), false);
        } else {
            buf_put(&after, value.bytes, value.size);
            if (lower == 2) {
                buf_char(&after, 1);        /* behind the NUL that ends this text */
            }
        }
    }
    if (upper) {
        struct ordered_value value = value_of(argv[equal + (lower > 0)], number);

        buf_put(&cursor->stop, prefix.at, prefix.size);
        if (number) {
            ordered_put_number(&cursor->stop, value.number + (upper == 1 && value.number < INT64_MAX), false);
        } else {
            buf_put(&cursor->stop, value.bytes, value.size);
            buf_char(&cursor->stop, upper == 1);
        }
    }
    from = (struct ordered_pair){.key = after.at, .key_size = after.size};
    within = (struct ordered_pair){.key = prefix.at, .key_size = prefix.size};
    cursor->walk = ordered_walk_new(vtab->view, &from, &within);
    buf_release(&prefix);
    buf_release(&after);
    return next_row(base);
}

static int next(sqlite3_vtab_cursor *base) {
    struct vcursor *cursor = (struct vcursor *)base;

    if (!cursor->walk) {
        cursor->at_end = true;
        return SQLITE_OK;
    }
    return next_row(base);
}

static int at_end(sqlite3_vtab_cursor *base) {
    return ((struct vcursor *)base)->at_end;
}

static int give_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
    const struct vcursor *cursor = (struct vcursor *)base;
    const struct ordered_value *value = &cursor->row.values[column];

    if (column == (int)ordered_columns(((struct vtab *)base->pVtab)->table)) {
        sqlite3_result_blob(context, cursor->key.at, (int)cursor->key.size, SQLITE_TRANSIENT);
    } else if (value->type == 'i') {
        sqlite3_result_int64(context, value->number);
    } else if (value->type == 't') {
        sqlite3_result_text(context, value->bytes, (int)value->size, SQLITE_TRANSIENT);
    } else if (value->type == 'b') {
        sqlite3_result_blob(context, value->bytes, (int)value->size, SQLITE_TRANSIENT);
    }
    return SQLITE_OK;
}

static int give_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret) {
    return SQLITE_ERROR;            /* there is none: the key stands for the row */
}

/* ---- changing ---- */

/* Numbers that are given are never given again. */
static bool next_number(struct vtab *vtab, int64_t *ret) {
    struct buf kept = {0};
    int64_t number = 1;
    int found = ordered_get(vtab->view, sequence_key, sizeof sequence_key, &kept);

    if (found == 1 && kept.size == sizeof number) {
        memcpy(&number, kept.at, sizeof number);
        number++;
    }
    buf_release(&kept);
    if (found >= 0) {
        ordered_set(vtab->view, &(struct ordered_pair){sequence_key, (const char *)&number, sizeof sequence_key, sizeof number});
    }
    *ret = number;
    return found >= 0;
}

/* The other paths' pairs of a row: away with those of 'old', here those of 'new'; either may be null. */
static void change_paths(struct vtab *vtab, const struct ordered_row *old, const struct ordered_row *new, const struct buf *key) {
    for (int i = 1; i < MAX_PATHS && vtab->table->paths[i].letter; i++) {
        const struct ordered_path *path = &vtab->table->paths[i];
        struct buf was = {0}, is = {0};
        bool had = old && ordered_make_key(vtab->table, path, old, &was), has = new && ordered_make_key(vtab->table, path, new, &is);

        if (had && (!has || was.size != is.size || memcmp(was.at, is.at, is.size) != 0)) {
            ordered_set(vtab->view, &(struct ordered_pair){.key = was.at, .key_size = was.size});
        }
        if (has) {
            ordered_set(vtab->view, &(struct ordered_pair){is.at, key->at, is.size, key->size});
        }
        buf_release(&was);
        buf_release(&is);
    }
}

static int remove_row(struct vtab *vtab, const char *key, size_t key_size) {
    struct ordered_row old = {0};
    int found = read_row(vtab, key, key_size, &old);

    if (found == 1) {
        change_paths(vtab, &old, NULL, NULL);
        ordered_set(vtab->view, &(struct ordered_pair){.key = key, .key_size = key_size});
    }
    buf_release(&old.bytes);
    return found < 0 ? broken(vtab, "the driver could not read") : SQLITE_OK;
}

static bool take_values(struct vtab *vtab, sqlite3_value **given, struct ordered_row *ret, sqlite3_int64 *ret_number) {
    for (size_t i = 0; i < ordered_columns(vtab->table); i++) {
        char type = vtab->table->types[i];

        if (sqlite3_value_type(given[i]) != SQLITE_NULL) {
            ret->values[i] = value_of(given[i], type == 'i' || type == 'n');
            ret->values[i].type = type == 'n' ? 'i' : type;
        } else if (type == 'n') {
            ret->values[i].type = 'i';
            if (!next_number(vtab, &ret->values[i].number)) {
                return false;
            }
            *ret_number = ret->values[i].number;
        }
    }
    return true;
}

static int put_row(struct vtab *vtab, sqlite3_value **given, bool is_new, sqlite3_int64 *ret_number) {
    struct ordered_row row = {0}, old = {0};
    struct buf key = {0};
    bool ok = take_values(vtab, given, &row, ret_number);
    /* A number that was given just now is no row's. */
    bool is_free = *ret_number && vtab->table->types[ordered_column(vtab->table->paths[0].columns[0])] == 'n';
    int found, code = SQLITE_OK, on_conflict = sqlite3_vtab_on_conflict(vtab->handle);

    ordered_make_key(vtab->table, &vtab->table->paths[0], &row, &key);
    found = !ok ? -1 : is_free ? 0 : read_row(vtab, key.at, key.size, &old);
    if (found < 0) {
        code = broken(vtab, "the driver could not read");
    } else if (found && is_new && on_conflict != SQLITE_REPLACE) {
        code = on_conflict == SQLITE_IGNORE ? SQLITE_OK : SQLITE_CONSTRAINT;
    } else {
        ordered_pack(vtab->table, &row, &row.bytes);
        ordered_set(vtab->view, &(struct ordered_pair){key.at, row.bytes.at, key.size, row.bytes.size});
        change_paths(vtab, found ? &old : NULL, &row, &key);
    }
    buf_release(&old.bytes);
    buf_release(&row.bytes);
    buf_release(&key);
    return code;
}

static int update(sqlite3_vtab *base, int argc, sqlite3_value **argv, sqlite3_int64 *ret_number) {
    struct vtab *vtab = (struct vtab *)base;
    sqlite3_int64 number = 0;
    int code;
    bool is_new = sqlite3_value_type(argv[0]) == SQLITE_NULL;

    if (argc == 1) {
        return remove_row(vtab, sqlite3_value_blob(argv[0]), (size_t)sqlite3_value_bytes(argv[0]));
    }
    /* No statement changes the columns of the first path. */
    code = put_row(vtab, argv + 2, is_new, &number);
    *ret_number = number ? number : *ret_number;
    return code;
}

static const sqlite3_module module = {
    .iVersion = 1, .xConnect = connect_table, .xCreate = connect_table, .xBestIndex = best_index, .xDisconnect = disconnect,
    .xDestroy = disconnect, .xOpen = open_cursor, .xClose = close_cursor, .xFilter = filter, .xNext = next, .xEof = at_end,
    .xColumn = give_column, .xRowid = give_rowid, .xUpdate = update};

sqlite3 *ordered_connect(struct ordered_view *view) {
    sqlite3 *handle;
    int code = sqlite3_open_v2(":memory:", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    code = code == SQLITE_OK ? sqlite3_create_module(handle, "ordered", &module, view) : code;
    for (size_t i = 0; code == SQLITE_OK && ordered_tables[i].name; i++) {
        char *sql = sqlite3_mprintf("CREATE VIRTUAL TABLE %s USING ordered", ordered_tables[i].name);

        code = sqlite3_exec(handle, sql, NULL, NULL, NULL);
        sqlite3_free(sql);
    }
    if (code != SQLITE_OK) {
        abort();                    /* no memory, or a table of ours that is wrong */
    }
    sqlite3_extended_result_codes(handle, 1);
    return handle;
}
