/* SPDX-License-Identifier: Apache-2.0
 * Ports of floating IPs that lead to fixed addresses, and IPv6 addresses that a router's gateway answers for. */
#include <string.h>
#include <strings.h>

#include "network/parts.h"
#include "network/related.h"
#include "rest/resource.h"

/* ---- port forwardings ---- */

bool network_forwarded_check(struct call *call, const struct field *field, void *slot) {
    static const char *const names[] = {"tcp", "udp", "sctp"};
    const char **text = slot;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcasecmp(names[i], *text)) {
            *text = names[i];
            return true;
        }
    }
    return fail_field(call, field, "'%.40s' is not one of tcp, udp, sctp", *text);
}

const char *network_parent_attribute(struct call *call, const void *row, const char *name) {
    const struct field *field = resource_field(call->resource, call->parameters[0].name);
    void *parent;

    if ((strcmp(name, "ext_parent:project_id") != 0 && strcmp(name, "ext_parent:tenant_id") != 0) || !field ||
        !field->refers || !row_find(call, field->refers, field_text(field, row), &parent)) {
        return NULL;
    }
    return row_project(field->refers, parent);
}

static bool bad_request(struct call *call, const char *cause) {
    return fail_type(call, 400, "BadRequest", "Bad port_forwarding request: %s.", cause);
}

/* No two ways lead from the same outside, nor from the floating IP to the same inside. */
static bool only_one(struct call *call, const struct network_port_forwarding *way) {
    int64_t others = call_count(
        call,
        "SELECT count(*) FROM network_port_forwarding WHERE floatingip_id = ? AND protocol = ? AND id <> ? AND"
        " (external_port = ? OR (internal_port_id = ? AND internal_ip_address = ? AND internal_port = ?))",
        SQL_ARGS(sql_text(way->floatingip_id), sql_text(way->protocol), sql_text(way->id), sql_int(way->external_port),
                 sql_text(way->internal_port_id), sql_text(way->internal_ip_address), sql_int(way->internal_port)));

    return !others || bad_request(call, "the floating IP has a forwarding of that external port, or to that internal one");
}

/* The port is the caller's to use, has the address, and no floating IP of its own there. */
static bool inside(struct call *call, const struct network_port_forwarding *way, const struct network_floatingip *fip,
                   const char **ret_subnet_id) {
    struct network_port *port;

    if (!row_get(call, &resource_network_port, way->internal_port_id, &port)) {
        return false;
    }
    if (!call->caller.admin && strcmp(port->project_id, fip->project_id) != 0) {
        return fail_not_found(call, &resource_network_port, port->id);
    }
    *ret_subnet_id = db_query_text(call->db, call->arena,
                                   "SELECT subnet_id FROM network_allocation WHERE port_id = ? AND ip_address = ?",
                                   SQL_ARGS(sql_text(port->id), sql_text(way->internal_ip_address)));
    if (!*ret_subnet_id || strchr(way->internal_ip_address, ':')) {
        return bad_request(call, arena_printf(call->arena, "port %s does not have the IPv4 address %s", port->id,
                                              way->internal_ip_address));
    }
    return !call_count(call, "SELECT count(*) FROM network_floatingip WHERE port_id = ? AND fixed_ip_address = ?",
                       SQL_ARGS(sql_text(port->id), sql_text(way->internal_ip_address))) ||
           fail_type(call, 409, "PortHasBindingFloatingIP", "Port %s has a floating IP for %s already.", port->id,
                     way->internal_ip_address);
}

/* The floating IP's router is the one between it and the inside; all its ways go through one. */
static bool through(struct call *call, struct network_floatingip *fip, const char *subnet_id) {
    const char *router = network_floatingip_router(call, fip, subnet_id);

    if (!router) {
        return false;
    }
    if (fip->router_id && strcmp(fip->router_id, router) != 0) {
        return bad_request(call, "the other forwardings of the floating IP go through another router");
    }
    if (!fip->router_id) {
        fip->router_id = router;
        fip->status = "ACTIVE";
        if (!row_update(call, &resource_network_floatingip, fip)) {
            return false;
        }
    }
    return network_apply(call, "network.router", router);
}

