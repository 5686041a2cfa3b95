/* SPDX-License-Identifier: Apache-2.0
 * The network service under this API's old words. Each request is one or a few of the network's own operations, run
 * within; what it refuses is refused here with the same status. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "compute/types.h"
#include "compute/view.h"
#include "http/http.h"
#include "rest/service.h"

static bool ask(struct call *call, enum http_method method, const char *path, const char *body, const struct json **ret) {
    return call_service(call, "network", method, path, body, ret);
}

static const char *took(struct call *call, struct buf *buf) {
    const char *text = arena_text(call->arena, buf->at);

    buf_release(buf);
    return text;
}

/* {"KEY": {...}} as the whole answer. */
static void answer_begin(struct call *call, const char *key, bool list) {
    json_map(&call->out);
    json_key(&call->out, key);
    if (list) {
        json_list(&call->out);
    }
}

static bool answer_end(struct call *call, bool list) {
    if (list) {
        json_list_end(&call->out);
    }
    json_map_end(&call->out);
    return true;
}

static bool good_id(struct call *call, const char *id) {
    return id_is_uuid(id) || fail(call, 400, "Security group id should be uuid");
}

/* ---- security groups ---- */

static void put_port(struct json_out *out, const char *key, const struct json *rule, const char *field, int64_t none) {
    const struct json *port = json_get(rule, field);

    json_put_int(out, key, port && port->type == JSON_INT ? port->integer : none);
}

/* Rules without ports mean all of them, which old clients know as 1 to 65535, or -1 for what has no ports. */
static void put_match(struct json_out *out, const struct json *rule) {
    const char *protocol = json_get_text(rule, "protocol");
    bool ports = protocol && (!strcasecmp(protocol, "tcp") || !strcasecmp(protocol, "udp"));

    json_put_text(out, "ip_protocol", protocol);
    if (!protocol) {
        json_put_null(out, "from_port");
        json_put_null(out, "to_port");
        return;
    }
    put_port(out, "from_port", rule, "port_range_min", ports ? 1 : -1);
    put_port(out, "to_port", rule, "port_range_max", ports ? 65535 : -1);
}

static bool put_source(struct call *call, struct json_out *out, const struct json *rule) {
    const char *group = json_get_text(rule, "remote_group_id"), *cidr = json_get_text(rule, "remote_ip_prefix");
    const char *type = json_get_text(rule, "ethertype");
    const struct json *source = NULL;

    if (group && !ask(call, HTTP_GET, arena_printf(call->arena, "/v2.0/security-groups/%s", group), NULL, &source)) {
        return false;
    }
    json_key(out, "group");
    json_map(out);
    if (group) {
        json_put_text(out, "name", json_get_text(json_get(source, "security_group"), "name"));
        json_put_text(out, "tenant_id", json_get_text(json_get(source, "security_group"), "project_id"));
    }
    json_map_end(out);
    json_key(out, "ip_range");
    json_map(out);
    if (!group) {
        json_put_text(out, "cidr", cidr ? cidr : type && !strcmp(type, "IPv6") ? "::/0" : "0.0.0.0/0");
    }
    json_map_end(out);
    return true;
}

static bool put_rule(struct call *call, const struct json *rule) {
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", json_get_text(rule, "id"));
    json_put_text(out, "parent_group_id", json_get_text(rule, "security_group_id"));
    put_match(out, rule);
    if (!put_source(call, out, rule)) {
        return false;
    }
    json_map_end(out);
    return true;
}

static bool put_group(struct call *call, const struct json *group) {
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", json_get_text(group, "id"));
    json_put_text(out, "name", json_get_text(group, "name"));
    json_put_text(out, "description", json_get_text(group, "description"));
    json_put_text(out, "tenant_id", json_get_text(group, "project_id"));
    json_key(out, "rules");
    json_list(out);
    for (JSON_EACH(rule, json_get(group, "security_group_rules"))) {
        const char *direction = json_get_text(rule, "direction");

        if (direction && !strcmp(direction, "ingress") && !put_rule(call, rule)) {
            return false;
        }
    }
    json_list_end(out);
    json_map_end(out);
    return true;
}

