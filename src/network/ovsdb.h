/* SPDX-License-Identifier: Apache-2.0
 * A client of OVSDB (RFC 7047: JSON-RPC over a stream) for OVN's databases and Open vSwitch's own: a replica of chosen
 * columns that a thread keeps up to date, and transactions. Reconnects for ever. All functions may be called from any
 * thread.
 *
 * Column values are kept and compared as JSON in one canonical form: sets and maps are sorted, a set of one is its
 * element (RFC 7047 section 5.1 allows both). A reference to a row is its UUID, or "@name" for a row that the same
 * transaction inserts under that name. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct json;
struct ovsdb;
struct ovsdb_txn;
struct ovsdb_values;

enum { OVSDB_MAX_COLUMNS = 16, OVSDB_MAX_KEYS = 2 };

/* A table to keep a replica of. */
struct ovsdb_table {
    const char *name;
    const char *const *columns;     /* ends with null; at most OVSDB_MAX_COLUMNS */
    const char *index;              /* a text column to find rows by; null: none */
    const char *keys[OVSDB_MAX_KEYS];   /* keys of column external_ids to find rows by; null: none */
};

struct ovsdb_row {
    const struct ovsdb_table *table;
    const char *uuid;
    const char *const *values;      /* canonical JSON, in the order of table->columns */
};

struct ovsdb_options {
    const char *remote;                     /* "unix:/path" or "tcp:address:port", "tcp:[::1]:port" */
    const char *database;                   /* "OVN_Northbound" */
    const struct ovsdb_table *tables;       /* ends with a null name; null: no replica */

    /* A row came (old null), changed, or went (new null). Called by the replica's thread with the replica locked: must
     * be quick and call nothing of this file but the readers of rows. May be null. */
    void (*changed)(void *user, const struct ovsdb_row *old, const struct ovsdb_row *new);
    /* All rows of a new connection, or of one message, were told. May be null. */
    void (*settled)(void *user);
    void *user;
};

/* Starts the thread that connects and keeps the replica. The options are copied, what they point to is not. */
struct ovsdb *ovsdb_open(const struct ovsdb_options *options);
void ovsdb_close(struct ovsdb *db);

/* Waits until the replica is complete. False: not within 'timeout_ms'. */
bool ovsdb_ready(struct ovsdb *db, int timeout_ms);

/* Rows of the replica as they are now, copied into the arena. */
const struct ovsdb_row *ovsdb_find(struct ovsdb *db, struct arena *arena, const char *table, const char *index);
const struct ovsdb_row *ovsdb_get(struct ovsdb *db, struct arena *arena, const char *table, const char *uuid);
/* All rows of 'table' whose external_ids have 'value' for 'key', one of the table's keys; a null key: all rows. Returns
 * an array of *ret_count. */
const struct ovsdb_row *const *ovsdb_rows(struct ovsdb *db, struct arena *arena, const char *table, const char *key,
                                          const char *value, size_t *ret_count);

/* A column of a row: its canonical JSON (null: not kept), its text (also of an integer or reference; null: none or
 * several), the items of a set as texts, the value of a key of a map. */
const char *ovsdb_value(const struct ovsdb_row *row, const char *column);
const char *ovsdb_text(struct arena *arena, const struct ovsdb_row *row, const char *column);
const char *const *ovsdb_items(struct arena *arena, const struct ovsdb_row *row, const char *column, size_t *ret_count);
const char *ovsdb_pair(struct arena *arena, const struct ovsdb_row *row, const char *column, const char *key);
/* All pairs of a map: key, value, key, value, ...; null at the end. */
const char *const *ovsdb_pairs(struct arena *arena, const struct ovsdb_row *row, const char *column);
bool ovsdb_true(const struct ovsdb_row *row, const char *column);

/* Column values being built. 'set' replaces a column's value; 'add' makes or extends a set or map. */
struct ovsdb_values *ovsdb_values_new(struct arena *arena);
void ovsdb_set_text(struct ovsdb_values *values, const char *column, const char *text);
void ovsdb_set_int(struct ovsdb_values *values, const char *column, int64_t value);
void ovsdb_set_bool(struct ovsdb_values *values, const char *column, bool value);
void ovsdb_set_none(struct ovsdb_values *values, const char *column);          /* the empty set */
void ovsdb_set_no_pairs(struct ovsdb_values *values, const char *column);      /* the empty map */
void ovsdb_add_text(struct ovsdb_values *values, const char *column, const char *text);
void ovsdb_add_ref(struct ovsdb_values *values, const char *column, const char *ref);
void ovsdb_add_pair(struct ovsdb_values *values, const char *column, const char *key, const char *value);
/* The same for a map whose values are integers. */
void ovsdb_add_number(struct ovsdb_values *values, const char *column, const char *key, int64_t value);
/* Takes over the value of 'column' from 'from'. */
void ovsdb_copy(struct ovsdb_values *values, const char *column, const struct ovsdb_values *from);
/* How many columns there are, and the canonical JSON of the one at 'index'. */
size_t ovsdb_values_count(const struct ovsdb_values *values);
const char *ovsdb_values_at(const struct ovsdb_values *values, size_t index, const char **ret_column);

/* A transaction: operations in order, all of which happen or none. */
struct ovsdb_txn *ovsdb_txn_new(struct arena *arena);
size_t ovsdb_txn_count(const struct ovsdb_txn *txn);
/* 'name': how "@name" refers to the row in this transaction; null: nobody does. */
void ovsdb_insert(struct ovsdb_txn *txn, const char *table, const char *name, const struct ovsdb_values *values);
void ovsdb_update(struct ovsdb_txn *txn, const char *table, const char *ref, const struct ovsdb_values *values);
void ovsdb_delete(struct ovsdb_txn *txn, const char *table, const char *ref);
/* Puts the values' elements into the row's sets and maps, or takes them out. */
void ovsdb_mutate_insert(struct ovsdb_txn *txn, const char *table, const char *ref, const struct ovsdb_values *values);
void ovsdb_mutate_delete(struct ovsdb_txn *txn, const char *table, const char *ref, const struct ovsdb_values *values);
/* The transaction fails unless row 'uuid' is still there (or, for none: unless no row's 'column' is 'text'). */
void ovsdb_wait_exists(struct ovsdb_txn *txn, const char *table, const char *uuid);
void ovsdb_wait_none(struct ovsdb_txn *txn, const char *table, const char *column, const char *text);
/* Reads 'columns' (ends with null) of the rows whose 'column' is 'text'; the result is at this operation's place. */
void ovsdb_select(struct ovsdb_txn *txn, const char *table, const char *column, const char *text,
                  const char *const *columns);

/* Sends the transaction and waits for its result: one item for each operation. The replica shows its effect on return.
 * False with a sentence in *ret_error when it was refused, timed out or the connection broke (then it may have
 * happened). 'ret_results' may be null. */
bool ovsdb_commit(struct ovsdb *db, struct ovsdb_txn *txn, int timeout_ms, const struct json **ret_results,
                  const char **ret_error);
