/* SPDX-License-Identifier: Apache-2.0
 * Routers in OVN: a logical router, a port for each interface and the gateway, where the gateway lives, translation of
 * addresses, routes. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "network/ovn.h"

LOG_MODULE("network.ovn");

enum { MAX_GATEWAYS = 5 };      /* chassis that stand ready for one gateway */

static struct plan_row *plan_router(struct plan *plan, const struct json *router) {
    const char *label = json_get_text(router, "name");
    const struct json *up = json_get(router, "admin_state_up");
    struct plan_row *row = plan_row(plan, "Logical_Router", "router", ovn_name(plan->arena, plan->id), NULL);

    plan_note(row, "neutron:router_name", label ? label : "");
    ovsdb_set_bool(row->values, "enabled", !up || up->type != JSON_FALSE);
    ovsdb_add_pair(row->values, "options", "always_learn_from_arp_request", "false");
    ovsdb_add_pair(row->values, "options", "dynamic_neigh_routers", "true");
    return row;
}

/* The addresses of a router's port with their prefixes. Returns how many. */
static int put_networks(struct plan *plan, struct plan_row *row, const struct json *fixed_ips) {
    int count = 0;

    for (JSON_EACH(fixed, fixed_ips)) {
        const char *ip = ovn_ip_in(plan->arena, json_get_text(fixed, "ip_address"), json_get_text(fixed, "cidr"));

        if (ip) {
            ovsdb_add_text(row->values, "networks", ip);
            count++;
        }
    }
    return count;
}

/* A port of the router; null when the document does not say enough for one. */
static struct plan_row *plan_port(struct plan *plan, struct plan_row *router, const char *port_id, const char *mac_text,
                                  const struct json *fixed_ips) {
    const char *mac = ovn_mac(plan->arena, mac_text);
    struct plan_row *row;
    bool usable = false;

    for (JSON_EACH(fixed, fixed_ips)) {
        usable = usable || ovn_ip_in(plan->arena, json_get_text(fixed, "ip_address"), json_get_text(fixed, "cidr"));
    }
    if (!port_id || !id_is_uuid(port_id) || !mac || !usable) {
        log_warn("router %s: port %.40s has no MAC or address", plan->id, port_id ? port_id : "");
        return NULL;
    }
    row = plan_row(plan, "Logical_Router_Port", arena_printf(plan->arena, "port:%s", port_id),
                   ovn_router_port_name(plan->arena, port_id), router);
    ovsdb_set_text(row->values, "mac", mac);
    put_networks(plan, row, fixed_ips);
    ovsdb_set_no_pairs(row->values, "options");
    ovsdb_set_no_pairs(row->values, "ipv6_ra_configs");
    plan_note(row, "neutron:router_name", plan->id);
    return row;
}

/* Router advertisements (RFC 4861) that tell guests how to get their IPv6 addresses. */
static void put_advertisements(struct plan *plan, struct plan_row *row, const struct json *interface) {
    static const struct {
        const char *mode, *ovn;
    } modes[] = {{"slaac", "slaac"}, {"dhcpv6-stateless", "dhcpv6_stateless"}, {"dhcpv6-stateful", "dhcpv6_stateful"}};

    for (JSON_EACH(fixed, json_get(interface, "fixed_ips"))) {
        const char *mode = json_get_text(fixed, "ipv6_ra_mode");

        for (size_t i = 0; mode && i < sizeof modes / sizeof modes[0]; i++) {
            if (!strcmp(modes[i].mode, mode)) {
                ovsdb_add_pair(row->values, "ipv6_ra_configs", "address_mode", modes[i].ovn);
                ovsdb_add_pair(row->values, "ipv6_ra_configs", "send_periodic", "true");
                ovsdb_add_pair(row->values, "ipv6_ra_configs", "mtu",
                               arena_printf(plan->arena, "%lld", (long long)json_get_int(interface, "mtu", 1442)));
                return;
            }
        }
    }
}

