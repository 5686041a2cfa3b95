/* SPDX-License-Identifier: Apache-2.0
 * PostgreSQL by libpq: statements, their values and rows. Every connection is in pipeline mode (postgres_link.c): BEGIN,
 * PREPARE and the first run of a statement travel together; n statements that read cost n round trips, a write one more.
 * Results are read whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/postgres.h"

enum { OID_BYTEA = 17, NAME_SIZE = 16 };

static const char *const begin_sql[] = {
    [DB_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    [DB_WRITE] = "BEGIN ISOLATION LEVEL SERIALIZABLE",
    [DB_WRITE_SOON] = "BEGIN ISOLATION LEVEL SERIALIZABLE",
};

static void open_store(struct store *store, const char *target) {
    store->target = strdup(target);
    if (!store->target) {
        abort();
    }
}

static void close_store(struct store *store) {
}

/* Where what begins at 'at' ends: a quoted text or name, or a comment, which hide question marks. */
static const char *skip_hidden(const char *at) {
    const char *end = NULL;

    if (*at == '\'' || *at == '"') {
        end = strchr(at + 1, *at);
    } else if (at[0] == '-' && at[1] == '-') {
        end = strchr(at, '\n');
    } else if (at[0] == '/' && at[1] == '*') {
        end = strstr(at + 2, "*/");
        end = end ? end + 1 : NULL;
    } else {
        return at;
    }
    return end ? end + 1 : at + strlen(at);
}

/* '?' becomes $1, $2, ... */
static char *translate(const char *sql, unsigned *ret_params) {
    struct buf out = {0};
    unsigned params = 0;

    while (*sql) {
        const char *end = skip_hidden(sql);

        if (end > sql) {
            buf_put(&out, sql, (size_t)(end - sql));
            sql = end;
        } else if (*sql == '?') {
            buf_printf(&out, "$%u", ++params);
            sql++;
        } else {
            buf_char(&out, *sql++);
        }
    }
    buf_char(&out, 0);
    *ret_params = params;
    return out.at;
}

/* The server prepares it with its first run; until then native holds its text. A read transaction is refused writes by
 * the server. */
static bool prepare(struct db *db, struct statement *statement) {
    struct connection *c = db->native;

    statement->native = translate(statement->sql, &statement->params);
    statement->number = ++c->names;
    statement->read_only = true;
    return true;
}

static void forget(struct db *db, struct statement *statement) {
    struct connection *c = db->native;
    char sql[NAME_SIZE + 16];

    if (statement->prepared && PQstatus(c->pg) == CONNECTION_OK &&
        PQtransactionStatus(c->pg) != PQTRANS_INERROR) {
        snprintf(sql, sizeof sql, "DEALLOCATE s%u", statement->number);
        postgres_command(db, sql);
    }
    free(statement->native);
}

static void reserve_values(struct connection *c, size_t count) {
    if (count <= c->capacity) {
        return;
    }
    c->capacity = count < 32 ? 32 : count * 2;
    c->values = reallocarray(c->values, c->capacity, sizeof *c->values);
    c->sizes = reallocarray(c->sizes, c->capacity, sizeof *c->sizes);
    c->formats = reallocarray(c->formats, c->capacity, sizeof *c->formats);
    c->digits = reallocarray(c->digits, c->capacity, sizeof *c->digits);
    if (!c->values || !c->sizes || !c->formats || !c->digits) {
        abort();
    }
}

static const char *print_int(int64_t value, char digits[DIGITS]) {
    char *at = digits + DIGITS - 1;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    *at = 0;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) {
        *--at = '-';
    }
    return at;
}

/* A text that is not known to end with NUL is copied into 'copies' and found again by set_copies. */
static void set_values(struct connection *c, const struct value *args, size_t count, struct buf *copies) {
    reserve_values(c, count);
    for (size_t i = 0; i < count; i++) {
        c->sizes[i] = (int)args[i].size;
        c->formats[i] = args[i].kind == VALUE_BLOB;
        c->values[i] = NULL;
        switch (args[i].kind) {
        case VALUE_NULL:
            break;
        case VALUE_INT:
            c->values[i] = print_int(args[i].integer, c->digits[i]);
            break;
        case VALUE_REAL:
            snprintf(c->digits[i], DIGITS, "%.17g", args[i].real);
            c->values[i] = c->digits[i];
            break;
        case VALUE_TEXT:
            c->values[i] = args[i].text;
            if (args[i].size) {
                buf_put(copies, args[i].text, args[i].size);
                buf_char(copies, 0);
            }
            break;
        case VALUE_BLOB:
            c->values[i] = args[i].size ? args[i].blob : "";
            break;
        }
    }
}

static void set_copies(struct connection *c, const struct value *args, size_t count, const struct buf *copies) {
    const char *at = copies->at;

    for (size_t i = 0; at && i < count; i++) {
        if (args[i].kind == VALUE_TEXT && args[i].size) {
            c->values[i] = at;
            at += args[i].size + 1;
        }
    }
}

