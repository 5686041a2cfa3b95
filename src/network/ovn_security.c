/* SPDX-License-Identifier: Apache-2.0
 * Security groups in OVN: a port group, whose members northd also offers as address sets ("$NAME_ip4"), and an ACL for
 * each rule. What no rule allows the drop group of ovn_port.c drops. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/log.h"
#include "network/ovn.h"

LOG_MODULE("network.ovn");

enum { ALLOW_PRIORITY = 1002 };

/* The protocol names that the API takes, with their numbers (IANA). */
static const struct {
    const char *name;
    int number;
} protocols[] = {
    {"ah", 51},        {"dccp", 33},     {"egp", 8},         {"esp", 50},        {"gre", 47},        {"hopopt", 0},
    {"icmp", 1},       {"icmpv6", 58},   {"igmp", 2},        {"ip", 0},          {"ipip", 4},        {"ipv6-encap", 41},
    {"ipv6-frag", 44}, {"ipv6-icmp", 58}, {"ipv6-nonxt", 59}, {"ipv6-opts", 60}, {"ipv6-route", 43}, {"ospf", 89},
    {"pgm", 113},      {"rsvp", 46},     {"sctp", 132},      {"tcp", 6},         {"udp", 17},        {"udplite", 136},
    {"vrrp", 112},
};

/* The number of a protocol by name or number; -1: none that exists. */
static int protocol_number(const char *text) {
    char *end;
    long number = strtol(text, &end, 10);

    if (*text >= '0' && *text <= '9' && !*end) {
        return number <= 255 ? (int)number : -1;
    }
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (!strcmp(protocols[i].name, text)) {
            return protocols[i].number;
        }
    }
    return -1;
}

/* A member that is an integer from 0 to 'most'; -1: it is absent; -2: it is something else. */
static int bounded(const struct json *rule, const char *key, int most) {
    const struct json *value = json_get(rule, key);

    if (!value || value->type == JSON_NULL) {
        return -1;
    }
    return value->type == JSON_INT && value->integer >= 0 && value->integer <= most ? (int)value->integer : -2;
}

/* " && NAME == VALUE", or nothing when there is no value. */
static const char *match_number(struct arena *arena, const char *name, const char *relation, int value) {
    return value < 0 ? "" : arena_printf(arena, " && %s %s %d", name, relation, value);
}

static const char *match_range(struct arena *arena, const char *name, int least, int most) {
    const char *port = arena_printf(arena, "%s.dst", name);

    if (least >= 0 && least == most) {
        return arena_printf(arena, " && %s%s", name, match_number(arena, port, "==", least));
    }
    return arena_printf(arena, " && %s%s%s", name, match_number(arena, port, ">=", least),
                        match_number(arena, port, "<=", most));
}

static const char *match_icmp(struct arena *arena, const char *name, int type, int code) {
    const char *type_field = arena_printf(arena, "%s.type", name), *code_field = arena_printf(arena, "%s.code", name);

    return arena_printf(arena, " && %s%s%s", name, match_number(arena, type_field, "==", type),
                        match_number(arena, code_field, "==", code));
}

/* The part of the match for protocol and ports; null: the rule makes no sense. */
static const char *match_protocol(struct arena *arena, const struct json *rule, int version) {
    const char *text = json_get_text(rule, "protocol");
    const struct json *given = json_get(rule, "protocol");
    int number = text ? protocol_number(text) : -1, least, most;

    if (!given || given->type == JSON_NULL) {
        return "";
    }
    if (number < 0) {
        return NULL;
    }
    if (number == 1 || number == 58) {
        least = bounded(rule, "port_range_min", 255);
        most = bounded(rule, "port_range_max", 255);
        return least < -1 || most < -1 ? NULL : match_icmp(arena, version == 4 ? "icmp4" : "icmp6", least, most);
    }
    least = bounded(rule, "port_range_min", 65535);
    most = bounded(rule, "port_range_max", 65535);
    if (number == 6 || number == 17 || number == 132) {
        const char *name = number == 6 ? "tcp" : number == 17 ? "udp" : "sctp";

        return least < -1 || most < -1 || (most >= 0 && least > most) ? NULL : match_range(arena, name, least, most);
    }
    return arena_printf(arena, " && ip.proto == %d", number);
}

