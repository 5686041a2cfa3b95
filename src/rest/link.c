/* SPDX-License-Identifier: Apache-2.0
 * Rows that only join others: a member of a group, a role of a user. The path names all of the key. */
#include <string.h>

#include "rest/resource.h"

/* The row that the path names, with what it refers to checked. */
static bool named(struct call *call, void *row) {
    const struct resource_runtime *run = call->resource->runtime;

    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];
        const char *value = field->rights & KEY ? call_parameter(call, field->name) : NULL;
        void *found;

        if (value) {
            *(const char **)field_slot(field, row) = value;
        }
        if (value && field->refers && !row_find(call, field->refers, value, &found)) {
            return fail_not_found(call, field->refers, value);
        }
    }
    return !call->resource->locate || call->resource->locate(call, row);
}

/* Sets '*ret_row' to the row with the same key, null when there is none. */
static bool same(struct call *call, const void *row, void *ret_row) {
    const struct resource_runtime *run = call->resource->runtime;
    struct value args[8];
    const char *where = NULL;
    size_t count = 0;

    for (size_t i = 0; i < run->field_count && count < 8; i++) {
        const struct field *field = &run->fields[i];

        if (field->rights & KEY) {
            args[count++] = field->type == TYPE_BOOL ? sql_int(*(bool *)field_slot(field, row))
                                                     : sql_text(field_text(field, row));
            where = arena_printf(call->arena, "%s%s%s = ?", where ? where : "", where ? " AND " : "", field->name);
        }
    }
    return row_first(call, call->resource, where, args, count, ret_row);
}

static bool no_such_link(struct call *call) {
    return fail_not_found(call, call->resource, call->parameters[call->parameter_count - 1].value);
}

bool op_link(struct call *call) {
    void *row = arena_alloc(call->arena, call->resource->size), *found;

    row_defaults(call, call->resource, row);
    if (!named(call, row) || !same(call, row, &found)) {
        return false;
    }
    return found || resource_create(call, call->resource, row);
}

bool op_linked(struct call *call) {
    void *row = arena_alloc(call->arena, call->resource->size), *found;

    return named(call, row) && same(call, row, &found) && (found || no_such_link(call));
}

bool op_unlink(struct call *call) {
    void *row = arena_alloc(call->arena, call->resource->size), *found;

    return named(call, row) && same(call, row, &found) &&
           (found ? resource_delete(call, call->resource, found) : no_such_link(call));
}
