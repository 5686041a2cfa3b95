/* SPDX-License-Identifier: Apache-2.0
 * A connection to PostgreSQL: its pipeline, what the server says is wrong, and its transactions. The end of a read is not
 * waited for. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/postgres.h"

/* SQLSTATE, or its class, and what it means to us. Appendix A of PostgreSQL's manual. */
static const struct {
    char state[6];
    enum db_error error;
} states[] = {
    {"23505", DB_UNIQUE},
    {"53100", DB_FULL},
    {"55P03", DB_RETRY},    /* lock not available */
    {"57P01", DB_RETRY},    /* the server stops, crashed, or starts */
    {"57P02", DB_RETRY},
    {"57P03", DB_RETRY},
    {"40", DB_RETRY},       /* serialization failure, deadlock */
    {"08", DB_RETRY},       /* connection */
};

static enum db_error classify(const char *state) {
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (!strncmp(state, states[i].state, strlen(states[i].state))) {
            return states[i].error;
        }
    }
    return DB_FAILED;
}

/* "not unique: TABLE.COLUMN, TABLE.COLUMN", as SQLite says it. The columns stand in the detail, "Key (a, b)=(1, 2)
 * ...", in every language. */
static bool fail_unique(struct db *db, const PGresult *result) {
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
    const char *at = detail ? strchr(detail, '(') : NULL, *end = at ? strstr(at, ")=(") : NULL;
    struct buf columns = {0};

    if (!table || !end) {
        const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

        return db_fail(db, DB_UNIQUE, "not unique: %s", name ? name : "");
    }
    buf_printf(&columns, "%s.", table);
    for (at++; at < end; at++) {
        if (at[0] == ',' && at[1] == ' ') {
            buf_printf(&columns, ", %s.", table);
            at++;
        } else if (*at != '"') {
            buf_char(&columns, *at);
        }
    }
    db_fail(db, DB_UNIQUE, "not unique: %s", columns.at);
    buf_release(&columns);
    return false;
}

/* libpq's messages end with a newline. */
static int line_size(const char *message) {
    return (int)strcspn(message, "\n");
}

static bool fail_lost(struct db *db) {
    const struct connection *c = db->native;
    const char *message = PQerrorMessage(c->pg);

    return db_fail(db, PQstatus(c->pg) == CONNECTION_BAD ? DB_RETRY : DB_FAILED, "%.*s", line_size(message), message);
}

bool postgres_fail(struct db *db, const PGresult *result) {
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *where = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    enum db_error error = state ? classify(state) : DB_FAILED;

    if (!state) {
        return fail_lost(db);
    }
    if (error == DB_UNIQUE) {
        return fail_unique(db, result);
    }
    if (where && !strcmp(where, "RevalidateCachedQuery")) {
        /* A column was added since the statement was prepared. */
        ((struct connection *)db->native)->stale = true;
        error = DB_RETRY;
    }
    return db_fail(db, error, "%s (%s)", message ? message : "", state);
}

PGresult *postgres_take(struct connection *c) {
    PGresult *result = PQgetResult(c->pg), *more;

    while (result && PQresultStatus(result) != PGRES_PIPELINE_SYNC && (more = PQgetResult(c->pg))) {
        PQclear(more);
    }
    return result;
}

bool postgres_take_done(struct db *db) {
    PGresult *result = postgres_take(db->native);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_ABORTED) {
        postgres_fail(db, result);
    }
    PQclear(result);
    return status == PGRES_COMMAND_OK;
}

void postgres_take_sync(struct connection *c) {
    PGresult *result;

    while ((result = PQgetResult(c->pg)) && PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
        PQclear(result);
        if (PQstatus(c->pg) == CONNECTION_BAD) {
            return;
        }
    }
    PQclear(result);
}

bool postgres_give_up(struct db *db) {
    struct connection *c = db->native;

    fail_lost(db);
    PQfinish(c->pg);
    c->pg = NULL;
    return false;
}

