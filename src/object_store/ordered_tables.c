/* SPDX-License-Identifier: Apache-2.0
 * The tables of the index as SQLite's virtual tables over ordered pairs.
 *
 * Each table has paths: columns in whose order its rows can be found. The first holds the rows, the others name their keys.
 * A pair's key is the path's letter and its columns, each so that bytes sort as the values do: numbers in 8 bytes, highest
 * first, the sign turned; texts with a NUL behind them; a NUL at the end, so that "all but the end" sorts just before it. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "object_store/ordered.h"

enum { MAX_PATHS = 3, MAX_KEYS = 4, MAX_COLUMNS = 16 };

struct path {
    char letter;                    /* 0: no path */
    bool partial;                   /* has only rows whose first column is a text, or a number above 0 */
    const char *columns;            /* in order, a letter each as 'a' + number; capital: from high to low */
};

struct table {
    const char *name, *schema;
    const char *types;              /* of the columns: i number, t text, b bytes; n: a number that we give when there is none */
    struct path paths[MAX_PATHS];
};

/* Columns as in index.c. Containers and data share one sequence of numbers. */
static const struct table tables[] = {
    {"account", "name, created, containers, objects, bytes, meta", "tiiiib", {{'a', .columns = "a"}}},
    {"container",
     "id, account, name, created, modified, objects, bytes, old_objects, old_bytes, policy, versions, meta",
     "nttiiiiiiiib", {{'c', .columns = "bc"}, {'i', .columns = "a"}}},
    {"object", "container, name, version, size, modified, expires, etag, type, kind, meta, place, data, sum",
     "itiiiittibtii", {{'o', .columns = "ab"}, {'e', true, "fab"}, {'p', true, "kab"}}},
    {"version", "container, name, version, size, modified, expires, etag, type, kind, meta, place, data, sum",
     "itiiiittibtii", {{'v', .columns = "abC"}, {'q', true, "kabC"}}},
    {"data", "id, bytes", "nb", {{'d', .columns = "a"}}},
    {"garbage", "place", "t", {{'g', .columns = "a"}}},
    {"damaged", "place, what", "tt", {{'m', .columns = "a"}}},
    {"sync", "container, name, stamp", "iti", {{'s', .columns = "ab"}}},
};

static const char sequence_key[] = "n";

struct vtab {
    sqlite3_vtab base;              /* first */
    const struct table *table;
    struct ordered_view *view;
    sqlite3 *handle;
};

struct value {
    char type;                      /* i, t, b; 0: null */
    int64_t number;
    const char *bytes;
    size_t size;
};

struct row {
    struct value values[MAX_COLUMNS];
    struct buf bytes;               /* what the values point to */
};

struct vcursor {
    sqlite3_vtab_cursor base;       /* first */
    struct ordered_walk *walk;
    const struct path *path;
    struct buf key, stop;           /* of the row; what is at or behind 'stop' is no more of the walk */
    struct row row;
    bool at_end;
};

static size_t column_count(const struct table *table) {
    return strlen(table->types);
}

static int path_column(char letter) {
    return letter >= 'a' ? letter - 'a' : letter - 'A';
}

static int broken(struct vtab *vtab, const char *what) {
    sqlite3_free(vtab->base.zErrMsg);
    vtab->base.zErrMsg = sqlite3_mprintf("%s", what);
    return SQLITE_IOERR;
}

/* ---- keys ---- */

static void put_number(struct buf *key, int64_t number, bool turned) {
    uint64_t bits = (uint64_t)number ^ (uint64_t)1 << 63;
    unsigned char bytes[8];

    bits = turned ? ~bits : bits;
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(bits >> (56 - 8 * i));
    }
    buf_put(key, bytes, sizeof bytes);
}

static void put_in_key(struct buf *key, const struct value *value, bool number, bool turned) {
    if (number) {
        put_number(key, value->number, turned);
    } else {
        buf_put(key, value->bytes, value->size);
        buf_char(key, 0);
    }
}

