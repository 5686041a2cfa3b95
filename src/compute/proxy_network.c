/* SPDX-License-Identifier: Apache-2.0
 * Security groups, floating and fixed addresses in compute's older words. */
#include <string.h>

#include "compute/proxy.h"
#include "compute/server.h"

/* ---- security groups ---- */

static void put_rule(struct call *call, const struct json *rule) {
    struct json_out *out = &call->out;
    const char *cidr = json_get_text(rule, "remote_ip_prefix"), *group = json_get_text(rule, "remote_group_id");
    const char *protocol = json_get_text(rule, "protocol");
    bool v6 = json_get_text(rule, "ethertype") && !strcmp(json_get_text(rule, "ethertype"), "IPv6");
    bool any = protocol && (!strcmp(protocol, "icmp") || !strcmp(protocol, "tcp") || !strcmp(protocol, "udp"));
    int64_t from = json_get_int(rule, "port_range_min", any ? -1 : NO_INT),
            to = json_get_int(rule, "port_range_max", any ? -1 : NO_INT);

    json_map(out);
    json_put_text(out, "id", json_get_text(rule, "id"));
    json_put_text(out, "parent_group_id", json_get_text(rule, "security_group_id"));
    json_put_text(out, "ip_protocol", protocol);
    json_key(out, "from_port");
    from == NO_INT ? json_null(out) : json_int(out, from);
    json_key(out, "to_port");
    to == NO_INT ? json_null(out) : json_int(out, to);
    json_key(out, "group");
    json_map(out);
    if (group) {
        const struct json *other =
            proxy_get(call, "network", arena_printf(call->arena, "/v2.0/security-groups/%s", group), "security_group");

        json_put_text(out, "name", json_get_text(other, "name"));
        json_put_text(out, "tenant_id", json_get_text(other, "tenant_id"));
    }
    json_map_end(out);
    json_key(out, "ip_range");
    json_map(out);
    if (!group) {
        json_put_text(out, "cidr", cidr ? cidr : v6 ? "::/0" : "0.0.0.0/0");
    }
    json_map_end(out);
    json_map_end(out);
}

static void put_group(struct call *call, const struct json *group) {
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", json_get_text(group, "id"));
    json_put_text(out, "name", json_get_text(group, "name"));
    json_put_text(out, "description", json_get_text(group, "description"));
    json_put_text(out, "tenant_id", json_get_text(group, "tenant_id"));
    json_key(out, "rules");
    json_list(out);
    for (JSON_EACH(rule, json_get(group, "security_group_rules"))) {
        const char *direction = json_get_text(rule, "direction");

        if (direction && !strcmp(direction, "ingress")) {
            put_rule(call, rule);
        }
    }
    json_list_end(out);
    json_map_end(out);
}

static bool answer_group(struct call *call, const struct json *group) {
    if (!group) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "security_group");
    put_group(call, group);
    json_map_end(&call->out);
    return !call->error;
}

