/* SPDX-License-Identifier: Apache-2.0
 * Unified limits beyond their declarations; the model is flat: limits do not look at the tree. */
#include <string.h>

#include "identity/types.h"
#include "rest/call.h"

/* Limits that follow from a registered limit: three '?'. */
static const char sql_used[] =
    "SELECT count(*) FROM identity_limit WHERE service_id = ? AND region_key = ? AND resource_name = ?";

static bool in_use(struct call *call, const struct identity_registered_limit *row) {
    return call_count(call, sql_used, SQL_ARGS(sql_text(row->service_id), sql_text(row->region_key),
                                               sql_text(row->resource_name))) &&
           !fail(call, 403, "Unable to change or delete registered limit %s: there are project limits under it.", row->id);
}

bool identity_registered_limit_create(struct call *call, void *pointer) {
    struct identity_registered_limit *row = pointer;

    row->region_key = row->region_id ? row->region_id : "";
    return true;
}

bool identity_registered_limit_update(struct call *call, const void *before, void *pointer) {
    const struct identity_registered_limit *old = before;
    struct identity_registered_limit *row = pointer;

    row->region_key = row->region_id ? row->region_id : "";
    return (!strcmp(row->service_id, old->service_id) && !strcmp(row->region_key, old->region_key) &&
            !strcmp(row->resource_name, old->resource_name)) || !in_use(call, old);
}

bool identity_registered_limit_delete(struct call *call, void *row) {
    return !in_use(call, row);
}

bool identity_limit_create(struct call *call, void *pointer) {
    static const char sql[] = "SELECT count(*) FROM identity_registered_limit"
                              " WHERE service_id = ? AND region_key = ? AND resource_name = ?";
    struct identity_limit *row = pointer;

    if (!row->project_id == !row->domain_id) {
        return fail(call, 400, "Invalid input: a limit is of a project or of a domain");
    }
    row->region_key = row->region_id ? row->region_id : "";
    row->owner = row->project_id ? row->project_id : row->domain_id;
    return call_count(call, sql, SQL_ARGS(sql_text(row->service_id), sql_text(row->region_key),
                                          sql_text(row->resource_name))) ||
           fail(call, 400, "Unable to create a limit that has no corresponding registered limit.");
}

/* With system scope all, else those of the caller's domain or project. */
bool identity_limit_list(struct call *call, struct query *query) {
    struct value id = sql_text(call->caller.domain_id ? call->caller.domain_id : call->caller.project_id);

    if (call->caller.system) {
        return true;
    }
    if (call->caller.domain_id) {
        query_where(query, "domain_id = ? OR project_id IN (SELECT p.id FROM identity_project p WHERE p.domain_id = ?)",
                    SQL_ARGS(id, id));
    } else {
        query_where(query, "project_id = ?", SQL_ARGS(sql_text(id.kind == VALUE_NULL ? "" : id.text)));
    }
    return true;
}

bool identity_limit_model(struct call *call) {
    json_raw(&call->out, "{\"model\": {\"name\": \"flat\", \"description\": \"Limits of a project do not depend on "
                         "those of other projects.\"}}");
    return true;
}
