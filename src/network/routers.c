/* SPDX-License-Identifier: Apache-2.0
 * Routers beyond their declaration: gateways, interfaces, routes. */
#include <string.h>

#include "base/id.h"
#include "base/clock.h"
#include "network/network.h"
#include "network/parts.h"
#include "rest/resource.h"

enum { MAX_ROUTES = 30 };

static bool bad_request(struct call *call, const char *cause) {
    return fail_type(call, 400, "BadRequest", "Bad router request: %s.", cause);
}

bool network_router_list(struct call *call, struct query *query) {
    network_filter_tags(call, query);
    return true;
}

/* ---- the gateway ---- */

/* Null, or a QoS policy that the caller may use. */
static bool gateway_policy_check(struct call *call, const struct field *field, const struct json *id) {
    struct network_qos_policy *policy;

    if (!id || id->type == JSON_NULL) {
        return true;
    }
    if (id->type != JSON_TEXT || !id_is_uuid(id->text)) {
        return fail_field(call, field, "qos_policy_id '%.60s' is not a UUID", json_print(call->arena, id));
    }
    return row_get(call, &resource_network_qos_policy, id->text, &policy) && network_qos_usable(call, policy->id);
}

bool network_gateway_check(struct call *call, const struct field *field, void *slot) {
    static const char keys[] = "|network_id|enable_snat|external_fixed_ips|qos_policy_id|";
    const char **text = slot;
    const struct json *info = network_json(call, *text), *snat = json_get(info, "enable_snat"), *ips;
    const char *id = json_get_text(info, "network_id"), *ips_text;

    if (!info || (info->type == JSON_MAP && !info->count)) {
        *text = NULL;
        return true;
    }
    if (info->type != JSON_MAP || !id || !id_is_uuid(id)) {
        return fail_field(call, field, "'%.80s' is not a dictionary with a network_id", *text);
    }
    for (JSON_EACH(member, info)) {
        if (!strstr(keys, arena_printf(call->arena, "|%s|", member->key))) {
            return fail_field(call, field, "unexpected key '%.60s'", member->key);
        }
    }
    if (snat && !json_is_bool(snat) && (snat->type != JSON_TEXT || truth_of(snat->text) < 0)) {
        return fail_field(call, field, "enable_snat '%.60s' is not a boolean", json_print(call->arena, snat));
    }
    if (!gateway_policy_check(call, field, json_get(info, "qos_policy_id"))) {
        return false;
    }
    ips = json_get(info, "external_fixed_ips");
    ips_text = ips ? json_print(call->arena, ips) : NULL;
    return !ips || network_fixed_ips_check(call, field, &ips_text);
}

static const char *gateway_text(struct call *call, const struct network_port *port, bool snat) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    json_put_text(&out, "network_id", port->network_id);
    json_put_raw(&out, "external_fixed_ips", port->fixed_ips);
    json_put_bool(&out, "enable_snat", snat);
    json_put_text(&out, "qos_policy_id", port->qos_policy_id);
    json_map_end(&out);
    return network_text(call, &buf);
}

static bool gateway_free(struct call *call, const struct network_router *router) {
    int64_t used = call_count(call, "SELECT count(*) FROM network_floatingip WHERE router_id = ?",
                              SQL_ARGS(sql_text(router->id)));

    return !used || fail_type(call, 409, "RouterExternalGatewayInUseByFloatingIp",
                              "Gateway cannot be updated for router %s, "
                              "since a gateway to external network %s is required by one or more floating IPs.",
                              router->id, router->gw_network_id);
}

static bool gateway_clear(struct call *call, struct network_router *router) {
    struct network_port *port;

    if (router->gw_port_id && row_find(call, &resource_network_port, router->gw_port_id, &port) &&
        !resource_delete(call, &resource_network_port, port)) {
        return false;
    }
    router->gw_port_id = router->gw_network_id = router->external_gateway_info = NULL;
    return !call->error;
}

static bool gateway_make(struct call *call, struct network_router *router, const char *network_id,
                         const struct json *ips, struct network_port **ret_port) {
    struct network_network *net;

    if (!row_get(call, &resource_network_network, network_id, &net)) {
        return false;
    }
    if (!net->router_external) {
        return bad_request(call, arena_printf(call->arena, "Network %s is not an external network", network_id));
    }
    *ret_port = network_port_blank(call, network_id, "", router->id, OWNER_ROUTER_GATEWAY);
    router->gw_port_id = (*ret_port)->id;
    router->gw_network_id = network_id;
    return network_addresses_set(call, *ret_port, ips) && row_insert(call, &resource_network_port, *ret_port) &&
           network_apply_port(call, *ret_port, false);
}

