/* SPDX-License-Identifier: Apache-2.0
 * Subnets beyond their declaration: prefix, gateway, pools, IPv6 modes, and what happens to the addresses. */
#include <string.h>

#include "network/network.h"
#include "network/parts.h"
#include "network/related.h"
#include "rest/resource.h"

enum { MAX_POOLS = 64, MAX_HOST_ROUTES = 20 };

static struct ip ip_of(const char *text) {
    struct ip ip = {0};

    return text && ip_parse(text, &ip) ? ip : (struct ip){0};
}

static const char *text_of(struct call *call, struct ip ip) {
    return ip_print(ip, arena_alloc(call->arena, IP_TEXT_SIZE));
}

/* ---- checks ---- */

static bool same_version(struct call *call, const struct network_subnet *subnet, const char *text, const char *what) {
    struct ip_net net;

    return !text || (ip_net_parse_host(text, &net) && net.ip.family == subnet->ip_version) ||
           network_invalid(call, arena_printf(call->arena, "%s '%s' does not match the ip_version '%d'", what, text,
                                      (int)subnet->ip_version));
}

static bool check_dhcp(struct call *call, const struct network_subnet *subnet, struct ip_net net) {
    if (net.length > ip_bits(net.ip) - 2) {
        return network_invalid(call, "Subnet has a prefix length that is incompatible with DHCP service enabled");
    }
    if (ip_is_multicast(net.ip)) {
        return network_invalid(call, "Multicast IP subnet is not supported if enable_dhcp is True");
    }
    if (ip_is_loopback(net.ip)) {
        return network_invalid(call, "Loopback IP subnet is not supported if enable_dhcp is True");
    }
    return subnet->ip_version == 6 || net.ip.bytes[0] || net.ip.bytes[1] || net.ip.bytes[2] || net.ip.bytes[3] ||
           network_invalid(call, "First IP '0.0.0.0' of network is not supported if enable_dhcp is True");
}

static bool check_modes(struct call *call, const struct network_subnet *subnet, struct ip_net net) {
    const char *ra = subnet->ipv6_ra_mode, *address = subnet->ipv6_address_mode;

    if (subnet->ip_version == 4) {
        return !ra && !address ? true
                               : network_invalid(call, arena_printf(call->arena, "%s is not valid when ip_version is 4",
                                                            ra ? "ipv6_ra_mode" : "ipv6_address_mode"));
    }
    if ((ra || address) && !subnet->enable_dhcp) {
        return network_invalid(call,
                               "ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False");
    }
    if (ra && address && strcmp(ra, address) != 0) {
        return network_invalid(call, arena_printf(call->arena,
                                                  "ipv6_ra_mode set to '%s' with ipv6_address_mode set to '%s' is not "
                                                  "valid. If both attributes are set, they must be the same value",
                                                  ra, address));
    }
    return !network_subnet_is_auto(subnet) || net.length == 64 ||
           network_invalid(call,
                           arena_printf(call->arena,
                                        "Invalid CIDR %s for IPv6 address mode. OpenStack uses the EUI-64 address "
                                        "format, which requires the prefix to be /64",
                                        subnet->cidr));
}

/* Inside an IPv4 subnet it is neither the first nor the last address; outside it is the tenant's own affair. */
static bool check_gateway(struct call *call, const struct network_subnet *subnet, struct ip_net net) {
    struct ip gateway = ip_of(subnet->gateway_ip);

    if (!gateway.family || !ip_net_contains(net, gateway) || net.length >= ip_bits(gateway) - 1) {
        return true;
    }
    if (gateway.family == 4 && (ip_equal(gateway, ip_net_first(net)) || ip_equal(gateway, ip_net_last(net)))) {
        return network_invalid(call, "Gateway is not valid on subnet");
    }
    return true;
}

static bool check_lists(struct call *call, const struct network_subnet *subnet) {
    const struct json *routes = network_json(call, subnet->host_routes);

    for (JSON_EACH(item, network_json(call, subnet->dns_nameservers))) {
        if (!same_version(call, subnet, item->text, "dns_nameserver")) {
            return false;
        }
    }
    if (routes->count > MAX_HOST_ROUTES) {
        return fail_type(call, 400, "HostRoutesExhausted",
                         "Unable to complete operation for %s. The number of host routes "
                         "exceeds the limit %d.",
                         subnet->id, MAX_HOST_ROUTES);
    }
    for (JSON_EACH(item, routes)) {
        if (!same_version(call, subnet, json_get_text(item, "destination"), "route destination") ||
            !same_version(call, subnet, json_get_text(item, "nexthop"), "route nexthop")) {
            return false;
        }
    }
    return true;
}

