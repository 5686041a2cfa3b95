/* SPDX-License-Identifier: Apache-2.0
 * Which policy is for which endpoint. */
#include <string.h>

#include "identity/forget.h"
#include "identity/target.h"
#include "identity/types.h"

bool identity_policy_delete(struct call *call, void *policy) {
    return forget(call, "policy", "?", ((const struct identity_policy *)policy)->id);
}

/* What the path does not name is empty in the key. */
bool identity_policy_association_locate(struct call *call, void *pointer) {
    struct identity_policy_association *row = pointer;
    struct identity_policy *policy;

    row->endpoint_id = row->endpoint_id ? row->endpoint_id : "";
    row->service_id = row->service_id ? row->service_id : "";
    row->region_id = row->region_id ? row->region_id : "";
    row->policy_id = call_parameter(call, "policy_id");
    return path_row(call, "policy", &policy);
}

/* A new policy takes the place of the one before. */
bool identity_policy_associate(struct call *call) {
    static const char sql[] =
        "DELETE FROM identity_policy_association WHERE endpoint_id = ? AND service_id = ? AND region_id = ?";
    const char *endpoint = call_parameter(call, "endpoint_id"), *service = call_parameter(call, "service_id");
    const char *region = call_parameter(call, "region_id");

    return call_exec(call, sql, SQL_ARGS(sql_text(endpoint ? endpoint : ""), sql_text(service ? service : ""),
                                         sql_text(region ? region : ""))) && op_link(call);
}

/* The nearest policy: of the endpoint, of its service in its region or one above, of its service. */
static const char sql_nearest[] =
    "WITH RECURSIVE up(id, distance) AS (SELECT id, 0 FROM identity_region WHERE id = ? UNION SELECT r.parent_region_id, distance + 1"
    "    FROM identity_region r JOIN up ON r.id = up.id WHERE r.parent_region_id IS NOT NULL AND distance < 32)"
    " SELECT a.policy_id FROM identity_policy_association a LEFT JOIN up ON up.id = a.region_id"
    "  WHERE a.endpoint_id = ? OR (a.endpoint_id = '' AND a.service_id = ? AND (a.region_id = '' OR up.id IS NOT NULL))"
    "  ORDER BY a.endpoint_id DESC, CASE WHEN a.region_id = '' THEN 1 ELSE 0 END, up.distance LIMIT 1";

bool identity_policy_of_endpoint(struct call *call) {
    struct identity_endpoint *endpoint;
    struct identity_policy *policy;
    const char *id;

    if (!path_row(call, "endpoint", &endpoint)) {
        return false;
    }
    id = db_query_text(call->db, call->arena, sql_nearest,
                       SQL_ARGS(sql_text(endpoint->region_id), sql_text(endpoint->id), sql_text(endpoint->service_id)));
    if (!id || !row_find(call, &resource_identity_policy, id, &policy)) {
        return fail(call, 404, "No policy is associated with endpoint %s.", endpoint->id);
    }
    return row_respond(call, &resource_identity_policy, policy);
}
