/* SPDX-License-Identifier: Apache-2.0
 * Checks of attributes that are lists of small things: pools, routes, addresses, options. Each makes the value
 * canonical. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "network/parts.h"
#include "rest/resource.h"

enum { MAX_ITEMS = 64, MAX_PAIRS = 10, MAX_OPTIONS = 32, MAX_NAMESERVERS = 5, MAX_ROUTES = 30 };

static const struct json *list_of(struct call *call, const struct field *field, const char *text, size_t most) {
    const struct json *list = network_json(call, text);

    if (!list || list->type != JSON_LIST) {
        fail_field(call, field, "'%.60s' is not a list", text);
        return NULL;
    }
    if (list->count > most) {
        fail_field(call, field, "%u items, at most %zu", list->count, most);
        return NULL;
    }
    return list;
}

/* Each item is a map with no other members than those of 'keys', a list that ends with null. */
static bool maps_of(struct call *call, const struct field *field, const struct json *list, const char *const *keys) {
    for (JSON_EACH(item, list)) {
        if (item->type != JSON_MAP) {
            return fail_field(call, field, "'%.60s' is not a dictionary", json_print(call->arena, item));
        }
        for (JSON_EACH(member, item)) {
            const char *const *key = keys;

            while (*key && strcmp(*key, member->key) != 0) {
                key++;
            }
            if (!*key) {
                return fail_field(call, field, "unexpected key '%.60s'", member->key);
            }
        }
    }
    return true;
}

/* Canonical text of the address, or null after an error. */
static const char *address_of(struct call *call, const struct field *field, const struct json *item, const char *key) {
    const char *text = key ? json_get_text(item, key) : item->type == JSON_TEXT ? item->text : NULL;
    struct ip ip;

    if (!text || !ip_parse(text, &ip)) {
        fail_field(call, field, "'%.60s' is not a valid IP address", text ? text : "None");
        return NULL;
    }
    return ip_print(ip, arena_alloc(call->arena, IP_TEXT_SIZE));
}

bool network_version_check(struct call *call, const struct field *field, void *slot) {
    return *(int64_t *)slot != 5 || fail_field(call, field, "'5' is not in [4, 6]");
}

/* [{"start", "end"}] */
bool network_pools_check(struct call *call, const struct field *field, void *slot) {
    static const char *const keys[] = {"start", "end", NULL};
    const char **text = slot;
    const struct json *list = *text ? list_of(call, field, *text, MAX_ITEMS) : NULL;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    if (!*text || !list || !maps_of(call, field, list, keys)) {
        return !call->error;
    }
    json_list(&out);
    for (JSON_EACH(item, list)) {
        const char *start = address_of(call, field, item, "start");
        const char *end = start ? address_of(call, field, item, "end") : NULL;

        if (!end) {
            buf_release(&buf);
            return false;
        }
        json_map(&out);
        json_put_text(&out, "start", start);
        json_put_text(&out, "end", end);
        json_map_end(&out);
    }
    json_list_end(&out);
    *text = network_text(call, &buf);
    return true;
}

bool network_nameservers_check(struct call *call, const struct field *field, void *slot) {
    const char **text = slot;
    const struct json *list;

    if (!*text) {
        *text = "[]";
    }
    list = network_json(call, *text);
    if (list->count > MAX_NAMESERVERS) {
        return fail_type(call, 400, "DNSNameServersExhausted",
                         "Unable to complete operation for the subnet. The number of "
                         "DNS nameservers exceeds the limit %d.",
                         MAX_NAMESERVERS);
    }
    for (JSON_EACH(item, list)) {
        if (!address_of(call, field, item, NULL)) {
            return false;
        }
        for (const struct json *other = list->first; other != item; other = other->next) {
            if (!strcmp(other->text, item->text)) {
                return fail_field(call, field, "Duplicate nameserver '%.60s'", item->text);
            }
        }
    }
    return true;
}

static bool write_route(struct call *call, const struct field *field, const struct json *item, struct json_out *out) {
    const char *destination = json_get_text(item, "destination"), *nexthop;
    struct ip_net net;

    if (!destination || !ip_net_parse(destination, &net)) {
        return fail_field(call, field, "'%.60s' is not a valid IP subnet", destination ? destination : "None");
    }
    nexthop = address_of(call, field, item, "nexthop");
    if (!nexthop) {
        return false;
    }
    json_map(out);
    json_put_text(out, "destination", ip_net_print(net, arena_alloc(call->arena, IP_NET_TEXT_SIZE)));
    json_put_text(out, "nexthop", nexthop);
    json_map_end(out);
    return true;
}