static bool check_overlap(struct call *call, const struct network_subnet *subnet, struct ip_net net) {
    struct network_subnet *others;
    size_t count;

    if (!network_subnets_of(call, subnet->network_id, &others, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct ip_net other;

        if (ip_net_parse(others[i].cidr, &other) && ip_net_overlaps(net, other)) {
            return network_invalid(call, arena_printf(call->arena,
                                                      "Requested subnet with cidr: %s for network: %s overlaps with "
                                                      "another subnet",
                                                      subnet->cidr, subnet->network_id));
        }
    }
    return true;
}

static bool check_all(struct call *call, const struct network_subnet *subnet, struct ip_net net,
                      bool dhcp_was_enabled) {
    return same_version(call, subnet, subnet->cidr, "cidr") &&
           (!subnet->enable_dhcp || dhcp_was_enabled || check_dhcp(call, subnet, net)) &&
           same_version(call, subnet, subnet->gateway_ip, "gateway_ip") && check_gateway(call, subnet, net) &&
           check_lists(call, subnet) && check_modes(call, subnet, net);
}

/* ---- pools ---- */

static const char *pools_text(struct call *call, const struct ip_range *pools, size_t count) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    for (size_t i = 0; i < count; i++) {
        json_map(&out);
        json_put_text(&out, "start", text_of(call, pools[i].first));
        json_put_text(&out, "end", text_of(call, pools[i].last));
        json_map_end(&out);
    }
    json_list_end(&out);
    return network_text(call, &buf);
}

/* The ranges of addresses that a subnet may give out at all. */
static struct ip_range inside(struct ip_net net) {
    struct ip_range range = ip_net_range(net);

    if (net.length < ip_bits(net.ip) - 1) {
        range.first = ip_after(range.first, range.last);
        if (net.ip.family == 4) {
            ip_add(range.last, -1, &range.last);
        }
    }
    return range;
}

static bool pool_fits(struct call *call, const struct network_subnet *subnet, struct ip_net net, struct ip_range pool) {
    if (pool.first.family != subnet->ip_version || pool.last.family != subnet->ip_version ||
        ip_compare(pool.first, pool.last) > 0) {
        return fail_type(call, 400, "InvalidAllocationPool", "The allocation pool %s-%s is not valid.",
                         text_of(call, pool.first), text_of(call, pool.last));
    }
    return ip_range_holds(inside(net), pool) ||
           fail_type(call, 400, "OutOfBoundsAllocationPool",
                     "The allocation pool %s-%s spans beyond the subnet cidr %s.", text_of(call, pool.first),
                     text_of(call, pool.last), subnet->cidr);
}

static bool pools_apart(struct call *call, const struct network_subnet *subnet, const struct ip_range *pools,
                        size_t count) {
    struct ip gateway = ip_of(subnet->gateway_ip);

    for (size_t i = 0; i < count; i++) {
        if (gateway.family && ip_range_contains(pools[i], gateway)) {
            return fail_type(call, 409, "GatewayConflictWithAllocationPools",
                             "Gateway ip %s conflicts with allocation pool "
                             "%s-%s.",
                             subnet->gateway_ip, text_of(call, pools[i].first), text_of(call, pools[i].last));
        }
        for (size_t k = i + 1; k < count; k++) {
            if (ip_range_overlaps(pools[i], pools[k])) {
                return fail_type(call, 409, "OverlappingAllocationPools",
                                 "Found overlapping allocation pools: %s-%s, %s-%s "
                                 "for subnet %s.",
                                 text_of(call, pools[i].first), text_of(call, pools[i].last),
                                 text_of(call, pools[k].first), text_of(call, pools[k].last), subnet->cidr);
            }
        }
    }
    return true;
}