static void plan_interfaces(struct plan *plan, struct plan_row *router, const struct json *doc) {
    for (JSON_EACH(interface, json_get(doc, "interfaces"))) {
        const char *type = json_get_text(interface, "provider:network_type");
        struct plan_row *row = plan_port(plan, router, json_get_text(interface, "port_id"),
                                         json_get_text(interface, "mac_address"), json_get(interface, "fixed_ips"));

        if (row) {
            put_advertisements(plan, row, interface);
        }
        /* Frames of a physical network must not come from the router's MAC on every chassis at once. */
        if (row && type && (!strcmp(type, "vlan") || !strcmp(type, "flat"))) {
            ovsdb_add_pair(row->values, "options", "reside-on-redirect-chassis", "true");
        }
    }
}

struct candidate {
    const char *name;
    bool wanted;                    /* says of itself that it is for gateways */
    uint64_t rank;
};

static int compare_candidates(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;

    if (x->wanted != y->wanted) {
        return x->wanted ? -1 : 1;
    }
    return x->rank < y->rank ? 1 : x->rank > y->rank ? -1 : strcmp(x->name, y->name);
}

/* The same for every process and time (FNV-1a), so that gateways stay where they are. */
static uint64_t rank_of(const char *router, const char *chassis) {
    uint64_t hash = 14695981039346656037ULL;

    for (; *router; router++) {
        hash = (hash ^ (unsigned char)*router) * 1099511628211ULL;
    }
    for (; *chassis; chassis++) {
        hash = (hash ^ (unsigned char)*chassis) * 1099511628211ULL;
    }
    return hash;
}

/* True when "physnet:bridge,..." names the physical network. */
static bool maps(const char *mappings, const char *physnet) {
    size_t size = strlen(physnet);

    for (const char *at = mappings; at && *at; at = strchr(at, ','), at = at ? at + 1 : NULL) {
        at += strspn(at, " ");
        if (!strncmp(at, physnet, size) && at[size] == ':') {
            return true;
        }
    }
    return false;
}

/* The chassis that reach 'physnet' (null: all), best first. */
static size_t candidates(struct plan *plan, const char *physnet, struct candidate **ret) {
    size_t count, found = 0;
    const struct ovsdb_row *const *rows = ovsdb_rows(ovn.sb, plan->arena, "Chassis", NULL, NULL, &count);
    struct candidate *list = ARENA_ARRAY(plan->arena, struct candidate, count + 1);

    for (size_t i = 0; i < count; i++) {
        const char *name = ovsdb_text(plan->arena, rows[i], "name");
        const char *mappings = ovsdb_pair(plan->arena, rows[i], "other_config", "ovn-bridge-mappings");
        const char *options = ovsdb_pair(plan->arena, rows[i], "other_config", "ovn-cms-options");

        if (name && (!physnet || maps(mappings, physnet))) {
            list[found++] = (struct candidate){name, options && strstr(options, "enable-chassis-as-gw"),
                                               rank_of(plan->id, name)};
        }
    }
    if (!found && ovn_chassis(plan->arena)) {
        list[found++] = (struct candidate){ovn_chassis(plan->arena), true, 0};
    }
    qsort(list, found, sizeof *list, compare_candidates);
    *ret = list;
    return found < MAX_GATEWAYS ? found : MAX_GATEWAYS;
}

static bool plan_chassis(struct plan *plan, struct plan_row *port, const struct json *gateway) {
    struct candidate *list;
    size_t count = candidates(plan, json_get_text(gateway, "provider:physical_network"), &list);

    for (size_t i = 0; i < count; i++) {
        struct plan_row *row = plan_row(plan, "Gateway_Chassis", arena_printf(plan->arena, "chassis:%s", list[i].name),
                                        arena_printf(plan->arena, "%s_%s", port->name, list[i].name), port);

        ovsdb_set_text(row->values, "chassis_name", list[i].name);
        ovsdb_set_int(row->values, "priority", (int64_t)(count - i));
    }
    return count > 0 || work_fail(plan->work, "router %s: no chassis for its gateway yet", plan->id);
}

