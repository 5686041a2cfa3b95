/* SPDX-License-Identifier: Apache-2.0
 * The addresses of ports. Each is a row of network_allocation, unique in its subnet; the port keeps a JSON copy for
 * output. A free address is found with one statement while the top of a pool is free, and else by looking for a gap
 * from a random place on, so that a large, well filled subnet costs no more than a small one. */
#include <string.h>

#include "base/id.h"
#include "network/parts.h"

enum { GAP_BATCH = 256 };

/* What a port is to get: an address, or any of a subnet, or any of one of several subnets. */
struct wish {
    const struct network_subnet *const *subnets;    /* the first with a free address */
    size_t subnet_count;
    struct ip ip;                                   /* family 0: any */
    const char *mac;                                /* the automatic address of this MAC address */
};

struct plan {
    struct call *call;
    struct network_port *port;
    struct network_subnet *subnets;
    size_t subnet_count;
    struct wish *wishes;
    size_t wish_count;
    struct buf text;                                /* the port's fixed_ips */
    struct json_out out;
};

bool network_subnet_is_auto(const struct network_subnet *subnet) {
    const char *modes[] = {subnet->ipv6_address_mode, subnet->ipv6_ra_mode};

    for (int i = 0; i < 2; i++) {
        if (modes[i] && (!strcmp(modes[i], "slaac") || !strcmp(modes[i], "dhcpv6-stateless"))) {
            return true;
        }
    }
    return false;
}

/* ---- single addresses ---- */

static const char *text_of(struct call *call, struct ip ip) {
    return ip_print(ip, arena_alloc(call->arena, IP_TEXT_SIZE));
}

static const char *key_of(struct call *call, struct ip ip) {
    return ip_key(ip, arena_alloc(call->arena, IP_KEY_SIZE));
}

static bool is_used(struct call *call, const char *subnet_id, struct ip ip) {
    return call_count(call, "SELECT count(*) FROM network_allocation WHERE subnet_id = ? AND ip_key = ?",
                      SQL_ARGS(sql_text(subnet_id), sql_text(key_of(call, ip)))) > 0;
}

static bool take(struct plan *plan, const struct network_subnet *subnet, struct ip ip) {
    struct call *call = plan->call;
    struct network_allocation allocation = {
        .subnet_id = subnet->id, .ip_key = key_of(call, ip), .ip_address = text_of(call, ip),
        .port_id = plan->port->id, .network_id = plan->port->network_id};

    json_map(&plan->out);
    json_put_text(&plan->out, "subnet_id", subnet->id);
    json_put_text(&plan->out, "ip_address", allocation.ip_address);
    json_map_end(&plan->out);
    return row_insert(call, &resource_network_allocation, &allocation);
}

/* ---- a free address ---- */

/* The first free address in [from, last], reading used ones in batches. */
static bool find_gap(struct call *call, const char *subnet_id, struct ip from, struct ip last, struct ip *ret_ip) {
    for (;;) {
        struct rows *rows =
            db_query(call->db,
                     "SELECT ip_key FROM network_allocation WHERE subnet_id = ? AND ip_key >= ?"
                     " AND ip_key <= ? ORDER BY ip_key LIMIT 256",
                     SQL_ARGS(sql_text(subnet_id), sql_text(key_of(call, from)), sql_text(key_of(call, last))));
        size_t count = 0;
        struct ip used;

        while (from.family && rows_next(rows) && ip_key_parse(rows_text(rows, 0), &used) && ip_equal(used, from)) {
            from = ip_after(from, last);
            count++;
        }
        rows_end(rows);
        if (!from.family) {
            return false;
        }
        if (count < GAP_BATCH) {
            *ret_ip = from;
            return true;
        }
    }
}

static struct ip random_in(struct ip_range pool) {
    uint64_t count = ip_range_count(pool), number;
    struct ip ip;

    random_bytes(&number, sizeof number);
    return ip_add(pool.first, (int64_t)(number % (count < INT64_MAX ? count : INT64_MAX)), &ip) ? ip : pool.first;
}

/* The address after the highest used one; where that is the pool's last, any gap. */
static bool free_in_pool(struct call *call, const char *subnet_id, struct ip_range pool, struct ip *ret_ip) {
    const char *most = db_query_text(call->db, call->arena,
                                     "SELECT max(ip_key) FROM network_allocation WHERE subnet_id = ?"
                                     " AND ip_key >= ? AND ip_key <= ?",
                                     SQL_ARGS(sql_text(subnet_id), sql_text(key_of(call, pool.first)),
                                              sql_text(key_of(call, pool.last))));
    struct ip start;

    if (!most || !ip_key_parse(most, ret_ip)) {
        *ret_ip = pool.first;
        return true;
    }
    *ret_ip = ip_after(*ret_ip, pool.last);
    if (ret_ip->family) {
        return true;
    }
    start = random_in(pool);
    return find_gap(call, subnet_id, start, pool.last, ret_ip) || find_gap(call, subnet_id, pool.first, start, ret_ip);
}

