/* SPDX-License-Identifier: Apache-2.0
 * The replica of an OVSDB database's rows, and how a stream is cut into messages. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "base/map.h"
#include "network/ovsdb_wire.h"

/* How a row is found: by the index column, then by the keys. */
enum { BY_INDEX, BY_KEY, INDEXES = BY_KEY + OVSDB_MAX_KEYS, MAX_DEPTH = 64 };

struct entry {
    struct ovsdb_row row;           /* uuid and values are on the heap */
    char *values[OVSDB_MAX_COLUMNS];
    char *keys[INDEXES];            /* what it is found by; null: not found that way */
    struct entry *next[INDEXES];    /* others with the same key */
    bool seen;
};

struct table {
    const struct ovsdb_table *spec;
    struct map *rows;               /* uuid -> entry */
    struct map *found[INDEXES];     /* key -> first entry */
};

struct ovsdb_replica {
    struct ovsdb_options options;
    size_t count;
    struct table *tables;
};

struct ovsdb_replica *ovsdb_replica_new(const struct ovsdb_options *options) {
    struct ovsdb_replica *replica = calloc(1, sizeof *replica);
    size_t count = 0;

    while (options->tables && options->tables[count].name) {
        count++;
    }
    if (!replica || !(replica->tables = calloc(count + 1, sizeof *replica->tables))) {
        abort();
    }
    replica->options = *options;
    replica->count = count;
    for (size_t i = 0; i < count; i++) {
        struct table *table = &replica->tables[i];

        table->spec = &options->tables[i];
        table->rows = map_new();
        for (int k = 0; k < INDEXES; k++) {
            table->found[k] = map_new();
        }
    }
    return replica;
}

static void entry_free(void *pointer) {
    struct entry *entry = pointer;

    if (entry) {
        for (int i = 0; i < OVSDB_MAX_COLUMNS; i++) {
            free(entry->values[i]);
        }
        for (int i = 0; i < INDEXES; i++) {
            free(entry->keys[i]);
        }
        free((char *)(uintptr_t)entry->row.uuid);
        free(entry);
    }
}

void ovsdb_replica_free(struct ovsdb_replica *replica) {
    for (size_t i = 0; replica && i < replica->count; i++) {
        map_free(replica->tables[i].rows, entry_free);
        for (int k = 0; k < INDEXES; k++) {
            map_free(replica->tables[i].found[k], NULL);
        }
    }
    if (replica) {
        free(replica->tables);
        free(replica);
    }
}

static struct table *table_find(struct ovsdb_replica *replica, const char *name) {
    for (size_t i = 0; i < replica->count; i++) {
        if (!strcmp(replica->tables[i].spec->name, name)) {
            return &replica->tables[i];
        }
    }
    return NULL;
}

static void index_add(struct table *table, struct entry *entry) {
    for (int i = 0; i < INDEXES; i++) {
        if (entry->keys[i]) {
            entry->next[i] = map_set(table->found[i], entry->keys[i], entry);
        }
    }
}

static void index_remove(struct table *table, struct entry *entry) {
    for (int i = 0; i < INDEXES; i++) {
        struct entry *at = entry->keys[i] ? map_get(table->found[i], entry->keys[i]) : NULL;

        if (at == entry) {
            map_set(table->found[i], entry->keys[i], entry->next[i]);
            continue;
        }
        while (at && at->next[i] != entry) {
            at = at->next[i];
        }
        if (at) {
            at->next[i] = entry->next[i];
        }
    }
}

static char *copy(const char *text) {
    char *made = text ? strdup(text) : NULL;

    if (text && !made) {
        abort();
    }
    return made;
}

static struct entry *entry_new(struct table *table, struct arena *arena, const char *uuid, const struct json *row) {
    struct entry *entry = calloc(1, sizeof *entry);

    if (!entry) {
        abort();
    }
    entry->row = (struct ovsdb_row){table->spec, copy(uuid), (const char *const *)entry->values};
    for (int i = 0; table->spec->columns[i]; i++) {
        const struct json *value = json_get(row, table->spec->columns[i]);

        entry->values[i] = copy(value ? ovsdb_canonical(arena, value) : "[\"set\", []]");
    }
    if (table->spec->index) {
        entry->keys[BY_INDEX] = copy(ovsdb_text(arena, &entry->row, table->spec->index));
    }
    for (int k = 0; k < OVSDB_MAX_KEYS && table->spec->keys[k]; k++) {
        entry->keys[BY_KEY + k] = copy(ovsdb_pair(arena, &entry->row, "external_ids", table->spec->keys[k]));
    }
    return entry;
}

static bool entry_equal(const struct entry *a, const struct entry *b) {
    for (int i = 0; a->row.table->columns[i]; i++) {
        if (strcmp(a->values[i], b->values[i]) != 0) {
            return false;
        }
    }
    return true;
}

static void tell(struct ovsdb_replica *replica, const struct entry *old, const struct entry *new) {
    if (replica->options.changed) {
        replica->options.changed(replica->options.user, old ? &old->row : NULL, new ? &new->row : NULL);
    }
}

