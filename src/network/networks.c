/* SPDX-License-Identifier: Apache-2.0
 * Networks beyond their declaration: the segment each is on, sharing, and the metadata port. */
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "network/network.h"
#include "network/parts.h"
#include "network/related.h"
#include "rest/cloud.h"
#include "rest/resource.h"

enum { MTU_PHYSICAL = 1500, GENEVE_OVERHEAD = 58, MTU_LEAST = 68, MTU_LEAST_IPV6 = 1280 };

/* ---- sizes of frames ---- */

static int64_t mtu_most(const struct network_network *net) {
    int64_t physical = conf_int(cloud.conf, "network", "mtu", MTU_PHYSICAL);

    return network_is_type(net, "geneve") ? physical - GENEVE_OVERHEAD : physical;
}

static bool mtu_set(struct call *call, struct network_network *net, int64_t least) {
    if (!net->mtu) {
        net->mtu = mtu_most(net);
    }
    return (net->mtu >= least && net->mtu <= mtu_most(net)) ||
           fail_type(call, 400, "InvalidInput",
                     "Invalid input for operation: Requested MTU %lld is not between %lld and "
                     "%lld.",
                     (long long)net->mtu, (long long)least, (long long)mtu_most(net));
}

/* ---- the metadata port ---- */

struct network_network *network_of_port(struct call *call, const struct network_port *port) {
    struct network_port *mutable = (struct network_port *)(uintptr_t)port;

    if (!mutable->network) {
        struct network_network *net = NULL;

        row_find(call, &resource_network_network, port->network_id, &net);
        mutable->network = net;
    }
    return mutable->network;
}

static bool metadata_port(struct call *call, const struct network_network *net, struct network_port **ret_port) {
    return row_first(call, &resource_network_port, "network_id = ? AND device_owner = ?",
                     SQL_ARGS(sql_text(net->id), sql_text(OWNER_METADATA)), ret_port);
}

static bool metadata_create(struct call *call, const struct network_network *net, struct network_port **ret_port) {
    const char *device = arena_printf(call->arena, "ovnmeta-%s", net->id);

    *ret_port = network_port_blank(call, net->id, net->project_id, device, OWNER_METADATA);
    return row_insert(call, &resource_network_port, *ret_port) && network_apply_port(call, *ret_port, false);
}

bool network_metadata_follow(struct call *call, const struct network_subnet *subnet) {
    struct network_network net = {.id = subnet->network_id, .project_id = subnet->project_id};
    struct network_port *port = NULL;

    if (subnet->ip_version != 4) {
        return true;
    }
    if (!metadata_port(call, &net, &port) || (!port && !metadata_create(call, &net, &port))) {
        return false;
    }
    if (!subnet->enable_dhcp) {
        return network_addresses_remove(call, port, subnet->id) && network_port_changed(call, port);
    }
    if (network_addresses_add(call, port, subnet)) {
        return network_port_changed(call, port);
    }
    if (call->error == 409) {
        call->error = 0;        /* a full subnet has no metadata */
    }
    return !call->error;
}

/* ---- hooks ---- */

bool network_network_list(struct call *call, struct query *query) {
    network_filter_tags(call, query);
    return network_filter_shared(call, query,
                                 "id IN (SELECT object_id FROM network_rbac WHERE object_type = 'network'"
                                 " AND action = 'access_as_shared' AND target_tenant IN ('*', ?))");
}

/* A network that says nothing of QoS gets its project's default policy. */
static bool qos_default(struct call *call, struct network_network *net) {
    if (!network_given(call, &resource_network_network, "qos_policy_id")) {
        net->qos_policy_id = db_query_text(call->db, call->arena,
                                           "SELECT id FROM network_qos_policy WHERE project_id = ? AND is_default = 1",
                                           SQL_ARGS(sql_text(net->project_id)));
    }
    return network_qos_usable(call, net->qos_policy_id);
}

/* The ports that have the network's policy, and the routers of its floating IPs. */
static bool qos_update(struct call *call, const struct network_network *was, const struct network_network *net) {
    if (network_same(was->qos_policy_id, net->qos_policy_id)) {
        return true;
    }
    return network_qos_usable(call, net->qos_policy_id) &&
           network_apply_all(call, "network.port", "SELECT id FROM network_port WHERE network_id = ? AND"
                                                   " qos_policy_id IS NULL AND binding_host_id <> ''", net->id) &&
           network_apply_all(call, "network.router", "SELECT DISTINCT router_id FROM network_floatingip WHERE"
                                                     " floating_network_id = ? AND router_id IS NOT NULL", net->id);
}

bool network_network_create(struct call *call, void *row) {
    struct network_network *net = row;
    struct network_port *port;

    if (!network_segment_default(call, net) || !mtu_set(call, net, MTU_LEAST)) {
        return false;
    }
    if (net->shared && !network_share(call, "network", net->id, net->project_id, "access_as_shared", true)) {
        return false;
    }
    if (net->router_external && !network_share(call, "network", net->id, net->project_id, "access_as_external", true)) {
        return false;
    }
    return qos_default(call, net) && network_segment_first(call, net) && metadata_create(call, net, &port) &&
           network_apply(call, "network.network", net->id);
}

/* Others than the owner use it; sharing cannot end before they stop. */
static bool unshare(struct call *call, const struct network_network *net) {
    int64_t others = call_count(call,
                                "SELECT count(*) FROM network_port WHERE network_id = ? AND project_id NOT IN (?, '')"
                                " AND project_id NOT IN (SELECT target_tenant FROM network_rbac WHERE object_id = ?)",
                                SQL_ARGS(sql_text(net->id), sql_text(net->project_id), sql_text(net->id)));

    if (others) {
        return fail_type(call, 409, "InvalidSharedSetting", "Unable to reconfigure sharing settings for network %s. "
                         "Multiple tenants are using it.", net->name);
    }
    return network_share(call, "network", net->id, net->project_id, "access_as_shared", false);
}

