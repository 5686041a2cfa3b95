/* SPDX-License-Identifier: Apache-2.0
 * What the other services may ask of network. All inside the caller's transaction. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rest/service.h"

/* Network's entry in the table of services. */
extern const struct service network;

/* A port for a server. */
struct network_port_new {
    const char *network_id, *project_id, *name;
    const char *fixed_ip;                   /* wanted address; null: any */
    const char *device_id, *host;           /* the server; the host may be null until it is scheduled */
    const char *zone;                       /* device_owner becomes "compute:ZONE" */
    const char *const *security_groups;     /* ids, end with null; null: the project's default group */
};

/* A name that a port has, in the names' order: of a security group, or a floating address and the fixed one it leads to. */
struct network_port_name {
    const char *name, *fixed_ip;
    struct network_port_name *next;
};

/* A server's port as compute shows it and drivers need it. */
struct network_port_info {
    const char *id, *network_id, *network_name, *mac_address, *device_id, *host, *status, *project_id;
    const char *fixed_ips;                  /* JSON list of {"subnet_id", "ip_address"} */
    struct network_port_name *floating_ips, *security_groups;
    const char *subnets;                    /* where asked for: JSON list of the subnets of the fixed IPs: cidr, gateway_ip, dns_nameservers,
                                             * host_routes, enable_dhcp, ip_version: for network_data.json */
    int64_t mtu, created_at;
    bool port_security_enabled, server_owned;   /* server_owned: made by compute, removed with the server */
    const char *tag;
};

/* Checks before anything is made: the network exists, is visible to the caller, and has a subnet or takes ports without
 * addresses. Fails 400 / 404 in compute's words. */
bool network_usable(struct call *call, const char *network_id);

/* The networks that a server gets when none is asked for: the project's own, else shared ones that are not external. Ids,
 * in order of creation. */
bool network_default(struct call *call, const char ***ret_ids, size_t *ret_count);

bool network_port_make(struct call *call, const struct network_port_new *port, const char **ret_id);

/* Gives an existing port to a server, which is on 'host' (null: on none). Fails 409 when it is in use, 404 when the caller may not see it. */
bool network_port_take(struct call *call, const char *port_id, const char *device_id, const char *zone,
                       const char *host);

/* Says on which host the server's ports are (null: on none); tasks follow. */
bool network_ports_bind(struct call *call, const char *device_id, const char *host);

/* The port no longer belongs to the server: removed when compute made it, else free again. */
bool network_port_drop(struct call *call, const char *port_id);

/* The ports of some servers, by server and then creation. One statement whatever the count. */
bool network_ports_of(struct call *call, const char *const *device_ids, size_t device_count,
                      struct network_port_info **ret_ports, size_t *ret_count);
/* Those of one server, with their 'subnets'. */
bool network_ports_with_subnets(struct call *call, const char *device_id, struct network_port_info **ret_ports,
                                size_t *ret_count);

bool network_port_in_group(const struct network_port_info *port, const char *group_name);

/* The port with a fixed address on a network (a metadata request), or null in '*ret_port'. */
bool network_port_by_address(struct call *call, const char *network_id, const char *address,
                             struct network_port_info **ret_port);

/* SQL of the devices that have a fixed address that the pattern '?' (regexp_like) fits: for lists. */
extern const char network_devices_by_address[];

/* A security group of the caller's project by id or name. Fails 400 in compute's words. */
bool network_security_group(struct call *call, const char *id_or_name, const char **ret_id);

/* Changes the groups of all ports of a server: adds or removes one. */
bool network_security_group_apply(struct call *call, const char *device_id, const char *group_id, bool add);

/* The tap device of a port on its host: "tap" and the first 11 characters of its id. */
char *network_tap(struct arena *arena, const char *port_id);