static bool free_in_subnet(struct call *call, const struct network_subnet *subnet, struct ip *ret_ip) {
    for (JSON_EACH(item, network_json(call, subnet->allocation_pools))) {
        struct ip_range pool;

        if (ip_parse(json_get_text(item, "start"), &pool.first) && ip_parse(json_get_text(item, "end"), &pool.last) &&
            free_in_pool(call, subnet->id, pool, ret_ip)) {
            return true;
        }
    }
    return false;
}

/* ---- what the port wants ---- */

bool network_subnets_of(struct call *call, const char *network_id, struct network_subnet **ret_subnets,
                        size_t *ret_count) {
    return rows_find(call, &resource_network_subnet, "network_id = ? ORDER BY created_at, id",
                     SQL_ARGS(sql_text(network_id)), ret_subnets, ret_count);
}

static bool is_interface(const struct network_port *port) {
    return !strcmp(port->device_owner, OWNER_ROUTER_INTERFACE) || !strcmp(port->device_owner, OWNER_ROUTER_GATEWAY);
}

static struct wish *wish_add(struct plan *plan, const struct network_subnet *subnet) {
    struct wish *wish;
    const struct network_subnet **subnets = arena_alloc(plan->call->arena, sizeof *subnets * (plan->subnet_count + 1));

    plan->wishes = arena_grow(plan->call->arena, plan->wishes, plan->wish_count, sizeof *plan->wishes);
    wish = &plan->wishes[plan->wish_count++];
    *wish = (struct wish){.subnets = subnets};
    if (subnet) {
        subnets[wish->subnet_count++] = subnet;
    }
    return wish;
}

/* A subnet's service types name the owners of ports that it is for. 1: this port's, 0: none named, -1: others'. */
static int serves(struct call *call, const struct network_subnet *subnet, const struct network_port *port) {
    const struct json *types = network_json(call, subnet->service_types);

    for (JSON_EACH(item, types)) {
        if (!strncmp(port->device_owner, item->text, strlen(item->text))) {
            return 1;
        }
    }
    return types->count ? -1 : 0;
}

/* Where any subnet serves this kind of port, only those do; else those that say nothing. */
static bool choose_subnets(struct plan *plan) {
    int best = -1;
    size_t n = 0;

    for (size_t i = 0; i < plan->subnet_count; i++) {
        int serve = serves(plan->call, &plan->subnets[i], plan->port);

        best = serve > best ? serve : best;
    }
    if (plan->subnet_count && best < 0) {
        return fail_type(plan->call, 409, "IpAddressGenerationFailureNoMatchingSubnet",
                         "No valid service subnet for the given device owner.");
    }
    for (size_t i = 0; i < plan->subnet_count; i++) {
        if (serves(plan->call, &plan->subnets[i], plan->port) == best) {
            plan->subnets[n++] = plan->subnets[i];
        }
    }
    plan->subnet_count = n;
    return true;
}

/* Without a word: one IPv4 and one IPv6 address. */
static bool wish_any(struct plan *plan) {
    if (!choose_subnets(plan)) {
        return false;
    }
    for (int version = 4; version <= 6; version += 2) {
        struct wish *wish = NULL;

        for (size_t i = 0; i < plan->subnet_count; i++) {
            const struct network_subnet *subnet = &plan->subnets[i];

            if (subnet->ip_version == version && !network_subnet_is_auto(subnet)) {
                wish = wish ? wish : wish_add(plan, NULL);
                ((const struct network_subnet **)(uintptr_t)wish->subnets)[wish->subnet_count++] = subnet;
            }
        }
    }
    return true;
}

static bool in_subnet(const struct network_subnet *subnet, struct ip ip) {
    struct ip_net net;

    return ip_net_parse(subnet->cidr, &net) && ip_net_contains(net, ip);
}

static const struct network_subnet *subnet_for(struct plan *plan, const char *id, struct ip ip) {
    struct call *call = plan->call;

    for (size_t i = 0; i < plan->subnet_count; i++) {
        const struct network_subnet *subnet = &plan->subnets[i];

        if (id ? !strcmp(subnet->id, id) : in_subnet(subnet, ip)) {
            if (!ip.family || in_subnet(subnet, ip)) {
                return subnet;
            }
            fail_type(call, 400, "InvalidIpForSubnet", "IP address %s is not a valid IP for the specified subnet.",
                      text_of(call, ip));
            return NULL;
        }
    }
    if (id) {
        fail_type(call, 400, "InvalidInput",
                  "Invalid input for operation: Failed to create port on network %s, because "
                  "fixed_ips included invalid subnet %s.",
                  plan->port->network_id, id);
    } else {
        fail_type(call, 400, "InvalidIpForNetwork",
                  "IP address %s is not a valid IP for any of the subnets on the specified "
                  "network.",
                  text_of(call, ip));
    }
    return NULL;
}