bool postgres_command(struct db *db, const char *sql) {
    struct connection *c = db->native;
    bool ok;

    if (!PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 0) || !PQpipelineSync(c->pg)) {
        return postgres_give_up(db);
    }
    ok = postgres_take_done(db);
    postgres_take_sync(c);
    return ok;
}

/* Ends a transaction that leaves nothing to learn. The answer is read when the connection is used again. */
static void end_unheard(struct db *db, const char *sql) {
    struct connection *c = db->native;

    c->owes = PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 0) && PQpipelineSync(c->pg);
    if (!c->owes) {
        PQfinish(c->pg);
        c->pg = NULL;
    }
}

static void settle(struct connection *c) {
    if (c->owes) {
        c->owes = false;
        PQclear(postgres_take(c));
        postgres_take_sync(c);
    }
}

static void ignore_notice(void *argument, const char *message) {
}

static bool connect_server(struct db *db) {
    static const char *const names[] = {"fallback_application_name", "connect_timeout", "tcp_user_timeout", "options",
                                        "dbname", "client_encoding", NULL};
    const char *const values[] = {"haneul", "10", "30000", "-c jit=off", db->store->target, "UTF8", NULL};
    struct connection *c = db->native ? db->native : calloc(1, sizeof *c);

    if (!c) {
        abort();
    }
    db->native = c;
    PQfinish(c->pg);
    c->pg = NULL;
    statements_clear(db);
    c->stale = c->owes = false;
    c->pg = PQconnectdbParams(names, values, 1);
    if (PQstatus(c->pg) != CONNECTION_OK || !PQenterPipelineMode(c->pg)) {
        const char *message = PQerrorMessage(c->pg);

        return db_fail(db, DB_RETRY, "%.*s", line_size(message), message);
    }
    PQsetNoticeProcessor(c->pg, ignore_notice, NULL);
    return true;
}

void postgres_disconnect(struct db *db) {
    struct connection *c = db->native;

    if (c) {
        PQfinish(c->pg);
        c->pg = NULL;
        statements_clear(db);
        free(c->values);
        free(c->sizes);
        free(c->formats);
        free(c->digits);
        free(c);
        db->native = NULL;
    }
}

static bool prepare_anew(struct db *db) {
    for (struct statement *at = db->statements->oldest; at; at = at->newer) {
        at->prepared = false;
    }
    statements_clear(db);
    ((struct connection *)db->native)->stale = false;
    return postgres_command(db, "DEALLOCATE ALL");
}

bool postgres_begin(struct db *db, enum db_mode mode) {
    struct connection *c = db->native;

    if (c) {
        settle(c);
    }
    if ((!c || PQstatus(c->pg) != CONNECTION_OK) && !connect_server(db)) {
        return false;
    }
    c = db->native;
    if (c->stale && !prepare_anew(db)) {
        return false;
    }
    c->begin_waits = true;
    return true;
}

static bool in_transaction(const struct connection *c) {
    return !c->begin_waits && PQstatus(c->pg) == CONNECTION_OK;
}

void postgres_rollback(struct db *db) {
    struct connection *c = db->native;

    if (in_transaction(c) && PQtransactionStatus(c->pg) != PQTRANS_IDLE) {
        end_unheard(db, "ROLLBACK");
    }
    c->begin_waits = false;
}

/* A connection lost here leaves open whether the server committed, so it must not be run again by itself. */
bool postgres_commit(struct db *db) {
    struct connection *c = db->native;

    if (c->begin_waits) {
        c->begin_waits = false;
        return true;
    }
    if (db->mode == DB_READ) {
        end_unheard(db, "COMMIT");
        return true;
    }
    if (postgres_command(db, "COMMIT")) {
        return true;
    }
    if (PQstatus(c->pg) != CONNECTION_OK) {
        db->failure = DB_OK;
        return db_fail(db, DB_FAILED, "the connection was lost during commit: the outcome is unknown");
    }
    return false;
}