static bool is_number(const struct table *table, int column) {
    return table->types[column] == 'i' || table->types[column] == 'n';
}

/* False: the row is none of the path's. */
static bool make_key(const struct table *table, const struct path *path, const struct row *row, struct buf *ret) {
    const struct value *first = &row->values[path_column(path->columns[0])];

    buf_clear(ret);
    if (path->partial && (first->type == 'i' ? first->number <= 0 : !first->type)) {
        return false;
    }
    buf_char(ret, path->letter);
    for (const char *at = path->columns; *at; at++) {
        int column = path_column(*at);

        put_in_key(ret, &row->values[column], is_number(table, column), *at < 'a');
    }
    buf_char(ret, 0);
    return true;
}

/* ---- rows as bytes: for each column its type, then 8 bytes, or 4 of a size and so many ---- */

static void pack(const struct table *table, const struct row *row, struct buf *ret) {
    buf_clear(ret);
    for (size_t i = 0; i < column_count(table); i++) {
        const struct value *value = &row->values[i];
        uint32_t size = (uint32_t)value->size;

        buf_char(ret, value->type);
        if (value->type == 'i') {
            buf_put(ret, &value->number, sizeof value->number);
        } else if (value->type) {
            buf_put(ret, &size, sizeof size);
            buf_put(ret, value->bytes, value->size);
        }
    }
}

/* False: these are no bytes of ours. 'row->bytes' holds them. */
static bool unpack(const struct table *table, struct row *row) {
    const char *at = row->bytes.at, *end = at + row->bytes.size;

    for (size_t i = 0; i < column_count(table); i++) {
        struct value *value = &row->values[i];
        uint32_t size;

        *value = (struct value){0};
        if (at >= end) {
            return false;
        }
        value->type = *at++;
        if (value->type == 'i' && (size_t)(end - at) >= sizeof value->number) {
            memcpy(&value->number, at, sizeof value->number);
            at += sizeof value->number;
        } else if (value->type == 'i' || (value->type && (size_t)(end - at) < sizeof size)) {
            return false;
        } else if (value->type) {
            memcpy(&size, at, sizeof size);
            at += sizeof size;
            if ((size_t)(end - at) < size) {
                return false;
            }
            value->bytes = at;
            value->size = size;
            at += size;
        }
    }
    return true;
}

/* 1, 0 (no such row), -1. */
static int read_row(const struct vtab *vtab, const char *key, size_t key_size, struct row *ret) {
    int found;

    buf_clear(&ret->bytes);
    found = ordered_get(vtab->view, key, key_size, &ret->bytes);
    return found == 1 && !unpack(vtab->table, ret) ? -1 : found;
}

/* ---- life ---- */

static int connect_table(sqlite3 *handle, void *view, int argc, const char *const *argv, sqlite3_vtab **ret, char **ret_error) {
    const struct table *table = tables;
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

/* ---- which path: idxNum is its number | equal columns << 4 | lower bound << 8 (1: >=, 2: >) | upper << 12 (1: <=, 2: <) ---- */

struct plan {
    int path, equal, lower, upper;
    int used[MAX_KEYS + 2];         /* constraints, in the order of the arguments */
    int count;
};

static int find_constraint(const sqlite3_index_info *info, int column, int one, int other) {
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == column &&
            (info->aConstraint[i].op == one || info->aConstraint[i].op == other)) {
            return i;
        }
    }
    return -1;
}

static struct plan plan_path(const struct table *table, const sqlite3_index_info *info, int number) {
    const struct path *path = &table->paths[number];
    struct plan plan = {.path = number};
    int lower = -1, upper = -1;