static bool pools_set(struct call *call, struct network_subnet *subnet, struct ip_net net, bool given) {
    struct ip_range pools[MAX_POOLS];
    size_t count = 0;

    if (!given || !subnet->allocation_pools) {
        count = (size_t)ip_net_pools(net, ip_of(subnet->gateway_ip), pools);
        subnet->allocation_pools = pools_text(call, pools, count);
        return true;
    }
    for (JSON_EACH(item, network_json(call, subnet->allocation_pools))) {
        pools[count] = (struct ip_range){ip_of(json_get_text(item, "start")), ip_of(json_get_text(item, "end"))};
        if (!pool_fits(call, subnet, net, pools[count++])) {
            return false;
        }
    }
    return pools_apart(call, subnet, pools, count);
}

/* ---- prefix ---- */

static bool pool_default(struct call *call, struct network_subnet *subnet, const struct network_subnetpool **ret_pool) {
    return row_first(call, &resource_network_subnetpool, "is_default = 1 AND ip_version = ?",
                     SQL_ARGS(sql_int(subnet->ip_version)), ret_pool) &&
           (*ret_pool || fail(call, 404, "No default subnet pool is defined for IPv%d.", (int)subnet->ip_version));
}

/* All subnets of one pool that a project has, as the pool's quota counts: IPv4 addresses, IPv6 /64 networks. */
static int64_t quota_units(struct ip_net net) {
    int bits = (net.ip.family == 4 ? 32 : 64) - net.length;

    return bits <= 0 ? 1 : bits > 40 ? 1LL << 40 : 1LL << bits;
}

static bool pool_choose(struct call *call, struct network_subnet *subnet, const struct network_subnetpool *pool,
                        int length, const struct ip_net *used, size_t used_count) {
    const struct json *prefixes = network_json(call, pool->prefixes);
    struct ip_net *nets = ARENA_ARRAY(call->arena, struct ip_net, prefixes->count + 1), wanted;
    size_t count = 0;

    for (JSON_EACH(item, prefixes)) {
        count += ip_net_parse(item->text, &nets[count]);
    }
    if (!subnet->cidr) {
        if (!ip_nets_find_free(nets, count, used, used_count, length, &wanted)) {
            return fail_type(call, 500, "SubnetAllocationError",
                             "Failed to allocate subnet: Insufficient prefix space to "
                             "allocate subnet size /%d.",
                             length);
        }
        subnet->cidr = ip_net_print(wanted, arena_alloc(call->arena, IP_NET_TEXT_SIZE));
        return true;
    }
    for (size_t i = 0; i < count && ip_net_parse(subnet->cidr, &wanted); i++) {
        bool free = ip_net_holds(nets[i], wanted);

        for (size_t k = 0; k < used_count && free; k++) {
            free = !ip_net_overlaps(used[k], wanted);
        }
        if (free) {
            return true;
        }
    }
    return fail_type(call, 500, "SubnetAllocationError",
                     "Failed to allocate subnet: Cannot allocate requested subnet from "
                     "the available set of prefixes.");
}

static bool length_fits(struct call *call, const struct network_subnetpool *pool, int64_t length) {
    if (length < pool->min_prefixlen) {
        return fail_type(call, 400, "MinPrefixSubnetAllocationError",
                         "Unable to allocate subnet with prefix length %lld, "
                         "minimum allowed prefix is %lld.",
                         (long long)length, (long long)pool->min_prefixlen);
    }
    return length <= pool->max_prefixlen ||
           fail_type(call, 400, "MaxPrefixSubnetAllocationError", "Unable to allocate subnet with prefix length %lld, "
                     "maximum allowed prefix is %lld.", (long long)length, (long long)pool->max_prefixlen);
}

