/* SPDX-License-Identifier: Apache-2.0
 * Ports in OVN: a logical switch port, its addresses and who may speak with them, its groups, its DHCP options. */
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/log.h"
#include "network/ovn.h"

LOG_MODULE("network.ovn");

enum { MAX_TEXT = 8192 };

/* What device_owner makes of a port. */
enum role { GUEST, METADATA, ROUTER, NOTHING };

static enum role role_of(const struct json *port) {
    static const struct {
        const char *owner;
        enum role role;
    } roles[] = {
        {"network:distributed", METADATA},
        {"network:router_interface", ROUTER},
        {"network:router_interface_distributed", ROUTER},
        {"network:ha_router_replicated_interface", ROUTER},
        {"network:router_gateway", ROUTER},
        {"network:floatingip", NOTHING},
    };
    const char *owner = json_get_text(port, "device_owner");

    for (size_t i = 0; owner && i < sizeof roles / sizeof roles[0]; i++) {
        if (!strcmp(roles[i].owner, owner)) {
            return roles[i].role;
        }
    }
    return GUEST;
}

/* Only what the cloud itself answers for goes without filters. What a port's owner may write into device_owner besides
 * ("network:dhcp") takes no guest out of its security groups. */
static bool is_trusted(const struct json *port) {
    return role_of(port) != GUEST;
}

static bool is_secured(const struct json *port) {
    const struct json *enabled = json_get(port, "port_security_enabled");

    return !is_trusted(port) && (!enabled || enabled->type != JSON_FALSE);
}

/* "text more", or "more" when there is no text yet. */
static const char *and_word(struct arena *arena, const char *text, const char *more) {
    return text && *text ? arena_printf(arena, "%s %s", text, more) : more;
}

/* "MAC IP IP": the port's own addresses. */
static const char *own_addresses(struct plan *plan, const struct json *port, const char *mac) {
    const char *all = mac;

    for (JSON_EACH(fixed, json_get(port, "fixed_ips"))) {
        const char *ip = ovn_ip(plan->arena, json_get_text(fixed, "ip_address"), NULL);

        if (ip) {
            all = and_word(plan->arena, all, ip);
        }
    }
    return all;
}

/* Whom the port may be besides itself. A pair with the port's own MAC adds its address to those of the port. */
static void add_pairs(struct plan *plan, struct plan_row *row, const struct json *port, const char *mac,
                      const char *own) {
    const char *with_own = own;

    for (JSON_EACH(pair, json_get(port, "allowed_address_pairs"))) {
        const char *ip = ovn_cidr(plan->arena, json_get_text(pair, "ip_address"), NULL);
        const char *other = ovn_mac(plan->arena, json_get_text(pair, "mac_address"));

        if (!ip) {
            log_warn("port %s: an allowed address pair without an address is left out", plan->id);
        } else if (!other || !strcmp(other, mac)) {
            with_own = and_word(plan->arena, with_own, ip);
        } else {
            ovsdb_add_text(row->values, "port_security", and_word(plan->arena, other, ip));
            ovsdb_add_text(row->values, "addresses", other);
        }
    }
    ovsdb_add_text(row->values, "port_security", with_own);
}

static bool put_addresses(struct plan *plan, struct plan_row *row, const struct json *port, enum role role) {
    const char *mac = ovn_mac(plan->arena, json_get_text(port, "mac_address")), *own;

    if (!mac) {
        return work_fail(plan->work, "port %s: no MAC address", plan->id);
    }
    own = own_addresses(plan, port, mac);
    ovsdb_set_none(row->values, "port_security");
    if (role == ROUTER) {
        ovsdb_add_text(row->values, "addresses", "router");
        return true;
    }
    ovsdb_add_text(row->values, "addresses", own);
    if (is_secured(port)) {
        add_pairs(plan, row, port, mac, own);
    } else if (role == GUEST) {
        ovsdb_add_text(row->values, "addresses", "unknown");
    }
    return true;
}

/* "10.0.0.2/24 ..." of the fixed IPs whose subnet the document names. */
static const char *cidrs_of(struct plan *plan, const struct json *port) {
    const char *all = "";

    for (JSON_EACH(fixed, json_get(port, "fixed_ips"))) {
        const char *ip = ovn_ip_in(plan->arena, json_get_text(fixed, "ip_address"), json_get_text(fixed, "cidr"));

        if (ip && strlen(all) < MAX_TEXT) {
            all = and_word(plan->arena, all, ip);
        }
    }
    return all;
}

