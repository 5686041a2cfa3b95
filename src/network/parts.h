/* SPDX-License-Identifier: Apache-2.0
 * What the files of the network service ask of each other. Everything works inside the call's transaction, and fails
 * the call when it returns false. */
#pragma once
#include "base/ip.h"
#include "network/types.h"
#include "rest/call.h"
#include "rest/task.h"

struct map;

/* ---- parts.c: small things ---- */

/* A given JSON text as a tree; null stays null. */
const struct json *network_json(struct call *call, const char *text);
/* True when both are the same text; null is "". */
bool network_same(const char *a, const char *b);
/* 400 InvalidInput in Neutron's words. Always false. */
bool network_invalid(struct call *call, const char *cause);
/* Takes over the text that was written to 'buf', into the arena. */
const char *network_text(struct call *call, struct buf *buf);
/* "OP:FIELD:KEY" for each key of each item of the JSON list (or map) 'text', where there is such a rule. */
bool network_allow_keys(struct call *call, const char *field, const char *text, const struct resource *resource,
                        const void *row);
/* True when the body of this very operation on 'resource' gave the field. */
bool network_given(struct call *call, const struct resource *resource, const char *field);
/* ?shared= of lists: rows named by the RBAC table, or not. */
bool network_filter_shared(struct call *call, struct query *query, const char *condition);
/* Sets the bool field "shared" of rows of that RBAC type. */
bool network_expand_shared(struct call *call, const struct resource *resource, void *rows, size_t count);
/* What "shared" stands for in the RBAC table: makes or removes the entry for everybody. */
bool network_share(struct call *call, const char *type, const char *id, const char *project_id, const char *action,
                   bool share);

/* ---- checks.c ---- */
bool network_fixed_ips_check(struct call *call, const struct field *field, void *slot);

/* ---- tags.c ---- */
void network_filter_tags(struct call *call, struct query *query);

/* ---- segments.c ---- */
bool network_is_type(const struct network_network *net, const char *type);
/* What was said of the network's segment is complete, possible and free; what was not said is chosen. */
bool network_segment_set(struct call *call, struct network_network *net);
bool network_segment_default(struct call *call, struct network_network *net);
/* Makes the row of the segment that the network is made on. */
bool network_segment_first(struct call *call, const struct network_network *net);
/* What must always be there. */
bool network_bootstrap(struct call *call);

/* ---- networks.c ---- */
/* The network that the port is in, read once. */
struct network_network *network_of_port(struct call *call, const struct network_port *port);
/* The network's metadata port has an address in this IPv4 subnet while it has DHCP. */
bool network_metadata_follow(struct call *call, const struct network_subnet *subnet);

/* ---- subnets.c ---- */
bool network_subnet_is_auto(const struct network_subnet *subnet);
bool network_subnets_of(struct call *call, const char *network_id, struct network_subnet **ret_subnets,
                        size_t *ret_count);

/* ---- addresses.c ---- */

/* Gives 'port' the addresses that 'wanted' asks for (a list of {subnet_id, ip_address}, both optional; null: one of
 * each version), writes their rows and port->fixed_ips. Addresses the port has already (port->fixed_ips) and wants
 * again are kept, all others given back. */
bool network_addresses_set(struct call *call, struct network_port *port, const struct json *wanted);
/* Adds an address of this subnet (IPv6 with automatic addresses: the one of the MAC address). */
bool network_addresses_add(struct call *call, struct network_port *port, const struct network_subnet *subnet);
/* Removes those of this subnet. */
bool network_addresses_remove(struct call *call, struct network_port *port, const char *subnet_id);

/* ---- ports.c ---- */

/* A port that the cloud makes for itself: row with defaults, not yet inserted. */
struct network_port *network_port_blank(struct call *call, const char *network_id, const char *project_id,
                                        const char *device_id, const char *device_owner);
/* Writes the port with other addresses, and tells the drivers. */
bool network_port_changed(struct call *call, struct network_port *port);

