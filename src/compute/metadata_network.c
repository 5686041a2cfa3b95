/* SPDX-License-Identifier: Apache-2.0
 * network_data.json: links, networks and services of a server, for guests that configure themselves. */
#include <string.h>

#include "base/ip.h"
#include "compute/metadata.h"

static const struct json *parsed(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

/* The first subnet of that IP version, as Nova takes one of each. */
static const struct json *first_subnet(const struct json *subnets, int version) {
    for (JSON_EACH(subnet, subnets)) {
        if (json_get_int(subnet, "ip_version", 4) == version) {
            return subnet;
        }
    }
    return NULL;
}

static const char *address_in(const struct json *subnet, const struct json *fixed_ips) {
    const char *cidr = json_get_text(subnet, "cidr");
    struct ip_net net;

    if (!cidr || !ip_net_parse(cidr, &net)) {
        return NULL;
    }
    for (JSON_EACH(fixed, fixed_ips)) {
        const char *text = json_get_text(fixed, "ip_address");
        struct ip ip;

        if (text && ip_parse(text, &ip) && ip_net_contains(net, ip)) {
            return text;
        }
    }
    return NULL;
}

static void put_route(struct json_out *out, const char *network, const char *netmask, const char *gateway) {
    json_map(out);
    json_put_text(out, "network", network);
    json_put_text(out, "netmask", netmask);
    json_put_text(out, "gateway", gateway);
    json_map_end(out);
}

static void put_routes(const struct json *subnet, int version, struct json_out *out) {
    const char *any = version == 4 ? "0.0.0.0" : "::", *gateway = json_get_text(subnet, "gateway_ip");
    char network[IP_TEXT_SIZE], netmask[IP_TEXT_SIZE];

    json_key(out, "routes");
    json_list(out);
    if (gateway) {
        put_route(out, any, any, gateway);
    }
    for (JSON_EACH(route, json_get(subnet, "host_routes"))) {
        const char *destination = json_get_text(route, "destination"), *hop = json_get_text(route, "nexthop");
        struct ip_net net;

        if (destination && hop && ip_net_parse(destination, &net)) {
            put_route(out, ip_print(ip_net_first(net), network), ip_print(ip_net_mask(net), netmask), hop);
        }
    }
    json_list_end(out);
}

static void put_services(const struct json *subnet, struct json_out *out) {
    for (JSON_EACH(server, json_get(subnet, "dns_nameservers"))) {
        json_map(out);
        json_put_text(out, "type", "dns");
        json_put_text(out, "address", server->type == JSON_TEXT ? server->text : NULL);
        json_map_end(out);
    }
}

static void put_static(const struct json *subnet, const char *address, int version, struct json_out *out) {
    char netmask[IP_TEXT_SIZE];
    struct ip_net net;

    ip_net_parse(json_get_text(subnet, "cidr"), &net);
    json_put_text(out, "ip_address", address);
    json_put_text(out, "netmask", ip_print(ip_net_mask(net), netmask));
    put_routes(subnet, version, out);
    json_key(out, "services");
    json_list(out);
    put_services(subnet, out);
    json_list_end(out);
}

static void put_network(struct call *call, const struct network_port_info *port, const struct json *subnet, int version,
                        int number, const char *link, struct json_out *out) {
    const char *address = address_in(subnet, parsed(call, port->fixed_ips));
    const char *mode = json_get_text(subnet, "ipv6_address_mode");
    bool dhcp = !mode && json_get_bool(subnet, "enable_dhcp");

    json_map(out);
    json_put_text(out, "id", arena_printf(call->arena, "network%d", number));
    json_put_text(out, "type", arena_printf(call->arena, "ipv%d%s%s", version, mode || dhcp ? "_" : "",
                                            mode ? mode : dhcp ? "dhcp" : ""));
    json_put_text(out, "link", link);
    if (!dhcp) {
        put_static(subnet, address, version, out);
    }
    json_put_text(out, "network_id", port->network_id);
    json_map_end(out);
}

static void put_link(struct call *call, const struct network_port_info *port, const char *link, struct json_out *out) {
    bool dhcp = false;

    for (JSON_EACH(subnet, parsed(call, port->subnets))) {
        dhcp = dhcp || json_get_bool(subnet, "enable_dhcp");
    }
    json_map(out);
    json_put_text(out, "id", link);
    json_put_text(out, "vif_id", port->id);
    json_put_text(out, "type", "ovs");
    json_key(out, "mtu");
    if (dhcp || !port->mtu) {
        json_null(out);
    } else {
        json_int(out, port->mtu);
    }
    json_put_text(out, "ethernet_mac_address", port->mac_address);
    json_map_end(out);
}

/* Calls put for the first IPv4 and the first IPv6 subnet of each port that has an address there. */
static void put_networks(struct call *call, const struct metadata *m, bool services, struct json_out *out) {
    int number = 0;

    for (size_t i = 0; i < m->port_count; i++) {
        const struct network_port_info *port = &m->ports[i];
        const struct json *subnets = parsed(call, port->subnets), *fixed_ips = parsed(call, port->fixed_ips);

        for (int version = 4; version <= 6; version += 2) {
            const struct json *subnet = first_subnet(subnets, version);

            if (!subnet || !address_in(subnet, fixed_ips)) {
                continue;
            }
            if (services) {
                put_services(subnet, out);
            } else {
                put_network(call, port, subnet, version, number++, network_tap(call->arena, port->id), out);
            }
        }
    }
}

void metadata_write_network(struct call *call, const struct metadata *m, struct json_out *out) {
    json_map(out);
    json_key(out, "links");
    json_list(out);
    for (size_t i = 0; i < m->port_count; i++) {
        put_link(call, &m->ports[i], network_tap(call->arena, m->ports[i].id), out);
    }
    json_list_end(out);
    json_key(out, "networks");
    json_list(out);
    put_networks(call, m, false, out);
    json_list_end(out);
    json_key(out, "services");
    json_list(out);
    put_networks(call, m, true, out);
    json_list_end(out);
    json_map_end(out);
}
