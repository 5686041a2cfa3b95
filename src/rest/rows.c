/* SPDX-License-Identifier: Apache-2.0
 * Typed rows: from a cursor into a C struct, from a struct into a statement, always with the caller's view of projects. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "rest/resource.h"
#include "rest/service.h"

const char *row_key(const struct resource *resource, const void *row) {
    return field_text(resource->runtime->key, row);
}

const char *row_project(const struct resource *resource, const void *row) {
    return resource->runtime->project ? field_text(resource->runtime->project, row) : NULL;
}

static void load_field(struct call *call, const struct field *field, struct rows *rows, int column, void *slot) {
    switch (field->type) {
    case TYPE_BOOL:
        *(bool *)slot = rows_int(rows, column) != 0;
        break;
    case TYPE_INT:
        *(int64_t *)slot = rows_null(rows, column) ? NO_INT : rows_int(rows, column);
        break;
    case TYPE_TIME:
        *(int64_t *)slot = rows_int(rows, column);
        break;
    case TYPE_REAL:
        *(double *)slot = rows_real(rows, column);
        break;
    default: {
        const char *text = rows_text(rows, column);

        *(const char **)slot = text ? arena_text_size(call->arena, text, rows_size(rows, column)) : NULL;
    }
    }
}

/* VIRTUAL integers start as null, so that what .expand leaves alone reads as null. */
static void clear_virtual(const struct resource_runtime *run, void *row) {
    for (size_t i = 0; i < run->field_count; i++) {
        if (run->fields[i].type == TYPE_INT && run->fields[i].rights & VIRTUAL) {
            *(int64_t *)field_slot(&run->fields[i], row) = NO_INT;
        }
    }
}

void row_load(struct call *call, const struct resource *resource, struct rows *rows, void *row) {
    const struct resource_runtime *run = resource->runtime;

    clear_virtual(run, row);
    for (size_t i = 0; i < run->column_count; i++) {
        const struct field *field = &run->fields[run->columns[i]];

        load_field(call, field, rows, (int)i, field_slot(field, row));
    }
}

static struct value bind_field(const struct field *field, const void *row) {
    const void *slot = field_slot(field, row);

    switch (field->type) {
    case TYPE_BOOL:
        return sql_int(*(const bool *)slot);
    case TYPE_INT:
        return *(const int64_t *)slot == NO_INT ? sql_null() : sql_int(*(const int64_t *)slot);
    case TYPE_TIME:
        return *(const int64_t *)slot ? sql_int(*(const int64_t *)slot) : sql_null();
    case TYPE_REAL:
        return (struct value){.kind = VALUE_REAL, .real = *(const double *)slot};
    default:
        return sql_text(*(const char *const *)slot);
    }
}

static size_t bind_row(const struct resource_runtime *run, const void *row, struct value *args) {
    for (size_t i = 0; i < run->column_count; i++) {
        args[i] = bind_field(&run->fields[run->columns[i]], row);
    }
    return run->column_count;
}

static size_t bind_keys(const struct resource_runtime *run, const void *row, struct value *args) {
    size_t n = 0;

    for (size_t i = 0; i < run->field_count; i++) {
        if (run->fields[i].rights & KEY) {
            args[n++] = bind_field(&run->fields[i], row);
        }
    }
    return n;
}

bool call_exec(struct call *call, const char *sql, const struct value *args, size_t count) {
    return db_exec(call->db, sql, args, count) || fail_database(call);
}

int64_t call_count(struct call *call, const char *sql, const struct value *args, size_t count) {
    return db_query_int(call->db, sql, args, count, 0);
}

bool rows_forget(struct call *call, const struct resource *resource, const char *where, const struct value *args,
                 size_t count) {
    enum { AT_ONCE = 1000 };
    const struct resource_runtime *run = resource->runtime;
    const char *keys = "";

    for (size_t i = 0; i < run->field_count; i++) {
        if (run->fields[i].rights & KEY) {
            keys = arena_printf(call->arena, "%s%s%s", keys, *keys ? ", " : "", run->fields[i].name);
        }
    }
    if (!call_exec(call, arena_printf(call->arena, "DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s LIMIT %d)",
                                      resource->table, keys, keys, resource->table, where, AT_ONCE), args, count)) {
        return false;
    }
    call->more |= db_changes(call->db) == AT_ONCE;
    return true;
}

bool row_insert(struct call *call, const struct resource *resource, const void *row) {
    struct value args[MAX_FIELDS];

    return call_exec(call, resource->runtime->insert, args, bind_row(resource->runtime, row, args));
}

