/* SPDX-License-Identifier: Apache-2.0
 * DHCP that OVN answers itself: the options of subnets, what ports change in them, and which options a port has.
 *
 * OVN pastes an option's value into the text of a flow's action, so every value is parsed here and printed anew. Names
 * and numbers of options: RFC 2132, RFC 3442, RFC 3646, ovn-nb(5), and the names that the networking API takes. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/log.h"
#include "network/ovn.h"

LOG_MODULE("network.ovn");

enum { MAX_EXTRA = 64, MAX_ITEMS = 32 };

enum type { ADDRESS, ADDRESSES, FLAG, BYTE, SHORT, LONG, STRING, ROUTES, HARDWARE };

static const struct option {
    int version;
    const char *name, *number, *ovn;
    enum type type;
} options[] = {
    {4, "netmask", "1", "netmask", ADDRESS},
    {4, "router", "3", "router", ADDRESSES},
    {4, "dns-server", "6", "dns_server", ADDRESSES},
    {4, "log-server", "7", "log_server", ADDRESSES},
    {4, "lpr-server", "9", "lpr_server", ADDRESSES},
    {4, "domain-name", "15", "domain_name", STRING},
    {4, "swap-server", "16", "swap_server", ADDRESS},
    {4, "ip-forward-enable", "19", "ip_forward_enable", FLAG},
    {4, "policy-filter", "21", "policy_filter", ADDRESSES},
    {4, "default-ttl", "23", "default_ttl", BYTE},
    {4, "mtu", "26", "mtu", SHORT},
    {4, "router-discovery", "31", "router_discovery", FLAG},
    {4, "router-solicitation", "32", "router_solicitation", ADDRESS},
    {4, "arp-timeout", "35", "arp_cache_timeout", LONG},
    {4, "ethernet-encap", "36", "ethernet_encap", FLAG},
    {4, "tcp-ttl", "37", "tcp_ttl", BYTE},
    {4, "tcp-keepalive", "38", "tcp_keepalive_interval", LONG},
    {4, "nis-server", "41", "nis_server", ADDRESSES},
    {4, "ntp-server", "42", "ntp_server", ADDRESSES},
    {4, "lease-time", "51", "lease_time", LONG},
    {4, "server-id", "54", "server_id", ADDRESS},
    {4, "T1", "58", "T1", LONG},
    {4, "T2", "59", "T2", LONG},
    {4, "tftp-server", "66", "tftp_server", STRING},
    {4, "bootfile-name", "67", "bootfile_name", STRING},
    {4, "bootfile-name-alt", "", "bootfile_name_alt", STRING},
    {4, "classless-static-route", "121", "classless_static_route", ROUTES},
    {4, "tftp-server-address", "150", "tftp_server_address", ADDRESSES},
    {4, "path-prefix", "210", "path_prefix", STRING},
    {4, "ms-classless-static-route", "249", "ms_classless_static_route", ROUTES},
    {4, "wpad", "252", "wpad", STRING},
    {4, "server-ip-address", "", "next_server", ADDRESS},
    {6, "server-id", "2", "server_id", HARDWARE},
    {6, "ia-addr", "5", "ia_addr", ADDRESS},
    {6, "dns-server", "23", "dns_server", ADDRESSES},
    {6, "domain-search", "24", "domain_search", STRING},
};

static const struct option *option_find(int version, const char *name) {
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const struct option *o = &options[i];

        if (o->version == version && (!strcmp(o->name, name) || (*o->number && !strcmp(o->number, name)))) {
            return o;
        }
    }
    return NULL;
}

static const char *number(struct arena *arena, const char *text, long long most) {
    char *end;
    long long value = strtoll(text, &end, 10);

    return *text >= '0' && *text <= '9' && !*end && value <= most ? arena_printf(arena, "%lld", value) : NULL;
}

static const char *flag(const char *text) {
    if (!strcmp(text, "1") || !strcmp(text, "true")) {
        return "1";
    }
    return !strcmp(text, "0") || !strcmp(text, "false") ? "0" : NULL;
}

/* A text between quotes, as OVN's expressions want it. Quotes that are there already are taken off first. */
static const char *string(struct arena *arena, const char *text) {
    size_t size = strlen(text);

    if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
        text = arena_text_size(arena, text + 1, size - 2);
    }
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e || *at == '"' || *at == '\\') {
            return NULL;
        }
    }
    return *text ? arena_printf(arena, "\"%s\"", text) : NULL;
}

