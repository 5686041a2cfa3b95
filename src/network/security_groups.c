/* SPDX-License-Identifier: Apache-2.0
 * Security groups: the default one of each project, and rules that make sense. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "network/network.h"
#include "network/parts.h"
#include "network/related.h"
#include "rest/resource.h"

/* ---- protocols ---- */

/* Names that clients use, with IANA's numbers. */
static const struct protocol {
    const char *name;
    int number;
} protocols[] = {{"ah", 51},         {"dccp", 33},       {"egp", 8},        {"esp", 50},      {"gre", 47},
                 {"hopopt", 0},      {"icmp", 1},        {"igmp", 2},       {"ip", 0},        {"ipip", 4},
                 {"ipv6-encap", 41}, {"ipv6-frag", 44},  {"ipv6-icmp", 58}, {"icmpv6", 58},   {"ipv6-nonxt", 59},
                 {"ipv6-opts", 60},  {"ipv6-route", 43}, {"ospf", 89},      {"pgm", 113},     {"rsvp", 46},
                 {"sctp", 132},      {"tcp", 6},         {"udp", 17},       {"udplite", 136}, {"vrrp", 112}};

/* -1: none or not known. */
static int protocol_number(const char *text) {
    char *end;
    long number;

    for (size_t i = 0; text && i < sizeof protocols / sizeof *protocols; i++) {
        if (!strcmp(protocols[i].name, text)) {
            return protocols[i].number;
        }
    }
    number = text ? strtol(text, &end, 10) : -1;
    return text && *text && !*end && number >= 0 && number <= 255 ? (int)number : -1;
}

bool network_protocol_check(struct call *call, const struct field *field, void *slot) {
    const char **text = slot;
    char *lower;

    if (!*text) {
        return true;
    }
    if (!strcasecmp(*text, "any") || !strcmp(*text, "-1")) {
        *text = NULL;
        return true;
    }
    lower = arena_text(call->arena, *text);
    for (char *at = lower; *at; at++) {
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
    }
    *text = lower;
    return protocol_number(lower) >= 0 ||
           fail_type(call, 400, "SecurityGroupRuleInvalidProtocol",
                     "Security group rule protocol %.60s not supported. Only "
                     "protocol names and integer representations [0 to 255] are supported.",
                     lower);
}

bool network_ethertype_check(struct call *call, const struct field *field, void *slot) {
    const char **text = slot;

    *text = !*text || !strcasecmp(*text, "ipv4") ? "IPv4" : !strcasecmp(*text, "ipv6") ? "IPv6" : *text;
    return !strcmp(*text, "IPv4") || !strcmp(*text, "IPv6") ||
           fail_type(call, 400, "SecurityGroupRuleInvalidEtherType",
                     "Security group rule for ethertype '%.60s' not supported. "
                     "Allowed values are ['IPv4', 'IPv6'].",
                     *text);
}

bool network_prefix_check(struct call *call, const struct field *field, void *slot) {
    const char **text = slot;
    struct ip_net net;

    if (!*text || !**text) {
        *text = NULL;
        return true;
    }
    if (!ip_net_parse_host(*text, &net)) {
        return fail_type(call, 400, "InvalidCIDR", "Invalid CIDR %.60s given as IP prefix.", *text);
    }
    *text = ip_net_print(net, arena_alloc(call->arena, IP_NET_TEXT_SIZE));
    return true;
}

bool network_port_range_check(struct call *call, const struct field *field, void *slot) {
    int64_t port = *(int64_t *)slot;

    return port == NO_INT || (port >= 0 && port <= 65535) ||
           fail_type(call, 400, "SecurityGroupInvalidPortValue", "Invalid value for port %lld", (long long)port);
}