static bool answer_group(struct call *call, const struct json *answer) {
    answer_begin(call, "security_group", false);
    return put_group(call, json_get(answer, "security_group")) && answer_end(call, false);
}

/* The caller's project's, by name. */
bool compute_proxy_group_list(struct call *call) {
    const char *path = arena_printf(call->arena, "/v2.0/security-groups?project_id=%s&sort_key=name&sort_dir=asc",
                                    call->caller.project_id);
    const char *limit = call_argument(call, "limit"), *offset = call_argument(call, "offset");
    long long skip = offset ? strtoll(offset, NULL, 10) : 0, left = limit ? strtoll(limit, NULL, 10) : 1000;
    const struct json *answer;

    if (skip < 0 || left < 0) {
        return fail(call, 400, "limit and offset must not be negative");
    }
    if (!ask(call, HTTP_GET, path, NULL, &answer)) {
        return false;
    }
    answer_begin(call, "security_groups", true);
    for (JSON_EACH(group, json_get(answer, "security_groups"))) {
        if (skip-- > 0) {
            continue;
        }
        if (left-- > 0 && !put_group(call, group)) {
            return false;
        }
    }
    return answer_end(call, true);
}

static const char *group_path(struct call *call) {
    return arena_printf(call->arena, "/v2.0/security-groups/%s", call_parameter(call, "id"));
}

bool compute_proxy_group_show(struct call *call) {
    const struct json *answer;

    return good_id(call, call_parameter(call, "id")) && ask(call, HTTP_GET, group_path(call), NULL, &answer)
           && answer_group(call, answer);
}

static const char *group_body(struct call *call) {
    const struct compute_proxy_group *input = call->input;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    json_key(&out, "security_group");
    json_map(&out);
    json_put_text(&out, "name", input->name);
    json_put_text(&out, "description", input->description);
    json_map_end(&out);
    json_map_end(&out);
    return took(call, &buf);
}

/* Being over quota is 403 here. */
static bool ask_new(struct call *call, const char *path, const char *body, const struct json **ret_answer) {
    if (ask(call, HTTP_POST, path, body, ret_answer)) {
        return true;
    }
    if (call->error == 409 && strstr(call->error_message, "uota")) {
        call->error = 403;
    }
    return false;
}

bool compute_proxy_group_create(struct call *call) {
    const struct json *answer;

    return ask_new(call, "/v2.0/security-groups", group_body(call), &answer) && answer_group(call, answer);
}

bool compute_proxy_group_update(struct call *call) {
    const struct json *answer;

    return good_id(call, call_parameter(call, "id"))
           && ask(call, HTTP_PUT, group_path(call), group_body(call), &answer) && answer_group(call, answer);
}

bool compute_proxy_group_delete(struct call *call) {
    const struct json *answer;

    if (!good_id(call, call_parameter(call, "id")) || ask(call, HTTP_DELETE, group_path(call), NULL, &answer)) {
        return !call->error;
    }
    call->error = call->error == 409 ? 400 : call->error;
    return false;
}

/* ---- rules ---- */

/* Fails 400 when protocol and ports make no rule. */
static bool check_match(struct call *call, const struct compute_proxy_rule *input) {
    bool from = input->from_port != NO_INT, to = input->to_port != NO_INT, icmp;

    if (!input->ip_protocol || !from || !to) {
        return (input->group_id && !input->ip_protocol && !from && !to)
               || fail(call, 400, "Not enough parameters to build a valid rule.");
    }
    icmp = !strcasecmp(input->ip_protocol, "icmp");
    if (!icmp && strcasecmp(input->ip_protocol, "tcp") && strcasecmp(input->ip_protocol, "udp")) {
        return fail(call, 400, "Invalid IP protocol %.80s.", input->ip_protocol);
    }
    if ((input->from_port > input->to_port && !icmp) || (!icmp && input->from_port < 1) || (icmp && input->to_port > 255)
        || (icmp && input->from_port > 255)) {
        return fail(call, 400, "Invalid port range %lld:%lld.", (long long)input->from_port, (long long)input->to_port);
    }
    return true;
}

