/* SPDX-License-Identifier: Apache-2.0
 * Ports beyond their declaration: MAC address, addresses, security groups, binding. */
#include <string.h>

#include "base/conf.h"
#include "base/clock.h"
#include "network/network.h"
#include "network/parts.h"
#include "network/related.h"
#include "rest/cloud.h"
#include "rest/resource.h"

enum { MAC_TRIES = 8 };

/* ---- lists ---- */

/* fixed_ips=ip_address=10.0.0.5&fixed_ips=subnet_id=...: all must hold. */
static void filter_address(struct call *call, struct query *query, const char *filter) {
    static const char *const sql[][2] = {
        {"ip_address_substr=", "id IN (SELECT port_id FROM network_allocation WHERE ip_address LIKE '%' || ? || '%')"},
        {"ip_address=", "id IN (SELECT port_id FROM network_allocation WHERE ip_address = ?)"},
        {"subnet_id=", "id IN (SELECT port_id FROM network_allocation WHERE subnet_id = ?)"},
        {"subnet=", "id IN (SELECT port_id FROM network_allocation WHERE subnet_id = ?)"},
    };

    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
        size_t size = strlen(sql[i][0]);

        if (!strncmp(filter, sql[i][0], size)) {
            query_where(query, sql[i][1], SQL_ARGS(sql_text(filter + size)));
            return;
        }
    }
    fail(call, 400, "Invalid input for fixed_ips: '%.80s'", filter);
}

bool network_port_list(struct call *call, struct query *query) {
    const struct http_arguments *arguments = http_arguments(call->http);

    network_filter_tags(call, query);
    query_take(query, "fixed_ips");
    query_take(query, "security_groups");
    for (size_t i = 0; arguments && i < arguments->count && !call->error; i++) {
        if (!strcmp(arguments->at[i].name, "fixed_ips")) {
            filter_address(call, query, arguments->at[i].value);
        } else if (!strcmp(arguments->at[i].name, "security_groups")) {
            query_where(query, "id IN (SELECT port_id FROM network_port_group WHERE group_id = ?)",
                        SQL_ARGS(sql_text(arguments->at[i].value)));
        }
    }
    return !call->error;
}

/* ---- MAC address ---- */

static bool mac_used(struct call *call, const struct network_port *port, const char *mac) {
    return call_count(call, "SELECT count(*) FROM network_port WHERE network_id = ? AND mac_address = ?",
                      SQL_ARGS(sql_text(port->network_id), sql_text(mac))) > 0;
}

static bool mac_set(struct call *call, struct network_port *port) {
    struct mac base, given;

    if (port->mac_address && (!mac_parse(port->mac_address, &given) || !mac_is_unicast(given))) {
        return fail_type(call, 400, "HTTPBadRequest", "Invalid input for mac_address. Reason: '%s' is not the address of one "
                         "network card.", port->mac_address);
    }
    if (port->mac_address) {
        return !mac_used(call, port, port->mac_address) ||
               fail_type(call, 409, "MacAddressInUse",
                         "Unable to complete operation for network %s. The mac address %s is in "
                         "use.",
                         port->network_id, port->mac_address);
    }
    if (!mac_parse(conf_text(cloud.conf, "network", "base_mac", MAC_BASE_DEFAULT), &base)) {
        mac_parse(MAC_BASE_DEFAULT, &base);
    }
    for (int i = 0; i < MAC_TRIES; i++) {
        port->mac_address = mac_print(mac_random(base), arena_alloc(call->arena, MAC_TEXT_SIZE));
        if (!mac_used(call, port, port->mac_address)) {
            return true;
        }
    }
    return fail_type(call, 503, "MacAddressGenerationFailure", "Unable to generate unique mac on network %s.",
                     port->network_id);
}

/* ---- security ---- */

static bool is_own(const struct network_port *port) {
    return !strncmp(port->device_owner, "network:", 8);
}