/* Where the caller says so, as it was, else on. */
static bool snat_of(struct call *call, const struct json *info, const char *was) {
    const struct json *given = json_get(info, "enable_snat"), *before = network_json(call, was);

    given = given ? given : json_get(before, "enable_snat");
    return !given || given->type == JSON_TRUE || (given->type == JSON_TEXT && truth_of(given->text) == 1);
}

/* Makes the gateway what 'text' (as the client gave it, checked) says. */
static bool gateway_set(struct call *call, struct network_router *router, const char *text, const char *was) {
    const struct json *info = network_json(call, text), *ips = json_get(info, "external_fixed_ips");
    const struct json *policy = json_get(info, "qos_policy_id");
    const char *network_id = json_get_text(info, "network_id");
    struct network_port *port = NULL;

    if (router->gw_port_id && !network_same(network_id, router->gw_network_id) &&
        (!gateway_free(call, router) || !network_ndp_proxies_none(call, router->id) || !gateway_clear(call, router))) {
        return false;
    }
    if (!network_id) {
        router->external_gateway_info = NULL;
        return true;
    }
    if (!router->gw_port_id) {
        if (!gateway_make(call, router, network_id, ips, &port)) {
            return false;
        }
    } else if (!row_find(call, &resource_network_port, router->gw_port_id, &port) ||
               (ips && !network_addresses_set(call, port, ips))) {
        return false;
    }
    if (policy || ips) {
        port->qos_policy_id = policy ? policy->text : port->qos_policy_id;
        if (!network_port_changed(call, port)) {
            return false;
        }
    }
    router->external_gateway_info = gateway_text(call, port, snat_of(call, info, was));
    return true;
}

/* ---- routes ---- */

static bool addresses_of(struct call *call, const char *router_id, struct network_subnet **ret_subnets,
                         size_t *ret_count) {
    return rows_find(
        call, &resource_network_subnet,
        "id IN (SELECT a.subnet_id FROM network_allocation a JOIN network_port p ON p.id = a.port_id"
        " WHERE p.device_id = ? AND p.device_owner IN ('network:router_interface', 'network:router_gateway'))",
        SQL_ARGS(sql_text(router_id)), ret_subnets, ret_count);
}

/* Every next hop is in a subnet of the router. */
static bool routes_check(struct call *call, const struct network_router *router) {
    const struct json *routes = network_json(call, router->routes);
    struct network_subnet *subnets;
    size_t count;

    if (routes->count > MAX_ROUTES) {
        return fail_type(call, 400, "RoutesExhausted",
                         "Unable to complete operation for %s. The number of routes exceeds the "
                         "maximum %d.",
                         router->id, MAX_ROUTES);
    }
    if (!addresses_of(call, router->id, &subnets, &count)) {
        return false;
    }
    for (JSON_EACH(route, routes)) {
        bool connected = false;
        struct ip_net net;
        struct ip hop;

        for (size_t i = 0; i < count && ip_parse(json_get_text(route, "nexthop"), &hop); i++) {
            connected = connected || (ip_net_parse(subnets[i].cidr, &net) && ip_net_contains(net, hop));
        }
        if (!connected) {
            return fail_type(call, 400, "InvalidRoutes",
                             "Invalid format for routes: %s, the nexthop is not connected with "
                             "router",
                             json_print(call->arena, route));
        }
    }
    return true;
}

static bool is_route(const struct json *routes, const struct json *route) {
    for (JSON_EACH(other, routes)) {
        if (network_same(json_get_text(other, "destination"), json_get_text(route, "destination")) &&
            network_same(json_get_text(other, "nexthop"), json_get_text(route, "nexthop"))) {
            return true;
        }
    }
    return false;
}

/* The routes of 'from' that 'without' does not have, and then all of 'with'. */
static const char *routes_text(struct call *call, const char *from, const struct json *without,
                               const struct json *with) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    for (JSON_EACH(route, network_json(call, from))) {
        if (!is_route(without, route)) {
            json_tree(&out, route);
        }
    }
    for (JSON_EACH(route, with)) {
        json_tree(&out, route);
    }
    json_list_end(&out);
    return network_text(call, &buf);
}

