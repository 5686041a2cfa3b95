/* SPDX-License-Identifier: Apache-2.0
 * Unified limits beyond their declarations. The model is flat (limits do not look at the tree) or strict_two_level (no
 * project has more than its domain). */
#include <string.h>

#include "base/conf.h"
#include "identity/types.h"
#include "rest/cloud.h"

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

/* ---- the model ---- */

static bool is_strict(void) {
    return !strcmp(conf_text(cloud.conf, "unified_limit", "enforcement_model", "flat"), "strict_two_level");
}

/* What the project's domain has: its own limit, else the registered one. -1: no bound. */
static int64_t limit_above(struct call *call, const struct identity_limit *row) {
    static const char sql[] =
        "SELECT coalesce((SELECT l.resource_limit FROM identity_limit l JOIN identity_project p ON p.parent_id = l.owner"
        "  WHERE p.id = ? AND l.service_id = ? AND l.region_key = ? AND l.resource_name = ?),"
        " (SELECT default_limit FROM identity_registered_limit WHERE service_id = ? AND region_key = ? AND resource_name = ?), -1)";
    struct value service = sql_text(row->service_id), region = sql_text(row->region_key), name = sql_text(row->resource_name);

    return db_query_int(call->db, sql, SQL_ARGS(sql_text(row->owner), service, region, name, service, region, name), -1);
}

static int64_t children_above(struct call *call, const struct identity_limit *row) {
    return call_count(call, "SELECT count(*) FROM identity_limit l JOIN identity_project p ON p.id = l.owner"
                            " WHERE p.domain_id = ? AND l.service_id = ? AND l.region_key = ? AND l.resource_name = ?"
                            "   AND (l.resource_limit > ? OR l.resource_limit = -1)",
                      SQL_ARGS(sql_text(row->owner), sql_text(row->service_id), sql_text(row->region_key),
                               sql_text(row->resource_name), sql_int(row->resource_limit)));
}

static bool fits_tree(struct call *call, const struct identity_limit *row) {
    int64_t above = row->project_id && is_strict() ? limit_above(call, row) : -1;
    bool unlimited = row->resource_limit < 0;

    if (above >= 0 && (unlimited || row->resource_limit > above)) {
        return fail(call, 403, "Invalid resource limit: %s of project %s would be more than its domain has (%lld).",
                    row->resource_name, row->project_id, (long long)above);
    }
    return !is_strict() || row->project_id || unlimited || !children_above(call, row) ||
           fail(call, 403, "Invalid resource limit: projects of domain %s have more %s already.", row->domain_id,
                row->resource_name);
}

bool identity_limit_update(struct call *call, const void *old, void *row) {
    return fits_tree(call, row);
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
    if (!call_count(call, sql, SQL_ARGS(sql_text(row->service_id), sql_text(row->region_key), sql_text(row->resource_name)))) {
        return fail(call, 400, "Unable to create a limit that has no corresponding registered limit.");
    }
    return fits_tree(call, row);
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
    json_map(&call->out);
    json_key(&call->out, "model");
    json_map(&call->out);
    json_put_text(&call->out, "name", is_strict() ? "strict_two_level" : "flat");
    json_put_text(&call->out, "description", is_strict() ? "No project has more than its domain."
                                                         : "Limits of a project do not depend on those of other projects.");
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}