static bool set(struct call *call, const struct network_port_forwarding *way) {
    struct network_floatingip *fip;
    const char *subnet_id = NULL;

    if (!row_find(call, &resource_network_floatingip, way->floatingip_id, &fip)) {
        return call->error || fail_not_found(call, &resource_network_floatingip, way->floatingip_id);
    }
    if (fip->port_id) {
        return fail_type(call, 409, "FipInUseByPortForwarding", "Floating IP %s stands for a port as a whole.", fip->id);
    }
    return inside(call, way, fip, &subnet_id) && only_one(call, way) && through(call, fip, subnet_id);
}

bool network_port_forwarding_create(struct call *call, void *row) {
    return set(call, row);
}

bool network_port_forwarding_update(struct call *call, const void *old, void *row) {
    return set(call, row);
}

/* With its last way a floating IP leaves its router. */
static bool left(struct call *call, const char *floatingip_id, const char *but) {
    struct network_floatingip *fip;

    if (!row_find(call, &resource_network_floatingip, floatingip_id, &fip) || !fip->router_id) {
        return !call->error;
    }
    if (!network_apply(call, "network.router", fip->router_id)) {
        return false;
    }
    if (call_count(call, "SELECT count(*) FROM network_port_forwarding WHERE floatingip_id = ? AND id <> ?",
                   SQL_ARGS(sql_text(fip->id), sql_text(but)))) {
        return true;
    }
    fip->router_id = NULL;
    fip->status = "DOWN";
    return row_update(call, &resource_network_floatingip, fip);
}

bool network_port_forwarding_delete(struct call *call, void *row) {
    const struct network_port_forwarding *way = row;

    return left(call, way->floatingip_id, way->id);
}

bool network_forwardings_free(struct call *call, const struct network_port *port) {
    struct network_port_forwarding *ways;
    size_t count;

    if (!rows_find(call, &resource_network_port_forwarding,
                   "internal_port_id = ? AND NOT EXISTS (SELECT 1 FROM network_allocation a WHERE a.port_id ="
                   " network_port_forwarding.internal_port_id AND a.ip_address ="
                   " network_port_forwarding.internal_ip_address)", SQL_ARGS(sql_text(port->id)), &ways, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!resource_delete(call, &resource_network_port_forwarding, &ways[i])) {
            return false;
        }
    }
    return true;
}

bool network_forwardings_none(struct call *call, const char *floatingip_id) {
    return !call_count(call, "SELECT count(*) FROM network_port_forwarding WHERE floatingip_id = ?",
                       SQL_ARGS(sql_text(floatingip_id))) ||
           fail_type(call, 409, "FipInUseByPortForwarding", "Floating IP %s has port forwardings.", floatingip_id);
}

/* ---- NDP proxies ---- */

static bool conflict(struct call *call, const char *type, const char *text) {
    return fail_type(call, 409, type, "%s.", text);
}

static const char *only_address(struct call *call, const struct network_port *port) {
    const char *found = NULL;

    for (JSON_EACH(item, network_json(call, port->fixed_ips))) {
        const char *address = json_get_text(item, "ip_address");

        if (strchr(address, ':')) {
            if (found) {
                network_invalid(call, "the port has several IPv6 addresses: ip_address is needed");
                return NULL;
            }
            found = address;
        }
    }
    if (!found) {
        network_invalid(call, "the port has no IPv6 address");
    }
    return found;
}

static bool reachable(struct call *call, const struct network_ndp_proxy *proxy) {
    const char *subnet = db_query_text(call->db, call->arena,
                                       "SELECT subnet_id FROM network_allocation WHERE port_id = ? AND ip_address = ?",
                                       SQL_ARGS(sql_text(proxy->port_id), sql_text(proxy->ip_address)));

    if (!subnet || !strchr(proxy->ip_address, ':')) {
        return fail_type(call, 400, "InvalidAddress", "Port %s does not have the IPv6 address %s.", proxy->port_id,
                         proxy->ip_address);
    }
    return call_count(call,
                      "SELECT count(*) FROM network_allocation a JOIN network_port p ON p.id = a.port_id WHERE"
                      " a.subnet_id = ? AND p.device_id = ? AND p.device_owner = ?",
                      SQL_ARGS(sql_text(subnet), sql_text(proxy->router_id), sql_text(OWNER_ROUTER_INTERFACE))) ||
           conflict(call, "PortUnreachableRouter", "The port is on no subnet of the router");
}