static bool change_routes(struct call *call, bool add) {
    const struct network_extra_routes *input = call->input;
    const struct json *given = network_json(call, input->routes);
    struct network_router *router = call->row, was = *router;

    router->routes = routes_text(call, was.routes, given, add ? given : NULL);
    return resource_update(call, &resource_network_router, &was, router) && row_respond(call, &resource_network_router, router);
}

bool network_router_add_routes(struct call *call) {
    return change_routes(call, true);
}

bool network_router_remove_routes(struct call *call) {
    return change_routes(call, false);
}

/* ---- hooks ---- */

bool network_router_create(struct call *call, void *row) {
    struct network_router *router = row;
    const char *gateway = router->external_gateway_info;

    router->external_gateway_info = NULL;
    return network_allow_keys(call, "external_gateway_info", gateway, &resource_network_router, router) &&
           gateway_set(call, router, gateway, NULL) && network_ndp_proxy_possible(call, router) && network_apply(call, "network.router", router->id);
}

bool network_router_update(struct call *call, const void *old, void *row) {
    const struct network_router *was = old;
    struct network_router *router = row;

    if (network_given(call, &resource_network_router, "external_gateway_info")) {
        const char *gateway = router->external_gateway_info;

        router->external_gateway_info = was->external_gateway_info;
        if (!network_allow_keys(call, "external_gateway_info", gateway, &resource_network_router, was) ||
            !gateway_set(call, router, gateway, was->external_gateway_info)) {
            return false;
        }
    }
    if ((!was->enable_ndp_proxy || network_given(call, &resource_network_router, "external_gateway_info")) &&
        !network_ndp_proxy_possible(call, router)) {
        return false;
    }
    if (was->enable_ndp_proxy && !router->enable_ndp_proxy && !network_ndp_proxies_none(call, router->id)) {
        return false;
    }
    return (network_same(was->routes, router->routes) || routes_check(call, router)) &&
           network_apply(call, "network.router", router->id);
}

bool network_router_delete(struct call *call, void *row) {
    struct network_router *router = row;

    if (call_count(call, "SELECT count(*) FROM network_port WHERE device_id = ? AND device_owner = ?",
                   SQL_ARGS(sql_text(router->id), sql_text(OWNER_ROUTER_INTERFACE)))) {
        return fail_type(call, 409, "RouterInUse", "Router %s still has ports", router->id);
    }
    return gateway_free(call, router) && network_ndp_proxies_none(call, router->id) && gateway_clear(call, router) &&
           network_apply(call, "network.router", router->id);
}

/* ---- interfaces ---- */

static bool respond_interface(struct call *call, const struct network_port *port, const char *subnet_id) {
    const struct network_router *router = call->row;
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", router->id);
    json_put_text(out, "tenant_id", router->project_id);
    json_put_text(out, "project_id", router->project_id);
    json_put_text(out, "port_id", port->id);
    json_put_text(out, "network_id", port->network_id);
    json_put_text(out, "subnet_id", subnet_id);
    json_key(out, "subnet_ids");
    json_list(out);
    json_text(out, subnet_id);
    json_list_end(out);
    json_map_end(out);
    return true;
}

/* The new subnet is not on the router, and overlaps none that is. */
static bool subnet_fits(struct call *call, const struct network_router *router, const struct network_subnet *subnet) {
    struct network_subnet *others;
    struct ip_net net, other;
    size_t count;

    if (!addresses_of(call, router->id, &others, &count) || !ip_net_parse(subnet->cidr, &net)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(others[i].id, subnet->id)) {
            return bad_request(call, arena_printf(call->arena, "Router already has a port on subnet %s", subnet->id));
        }
        if (ip_net_parse(others[i].cidr, &other) && ip_net_overlaps(net, other)) {
            return bad_request(call,
                               arena_printf(call->arena, "Cidr %s of subnet %s overlaps with cidr %s of subnet %s",
                                            subnet->cidr, subnet->id, others[i].cidr, others[i].id));
        }
    }
    return true;
}

static const struct json *one_address(struct call *call, const char *subnet_id, const char *address) {
    return network_json(
        call, arena_printf(call->arena, "[{\"subnet_id\": \"%s\", \"ip_address\": \"%s\"}]", subnet_id, address));
}

