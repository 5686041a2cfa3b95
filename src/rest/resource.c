/* SPDX-License-Identifier: Apache-2.0
 * From declarations to SQL: what is computed once at start, and the tables in the database. */
#include "rest/resource.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "rest/service.h"

const char *field_json_name(const struct field *field) {
    return field->json ? field->json : field->name;
}

const struct field *resource_field(const struct resource *resource, const char *name) {
    const struct resource_runtime *run = resource->runtime;

    for (size_t i = 0; i < run->field_count; i++) {
        if (!strcmp(run->fields[i].name, name)) {
            return &run->fields[i];
        }
    }
    return NULL;
}

static bool has_column(const struct field *field) {
    return !(field->rights & VIRTUAL) && field->type < TYPE_TREE;
}

static void put_keys(const struct resource_runtime *run, struct buf *sql) {
    const char *sep = " WHERE ";

    for (size_t i = 0; i < run->field_count; i++) {
        if (run->fields[i].rights & KEY) {
            buf_printf(sql, "%s%s = ?", sep, run->fields[i].name);
            sep = " AND ";
        }
    }
}

static void make_sql(const struct resource *resource, struct arena *arena) {
    struct resource_runtime *run = resource->runtime;
    struct buf select = {0}, insert = {0}, update = {0}, remove = {0};

    buf_text(&select, "SELECT ");
    buf_printf(&insert, "INSERT INTO %s (", resource->table);
    buf_printf(&update, "UPDATE %s SET ", resource->table);
    buf_printf(&remove, "DELETE FROM %s", resource->table);
    for (size_t i = 0; i < run->column_count; i++) {
        const char *name = run->fields[run->columns[i]].name, *sep = i ? ", " : "";

        buf_printf(&select, "%s%s", sep, name);
        buf_printf(&insert, "%s%s", sep, name);
        buf_printf(&update, "%s%s = ?", sep, name);
    }
    buf_printf(&select, " FROM %s", resource->table);
    buf_text(&insert, ") VALUES (");
    for (size_t i = 0; i < run->column_count; i++) {
        buf_text(&insert, i ? ", ?" : "?");
    }
    buf_char(&insert, ')');
    put_keys(run, &update);
    put_keys(run, &remove);
    run->select = buf_taken(&select, arena);
    run->insert = buf_taken(&insert, arena);
    run->update = buf_taken(&update, arena);
    run->remove = buf_taken(&remove, arena);
}

void resource_prepare(const struct resource *resource, const struct service *service, struct arena *arena) {
    struct resource_runtime *run = resource->runtime;

    run->service = service;
    run->fields = resource->fields_of(&run->field_count);
    run->operations = resource->operations_of(&run->operation_count);
    assert(run->field_count <= MAX_FIELDS);
    run->columns = ARENA_ARRAY(arena, size_t, run->field_count + 1);
    run->keys = ARENA_ARRAY(arena, const char *, run->field_count + 1);
    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];

        run->keys[i] = json_key_make(arena, field_json_name(field));
        if (has_column(field)) {
            run->columns[run->column_count++] = i;
        }
        if ((field->rights & KEY) && !run->key) {
            run->key = field;
        }
        if (!strcmp(field->name, "project_id") && has_column(field)) {
            run->project = field;
        }
    }
    if (resource->table) {
        assert(run->key);
        make_sql(resource, arena);
    }
}

static enum column_type column_type_of(enum field_type type) {
    switch (type) {
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_TIME:
        return COLUMN_INT;
    case TYPE_REAL:
        return COLUMN_REAL;
    default:
        return COLUMN_TEXT;
    }
}

/* What old rows get when a column is added: the declared default, when it is a plain one. */
static const char *column_otherwise(const struct field *field, struct arena *arena) {
    if (!field->dflt || field->dflt[0] == '$') {
        return column_type_of(field->type) == COLUMN_INT && !(field->rights & NULLABLE) ? "0" : NULL;
    }
    if (field->type == TYPE_BOOL) {
        return !strcmp(field->dflt, "true") ? "1" : "0";
    }
    if (column_type_of(field->type) != COLUMN_TEXT) {
        return field->dflt;
    }
    return strchr(field->dflt, '\'') ? NULL : arena_printf(arena, "'%s'", field->dflt);
}