/* The scope of the IPv6 addresses of a network; null: none. */
static const char *scope_of(struct call *call, const char *network_id) {
    return db_query_text(call->db, call->arena,
                         "SELECT p.address_scope_id FROM network_subnet s JOIN network_subnetpool p ON"
                         " p.id = s.subnetpool_id WHERE s.network_id = ? AND s.ip_version = 6 AND"
                         " p.address_scope_id IS NOT NULL", SQL_ARGS(sql_text(network_id)));
}

/* Inside and outside are of one address scope: outside knows a way to what is inside. */
bool network_ndp_proxy_possible(struct call *call, const struct network_router *router) {
    if (!router->enable_ndp_proxy) {
        return true;
    }
    return (router->gw_network_id && scope_of(call, router->gw_network_id)) ||
           conflict(call, "RouterIPv6GatewayNotValid",
                    "The router has no external gateway to a network whose IPv6 addresses have an address scope");
}

static bool same_scope(struct call *call, const struct network_router *router, const struct network_port *port) {
    return network_same(scope_of(call, router->gw_network_id), scope_of(call, port->network_id)) ||
           conflict(call, "AddressScopeConflict", "The port's network and the external one are of two address scopes");
}

static bool apply_gateway(struct call *call, const char *router_id) {
    struct network_router *router;

    return !row_find(call, &resource_network_router, router_id, &router) || !router->gw_port_id
               ? !call->error
               : network_apply(call, "network.port", router->gw_port_id);
}

bool network_ndp_proxy_create(struct call *call, void *row) {
    struct network_ndp_proxy *proxy = row;
    struct network_router *router;
    struct network_port *port;

    if (!row_get(call, &resource_network_router, proxy->router_id, &router) ||
        !row_get(call, &resource_network_port, proxy->port_id, &port)) {
        return false;
    }
    if (!call->caller.admin && strcmp(port->project_id, proxy->project_id) != 0) {
        return fail_not_found(call, &resource_network_port, port->id);
    }
    if (!router->enable_ndp_proxy) {
        return conflict(call, "RouterNDPProxyNotEnable", "The router's enable_ndp_proxy is false");
    }
    if (!router->gw_port_id) {
        return conflict(call, "RouterGatewayNotValid", "The router has no external gateway");
    }
    if (!proxy->ip_address) {
        proxy->ip_address = only_address(call, port);
        if (!proxy->ip_address) {
            return false;
        }
    }
    if (!reachable(call, proxy) || !same_scope(call, router, port)) {
        return false;
    }
    return !call_count(call, "SELECT count(*) FROM network_ndp_proxy WHERE router_id = ? AND ip_address = ?",
                       SQL_ARGS(sql_text(proxy->router_id), sql_text(proxy->ip_address)))
               ? apply_gateway(call, proxy->router_id)
               : conflict(call, "NDPProxyExists", "The router has an NDP proxy for that address");
}

bool network_ndp_proxy_delete(struct call *call, void *row) {
    return apply_gateway(call, ((struct network_ndp_proxy *)row)->router_id);
}

bool network_ndp_proxies_free(struct call *call, const struct network_port *port) {
    return network_apply_all(call, "network.port",
                             "SELECT DISTINCT r.gw_port_id FROM network_ndp_proxy n JOIN network_router r ON"
                             " r.id = n.router_id WHERE n.port_id = ? AND r.gw_port_id IS NOT NULL", port->id) &&
           call_exec(call, "DELETE FROM network_ndp_proxy WHERE port_id = ? AND NOT EXISTS (SELECT 1 FROM"
                           " network_allocation a WHERE a.port_id = network_ndp_proxy.port_id AND a.ip_address ="
                           " network_ndp_proxy.ip_address)", SQL_ARGS(sql_text(port->id)));
}

bool network_ndp_proxies_none(struct call *call, const char *router_id) {
    return !call_count(call, "SELECT count(*) FROM network_ndp_proxy WHERE router_id = ?",
                       SQL_ARGS(sql_text(router_id))) ||
           conflict(call, "RouterInUseByNDPProxy", "The router has NDP proxies");
}
