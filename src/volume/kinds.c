/* SPDX-License-Identifier: Apache-2.0
 * Volume types and who may use them. */
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "rest/cloud.h"
#include "volume/parts.h"

const char *volume_default_type(void) {
    return conf_text(cloud.conf, "volume", "default_type", "__DEFAULT__");
}

void volume_type_write_public(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    json_bool(out, ((const struct volume_type *)pointer)->is_public);
}

static const char sql_usable[] =
    "is_public = 1 OR EXISTS (SELECT 1 FROM volume_type_access a"
    " WHERE a.volume_type_id = volume_type.id AND a.project_id = ?)";

/* ?is_public=None shows all to an admin; true (the default) and false choose. */
bool volume_type_on_list(struct call *call, struct query *query) {
    const char *wanted = call_argument(call, "is_public");
    bool none = wanted && !strcasecmp(wanted, "none");

    if (!call->caller.admin) {
        query_where(query, sql_usable, SQL_ARGS(sql_text(call->caller.project_id)));
    } else if (!none) {
        query_where(query, "is_public = ?", SQL_ARGS(sql_int(!wanted || call_argument_true(call, "is_public"))));
    }
    return true;
}

static bool name_free(struct call *call, const struct volume_type *row) {
    return !call_count(call, "SELECT count(*) FROM volume_type WHERE name = ? AND id <> ?",
                       SQL_ARGS(sql_text(row->name), sql_text(row->id))) ||
           fail(call, 409, "Volume Type %s already exists.", row->name);
}

static bool blank(const char *text) {
    return text[strspn(text, " \t\r\n")] == 0;
}

bool volume_type_on_create(struct call *call, void *pointer) {
    struct volume_type *row = pointer;

    row->is_public = row->access_public;
    return (!blank(row->name) || fail(call, 400, "Volume type name can not be empty.")) && name_free(call, row);
}

bool volume_type_on_update(struct call *call, const void *old, void *pointer) {
    struct volume_type *row = pointer;

    if (call->operation->run == op_update && !call_given(call, "name") && !call_given(call, "description") &&
        !call_given(call, "is_public")) {
        return fail(call, 400, "Specify volume type name, description, is_public or a combination thereof.");
    }
    return (!blank(row->name) || fail(call, 400, "Volume type name can not be empty.")) && name_free(call, row);
}

static bool usable(struct call *call, const struct volume_type *row, const char *project_id) {
    return row->is_public || call->caller.admin || call->caller.internal ||
           call_count(call, "SELECT count(*) FROM volume_type_access WHERE volume_type_id = ? AND project_id = ?",
                      SQL_ARGS(sql_text(row->id), sql_text(project_id)));
}

bool volume_type_named(struct call *call, const char *name, struct volume_type **ret_type) {
    *ret_type = NULL;
    return row_first(call, &resource_volume_type, "id = ? OR name = ? ORDER BY CASE WHEN id = ? THEN 0 ELSE 1 END",
                     SQL_ARGS(sql_text(name), sql_text(name), sql_text(name)), ret_type);
}

bool volume_type_find(struct call *call, const char *name, const char *project_id, struct volume_type **ret_type) {
    if (!volume_type_named(call, name, ret_type)) {
        return false;
    }
    return (*ret_type && usable(call, *ret_type, project_id)) ||
           fail(call, 404, "Volume type %s could not be found.", name);
}

bool volume_type_op_default(struct call *call) {
    struct volume_type *row;

    return volume_type_find(call, volume_project_type(call, call->caller.project_id), call->caller.project_id, &row) &&
           row_respond(call, &resource_volume_type, row);
}

bool volume_type_op_show(struct call *call) {
    struct volume_type *row = call->row;

    return usable(call, row, call->caller.project_id) ? row_respond(call, &resource_volume_type, row)
                                                      : fail_not_found(call, &resource_volume_type, row->id);
}

bool volume_type_op_delete(struct call *call) {
    struct volume_type *row = call->row;

    if (!strcmp(row->name, volume_default_type()) ||
        call_count(call, "SELECT count(*) FROM volume_default WHERE volume_type_id = ?", SQL_ARGS(sql_text(row->id)))) {
        return fail(call, 400, "The volume type %s is a default volume type and cannot be deleted.", row->name);
    }
    if (call_count(call, "SELECT count(*) FROM volume_volume WHERE volume_type_id = ?", SQL_ARGS(sql_text(row->id)))) {
        return fail(call, 400, "Target volume type is still in use.");
    }
    return call_exec(call, "DELETE FROM volume_type_access WHERE volume_type_id = ?", SQL_ARGS(sql_text(row->id))) &&
           call_exec(call, "DELETE FROM volume_encryption WHERE volume_type_id = ?", SQL_ARGS(sql_text(row->id))) &&
           resource_delete(call, &resource_volume_type, row);
}

/* ---- access ---- */

bool volume_type_op_access(struct call *call) {
    const struct volume_type *row = call->row;
    struct volume_type_access *rows;
    size_t count;

    if (row->is_public) {
        return fail(call, 404, "Access list not available for public volume types.");
    }
    return rows_find(call, &resource_volume_type_access, "volume_type_id = ? ORDER BY project_id", SQL_ARGS(sql_text(row->id)),
                     &rows, &count) &&
           rows_respond(call, &resource_volume_type_access, rows, count);
}

static bool has_access(struct call *call, const struct volume_type *row, const char *project) {
    return call_count(call, "SELECT count(*) FROM volume_type_access WHERE volume_type_id = ? AND project_id = ?",
                      SQL_ARGS(sql_text(row->id), sql_text(project))) > 0;
}

bool volume_type_act_add(struct call *call) {
    const struct volume_type_access_input *input = call->input;
    const struct volume_type *row = call->row;

    if (row->is_public) {
        return fail(call, 409, "Type access modification is not applicable to public volume type.");
    }
    if (has_access(call, row, input->project)) {
        return fail(call, 409, "Volume type access for %s / %s combination already exists.", row->id, input->project);
    }
    return row_insert(call, &resource_volume_type_access,
                      &(struct volume_type_access){.volume_type_id = row->id, .project_id = input->project});
}

bool volume_type_act_remove(struct call *call) {
    const struct volume_type_access_input *input = call->input;
    const struct volume_type *row = call->row;

    if (row->is_public) {
        return fail(call, 409, "Type access modification is not applicable to public volume type.");
    }
    if (!has_access(call, row, input->project)) {
        return fail(call, 404, "Volume type access not found for %s / %s combination.", row->id, input->project);
    }
    return row_delete(call, &resource_volume_type_access,
                      &(struct volume_type_access){.volume_type_id = row->id, .project_id = input->project});
}
