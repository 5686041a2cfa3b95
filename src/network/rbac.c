/* SPDX-License-Identifier: Apache-2.0
 * RBAC entries beyond their declaration: what they name must be there, and may not go while others rely on it. */
#include <string.h>

#include "network/parts.h"
#include "rest/resource.h"

static const struct type {
    const char *name;
    const struct resource *resource;
    const char *const actions[2];
    const char *users;      /* SQL: the projects that use object '?' */
} types[] = {
    {"network", &resource_network_network, {"access_as_shared", "access_as_external"},
     "SELECT project_id FROM network_port WHERE network_id = ?"},
    {"subnetpool", &resource_network_subnetpool, {"access_as_shared"},
     "SELECT project_id FROM network_subnet WHERE subnetpool_id = ?"},
    {"address_scope", &resource_network_address_scope, {"access_as_shared"},
     "SELECT project_id FROM network_subnetpool WHERE address_scope_id = ?"},
    {"address_group", &resource_network_address_group, {"access_as_shared"},
     "SELECT project_id FROM network_security_group_rule WHERE remote_address_group_id = ?"},
    {"qos_policy", &resource_network_qos_policy, {"access_as_shared"},
     "SELECT project_id FROM (SELECT qos_policy_id, project_id FROM network_network UNION ALL SELECT qos_policy_id,"
     " project_id FROM network_port UNION ALL SELECT qos_policy_id, project_id FROM network_floatingip) bound"
     " WHERE qos_policy_id = ?"},
    {"security_group", &resource_network_security_group, {"access_as_shared"},
     "SELECT p.project_id FROM network_port p JOIN network_port_group g ON g.port_id = p.id WHERE g.group_id = ?"},
};

static const struct type *type_of(const char *name) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!strcmp(types[i].name, name)) {
            return &types[i];
        }
    }
    return NULL;
}

static bool is_external(const struct network_rbac *entry) {
    return !strcmp(entry->action, "access_as_external");
}

static bool set_external(struct call *call, const char *network_id, bool external) {
    return call_exec(call, "UPDATE network_network SET router_external = ? WHERE id = ?",
                     SQL_ARGS(sql_int(external), sql_text(network_id))) &&
           network_apply(call, "network.network", network_id);
}

bool network_rbac_create(struct call *call, void *row) {
    const struct network_rbac *entry = row;
    const struct type *type = type_of(entry->object_type);
    void *object;
    bool known = false;

    for (int i = 0; type && i < 2; i++) {
        known = known || (type->actions[i] && !strcmp(type->actions[i], entry->action));
    }
    if (!type) {
        return network_invalid(call, arena_printf(call->arena, "Invalid object type '%.60s'", entry->object_type));
    }
    if (!known) {
        return network_invalid(
            call, arena_printf(call->arena, "Invalid action '%.60s' for object type '%s'", entry->action, type->name));
    }
    if (!row_get(call, type->resource, entry->object_id, &object)) {
        return false;
    }
    if (!call->caller.admin && strcmp(row_project(type->resource, object), call->caller.project_id) != 0) {
        return network_invalid(call, "Only admins can manipulate policies on objects they do not own");
    }
    if (!is_external(entry)) {
        return true;
    }
    return call->caller.admin ? set_external(call, entry->object_id, true)
                              : network_invalid(call, "Only admins can make networks external");
}

/* How many uses of the object by others than its owner rely on this entry alone. */
static int64_t relying(struct call *call, const struct network_rbac *entry) {
    const struct type *type = type_of(entry->object_type);
    const struct value object = sql_text(entry->object_id), id = sql_text(entry->id), action = sql_text(entry->action);
    const struct value target = sql_text(entry->target_tenant);
    const char *owner;
    void *row;

    if (is_external(entry)) {
        return call_count(call,
                          "SELECT count(*) FROM network_port WHERE network_id = ? AND device_owner IN"
                          " ('network:router_gateway', 'network:floatingip') AND NOT EXISTS (SELECT 1 FROM network_rbac"
                          " WHERE object_id = ? AND action = ? AND id <> ?)", SQL_ARGS(object, object, action, id));
    }
    owner = row_find(call, type->resource, entry->object_id, &row) ? row_project(type->resource, row) : "";
    return call_count(call,
                      arena_printf(call->arena,
                                   "SELECT count(*) FROM (%s) users WHERE project_id NOT IN (?, '') AND"
                                   " ? IN ('*', project_id) AND NOT EXISTS (SELECT 1 FROM network_rbac r WHERE"
                                   " r.object_id = ? AND r.action = ? AND r.id <> ? AND r.target_tenant IN ('*',"
                                   " users.project_id))", type->users),
                      SQL_ARGS(object, sql_text(owner), target, object, action, id));
}

static bool unused(struct call *call, const struct network_rbac *entry) {
    return !relying(call, entry) || fail_type(call, 409, "RbacPolicyInUse",
                                              "Other projects use object %s by RBAC entry %s alone.", entry->object_id,
                                              entry->id);
}

bool network_rbac_update(struct call *call, const void *old, void *row) {
    return unused(call, old);
}

bool network_rbac_delete(struct call *call, void *row) {
    const struct network_rbac *entry = row;

    if (!unused(call, entry)) {
        return false;
    }
    return !is_external(entry) ||
           call_count(call, "SELECT count(*) FROM network_rbac WHERE object_id = ? AND action = ? AND id <> ?",
                      SQL_ARGS(sql_text(entry->object_id), sql_text(entry->action), sql_text(entry->id))) > 0 ||
           set_external(call, entry->object_id, false);
}