static bool same_route(const struct json *a, const struct json *b) {
    return !strcmp(json_get_text(a, "destination"), json_get_text(b, "destination")) &&
           !strcmp(json_get_text(a, "nexthop"), json_get_text(b, "nexthop"));
}

static bool repeated(const struct json *list, bool (*same)(const struct json *a, const struct json *b)) {
    for (JSON_EACH(item, list)) {
        for (const struct json *other = item->next; other; other = other->next) {
            if (same(item, other)) {
                return true;
            }
        }
    }
    return false;
}

/* [{"destination", "nexthop"}] */
bool network_routes_check(struct call *call, const struct field *field, void *slot) {
    static const char *const keys[] = {"destination", "nexthop", NULL};
    const char **text = slot;
    const struct json *list;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool ok = true;

    *text = *text ? *text : "[]";
    list = list_of(call, field, *text, MAX_ROUTES);
    if (!list || !maps_of(call, field, list, keys)) {
        return false;
    }
    json_list(&out);
    for (JSON_EACH(item, list)) {
        ok = ok && write_route(call, field, item, &out);
    }
    json_list_end(&out);
    *text = network_text(call, &buf);
    return ok && (!repeated(network_json(call, *text), same_route) || fail_field(call, field, "Duplicate hostroute"));
}

static bool same_fixed_ip(const struct json *a, const struct json *b) {
    const char *first = json_get_text(a, "ip_address"), *second = json_get_text(b, "ip_address");

    return first && second && !strcmp(first, second);
}

/* [{"subnet_id", "ip_address"}], one of both at least. Null is as good as not given. */
bool network_fixed_ips_check(struct call *call, const struct field *field, void *slot) {
    static const char *const keys[] = {"subnet_id", "ip_address", NULL};
    const char *text = *(const char **)slot;
    const struct json *list = text ? list_of(call, field, text, MAX_ITEMS) : NULL;

    if (!text || !list || !maps_of(call, field, list, keys)) {
        return !call->error;
    }
    for (JSON_EACH(item, list)) {
        const struct json *subnet = json_get(item, "subnet_id");

        if (json_get(item, "ip_address") && !address_of(call, field, item, "ip_address")) {
            return false;
        }
        if (subnet && (subnet->type != JSON_TEXT || !id_is_uuid(subnet->text))) {
            return fail_field(call, field, "'%.60s' is not a valid UUID", json_print(call->arena, subnet));
        }
    }
    return !repeated(list, same_fixed_ip) || fail_field(call, field, "Duplicate IP address");
}

static bool same_text(const struct json *a, const struct json *b) {
    return !strcmp(a->text, b->text);
}

bool network_ids_check(struct call *call, const struct field *field, void *slot) {
    const struct json *list = network_json(call, *(const char **)slot);

    if (list && repeated(list, same_text)) {
        return fail_field(call, field, "an id stands in it twice");
    }
    for (JSON_EACH(item, list)) {
        if (!id_is_uuid(item->text)) {
            return fail_field(call, field, "'%.60s' is not a valid UUID", item->text);
        }
    }
    return true;
}

static bool write_pair(struct call *call, const struct field *field, const struct json *item, struct json_out *out) {
    const char *address = json_get_text(item, "ip_address"), *mac_text = json_get_text(item, "mac_address");
    struct ip_net net;
    struct mac mac;

    if (!address) {
        return fail_type(call, 400, "AllowedAddressPairsMissingIP", "AllowedAddressPair must contain ip_address");
    }
    if (!ip_net_parse_host(address, &net)) {
        return fail_field(call, field, "'%.60s' is not a valid IP subnet", address);
    }
    if (json_get(item, "mac_address") && (!mac_text || !mac_parse(mac_text, &mac))) {
        return fail_field(call, field, "'%.60s' is not a valid MAC address", mac_text ? mac_text : "None");
    }
    json_map(out);
    json_put_text(out, "ip_address",
                  strchr(address, '/') ? ip_net_print(net, arena_alloc(call->arena, IP_NET_TEXT_SIZE))
                                       : ip_print(net.ip, arena_alloc(call->arena, IP_TEXT_SIZE)));
    if (mac_text) {
        json_put_text(out, "mac_address", mac_print(mac, arena_alloc(call->arena, MAC_TEXT_SIZE)));
    }
    json_map_end(out);
    return true;
}

static bool same_pair(const struct json *a, const struct json *b) {
    const char *first = json_get_text(a, "mac_address"), *second = json_get_text(b, "mac_address");

    return !strcmp(json_get_text(a, "ip_address"), json_get_text(b, "ip_address")) &&
           !strcmp(first ? first : "", second ? second : "");
}

