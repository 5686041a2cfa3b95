/* SPDX-License-Identifier: Apache-2.0
 * RBAC entries beyond their declaration: what they name must be there, and may not go while others rely on it. */
#include <string.h>

#include "network/parts.h"
#include "rest/resource.h"

static const struct type {
    const char *name;
    const struct resource *resource;
    const char *const actions[2];
    const char *in_use;     /* SQL: how much of it the project '?2' uses of object '?1' */
} types[] = {
    {"network", &resource_network_network, {"access_as_shared", "access_as_external"},
     "SELECT count(*) FROM network_port WHERE network_id = ? AND project_id = ?"},
    {"subnetpool", &resource_network_subnetpool, {"access_as_shared"},
     "SELECT count(*) FROM network_subnet WHERE subnetpool_id = ? AND project_id = ?"},
    {"address_scope", &resource_network_address_scope, {"access_as_shared"},
     "SELECT count(*) FROM network_subnetpool WHERE address_scope_id = ? AND project_id = ?"},
    {"address_group", &resource_network_address_group, {"access_as_shared"},
     "SELECT count(*) FROM network_security_group_rule WHERE remote_address_group_id = ? AND project_id = ?"},
    {"qos_policy", &resource_network_qos_policy, {"access_as_shared"},
     "SELECT count(*) FROM (SELECT qos_policy_id, project_id FROM network_network UNION ALL SELECT qos_policy_id,"
     " project_id FROM network_port UNION ALL SELECT qos_policy_id, project_id FROM network_floatingip) bound"
     " WHERE qos_policy_id = ? AND project_id = ?"},
    {"security_group", &resource_network_security_group, {"access_as_shared"},
     "SELECT count(*) FROM network_port p JOIN network_port_group g ON g.port_id = p.id"
     " WHERE g.group_id = ? AND p.project_id = ?"},
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

/* Projects other than the owner's that rely on the entry alone. */
static bool unused(struct call *call, const struct network_rbac *entry) {
    const struct type *type = type_of(entry->object_type);
    int64_t used;

    if (strcmp(entry->target_tenant, "*") != 0) {
        used = call_count(call, type->in_use, SQL_ARGS(sql_text(entry->object_id), sql_text(entry->target_tenant)));
    } else {
        used = type->resource != &resource_network_network
                   ? 0
                   : call_count(
                         call,
                         is_external(entry)
                             ? "SELECT count(*) FROM network_port WHERE network_id = ? AND ? <> '' AND device_owner IN"
                               " ('network:router_gateway', 'network:floatingip')"
                             : "SELECT count(*) FROM network_port WHERE network_id = ? AND project_id NOT IN (?, '')"
                               " AND project_id NOT IN (SELECT target_tenant FROM network_rbac)",
                         SQL_ARGS(sql_text(entry->object_id), sql_text(entry->project_id)));
    }
    return !used || fail_type(call, 409, "RbacPolicyInUse",
                              "RBAC policy on object %s cannot be removed because other objects "
                              "depend on it.",
                              entry->object_id);
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
