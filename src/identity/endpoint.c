/* SPDX-License-Identifier: Apache-2.0
 * Regions, services and endpoints beyond their declarations. */
#include <string.h>

#include "identity/identity.h"
#include "identity/types.h"

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
    const struct identity_service *service = pointer;

    return call_exec(call, "DELETE FROM identity_endpoint WHERE service_id = ?", SQL_ARGS(sql_text(service->id)));
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

/* PUT /v3/regions/{region_id}: a create whose id stands in the path. */
bool identity_region_put(struct call *call) {
    const char *id = call_parameter(call, "region_id"), *given = json_get_text(json_get(call->body, "region"), "id");

    if (given && strcmp(given, id) != 0) {
        return fail(call, 400, "Conflicting region IDs specified: \"%s\" != \"%s\"", id, given);
    }
    call->parameters[0].name = "id";
    return op_create(call);
}
