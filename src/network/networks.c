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

enum { MTU_PHYSICAL = 1500, GENEVE_OVERHEAD = 58, MTU_LEAST = 68, MTU_LEAST_IPV6 = 1280, VLAN_MOST = 4094 };
enum { GENEVE_MOST = 16777215 };

/* ---- segments ---- */

static bool is_type(const struct network_network *net, const char *type) {
    return net->network_type && !strcmp(net->network_type, type);
}

static int64_t mtu_most(const struct network_network *net) {
    int64_t physical = conf_int(cloud.conf, "network", "mtu", MTU_PHYSICAL);

    return is_type(net, "geneve") ? physical - GENEVE_OVERHEAD : physical;
}

/* "100-200" or "geneve_ids = 1-65536". */
static void range_of(const char *option, const char *otherwise, int64_t *ret_first, int64_t *ret_last) {
    const char *text = conf_text(cloud.conf, "network", option, otherwise);
    char *end;

    *ret_first = strtoll(text, &end, 10);
    *ret_last = *end == '-' ? strtoll(end + 1, NULL, 10) : *ret_first;
}

static bool segment_used(struct call *call, const struct network_network *net) {
    return call_count(
               call,
               "SELECT count(*) FROM network_network WHERE network_type = ?"
               " AND coalesce(physical_network, '') = ? AND coalesce(segmentation_id, 0) = ? AND id <> ?",
               SQL_ARGS(sql_text(net->network_type), sql_text(net->physical_network ? net->physical_network : ""),
                        sql_int(net->segmentation_id == NO_INT ? 0 : net->segmentation_id), sql_text(net->id))) > 0;
}

/* The number after the highest one, else the first gap. */
static bool segment_choose(struct call *call, struct network_network *net, int64_t first, int64_t last) {
    const char *physical = net->physical_network ? net->physical_network : "";
    int64_t most = call_count(call,
                              "SELECT coalesce(max(segmentation_id), 0) FROM network_network WHERE network_type = ?"
                              " AND coalesce(physical_network, '') = ? AND segmentation_id BETWEEN ? AND ?",
                              SQL_ARGS(sql_text(net->network_type), sql_text(physical), sql_int(first), sql_int(last)));

    net->segmentation_id = most ? most + 1 : first;
    if (net->segmentation_id > last) {
        net->segmentation_id = call_count(
            call,
            "SELECT coalesce(min(a.segmentation_id), 0) + 1 FROM network_network a WHERE a.network_type = ?"
            " AND coalesce(a.physical_network, '') = ? AND a.segmentation_id BETWEEN ? AND ? AND NOT EXISTS"
            " (SELECT 1 FROM network_network b WHERE b.network_type = a.network_type"
            " AND coalesce(b.physical_network, '') = coalesce(a.physical_network, '')"
            " AND b.segmentation_id = a.segmentation_id + 1)",
            SQL_ARGS(sql_text(net->network_type), sql_text(physical), sql_int(first), sql_int(last - 1)));
    }
    return (net->segmentation_id >= first && net->segmentation_id <= last && !segment_used(call, net)) ||
           fail_type(call, 503, "NoNetworkAvailable",
                     "Unable to create the network. No tenant network is available for "
                     "allocation.");
}

static bool segment_in_use(struct call *call, const struct network_network *net) {
    if (is_type(net, "flat")) {
        return fail_type(call, 409, "FlatNetworkInUse",
                         "Unable to create the flat network. Physical network %s is in use.", net->physical_network);
    }
    if (is_type(net, "vlan")) {
        return fail_type(call, 409, "VlanIdInUse",
                         "Unable to create the network. The VLAN %lld on physical network %s is "
                         "in use.",
                         (long long)net->segmentation_id, net->physical_network);
    }
    return fail_type(call, 409, "TunnelIdInUse", "Unable to create the network. The tunnel ID %lld is in use.",
                     (long long)net->segmentation_id);
}

static bool physical_known(const char *name) {
    const char *names = conf_text(cloud.conf, "network", "physical_networks", "physnet1");
    size_t size = strlen(name);

    for (const char *at = strstr(names, name); at; at = strstr(at + 1, name)) {
        if ((at == names || strchr(", ", at[-1])) && (!at[size] || strchr(", ", at[size]))) {
            return true;
        }
    }
    return false;
}

static bool physical_check(struct call *call, struct network_network *net) {
    bool wanted = is_type(net, "flat") || is_type(net, "vlan");

    if (!wanted && net->physical_network) {
        return network_invalid(call, arena_printf(call->arena, "provider:physical_network specified for %s network",
                                          net->network_type));
    }
    if (wanted && !net->physical_network) {
        if (is_type(net, "vlan") && net->segmentation_id == NO_INT) {
            net->physical_network = "physnet1";
        } else {
            return network_invalid(call, "provider:physical_network required for flat and vlan networks");
        }
    }
    return !wanted || physical_known(net->physical_network) ||
           network_invalid(call, arena_printf(call->arena, "physical_network '%s' unknown for %s provider network",
                                      net->physical_network, net->network_type));
}

/* What was said of the segment is complete, possible and free; what was not said is chosen. */
static bool segment_set(struct call *call, struct network_network *net) {
    int64_t first = 0, last = 0, most = is_type(net, "vlan") ? VLAN_MOST : GENEVE_MOST;

    if (!physical_check(call, net)) {
        return false;
    }
    if (is_type(net, "flat") || is_type(net, "local")) {
        if (net->segmentation_id != NO_INT) {
            return network_invalid(call, arena_printf(call->arena, "provider:segmentation_id specified for %s network",
                                              net->network_type));
        }
        return is_type(net, "local") || !segment_used(call, net) || segment_in_use(call, net);
    }
    if (net->segmentation_id != NO_INT) {
        if (net->segmentation_id < 1 || net->segmentation_id > most) {
            return network_invalid(call, arena_printf(call->arena, "segmentation_id out of range (1 through %lld)",
                                              (long long)most));
        }
        return !segment_used(call, net) || segment_in_use(call, net);
    }
    range_of(is_type(net, "vlan") ? "vlan_ids" : "geneve_ids", is_type(net, "vlan") ? "100-200" : "1-65536", &first,
             &last);
    return segment_choose(call, net, first, last);
}

static bool segment_default(struct call *call, struct network_network *net) {
    static const char *const types[] = {"geneve", "vlan", "flat", "local"};
    bool known = false;

    if (!net->network_type && (net->physical_network || net->segmentation_id != NO_INT)) {
        return network_invalid(call, "provider:network_type required");
    }
    if (!net->network_type) {
        net->network_type = conf_text(cloud.conf, "network", "project_network_type", "geneve");
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        known = known || is_type(net, types[i]);
    }
    if (!known) {
        return network_invalid(
            call, arena_printf(call->arena, "provider:network_type '%s' is not supported", net->network_type));
    }
    return segment_set(call, net);
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

    if (!segment_default(call, net) || !mtu_set(call, net, MTU_LEAST)) {
        return false;
    }
    if (net->shared && !network_share(call, "network", net->id, net->project_id, "access_as_shared", true)) {
        return false;
    }
    if (net->router_external && !network_share(call, "network", net->id, net->project_id, "access_as_external", true)) {
        return false;
    }
    return qos_default(call, net) && metadata_create(call, net, &port) &&
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
        !network_same(was->physical_network, net->physical_network) || !is_type(net, "vlan") ||
        net->segmentation_id == NO_INT) {
        return network_invalid(call, "Plugin does not support updating provider attributes");
    }
    return segment_set(call, net);
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
