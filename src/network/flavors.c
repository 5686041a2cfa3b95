/* SPDX-License-Identifier: Apache-2.0
 * Flavors and service profiles: what belongs to what, and which drivers there are. */
#include <string.h>

#include "network/parts.h"
#include "network/related.h"
#include "rest/resource.h"

/* The kinds of services that Neutron knows, and the only provider of this cloud. */
static const char types[] = "|FLAVORS|L3_ROUTER_NAT|FIREWALL|VPN|METERING|QOS|BGP|TAAS|LOADBALANCERV2|DUMMY|";
#define DRIVER "ovn"

bool network_service_type_check(struct call *call, const struct field *field, void *slot) {
    const char *type = *(const char **)slot;

    return (strchr(type, '|') == NULL && strstr(types, arena_printf(call->arena, "|%s|", type))) ||
           fail_field(call, field, "'%.60s' is no type of service", type);
}

static bool in_use(struct call *call, const char *column, const char *id) {
    return call_count(call, arena_printf(call->arena, "SELECT count(*) FROM network_flavor_profile WHERE %s = ?", column),
                      SQL_ARGS(sql_text(id))) > 0;
}

/* A flavor's profiles go with it; routers do not have flavors here. */
bool network_flavor_delete(struct call *call, void *row) {
    return call_exec(call, "DELETE FROM network_flavor_profile WHERE flavor_id = ?",
                     SQL_ARGS(sql_text(((struct network_flavor *)row)->id)));
}

static void write_id(const struct batch *batch, void *row, struct rows *result, struct json_out *out) {
    json_text(out, rows_text(result, 1));
}

bool network_flavor_expand(struct call *call, void *rows, size_t count) {
    const struct batch batch = {call, &resource_network_flavor, rows, count, "id", 0};

    return related_lists(&batch, "SELECT flavor_id, profile_id FROM network_flavor_profile WHERE flavor_id IN ($ids)"
                                 " ORDER BY profile_id", SQL_NO_ARGS, "service_profiles", write_id);
}

static bool profile_makes_sense(struct call *call, const struct network_service_profile *profile) {
    if (!*profile->driver && !*profile->metainfo) {
        return fail_type(call, 400, "ServiceProfileEmpty", "A service profile needs a driver or metainfo.");
    }
    return !*profile->driver || !strcmp(profile->driver, DRIVER) ||
           fail_type(call, 404, "ServiceProfileDriverNotFound", "There is no driver %.80s.", profile->driver);
}

bool network_service_profile_create(struct call *call, void *row) {
    return profile_makes_sense(call, row);
}

static bool profile_unused(struct call *call, const struct network_service_profile *profile) {
    return !in_use(call, "profile_id", profile->id) ||
           fail_type(call, 409, "ServiceProfileInUse", "A flavor has service profile %s.", profile->id);
}

bool network_service_profile_update(struct call *call, const void *old, void *row) {
    return profile_makes_sense(call, row) && profile_unused(call, row);
}

bool network_service_profile_delete(struct call *call, void *row) {
    return profile_unused(call, row);
}

static bool joined(struct call *call, const char *flavor, const char *profile) {
    return call_count(call, "SELECT count(*) FROM network_flavor_profile WHERE flavor_id = ? AND profile_id = ?",
                      SQL_ARGS(sql_text(flavor), sql_text(profile))) > 0;
}

bool network_flavor_join(struct call *call) {
    const struct network_flavor_profile_wanted *input = call->input;
    struct network_flavor_profile link = {.flavor_id = ((struct network_flavor *)call->row)->id, .profile_id = input->id};

    if (joined(call, link.flavor_id, link.profile_id)) {
        return fail_type(call, 409, "FlavorServiceProfileBindingExists", "Flavor %s has service profile %s already.",
                         link.flavor_id, link.profile_id);
    }
    if (!row_insert(call, &resource_network_flavor_profile, &link)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "service_profile");
    json_map(&call->out);
    json_put_text(&call->out, "id", link.profile_id);
    json_put_text(&call->out, "tenant_id", call->caller.project_id);
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool network_flavor_leave(struct call *call) {
    const char *flavor = ((struct network_flavor *)call->row)->id, *profile = call_parameter(call, "profile_id");

    if (!joined(call, flavor, profile)) {
        return fail_type(call, 404, "FlavorServiceProfileBindingNotFound", "Flavor %s has no service profile %.60s.",
                         flavor, profile);
    }
    return call_exec(call, "DELETE FROM network_flavor_profile WHERE flavor_id = ? AND profile_id = ?",
                     SQL_ARGS(sql_text(flavor), sql_text(profile)));
}

/* Who would serve the flavor: its first profile that is enabled. */
bool network_flavor_providers(struct call *call) {
    const struct network_flavor *flavor = call->row;
    struct network_service_profile *profile;

    if (!flavor->enabled) {
        return fail_type(call, 503, "FlavorDisabled", "Flavor %s is switched off.", flavor->id);
    }
    if (!row_first(call, &resource_network_service_profile,
                   "enabled = 1 AND id IN (SELECT profile_id FROM network_flavor_profile WHERE flavor_id = ?)"
                   " ORDER BY id", SQL_ARGS(sql_text(flavor->id)), &profile)) {
        return false;
    }
    if (!profile) {
        return fail_type(call, 503, "ServiceProfileDisabled", "Flavor %s has no service profile that is enabled.",
                         flavor->id);
    }
    json_map(&call->out);
    json_key(&call->out, "next_providers");
    json_list(&call->out);
    json_map(&call->out);
    json_put_text(&call->out, "driver", *profile->driver ? profile->driver : DRIVER);
    json_put_text(&call->out, "metainfo", profile->metainfo);
    json_put_text(&call->out, "provider", DRIVER);
    json_map_end(&call->out);
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}