static bool groups_insert(struct call *call, const struct network_port *port) {
    for (JSON_EACH(item, network_json(call, port->security_groups))) {
        if (!call_exec(call, "INSERT INTO network_port_group (port_id, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                       SQL_ARGS(sql_text(port->id), sql_text(item->text)))) {
            return false;
        }
    }
    return true;
}

static bool has_items(struct call *call, const char *text) {
    const struct json *list = network_json(call, text);

    return list && list->count;
}

/* Without port security there are neither groups nor pairs. */
static bool security_agrees(struct call *call, const struct network_port *port) {
    if (port->port_security_enabled) {
        return true;
    }
    if (has_items(call, port->security_groups)) {
        return fail_type(call, 409, "PortSecurityPortHasSecurityGroup",
                         "Port has security group associated. Cannot disable "
                         "port security or IP address until security group is removed.");
    }
    return !has_items(call, port->allowed_address_pairs) ||
           fail_type(call, 409, "AddressPairAndPortSecurityRequired",
                     "Port Security must be enabled in order to have allowed "
                     "address pairs on a port.");
}

static bool groups_set(struct call *call, struct network_port *port) {
    const char *group = NULL;

    if (port->security_groups) {
        return network_groups_usable(call, network_json(call, port->security_groups)) && security_agrees(call, port);
    }
    port->security_groups = "[]";
    if (port->port_security_enabled && !is_own(port)) {
        if (!network_default_group(call, port->project_id, &group)) {
            return false;
        }
        port->security_groups = arena_printf(call->arena, "[\"%s\"]", group);
    }
    return security_agrees(call, port);
}

/* ---- binding ---- */

/* A port that is bound to a host is joined to its integration bridge, where that host has one. */
static void bind_set(struct call *call, struct network_port *port) {
    bool bound;

    port->binding_host_id = port->binding_host_id ? port->binding_host_id : "";
    bound = *port->binding_host_id && network_host_known(call, port->binding_host_id);
    port->binding_vif_type = bound ? "ovs" : *port->binding_host_id ? "binding_failed" : "unbound";
    port->binding_vif_details = !bound
                                    ? "{}"
                                    : "{\"port_filter\": true, \"connectivity\": \"l2\", \"bridge_name\": \"br-int\","
                                      " \"datapath_type\": \"system\", \"bound_drivers\": {\"0\": \"ovn\"}}";
    if (!*port->binding_host_id && !is_own(port)) {
        port->status = "DOWN";
    }
}

/* A port becomes a router's by the router's own operations; by this one only its owner may say so. */
static bool device_check(struct call *call, const struct network_port *port) {
    struct network_router *router;

    if (call->caller.admin || strncmp(port->device_owner, "network:", 8) != 0 || !*port->device_id ||
        !row_find(call, &resource_network_router, port->device_id, &router)) {
        return !call->error;
    }
    return (call->caller.project_id && !strcmp(router->project_id, call->caller.project_id)) ||
           fail_type(call, 409, "DeviceIDNotOwnedByTenant",
                     "The following device_id %s is not owned by your tenant or matches "
                     "another tenants router.",
                     port->device_id);
}

/* ---- hooks ---- */

bool network_port_create(struct call *call, void *row) {
    struct network_port *port = row;
    struct network_network *net;
    const struct json *wanted = network_json(call, port->fixed_ips);

    if (!row_get(call, &resource_network_network, port->network_id, &net)) {
        return false;
    }
    port->network = net;
    port->fresh = true;
    port->fixed_ips = NULL;
    if (!network_given(call, &resource_network_port, "port_security_enabled")) {
        port->port_security_enabled = net->port_security_enabled && !is_own(port);
    }
    bind_set(call, port);
    return network_allow_keys(call, "fixed_ips", wanted ? json_print(call->arena, wanted) : NULL,
                              &resource_network_port, port) &&
           network_allow_keys(call, "allowed_address_pairs", port->allowed_address_pairs, &resource_network_port,
                              port) &&
           network_qos_usable(call, port->qos_policy_id) && device_check(call, port) && mac_set(call, port) &&
           groups_set(call, port) && network_addresses_set(call, port, wanted) && groups_insert(call, port) &&
           network_apply_port(call, port, false);
}

static bool mac_update(struct call *call, const struct network_port *was, struct network_port *port) {
    if (network_same(was->mac_address, port->mac_address)) {
        return true;
    }
    if (*was->binding_host_id && !strncmp(was->device_owner, "compute:", 8) && port->mac_address) {
        return fail_type(call, 409, "PortBound",
                         "Unable to complete operation on port %s, port is already bound, port type: %s,"
                         " old_mac %s, new_mac %s.",
                         port->id, was->binding_vif_type, was->mac_address, port->mac_address);
    }
    return mac_set(call, port);
}

/* What stood for addresses that the port does not have any more. */
static bool addresses_left(struct call *call, const struct network_port *port) {
    return network_floatingips_free(call, port) && network_forwardings_free(call, port) &&
           network_ndp_proxies_free(call, port);
}

/* True when 'wanted' asks for nothing but the addresses that the port has. */
static bool same_addresses(struct call *call, const struct network_port *port, const struct json *wanted) {
    const struct json *has = network_json(call, port->fixed_ips);

    for (JSON_EACH(item, wanted)) {
        const char *subnet = json_get_text(item, "subnet_id"), *address = json_get_text(item, "ip_address");
        bool found = false;

        for (JSON_EACH(own, has)) {
            found = found || ((!subnet || network_same(subnet, json_get_text(own, "subnet_id"))) &&
                              (!address || network_same(address, json_get_text(own, "ip_address"))));
        }
        if (!found) {
            return false;
        }
    }
    return has && wanted->count == has->count;
}

static bool addresses_update(struct call *call, const struct network_port *was, struct network_port *port) {
    const struct json *wanted = network_json(call, port->fixed_ips);

    if (!network_given(call, &resource_network_port, "fixed_ips")) {
        return true;
    }
    port->fixed_ips = was->fixed_ips;
    if (wanted &&
        (!strcmp(was->device_owner, OWNER_ROUTER_INTERFACE) || !strcmp(was->device_owner, OWNER_ROUTER_GATEWAY))) {
        return same_addresses(call, was, wanted) ||
               fail_type(call, 409, "IPAddressChangeNotAllowed",
                         "IP updates for the port %s are not allowed. It is a router's.", port->id);
    }
    if (!wanted ||
        !network_allow_keys(call, "fixed_ips", json_print(call->arena, wanted), &resource_network_port, was)) {
        return !call->error;
    }
    return network_addresses_set(call, port, wanted) && addresses_left(call, port);
}

static bool groups_update(struct call *call, const struct network_port *was, struct network_port *port) {
    if (network_same(was->security_groups, port->security_groups)) {
        return true;
    }
    port->security_groups = port->security_groups ? port->security_groups : "[]";
    return network_groups_usable(call, network_json(call, port->security_groups)) &&
           call_exec(call, "DELETE FROM network_port_group WHERE port_id = ?", SQL_ARGS(sql_text(port->id))) &&
           groups_insert(call, port);
}

/* DHCP options given replace those of their name; a null value removes one. */
static void options_merge(struct call *call, const struct network_port *was, struct network_port *port) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const struct json *fresh = network_json(call, port->extra_dhcp_opts);

    json_list(&out);
    for (JSON_EACH(item, network_json(call, was->extra_dhcp_opts))) {
        const struct json *other = fresh->first;

        while (other && (!network_same(json_get_text(other, "opt_name"), json_get_text(item, "opt_name")) ||
                         json_get_int(other, "ip_version", 4) != json_get_int(item, "ip_version", 4))) {
            other = other->next;
        }
        if (!other) {
            json_tree(&out, item);
        }
    }
    for (JSON_EACH(item, fresh)) {
        if (json_get_text(item, "opt_value")) {
            json_map(&out);
            json_put_text(&out, "opt_name", json_get_text(item, "opt_name"));
            json_put_text(&out, "opt_value", json_get_text(item, "opt_value"));
            json_put_int(&out, "ip_version", network_same(json_get_text(item, "ip_version"), "6") ? 6
                                             : json_get_int(item, "ip_version", 4));
            json_map_end(&out);
        }
    }
    json_list_end(&out);
    port->extra_dhcp_opts = network_text(call, &buf);
}

