/* SPDX-License-Identifier: Apache-2.0
 * Endpoint groups beyond their declaration, and the lists of endpoints and projects that belong together. */
#include <string.h>

#include "identity/catalog.h"
#include "identity/forget.h"
#include "identity/target.h"
#include "identity/types.h"

static const char *const filter_names[] = {"service_id", "region_id", "interface"};

bool identity_endpoint_group_check(struct call *call, const struct field *field, void *slot) {
    const char *text = *(const char **)slot;
    const struct json *filters = json_parse(call->arena, text, strlen(text), NULL);

    for (JSON_EACH(filter, filters)) {
        bool known = false;

        for (int i = 0; i < 3; i++) {
            known = known || !strcmp(filter->key, filter_names[i]);
        }
        if (!known || filter->type != JSON_TEXT ||
            (!strcmp(filter->key, "interface") && strcmp(filter->text, "public") != 0 &&
             strcmp(filter->text, "internal") != 0 && strcmp(filter->text, "admin") != 0)) {
            return fail(call, 400, "Invalid input for field/attribute filters: '%.64s' is no filter, or its value is not "
                                   "valid", filter->key);
        }
    }
    return true;
}

/* The filters as columns, which the catalog asks for. */
static bool split(struct call *call, struct identity_endpoint_group *group) {
    const struct json *filters = json_parse(call->arena, group->filters, strlen(group->filters), NULL);

    group->service_id = json_get_text(filters, "service_id");
    group->region_id = json_get_text(filters, "region_id");
    group->interface = json_get_text(filters, "interface");
    return true;
}

bool identity_endpoint_group_create(struct call *call, void *group) {
    return split(call, group);
}

bool identity_endpoint_group_update(struct call *call, const void *old, void *group) {
    return split(call, group);
}

bool identity_endpoint_group_delete(struct call *call, void *group) {
    return forget(call, "endpoint_group", "?", ((const struct identity_endpoint_group *)group)->id);
}

bool identity_endpoint_group_list(struct call *call, struct query *query) {
    struct identity_project *project;

    if (!call_parameter(call, "project_id")) {
        return true;
    }
    query_where(query, "id IN (SELECT endpoint_group_id FROM identity_project_endpoint_group WHERE project_id = ?)",
                SQL_ARGS(sql_text(call_parameter(call, "project_id"))));
    return path_row(call, "project", &project);
}

bool identity_project_group_show(struct call *call) {
    struct identity_endpoint_group *group;

    if (!op_linked(call) || !path_row(call, "endpoint_group", &group)) {
        return false;
    }
    return row_respond(call, &resource_identity_endpoint_group, group);
}

/* Endpoints that a project was given: one by one, or by groups. Two '?', the project's id. */
const char sql_endpoints_given[] =
    "id IN (SELECT endpoint_id FROM identity_project_endpoint WHERE project_id = ?"
    "  UNION SELECT e.id FROM identity_endpoint e JOIN identity_endpoint_group g"
    "      ON e.service_id = coalesce(g.service_id, e.service_id) AND e.interface = coalesce(g.interface, e.interface)"
    "        AND (g.region_id IS NULL OR e.region_id = g.region_id)"
    "    JOIN identity_project_endpoint_group pg ON pg.endpoint_group_id = g.id WHERE pg.project_id = ?)";

static const char sql_endpoints_of_group[] =
    "id IN (SELECT e.id FROM identity_endpoint e JOIN identity_endpoint_group g"
    "    ON e.service_id = coalesce(g.service_id, e.service_id) AND e.interface = coalesce(g.interface, e.interface)"
    "      AND (g.region_id IS NULL OR e.region_id = g.region_id) WHERE g.id = ?)";

/* The endpoint itself, else its service in its region, else its service: the first of these that has a policy. */
static const char sql_endpoints_of_policy[] =
    "id IN (SELECT e.id FROM identity_endpoint e JOIN identity_policy_association a ON a.policy_id = ?"
    "  AND (a.endpoint_id = e.id OR a.endpoint_id = '' AND a.service_id = e.service_id"
    "    AND (a.region_id = '' OR a.region_id = e.region_id)))";

bool identity_endpoint_list(struct call *call, struct query *query) {
    static const struct {
        const char *kind, *sql;
    } ways[] = {{"project", sql_endpoints_given}, {"endpoint_group", sql_endpoints_of_group}, {"policy", sql_endpoints_of_policy}};

    for (size_t i = 0; i < 3; i++) {
        struct value id = sql_text(call_parameter(call, arena_printf(call->arena, "%s_id", ways[i].kind)));
        void *found;

        if (id.text) {
            query_where(query, ways[i].sql, (const struct value[]){id, id}, i ? 1 : 2);
            return path_row(call, ways[i].kind, &found);
        }
    }
    return true;
}

bool list_projects_of_endpoint(struct call *call, struct query *query) {
    const char *kind = call_parameter(call, "endpoint_id") ? "endpoint" : "endpoint_group";
    const char *sql = arena_printf(call->arena, "id IN (SELECT project_id FROM identity_project_%s WHERE %s_id = ?)", kind, kind);
    void *found;

    query_where(query, sql, SQL_ARGS(sql_text(call_parameter(call, arena_printf(call->arena, "%s_id", kind)))));
    return path_row(call, kind, &found);
}