static bool send_statement(struct db *db, struct statement *statement, const struct value *args, size_t count) {
    struct connection *c = db->native;
    struct buf copies = {0};
    char name[NAME_SIZE];
    bool sent;

    set_values(c, args, count, &copies);
    set_copies(c, args, count, &copies);
    snprintf(name, sizeof name, "s%u", statement->number);
    sent = (!c->begin_waits || PQsendQueryParams(c->pg, begin_sql[db->mode], 0, NULL, NULL, NULL, NULL, 0)) &&
           (statement->prepared || PQsendPrepare(c->pg, name, statement->native, 0, NULL)) &&
           PQsendQueryPrepared(c->pg, name, (int)count, c->values, c->sizes, c->formats, 0) && PQpipelineSync(c->pg);
    buf_release(&copies);
    return sent;
}

/* Runs a statement; null after an error. */
static PGresult *run(struct db *db, struct statement *statement, const struct value *args, size_t count) {
    struct connection *c = db->native;
    PGresult *result;
    bool ok = true;

    if (count > UINT16_MAX) {
        db_fail(db, DB_FAILED, "too many values");
        return NULL;
    }
    if (!send_statement(db, statement, args, count)) {
        postgres_give_up(db);
        return NULL;
    }
    if (c->begin_waits) {
        c->begin_waits = false;
        ok = postgres_take_done(db);
    }
    if (!statement->prepared) {
        statement->prepared = postgres_take_done(db);
        ok = ok && statement->prepared;
    }
    result = postgres_take(c);
    postgres_take_sync(c);
    if (ok && (PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK)) {
        db->changes = strtoll(PQcmdTuples(result), NULL, 10);
        return result;
    }
    postgres_fail(db, result);
    PQclear(result);
    return NULL;
}

static bool exec(struct db *db, struct statement *statement, const struct value *args, size_t count) {
    PGresult *result = run(db, statement, args, count);

    PQclear(result);
    return result != NULL;
}

static bool query(struct rows *rows, struct statement *statement, const struct value *args, size_t count) {
    PGresult *result = run(rows->db, statement, args, count);

    if (!result) {
        return false;
    }
    rows->native = result;
    rows->row = -1;
    rows->count = PQntuples(result);
    for (int i = 0; i < PQnfields(result); i++) {
        rows->blobs |= PQftype(result, i) == OID_BYTEA;
    }
    return true;
}

static unsigned nibble(char c) {
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* BYTEA comes as \x and hexadecimal digits; the bytes replace them where they stand, once per row. */
static void decode_blobs(struct rows *rows) {
    PGresult *result = rows->native;

    for (int i = 0; i < PQnfields(result); i++) {
        char *text = PQgetvalue(result, rows->row, i);
        int size = PQgetlength(result, rows->row, i) / 2 - 1;

        for (int k = 0; PQftype(result, i) == OID_BYTEA && k < size; k++) {
            text[k] = (char)(nibble(text[k * 2 + 2]) << 4 | nibble(text[k * 2 + 3]));
        }
    }
}

static bool next(struct rows *rows) {
    if (++rows->row >= rows->count) {
        return false;
    }
    if (rows->blobs) {
        decode_blobs(rows);
    }
    return true;
}

static void stop(struct rows *rows) {
    PQclear(rows->native);
}

static bool column_null(struct rows *rows, int column) {
    return PQgetisnull(rows->native, rows->row, column);
}

static const char *column_text(struct rows *rows, int column) {
    return column_null(rows, column) ? NULL : PQgetvalue(rows->native, rows->row, column);
}

static const void *column_blob(struct rows *rows, int column) {
    return column_text(rows, column);
}

static size_t column_size(struct rows *rows, int column) {
    int size = PQgetlength(rows->native, rows->row, column);

    if (size && PQftype(rows->native, column) == OID_BYTEA) {
        return (size_t)size / 2 - 1;
    }
    return (size_t)size;
}

static int64_t column_int(struct rows *rows, int column) {
    const char *text = column_text(rows, column);

    return !text ? 0 : *text == 't' ? 1 : strtoll(text, NULL, 10);
}

static double column_real(struct rows *rows, int column) {
    const char *text = column_text(rows, column);

    return text ? strtod(text, NULL) : 0;
}

const struct backend backend_postgres = {
    .scheme = "postgresql:",
    .most_connections = 16,
    .types = {[COLUMN_TEXT] = "TEXT COLLATE \"C\"",
              [COLUMN_INT] = "BIGINT",
              [COLUMN_REAL] = "DOUBLE PRECISION",
              [COLUMN_BLOB] = "BYTEA"},
    .sql_columns = "SELECT a.attname FROM pg_attribute a"
                   "  JOIN pg_class c ON c.oid = a.attrelid"
                   "  JOIN pg_namespace n ON n.oid = c.relnamespace"
                   " WHERE n.nspname = current_schema() AND c.relname = ? AND a.attnum > 0 AND NOT a.attisdropped",
    .sql_indexes = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = ?",
    .sql_lock = "SELECT pg_advisory_xact_lock(4709320)",
    .open = open_store,
    .close = close_store,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .disconnect = postgres_disconnect,
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