static bool answer_groups(struct call *call, const struct json *groups) {
    json_map(&call->out);
    json_key(&call->out, "security_groups");
    json_list(&call->out);
    for (JSON_EACH(group, groups)) {
        put_group(call, group);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return !call->error;
}

static const char *network_path(struct call *call, const char *collection) {
    return arena_printf(call->arena, "/v2.0/%s/%s", collection, proxy_encode(call, call_parameter(call, "id")));
}

bool compute_groups_list(struct call *call) {
    bool all = call->caller.admin && call_argument_true(call, "all_tenants");
    const char *path = all ? "/v2.0/security-groups"
                           : arena_printf(call->arena, "/v2.0/security-groups?tenant_id=%s",
                                          call->caller.project_id ? call->caller.project_id : "");
    const struct json *groups = proxy_get(call, "network", path, "security_groups");

    return groups && answer_groups(call, groups);
}

/* Those of a server's ports. */
bool compute_server_groups_list(struct call *call) {
    const struct compute_server *server = call->row;
    const struct json *ports = proxy_get(call, "network",
                                         arena_printf(call->arena, "/v2.0/ports?device_id=%s", server->id), "ports"),
                      *groups;
    const char *query = NULL;

    for (JSON_EACH(port, ports)) {
        for (JSON_EACH(id, json_get(port, "security_groups"))) {
            query = arena_printf(call->arena, "%s%sid=%s", query ? query : "", query ? "&" : "", id->text);
        }
    }
    if (!ports || !query) {
        return ports && answer_groups(call, NULL);
    }
    groups =
        proxy_get(call, "network", arena_printf(call->arena, "/v2.0/security-groups?%s", query), "security_groups");
    return groups && answer_groups(call, groups);
}

bool compute_groups_show(struct call *call) {
    return answer_group(call, proxy_get(call, "network", network_path(call, "security-groups"), "security_group"));
}

static bool send_group(struct call *call, enum http_method method, const char *path) {
    const struct compute_security_group *input = call->input;
    const char *const names[] = {"name", "description"};
    const struct json *const values[] = {proxy_text(call, input->name),
                                         proxy_text(call, input->description ? input->description : "")};

    return answer_group(call, proxy_send(call, method, path, "security_group", names, values, 2));
}

bool compute_groups_create(struct call *call) {
    return send_group(call, HTTP_POST, "/v2.0/security-groups");
}

bool compute_groups_update(struct call *call) {
    return send_group(call, HTTP_PUT, network_path(call, "security-groups"));
}

bool compute_groups_delete(struct call *call) {
    const struct json *answer;

    if (!call_service(call, "network", HTTP_DELETE, network_path(call, "security-groups"), NULL, &answer)) {
        call->error = call->error == 409 ? 400 : call->error;
        return false;
    }
    return true;
}

static const struct json *number(struct call *call, int64_t value) {
    struct json *json = ARENA_NEW(call->arena, struct json);

    *json = (struct json){.type = value == NO_INT || value < 0 ? JSON_NULL : JSON_INT, .integer = value};
    return json;
}

bool compute_rules_create(struct call *call) {
    const struct compute_security_rule *input = call->input;
    const char *cidr = input->cidr && *input->cidr ? input->cidr : NULL;
    const char *group = input->group_id && *input->group_id ? input->group_id : NULL;
    bool v6 = cidr && strchr(cidr, ':');
    const char *const names[] = {"security_group_id", "direction", "ethertype", "protocol", "port_range_min",
                                 "port_range_max", "remote_ip_prefix", "remote_group_id"};
    const struct json *const values[] = {
        proxy_text(call, input->parent_group_id), proxy_text(call, "ingress"), proxy_text(call, v6 ? "IPv6" : "IPv4"),
        proxy_text(call, input->ip_protocol), number(call, input->from_port), number(call, input->to_port),
        proxy_text(call, group ? NULL : cidr ? cidr : "0.0.0.0/0"), proxy_text(call, group)};
    const struct json *rule;

    if (cidr && !strchr(cidr, '/')) {
        return fail(call, 400, "Invalid cidr %.80s", cidr);
    }
    if (!group && !input->ip_protocol) {
        return fail(call, 400, "Not enough parameters to build a valid rule.");
    }
    if (input->ip_protocol && strcmp(input->ip_protocol, "icmp") != 0 && input->from_port != NO_INT &&
        input->to_port != NO_INT && input->from_port > input->to_port) {
        return fail(call, 400, "Invalid port range %lld:%lld. Former value cannot be greater than the later",
                    (long long)input->from_port, (long long)input->to_port);
    }
    rule = proxy_send(call, HTTP_POST, "/v2.0/security-group-rules", "security_group_rule", names, values,
                      sizeof names / sizeof *names);
    if (!rule) {
        call->error = call->error == 409 ? 400 : call->error;
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "security_group_rule");
    put_rule(call, rule);
    json_map_end(&call->out);
    return !call->error;
}

bool compute_rules_delete(struct call *call) {
    const struct json *answer;

    return call_service(call, "network", HTTP_DELETE, network_path(call, "security-group-rules"), NULL, &answer);
}

/* ---- floating addresses ---- */

static void put_floating(struct call *call, const struct json *ip) {
    const char *port_id = json_get_text(ip, "port_id"), *network = json_get_text(ip, "floating_network_id");
    const struct json *port =
        port_id ? proxy_get(call, "network", arena_printf(call->arena, "/v2.0/ports/%s", port_id), "port") : NULL;
    const struct json *pool =
        proxy_get(call, "network", arena_printf(call->arena, "/v2.0/networks/%s", network), "network");

    json_map(&call->out);
    json_put_text(&call->out, "id", json_get_text(ip, "id"));
    json_put_text(&call->out, "ip", json_get_text(ip, "floating_ip_address"));
    json_put_text(&call->out, "fixed_ip", json_get_text(ip, "fixed_ip_address"));
    json_put_text(&call->out, "instance_id", json_get_text(port, "device_id"));
    json_put_text(&call->out, "pool", json_get_text(pool, "name"));
    json_map_end(&call->out);
}

static bool answer_floating(struct call *call, const struct json *ip) {
    if (!ip) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "floating_ip");
    put_floating(call, ip);
    json_map_end(&call->out);
    return !call->error;
}