const char *sort_column(struct arena *arena, const struct field *field) {
    if (!(field->rights & NULLABLE) && field->type != TYPE_TIME) {
        return field->name;
    }
    return arena_printf(arena, "coalesce(%s, %s)", field->name, field_is_text(field) ? "''" : "0");
}

const struct field *sort_next(const struct resource *resource, const char **at, bool *ret_descending) {
    const char *from = *at;
    size_t size, whole;

    if (!from || !*from) {
        return NULL;
    }
    size = strcspn(from, " ,");
    whole = strcspn(from, ",");
    *ret_descending = size < whole && !strncmp(from + size, " DESC", 5);
    *at = from + whole + strspn(from + whole, ", ");
    for (size_t i = 0; i < resource->runtime->field_count; i++) {
        const struct field *field = &resource->runtime->fields[i];

        if (strlen(field->name) == size && !strncmp(field->name, from, size)) {
            return field;
        }
    }
    assert(!"an order names a field that the resource does not have");
    return NULL;
}

static bool is_listed(const struct resource *resource) {
    for (size_t i = 0; i < resource->runtime->operation_count; i++) {
        if (resource->runtime->operations[i].run == op_list) {
            return true;
        }
    }
    return false;
}

/* The declared order, ended by the key, as lists use it: so a page is read from an index. */
static const char *order_columns(const struct resource *resource, struct arena *arena) {
    const struct resource_runtime *run = resource->runtime;
    const struct field *field = NULL;
    const char *at = resource->order, *columns = "";
    bool descending, first = false;

    while ((field = sort_next(resource, &at, &descending))) {
        first = *columns ? first : descending;
        columns = arena_printf(arena, "%s%s%s%s", columns, *columns ? ", " : "", sort_column(arena, field),
                               descending ? " DESC" : "");
        if (field == run->key) {
            return columns;
        }
    }
    return arena_printf(arena, "%s%s%s%s", columns, *columns ? ", " : "", run->key->name, first ? " DESC" : "");
}

static bool is_name(const struct field *field) {
    return (field->rights & (FILTER | INDEX)) && has_column(field) && !strcmp(field_json_name(field), "name");
}

/* What lists order by, of one project and of all; and names, which lists are searched for. */
static const char *const *list_indexes(const struct resource *resource, struct arena *arena) {
    const struct resource_runtime *run = resource->runtime;
    const char **indexes = ARENA_ARRAY(arena, const char *, 4);
    size_t n = 0;

    if (!is_listed(resource)) {
        return indexes;
    }
    if (run->project) {
        indexes[n++] = arena_printf(arena, "project_id, %s", order_columns(resource, arena));
    }
    if (resource->order) {
        indexes[n++] = order_columns(resource, arena);
    }
    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];

        if (is_name(field)) {
            indexes[n++] = arena_printf(arena, "%s, %s%s", field->name, run->project ? "project_id, " : "",
                                        order_columns(resource, arena));
        }
    }
    assert(n < 4);
    return indexes;
}

/* What is listed has indexes that begin with the project and with the name. */
static bool is_indexed(const struct resource *resource, const struct field *field) {
    if (is_listed(resource) && (field == resource->runtime->project || is_name(field))) {
        return false;
    }
    return (field->rights & INDEX) || (field == resource->runtime->project && !resource->every_project);
}

bool resource_table(const struct resource *resource, struct db *db, struct arena *arena) {
    const struct resource_runtime *run = resource->runtime;
    struct column *columns = ARENA_ARRAY(arena, struct column, run->column_count);
    struct table table = {
        .name = resource->table, .columns = columns, .count = run->column_count, .unique = resource->unique,
        .indexes = list_indexes(resource, arena)};

    for (size_t i = 0; i < run->column_count; i++) {
        const struct field *field = &run->fields[run->columns[i]];

        columns[i] = (struct column){
            .name = field->name,
            .type = column_type_of(field->type),
            .key = (field->rights & KEY) != 0,
            .index = is_indexed(resource, field),
            .sparse = (field->rights & NULLABLE) != 0,
            .otherwise = column_otherwise(field, arena),
        };
    }
    return table_ensure(db, arena, &table);
}