bool network_pairs_check(struct call *call, const struct field *field, void *slot) {
    static const char *const keys[] = {"ip_address", "mac_address", NULL};
    const char **text = slot;
    const struct json *list;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool ok = true;

    *text = *text ? *text : "[]";
    list = list_of(call, field, *text, MAX_ITEMS);
    if (list && list->count > MAX_PAIRS) {
        return fail_type(call, 400, "AllowedAddressPairExhausted",
                         "The number of allowed address pair exceeds the maximum %d.", MAX_PAIRS);
    }
    if (!list || !maps_of(call, field, list, keys)) {
        return false;
    }
    json_list(&out);
    for (JSON_EACH(item, list)) {
        ok = ok && write_pair(call, field, item, &out);
    }
    json_list_end(&out);
    *text = network_text(call, &buf);
    return ok && (!repeated(network_json(call, *text), same_pair) ||
                  fail_type(call, 400, "DuplicateAddressPairInRequest", "Request contains duplicate address pair."));
}

static bool has_control(const char *text) {
    while (*text && (unsigned char)*text >= 0x20 && *text != 0x7f) {
        text++;
    }
    return *text != 0;
}

/* Host and domain names (RFC 1123): letters, digits, hyphens and dots. */
bool network_domain_check(struct call *call, const struct field *field, void *slot) {
    const char *text = *(const char **)slot;

    return !text || text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")] == 0 ||
           fail_field(call, field, "'%.60s' is not a valid domain name", text);
}

/* A host name, with or without its domain (RFC 1123), in small letters. */
bool network_hostname_check(struct call *call, const struct field *field, void *slot) {
    const char **text = slot;
    char *lower = arena_text(call->arena, *text);
    size_t label = 0;

    for (char *at = lower; *at; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        bool ends = !at[1] || at[1] == '.';

        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
        label = *at == '.' ? 0 : label + 1;
        if (label > 63 || (*at == '.' && (at == lower || at[-1] == '.')) ||
            (*at != '.' && !letter && (*at != '-' || label == 1 || ends))) {
            return fail_field(call, field, "'%.80s' is not a valid host name", *text);
        }
    }
    *text = lower;
    return true;
}

static bool check_option(struct call *call, const struct field *field, const struct json *item) {
    const char *name = json_get_text(item, "opt_name");
    const struct json *value = json_get(item, "opt_value");
    int64_t version = json_get_int(item, "ip_version", 4);
    const char *text = json_get_text(item, "ip_version");

    if (!name || !*name || strlen(name) > 64 || has_control(name)) {
        return fail_field(call, field, "opt_name is required");
    }
    if (!value || (value->type != JSON_TEXT && value->type != JSON_NULL) ||
        (value->type == JSON_TEXT && (strlen(value->text) > 255 || has_control(value->text)))) {
        return fail_field(call, field, "opt_value of '%.60s' must be a text of at most 255 characters", name);
    }
    return version == 4 || version == 6 || (text && (!strcmp(text, "4") || !strcmp(text, "6"))) ||
           fail_field(call, field, "ip_version of '%.60s' is not in [4, 6]", name);
}

bool network_dhcp_opts_check(struct call *call, const struct field *field, void *slot) {
    static const char *const keys[] = {"opt_name", "opt_value", "ip_version", NULL};
    const char **text = slot;
    const struct json *list;

    *text = *text ? *text : "[]";
    list = list_of(call, field, *text, MAX_OPTIONS);
    if (!list || !maps_of(call, field, list, keys)) {
        return false;
    }
    for (JSON_EACH(item, list)) {
        if (!check_option(call, field, item)) {
            return false;
        }
    }
    return true;
}

bool network_profile_check(struct call *call, const struct field *field, void *slot) {
    const char **text = slot;

    *text = *text ? *text : "{}";
    return true;
}

bool network_prefixes_check(struct call *call, const struct field *field, void *slot) {
    const char **text = slot;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool ok = true;

    json_list(&out);
    for (JSON_EACH(item, network_json(call, *text))) {
        struct ip_net net;

        ok = ok && (ip_net_parse(item->text, &net) ||
                    fail_field(call, field, "'%.60s' is not a valid IP subnet", item->text));
        if (ok) {
            json_text(&out, ip_net_print(ip_net_masked(net), arena_alloc(call->arena, IP_NET_TEXT_SIZE)));
        }
    }
    json_list_end(&out);
    *text = network_text(call, &buf);
    return ok;
}