bool network_group_name_check(struct call *call, const struct field *field, void *slot) {
    return strcasecmp(*(const char **)slot, "default") != 0 ||
           fail_type(call, 409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.");
}

/* ---- rules ---- */

static bool is_icmp(int protocol) {
    return protocol == 1 || protocol == 58;
}

static bool has_ports(int protocol) {
    return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

static bool icmp_value(struct call *call, const char *what, int64_t value) {
    return (value >= 0 && value <= 255) ||
           fail_type(call, 400, "SecurityGroupInvalidIcmpValue", "Invalid value for ICMP %s %lld. It must be 0 to 255.",
                     what, (long long)value);
}

static bool check_ports(struct call *call, const struct network_security_group_rule *rule) {
    int64_t min = rule->port_range_min, max = rule->port_range_max;
    int protocol = protocol_number(rule->protocol);

    if (min == NO_INT && max == NO_INT) {
        return true;
    }
    if (is_icmp(protocol)) {
        if (min == NO_INT) {
            return fail_type(call, 400, "SecurityGroupMissingIcmpType",
                             "ICMP code (port-range-max) %lld is provided but ICMP "
                             "type (port-range-min) is missing.",
                             (long long)max);
        }
        return icmp_value(call, "type (port-range-min)", min) &&
               (max == NO_INT || icmp_value(call, "code (port-range-max)", max));
    }
    if (protocol < 0) {
        return fail_type(call, 400, "SecurityGroupProtocolRequiredWithPorts",
                         "Must also specify protocol if port range is "
                         "given.");
    }
    if (!has_ports(protocol)) {
        return fail_type(call, 400, "SecurityGroupInvalidProtocolForPort",
                         "Invalid protocol %s for port range, only supported "
                         "for TCP, UDP, UDPLITE, SCTP and DCCP.",
                         rule->protocol);
    }
    if (min == NO_INT || max == NO_INT || min > max || min < 0) {
        return fail_type(call, 400, "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= "
                         "port_range_max");
    }
    return min > 0 ||
           fail_type(call, 400, "SecurityGroupInvalidPortValue", "Invalid value for port %lld", (long long)min);
}

static bool check_rule(struct call *call, const struct network_security_group_rule *rule) {
    bool ipv6 = !strcmp(rule->ethertype, "IPv6");
    int protocol = protocol_number(rule->protocol);

    if (!!rule->remote_ip_prefix + !!rule->remote_group_id + !!rule->remote_address_group_id > 1) {
        return fail_type(call, 400, "SecurityGroupMultipleRemoteEntites", "Only remote_ip_prefix or remote_group_id or "
                         "remote_address_group_id may be provided.");
    }
    if (rule->remote_ip_prefix && (strchr(rule->remote_ip_prefix, ':') != NULL) != ipv6) {
        return fail_type(call, 400, "SecurityGroupRuleParameterConflict", "Conflicting value ethertype %s for CIDR %s",
                         rule->ethertype, rule->remote_ip_prefix);
    }
    if (!ipv6 && (protocol == 41 || protocol == 43 || protocol == 44 || (protocol >= 58 && protocol <= 60))) {
        return fail_type(call, 400, "SecurityGroupEthertypeConflictWithProtocol",
                         "Invalid ethertype %s for protocol %s.", rule->ethertype, rule->protocol);
    }
    return check_ports(call, rule);
}

static const char *signature_of(struct call *call, const struct network_security_group_rule *rule) {
    return arena_printf(call->arena, "%s %s %d %lld %lld %s %s%s%s", rule->direction, rule->ethertype,
                        protocol_number(rule->protocol), (long long)rule->port_range_min,
                        (long long)rule->port_range_max, rule->normalized_cidr ? rule->normalized_cidr : "-",
                        rule->remote_group_id ? rule->remote_group_id : "-",
                        rule->remote_address_group_id ? " " : "",
                        rule->remote_address_group_id ? rule->remote_address_group_id : "");
}

static bool rule_is_new(struct call *call, const struct network_security_group_rule *rule) {
    const char *other = db_query_text(call->db, call->arena,
                                      "SELECT id FROM network_security_group_rule WHERE security_group_id = ?"
                                      " AND signature = ?",
                                      SQL_ARGS(sql_text(rule->security_group_id), sql_text(rule->signature)));

    return !other ||
           fail_type(call, 409, "SecurityGroupRuleExists", "Security group rule already exists. Rule id is %s.", other);
}

/* The whole range of an address family is the same as no prefix, yet it is shown as it was given. */
static void normalize(struct call *call, struct network_security_group_rule *rule) {
    struct ip_net net;

    rule->normalized_cidr = NULL;
    if (rule->remote_ip_prefix && ip_net_parse(rule->remote_ip_prefix, &net)) {
        rule->normalized_cidr = ip_net_print(ip_net_masked(net), arena_alloc(call->arena, IP_NET_TEXT_SIZE));
    }
    rule->signature = signature_of(call, rule);
}

static bool group_touch(struct call *call, const char *id) {
    return call_exec(call, "UPDATE network_security_group SET revision_number = revision_number + 1, updated_at = ?"
                           " WHERE id = ?", SQL_ARGS(sql_int(clock_now()), sql_text(id))) &&
           network_apply(call, "network.security_group", id);
}

bool network_security_group_rule_create(struct call *call, void *row) {
    struct network_security_group_rule *rule = row;
    struct network_security_group *group;

    if (!row_find(call, &resource_network_security_group, rule->security_group_id, &group) || !check_rule(call, rule)) {
        return false;
    }
    if (!call->caller.admin && strcmp(group->project_id, rule->project_id) != 0) {
        return fail_not_found(call, &resource_network_security_group, group->id);
    }
    normalize(call, rule);
    return rule_is_new(call, rule) && group_touch(call, group->id);
}

bool network_security_group_rule_delete(struct call *call, void *row) {
    return group_touch(call, ((struct network_security_group_rule *)row)->security_group_id);
}

const char *network_rule_attribute(struct call *call, const void *row, const char *name) {
    const struct network_security_group_rule *rule = row;
    struct network_security_group *group;

    if (strcmp(name, "security_group:project_id") != 0 && strcmp(name, "security_group:tenant_id") != 0) {
        return NULL;
    }
    return row_find(call, &resource_network_security_group, rule->security_group_id, &group) ? group->project_id : NULL;
}

/* ---- groups ---- */

static bool add_rule(struct call *call, const struct network_security_group *group, const char *direction,
                     const char *ethertype, bool from_itself) {
    struct network_security_group_rule rule = {0};

    row_defaults(call, &resource_network_security_group_rule, &rule);
    rule.project_id = group->project_id;
    rule.security_group_id = group->id;
    rule.direction = direction;
    rule.ethertype = ethertype;
    rule.remote_group_id = from_itself ? group->id : NULL;
    rule.description = NULL;
    normalize(call, &rule);
    return row_insert(call, &resource_network_security_group_rule, &rule);
}

/* Every group lets all out; a default group also lets its own members in. */
static bool add_rules(struct call *call, const struct network_security_group *group, bool is_default) {
    return add_rule(call, group, "egress", "IPv4", false) && add_rule(call, group, "egress", "IPv6", false) &&
           (!is_default ||
            (add_rule(call, group, "ingress", "IPv4", true) && add_rule(call, group, "ingress", "IPv6", true)));
}

static const char *default_of(struct call *call, const char *project_id) {
    return db_query_text(call->db, call->arena, "SELECT group_id FROM network_default_group WHERE project_id = ?",
                         SQL_ARGS(sql_text(project_id)));
}

bool network_default_group(struct call *call, const char *project_id, const char **ret_id) {
    struct network_security_group group = {0};

    *ret_id = default_of(call, project_id);
    if (*ret_id) {
        return true;
    }
    row_defaults(call, &resource_network_security_group, &group);
    group.project_id = project_id;
    group.name = "default";
    group.description = "Default security group";
    *ret_id = group.id;
    return call_exec(call,
                     "INSERT INTO network_default_group (project_id, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                     SQL_ARGS(sql_text(project_id), sql_text(group.id))) &&
           row_insert(call, &resource_network_security_group, &group) && add_rules(call, &group, true) &&
           network_apply(call, "network.security_group", group.id);
}

bool network_groups_usable(struct call *call, const struct json *ids) {
    struct value args[128];
    const char *values[64];
    size_t count = 0, arg_count = 0;
    const char *marks, *visible, *sql;

    for (JSON_EACH(item, ids)) {
        values[count++] = item->text;
    }
    if (!count) {
        return true;
    }
    marks = related_marks(call, values, count, args, &arg_count);
    visible = row_visible(call, &resource_network_security_group, args, &arg_count);
    sql = arena_printf(call->arena, "SELECT id FROM network_security_group WHERE id IN (%s)%s%s", marks,
                       visible ? " AND " : "", visible ? visible : "");

    struct rows *rows = db_query(call->db, sql, args, arg_count);

    while (rows_next(rows)) {
        for (size_t i = 0; i < count; i++) {
            values[i] = values[i] && !strcmp(values[i], rows_text(rows, 0)) ? NULL : values[i];
        }
    }
    rows_end(rows);
    for (size_t i = 0; i < count; i++) {
        if (values[i]) {
            return fail_type(call, 404, "SecurityGroupNotFound", "Security group %s does not exist", values[i]);
        }
    }
    return true;
}

bool network_security_group_list(struct call *call, struct query *query) {
    const char *id;

    network_filter_tags(call, query);
    if (call->caller.project_id && !network_default_group(call, call->caller.project_id, &id)) {
        return false;
    }
    return network_filter_shared(call, query,
                                 "id IN (SELECT object_id FROM network_rbac WHERE object_type = 'security_group'"
                                 " AND target_tenant IN ('*', ?))");
}

bool network_security_group_create(struct call *call, void *row) {
    const struct network_security_group *group = row;
    const char *id;

    return network_default_group(call, group->project_id, &id) &&
           quota_check(call, &network, group->project_id, "security_group_rule", 2) && add_rules(call, group, false) &&
           network_apply(call, "network.security_group", group->id);
}

static bool is_default(struct call *call, const struct network_security_group *group) {
    const char *id = default_of(call, group->project_id);

    return id && !strcmp(id, group->id);
}

static bool in_use(struct call *call, const struct network_security_group *group) {
    return call_count(call, "SELECT count(*) FROM network_port_group WHERE group_id = ?",
                      SQL_ARGS(sql_text(group->id))) > 0 &&
           !fail_type(call, 409, "SecurityGroupInUse", "Security Group %s in use.", group->id);
}

bool network_security_group_update(struct call *call, const void *old, void *row) {
    const struct network_security_group *was = old, *group = row;

    if (strcmp(was->name, group->name) != 0 && is_default(call, was)) {
        return fail_type(call, 409, "SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.");
    }
    if (was->stateful != group->stateful && in_use(call, group)) {
        return false;
    }
    return network_apply(call, "network.security_group", group->id);
}

bool network_security_group_delete(struct call *call, void *row) {
    const struct network_security_group *group = row;
    const struct value id = sql_text(group->id);

    if (in_use(call, group)) {
        return false;
    }
    if (is_default(call, group) && !call->caller.admin) {
        return fail_type(call, 409, "SecurityGroupCannotRemoveDefault",
                         "Insufficient rights for removing default security "
                         "group.");
    }
    return call_exec(call, "DELETE FROM network_security_group_rule WHERE security_group_id = ?", &id, 1) &&
           call_exec(call, "DELETE FROM network_security_group_rule WHERE remote_group_id = ?", &id, 1) &&
           call_exec(call, "DELETE FROM network_default_group WHERE group_id = ?", &id, 1) &&
           call_exec(call, "DELETE FROM network_rbac WHERE object_id = ?", &id, 1) &&
           network_apply(call, "network.security_group", group->id);
}

static void write_rule(const struct batch *batch, void *row, struct rows *result, struct json_out *out) {
    struct network_security_group_rule rule = {0};

    row_load(batch->call, &resource_network_security_group_rule, result, &rule);
    row_write(batch->call, &resource_network_security_group_rule, &rule, READ, out);
}

bool network_security_group_expand(struct call *call, void *rows, size_t count) {
    const struct batch batch = {call, &resource_network_security_group, rows, count, "id", 0};

    return network_expand_shared(call, &resource_network_security_group, rows, count) &&
           related_rows(batch, &resource_network_security_group_rule, "security_group_id", "security_group_rules",
                        write_rule);
}