static void plan_route(struct plan *plan, struct plan_row *router, const char *key, const char *to, const char *via,
                       const char *out) {
    struct plan_row *row = plan_row(plan, "Logical_Router_Static_Route", key, NULL, router);

    ovsdb_set_text(row->values, "ip_prefix", to);
    ovsdb_set_text(row->values, "nexthop", via);
    if (out) {
        ovsdb_add_text(row->values, "output_port", out);
        plan_note(row, "neutron:is_ext_gw", "true");
    } else {
        ovsdb_set_none(row->values, "output_port");
    }
}

static void plan_routes(struct plan *plan, struct plan_row *router, const struct json *doc) {
    for (JSON_EACH(route, json_get(doc, "routes"))) {
        int version = 0, via_version = 0;
        const char *to = ovn_cidr(plan->arena, json_get_text(route, "destination"), &version);
        const char *via = ovn_ip(plan->arena, json_get_text(route, "nexthop"), &via_version);

        if (to && via && version == via_version) {
            plan_route(plan, router, arena_printf(plan->arena, "route:%s,%s", to, via), to, via, NULL);
        } else {
            log_warn("router %s: a route is malformed", plan->id);
        }
    }
}

static void plan_nat(struct plan *plan, struct plan_row *router, const char *key, const char *type, const char *outside,
                     const char *inside) {
    struct plan_row *row = plan_row(plan, "NAT", key, NULL, router);

    ovsdb_set_text(row->values, "type", type);
    ovsdb_set_text(row->values, "external_ip", outside);
    ovsdb_set_text(row->values, "logical_ip", inside);
}

/* Guests behind the router's interfaces go out with 'outside'. */
static void plan_snat(struct plan *plan, struct plan_row *router, const struct json *doc, const char *outside) {
    for (JSON_EACH(interface, json_get(doc, "interfaces"))) {
        for (JSON_EACH(fixed, json_get(interface, "fixed_ips"))) {
            int version = 0;
            const char *inside = ovn_cidr(plan->arena, json_get_text(fixed, "cidr"), &version);

            if (inside && version == 4) {
                plan_nat(plan, router, arena_printf(plan->arena, "snat:%s", inside), "snat", outside, inside);
            }
        }
    }
}

/* What a floating IP sends and gets is limited where its router meets the external network. */
static void plan_limits(struct plan *plan, const struct json *doc, const struct json *floating, const char *outside) {
    const struct json *rules = json_get(floating, "qos_rules"), *gateway = json_get(doc, "external_gateway_info");
    const char *network = json_get_text(gateway, "network_id"), *port = json_get_text(gateway, "port_id");

    if (rules && rules->count && network && id_is_uuid(network) && port && id_is_uuid(port)) {
        qos_plan(plan,
                 plan_other(plan, "Logical_Switch", "switch", "network", network, ovn_name(plan->arena, network)), rules,
                 arena_printf(plan->arena, "qos:%s", json_get_text(floating, "id")), port, outside,
                 arena_printf(plan->arena, "cr-%s", ovn_router_port_name(plan->arena, port)));
    }
}

static void plan_floating(struct plan *plan, struct plan_row *router, const struct json *doc) {
    for (JSON_EACH(floating, json_get(doc, "floatingips"))) {
        int version = 0, inner_version = 0;
        const char *id = json_get_text(floating, "id"), *port = json_get_text(floating, "port_id"), *key;
        const char *outside = ovn_ip(plan->arena, json_get_text(floating, "floating_ip_address"), &version);
        const char *inside = ovn_ip(plan->arena, json_get_text(floating, "fixed_ip_address"), &inner_version);

        if (!id || !id_is_uuid(id) || !outside || !inside || version != 4 || inner_version != 4) {
            log_warn("router %s: a floating IP is malformed", plan->id);
            continue;
        }
        key = arena_printf(plan->arena, "floating:%s", id);
        plan_nat(plan, router, key, "dnat_and_snat", outside, inside);
        plan_note(plan_row(plan, "NAT", key, NULL, router), "neutron:fip_id", id);
        plan_note(plan_row(plan, "NAT", key, NULL, router), "neutron:fip_port_id", port ? port : "");
        plan_limits(plan, doc, floating, outside);
    }
}

