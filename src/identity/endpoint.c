/* SPDX-License-Identifier: Apache-2.0
 * Regions, services and endpoints beyond their declarations. */
#include <string.h>

#include "identity/forget.h"
#include "identity/identity.h"
#include "identity/target.h"
#include "identity/types.h"

/* PUT /v3/regions/{id}: the body must not say another id. */
bool identity_region_create(struct call *call, void *pointer) {
    const char *id = call_parameter(call, "id"), *given = json_get_text(json_get(call->body, "region"), "id");

    return !id || !given || !strcmp(given, id) ||
           fail(call, 400, "Conflicting region IDs specified: \"%s\" != \"%s\"", id, given);
}

bool identity_region_delete(struct call *call, void *pointer) {
    const struct identity_region *region = pointer;

    if (call_count(call, "SELECT count(*) FROM identity_region WHERE parent_region_id = ?", SQL_ARGS(sql_text(region->id))) ||
        call_count(call, "SELECT count(*) FROM identity_endpoint WHERE region_id = ?", SQL_ARGS(sql_text(region->id)))) {
        return fail(call, 403, "Unable to delete region %s because it or its child regions have associated endpoints.",
                    region->id);
    }
    return true;
}

bool identity_service_delete(struct call *call, void *pointer) {
    const char *id = ((const struct identity_service *)pointer)->id;

    return forget(call, "endpoint", "SELECT id FROM identity_endpoint WHERE service_id = ?", id) &&
           forget(call, "service", "?", id) &&
           call_exec(call, "DELETE FROM identity_endpoint WHERE service_id = ?", SQL_ARGS(sql_text(id)));
}

bool identity_endpoint_delete(struct call *call, void *pointer) {
    return forget(call, "endpoint", "?", ((const struct identity_endpoint *)pointer)->id);
}

void identity_endpoint_region(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    json_text(out, ((const struct identity_endpoint *)pointer)->region_id);
}

/* "region" is the older name of region_id; naming a region that is not there makes it. */
static bool take_region(struct call *call, struct identity_endpoint *endpoint) {
    struct identity_region *found, region;

    if (!call_given(call, "region") || call_given(call, "region_id") || !endpoint->region) {
        return true;
    }
    endpoint->region_id = endpoint->region;
    if (row_find(call, &resource_identity_region, endpoint->region, &found)) {
        return true;
    }
    memset(&region, 0, sizeof region);
    row_defaults(call, &resource_identity_region, &region);
    region.id = endpoint->region;
    return row_insert(call, &resource_identity_region, &region);
}

bool identity_endpoint_create(struct call *call, void *endpoint) {
    return take_region(call, endpoint);
}

bool identity_endpoint_update(struct call *call, const void *old, void *endpoint) {
    return take_region(call, endpoint);
}
