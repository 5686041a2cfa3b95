/* SPDX-License-Identifier: Apache-2.0
 * Floating IPs: an address of an external network, and the fixed address that it stands for. */
#include <string.h>

#include "network/network.h"
#include "network/parts.h"
#include "network/related.h"
#include "rest/resource.h"

static bool bad_request(struct call *call, const char *cause) {
    return fail_type(call, 400, "BadRequest", "Bad floatingip request: %s.", cause);
}

static bool is_ipv4(const char *address) {
    return address && strchr(address, '.') && !strchr(address, ':');
}

bool network_floatingip_list(struct call *call, struct query *query) {
    network_filter_tags(call, query);
    return true;
}

/* ---- association ---- */

/* The port's fixed address that the floating IP stands for: the one asked for, or its only IPv4 address. */
static bool choose_fixed(struct call *call, struct network_floatingip *fip, const struct network_port *port,
                         const char **ret_subnet_id) {
    const char *found = NULL;
    int count = 0;

    for (JSON_EACH(item, network_json(call, port->fixed_ips))) {
        const char *address = json_get_text(item, "ip_address");

        if (fip->fixed_ip_address ? !strcmp(address, fip->fixed_ip_address) : is_ipv4(address)) {
            found = address;
            *ret_subnet_id = json_get_text(item, "subnet_id");
            count++;
        }
    }
    if (fip->fixed_ip_address && !found) {
        return bad_request(
            call, arena_printf(call->arena, "Port %s does not have fixed ip %s", port->id, fip->fixed_ip_address));
    }
    if (!found) {
        return bad_request(
            call,
            arena_printf(call->arena, "Cannot add floating IP to port %s that has no fixed IPv4 addresses", port->id));
    }
    fip->fixed_ip_address = found;
    return count == 1 || bad_request(call, arena_printf(call->arena,
                                                        "Port %s has multiple fixed IPv4 addresses.  Must provide "
                                                        "a specific IPv4 address when assigning a floating IP",
                                                        port->id));
}

/* The subnet's own gateway comes first. */
const char *network_floatingip_router(struct call *call, const struct network_floatingip *fip, const char *subnet_id) {
    const char *router = db_query_text(
        call->db, call->arena,
        "SELECT r.id FROM network_allocation a JOIN network_port p ON p.id = a.port_id"
        " JOIN network_router r ON r.id = p.device_id JOIN network_subnet s ON s.id = a.subnet_id"
        " WHERE a.subnet_id = ? AND p.device_owner = ? AND r.gw_network_id = ?"
        " ORDER BY CASE WHEN a.ip_address = s.gateway_ip THEN 0 ELSE 1 END, r.id LIMIT 1",
        SQL_ARGS(sql_text(subnet_id), sql_text(OWNER_ROUTER_INTERFACE), sql_text(fip->floating_network_id)));

    if (!router) {
        fail_type(call, 404, "ExternalGatewayForFloatingIPNotFound",
                  "No router leads from subnet %s to the external network %s.", subnet_id, fip->floating_network_id);
    }
    return router;
}

static bool choose_router(struct call *call, struct network_floatingip *fip, const char *subnet_id) {
    fip->router_id = network_floatingip_router(call, fip, subnet_id);
    return fip->router_id != NULL;
}

static bool not_taken(struct call *call, const struct network_floatingip *fip) {
    int64_t others = call_count(call,
                                "SELECT count(*) FROM network_floatingip WHERE port_id = ? AND fixed_ip_address = ?"
                                " AND floating_network_id = ? AND id <> ?",
                                SQL_ARGS(sql_text(fip->port_id), sql_text(fip->fixed_ip_address),
                                         sql_text(fip->floating_network_id), sql_text(fip->id)));

    return !others ||
           fail_type(call, 409, "FloatingIPPortAlreadyAssociated",
                     "Cannot associate floating IP %s (%s) with port %s "
                     "using fixed IP %s, as that fixed IP already has a floating IP on external network %s.",
                     fip->floating_ip_address, fip->id, fip->port_id, fip->fixed_ip_address, fip->floating_network_id);
}