static bool internal_again(struct call *call, const struct network_network *net) {
    int64_t used = call_count(call, "SELECT count(*) FROM network_port WHERE network_id = ? AND device_owner IN (?, ?)",
                              SQL_ARGS(sql_text(net->id), sql_text(OWNER_ROUTER_GATEWAY), sql_text(OWNER_FLOATINGIP)));

    if (used) {
        return fail_type(call, 409, "ExternalNetworkInUse",
                         "External network %s cannot be updated to be made non-external, "
                         "since it has existing gateway ports.",
                         net->id);
    }
    return network_share(call, "network", net->id, net->project_id, "access_as_external", false);
}

/* Only the number of a VLAN can change, and only while nothing is on it. */
static bool segment_update(struct call *call, const struct network_network *was, struct network_network *net) {
    if (network_same(was->network_type, net->network_type) &&
        network_same(was->physical_network, net->physical_network) && was->segmentation_id == net->segmentation_id) {
        return true;
    }
    if (!network_same(was->network_type, net->network_type) ||
        !network_same(was->physical_network, net->physical_network) || !network_is_type(net, "vlan") ||
        net->segmentation_id == NO_INT) {
        return network_invalid(call, "Plugin does not support updating provider attributes");
    }
    return network_segment_set(call, net) &&
           call_exec(call, "UPDATE network_segment SET segmentation_id = ? WHERE network_id = ? AND first = 1",
                     SQL_ARGS(sql_int(net->segmentation_id), sql_text(net->id)));
}

bool network_network_update(struct call *call, const void *old, void *row) {
    const struct network_network *was = old;
    struct network_network *net = row;
    bool ipv6;

    if (!segment_update(call, was, net) || !qos_update(call, was, net)) {
        return false;
    }
    if (net->mtu != was->mtu) {
        ipv6 = call_count(call, "SELECT count(*) FROM network_subnet WHERE network_id = ? AND ip_version = 6",
                          SQL_ARGS(sql_text(net->id))) > 0;
        if (!mtu_set(call, net, ipv6 ? MTU_LEAST_IPV6 : MTU_LEAST) || !network_apply_routers(call, net->id)) {
            return false;
        }
    }
    if (net->shared != was->shared &&
        !(net->shared ? network_share(call, "network", net->id, net->project_id, "access_as_shared", true)
                      : unshare(call, net))) {
        return false;
    }
    if (net->router_external != was->router_external &&
        !(net->router_external ? network_share(call, "network", net->id, net->project_id, "access_as_external", true)
                               : internal_again(call, net))) {
        return false;
    }
    return network_apply(call, "network.network", net->id);
}

/* Floating IPs that stand for nothing go with their network. */
static bool delete_floatingips(struct call *call, const struct network_network *net) {
    struct network_floatingip *fips;
    size_t count;

    if (!rows_find(call, &resource_network_floatingip, "floating_network_id = ? AND port_id IS NULL",
                   SQL_ARGS(sql_text(net->id)), &fips, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!resource_delete(call, &resource_network_floatingip, &fips[i])) {
            return false;
        }
    }
    return true;
}

bool network_network_delete(struct call *call, void *row) {
    const struct network_network *net = row;
    const struct value id = sql_text(net->id);
    struct network_port *port = NULL;

    if (net->router_external && !delete_floatingips(call, net)) {
        return false;
    }
    if (call_count(call,
                   "SELECT count(*) FROM network_port WHERE network_id = ? AND device_owner NOT IN " OWNERS_TRANSIENT,
                   &id, 1)) {
        return fail_type(call, 409, "NetworkInUse",
                         "Unable to complete operation on network %s. There are one or more ports "
                         "still in use on the network.",
                         net->id);
    }
    if (!metadata_port(call, net, &port) || (port && !network_apply(call, "network.port", port->id))) {
        return false;
    }
    return call_exec(call, "DELETE FROM network_allocation WHERE network_id = ?", &id, 1) &&
           call_exec(call, "DELETE FROM network_port WHERE network_id = ?", &id, 1) &&
           call_exec(call, "DELETE FROM network_subnet WHERE network_id = ?", &id, 1) &&
           call_exec(call, "DELETE FROM network_segment WHERE network_id = ?", &id, 1) &&
           call_exec(call, "DELETE FROM network_rbac WHERE object_id = ?", &id, 1) &&
           network_apply(call, "network.network", net->id);
}

static void set_scope(const struct batch *batch, void *row, struct rows *result) {
    struct network_network *net = row;
    const char *scope = rows_text(result, 3);
    const char **slot = rows_int(result, 2) == 4 ? &net->ipv4_address_scope : &net->ipv6_address_scope;

    *slot = scope ? arena_text(batch->call->arena, scope) : *slot;
}

static void write_subnet(const struct batch *batch, void *row, struct rows *result, struct json_out *out) {
    json_text(out, rows_text(result, 1));
    set_scope(batch, row, result);
}

bool network_network_expand(struct call *call, void *rows, size_t count) {
    const struct batch batch = {call, &resource_network_network, rows, count, "id", 0};

    return network_expand_shared(call, &resource_network_network, rows, count) &&
           related_lists(&batch,
                         "SELECT s.network_id, s.id, s.ip_version, p.address_scope_id FROM network_subnet s"
                         " LEFT JOIN network_subnetpool p ON p.id = s.subnetpool_id"
                         " WHERE s.network_id IN ($ids) ORDER BY s.created_at, s.id",
                         SQL_NO_ARGS, "subnets", write_subnet);
}
