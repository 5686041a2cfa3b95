/* SPDX-License-Identifier: Apache-2.0
 * What drives a network back end: OVN (driver_ovn.c) or memory (driver_fake.c).
 *
 * Every apply takes the id of one resource and the document that says all that should be true of it, and makes it so:
 * it reads what is there, changes the difference, and is called again after any failure or restart. A null document
 * means that the resource must not exist; an absent one is then success. Documents may come in any order: what a
 * document names and is not there yet (the switch of a port, the group of a port) is made empty and filled when its own
 * document comes. Calls may block and may come from several threads at once.
 *
 * Documents have the names of the networking API wherever it has a name. A member that is absent, null or empty has the
 * API's default. Members that are not named here are ignored. Text that cannot be what it should be (an address, a
 * prefix, an option) never reaches the back end: the row it stands in is left out with a warning, the others are made.
 *
 * network
 *   {"id": UUID, "name": "", "project_id": "", "admin_state_up": true, "mtu": 1442,
 *    "provider:network_type": "geneve" | "vlan" | "flat" | "local", "provider:physical_network": "physnet1" | null,
 *    "provider:segmentation_id": 101 | null, "router:external": false, "vlan_transparent": false,
 *    "segments": [{"id": UUID, "provider:network_type": "vlan" | "flat", "provider:physical_network": "physnet2",
 *                  "provider:segmentation_id": 102}],        further physical networks that it is on
 *    "subnets": [{"id": UUID, "ip_version": 4 | 6, "cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.1" | null,
 *                 "enable_dhcp": true, "dns_nameservers": ["9.9.9.9"], "dns_domain": "openstacklocal",
 *                 "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.7"}],
 *                 "ipv6_address_mode": null | "slaac" | "dhcpv6-stateless" | "dhcpv6-stateful", "ipv6_ra_mode": same,
 *                 "metadata_ip": "10.0.0.2" | null}]}       the metadata port's address in this subnet, for its route
 *
 * port
 *   {"id": UUID, "name": "", "project_id": "", "network_id": UUID, "mac_address": "fa:16:3e:00:00:01",
 *    "admin_state_up": true, "fixed_ips": [{"subnet_id": UUID, "ip_address": "10.0.0.5", "cidr": "10.0.0.0/24"}],
 *    "allowed_address_pairs": [{"ip_address": "10.0.0.9" | "10.0.0.0/24", "mac_address": "..." | null}],
 *    "port_security_enabled": true, "security_groups": [UUID], "device_id": "", "device_owner": "compute:nova",
 *    "extra_dhcp_opts": [{"opt_name": "mtu" | "26", "opt_value": "1400", "ip_version": 4}],
 *    "binding:host_id": "" | host name, "binding:profile": {"parent_name": UUID, "tag": 7},       a trunk's subport
 *    "qos_rules": [{"type": "bandwidth_limit", "direction": "egress" | "ingress", "max_kbps": 1000,
 *                   "max_burst_kbps": 0 | 800}, {"type": "dscp_marking", "dscp_mark": 26},
 *                  {"type": "minimum_bandwidth", "direction": "egress", "min_kbps": 100}],
 *    "dns_records": {"web": "10.0.0.5 2001:db8::5", "web.example.org": same},      names that resolve on its network
 *    "ndp_proxies": ["2001:db8::5"]}                       of a gateway: addresses that it answers for outside
 *   device_owner says what it is: network:distributed is the network's metadata port, network:router_interface and
 *   network:router_gateway are a router's end of a switch, network:floatingip has no switch port, all others carry a
 *   guest. Owners that begin with "network:" have no port security and no groups. "cidr" of a fixed IP is its subnet's;
 *   the metadata port needs it.
 *
 * router
 *   {"id": UUID, "name": "", "project_id": "", "admin_state_up": true,
 *    "external_gateway_info": null | {"network_id": UUID, "enable_snat": true, "port_id": UUID, "mac_address": "...",
 *        "provider:physical_network": "physnet1",
 *        "external_fixed_ips": [{"subnet_id": UUID, "ip_address": "203.0.113.10", "cidr": "203.0.113.0/24",
 *                                "gateway_ip": "203.0.113.1" | null}]},
 *    "interfaces": [{"port_id": UUID, "network_id": UUID, "mac_address": "...", "mtu": 1442,
 *                    "provider:network_type": "geneve",
 *                    "fixed_ips": [{"subnet_id": UUID, "ip_address": "10.0.0.1", "cidr": "10.0.0.0/24",
 *                                   "ipv6_ra_mode": null, "dns_nameservers": []}]}],
 *    "routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.7"}],
 *    "floatingips": [{"id": UUID, "floating_ip_address": "203.0.113.21", "fixed_ip_address": "10.0.0.5",
 *                     "port_id": UUID, "qos_rules": [as of a port]}],       those associated through this router
 *    "port_forwardings": [{"floatingip_id": UUID, "floating_ip_address": "203.0.113.22", "protocol": "tcp" | "udp" |
 *                          "sctp", "external_port": 8080, "internal_ip_address": "10.0.0.5", "internal_port": 80}]}
 *   The ports of interfaces and gateway are port documents of their own.
 *
 * security group
 *   {"id": UUID, "name": "", "project_id": "", "stateful": true,
 *    "security_group_rules": [{"id": UUID, "direction": "ingress" | "egress", "ethertype": "IPv4" | "IPv6",
 *        "protocol": null | "tcp" | "17" | ..., "port_range_min": null | 22, "port_range_max": null | 22,
 *        "remote_ip_prefix": null | "192.0.2.0/24", "remote_group_id": null | UUID,
 *        "remote_address_group_id": null | UUID}]}
 *   ICMP: port_range_min is the type, port_range_max the code.
 *
 * address group
 *   {"id": UUID, "addresses": ["192.0.2.0/24", "2001:db8::1/128"]}
 *
 * plug (the id is the port's)
 *   {"device": "tap1234abcd-56", "mac_address": "...", "mtu": 1442, "device_id": server}
 *   The device may be there already or come later.
 *
 * What a driver sees by itself it reports: work_report("network.port", port id, {"status": "ACTIVE" | "DOWN"}). */
#pragma once
#include <stdbool.h>

#include "bus/work.h"

struct network_driver {
    const char *name;

    /* Connects to the back end and watches it from threads of its own. Returns at once: a back end that does not answer
     * yet is tried again for ever. Called once before all others. 'host' outlives the driver. Required. */
    void (*start)(const struct host *host);

    /* Ends the threads and forgets the connections; what was applied stays. Required. */
    void (*stop)(void);

    /* Make the back end match work->doc for work->id, as said above. False with work->error when it could not: the
     * caller tries again later. Required. */
    bool (*apply_network)(struct work *work);
    bool (*apply_port)(struct work *work);
    bool (*apply_router)(struct work *work);
    bool (*apply_security_group)(struct work *work);
    bool (*apply_address_group)(struct work *work);

    /* Joins the network device of this host to the integration bridge as port work->id; null takes it off. Required. */
    bool (*plug)(struct work *work);

    /* Reports the state of every port that this host answers for, again: the API may have missed it. Required. */
    void (*report)(void);

    /* Adds to work->result what exists under our mark, for audit and to converge:
     * "networks", "routers", "security_groups", "address_groups": [id], "ports": {id: "ACTIVE" | "DOWN"}, and of this
     * host "plugs": {port id: device} and "metadata": [id of a network that has a metadata proxy here]. Required. */
    bool (*list)(struct work *work);
};

extern const struct network_driver network_driver_ovn;
extern const struct network_driver network_driver_fake;