/* Cuts "{a, b c}" into its words. Returns how many, MAX_ITEMS + 1 for too many. */
static int words(struct arena *arena, const char *text, const char **items) {
    char *rest = arena_text(arena, text), *word;
    int count = 0;

    while ((word = strtok_r(rest, "{}, \t", &rest)) != NULL) {
        if (count == MAX_ITEMS) {
            return MAX_ITEMS + 1;
        }
        items[count++] = word;
    }
    return count;
}

static const char *braces(struct arena *arena, const char *inside, bool bare) {
    return bare ? inside : arena_printf(arena, "{%s}", inside);
}

static const char *addresses(struct arena *arena, const char *text, int version, int most) {
    const char *items[MAX_ITEMS], *all = NULL;
    int count = words(arena, text, items), is;

    for (int i = 0; i < count && count <= most; i++) {
        const char *ip = ovn_ip(arena, items[i], &is);

        if (!ip || is != version) {
            return NULL;
        }
        all = all ? arena_printf(arena, "%s, %s", all, ip) : ip;
    }
    return count <= most && all ? braces(arena, all, count == 1) : NULL;
}

static const char *routes(struct arena *arena, const char *text) {
    const char *items[MAX_ITEMS], *all = NULL;
    int count = words(arena, text, items), version = 0, via = 0;

    if (count > MAX_ITEMS || count % 2) {
        return NULL;
    }
    for (int i = 0; i < count; i += 2) {
        const char *to = ovn_cidr(arena, items[i], &version), *hop = ovn_ip(arena, items[i + 1], &via);

        if (!to || !hop || version != 4 || via != 4) {
            return NULL;
        }
        all = all ? arena_printf(arena, "%s, %s,%s", all, to, hop) : arena_printf(arena, "%s,%s", to, hop);
    }
    return all ? braces(arena, all, false) : NULL;
}

/* The value as OVN may have it; null when it is none of its type. */
static const char *checked(struct arena *arena, const struct option *option, const char *text) {
    switch (option->type) {
    case ADDRESS:
        return addresses(arena, text, option->version, 1);
    case ADDRESSES:
        return addresses(arena, text, option->version, MAX_ITEMS);
    case FLAG:
        return flag(text);
    case BYTE:
        return number(arena, text, UINT8_MAX);
    case SHORT:
        return number(arena, text, UINT16_MAX);
    case LONG:
        return number(arena, text, UINT32_MAX);
    case STRING:
        return string(arena, text);
    case ROUTES:
        return routes(arena, text);
    case HARDWARE:
        return ovn_mac(arena, text);
    }
    return NULL;
}

/* Sets an option; a null value takes it away. */
static void option_set(struct arena *arena, struct dhcp_option **list, const char *name, const char *value) {
    struct dhcp_option **at = list;

    while (*at && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = (*at)->next;
    }
    if (value) {
        struct dhcp_option *made = ARENA_NEW(arena, struct dhcp_option);

        *made = (struct dhcp_option){*list, name, value};
        *list = made;
    }
}

/* Sets an option from what a document says, and leaves it when that is nothing. */
static void option_take(struct arena *arena, struct dhcp_option **list, int version, const char *name,
                        const char *value) {
    const struct option *option = option_find(version, name);
    const char *good = value && *value ? checked(arena, option, value) : NULL;

    if (good) {
        option_set(arena, list, option->ovn, good);
    } else if (value && *value) {
        log_warn("DHCP option %s cannot be '%.80s'", name, value);
    }
}

static const char *joined(struct arena *arena, const struct json *texts) {
    const char *all = NULL;

    for (JSON_EACH(item, texts)) {
        if (item->type == JSON_TEXT) {
            all = all ? arena_printf(arena, "%s, %s", all, item->text) : item->text;
        }
    }
    return all;
}

static const char *name_servers(struct plan *plan, const struct json *subnet, int version) {
    const char *own = joined(plan->arena, json_get(subnet, "dns_nameservers"));
    const char *otherwise = conf_text(plan->work->host->conf, "network", "dns_servers", NULL);

    return own ? own : otherwise ? addresses(plan->arena, otherwise, version, MAX_ITEMS) : NULL;
}

