/* SPDX-License-Identifier: Apache-2.0
 * The parts of the OVSDB client that read a server's bytes, apart from its thread and socket: framing, values, the
 * replica, results. For ovsdb*.c and the fuzz target. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "network/ovsdb.h"

/* Finds the end of a JSON value in a stream of them. */
struct ovsdb_frame {
    size_t scanned;
    unsigned depth;
    bool in_text, escaped;
};

/* Looks at bytes[frame->scanned...size). Returns the size of the first message when it is complete (and starts over),
 * 0 when more bytes are needed, -1 when this is no stream of JSON objects. */
long ovsdb_frame_next(struct ovsdb_frame *frame, const char *bytes, size_t size);

/* The canonical form of a value as it comes over the wire. */
const char *ovsdb_canonical(struct arena *arena, const struct json *value);

struct ovsdb_replica;
struct ovsdb_replica *ovsdb_replica_new(const struct ovsdb_options *options);
void ovsdb_replica_free(struct ovsdb_replica *replica);

/* Applies <table-updates> (RFC 7047 section 4.1.6). 'initial': these are all rows, others went. False with a sentence
 * when they are malformed; the replica is then to be read anew. */
bool ovsdb_replica_update(struct ovsdb_replica *replica, struct arena *arena, const struct json *updates, bool initial,
                          const char **ret_error);

const struct ovsdb_row *ovsdb_replica_find(struct ovsdb_replica *replica, struct arena *arena, const char *table,
                                           const char *index);
const struct ovsdb_row *ovsdb_replica_get(struct ovsdb_replica *replica, struct arena *arena, const char *table,
                                          const char *uuid);
const struct ovsdb_row *const *ovsdb_replica_rows(struct ovsdb_replica *replica, struct arena *arena, const char *table,
                                                  const char *key, const char *value, size_t *ret_count);

/* The operations as the parameters of "transact", without the brackets: "op", "op", ... */
const char *ovsdb_txn_text(const struct ovsdb_txn *txn);
struct arena *ovsdb_txn_arena(const struct ovsdb_txn *txn);

/* True when the result of a transaction of 'count' operations says that it happened. */
bool ovsdb_result_good(struct arena *arena, const struct json *result, size_t count, const char **ret_error);