/* A port's owner may not be taken from a router behind its back. */
static bool owner_update(struct call *call, const struct network_port *was, const struct network_port *port) {
    bool changed =
        !network_same(was->device_owner, port->device_owner) || !network_same(was->device_id, port->device_id);

    return !changed || network_same(was->device_owner, "") || !is_own(was) ||
           network_same(was->device_owner, OWNER_METADATA) ||
           fail_type(call, 409, "PortInUse",
                     "Unable to complete operation on port %s for network %s. Port already has an "
                     "attached device %s.",
                     port->id, port->network_id, was->device_id);
}

bool network_port_update(struct call *call, const void *old, void *row) {
    const struct network_port *was = old;
    struct network_port *port = row;

    if (network_given(call, &resource_network_port, "extra_dhcp_opts")) {
        options_merge(call, was, port);
    }
    if (!network_same(was->binding_host_id, port->binding_host_id)) {
        bind_set(call, port);
        port->status = "DOWN";
        if (!network_trunk_follow(call, port)) {
            return false;
        }
    }
    return network_allow_keys(call, "allowed_address_pairs", port->allowed_address_pairs, &resource_network_port,
                              was) &&
           network_qos_usable(call, port->qos_policy_id) && owner_update(call, was, port) && device_check(call, port) && mac_update(call, was, port) &&
           addresses_update(call, was, port) && groups_update(call, was, port) && security_agrees(call, port) &&
           network_apply_port(call, port, network_port_is_wired(was));
}