/* IPv4's network and broadcast address are nobody's; IPv6's first address is the routers'. */
static bool usable(struct plan *plan, const struct network_subnet *subnet, struct ip ip) {
    struct ip_net net;

    if (!ip_net_parse(subnet->cidr, &net) || net.length >= ip_bits(ip) - 1 ||
        (!ip_equal(ip, ip_net_first(net)) && (ip.family == 6 || !ip_equal(ip, ip_net_last(net)))) ||
        (ip.family == 6 && is_interface(plan->port))) {
        return true;
    }
    return fail_type(plan->call, 400, "InvalidIpForSubnet", "IP address %s is not a valid IP for the specified subnet.",
                     text_of(plan->call, ip));
}

static bool wish_item(struct plan *plan, const struct json *item) {
    const char *id = json_get_text(item, "subnet_id"), *address = json_get_text(item, "ip_address");
    const struct network_subnet *subnet;
    struct ip ip = {0};
    bool automatic;

    if (!id && !address) {
        return fail_type(plan->call, 400, "InvalidInput",
                         "Invalid input for operation: IP allocation requires subnet_id or "
                         "ip_address.");
    }
    if (address && !ip_parse(address, &ip)) {
        return fail_type(plan->call, 400, "InvalidInput", "Invalid input for operation: '%.60s' is not an IP address.",
                         address);
    }
    subnet = subnet_for(plan, id, ip);
    if (!subnet) {
        return false;
    }
    automatic = network_subnet_is_auto(subnet) && !is_interface(plan->port);
    if (automatic && ip.family) {
        return fail_type(plan->call, 400, "AllocationOnAutoAddressSubnet",
                         "IPv6 address %s can not be directly assigned to "
                         "a port on subnet %s since the subnet is configured for automatic addresses.",
                         text_of(plan->call, ip), subnet->id);
    }
    if (!automatic) {
        wish_add(plan, subnet)->ip = ip;
    }
    return !ip.family || usable(plan, subnet, ip);
}

static bool wish_given(struct plan *plan, const struct json *wanted) {
    for (JSON_EACH(item, wanted)) {
        if (!wish_item(plan, item)) {
            return false;
        }
    }
    return true;
}

/* Subnets with automatic addresses give one to every port but a router's. */
static void wish_automatic(struct plan *plan) {
    for (size_t i = 0; i < plan->subnet_count && !is_interface(plan->port); i++) {
        if (network_subnet_is_auto(&plan->subnets[i])) {
            wish_add(plan, &plan->subnets[i])->mac = plan->port->mac_address;
        }
    }
}

/* ---- fulfilling it ---- */

static bool already_allocated(struct call *call, const struct network_subnet *subnet, struct ip ip) {
    return fail_type(call, 409, "IpAddressAlreadyAllocated", "IP address %s already allocated in subnet %s",
                     text_of(call, ip), subnet->id);
}

static bool fulfil_automatic(struct plan *plan, const struct network_subnet *subnet, const char *mac_text) {
    struct ip_net net;
    struct mac mac;
    struct ip ip;

    if (!ip_net_parse(subnet->cidr, &net) || !mac_parse(mac_text, &mac) || !ip_from_mac(net, mac, &ip)) {
        return fail_type(plan->call, 400, "InvalidInput",
                         "Invalid input for operation: subnet %s cannot give automatic "
                         "addresses.",
                         subnet->id);
    }
    return is_used(plan->call, subnet->id, ip) ? already_allocated(plan->call, subnet, ip) : take(plan, subnet, ip);
}

static bool fulfil(struct plan *plan, const struct wish *wish) {
    struct ip ip;

    if (wish->mac) {
        return fulfil_automatic(plan, wish->subnets[0], wish->mac);
    }
    if (wish->ip.family) {
        return is_used(plan->call, wish->subnets[0]->id, wish->ip)
                   ? already_allocated(plan->call, wish->subnets[0], wish->ip)
                   : take(plan, wish->subnets[0], wish->ip);
    }
    for (size_t i = 0; i < wish->subnet_count; i++) {
        if (free_in_subnet(plan->call, wish->subnets[i], &ip)) {
            return take(plan, wish->subnets[i], ip);
        }
    }
    return fail_type(plan->call, 409, "IpAddressGenerationFailure", "No more IP addresses available on network %s.",
                     plan->port->network_id);
}