static const char *subnets_of(struct plan *plan, const struct json *port) {
    const char *all = "";

    for (JSON_EACH(fixed, json_get(port, "fixed_ips"))) {
        const char *id = json_get_text(fixed, "subnet_id");

        if (id && id_is_uuid(id) && strlen(all) < MAX_TEXT) {
            all = and_word(plan->arena, all, id);
        }
    }
    return all;
}

/* The switch answers for these addresses with the MAC address of the router's port. */
static void put_proxies(struct plan *plan, struct plan_row *row, const struct json *addresses) {
    const char *all = "";

    for (JSON_EACH(item, addresses)) {
        const char *ip = item->type == JSON_TEXT ? ovn_ip(plan->arena, item->text, NULL) : NULL;

        if (ip && strlen(all) < MAX_TEXT) {
            all = and_word(plan->arena, all, ip);
        }
    }
    if (*all) {
        ovsdb_add_pair(row->values, "options", "arp_proxy", all);
    }
}

static void put_type(struct plan *plan, struct plan_row *row, const struct json *port, enum role role) {
    static const char *const types[] = {[GUEST] = "", [METADATA] = "localport", [ROUTER] = "router"};
    const char *host = json_get_text(port, "binding:host_id"), *owner = json_get_text(port, "device_owner");

    ovsdb_set_text(row->values, "type", types[role]);
    ovsdb_set_no_pairs(row->values, "options");
    if (role == ROUTER) {
        ovsdb_add_pair(row->values, "options", "router-port", ovn_router_port_name(plan->arena, plan->id));
        if (!strcmp(owner, "network:router_gateway")) {
            ovsdb_add_pair(row->values, "options", "nat-addresses", "router");
            ovsdb_add_pair(row->values, "options", "exclude-lb-vips-from-garp", "true");
            put_proxies(plan, row, json_get(port, "ndp_proxies"));
        }
    } else if (role == GUEST) {
        ovsdb_add_pair(row->values, "options", "mcast_flood_reports", "true");
        if (host && *host) {
            ovsdb_add_pair(row->values, "options", "requested-chassis", host);
        }
    }
}

/* A trunk's subport: its frames come tagged through the parent's device. */
static void put_trunk(struct plan_row *row, const struct json *port) {
    const struct json *profile = json_get(port, "binding:profile");
    const char *parent = json_get_text(profile, "parent_name");
    int64_t tag = json_get_int(profile, "tag", 0);

    if (parent && id_is_uuid(parent) && tag > 0 && tag < 4095) {
        ovsdb_set_text(row->values, "parent_name", parent);
        ovsdb_set_int(row->values, "tag", tag);
    } else {
        ovsdb_set_none(row->values, "parent_name");
        ovsdb_set_none(row->values, "tag");
    }
}

static void note_text(struct plan_row *row, const char *key, const char *value) {
    plan_note(row, key, value ? value : "");
}

static void put_notes(struct plan *plan, struct plan_row *row, const struct json *port, const char *network) {
    const struct json *extra = json_get(port, "extra_dhcp_opts");

    plan_note(row, "haneul:network", network);
    plan_note(row, "haneul:subnets", is_trusted(port) ? "" : subnets_of(plan, port));
    if (extra && extra->type == JSON_LIST && extra->count) {
        plan_note(row, "haneul:dhcp", json_print(plan->arena, extra));
    }
    plan_note(row, "neutron:network_name", ovn_name(plan->arena, network));
    plan_note(row, "neutron:cidrs", cidrs_of(plan, port));
    note_text(row, "neutron:port_name", json_get_text(port, "name"));
    note_text(row, "neutron:project_id", json_get_text(port, "project_id"));
    note_text(row, "neutron:device_id", json_get_text(port, "device_id"));
    note_text(row, "neutron:device_owner", json_get_text(port, "device_owner"));
}

/* The group whose members get nothing that no other group allows; its rules are made with it. */
static struct plan_row *plan_drop_group(struct plan *plan) {
    static const char *const directions[] = {"from-lport", "to-lport"}, *const ends[] = {"inport", "outport"};
    struct plan_row *group = plan_other(plan, "Port_Group", "group", "drop", OVN_DROP_GROUP, OVN_DROP_GROUP);

