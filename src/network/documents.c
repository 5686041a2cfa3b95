/* SPDX-License-Identifier: Apache-2.0
 * What drivers want, from rows: the documents of driver.h, one at a time or all at once. */
#include <string.h>

#include "base/map.h"
#include "network/network.h"
#include "network/parts.h"

/* Rows that documents look up; each is read once. */
struct network_world {
    struct call *call;
    struct map *networks, *subnets;         /* id -> row */
    struct map *metadata;                   /* network id -> its metadata port; when filled */
    struct map *qos;                        /* policy id -> its rules, JSON text */
    struct network_port *ports;
    size_t port_count;
    bool filled;
};

static void forget(void *user) {
    struct network_world *world = user;

    map_free(world->networks, NULL);
    map_free(world->subnets, NULL);
    map_free(world->metadata, NULL);
    map_free(world->qos, NULL);
}

struct network_world *network_world_new(struct call *call) {
    struct network_world *world = ARENA_NEW(call->arena, struct network_world);

    *world = (struct network_world){.call = call, .networks = map_new(), .subnets = map_new(),
                                    .metadata = map_new(), .qos = map_new()};
    arena_defer(call->arena, forget, world);
    return world;
}

static bool fill_map(struct call *call, const struct resource *resource, struct map *map, size_t size) {
    char *rows;
    size_t count;

    if (!rows_find(call, resource, NULL, SQL_NO_ARGS, &rows, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        map_set(map, row_key(resource, rows + i * size), rows + i * size);
    }
    return true;
}

bool network_world_fill(struct network_world *world) {
    struct call *call = world->call;

    world->filled = true;
    if (!fill_map(call, &resource_network_network, world->networks, sizeof(struct network_network)) ||
        !network_qos_read(call, NULL, world->qos) ||
        !fill_map(call, &resource_network_subnet, world->subnets, sizeof(struct network_subnet)) ||
        !rows_find(call, &resource_network_port, "device_owner LIKE 'network:%' OR binding_host_id <> ''", SQL_NO_ARGS,
                   &world->ports, &world->port_count)) {
        return false;
    }
    for (size_t i = 0; i < world->port_count; i++) {
        if (!strcmp(world->ports[i].device_owner, OWNER_METADATA)) {
            map_set(world->metadata, world->ports[i].network_id, &world->ports[i]);
        }
    }
    return true;
}

static void *find(struct network_world *world, struct map *map, const struct resource *resource, const char *id) {
    void *row = id ? map_get(map, id) : NULL;

    if (!row && id && !world->filled && row_find(world->call, resource, id, &row)) {
        map_set(map, id, row);
    }
    return row;
}

static const struct network_subnet *subnet_of(struct network_world *world, const char *id) {
    return find(world, world->subnets, &resource_network_subnet, id);
}

static const struct network_network *network_of(struct network_world *world, const char *id) {
    return find(world, world->networks, &resource_network_network, id);
}

/* ---- parts of documents ---- */

/* The rules of the policy; of 'otherwise' when it is null. */
static void write_qos(struct network_world *world, const char *policy_id, const char *otherwise, struct json_out *out) {
    const char *id = policy_id ? policy_id : otherwise, *rules = id ? map_get(world->qos, id) : NULL;

    if (id && !rules && !world->filled && network_qos_read(world->call, id, world->qos)) {
        rules = map_get(world->qos, id);
    }
    json_put_raw(out, "qos_rules", rules ? rules : "[]");
}

/* The address in 'subnet_id' among a port's fixed IPs, or null. */
static const char *address_in(struct call *call, const char *fixed_ips, const char *subnet_id) {
    for (JSON_EACH(item, network_json(call, fixed_ips))) {
        const char *id = json_get_text(item, "subnet_id");

        if (id && !strcmp(id, subnet_id)) {
            return json_get_text(item, "ip_address");
        }
    }
    return NULL;
}

static const struct network_port *metadata_port(struct network_world *world, const char *network_id) {
    struct network_port *port = NULL;

    if (world->filled) {
        return map_get(world->metadata, network_id);
    }
    row_first(world->call, &resource_network_port, "network_id = ? AND device_owner = ?",
              SQL_ARGS(sql_text(network_id), sql_text(OWNER_METADATA)), &port);
    return port;
}

static void write_subnet(struct network_world *world, const struct network_subnet *subnet, const char *metadata_ip,
                         const char *dns_domain, struct json_out *out) {
    json_map(out);
    json_put_text(out, "id", subnet->id);
    json_put_int(out, "ip_version", subnet->ip_version);
    json_put_text(out, "cidr", subnet->cidr);
    json_put_text(out, "gateway_ip", subnet->gateway_ip);
    json_put_bool(out, "enable_dhcp", subnet->enable_dhcp);
    json_put_raw(out, "dns_nameservers", subnet->dns_nameservers);
    json_put_text(out, "dns_domain", dns_domain && *dns_domain ? dns_domain : DNS_DOMAIN);
    json_put_raw(out, "host_routes", subnet->host_routes);
    json_put_text(out, "ipv6_address_mode", subnet->ipv6_address_mode);
    json_put_text(out, "ipv6_ra_mode", subnet->ipv6_ra_mode);
    json_put_text(out, "metadata_ip", metadata_ip);
    json_map_end(out);
}

static void write_subnets(struct network_world *world, const struct network_network *net, struct json_out *out) {
    const struct network_port *metadata = metadata_port(world, net->id);
    struct network_subnet *subnets = NULL;
    size_t count = 0, cursor = 0;
    void *row;

    json_key(out, "subnets");
    json_list(out);
    if (!world->filled) {
        network_subnets_of(world->call, net->id, &subnets, &count);
        for (size_t i = 0; i < count; i++) {
            write_subnet(world, &subnets[i],
                         metadata ? address_in(world->call, metadata->fixed_ips, subnets[i].id) : NULL, net->dns_domain,
                         out);
        }
    }
    while (world->filled && map_next(world->subnets, &cursor, &row)) {
        const struct network_subnet *subnet = row;

        if (!strcmp(subnet->network_id, net->id)) {
            write_subnet(world, subnet, metadata ? address_in(world->call, metadata->fixed_ips, subnet->id) : NULL,
                         net->dns_domain, out);
        }
    }
    json_list_end(out);
}

/* A port's addresses with what a driver wants of each one's subnet. */
static void write_addresses(struct network_world *world, const char *fixed_ips, bool router, struct json_out *out) {
    json_list(out);
    for (JSON_EACH(item, network_json(world->call, fixed_ips))) {
        const char *id = json_get_text(item, "subnet_id");
        const struct network_subnet *subnet = subnet_of(world, id);

        json_map(out);
        json_put_text(out, "subnet_id", id);
        json_put_text(out, "ip_address", json_get_text(item, "ip_address"));
        json_put_text(out, "cidr", subnet ? subnet->cidr : NULL);
        if (router) {
            json_put_text(out, "gateway_ip", subnet ? subnet->gateway_ip : NULL);
            json_put_text(out, "ipv6_ra_mode", subnet ? subnet->ipv6_ra_mode : NULL);
            json_put_raw(out, "dns_nameservers", subnet ? subnet->dns_nameservers : "[]");
        }
        json_map_end(out);
    }
    json_list_end(out);
}

/* The segments of the network besides its first. */
static void write_segments(struct network_world *world, const struct network_network *net, struct json_out *out) {
    struct rows *rows = db_query(world->call->db,
                                 "SELECT id, network_type, physical_network, segmentation_id FROM network_segment WHERE"
                                 " network_id = ? AND first = 0 ORDER BY id", SQL_ARGS(sql_text(net->id)));

    json_key(out, "segments");
    json_list(out);
    while (rows_next(rows)) {
        json_map(out);
        json_put_text(out, "id", rows_text(rows, 0));
        json_put_text(out, "provider:network_type", rows_text(rows, 1));
        json_put_text(out, "provider:physical_network", rows_text(rows, 2));
        json_put_int(out, "provider:segmentation_id", rows_int(rows, 3));
        json_map_end(out);
    }
    rows_end(rows);
    json_list_end(out);
}

/* ---- the documents ---- */

bool network_document(struct network_world *world, struct json_out *out, const struct network_network *net) {
    json_map(out);
    json_put_text(out, "id", net->id);
    json_put_text(out, "name", net->name);
    json_put_text(out, "project_id", net->project_id);
    json_put_bool(out, "admin_state_up", net->admin_state_up);
    json_put_int(out, "mtu", net->mtu);
    json_put_text(out, "provider:network_type", net->network_type);
    json_put_text(out, "provider:physical_network", net->physical_network);
    json_key(out, "provider:segmentation_id");
    if (net->segmentation_id == NO_INT) {
        json_null(out);
    } else {
        json_int(out, net->segmentation_id);
    }
    json_put_bool(out, "router:external", net->router_external);
    write_segments(world, net, out);
    write_subnets(world, net, out);
    json_map_end(out);
    return true;
}

/* The IPv6 addresses behind the router that its gateway answers for on the external network. */
static void write_proxies(struct network_world *world, const struct network_port *port, struct json_out *out) {
    struct rows *rows = db_query(world->call->db, "SELECT ip_address FROM network_ndp_proxy WHERE router_id = ?"
                                                  " ORDER BY ip_address", SQL_ARGS(sql_text(port->device_id)));

    json_key(out, "ndp_proxies");
    json_list(out);
    while (rows_next(rows)) {
        json_text(out, rows_text(rows, 0));
    }
    rows_end(rows);
    json_list_end(out);
}

/* The names that resolve to the port's addresses on its network. */
static void write_names(struct network_world *world, const struct network_port *port, const struct network_network *net,
                        struct json_out *out) {
    const char *domains[] = {"", DNS_DOMAIN, net ? net->dns_domain : "", port->dns_domain};
    const char *addresses = "";

    for (JSON_EACH(item, network_json(world->call, port->fixed_ips))) {
        addresses = arena_printf(world->call->arena, "%s%s%s", addresses, *addresses ? " " : "",
                                 json_get_text(item, "ip_address"));
    }
    json_key(out, "dns_records");
    json_map(out);
    for (int i = 0; i < 4 && *port->dns_name && *addresses; i++) {
        bool again = i > 1 && (network_same(domains[i], domains[1]) || (i == 3 && network_same(domains[3], domains[2])));

        if (!i || (domains[i] && *domains[i] && !again)) {
            char *name = arena_printf(world->call->arena, "%s%s%s", port->dns_name, i ? "." : "", domains[i]);
            size_t size = strlen(name);

            name[size - (name[size - 1] == '.')] = 0;
            json_put_text(out, name, addresses);
        }
    }
    json_map_end(out);
}

bool network_port_document(struct network_world *world, struct json_out *out, const struct network_port *port) {
    const struct network_network *net = network_of(world, port->network_id);
    bool is_own = !strncmp(port->device_owner, "network:", 8);

    json_map(out);
    json_put_text(out, "id", port->id);
    json_put_text(out, "name", port->name);
    json_put_text(out, "project_id", port->project_id);
    json_put_text(out, "network_id", port->network_id);
    json_put_text(out, "mac_address", port->mac_address);
    json_put_bool(out, "admin_state_up", port->admin_state_up);
    json_key(out, "fixed_ips");
    write_addresses(world, port->fixed_ips, false, out);
    json_put_raw(out, "allowed_address_pairs", port->allowed_address_pairs);
    json_put_bool(out, "port_security_enabled", port->port_security_enabled);
    json_put_raw(out, "security_groups", port->security_groups);
    json_put_text(out, "device_id", port->device_id);
    json_put_text(out, "device_owner", port->device_owner);
    json_put_raw(out, "extra_dhcp_opts", port->extra_dhcp_opts);
    json_put_text(out, "binding:host_id", port->binding_host_id);
    json_put_raw(out, "binding:profile", port->binding_profile);
    write_qos(world, port->qos_policy_id, is_own ? NULL : net ? net->qos_policy_id : NULL, out);
    write_names(world, port, net, out);
    if (!strcmp(port->device_owner, OWNER_ROUTER_GATEWAY)) {
        write_proxies(world, port, out);
    }
    json_map_end(out);
    return true;
}

static void write_interface(struct network_world *world, const struct network_port *port, struct json_out *out) {
    const struct network_network *net = network_of(world, port->network_id);

    json_map(out);
    json_put_text(out, "port_id", port->id);
    json_put_text(out, "network_id", port->network_id);
    json_put_text(out, "mac_address", port->mac_address);
    json_put_int(out, "mtu", net ? net->mtu : 1500);
    json_put_text(out, "provider:network_type", net ? net->network_type : NULL);
    json_key(out, "fixed_ips");
    write_addresses(world, port->fixed_ips, true, out);
    json_map_end(out);
}

static void write_gateway(struct network_world *world, const struct network_router *router,
                          const struct network_port *port, struct json_out *out) {
    const struct json *info = network_json(world->call, router->external_gateway_info);
    const struct network_network *net = network_of(world, router->gw_network_id);

    json_map(out);
    json_put_text(out, "network_id", router->gw_network_id);
    json_put_bool(out, "enable_snat", json_get_bool(info, "enable_snat"));
    json_put_text(out, "port_id", port->id);
    json_put_text(out, "mac_address", port->mac_address);
    json_put_text(out, "provider:physical_network", net ? net->physical_network : NULL);
    json_key(out, "external_fixed_ips");
    write_addresses(world, port->fixed_ips, true, out);
    json_map_end(out);
}

static bool write_ports(struct network_world *world, const struct network_router *router, struct json_out *out) {
    struct network_port *ports, *gateway = NULL;
    size_t count;

    if (!rows_find(world->call, &resource_network_port, "device_id = ? ORDER BY created_at, id",
                   SQL_ARGS(sql_text(router->id)), &ports, &count)) {
        return false;
    }
    json_key(out, "interfaces");
    json_list(out);
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(ports[i].device_owner, OWNER_ROUTER_INTERFACE)) {
            write_interface(world, &ports[i], out);
        } else if (!strcmp(ports[i].device_owner, OWNER_ROUTER_GATEWAY)) {
            gateway = &ports[i];
        }
    }
    json_list_end(out);
    json_key(out, "external_gateway_info");
    if (gateway && router->gw_port_id) {
        write_gateway(world, router, gateway, out);
    } else {
        json_null(out);
    }
    return true;
}

