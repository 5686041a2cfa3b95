/* SPDX-License-Identifier: Apache-2.0
 * Bytes as they may come from an OVSDB server: cut into messages, taken for updates of a replica and for the results of
 * transactions; then every row is read back through every reader. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "network/ovsdb_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const columns[] = {"name", "options", "ports", "external_ids", NULL};
static const struct ovsdb_table tables[] = {{"T", columns, "name", {"id"}}, {"U", columns, NULL, {"id", "kind"}}, {0}};
static size_t balance;

static void changed(void *user, const struct ovsdb_row *old, const struct ovsdb_row *new) {
    if (!old && !new) {
        abort();
    }
    balance += (new != NULL) - (size_t)(old != NULL);
}

static void read_rows(struct ovsdb_replica *replica, struct arena *arena, const char *table) {
    size_t count;
    const struct ovsdb_row *const *rows = ovsdb_replica_rows(replica, arena, table, NULL, NULL, &count);

    balance -= count;
    for (size_t i = 0; i < count; i++) {
        const char *name = ovsdb_text(arena, rows[i], "name"), *id = ovsdb_pair(arena, rows[i], "external_ids", "id");
        size_t items;

        ovsdb_items(arena, rows[i], "ports", &items);
        ovsdb_pairs(arena, rows[i], "options");
        if (!ovsdb_replica_get(replica, arena, table, rows[i]->uuid)) {
            abort();
        }
        if (!strcmp(table, "T") && name && !ovsdb_replica_find(replica, arena, table, name)) {
            abort();
        }
        if (!strcmp(table, "T") && id) {
            ovsdb_replica_rows(replica, arena, table, "id", id, &items);
            if (!items) {
                abort();
            }
        }
        for (int c = 0; columns[c]; c++) {
            const struct json *value = json_parse(arena, rows[i]->values[c], strlen(rows[i]->values[c]), NULL);

            if (!value || strcmp(ovsdb_canonical(arena, value), rows[i]->values[c]) != 0) {
                abort();
            }
        }
    }
}

static void take(struct ovsdb_replica *replica, struct arena *arena, const char *bytes, size_t size) {
    const struct json *message = json_parse(arena, bytes, size, NULL);
    const struct json *params = json_get(message, "params"), *result = json_get(message, "result");
    const char *error = NULL;

    if (params && params->type == JSON_LIST && params->count == 2) {
        ovsdb_replica_update(replica, arena, params->first->next, false, &error);
    }
    if (result && !ovsdb_replica_update(replica, arena, result, true, &error) && !error) {
        abort();
    }
    error = NULL;
    if (!ovsdb_result_good(arena, result, 1, &error) && !error) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ovsdb_options options = {.tables = tables, .changed = changed};
    struct ovsdb_replica *replica = ovsdb_replica_new(&options);
    struct arena *arena = arena_new(0);
    struct ovsdb_frame frame = {0};
    const char *bytes = (const char *)data;
    long cut;

    balance = 0;
    while ((cut = ovsdb_frame_next(&frame, bytes, size)) > 0) {
        if ((size_t)cut > size) {
            abort();
        }
        take(replica, arena, bytes, (size_t)cut);
        bytes += cut;
        size -= (size_t)cut;
    }
    read_rows(replica, arena, "T");
    read_rows(replica, arena, "U");
    if (balance) {
        abort();
    }
    arena_free(arena);
    ovsdb_replica_free(replica);
    return 0;
}