static bool associate(struct call *call, struct network_floatingip *fip) {
    struct network_port *port;
    const char *subnet_id = NULL;

    if (!row_get(call, &resource_network_port, fip->port_id, &port)) {
        return false;
    }
    if (!call->caller.admin && strcmp(port->project_id, fip->project_id) != 0) {
        return bad_request(call, arena_printf(call->arena,
                                              "Cannot process floating IP association with Port %s, since that port "
                                              "is owned by a different tenant",
                                              port->id));
    }
    if (!network_forwardings_none(call, fip->id)) {
        return false;
    }
    fip->status = "ACTIVE";
    return choose_fixed(call, fip, port, &subnet_id) && choose_router(call, fip, subnet_id) && not_taken(call, fip) &&
           network_apply(call, "network.router", fip->router_id);
}

static void disassociate(struct network_floatingip *fip) {
    fip->port_id = fip->fixed_ip_address = fip->router_id = NULL;
    fip->status = "DOWN";
}

/* ---- hooks ---- */

/* The wish for the floating address as a list of fixed IPs; null: any. */
static const struct json *wanted_address(struct call *call, const struct network_floatingip *fip) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    if (!fip->floating_ip_address && !fip->subnet_id) {
        return NULL;
    }
    json_list(&out);
    json_map(&out);
    if (fip->floating_ip_address) {
        json_put_text(&out, "ip_address", fip->floating_ip_address);
    }
    if (fip->subnet_id) {
        json_put_text(&out, "subnet_id", fip->subnet_id);
    }
    json_map_end(&out);
    json_list_end(&out);
    return network_json(call, network_text(call, &buf));
}

static bool take_address(struct call *call, struct network_floatingip *fip) {
    struct network_port *port = network_port_blank(call, fip->floating_network_id, "", fip->id, OWNER_FLOATINGIP);

    port->status = "N/A";
    if (!network_addresses_set(call, port, wanted_address(call, fip)) ||
        !row_insert(call, &resource_network_port, port)) {
        return false;
    }
    fip->floating_port_id = port->id;
    fip->floating_ip_address = NULL;
    for (JSON_EACH(item, network_json(call, port->fixed_ips))) {
        if (!fip->floating_ip_address && is_ipv4(json_get_text(item, "ip_address"))) {
            fip->floating_ip_address = json_get_text(item, "ip_address");
        }
    }
    return fip->floating_ip_address || fail_type(call, 409, "ExternalIpAddressExhausted",
                                                 "Unable to find any IP address on "
                                                 "external network %s.",
                                                 fip->floating_network_id);
}

bool network_floatingip_create(struct call *call, void *row) {
    struct network_floatingip *fip = row;
    struct network_network *net;

    if (!row_get(call, &resource_network_network, fip->floating_network_id, &net)) {
        return false;
    }
    if (!net->router_external) {
        return bad_request(call, arena_printf(call->arena, "Network %s is not a valid external network", net->id));
    }
    if (fip->fixed_ip_address && !fip->port_id) {
        return bad_request(call, "fixed_ip_address cannot be specified without a port_id");
    }
    return network_qos_usable(call, fip->qos_policy_id) && take_address(call, fip) && (!fip->port_id || associate(call, fip));
}

/* An update that says nothing takes the floating IP from its port, as Neutron has it. */
static bool is_blank(struct call *call) {
    const struct json *body = call->resource == &resource_network_floatingip ? json_get(call->body, "floatingip") : NULL;

    return body && body->type == JSON_MAP && !body->count;
}

bool network_floatingip_update(struct call *call, const void *old, void *row) {
    const struct network_floatingip *was = old;
    struct network_floatingip *fip = row;
    bool port = network_given(call, &resource_network_floatingip, "port_id") || is_blank(call);
    bool fixed = network_given(call, &resource_network_floatingip, "fixed_ip_address");

    if (!network_same(was->qos_policy_id, fip->qos_policy_id) &&
        (!network_qos_usable(call, fip->qos_policy_id) ||
         (fip->router_id && !network_apply(call, "network.router", fip->router_id)))) {
        return false;
    }
    if (!port && !fixed) {
        return true;
    }
    if (was->router_id && !network_apply(call, "network.router", was->router_id)) {
        return false;
    }
    if (is_blank(call)) {
        fip->port_id = NULL;
    }
    if (!fip->port_id) {
        if (fixed && fip->fixed_ip_address) {
            return bad_request(call, "fixed_ip_address cannot be specified without a port_id");
        }
        disassociate(fip);
        return true;
    }
    if (!fixed) {
        fip->fixed_ip_address = NULL;
    }
    return associate(call, fip);
}