bool network_port_delete(struct call *call, void *row) {
    const struct network_port *port = row;
    const struct value id = sql_text(port->id);

    return network_trunk_forget(call, port) &&
           call_exec(call, "DELETE FROM network_allocation WHERE port_id = ?", &id, 1) &&
           addresses_left(call, port) &&
           call_exec(call, "DELETE FROM network_port_group WHERE port_id = ?", &id, 1) &&
           (!network_port_is_wired(port) || network_apply(call, "network.port", port->id));
}

/* The API's delete; routers, floating IPs and networks remove their own ports themselves. */
bool network_port_remove(struct call *call) {
    struct network_port *port = call->row;

    if (!strcmp(port->device_owner, OWNER_ROUTER_INTERFACE) || !strcmp(port->device_owner, OWNER_ROUTER_GATEWAY) ||
        !strcmp(port->device_owner, OWNER_FLOATINGIP)) {
        return fail_type(call, 409, "ServicePortInUse",
                         "Port %s cannot be deleted directly via the port API: has device owner "
                         "%s.",
                         port->id, port->device_owner);
    }
    return revision_matches(call, &resource_network_port, port) && network_trunk_unused(call, port) &&
           resource_delete(call, &resource_network_port, port);
}

static void fill_network_policy(const struct batch *batch, void *row, struct rows *result) {
    ((struct network_port *)row)->qos_network_policy_id = arena_text(batch->call->arena, rows_text(result, 1));
}

/* Each address with the name that resolves to it: the port's, else one made of the address. */
static void fill_assignment(struct call *call, struct network_port *port) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    for (JSON_EACH(item, network_json(call, port->fixed_ips))) {
        const char *address = json_get_text(item, "ip_address"), *host = port->dns_name;
        size_t size = strlen(host);

        if (!size) {
            char *made = arena_printf(call->arena, "host-%s", address);

            for (char *at = made; *at; at++) {
                *at = *at == '.' || *at == ':' ? '-' : *at;
            }
            host = made;
        }
        json_map(&out);
        json_put_text(&out, "ip_address", address);
        json_put_text(&out, "hostname", host);
        json_put_text(&out, "fqdn", size && host[size - 1] == '.'
                                        ? host : arena_printf(call->arena, "%s." DNS_DOMAIN ".", host));
        json_map_end(&out);
    }
    json_list_end(&out);
    port->dns_assignment = network_text(call, &buf);
}

/* What was just made has no trunk, and its network is at hand. */
static bool fill_fresh(struct network_port *port) {
    const struct network_network *net = port->network;

    if (port->fresh) {
        port->qos_network_policy_id = net->qos_policy_id;
    }
    return port->fresh;
}

bool network_port_expand(struct call *call, void *rows, size_t count) {
    const struct batch batch = {call, &resource_network_port, rows, count, "network_id", 0};
    bool fresh = true;

    for (size_t i = 0; i < count; i++) {
        fill_assignment(call, (struct network_port *)rows + i);
        fresh = fill_fresh((struct network_port *)rows + i) && fresh;
    }
    return fresh || (related_each(&batch, "SELECT id, qos_policy_id FROM network_network WHERE qos_policy_id IS NOT NULL"
                                          " AND id IN ($ids)", SQL_NO_ARGS, fill_network_policy) &&
                     network_trunk_details(call, rows, count));
}

/* ---- ports of the cloud's own ---- */

struct network_port *network_port_blank(struct call *call, const char *network_id, const char *project_id,
                                        const char *device_id, const char *device_owner) {
    struct network_port *port = ARENA_NEW(call->arena, struct network_port);

    row_defaults(call, &resource_network_port, port);
    port->network_id = network_id;
    port->project_id = project_id;
    port->device_id = device_id;
    port->device_owner = device_owner;
    port->port_security_enabled = false;
    port->security_groups = port->fixed_ips = "[]";
    mac_set(call, port);
    return port;
}

bool network_port_changed(struct call *call, struct network_port *port) {
    port->revision_number++;
    port->updated_at = clock_now();
    return row_update(call, &resource_network_port, port) &&
           network_apply_port(call, port, network_port_is_wired(port));
}