    for (const char *at = path->columns; *at; at++) {
        int column = path_column(*at);
        int equal = find_constraint(info, column, SQLITE_INDEX_CONSTRAINT_EQ, SQLITE_INDEX_CONSTRAINT_EQ);

        if (equal < 0) {
            if (*at >= 'a') {
                lower = find_constraint(info, column, SQLITE_INDEX_CONSTRAINT_GE, SQLITE_INDEX_CONSTRAINT_GT);
                upper = find_constraint(info, column, SQLITE_INDEX_CONSTRAINT_LE, SQLITE_INDEX_CONSTRAINT_LT);
            }
            break;
        }
        plan.used[plan.count++] = equal;
        plan.equal++;
    }
    /* Of numbers a partial path has those above 0, which who asks for a range of both ends means. */
    if (path->partial && !plan.equal && (lower < 0 || (is_number(table, path_column(path->columns[0])) && upper < 0))) {
        plan.path = -1;
        return plan;
    }
    if (path->partial && plan.equal && is_number(table, path_column(path->columns[0]))) {
        plan.path = -1;
        return plan;
    }
    if (lower >= 0) {
        plan.used[plan.count++] = lower;
        plan.lower = info->aConstraint[lower].op == SQLITE_INDEX_CONSTRAINT_GE ? 1 : 2;
    }
    if (upper >= 0) {
        plan.used[plan.count++] = upper;
        plan.upper = info->aConstraint[upper].op == SQLITE_INDEX_CONSTRAINT_LE ? 1 : 2;
    }
    return plan;
}

static double plan_cost(const struct table *table, const struct plan *plan) {
    double rows = 1000000;

    if (plan->equal == (int)strlen(table->paths[plan->path].columns)) {
        return plan->path ? 2 : 1;
    }
    for (int i = 0; i < plan->equal; i++) {
        rows /= 100;
    }
    rows /= (plan->lower ? 4 : 1) * (plan->upper ? 4 : 1);
    return plan->path ? rows * 2 : rows;
}

static bool is_in_order(const struct table *table, const sqlite3_index_info *info, const struct plan *plan) {
    const char *columns = table->paths[plan->path].columns;
    int next = plan->equal;

    for (int i = 0; i < info->nOrderBy; i++) {
        int column = info->aOrderBy[i].iColumn;
        bool fixed = false;

        for (int k = 0; k < plan->equal; k++) {
            fixed = fixed || path_column(columns[k]) == column;
        }
        if (fixed) {
            continue;
        }
        if (!columns[next] || path_column(columns[next]) != column || (columns[next] < 'a') != info->aOrderBy[i].desc) {
            return false;
        }
        next++;
    }
    return true;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    const struct table *table = ((struct vtab *)base)->table;
    int by_key = find_constraint(info, (int)column_count(table), SQLITE_INDEX_CONSTRAINT_EQ, SQLITE_INDEX_CONSTRAINT_EQ);
    struct plan best = plan_path(table, info, 0);

    if (by_key >= 0) {              /* a row that a change found before */
        info->idxNum = 0xf;
        info->aConstraintUsage[by_key].argvIndex = 1;
        info->estimatedCost = 1;
        info->estimatedRows = 1;
        info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
        return SQLITE_OK;
    }
    for (int i = 1; i < MAX_PATHS && table->paths[i].letter; i++) {
        struct plan plan = plan_path(table, info, i);

        if (plan.path >= 0 && plan_cost(table, &plan) < plan_cost(table, &best)) {
            best = plan;
        }
    }
    for (int i = 0; i < best.count; i++) {
        info->aConstraintUsage[best.used[i]].argvIndex = i + 1;
    }
    info->idxNum = best.path | best.equal << 4 | best.lower << 8 | best.upper << 12;
    info->estimatedCost = plan_cost(table, &best);
    info->estimatedRows = (sqlite3_int64)info->estimatedCost;
    info->orderByConsumed = is_in_order(table, info, &best);
    if (best.equal == (int)strlen(table->paths[best.path].columns)) {
        info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    }
    return SQLITE_OK;
}

/* ---- walking ---- */