static bool write_floatingips(struct network_world *world, const struct network_router *router, struct json_out *out) {
    struct network_floatingip *rows;
    size_t count;

    if (!rows_find(world->call, &resource_network_floatingip, "router_id = ? AND port_id IS NOT NULL ORDER BY id",
                   SQL_ARGS(sql_text(router->id)), &rows, &count)) {
        return false;
    }
    json_key(out, "floatingips");
    json_list(out);
    for (size_t i = 0; i < count; i++) {
        const struct network_network *net = network_of(world, rows[i].floating_network_id);

        json_map(out);
        json_put_text(out, "id", rows[i].id);
        json_put_text(out, "floating_ip_address", rows[i].floating_ip_address);
        json_put_text(out, "fixed_ip_address", rows[i].fixed_ip_address);
        json_put_text(out, "port_id", rows[i].port_id);
        write_qos(world, rows[i].qos_policy_id, net ? net->qos_policy_id : NULL, out);
        json_map_end(out);
    }
    json_list_end(out);
    return true;
}

static bool write_forwardings(struct network_world *world, const struct network_router *router, struct json_out *out) {
    struct rows *rows = db_query(world->call->db,
                                 "SELECT f.id, f.floating_ip_address, w.protocol, w.external_port,"
                                 " w.internal_ip_address, w.internal_port FROM network_port_forwarding w"
                                 " JOIN network_floatingip f ON f.id = w.floatingip_id WHERE f.router_id = ?"
                                 " ORDER BY w.id", SQL_ARGS(sql_text(router->id)));

    json_key(out, "port_forwardings");
    json_list(out);
    while (rows_next(rows)) {
        json_map(out);
        json_put_text(out, "floatingip_id", rows_text(rows, 0));
        json_put_text(out, "floating_ip_address", rows_text(rows, 1));
        json_put_text(out, "protocol", rows_text(rows, 2));
        json_put_int(out, "external_port", rows_int(rows, 3));
        json_put_text(out, "internal_ip_address", rows_text(rows, 4));
        json_put_int(out, "internal_port", rows_int(rows, 5));
        json_map_end(out);
    }
    rows_end(rows);
    json_list_end(out);
    return db_failure(world->call->db) == DB_OK || fail_database(world->call);
}

