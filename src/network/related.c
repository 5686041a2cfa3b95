/* SPDX-License-Identifier: Apache-2.0
 * One statement for a batch of rows, and its results handed back to them. */
#include "network/related.h"

#include <assert.h>
#include <string.h>

#include "base/map.h"
#include "rest/resource.h"

enum { MAX_BATCH = 512, MAX_ARGS = 8 };

/* Rows of a batch by the value of its field: the map gives the first, next[] those with the same value. */
struct index {
    const struct batch *batch;
    const struct field *field;
    struct map *first;              /* value -> number of the row + 1 */
    size_t *next;                   /* number + 1; 0 ends */
    const char **values;            /* without repetition */
    size_t value_count;
};

static void *row_at(const struct batch *batch, size_t i) {
    return (char *)batch->rows + i * batch->resource->size;
}

static struct index *index_new(const struct batch *batch) {
    struct index *index = ARENA_NEW(batch->call->arena, struct index);

    assert(batch->count <= MAX_BATCH);
    index->batch = batch;
    index->field = resource_field(batch->resource, batch->field);
    index->next = ARENA_ARRAY(batch->call->arena, size_t, batch->count + 1);
    index->values = ARENA_ARRAY(batch->call->arena, const char *, batch->count + 1);
    index->first = map_new();
    for (size_t i = 0; i < batch->count; i++) {
        const char *value = field_text(index->field, row_at(batch, i));

        if (!value) {
            continue;
        }
        index->next[i] = (size_t)(uintptr_t)map_set(index->first, value, (void *)(uintptr_t)(i + 1));
        if (!index->next[i]) {
            index->values[index->value_count++] = value;
        }
    }
    return index;
}

const char *related_marks(struct call *call, const char *const *values, size_t count, struct value *args,
                          size_t *arg_count) {
    size_t rounded = 1;
    char *marks, *at;

    assert(count);
    while (rounded < count) {
        rounded *= 2;
    }
    at = marks = arena_alloc(call->arena, rounded * 3 + 1);
    for (size_t i = 0; i < rounded; i++) {
        args[(*arg_count)++] = sql_text(values[i < count ? i : count - 1]);
        at = stpcpy(at, i ? ", ?" : "?");
    }
    return marks;
}

static struct rows *run(struct index *index, const char *sql, const struct value *args, size_t count) {
    struct call *call = index->batch->call;
    struct value all[MAX_ARGS + MAX_BATCH];
    const char *mark = strstr(sql, "$ids"), *marks;

    assert(mark && count <= MAX_ARGS);
    if (count) {
        memcpy(all, args, count * sizeof *args);
    }
    marks = related_marks(call, index->values, index->value_count, all, &count);
    sql = arena_printf(call->arena, "%.*s%s%s", (int)(mark - sql), sql, marks, mark + strlen("$ids"));
    return db_query(call->db, sql, all, count);
}

static size_t first_of(const struct index *index, const char *value) {
    return value ? (size_t)(uintptr_t)map_get(index->first, value) : 0;
}

static bool ended(struct index *index) {
    struct call *call = index->batch->call;

    map_free(index->first, NULL);
    return db_failure(call->db) == DB_OK || fail_database(call);
}

bool related_each(const struct batch *batch, const char *sql, const struct value *args, size_t count,
                  void (*fill)(const struct batch *batch, void *row, struct rows *result)) {
    struct index *index = index_new(batch);
    struct rows *rows;

    if (index->value_count) {
        rows = run(index, sql, args, count);
        while (rows_next(rows)) {
            for (size_t i = first_of(index, rows_text(rows, batch->column)); i; i = index->next[i - 1]) {
                fill(batch, row_at(batch, i - 1), rows);
            }
        }
        rows_end(rows);
    }
    return ended(index);
}

bool related_lists(const struct batch *batch, const char *sql, const struct value *args, size_t count, const char *list,
                   void (*write)(const struct batch *batch, void *row, struct rows *result,
                                 struct json_out *out)) {
    struct index *index = index_new(batch);
    const struct field *field = resource_field(batch->resource, list);
    struct buf *texts = ARENA_ARRAY(batch->call->arena, struct buf, batch->count + 1);
    struct json_out *outs = ARENA_ARRAY(batch->call->arena, struct json_out, batch->count + 1);
    struct rows *rows;

    if (index->value_count) {
        rows = run(index, sql, args, count);
        while (rows_next(rows)) {
            for (size_t i = first_of(index, rows_text(rows, batch->column)); i; i = index->next[i - 1]) {
                struct json_out *out = &outs[i - 1];

                if (!out->buf) {
                    out->buf = &texts[i - 1];
                    json_list(out);
                }
                write(batch, row_at(batch, i - 1), rows, out);
            }
        }
        rows_end(rows);
    }
    for (size_t i = 0; i < batch->count; i++) {
        const char **slot = field_slot(field, row_at(batch, i));

        *slot = "[]";
        if (outs[i].buf) {
            json_list_end(&outs[i]);
            *slot = arena_text_size(batch->call->arena, texts[i].at, texts[i].size);
            buf_release(&texts[i]);
        }
    }
    return ended(index);
}

static int column_of(const struct resource *resource, const char *name) {
    const struct resource_runtime *run = resource->runtime;
    size_t i = 0;

    while (strcmp(run->fields[run->columns[i]].name, name) != 0) {
        i++;
        assert(i < run->column_count);
    }
    return (int)i;
}

bool related_rows(struct batch batch, const struct resource *child, const char *by, const char *list,
                  void (*write)(const struct batch *batch, void *row, struct rows *result, struct json_out *out)) {
    batch.column = column_of(child, by);
    return related_lists(&batch,
                         arena_printf(batch.call->arena, "%s WHERE %s IN ($ids) ORDER BY created_at, id",
                                      child->runtime->select, by),
                         SQL_NO_ARGS, list, write);
}