/* Puts 'entry' (null: nothing) in the place of the row 'uuid'. */
static void replace(struct ovsdb_replica *replica, struct table *table, const char *uuid, struct entry *entry) {
    struct entry *old = map_get(table->rows, uuid);

    if (old && entry && entry_equal(old, entry)) {
        old->seen = true;
        entry_free(entry);
        return;
    }
    if (old) {
        index_remove(table, old);
    }
    map_set(table->rows, uuid, entry);
    if (entry) {
        entry->seen = true;
        index_add(table, entry);
    }
    if (old || entry) {
        tell(replica, old, entry);
    }
    entry_free(old);
}

static bool update_table(struct ovsdb_replica *replica, struct arena *arena, struct table *table,
                         const struct json *updates) {
    for (JSON_EACH(update, updates)) {
        const struct json *new = json_get(update, "new");

        if (!id_is_uuid(update->key) || strlen(update->key) != 36 || update->type != JSON_MAP ||
            (new && new->type != JSON_MAP)) {
            return false;
        }
        replace(replica, table, update->key, new ? entry_new(table, arena, update->key, new) : NULL);
    }
    return true;
}

/* Removes the rows that an initial update did not name. */
static void sweep(struct ovsdb_replica *replica, struct arena *arena, struct table *table) {
    const char **gone = NULL;
    size_t cursor = 0, count = 0;
    const char *uuid;
    void *value;

    while ((uuid = map_next(table->rows, &cursor, &value)) != NULL) {
        if (!((struct entry *)value)->seen) {
            gone = arena_grow(arena, gone, count, sizeof *gone);
            gone[count++] = arena_text(arena, uuid);
        }
    }
    for (size_t i = 0; i < count; i++) {
        replace(replica, table, gone[i], NULL);
    }
}

static void forget_seen(struct table *table) {
    size_t cursor = 0;
    void *value;

    while (map_next(table->rows, &cursor, &value)) {
        ((struct entry *)value)->seen = false;
    }
}

bool ovsdb_replica_update(struct ovsdb_replica *replica, struct arena *arena, const struct json *updates, bool initial,
                          const char **ret_error) {
    if (!updates || updates->type != JSON_MAP) {
        *ret_error = "an update that is no map of tables";
        return false;
    }
    for (size_t i = 0; initial && i < replica->count; i++) {
        forget_seen(&replica->tables[i]);
    }
    for (JSON_EACH(rows, updates)) {
        struct table *table = table_find(replica, rows->key);

        if (!table || rows->type != JSON_MAP || !update_table(replica, arena, table, rows)) {
            *ret_error = arena_printf(arena, "a malformed update of table %.80s", rows->key);
            return false;
        }
    }
    for (size_t i = 0; initial && i < replica->count; i++) {
        sweep(replica, arena, &replica->tables[i]);
    }
    return true;
}

static const struct ovsdb_row *row_copy(struct arena *arena, const struct entry *entry) {
    struct ovsdb_row *row;
    const char **values;

    if (!entry) {
        return NULL;
    }
    row = ARENA_NEW(arena, struct ovsdb_row);
    values = ARENA_ARRAY(arena, const char *, OVSDB_MAX_COLUMNS);
    for (int i = 0; i < OVSDB_MAX_COLUMNS; i++) {
        values[i] = arena_text(arena, entry->values[i]);
    }
    *row = (struct ovsdb_row){entry->row.table, arena_text(arena, entry->row.uuid), values};
    return row;
}

const struct ovsdb_row *ovsdb_replica_find(struct ovsdb_replica *replica, struct arena *arena, const char *table,
                                           const char *index) {
    struct table *at = table_find(replica, table);

    return at ? row_copy(arena, map_get(at->found[BY_INDEX], index)) : NULL;
}

const struct ovsdb_row *ovsdb_replica_get(struct ovsdb_replica *replica, struct arena *arena, const char *table,
                                          const char *uuid) {
    struct table *at = table_find(replica, table);

    return at ? row_copy(arena, map_get(at->rows, uuid)) : NULL;
}

static const struct ovsdb_row *const *all_rows(struct table *table, struct arena *arena, size_t *ret_count) {
    const struct ovsdb_row **rows = ARENA_ARRAY(arena, const struct ovsdb_row *, map_count(table->rows) + 1);
    size_t cursor = 0, count = 0;
    void *value;

    while (map_next(table->rows, &cursor, &value)) {
        rows[count++] = row_copy(arena, value);
    }
    *ret_count = count;
    return rows;
}

/* The place of 'key' among the indexes of the table; -1: rows are not found by it. */
static int index_of(const struct table *table, const char *key) {
    for (int k = 0; k < OVSDB_MAX_KEYS && table->spec->keys[k]; k++) {
        if (!strcmp(table->spec->keys[k], key)) {
            return BY_KEY + k;
        }
    }
    return -1;
}