bool network_router_document(struct network_world *world, struct json_out *out, const struct network_router *router) {
    json_map(out);
    json_put_text(out, "id", router->id);
    json_put_text(out, "name", router->name);
    json_put_text(out, "project_id", router->project_id);
    json_put_bool(out, "admin_state_up", router->admin_state_up);
    json_put_raw(out, "routes", router->routes);
    if (!write_ports(world, router, out) || !write_floatingips(world, router, out) ||
        !write_forwardings(world, router, out)) {
        return false;
    }
    json_map_end(out);
    return true;
}

static void write_port_number(struct json_out *out, const char *key, int64_t number) {
    json_key(out, key);
    if (number == NO_INT) {
        json_null(out);
    } else {
        json_int(out, number);
    }
}

bool network_group_document(struct network_world *world, struct json_out *out,
                            const struct network_security_group *group) {
    struct network_security_group_rule *rules;
    size_t count;

    if (!rows_find(world->call, &resource_network_security_group_rule, "security_group_id = ? ORDER BY id",
                   SQL_ARGS(sql_text(group->id)), &rules, &count)) {
        return false;
    }
    json_map(out);
    json_put_text(out, "id", group->id);
    json_put_text(out, "name", group->name);
    json_put_text(out, "project_id", group->project_id);
    json_put_bool(out, "stateful", group->stateful);
    json_key(out, "security_group_rules");
    json_list(out);
    for (size_t i = 0; i < count; i++) {
        json_map(out);
        json_put_text(out, "id", rules[i].id);
        json_put_text(out, "direction", rules[i].direction);
        json_put_text(out, "ethertype", rules[i].ethertype);
        json_put_text(out, "protocol", rules[i].protocol);
        write_port_number(out, "port_range_min", rules[i].port_range_min);
        write_port_number(out, "port_range_max", rules[i].port_range_max);
        json_put_text(out, "remote_ip_prefix", rules[i].normalized_cidr);
        json_put_text(out, "remote_group_id", rules[i].remote_group_id);
        json_put_text(out, "remote_address_group_id", rules[i].remote_address_group_id);
        json_map_end(out);
    }
    json_list_end(out);
    json_map_end(out);
    return true;
}

