/* SPDX-License-Identifier: Apache-2.0
 * Fuzzes the readers of addresses,
     networks and Ethernet addresses: what they accept reads back from its own print as the
 * same, and the arithmetic agrees with itself. */
#include <stdlib.h>
#include <string.h>

#include "base/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void try_ip(const char *text) {
    char printed[IP_TEXT_SIZE], key[IP_KEY_SIZE];
    struct ip ip, again;

    if (ip_parse(text, &ip)) {
        require(ip_parse(ip_print(ip, printed), &again) && ip_equal(ip, again));
        require(ip_key_parse(ip_key(ip, key), &again) && ip_equal(ip, again));
        require(!ip_add(ip, 7, &again) || (ip_compare(ip, again) < 0 && ip_add(again, -7, &again) &&
            ip_equal(ip, again)));
    }
    if (ip_key_parse(text, &ip)) {
        require(strcmp(ip_key(ip, key), text) == 0);
    }
}

static void try_net(const char *text) {
    char printed[IP_NET_TEXT_SIZE];
    struct ip_net net, again;
    struct ip_range pools[2];

    if (!ip_net_parse_host(text, &net)) {
        require(!ip_net_parse(text, &net));
        return;
    }
    require(ip_net_parse(ip_net_print(net, printed), &again) && ip_net_equal(net, again));
    require(ip_net_contains(net, net.ip) && ip_range_contains(ip_net_range(net), net.ip));
    require(!ip_net_halves(net, (struct ip_net[2]){{{0}}}) == (net.length == ip_bits(net.ip)));
    for (int i = ip_net_pools(net, net.ip, pools); i-- > 0;) {
        require(ip_range_holds(ip_net_range(net), pools[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    char *text = strndup((const char *)bytes, size), printed[MAC_TEXT_SIZE];
    struct mac mac, again;

    try_ip(text);
    try_net(text);
    if (mac_parse(text, &mac)) {
        require(mac_parse(mac_print(mac, printed), &again) && mac_equal(mac, again));
    }
    free(text);
    return 0;
}