static bool cidr_from_pool(struct call *call, struct network_subnet *subnet, const struct network_subnetpool *pool) {
    struct network_subnet *others;
    struct ip_net *used, net;
    size_t count, n = 0;
    int64_t length = subnet->prefixlen == NO_INT ? pool->default_prefixlen : subnet->prefixlen, units = 0;

    if (subnet->cidr && ip_net_parse(subnet->cidr, &net)) {
        length = net.length;
    }
    if (pool->ip_version != subnet->ip_version) {
        return fail_type(call, 400, "BadSubnetRequest",
                         "Bad subnet request: Cannot allocate IPv%d subnet from IPv%d subnet "
                         "pool.",
                         (int)subnet->ip_version, (int)pool->ip_version);
    }
    if (!length_fits(call, pool, length) || !rows_find(call, &resource_network_subnet, "subnetpool_id = ?",
                                                       SQL_ARGS(sql_text(pool->id)), &others, &count)) {
        return false;
    }
    used = ARENA_ARRAY(call->arena, struct ip_net, count + 1);
    for (size_t i = 0; i < count; i++) {
        n += ip_net_parse(others[i].cidr, &used[n]);
        units += others[i].project_id && subnet->project_id && !strcmp(others[i].project_id, subnet->project_id)
                     ? quota_units(used[n - 1]) : 0;
    }
    net = (struct ip_net){.ip.family = (uint8_t)pool->ip_version, .length = (uint8_t)length};
    if (pool->default_quota != NO_INT && pool->default_quota && units + quota_units(net) > pool->default_quota) {
        return fail_type(call, 409, "SubnetPoolQuotaExceeded", "Per-tenant subnet pool prefix quota exceeded.");
    }
    return pool_choose(call, subnet, pool, (int)length, used, n);
}

static bool cidr_set(struct call *call, struct network_subnet *subnet) {
    const struct network_subnetpool *pool = NULL;

    if (subnet->use_default_subnetpool && subnet->subnetpool_id) {
        return fail_type(call, 400, "BadSubnetRequest",
                         "Bad subnet request: subnetpool_id and use_default_subnetpool cannot "
                         "both be specified.");
    }
    if (subnet->use_default_subnetpool && !pool_default(call, subnet, &pool)) {
        return false;
    }
    if (!pool && subnet->subnetpool_id) {
        row_find(call, &resource_network_subnetpool, subnet->subnetpool_id, &pool);
    }
    if (!pool && !subnet->cidr) {
        return fail_type(call, 400, "BadSubnetRequest",
                         "Bad subnet request: a subnetpool must be specified in the absence of "
                         "a cidr.");
    }
    if (pool) {
        subnet->subnetpool_id = pool->id;
        return (same_version(call, subnet, subnet->cidr, "cidr")) && cidr_from_pool(call, subnet, pool);
    }
    return subnet->prefixlen == NO_INT ||
           fail_type(call, 400, "BadSubnetRequest", "Bad subnet request: prefixlen needs a subnet pool.");
}

/* ---- hooks ---- */

bool network_subnet_list(struct call *call, struct query *query) {
    network_filter_tags(call, query);
    return network_filter_shared(call, query,
                                 "network_id IN (SELECT object_id FROM network_rbac WHERE object_type = 'network'"
                                 " AND action = 'access_as_shared' AND target_tenant IN ('*', ?))");
}

bool network_subnet_expand(struct call *call, void *rows, size_t count) {
    return true;
}

/* Ports that are on the network already get the automatic address of a new subnet. */
static bool add_automatic(struct call *call, const struct network_subnet *subnet) {
    struct network_port *ports;
    size_t count;

    if (!rows_find(call, &resource_network_port, "network_id = ? AND device_owner NOT IN (?, ?, ?)",
                   SQL_ARGS(sql_text(subnet->network_id), sql_text(OWNER_ROUTER_INTERFACE),
                            sql_text(OWNER_ROUTER_GATEWAY), sql_text(OWNER_METADATA)),
                   &ports, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!network_addresses_add(call, &ports[i], subnet) || !network_port_changed(call, &ports[i])) {
            return false;
        }
    }
    return true;
}