/* Option 121. A client that gets it does not look at option 3 (RFC 3442), so the default route stands here again. */
static const char *static_routes(struct arena *arena, const struct json *subnet, const char *gateway) {
    const char *metadata = ovn_ip(arena, json_get_text(subnet, "metadata_ip"), NULL), *all = "";

    if (metadata) {
        all = arena_printf(arena, "169.254.169.254/32,%s", metadata);
    }
    for (JSON_EACH(route, json_get(subnet, "host_routes"))) {
        const char *to = ovn_cidr(arena, json_get_text(route, "destination"), NULL);
        const char *via = ovn_ip(arena, json_get_text(route, "nexthop"), NULL);

        if (to && via) {
            all = arena_printf(arena, "%s%s%s,%s", all, *all ? ", " : "", to, via);
        }
    }
    return *all && gateway ? arena_printf(arena, "%s, 0.0.0.0/0,%s", all, gateway) : all;
}

static struct dhcp_option *options4(struct plan *plan, const struct json *network, const struct json *subnet) {
    struct arena *arena = plan->arena;
    const struct conf *conf = plan->work->host->conf;
    const char *gateway = ovn_ip(arena, json_get_text(subnet, "gateway_ip"), NULL);
    const char *server = gateway ? gateway : ovn_ip(arena, json_get_text(subnet, "metadata_ip"), NULL);
    struct dhcp_option *list = NULL;

    if (!server) {
        return NULL;
    }
    option_set(arena, &list, "server_id", server);
    option_set(arena, &list, "server_mac", ovn_mac_of(arena, json_get_text(subnet, "id")));
    option_take(arena, &list, 4, "lease-time", conf_text(conf, "network", "dhcp_lease_duration", "43200"));
    option_take(arena, &list, 4, "mtu", arena_printf(arena, "%lld", (long long)json_get_int(network, "mtu", 1442)));
    option_take(arena, &list, 4, "router", gateway);
    option_take(arena, &list, 4, "dns-server", name_servers(plan, subnet, 4));
    option_take(arena, &list, 4, "domain-name", json_get_text(subnet, "dns_domain"));
    option_take(arena, &list, 4, "classless-static-route", static_routes(arena, subnet, gateway));
    return list;
}

static struct dhcp_option *options6(struct plan *plan, const struct json *subnet) {
    struct arena *arena = plan->arena;
    const char *mode = json_get_text(subnet, "ipv6_address_mode");
    struct dhcp_option *list = NULL;

    if (!mode || !strcmp(mode, "slaac")) {
        return NULL;
    }
    option_set(arena, &list, "server_id", ovn_mac_of(arena, json_get_text(subnet, "id")));
    option_take(arena, &list, 6, "dns-server", name_servers(plan, subnet, 6));
    option_take(arena, &list, 6, "domain-search", json_get_text(subnet, "dns_domain"));
    if (!strcmp(mode, "dhcpv6-stateless")) {
        option_set(arena, &list, "dhcpv6_stateless", "true");
    }
    return list;
}

static const char *subnet_key(struct arena *arena, const char *id) {
    return arena_printf(arena, "subnet:%s", id);
}

static void put_options(struct plan_row *row, const char *cidr, const struct dhcp_option *list) {
    ovsdb_set_text(row->values, "cidr", cidr);
    ovsdb_set_no_pairs(row->values, "options");
    for (; list; list = list->next) {
        ovsdb_add_pair(row->values, "options", list->name, list->value);
    }
}

static struct dhcp_subnet *plan_subnet(struct plan *plan, const struct json *network, const struct json *subnet) {
    struct dhcp_subnet made = {.id = json_get_text(subnet, "id")};
    struct dhcp_subnet *kept;
    struct plan_row *row;

    made.cidr = ovn_cidr(plan->arena, json_get_text(subnet, "cidr"), &made.version);
    if (!made.id || !made.cidr || !json_get_bool(subnet, "enable_dhcp")) {
        return NULL;
    }
    made.options = made.version == 4 ? options4(plan, network, subnet) : options6(plan, subnet);
    if (!made.options) {
        return NULL;
    }
    row = plan_row(plan, "DHCP_Options", subnet_key(plan->arena, made.id), NULL, NULL);
    plan_note(row, "haneul:subnet", made.id);
    plan_note(row, "subnet_id", made.id);
    put_options(row, made.cidr, made.options);
    made.ref = row->ref;
    kept = ARENA_NEW(plan->arena, struct dhcp_subnet);
    *kept = made;
    return kept;
}

struct dhcp_subnet *dhcp_plan_subnets(struct plan *plan, const struct json *network) {
    struct dhcp_subnet *first = NULL;

    for (JSON_EACH(subnet, json_get(network, "subnets"))) {
        struct dhcp_subnet *made = plan_subnet(plan, network, subnet);

        if (made) {
            made->next = first;
            first = made;
        }
    }
    return first;
}