bool network_floatingip_delete(struct call *call, void *row) {
    const struct network_floatingip *fip = row;
    struct network_port *port;

    if (!network_forwardings_none(call, fip->id)) {
        return false;
    }
    if (fip->floating_port_id && row_find(call, &resource_network_port, fip->floating_port_id, &port) &&
        !resource_delete(call, &resource_network_port, port)) {
        return false;
    }
    return !call->error && (!fip->router_id || network_apply(call, "network.router", fip->router_id));
}

bool network_floatingips_free(struct call *call, const struct network_port *port) {
    struct network_floatingip *fips;
    size_t count;

    if (!rows_find(call, &resource_network_floatingip,
                   "port_id = ? AND NOT EXISTS (SELECT 1 FROM network_allocation a WHERE a.port_id = "
                   "network_floatingip.port_id"
                   " AND a.ip_address = network_floatingip.fixed_ip_address)",
                   SQL_ARGS(sql_text(port->id)), &fips, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (fips[i].router_id && !network_apply(call, "network.router", fips[i].router_id)) {
            return false;
        }
        disassociate(&fips[i]);
        if (!row_update(call, &resource_network_floatingip, &fips[i])) {
            return false;
        }
    }
    return true;
}

static void fill_details(const struct batch *batch, void *row, struct rows *result) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    json_put_text(&out, "name", rows_text(result, 1));
    json_put_text(&out, "network_id", rows_text(result, 2));
    json_put_text(&out, "mac_address", rows_text(result, 3));
    json_put_bool(&out, "admin_state_up", rows_int(result, 4) != 0);
    json_put_text(&out, "status", rows_text(result, 5));
    json_put_text(&out, "device_id", rows_text(result, 6));
    json_put_text(&out, "device_owner", rows_text(result, 7));
    json_map_end(&out);
    ((struct network_floatingip *)row)->port_details = network_text(batch->call, &buf);
}

static void fill_network_policy(const struct batch *batch, void *row, struct rows *result) {
    ((struct network_floatingip *)row)->qos_network_policy_id = arena_text(batch->call->arena, rows_text(result, 1));
}

static void write_forwarding(const struct batch *batch, void *row, struct rows *result, struct json_out *out) {
    json_map(out);
    json_put_text(out, "id", rows_text(result, 1));
    json_put_text(out, "protocol", rows_text(result, 2));
    json_put_int(out, "external_port", rows_int(result, 3));
    json_put_text(out, "internal_port_id", rows_text(result, 4));
    json_put_text(out, "internal_ip_address", rows_text(result, 5));
    json_put_int(out, "internal_port", rows_int(result, 6));
    json_map_end(out);
}

bool network_floatingip_expand(struct call *call, void *rows, size_t count) {
    const struct batch batch = {call, &resource_network_floatingip, rows, count, "port_id", 0};
    const struct batch ways = {call, &resource_network_floatingip, rows, count, "id", 0};
    const struct batch networks = {call, &resource_network_floatingip, rows, count, "floating_network_id", 0};

    for (size_t i = 0; i < count; i++) {
        ((struct network_floatingip *)rows)[i].port_details = NULL;
    }
    return related_each(&networks, "SELECT id, qos_policy_id FROM network_network WHERE qos_policy_id IS NOT NULL AND"
                                   " id IN ($ids)", SQL_NO_ARGS, fill_network_policy) &&
           related_lists(&ways, "SELECT floatingip_id, id, protocol, external_port, internal_port_id,"
                                " internal_ip_address, internal_port FROM network_port_forwarding WHERE floatingip_id"
                                " IN ($ids) ORDER BY id", SQL_NO_ARGS, "port_forwardings", write_forwarding) &&
           related_each(&batch,
                        "SELECT id, name, network_id, mac_address, admin_state_up, status, device_id, device_owner"
                        " FROM network_port WHERE id IN ($ids)", SQL_NO_ARGS, fill_details);
}