bool network_subnet_create(struct call *call, void *row) {
    struct network_subnet *subnet = row;
    struct network_network *net = NULL;
    struct ip_net cidr;

    if (!row_get(call, &resource_network_network, subnet->network_id, &net) ||
        !call_allow(call, "admin_or_network_owner", &resource_network_subnet, subnet) || !cidr_set(call, subnet) ||
        !ip_net_parse(subnet->cidr, &cidr)) {
        return false;
    }
    if (cidr.length == 0) {
        return network_invalid(call, "0 is not allowed as CIDR prefix length");
    }
    if (!network_given(call, &resource_network_subnet, "gateway_ip") && cidr.length < ip_bits(cidr.ip)) {
        struct ip gateway = ip_net_first(cidr);

        subnet->gateway_ip =
            text_of(call, cidr.length < ip_bits(cidr.ip) - 1 ? ip_after(gateway, ip_net_last(cidr)) : gateway);
    }
    cidr = ip_net_masked(cidr);
    subnet->cidr = ip_net_print(cidr, arena_alloc(call->arena, IP_NET_TEXT_SIZE));
    return check_all(call, subnet, cidr, false) &&
           pools_set(call, subnet, cidr, network_given(call, &resource_network_subnet, "allocation_pools")) &&
           check_overlap(call, subnet, cidr) && network_metadata_follow(call, subnet) &&
           (!network_subnet_is_auto(subnet) || add_automatic(call, subnet)) &&
           network_apply(call, "network.network", subnet->network_id);
}

static bool gateway_free(struct call *call, const struct network_subnet *was) {
    const char *port =
        db_query_text(call->db, call->arena,
                      "SELECT a.port_id FROM network_allocation a JOIN network_port p ON p.id = a.port_id"
                      " WHERE a.subnet_id = ? AND a.ip_address = ? AND p.device_owner = ?",
                      SQL_ARGS(sql_text(was->id), sql_text(was->gateway_ip), sql_text(OWNER_ROUTER_INTERFACE)));

    return !port ||
           fail_type(call, 409, "GatewayIpInUse", "Current gateway ip %s already in use by port %s. Unable to update.",
                     was->gateway_ip, port);
}

bool network_subnet_update(struct call *call, const void *old, void *row) {
    const struct network_subnet *was = old;
    struct network_subnet *subnet = row;
    struct ip_net cidr;
    bool given = network_given(call, &resource_network_subnet, "allocation_pools");

    if (!ip_net_parse(subnet->cidr, &cidr) || !check_all(call, subnet, cidr, was->enable_dhcp)) {
        return false;
    }
    if (given && !subnet->allocation_pools) {
        subnet->allocation_pools = was->allocation_pools;
    }
    if (!network_same(was->gateway_ip, subnet->gateway_ip) &&
        (!gateway_free(call, was) || !pools_set(call, subnet, cidr, true))) {
        return false;
    }
    if (given && !pools_set(call, subnet, cidr, true)) {
        return false;
    }
    return call_exec(call, "UPDATE network_network SET revision_number = revision_number + 1 WHERE id = ?",
                     SQL_ARGS(sql_text(subnet->network_id))) &&
           (subnet->enable_dhcp == was->enable_dhcp || network_metadata_follow(call, subnet)) &&
           network_apply(call, "network.network", subnet->network_id) &&
           network_apply_routers(call, subnet->network_id);
}

/* Ports that hold an address of the subnet for others than themselves are in its way. */
static bool check_in_use(struct call *call, const struct network_subnet *subnet) {
    int64_t used = call_count(call,
                              network_subnet_is_auto(subnet)
                                  ? "SELECT count(*) FROM network_allocation a JOIN network_port p ON p.id = a.port_id"
                                    " WHERE a.subnet_id = ? AND p.device_owner IN ('network:router_interface',"
                                    " 'network:router_gateway')"
                                  : "SELECT count(*) FROM network_allocation a JOIN network_port p ON p.id = a.port_id"
                                    " WHERE a.subnet_id = ? AND p.device_owner NOT IN " OWNERS_TRANSIENT,
                              SQL_ARGS(sql_text(subnet->id)));

    return !used || fail_type(call, 409, "SubnetInUse",
                              "Unable to complete operation on subnet %s: One or more ports have an "
                              "IP allocation from this subnet.",
                              subnet->id);
}

bool network_subnet_delete(struct call *call, void *row) {
    const struct network_subnet *subnet = row;
    struct network_port *ports;
    size_t count;

    if (!check_in_use(call, subnet) ||
        !rows_find(call, &resource_network_port, "id IN (SELECT port_id FROM network_allocation WHERE subnet_id = ?)",
                   SQL_ARGS(sql_text(subnet->id)), &ports, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!network_addresses_remove(call, &ports[i], subnet->id) || !network_port_changed(call, &ports[i])) {
            return false;
        }
    }
    return network_apply(call, "network.network", subnet->network_id);
}
