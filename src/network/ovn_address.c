/* SPDX-License-Identifier: Apache-2.0
 * Names and addresses as OVN gets them. */
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ip.h"
#include "network/ovn.h"

const char *ovn_name(struct arena *arena, const char *id) {
    return arena_printf(arena, "neutron-%s", id);
}

const char *ovn_router_port_name(struct arena *arena, const char *port_id) {
    return arena_printf(arena, "lrp-%s", port_id);
}

static const char *underscored(char *name) {
    for (char *at = name; *at; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    return name;
}

const char *ovn_group_name(struct arena *arena, const char *id) {
    return underscored(arena_printf(arena, "pg_%s", id));
}

const char *ovn_addresses_name(struct arena *arena, const char *id, int version) {
    return underscored(arena_printf(arena, "ag_%s_ip%d", id, version));
}

const char *ovn_ip(struct arena *arena, const char *text, int *ret_version) {
    char printed[IP_TEXT_SIZE];
    struct ip ip;

    if (!text || !ip_parse(text, &ip)) {
        return NULL;
    }
    if (ret_version) {
        *ret_version = ip.family;
    }
    return arena_text(arena, ip_print(ip, printed));
}

const char *ovn_cidr(struct arena *arena, const char *text, int *ret_version) {
    char printed[IP_NET_TEXT_SIZE];
    struct ip_net net;

    if (!text || !ip_net_parse_host(text, &net)) {
        return NULL;
    }
    if (ret_version) {
        *ret_version = net.ip.family;
    }
    return arena_text(arena, ip_net_print(ip_net_masked(net), printed));
}

const char *ovn_ip_in(struct arena *arena, const char *ip_text, const char *cidr_text) {
    char printed[IP_NET_TEXT_SIZE];
    struct ip_net net;
    struct ip ip;

    if (!ip_text || !cidr_text || !ip_parse(ip_text, &ip) || !ip_net_parse(cidr_text, &net) ||
        ip.family != net.ip.family) {
        return NULL;
    }
    net.ip = ip;
    return arena_text(arena, ip_net_print(net, printed));
}

const char *ovn_mac(struct arena *arena, const char *text) {
    char printed[MAC_TEXT_SIZE];
    struct mac mac;

    return text && mac_parse(text, &mac) && mac_is_unicast(mac) ? arena_text(arena, mac_print(mac, printed)) : NULL;
}

const char *ovn_mac_of(struct arena *arena, const char *id) {
    const char *d = digest_of(arena, "sha256", id, strlen(id));

    return arena_printf(arena, "fa:16:3f:%.2s:%.2s:%.2s", d, d + 2, d + 4);
}

bool ovn_is_word(const char *text, size_t most) {
    size_t size = text ? strlen(text) : 0;

    return size && size <= most &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == size;
}