const struct ovsdb_row *const *ovsdb_replica_rows(struct ovsdb_replica *replica, struct arena *arena, const char *table,
                                                  const char *key, const char *value, size_t *ret_count) {
    struct table *at = table_find(replica, table);
    const struct ovsdb_row **rows = NULL;
    size_t count = 0;
    int by;

    assert(at);
    if (!key) {
        return all_rows(at, arena, ret_count);
    }
    by = index_of(at, key);
    assert(by >= 0);
    for (struct entry *e = map_get(at->found[by], value); e; e = e->next[by]) {
        rows = arena_grow(arena, rows, count, sizeof *rows);
        rows[count++] = row_copy(arena, e);
    }
    *ret_count = count;
    return rows;
}

const char *ovsdb_value(const struct ovsdb_row *row, const char *column) {
    for (int i = 0; row->table->columns[i]; i++) {
        if (!strcmp(row->table->columns[i], column)) {
            return row->values[i];
        }
    }
    return NULL;
}

static const struct json *value_tree(struct arena *arena, const struct ovsdb_row *row, const char *column) {
    const char *text = ovsdb_value(row, column);

    return text ? json_parse(arena, text, strlen(text), NULL) : NULL;
}

/* The items of a set or map in canonical form; null: an atom. */
static const struct json *items_of(const struct json *value) {
    const struct json *kind = value && value->type == JSON_LIST ? value->first : NULL;
    const struct json *items = kind ? kind->next : NULL;

    if (!items || kind->type != JSON_TEXT || items->type != JSON_LIST) {
        return NULL;
    }
    return !strcmp(kind->text, "set") || !strcmp(kind->text, "map") ? items : NULL;
}

static const char *atom_text(struct arena *arena, const struct json *atom) {
    if (!atom || atom->type == JSON_TEXT) {
        return atom ? atom->text : NULL;
    }
    if (atom->type == JSON_LIST) {
        return atom->count == 2 && atom->first->next->type == JSON_TEXT ? atom->first->next->text : NULL;
    }
    return json_print(arena, atom);
}

const char *ovsdb_text(struct arena *arena, const struct ovsdb_row *row, const char *column) {
    const struct json *value = value_tree(arena, row, column);

    return items_of(value) ? NULL : atom_text(arena, value);
}

const char *const *ovsdb_items(struct arena *arena, const struct ovsdb_row *row, const char *column,
                               size_t *ret_count) {
    const struct json *value = value_tree(arena, row, column), *items = items_of(value);
    const char **texts = ARENA_ARRAY(arena, const char *, items ? items->count + 1 : 2);
    size_t count = 0;

    for (JSON_EACH(item, items)) {
        const char *text = atom_text(arena, item);

        if (text) {
            texts[count++] = text;
        }
    }
    if (!items && atom_text(arena, value)) {
        texts[count++] = atom_text(arena, value);
    }
    *ret_count = count;
    return texts;
}

const char *const *ovsdb_pairs(struct arena *arena, const struct ovsdb_row *row, const char *column) {
    const struct json *items = items_of(value_tree(arena, row, column));
    const char **texts = ARENA_ARRAY(arena, const char *, items ? items->count * 2 + 1 : 1);
    size_t count = 0;

    for (JSON_EACH(pair, items)) {
        const struct json *key = pair->type == JSON_LIST && pair->count == 2 ? pair->first : NULL;
        const char *name = atom_text(arena, key), *value = key ? atom_text(arena, key->next) : NULL;

        if (name && value) {
            texts[count++] = name;
            texts[count++] = value;
        }
    }
    return texts;
}

const char *ovsdb_pair(struct arena *arena, const struct ovsdb_row *row, const char *column, const char *key) {
    for (const char *const *at = ovsdb_pairs(arena, row, column); *at; at += 2) {
        if (!strcmp(*at, key)) {
            return at[1];
        }
    }
    return NULL;
}

bool ovsdb_true(const struct ovsdb_row *row, const char *column) {
    const char *text = ovsdb_value(row, column);

    return text && !strcmp(text, "true");
}

long ovsdb_frame_next(struct ovsdb_frame *frame, const char *bytes, size_t size) {
    for (; frame->scanned < size; frame->scanned++) {
        char c = bytes[frame->scanned];

        if (frame->in_text) {
            frame->in_text = frame->escaped || c != '"';
            frame->escaped = !frame->escaped && c == '\\';
        } else if (c == '"' && frame->depth) {
            frame->in_text = true;
        } else if (c == '{' || c == '[') {
            if (++frame->depth > MAX_DEPTH || (frame->depth == 1 && c != '{')) {
                return -1;
            }
        } else if (c == '}' || c == ']') {
            if (!frame->depth) {
                return -1;
            }
            if (--frame->depth == 0) {
                long end = (long)frame->scanned + 1;

                *frame = (struct ovsdb_frame){0};
                return end;
            }
        } else if (!frame->depth && c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            return -1;
        }
    }
    return 0;
}