/* A load balancer of the router for each floating IP and protocol of which some ports lead inside. */
static void plan_forwardings(struct plan *plan, struct plan_row *router, const struct json *doc) {
    ovsdb_set_none(router->values, "load_balancer");
    for (JSON_EACH(way, json_get(doc, "port_forwardings"))) {
        const char *id = json_get_text(way, "floatingip_id"), *protocol = json_get_text(way, "protocol"), *name;
        const char *outside = ovn_ip(plan->arena, json_get_text(way, "floating_ip_address"), NULL);
        const char *inside = ovn_ip(plan->arena, json_get_text(way, "internal_ip_address"), NULL);
        int64_t port = json_get_int(way, "external_port", 0), inner = json_get_int(way, "internal_port", 0);
        struct plan_row *row;

        if (!id || !id_is_uuid(id) || !ovn_is_word(protocol, 4) || !outside || !inside || port < 1 || port > 65535 ||
            inner < 1 || inner > 65535) {
            log_warn("router %s: a port forwarding is malformed", plan->id);
            continue;
        }
        name = arena_printf(plan->arena, "pf-floatingip-%s-%s", id, protocol);
        row = plan_row(plan, "Load_Balancer", arena_printf(plan->arena, "forwarding:%s:%s", id, protocol), name, NULL);
        ovsdb_set_text(row->values, "protocol", protocol);
        ovsdb_add_pair(row->values, "vips", arena_printf(plan->arena, "%s:%lld", outside, (long long)port),
                       arena_printf(plan->arena, "%s:%lld", inside, (long long)inner));
        plan_note(row, "neutron:fip_id", id);
        ovsdb_add_ref(router->values, "load_balancer", row->ref);
    }
}

static bool plan_gateway(struct plan *plan, struct plan_row *router, const struct json *doc,
                         const struct json *gateway) {
    const struct json *snat = json_get(gateway, "enable_snat"), *fixed_ips = json_get(gateway, "external_fixed_ips");
    struct plan_row *port = plan_port(plan, router, json_get_text(gateway, "port_id"),
                                      json_get_text(gateway, "mac_address"), fixed_ips);
    const char *outside = NULL;

    if (!port) {
        return work_fail(plan->work, "router %s: its gateway has no address", plan->id);
    }
    for (JSON_EACH(fixed, fixed_ips)) {
        int version = 0;
        const char *ip = ovn_ip(plan->arena, json_get_text(fixed, "ip_address"), &version);
        const char *via = ovn_ip(plan->arena, json_get_text(fixed, "gateway_ip"), NULL);

        outside = outside || version != 4 ? outside : ip;
        if (ip && via) {
            plan_route(plan, router, arena_printf(plan->arena, "gateway:%d", version),
                       version == 4 ? "0.0.0.0/0" : "::/0", via, port->name);
        }
    }
    if (outside && (!snat || snat->type != JSON_FALSE)) {
        plan_snat(plan, router, doc, outside);
    }
    return plan_chassis(plan, port, gateway);
}

static bool build(struct plan *plan, const struct json *doc) {
    const struct json *gateway = json_get(doc, "external_gateway_info");
    struct plan_row *router = plan_router(plan, doc);

    plan_interfaces(plan, router, doc);
    plan_routes(plan, router, doc);
    plan_floating(plan, router, doc);
    plan_forwardings(plan, router, doc);
    return !gateway || gateway->type != JSON_MAP || plan_gateway(plan, router, doc, gateway);
}

bool ovn_apply_router(struct work *work) {
    return plan_apply(work, "router", build);
}