/* The part for the other side's address; null: the rule makes no sense. */
static const char *match_remote(struct arena *arena, const struct json *rule, int version, bool ingress) {
    const char *prefix = json_get_text(rule, "remote_ip_prefix"), *group = json_get_text(rule, "remote_group_id");
    const char *addresses = json_get_text(rule, "remote_address_group_id");
    const char *side = ingress ? "src" : "dst";
    int is = 0;

    if (prefix) {
        const char *cidr = ovn_cidr(arena, prefix, &is);

        return cidr && is == version ? arena_printf(arena, " && ip%d.%s == %s", version, side, cidr) : NULL;
    }
    if (group) {
        return id_is_uuid(group) ? arena_printf(arena, " && ip%d.%s == $%s_ip%d", version, side,
                                                ovn_group_name(arena, group), version)
                                 : NULL;
    }
    if (addresses) {
        return id_is_uuid(addresses) ? arena_printf(arena, " && ip%d.%s == $%s", version, side,
                                                    ovn_addresses_name(arena, addresses, version))
                                     : NULL;
    }
    return "";
}

/* The whole match; null: the rule makes no sense. */
static const char *match_of(struct arena *arena, const struct json *rule, const char *group, bool ingress) {
    const char *ethertype = json_get_text(rule, "ethertype");
    int version = ethertype && !strcasecmp(ethertype, "IPv6") ? 6 : 4;
    const char *remote = match_remote(arena, rule, version, ingress), *protocol = match_protocol(arena, rule, version);

    if (!remote || !protocol) {
        return NULL;
    }
    return arena_printf(arena, "%s == @%s && ip%d%s%s", ingress ? "outport" : "inport", group, version, remote,
                        protocol);
}

/* The group that a rule names must be there, for ovn-controller to know its address sets; so must those of an address
 * group, empty where its own document has not come yet. */
static void plan_remote(struct plan *plan, const struct json *rule) {
    const char *id = json_get_text(rule, "remote_group_id"), *addresses = json_get_text(rule, "remote_address_group_id");

    if (id && strcmp(id, plan->id) != 0) {
        plan_other(plan, "Port_Group", "group", "security_group", id, ovn_group_name(plan->arena, id));
    }
    for (int version = 4; addresses && version <= 6; version += 2) {
        plan_other(plan, "Address_Set", arena_printf(plan->arena, "addresses:%d", version), "address_group", addresses,
                   ovn_addresses_name(plan->arena, addresses, version));
    }
}

static void plan_rule(struct plan *plan, struct plan_row *group, const struct json *rule, bool stateful) {
    const char *id = json_get_text(rule, "id"), *direction = json_get_text(rule, "direction"), *match;
    bool ingress = direction && !strcmp(direction, "ingress");
    struct plan_row *row;

    match = match_of(plan->arena, rule, group->name, ingress);
    if (!id || !id_is_uuid(id) || !direction || !match) {
        log_warn("security group %s: rule %.40s cannot be and is left out", plan->id, id ? id : "");
        return;
    }
    plan_remote(plan, rule);
    row = plan_row(plan, "ACL", arena_printf(plan->arena, "rule:%s", id), NULL, group);
    plan_note(row, "neutron:security_group_rule_id", id);
    ovsdb_set_text(row->values, "direction", ingress ? "to-lport" : "from-lport");
    ovsdb_set_int(row->values, "priority", ALLOW_PRIORITY);
    ovsdb_set_text(row->values, "match", match);
    ovsdb_set_text(row->values, "action", stateful ? "allow-related" : "allow-stateless");
}

static bool build(struct plan *plan, const struct json *doc) {
    const struct json *stateful = json_get(doc, "stateful");
    struct plan_row *group = plan_row(plan, "Port_Group", "group", ovn_group_name(plan->arena, plan->id), NULL);

    plan_note(group, "neutron:security_group_id", plan->id);
    for (JSON_EACH(rule, json_get(doc, "security_group_rules"))) {
        plan_rule(plan, group, rule, !stateful || stateful->type != JSON_FALSE);
    }
    return true;
}

static bool build_addresses(struct plan *plan, const struct json *doc) {
    for (int version = 4; version <= 6; version += 2) {
        struct plan_row *row = plan_row(plan, "Address_Set", arena_printf(plan->arena, "addresses:%d", version),
                                        ovn_addresses_name(plan->arena, plan->id, version), NULL);

        ovsdb_set_none(row->values, "addresses");
        plan_note(row, "neutron:address_group_id", plan->id);
        for (JSON_EACH(item, json_get(doc, "addresses"))) {
            int is = 0;
            const char *cidr = item->type == JSON_TEXT ? ovn_cidr(plan->arena, item->text, &is) : NULL;

            if (cidr && is == version) {
                ovsdb_add_text(row->values, "addresses", cidr);
            }
        }
    }
    return true;
}

bool ovn_apply_address_group(struct work *work) {
    return plan_apply(work, "address_group", build_addresses);
}

bool ovn_apply_security_group(struct work *work) {
    return plan_apply(work, "security_group", build);
}
