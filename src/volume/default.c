/* SPDX-License-Identifier: Apache-2.0
 * Default volume types of projects. */
#include "identity/identity.h"
#include "volume/parts.h"

static bool project_there(struct call *call, const char *project) {
    return identity_project_exists(call, project) || fail(call, 404, "Project %.255s could not be found.", project);
}

static bool keep(struct call *call, const struct volume_default *row) {
    struct volume_default *old;

    if (!row_first(call, &resource_volume_default, "project_id = ?", SQL_ARGS(sql_text(row->project_id)), &old)) {
        return false;
    }
    return old ? row_update(call, &resource_volume_default, row) : row_insert(call, &resource_volume_default, row);
}

bool volume_default_set(struct call *call) {
    const struct volume_default_input *input = call->input;
    struct volume_default row = {.project_id = call_parameter(call, "key")};
    struct volume_type *type;

    if (!project_there(call, row.project_id) || !volume_type_named(call, input->volume_type, &type)) {
        return false;
    }
    if (!type) {
        return fail(call, 400, "volume_type: there is no type %.255s.", input->volume_type);
    }
    row.volume_type_id = type->id;
    if (!keep(call, &row)) {
        return false;
    }
    return row_respond(call, &resource_volume_default, &row);
}

bool volume_default_unset(struct call *call) {
    const char *project = call_parameter(call, "key");

    return project_there(call, project) &&
           call_exec(call, "DELETE FROM volume_default WHERE project_id = ?", SQL_ARGS(sql_text(project)));
}

const char *volume_project_type(struct call *call, const char *project_id) {
    struct volume_default *row = NULL;

    return project_id && row_first(call, &resource_volume_default, "project_id = ?", SQL_ARGS(sql_text(project_id)), &row) && row
               ? row->volume_type_id
               : volume_default_type();
}