bool network_addresses_document(struct json_out *out, const struct network_address_group *group) {
    json_map(out);
    json_put_text(out, "id", group->id);
    json_put_text(out, "project_id", group->project_id);
    json_put_raw(out, "addresses", group->addresses);
    json_map_end(out);
    return true;
}

/* ---- everything ---- */

static bool write_address_groups(struct network_world *world, struct json_out *out) {
    struct network_address_group *groups;
    size_t count;
    bool ok = rows_find(world->call, &resource_network_address_group, NULL, SQL_NO_ARGS, &groups, &count);

    json_key(out, "address_groups");
    json_list(out);
    for (size_t i = 0; ok && i < count; i++) {
        network_addresses_document(out, &groups[i]);
    }
    json_list_end(out);
    return ok;
}

static bool write_groups(struct network_world *world, struct json_out *out) {
    struct network_security_group *groups;
    size_t count;
    bool ok = rows_find(world->call, &resource_network_security_group, NULL, SQL_NO_ARGS, &groups, &count);

    json_key(out, "security_groups");
    json_list(out);
    for (size_t i = 0; ok && i < count; i++) {
        ok = network_group_document(world, out, &groups[i]);
    }
    json_list_end(out);
    return ok;
}

static bool write_routers(struct network_world *world, struct json_out *out) {
    struct network_router *routers;
    size_t count;
    bool ok = rows_find(world->call, &resource_network_router, NULL, SQL_NO_ARGS, &routers, &count);

    json_key(out, "routers");
    json_list(out);
    for (size_t i = 0; ok && i < count; i++) {
        ok = network_router_document(world, out, &routers[i]);
    }
    json_list_end(out);
    return ok;
}