/* ---- security_groups.c ---- */
/* The project's default group, made when absent. */
bool network_default_group(struct call *call, const char *project_id, const char **ret_id);
/* Every id of the JSON list is a group that the caller may use; 404 else. */
bool network_groups_usable(struct call *call, const struct json *ids);

/* ---- qos.c ---- */
/* The policy (null: none) has no rule that the back end does not know; 409 else. */
bool network_qos_usable(struct call *call, const char *policy_id);
/* Drivers look again at what is bound to the policy. */
bool network_qos_apply(struct call *call, const char *policy_id);
/* The rules of one policy, or (null) of all, as JSON lists by policy id into the map. */
bool network_qos_read(struct call *call, const char *policy_id, struct map *map);

/* ---- trunks.c ---- */
/* The port is neither parent nor subport of a trunk; 409 else. */
bool network_trunk_unused(struct call *call, const struct network_port *port);
/* The subports below this port are bound where it is. */
bool network_trunk_follow(struct call *call, const struct network_port *parent);
/* The port goes: so do its trunk and its place in one. */
bool network_trunk_forget(struct call *call, const struct network_port *port);
/* Fills trunk_details. */
bool network_trunk_details(struct call *call, struct network_port *ports, size_t count);

/* ---- forwardings.c ---- */
/* Removes the port forwardings, and the NDP proxies, to addresses that the port does not have any more. */
bool network_forwardings_free(struct call *call, const struct network_port *port);
bool network_ndp_proxies_free(struct call *call, const struct network_port *port);
/* 409 when the router has enable_ndp_proxy and no gateway that could be one. */
bool network_ndp_proxy_possible(struct call *call, const struct network_router *router);
/* 409 when the floating IP has port forwardings; when the router has NDP proxies. */
bool network_forwardings_none(struct call *call, const char *floatingip_id);
bool network_ndp_proxies_none(struct call *call, const char *router_id);

/* ---- floatingips.c ---- */
/* The router between a subnet and the external network of the floating IP. Fails 404: there is none. */
const char *network_floatingip_router(struct call *call, const struct network_floatingip *fip, const char *subnet_id);
/* Frees the floating IPs that stand for an address which the port does not have any more. */
bool network_floatingips_free(struct call *call, const struct network_port *port);

/* ---- tasks.c ---- */

/* The drivers should look at the resource again. */
bool network_apply(struct call *call, const char *kind, const char *id);
/* The same for a port; only ports that are on a wire concern drivers. */
bool network_apply_port(struct call *call, const struct network_port *port, bool was_wired);
bool network_port_is_wired(const struct network_port *port);
/* network_apply for every id that 'sql' gives for its one '?'. */
bool network_apply_all(struct call *call, const char *kind, const char *sql, const char *argument);
/* The routers on a network: their documents say things of it and its subnets. */
bool network_apply_routers(struct call *call, const char *network_id);
extern const struct task_kind network_tasks[];
bool network_report(struct call *call, const char *host, const char *kind, const char *id, const struct json *doc);
bool network_ask(struct call *call, const char *host, const char *kind, const char *id);

/* ---- agents.c ---- */
bool network_host_up(struct call *call, const char *host, const struct json *facts);
bool network_host_down(struct call *call, const char *host);
/* The host that drives the back end; null: none is there. */
const char *network_driver_host(struct call *call);
/* True when the host has a network agent. */
bool network_host_known(struct call *call, const char *host);

/* ---- documents.c: what drivers want, see driver.h ---- */
struct network_world;
struct network_world *network_world_new(struct call *call);
/* Reads everything at once, for documents of everything. */
bool network_world_fill(struct network_world *world);
bool network_document(struct network_world *world, struct json_out *out, const struct network_network *net);
bool network_port_document(struct network_world *world, struct json_out *out, const struct network_port *port);
bool network_router_document(struct network_world *world, struct json_out *out, const struct network_router *router);
bool network_group_document(struct network_world *world, struct json_out *out,
                            const struct network_security_group *group);
bool network_addresses_document(struct json_out *out, const struct network_address_group *group);
bool network_wanted(struct network_world *world, struct json_out *out, const char *host, bool central);