static struct value value_of(sqlite3_value *given, bool number) {
    struct value value = {.type = number ? 'i' : 't'};

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
            return unpack(vtab->table, &cursor->row) ? SQLITE_OK : broken(vtab, "a row is not what was written");
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
    if (plan == 0xf) {
        return one_row(cursor, vtab, argv[0]);
    }
    cursor->path = &vtab->table->paths[plan & 15];
    buf_char(&prefix, cursor->path->letter);
    for (int i = 0; i < equal; i++) {
        struct value value;

        column = path_column(cursor->path->columns[i]);
        number = is_number(vtab->table, column);
        value = value_of(argv[i], number);
        put_in_key(&prefix, &value, number, cursor->path->columns[i] < 'a');
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
    column = lower || upper ? path_column(cursor->path->columns[equal]) : 0;
    number = is_number(vtab->table, column);
    if (lower) {
        struct value value = value_of(argv[equal], number);

        if (number) {
            put_number(&after, value.number + (lower == 2 && value.number < INT64_MAX), false);
        } else {
            buf_put(&after, value.bytes, value.size);
            if (lower == 2) {
                buf_char(&after, 1);        /* behind the NUL that ends this text */
            }
        }
    }
    if (upper) {
        struct value value = value_of(argv[equal + (lower > 0)], number);

        buf_put(&cursor->stop, prefix.at, prefix.size);
        if (number) {
            put_number(&cursor->stop, value.number + (upper == 1 && value.number < INT64_MAX), false);
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
    const struct value *value = &cursor->row.values[column];

    if (column == (int)column_count(((struct vtab *)base->pVtab)->table)) {
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
static void change_paths(struct vtab *vtab, const struct row *old, const struct row *new, const struct buf *key) {
    for (int i = 1; i < MAX_PATHS && vtab->table->paths[i].letter; i++) {
        const struct path *path = &vtab->table->paths[i];
        struct buf was = {0}, is = {0};
        bool had = old && make_key(vtab->table, path, old, &was), has = new && make_key(vtab->table, path, new, &is);

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
    struct row old = {0};
    int found = read_row(vtab, key, key_size, &old);

    if (found == 1) {
        change_paths(vtab, &old, NULL, NULL);
        ordered_set(vtab->view, &(struct ordered_pair){.key = key, .key_size = key_size});
    }
    buf_release(&old.bytes);
    return found < 0 ? broken(vtab, "the driver could not read") : SQLITE_OK;
}

static bool take_values(struct vtab *vtab, sqlite3_value **given, struct row *ret, sqlite3_int64 *ret_number) {
    for (size_t i = 0; i < column_count(vtab->table); i++) {
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
    struct row row = {0}, old = {0};
    struct buf key = {0};
    bool ok = take_values(vtab, given, &row, ret_number);
    /* A number that was given just now is no row's. */
    bool is_free = *ret_number && vtab->table->types[path_column(vtab->table->paths[0].columns[0])] == 'n';
    int found, code = SQLITE_OK, on_conflict = sqlite3_vtab_on_conflict(vtab->handle);

    make_key(vtab->table, &vtab->table->paths[0], &row, &key);
    found = !ok ? -1 : is_free ? 0 : read_row(vtab, key.at, key.size, &old);
    if (found < 0) {
        code = broken(vtab, "the driver could not read");
    } else if (found && is_new && on_conflict != SQLITE_REPLACE) {
        code = on_conflict == SQLITE_IGNORE ? SQLITE_OK : SQLITE_CONSTRAINT;
    } else {
        pack(vtab->table, &row, &row.bytes);
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
    for (size_t i = 0; code == SQLITE_OK && i < sizeof tables / sizeof *tables; i++) {
        char *sql = sqlite3_mprintf("CREATE VIRTUAL TABLE %s USING ordered", tables[i].name);

        code = sqlite3_exec(handle, sql, NULL, NULL, NULL);
        sqlite3_free(sql);
    }
    if (code != SQLITE_OK) {
        abort();                    /* no memory, or a table of ours that is wrong */
    }
    sqlite3_extended_result_codes(handle, 1);
    return handle;
}