    for (int i = 0; i < 2 && !group->old; i++) {
        struct plan_row *acl = plan_row_of(plan, "ACL", directions[i], "drop", OVN_DROP_GROUP);

        acl->parent = group;
        plan_note(acl, "haneul:parent", OVN_DROP_GROUP);
        ovsdb_set_text(acl->values, "direction", directions[i]);
        ovsdb_set_int(acl->values, "priority", 1001);
        ovsdb_set_text(acl->values, "action", "drop");
        ovsdb_set_text(acl->values, "match", arena_printf(plan->arena, "%s == @" OVN_DROP_GROUP " && ip", ends[i]));
    }
    return group;
}

/* Takes the port out of the groups it was put into before and that 'names' does not have. */
static void leave_groups(struct plan *plan, const struct plan_row *row, const char *names) {
    const char *before = row->old ? ovsdb_pair(plan->arena, row->old, "external_ids", "haneul:groups") : NULL, *name;
    char *rest = arena_text(plan->arena, before ? before : "");

    while ((name = strtok_r(rest, " ", &rest)) != NULL) {
        const struct ovsdb_row *group = ovsdb_find(ovn.nb, plan->arena, "Port_Group", name);

        if (group && !strstr(names, name)) {
            plan_leave(plan, "Port_Group", group->uuid, "ports", row->old->uuid);
        }
    }
}

static void put_groups(struct plan *plan, struct plan_row *row, const struct json *port) {
    const char *names = "";

    if (is_secured(port)) {
        names = OVN_DROP_GROUP;
        plan_join(plan, plan_drop_group(plan), "ports", row);
    }
    for (JSON_EACH(id, is_secured(port) ? json_get(port, "security_groups") : NULL)) {
        if (id->type == JSON_TEXT && id_is_uuid(id->text)) {
            const char *name = ovn_group_name(plan->arena, id->text);

            names = and_word(plan->arena, names, name);
            plan_join(plan, plan_other(plan, "Port_Group", "group", "security_group", id->text, name), "ports", row);
        }
    }
    plan_note(row, "haneul:groups", names);
    leave_groups(plan, row, names);
}

/* Names that the switch itself answers for, each with its addresses. */
static void plan_names(struct plan *plan, struct plan_row *home, const struct json *names) {
    struct plan_row *row = NULL;

    for (JSON_EACH(name, names)) {
        char *rest = arena_text(plan->arena, name->type == JSON_TEXT ? name->text : ""), *word;
        const char *addresses = "";

        while ((word = strtok_r(rest, " ", &rest)) != NULL) {
            const char *ip = ovn_ip(plan->arena, word, NULL);

            addresses = ip ? and_word(plan->arena, addresses, ip) : addresses;
        }
        if (!ovn_is_word(name->key, 255) || !*addresses) {
            log_warn("port %s: a DNS name is malformed and left out", plan->id);
            continue;
        }
        row = row ? row : plan_row(plan, "DNS", "names", NULL, NULL);
        ovsdb_add_pair(row->values, "records", name->key, addresses);
    }
    if (row) {
        plan_join(plan, home, "dns_records", row);
    }
}

static bool build(struct plan *plan, const struct json *port) {
    enum role role = role_of(port);
    const char *network = json_get_text(port, "network_id"), *extra;
    const struct json *up = json_get(port, "admin_state_up");
    struct plan_row *home, *row;

    if (!network || !id_is_uuid(network)) {
        return work_fail(plan->work, "port %s: no network", plan->id);
    }
    if (role == NOTHING) {
        return true;
    }
    home = plan_other(plan, "Logical_Switch", "switch", "network", network, ovn_name(plan->arena, network));
    row = plan_row(plan, "Logical_Switch_Port", "port", plan->id, home);
    if (!put_addresses(plan, row, port, role)) {
        return false;
    }
    put_type(plan, row, port, role);
    if (role != METADATA) {
        qos_put_options(plan, row, json_get(port, "qos_rules"));
        qos_plan(plan, home, json_get(port, "qos_rules"), "qos", plan->id, NULL, NULL);
    }
    if (role == GUEST && !is_trusted(port)) {
        plan_names(plan, home, json_get(port, "dns_records"));
    }
    put_trunk(row, port);
    put_notes(plan, row, port, network);
    put_groups(plan, row, port);
    ovsdb_set_bool(row->values, "enabled", !up || up->type != JSON_FALSE);
    extra = json_print(plan->arena, json_get(port, "extra_dhcp_opts"));
    dhcp_link(plan, row, plan->id, dhcp_read_subnets(plan, network), is_trusted(port) ? "" : subnets_of(plan, port),
              extra);
    return true;
}

bool ovn_apply_port(struct work *work) {
    return plan_apply(work, "port", build);
}