bool rows_insert(struct call *call, const struct resource *resource, const void *rows, size_t count) {
    const struct resource_runtime *run = resource->runtime;
    const char *one = strstr(run->insert, " VALUES ") + strlen(" VALUES ");
    enum { MOST = 32 };

    for (size_t done = 0, n; done < count; done += n) {
        struct value *args;
        struct buf sql = {0};
        bool ok;

        n = count - done < MOST ? count - done : MOST;
        args = ARENA_ARRAY(call->arena, struct value, n * run->column_count);
        for (size_t i = 0; i < n; i++) {
            bind_row(run, (const char *)rows + (done + i) * resource->size, args + i * run->column_count);
            buf_printf(&sql, "%s%s", i ? ", " : run->insert, i ? one : "");
        }
        ok = call_exec(call, sql.at, args, n * run->column_count);
        buf_release(&sql);
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool row_rename(struct call *call, const struct resource *resource, const void *old, const void *row) {
    struct value args[MAX_FIELDS + 8];
    size_t n = bind_row(resource->runtime, row, args);

    n += bind_keys(resource->runtime, old, args + n);
    return call_exec(call, resource->runtime->update, args, n);
}

bool row_update(struct call *call, const struct resource *resource, const void *row) {
    return row_rename(call, resource, row, row);
}

bool row_delete(struct call *call, const struct resource *resource, const void *row) {
    struct value args[8];

    return call_exec(call, resource->runtime->remove, args, bind_keys(resource->runtime, row, args));
}

/* Replaces $project, $user and $domain by '?', and binds them. */
static void put_visible(struct call *call, const char *sql, struct buf *out, struct value *args, size_t *count) {
    static const char *const words[] = {"$project", "$user", "$domain"};
    const char *const values[] = {call->caller.project_id, call->caller.user_id, call->caller.domain_id};

    while (*sql) {
        bool found = false;

        for (int i = 0; *sql == '$' && i < 3 && !found; i++) {
            if (!strncmp(sql, words[i], strlen(words[i]))) {
                assert(*count < 64);
                args[(*count)++] = sql_text(values[i]);
                buf_char(out, '?');
                sql += strlen(words[i]);
                found = true;
            }
        }
        if (!found) {
            buf_char(out, *sql++);
        }
    }
}

const char *row_visible(struct call *call, const struct resource *resource, struct value *args, size_t *count) {
    const struct field *project = resource->runtime->project;
    struct buf sql = {0};
    const char *text;

    if (call->caller.internal || call->caller.admin || resource->every_project || (!project && !resource->visible)) {
        return NULL;
    }
    buf_char(&sql, '(');
    if (project) {
        args[(*count)++] = sql_text(call->caller.project_id);
        buf_printf(&sql, "%s = ?", project->name);
    }
    if (resource->visible) {
        buf_text(&sql, project ? " OR (" : "(");
        put_visible(call, resource->visible, &sql, args, count);
        buf_char(&sql, ')');
    }
    buf_char(&sql, ')');
    text = arena_text(call->arena, sql.at);
    buf_release(&sql);
    return text;
}

static bool find_where(struct call *call, const struct resource *resource, const char *where, const struct value *args,
                       size_t count, void *ret_row) {
    const char *sql = arena_printf(call->arena, "%s WHERE %s", resource->runtime->select, where);
    struct rows *rows = db_query(call->db, sql, args, count);
    void **ret = ret_row;

    *ret = NULL;
    if (rows_next(rows)) {
        *ret = arena_alloc(call->arena, resource->size);
        row_load(call, resource, rows, *ret);
    }
    rows_end(rows);
    return db_failure(call->db) == DB_OK || fail_database(call);
}

static const char *not_deleted(struct call *call, const struct resource *resource, const char *where) {
    return resource->filter_deleted ? arena_printf(call->arena, "%s AND %s", where, resource->filter_deleted) : where;
}

static const char *key_is(struct call *call, const struct resource *resource) {
    return not_deleted(call, resource, arena_printf(call->arena, "%s = ?", resource->runtime->key->name));
}

bool row_get(struct call *call, const struct resource *resource, const char *id, void *ret_row) {
    struct value args[66] = {sql_text(id ? id : "")};
    size_t count = 1;
    const char *visible = row_visible(call, resource, args, &count), *where = key_is(call, resource);

    if (visible) {
        where = arena_printf(call->arena, "%s AND %s", where, visible);
    }
    if (!find_where(call, resource, where, args, count, ret_row)) {
        return false;
    }
    return *(void **)ret_row || fail_not_found(call, resource, id ? id : "");
}

bool row_find(struct call *call, const struct resource *resource, const char *id, void *ret_row) {
    struct value arg = sql_text(id ? id : "");

    return find_where(call, resource, key_is(call, resource), &arg, 1, ret_row) && *(void **)ret_row;
}

bool row_first(struct call *call, const struct resource *resource, const char *where, const struct value *args,
               size_t count, void *ret_row) {
    return find_where(call, resource, where, args, count, ret_row);
}

bool rows_find(struct call *call, const struct resource *resource, const char *where, const struct value *args,
               size_t count, void *ret_rows, size_t *ret_count) {
    const char *sql = where ? arena_printf(call->arena, "%s WHERE %s", resource->runtime->select, where)
                            : resource->runtime->select;
    struct rows *rows = db_query(call->db, sql, args, count);
    char *all = NULL;
    size_t n = 0;

    while (rows_next(rows)) {
        all = arena_grow(call->arena, all, n, resource->size);
        row_load(call, resource, rows, all + n++ * resource->size);
    }
    rows_end(rows);
    *(void **)ret_rows = all;
    *ret_count = n;
    return db_failure(call->db) == DB_OK || fail_database(call);
}

/* Bytes of the field's C member. */
static size_t member_size(const struct field *field) {
    return field->type == TYPE_BOOL ? sizeof(bool) : field->type == TYPE_OBJECTS ? sizeof(struct objects) : 8;
}

void row_copy(const struct resource *to_resource, void *to, const struct resource *from_resource, const void *from) {
    for (size_t i = 0; i < to_resource->runtime->field_count; i++) {
        const struct field *field = &to_resource->runtime->fields[i], *other = resource_field(from_resource, field->name);

        if (other && (other->type == field->type || (field_is_text(other) && field_is_text(field)))) {
            memcpy(field_slot(field, to), field_slot(other, from), member_size(field));
        }
    }
}