/* True when the port has an address that answers the wish; takes it out of 'had'. */
static bool keep(struct plan *plan, const struct wish *wish, const struct json **had, size_t count) {
    struct ip ip, automatic = {0};
    struct ip_net net;
    struct mac mac;

    if (wish->mac && !(ip_net_parse(wish->subnets[0]->cidr, &net) && mac_parse(wish->mac, &mac) &&
                       ip_from_mac(net, mac, &automatic))) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *subnet = had[i] ? json_get_text(had[i], "subnet_id") : NULL;

        if (!subnet || strcmp(subnet, wish->subnets[0]->id) != 0 ||
            !ip_parse(json_get_text(had[i], "ip_address"), &ip) || (wish->ip.family && !ip_equal(wish->ip, ip)) ||
            (wish->mac && !ip_equal(automatic, ip))) {
            continue;
        }
        json_tree(&plan->out, had[i]);
        had[i] = NULL;
        return true;
    }
    return false;
}

static bool give_back(struct plan *plan, const struct json **had, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (had[i] && !call_exec(plan->call, "DELETE FROM network_allocation WHERE port_id = ? AND subnet_id = ?"
                                             " AND ip_address = ?",
                                 SQL_ARGS(sql_text(plan->port->id), sql_text(json_get_text(had[i], "subnet_id")),
                                          sql_text(json_get_text(had[i], "ip_address"))))) {
            return false;
        }
    }
    return true;
}

/* Wishes with an address come before those that take any, so that no free address is chosen twice. */
static bool carry_out(struct plan *plan, const struct json *had_list) {
    size_t count = had_list ? had_list->count : 0, n = 0;
    const struct json **had = ARENA_ARRAY(plan->call->arena, const struct json *, count + 1);
    bool *done = ARENA_ARRAY(plan->call->arena, bool, plan->wish_count + 1);
    bool ok = true;

    for (JSON_EACH(item, had_list)) {
        had[n++] = item;
    }
    json_list(&plan->out);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < plan->wish_count; i++) {
            bool exact = plan->wishes[i].ip.family || plan->wishes[i].mac;

            if (exact == (pass == 0)) {
                done[i] = keep(plan, &plan->wishes[i], had, count);
            }
        }
    }
    ok = give_back(plan, had, count);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; ok && i < plan->wish_count; i++) {
            bool exact = plan->wishes[i].ip.family || plan->wishes[i].mac;

            if (!done[i] && exact == (pass == 0)) {
                ok = fulfil(plan, &plan->wishes[i]);
            }
        }
    }
    json_list_end(&plan->out);
    return ok;
}

static bool plan_end(struct plan *plan, bool ok) {
    if (ok) {
        plan->port->fixed_ips = network_text(plan->call, &plan->text);
    } else {
        buf_release(&plan->text);
    }
    return ok;
}

bool network_addresses_set(struct call *call, struct network_port *port, const struct json *wanted) {
    struct plan plan = {.call = call, .port = port};
    const struct json *had = network_json(call, port->fixed_ips);
    bool ok;

    plan.out.buf = &plan.text;
    if (!network_subnets_of(call, port->network_id, &plan.subnets, &plan.subnet_count)) {
        return false;
    }
    ok = wanted ? wish_given(&plan, wanted) : wish_any(&plan);
    if (ok) {
        wish_automatic(&plan);
        ok = carry_out(&plan, had);
    }
    return plan_end(&plan, ok);
}

bool network_addresses_add(struct call *call, struct network_port *port, const struct network_subnet *subnet) {
    struct plan plan = {.call = call, .port = port, .subnet_count = 1};
    struct wish *wish;
    bool ok;

    plan.out.buf = &plan.text;
    wish = wish_add(&plan, subnet);
    wish->mac = network_subnet_is_auto(subnet) ? port->mac_address : NULL;
    json_list(&plan.out);
    for (JSON_EACH(item, network_json(call, port->fixed_ips))) {
        json_tree(&plan.out, item);
    }
    ok = fulfil(&plan, wish);
    json_list_end(&plan.out);
    return plan_end(&plan, ok);
}

bool network_addresses_remove(struct call *call, struct network_port *port, const char *subnet_id) {
    struct buf text = {0};
    struct json_out out = {.buf = &text};

    json_list(&out);
    for (JSON_EACH(item, network_json(call, port->fixed_ips))) {
        if (strcmp(json_get_text(item, "subnet_id"), subnet_id) != 0) {
            json_tree(&out, item);
        }
    }
    json_list_end(&out);
    port->fixed_ips = network_text(call, &text);
    return call_exec(call, "DELETE FROM network_allocation WHERE port_id = ? AND subnet_id = ?",
                     SQL_ARGS(sql_text(port->id), sql_text(subnet_id)));
}
