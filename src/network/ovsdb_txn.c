/* SPDX-License-Identifier: Apache-2.0
 * OVSDB values and transactions as JSON text. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "network/ovsdb_wire.h"

enum shape { SCALAR, SET, MAP };

struct value {
    const char *column;
    enum shape shape;
    size_t count;
    const char **items;             /* JSON texts; of a map: [key, value] */
};

struct ovsdb_values {
    struct arena *arena;
    size_t count;
    struct value *at;
};

struct ovsdb_txn {
    struct arena *arena;
    struct buf text;
    size_t count;
};

static const char *quoted(struct arena *arena, const char *text) {
    struct json node = {.type = JSON_TEXT, .count = (uint32_t)strlen(text), .text = text};

    return json_print(arena, &node);
}

static const char *ref_text(struct arena *arena, const char *ref) {
    const char *kind = ref[0] == '@' ? "named-uuid" : "uuid";

    return arena_printf(arena, "[\"%s\", %s]", kind, quoted(arena, ref[0] == '@' ? ref + 1 : ref));
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the items and leaves out those that are there twice. Returns how many remain. */
static size_t sort_items(const char **items, size_t count) {
    size_t kept = 0;

    if (count) {
        qsort(items, count, sizeof *items, compare_texts);
    }
    for (size_t i = 0; i < count; i++) {
        if (!kept || strcmp(items[kept - 1], items[i]) != 0) {
            items[kept++] = items[i];
        }
    }
    return kept;
}

static const char *join(struct arena *arena, const char *kind, const char *const *items, size_t count) {
    struct buf buf = {0};

    buf_printf(&buf, "[\"%s\", [", kind);
    for (size_t i = 0; i < count; i++) {
        buf_text(&buf, i ? ", " : "");
        buf_text(&buf, items[i]);
    }
    buf_text(&buf, "]]");
    return buf_taken(&buf, arena);
}

static const char *canonical_of(struct arena *arena, enum shape shape, const char *const *items, size_t count) {
    const char **sorted = ARENA_ARRAY(arena, const char *, count + 1);

    if (count) {
        memcpy(sorted, items, count * sizeof *sorted);
    }
    count = sort_items(sorted, count);
    if (count == 1 && shape != MAP) {
        return sorted[0];
    }
    return join(arena, shape == MAP ? "map" : "set", sorted, count);
}

const char *ovsdb_canonical(struct arena *arena, const struct json *value) {
    const struct json *list = value && value->type == JSON_LIST && value->count == 2 ? value->first->next : NULL;
    const char *kind = list && value->first->type == JSON_TEXT ? value->first->text : "";
    enum shape shape = !strcmp(kind, "map") ? MAP : SET;
    const char **items;
    size_t count = 0;

    if (!list || list->type != JSON_LIST || (strcmp(kind, "set") != 0 && strcmp(kind, "map") != 0)) {
        return json_print(arena, value);
    }
    items = ARENA_ARRAY(arena, const char *, list->count + 1);
    for (JSON_EACH(item, list)) {
        items[count++] = json_print(arena, item);
    }
    return canonical_of(arena, shape, items, count);
}

struct ovsdb_values *ovsdb_values_new(struct arena *arena) {
    struct ovsdb_values *values = ARENA_NEW(arena, struct ovsdb_values);

    values->arena = arena;
    return values;
}

static struct value *value_at(struct ovsdb_values *values, const char *column, enum shape shape) {
    for (size_t i = 0; i < values->count; i++) {
        if (!strcmp(values->at[i].column, column)) {
            assert(values->at[i].shape == shape);
            return &values->at[i];
        }
    }
    values->at = arena_grow(values->arena, values->at, values->count, sizeof *values->at);
    values->at[values->count] = (struct value){.column = column, .shape = shape};
    return &values->at[values->count++];
}

static void add_item(struct ovsdb_values *values, const char *column, enum shape shape, const char *item) {
    struct value *value = value_at(values, column, shape);

    if (shape == SCALAR) {
        value->count = 0;
    }
    value->items = arena_grow(values->arena, value->items, value->count, sizeof *value->items);
    value->items[value->count++] = item;
}

void ovsdb_set_text(struct ovsdb_values *values, const char *column, const char *text) {
    add_item(values, column, SCALAR, quoted(values->arena, text));
}

void ovsdb_set_int(struct ovsdb_values *values, const char *column, int64_t value) {
    add_item(values, column, SCALAR, arena_printf(values->arena, "%lld", (long long)value));
}

void ovsdb_set_bool(struct ovsdb_values *values, const char *column, bool value) {
    add_item(values, column, SCALAR, value ? "true" : "false");
}

void ovsdb_set_none(struct ovsdb_values *values, const char *column) {
    value_at(values, column, SET)->count = 0;
}

void ovsdb_set_no_pairs(struct ovsdb_values *values, const char *column) {
    value_at(values, column, MAP)->count = 0;
}

void ovsdb_add_text(struct ovsdb_values *values, const char *column, const char *text) {
    add_item(values, column, SET, quoted(values->arena, text));
}

void ovsdb_add_ref(struct ovsdb_values *values, const char *column, const char *ref) {
    add_item(values, column, SET, ref_text(values->arena, ref));
}

void ovsdb_add_pair(struct ovsdb_values *values, const char *column, const char *key, const char *value) {
    add_item(values, column, MAP,
             arena_printf(values->arena, "[%s, %s]", quoted(values->arena, key), quoted(values->arena, value)));
}

void ovsdb_add_number(struct ovsdb_values *values, const char *column, const char *key, int64_t value) {
    add_item(values, column, MAP,
             arena_printf(values->arena, "[%s, %lld]", quoted(values->arena, key), (long long)value));
}

void ovsdb_copy(struct ovsdb_values *values, const char *column, const struct ovsdb_values *from) {
    for (size_t i = 0; i < from->count; i++) {
        if (!strcmp(from->at[i].column, column)) {
            *value_at(values, column, from->at[i].shape) = from->at[i];
        }
    }
}

size_t ovsdb_values_count(const struct ovsdb_values *values) {
    return values->count;
}

const char *ovsdb_values_at(const struct ovsdb_values *values, size_t index, const char **ret_column) {
    const struct value *value = &values->at[index];

    *ret_column = value->column;
    return canonical_of(values->arena, value->shape, value->items, value->count);
}

static void txn_release(void *txn) {
    buf_release(&((struct ovsdb_txn *)txn)->text);
}

struct ovsdb_txn *ovsdb_txn_new(struct arena *arena) {
    struct ovsdb_txn *txn = ARENA_NEW(arena, struct ovsdb_txn);

    txn->arena = arena;
    buf_text(&txn->text, "");
    arena_defer(arena, txn_release, txn);
    return txn;
}

size_t ovsdb_txn_count(const struct ovsdb_txn *txn) {
    return txn->count;
}

const char *ovsdb_txn_text(const struct ovsdb_txn *txn) {
    return txn->text.at;
}

struct arena *ovsdb_txn_arena(const struct ovsdb_txn *txn) {
    return txn->arena;
}

static void begin(struct ovsdb_txn *txn, const char *op, const char *table) {
    buf_printf(&txn->text, "%s{\"op\": \"%s\", \"table\": \"%s\"", txn->count++ ? ", " : "", op, table);
}

static void put_where(struct ovsdb_txn *txn, const char *column, const char *value) {
    buf_printf(&txn->text, ", \"where\": [[\"%s\", \"==\", %s]]", column, value);
}

static void put_row(struct ovsdb_txn *txn, const struct ovsdb_values *values) {
    buf_text(&txn->text, ", \"row\": {");
    for (size_t i = 0; i < ovsdb_values_count(values); i++) {
        const char *column, *text = ovsdb_values_at(values, i, &column);

        buf_printf(&txn->text, "%s\"%s\": %s", i ? ", " : "", column, text);
    }
    buf_char(&txn->text, '}');
}

void ovsdb_insert(struct ovsdb_txn *txn, const char *table, const char *name, const struct ovsdb_values *values) {
    begin(txn, "insert", table);
    if (name) {
        buf_printf(&txn->text, ", \"uuid-name\": \"%s\"", name);
    }
    put_row(txn, values);
    buf_char(&txn->text, '}');
}

void ovsdb_update(struct ovsdb_txn *txn, const char *table, const char *ref, const struct ovsdb_values *values) {
    begin(txn, "update", table);
    put_where(txn, "_uuid", ref_text(txn->arena, ref));
    put_row(txn, values);
    buf_char(&txn->text, '}');
}

void ovsdb_delete(struct ovsdb_txn *txn, const char *table, const char *ref) {
    begin(txn, "delete", table);
    put_where(txn, "_uuid", ref_text(txn->arena, ref));
    buf_char(&txn->text, '}');
}

static void mutate(struct ovsdb_txn *txn, const char *table, const char *ref, const char *mutator,
                   const struct ovsdb_values *values) {
    begin(txn, "mutate", table);
    put_where(txn, "_uuid", ref_text(txn->arena, ref));
    buf_text(&txn->text, ", \"mutations\": [");
    for (size_t i = 0; i < ovsdb_values_count(values); i++) {
        const char *column, *text = ovsdb_values_at(values, i, &column);

        buf_printf(&txn->text, "%s[\"%s\", \"%s\", %s]", i ? ", " : "", column, mutator, text);
    }
    buf_text(&txn->text, "]}");
}

void ovsdb_mutate_insert(struct ovsdb_txn *txn, const char *table, const char *ref, const struct ovsdb_values *values) {
    mutate(txn, table, ref, "insert", values);
}

void ovsdb_mutate_delete(struct ovsdb_txn *txn, const char *table, const char *ref, const struct ovsdb_values *values) {
    mutate(txn, table, ref, "delete", values);
}

void ovsdb_wait_exists(struct ovsdb_txn *txn, const char *table, const char *uuid) {
    const char *ref = ref_text(txn->arena, uuid);

    begin(txn, "wait", table);
    put_where(txn, "_uuid", ref);
    buf_printf(&txn->text,
               ", \"timeout\": 0, \"columns\": [\"_uuid\"], \"until\": \"==\", \"rows\": [{\"_uuid\": %s}]}", ref);
}

void ovsdb_wait_none(struct ovsdb_txn *txn, const char *table, const char *column, const char *text) {
    begin(txn, "wait", table);
    put_where(txn, column, quoted(txn->arena, text));
    buf_printf(&txn->text, ", \"timeout\": 0, \"columns\": [\"%s\"], \"until\": \"==\", \"rows\": []}", column);
}

void ovsdb_select(struct ovsdb_txn *txn, const char *table, const char *column, const char *text,
                  const char *const *columns) {
    begin(txn, "select", table);
    put_where(txn, column, quoted(txn->arena, text));
    buf_text(&txn->text, ", \"columns\": [");
    for (size_t i = 0; columns[i]; i++) {
        buf_printf(&txn->text, "%s\"%s\"", i ? ", " : "", columns[i]);
    }
    buf_text(&txn->text, "]}");
}

bool ovsdb_result_good(struct arena *arena, const struct json *result, size_t count, const char **ret_error) {
    if (!result || result->type != JSON_LIST || result->count < count) {
        *ret_error = "the database answered with a malformed result";
        return false;
    }
    for (JSON_EACH(item, result)) {
        const char *error = json_get_text(item, "error"), *details = json_get_text(item, "details");

        if (error) {
            *ret_error = arena_printf(arena, "the database refused: %s%s%s", error, details ? ": " : "",
                                      details ? details : "");
            return false;
        }
    }
    return true;
}