/* A server to which something is being done plugs and unplugs its own: by the time that this is read it may be gone. */
static void write_plugs(struct network_world *world, const char *host, struct json_out *out) {
    json_key(out, "plugs");
    json_list(out);
    for (size_t i = 0; i < world->port_count; i++) {
        const struct network_port *port = &world->ports[i];
        const struct network_network *net = network_of(world, port->network_id);

        if (strcmp(port->binding_host_id, host) == 0 && strncmp(port->device_owner, "network:", 8) != 0 &&
            strcmp(port->device_owner, OWNER_SUBPORT) != 0) {
            json_map(out);
            json_put_text(out, "id", port->id);
            json_put_text(out, "device", network_tap(world->call->arena, port->id));
            json_put_text(out, "mac_address", port->mac_address);
            json_put_int(out, "mtu", net ? net->mtu : 1500);
            json_put_text(out, "device_id", port->device_id);
            json_put_bool(out, "busy", task_pending(world->call, port->device_id));
            json_map_end(out);
        }
    }
    json_list_end(out);
}

bool network_wanted(struct network_world *world, struct json_out *out, const char *host, bool central) {
    size_t cursor = 0;
    void *row;
    bool ok = true;

    json_map(out);
    if (central) {
        json_key(out, "networks");
        json_list(out);
        while (map_next(world->networks, &cursor, &row)) {
            network_document(world, out, row);
        }
        json_list_end(out);
        json_key(out, "ports");
        json_list(out);
        for (size_t i = 0; i < world->port_count; i++) {
            if (network_port_is_wired(&world->ports[i])) {
                network_port_document(world, out, &world->ports[i]);
            }
        }
        json_list_end(out);
        ok = write_address_groups(world, out) && write_groups(world, out) && write_routers(world, out);
    }
    write_plugs(world, host, out);
    json_put_bool(out, "complete", ok);
    json_map_end(out);
    return ok;
}