static const char *rule_body(struct call *call, const struct compute_proxy_rule *input) {
    const char *cidr = input->cidr && *input->cidr ? input->cidr : "0.0.0.0/0";
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    json_key(&out, "security_group_rule");
    json_map(&out);
    json_put_text(&out, "security_group_id", input->parent_group_id);
    json_put_text(&out, "direction", "ingress");
    json_put_text(&out, "ethertype", !input->group_id && strchr(cidr, ':') ? "IPv6" : "IPv4");
    if (input->ip_protocol) {
        json_put_text(&out, "protocol", input->ip_protocol);
    }
    if (input->from_port != NO_INT && input->from_port >= 0) {
        json_put_int(&out, "port_range_min", input->from_port);
    }
    if (input->to_port != NO_INT && input->to_port >= 0) {
        json_put_int(&out, "port_range_max", input->to_port);
    }
    json_put_text(&out, input->group_id ? "remote_group_id" : "remote_ip_prefix", input->group_id ? input->group_id : cidr);
    json_map_end(&out);
    json_map_end(&out);
    return took(call, &buf);
}

bool compute_proxy_rule_create(struct call *call) {
    const struct compute_proxy_rule *input = call->input;
    const struct json *answer;

    if (!good_id(call, input->parent_group_id) || (input->group_id && !good_id(call, input->group_id))
        || !check_match(call, input)
        || !ask(call, HTTP_GET, arena_printf(call->arena, "/v2.0/security-groups/%s", input->parent_group_id), NULL, &answer)
        || !ask_new(call, "/v2.0/security-group-rules", rule_body(call, input), &answer)) {
        call->error = call->error == 409 ? 400 : call->error;
        return false;
    }
    answer_begin(call, "security_group_rule", false);
    return put_rule(call, json_get(answer, "security_group_rule")) && answer_end(call, false);
}

bool compute_proxy_rule_delete(struct call *call) {
    const char *id = call_parameter(call, "id");
    const struct json *answer;

    return good_id(call, id)
           && ask(call, HTTP_DELETE, arena_printf(call->arena, "/v2.0/security-group-rules/%s", id), NULL, &answer);
}

/* ---- floating IPs ---- */

static bool put_floating(struct call *call, const struct json *floating) {
    const char *port_id = json_get_text(floating, "port_id"), *network = json_get_text(floating, "floating_network_id");
    const struct json *port = NULL, *pool = NULL;
    struct json_out *out = &call->out;

    if ((port_id && !ask(call, HTTP_GET, arena_printf(call->arena, "/v2.0/ports/%s", port_id), NULL, &port))
        || !ask(call, HTTP_GET, arena_printf(call->arena, "/v2.0/networks/%s", network), NULL, &pool)) {
        return false;
    }
    json_map(out);
    json_put_text(out, "id", json_get_text(floating, "id"));
    json_put_text(out, "ip", json_get_text(floating, "floating_ip_address"));
    json_put_text(out, "pool", json_get_text(json_get(pool, "network"), "name"));
    json_put_text(out, "fixed_ip", json_get_text(floating, "fixed_ip_address"));
    json_put_text(out, "instance_id", json_get_text(json_get(port, "port"), "device_id"));
    json_map_end(out);
    return true;
}

bool compute_proxy_floating_list(struct call *call) {
    const char *path = arena_printf(call->arena, "/v2.0/floatingips?project_id=%s", call->caller.project_id);
    const struct json *answer;

    if (!ask(call, HTTP_GET, path, NULL, &answer)) {
        return false;
    }
    answer_begin(call, "floating_ips", true);
    for (JSON_EACH(floating, json_get(answer, "floatingips"))) {
        if (!put_floating(call, floating)) {
            return false;
        }
    }
    return answer_end(call, true);
}

static const char *floating_path(struct call *call) {
    return arena_printf(call->arena, "/v2.0/floatingips/%s", call_parameter(call, "id"));
}

static bool good_floating(struct call *call) {
    const char *id = call_parameter(call, "id");

    return id_is_uuid(id) || fail(call, 400, "The ID of the %.80s is not valid", id);
}