/* A router has one port for all IPv6 subnets of a network. */
static bool shared_port(struct call *call, const struct network_router *router, const struct network_subnet *subnet,
                        struct network_port **ret_port) {
    *ret_port = NULL;
    return subnet->ip_version != 6 ||
           row_first(
               call, &resource_network_port,
               "device_id = ? AND network_id = ? AND device_owner = ? AND EXISTS (SELECT 1 FROM network_allocation a"
               " WHERE a.port_id = network_port.id AND a.ip_key LIKE '6%')",
               SQL_ARGS(sql_text(router->id), sql_text(subnet->network_id), sql_text(OWNER_ROUTER_INTERFACE)),
               ret_port);
}

static const struct json *with_address(struct call *call, const char *list, const char *subnet_id,
                                       const char *address) {
    return network_json(call, arena_printf(call->arena, "%.*s, {\"subnet_id\": \"%s\", \"ip_address\": \"%s\"}]",
                                           (int)strlen(list) - 1, list, subnet_id, address));
}

static bool add_by_subnet(struct call *call, const char *subnet_id, struct network_port **ret_port) {
    const struct network_router *router = call->row;
    struct network_subnet *subnet;
    struct network_port *port;

    if (!row_get(call, &resource_network_subnet, subnet_id, &subnet)) {
        return false;
    }
    if (!subnet->gateway_ip) {
        return bad_request(call, "Subnet for router interface must have a gateway IP");
    }
    if (!subnet_fits(call, router, subnet) || !shared_port(call, router, subnet, &port)) {
        return false;
    }
    *ret_port = port;
    if (port) {
        return network_addresses_set(call, port, with_address(call, port->fixed_ips, subnet_id, subnet->gateway_ip)) &&
               network_port_changed(call, port);
    }
    *ret_port = port =
        network_port_blank(call, subnet->network_id, router->project_id, router->id, OWNER_ROUTER_INTERFACE);
    return quota_check(call, &network, router->project_id, "port", 1) &&
           network_addresses_set(call, port, one_address(call, subnet_id, subnet->gateway_ip)) &&
           row_insert(call, &resource_network_port, port) && network_apply_port(call, port, false);
}

static bool subnets_fit(struct call *call, const struct network_port *port, const char **ret_subnet_id) {
    int version4 = 0;

    for (JSON_EACH(item, network_json(call, port->fixed_ips))) {
        struct network_subnet *subnet;

        if (!row_find(call, &resource_network_subnet, json_get_text(item, "subnet_id"), &subnet) ||
            !subnet_fits(call, call->row, subnet)) {
            return false;
        }
        version4 += subnet->ip_version == 4;
        *ret_subnet_id = subnet->id;
    }
    if (!*ret_subnet_id) {
        return bad_request(call, "Router port must have at least one fixed IP");
    }
    return version4 < 2 || bad_request(call, "Cannot have multiple IPv4 subnets on router port");
}

static bool add_by_port(struct call *call, const char *port_id, struct network_port **ret_port,
                        const char **ret_subnet_id) {
    const struct network_router *router = call->row;
    struct network_port *port;

    if (!row_get(call, &resource_network_port, port_id, &port)) {
        return false;
    }
    if (*port->device_id) {
        return fail_type(call, 409, "PortInUse",
                         "Unable to complete operation on port %s for network %s. Port already has an "
                         "attached device %s.",
                         port->id, port->network_id, port->device_id);
    }
    if (!subnets_fit(call, port, ret_subnet_id)) {
        return false;
    }
    *ret_port = port;
    port->device_id = router->id;
    port->device_owner = OWNER_ROUTER_INTERFACE;
    port->security_groups = "[]";
    port->port_security_enabled = false;
    return call_exec(call, "DELETE FROM network_port_group WHERE port_id = ?", SQL_ARGS(sql_text(port->id))) &&
           network_port_changed(call, port);
}

static bool one_of_both(struct call *call, const struct network_interface *input) {
    if (!input->port_id && !input->subnet_id) {
        return bad_request(call, "Either subnet_id or port_id must be specified");
    }
    return true;
}

/* The router's own row tells that it changed. */
static bool router_changed(struct call *call) {
    const struct network_router *router = call->row;

    return call_exec(call,
                     "UPDATE network_router SET revision_number = revision_number + 1, updated_at = ? WHERE id = ?",
                     SQL_ARGS(sql_int(clock_now()), sql_text(router->id))) &&
           network_apply(call, "network.router", router->id);
}