bool compute_floating_list(struct call *call) {
    const struct json *ips = proxy_get(call, "network",
                                       arena_printf(call->arena, "/v2.0/floatingips?tenant_id=%s",
                                                    call->caller.project_id ? call->caller.project_id : ""),
                                       "floatingips");

    if (!ips) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "floating_ips");
    json_list(&call->out);
    for (JSON_EACH(ip, ips)) {
        put_floating(call, ip);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return !call->error;
}

bool compute_floating_show(struct call *call) {
    return answer_floating(call, proxy_get(call, "network", network_path(call, "floatingips"), "floatingip"));
}

static const struct json *external_networks(struct call *call) {
    return proxy_get(call, "network", "/v2.0/networks?router:external=True", "networks");
}

bool compute_floating_pools(struct call *call) {
    const struct json *networks = external_networks(call);

    if (!networks) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "floating_ip_pools");
    json_list(&call->out);
    for (JSON_EACH(network, networks)) {
        json_map(&call->out);
        json_put_text(&call->out, "name", json_get_text(network, "name"));
        json_map_end(&call->out);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_floating_create(struct call *call) {
    const struct compute_floating_ip *input = call->input;
    const struct json *networks = external_networks(call), *chosen = NULL;
    const char *const names[] = {"floating_network_id"};

    for (JSON_EACH(network, networks)) {
        const char *name = json_get_text(network, "name"), *id = json_get_text(network, "id");

        if (!chosen && (!input->pool || (name && !strcmp(name, input->pool)) || !strcmp(id, input->pool))) {
            chosen = network;
        }
    }
    if (!networks || !chosen) {
        return networks && fail(call, 404, "Floating IP pool not found.");
    }
    return answer_floating(call, proxy_send(call, HTTP_POST, "/v2.0/floatingips", "floatingip", names,
                                            (const struct json *const[]){json_get(chosen, "id")}, 1));
}

bool compute_floating_delete(struct call *call) {
    const struct json *answer;

    return call_service(call, "network", HTTP_DELETE, network_path(call, "floatingips"), NULL, &answer);
}

/* ---- addresses of servers ---- */

static const struct json *ports_of(struct call *call, const char *more) {
    const struct compute_server *server = call->row;

    return proxy_get(call, "network", arena_printf(call->arena, "/v2.0/ports?device_id=%s%s", server->id, more),
                     "ports");
}

/* The item of the port's fixed addresses that is 'address' (null: the first). */
static const struct json *fixed_of(const struct json *port, const char *address) {
    for (JSON_EACH(fixed, json_get(port, "fixed_ips"))) {
        const char *its = json_get_text(fixed, "ip_address");

        if (its && (!address ? !strchr(its, ':') : !strcmp(its, address))) {
            return fixed;
        }
    }
    return NULL;
}

static const struct json *floating_of(struct call *call, const char *address) {
    const struct json *ips = proxy_get(call, "network",
                                       arena_printf(call->arena, "/v2.0/floatingips?floating_ip_address=%s",
                                                    proxy_encode(call, address)), "floatingips");

    if (ips && !ips->first) {
        fail(call, 404, "floating IP not found");
    }
    return ips ? ips->first : NULL;
}

static bool point_floating(struct call *call, const struct json *ip, const char *port, const char *fixed) {
    const char *const names[] = {"port_id", "fixed_ip_address"};
    const struct json *const values[] = {proxy_text(call, port), proxy_text(call, fixed)};

    return proxy_send(call, HTTP_PUT, arena_printf(call->arena, "/v2.0/floatingips/%s", json_get_text(ip, "id")),
                      "floatingip", names, values, port ? 2 : 1) != NULL;
}

bool compute_server_add_floating(struct call *call) {
    const struct compute_address_of *input = call->input;
    const struct json *ports = ports_of(call, ""), *ip;

    if (!ports || !server_unlocked(call, call->row)) {
        return false;
    }
    if (!ports->first) {
        return fail(call, 400, "Instance network is not ready yet");
    }
    ip = floating_of(call, input->address);
    if (!ip) {
        return false;
    }
    for (JSON_EACH(port, ports)) {
        const struct json *fixed = fixed_of(port, input->fixed_address);

        if (fixed) {
            return point_floating(call, ip, json_get_text(port, "id"), json_get_text(fixed, "ip_address"));
        }
    }
    return fail(call, 400, "Specified fixed address not assigned to instance");
}

bool compute_server_remove_floating(struct call *call) {
    const struct compute_address_of *input = call->input;
    const struct json *ports = ports_of(call, ""), *ip = ports ? floating_of(call, input->address) : NULL;
    const char *port_id = json_get_text(ip, "port_id");

    if (!ip || !server_unlocked(call, call->row)) {
        return false;
    }
    for (JSON_EACH(port, ports)) {
        if (port_id && !strcmp(port_id, json_get_text(port, "id"))) {
            return point_floating(call, ip, NULL, NULL);
        }
    }
    return fail(call, 409, "Floating IP %s is not associated with instance %s.", input->address,
                ((const struct compute_server *)call->row)->id);
}

/* The port with other fixed addresses: those it has but 'without', and one more of 'subnet'. */
static bool change_fixed(struct call *call, const struct json *port, const char *without, const char *subnet) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const struct json *list;

    json_list(&out);
    for (JSON_EACH(fixed, json_get(port, "fixed_ips"))) {
        if (!without || strcmp(without, json_get_text(fixed, "ip_address")) != 0) {
            json_tree(&out, fixed);
        }
    }
    if (subnet) {
        json_map(&out);
        json_put_text(&out, "subnet_id", subnet);
        json_map_end(&out);
    }
    json_list_end(&out);
    list = json_parse(call->arena, buf.at, buf.size, NULL);
    buf_release(&buf);
    return proxy_send(call, HTTP_PUT, arena_printf(call->arena, "/v2.0/ports/%s", json_get_text(port, "id")), "port",
                      (const char *const[]){"fixed_ips"}, (const struct json *const[]){list}, 1) != NULL;
}

bool compute_server_add_fixed(struct call *call) {
    const struct compute_network_of *input = call->input;
    const char *network = proxy_encode(call, input->network_id);
    const struct json *ports, *subnets;

    if (!server_unlocked(call, call->row)) {
        return false;
    }
    ports = ports_of(call, arena_printf(call->arena, "&network_id=%s", network));
    subnets =
        ports ? proxy_get(call, "network", arena_printf(call->arena, "/v2.0/subnets?network_id=%s", network), "subnets")
              : NULL;
    if (!subnets) {
        return false;
    }
    if (!ports->first || !subnets->first) {
        return fail(call, 400, "Network %.64s is not one of the instance's, or has no subnet.", input->network_id);
    }
    return change_fixed(call, ports->first, NULL, json_get_text(subnets->first, "id"));
}

bool compute_server_remove_fixed(struct call *call) {
    const struct compute_address_of *input = call->input;
    const struct json *ports = server_unlocked(call, call->row) ? ports_of(call, "") : NULL;

    for (JSON_EACH(port, ports)) {
        if (fixed_of(port, input->address)) {
            return change_fixed(call, port, input->address, NULL);
        }
    }
    return ports && fail(call, 400, "Fixed IP %s is not one of the instance's.", input->address);
}