static bool answer_floating(struct call *call, const struct json *answer) {
    answer_begin(call, "floating_ip", false);
    return put_floating(call, json_get(answer, "floatingip")) && answer_end(call, false);
}

bool compute_proxy_floating_show(struct call *call) {
    const struct json *answer;

    return good_floating(call) && ask(call, HTTP_GET, floating_path(call), NULL, &answer) && answer_floating(call, answer);
}

bool compute_proxy_floating_delete(struct call *call) {
    const struct json *answer;

    return good_floating(call) && ask(call, HTTP_DELETE, floating_path(call), NULL, &answer);
}

/* The external network by id or name; without either the first one. */
static bool find_pool(struct call *call, const char *pool, const char **ret_id) {
    const struct json *answer;

    if (!ask(call, HTTP_GET, "/v2.0/networks?router:external=True", NULL, &answer)) {
        return false;
    }
    for (JSON_EACH(network, json_get(answer, "networks"))) {
        const char *name = json_get_text(network, "name");

        *ret_id = json_get_text(network, "id");
        if (!pool || !strcmp(pool, *ret_id) || (name && !strcmp(pool, name))) {
            return true;
        }
    }
    return pool ? fail(call, 404, "Floating IP pool %.255s not found.", pool)
                : fail(call, 404, "Floating IP pool not found.");
}

bool compute_proxy_floating_create(struct call *call) {
    const char *pool = json_get_text(call->body, "pool"), *network;
    const struct json *answer;

    return find_pool(call, pool, &network)
           && ask_new(call, "/v2.0/floatingips",
                      arena_printf(call->arena, "{\"floatingip\": {\"floating_network_id\": \"%s\"}}", network), &answer)
           && answer_floating(call, answer);
}

bool compute_proxy_pool_list(struct call *call) {
    const struct json *answer;

    if (!ask(call, HTTP_GET, "/v2.0/networks?router:external=True", NULL, &answer)) {
        return false;
    }
    answer_begin(call, "floating_ip_pools", true);
    for (JSON_EACH(network, json_get(answer, "networks"))) {
        json_map(&call->out);
        json_put_text(&call->out, "name", json_get_text(network, "name"));
        json_map_end(&call->out);
    }
    return answer_end(call, true);
}

/* ---- networks ---- */

/* Most of what networks had here once reads as null. */
static void put_network(struct call *call, const struct json *network, bool tenant) {
    static const char *const nulls[] = {"cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6",
                                        "netmask_v6"};
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", json_get_text(network, "id"));
    json_put_text(out, "label", json_get_text(network, "name"));
    if (tenant) {
        json_put_text(out, "cidr", "None");
    }
    for (size_t i = 0; !tenant && i < sizeof nulls / sizeof *nulls; i++) {
        json_put_null(out, nulls[i]);
    }
    json_map_end(out);
}

static bool list_networks(struct call *call, bool tenant) {
    const struct json *answer;

    if (!ask(call, HTTP_GET, "/v2.0/networks", NULL, &answer)) {
        return false;
    }
    answer_begin(call, "networks", true);
    for (JSON_EACH(network, json_get(answer, "networks"))) {
        put_network(call, network, tenant);
    }
    return answer_end(call, true);
}

static bool show_network(struct call *call, bool tenant) {
    const char *id = call_parameter(call, "id");
    const struct json *answer;

    if (!id_is_uuid(id)) {
        return fail(call, 404, "Network not found");
    }
    if (!ask(call, HTTP_GET, arena_printf(call->arena, "/v2.0/networks/%s", id), NULL, &answer)) {
        return false;
    }
    answer_begin(call, "network", false);
    put_network(call, json_get(answer, "network"), tenant);
    return answer_end(call, false);
}

bool compute_proxy_network_list(struct call *call) {
    return list_networks(call, false);
}

bool compute_proxy_network_show(struct call *call) {
    return show_network(call, false);
}

bool compute_proxy_tenant_list(struct call *call) {
    return list_networks(call, true);
}

bool compute_proxy_tenant_show(struct call *call) {
    return show_network(call, true);
}