struct dhcp_subnet *dhcp_read_subnets(struct plan *plan, const char *id) {
    size_t count;
    const struct ovsdb_row *const *rows = ovsdb_rows(ovn.nb, plan->arena, "DHCP_Options", "haneul:id", id, &count);
    struct dhcp_subnet *first = NULL;

    for (size_t i = 0; i < count; i++) {
        struct dhcp_subnet *s = ARENA_NEW(plan->arena, struct dhcp_subnet);

        s->id = ovsdb_pair(plan->arena, rows[i], "external_ids", "haneul:subnet");
        s->cidr = ovn_cidr(plan->arena, ovsdb_text(plan->arena, rows[i], "cidr"), &s->version);
        s->ref = rows[i]->uuid;
        for (const char *const *at = ovsdb_pairs(plan->arena, rows[i], "options"); *at; at += 2) {
            option_set(plan->arena, &s->options, at[0], at[1]);
        }
        if (s->id && s->cidr) {
            s->next = first;
            first = s;
        }
    }
    return first;
}

/* The first of the port's subnets of this version that has DHCP. */
static const struct dhcp_subnet *choose(struct arena *arena, const struct dhcp_subnet *all, const char *subnets,
                                        int version) {
    char *rest = arena_text(arena, subnets), *id;

    while ((id = strtok_r(rest, " ", &rest)) != NULL) {
        for (const struct dhcp_subnet *s = all; s; s = s->next) {
            if (s->version == version && !strcmp(s->id, id)) {
                return s;
            }
        }
    }
    return NULL;
}

static bool extra_version(const struct json *opt, int version) {
    return json_get_int(opt, "ip_version", 4) == version;
}

static bool disables(const struct json *opt) {
    const char *name = json_get_text(opt, "opt_name"), *value = json_get_text(opt, "opt_value");

    return name && value && !strcmp(name, "dhcp_disabled") && !strcasecmp(value, "true");
}

/* Lays the port's own options of this version over 'list'. Returns how many there were, -1: the port wants no DHCP. */
static int lay_over(struct arena *arena, const struct json *extra, int version, struct dhcp_option **list) {
    int count = 0;

    for (JSON_EACH(opt, extra)) {
        const char *name = json_get_text(opt, "opt_name"), *value = json_get_text(opt, "opt_value");
        const struct option *option = name ? option_find(version, name) : NULL;

        if (!extra_version(opt, version) || count == MAX_EXTRA) {
            continue;
        }
        if (disables(opt)) {
            return -1;
        }
        if (!option) {
            log_info("DHCP option %.80s is none that OVN can give", name ? name : "");
            continue;
        }
        if (!value || !*value) {
            option_set(arena, list, option->ovn, NULL);
        } else {
            option_take(arena, list, version, name, value);
        }
        count++;
    }
    return count;
}

static struct dhcp_option *options_copy(struct arena *arena, const struct dhcp_option *list) {
    struct dhcp_option *copy = NULL;

    for (; list; list = list->next) {
        option_set(arena, &copy, list->name, list->value);
    }
    return copy;
}

static void link_version(struct plan *plan, struct plan_row *port, const char *port_id,
                         const struct dhcp_subnet *subnet, const struct json *extra, int version) {
    const char *column = version == 4 ? "dhcpv4_options" : "dhcpv6_options";
    struct dhcp_option *list = subnet ? options_copy(plan->arena, subnet->options) : NULL;
    int own = lay_over(plan->arena, extra, version, &list);
    struct plan_row *row;

    if (!subnet || own < 0) {
        ovsdb_set_none(port->values, column);
        return;
    }
    if (own == 0) {
        ovsdb_add_ref(port->values, column, subnet->ref);
        return;
    }
    row = plan_row_of(plan, "DHCP_Options", version == 4 ? "dhcp:4" : "dhcp:6", "port", port_id);
    plan_note(row, "port_id", port_id);
    put_options(row, subnet->cidr, list);
    ovsdb_add_ref(port->values, column, row->ref);
}

void dhcp_link(struct plan *plan, struct plan_row *port, const char *port_id, const struct dhcp_subnet *of_network,
               const char *subnets, const char *extra) {
    const struct json *opts = extra ? json_parse(plan->arena, extra, strlen(extra), NULL) : NULL;

    for (int version = 4; version <= 6; version += 2) {
        link_version(plan, port, port_id, choose(plan->arena, of_network, subnets, version), opts, version);
    }
}