bool network_router_add_interface(struct call *call) {
    const struct network_interface *input = call->input;
    struct network_port *port = NULL;
    const char *subnet_id = input->subnet_id;

    if (!one_of_both(call, input)) {
        return false;
    }
    if (input->port_id && input->subnet_id) {
        return bad_request(call, "Cannot specify both subnet-id and port-id");
    }
    if (input->port_id ? !add_by_port(call, input->port_id, &port, &subnet_id)
                       : !add_by_subnet(call, subnet_id, &port)) {
        return false;
    }
    return router_changed(call) && respond_interface(call, port, subnet_id);
}

static bool find_interface(struct call *call, const struct network_interface *input, struct network_port **ret_port) {
    const struct network_router *router = call->row;
    const char *id = input->port_id ? input->port_id : input->subnet_id;

    if (!row_first(call, &resource_network_port,
                   input->port_id
                       ? "device_id = ? AND device_owner = ? AND id = ?"
                       : "device_id = ? AND device_owner = ? AND id IN (SELECT port_id FROM network_allocation"
                         " WHERE subnet_id = ?)",
                   SQL_ARGS(sql_text(router->id), sql_text(OWNER_ROUTER_INTERFACE), sql_text(id)), ret_port)) {
        return false;
    }
    if (*ret_port) {
        return true;
    }
    return input->port_id ? fail_type(call, 404, "RouterInterfaceNotFound",
                                      "Router %s does not have an interface with id %s", router->id, id)
                          : fail_type(call, 404, "RouterInterfaceNotFoundForSubnet",
                                      "Router %s has no interface on subnet %s", router->id, id);
}

static bool interface_free(struct call *call, const struct network_router *router, const char *subnet_id) {
    struct network_subnet *subnet;
    struct ip_net net;
    struct ip hop;

    if (call_count(call,
                   "SELECT count(*) FROM network_floatingip f LEFT JOIN network_port_forwarding w ON"
                   " w.floatingip_id = f.id JOIN network_allocation a ON"
                   " (a.port_id = f.port_id AND a.ip_address = f.fixed_ip_address) OR"
                   " (a.port_id = w.internal_port_id AND a.ip_address = w.internal_ip_address)"
                   " WHERE f.router_id = ? AND a.subnet_id = ?",
                   SQL_ARGS(sql_text(router->id), sql_text(subnet_id)))) {
        return fail_type(call, 409, "RouterInterfaceInUseByFloatingIP",
                         "Router interface for subnet %s on router %s cannot be "
                         "deleted, as it is required by one or more floating IPs.",
                         subnet_id, router->id);
    }
    if (!row_find(call, &resource_network_subnet, subnet_id, &subnet) || !ip_net_parse(subnet->cidr, &net)) {
        return !call->error;
    }
    for (JSON_EACH(route, network_json(call, router->routes))) {
        if (ip_parse(json_get_text(route, "nexthop"), &hop) && ip_net_contains(net, hop)) {
            return fail_type(call, 409, "RouterInterfaceInUseByRoute",
                             "Router interface for subnet %s on router %s cannot be "
                             "deleted, as it is required by one or more routes.",
                             subnet_id, router->id);
        }
    }
    return true;
}

bool network_router_remove_interface(struct call *call) {
    const struct network_interface *input = call->input;
    const struct json *addresses;
    struct network_port *port;
    const char *subnet_id = input->subnet_id;
    bool on_port = false;

    if (!one_of_both(call, input) || !find_interface(call, input, &port)) {
        return false;
    }
    addresses = network_json(call, port->fixed_ips);
    for (JSON_EACH(item, addresses)) {
        const char *id = json_get_text(item, "subnet_id");

        subnet_id = subnet_id ? subnet_id : id;
        on_port = on_port || network_same(id, subnet_id);
        if ((input->port_id || network_same(id, subnet_id)) && !interface_free(call, call->row, id)) {
            return false;
        }
    }
    if (input->subnet_id && !on_port) {
        return fail_type(call, 409, "SubnetMismatchForPort",
                         "Subnet on port %s does not match the requested subnet %s.", port->id, subnet_id);
    }
    if (!input->port_id && addresses->count > 1) {
        if (!network_addresses_remove(call, port, subnet_id) || !network_port_changed(call, port)) {
            return false;
        }
    } else if (!resource_delete(call, &resource_network_port, port)) {
        return false;
    }
    return router_changed(call) && respond_interface(call, port, subnet_id);
}
