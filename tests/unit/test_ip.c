/* SPDX-License-Identifier: Apache-2.0
 * Addresses, networks, ranges and Ethernet addresses. */
#include <string.h>

#include "base/ip.h"
#include "test.h"

/* For literals of the tests: what does not parse becomes none. */
static struct ip ip(const char *text) {
    struct ip ip = {0};

    ip_parse(text, &ip);
    return ip;
}

static struct ip_net net(const char *text) {
    struct ip_net net = {0};

    ip_net_parse(text, &net);
    return net;
}

static struct ip_range range(const char *first, const char *last) {
    struct ip_range range = {0};

    ip_range_make(ip(first), ip(last), &range);
    return range;
}

static struct mac mac(const char *text) {
    struct mac mac = {0};

    mac_parse(text, &mac);
    return mac;
}

static bool prints(struct ip value, const char *expected) {
    char text[IP_TEXT_SIZE];

    return strcmp(ip_print(value, text), expected) == 0;
}

static bool net_prints(struct ip_net value, const char *expected) {
    char text[IP_NET_TEXT_SIZE];

    return strcmp(ip_net_print(value, text), expected) == 0;
}

static bool range_is(struct ip_range value, const char *first, const char *last) {
    return prints(value.first, first) && prints(value.last, last);
}

TEST(addresses_are_printed_canonically) {
    static const char *const pairs[][2] = {
        {"10.0.0.1", "10.0.0.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0db8::0001:0000", "2001:db8::1:0"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        check(prints(ip(pairs[i][0]), pairs[i][1]));
    }
    check(prints((struct ip){0}, ""));
}

TEST(text_that_is_no_address_is_refused) {
    static const char *const texts[] = {
        "", "1", "10.0.0", "10.0.0.1.2", "10.0.0.256", "010.0.0.1", "10.0.0.1 ", " 10.0.0.1", "0x7f.0.0.1", "10.0.0.-1",
        ":", ":::", "1::2::3", "fe80::1%eth0", "2001:db8::g", "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "[::1]",
        "10.0.0.1/32",
    };
    struct ip value;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check(!ip_parse(texts[i], &value));
    }
}

TEST(keys_sort_as_addresses_do) {
    static const char *const sorted[] = {"0.0.0.0", "2.0.0.0", "10.0.0.1", "10.0.0.2", "255.0.0.0", "::", "::1",
        "fe80::"};
    char last[IP_KEY_SIZE] = "", key[IP_KEY_SIZE];
    struct ip back;

    for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++) {
        check(strcmp(last, ip_key(ip(sorted[i]), key)) < 0);
        check(ip_key_parse(key, &back) && ip_equal(back, ip(sorted[i])));
        check(i == 0 || ip_compare(ip(sorted[i - 1]), ip(sorted[i])) < 0);
        strcpy(last, key);
    }
    check(strcmp(ip_key(ip("10.0.0.1"), key), "40a000001") == 0);
    check(!ip_key_parse("", &back) && !ip_key_parse("50a000001", &back) && !ip_key_parse("40a00000", &back));
    check(!ip_key_parse("40a00000g", &back) && !ip_key_parse("4 a000001", &back));
}

TEST(addition_stays_inside_the_family) {
    struct ip value;

    check(ip_add(ip("10.0.0.255"), 1, &value) && prints(value, "10.0.1.0"));
    check(ip_add(ip("10.0.1.0"), -1, &value) && prints(value, "10.0.0.255"));
    check(ip_add(ip("::ffff:ffff:ffff:ffff"), 1, &value) && prints(value, "0:0:0:1::"));
    check(ip_add(ip("0.0.0.0"), 0xffffffff, &value) && prints(value, "255.255.255.255"));
    check(!ip_add(ip("0.0.0.0"), 0x100000000, &value));
    check(!ip_add(ip("255.255.255.255"), 1, &value));
    check(!ip_add(ip("0.0.0.0"), -1, &value));
    check(!ip_add(ip("::"), -1, &value));
    check(!ip_add(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1, &value));
    check(ip_add(ip("::8000:0:0:0"), INT64_MIN, &value) && prints(value, "::"));
}

TEST(kinds_of_address_are_told) {
    check(ip_is_unspecified(ip("0.0.0.0")) && ip_is_unspecified(ip("::")) && !ip_is_unspecified(ip("::1")));
    check(ip_is_loopback(ip("127.8.9.1")) && ip_is_loopback(ip("::1")) && !ip_is_loopback(ip("128.0.0.1")));
    check(ip_is_multicast(ip("224.0.0.1")) && ip_is_multicast(ip("239.1.1.1")) && ip_is_multicast(ip("ff02::1")));
    check(!ip_is_multicast(ip("240.0.0.1")) && !ip_is_multicast(ip("223.255.255.255")) &&
          !ip_is_multicast(ip("fe80::1")));
    check(ip_is_link_local(ip("169.254.1.1")) && ip_is_link_local(ip("fe80::1")) && ip_is_link_local(ip("febf::1")));
    check(!ip_is_link_local(ip("169.255.1.1")) && !ip_is_link_local(ip("fec0::1")));
}

TEST(networks_are_read_and_measured) {
    check(net_prints(net("10.1.2.3/24"), "10.1.2.3/24"));
    check(net_prints(ip_net_masked(net("10.1.2.3/24")), "10.1.2.0/24"));
    check(prints(ip_net_mask(net("10.1.2.3/20")), "255.255.240.0"));
    check(prints(ip_net_mask(net("10.1.2.3/0")), "0.0.0.0"));
    check(prints(ip_net_mask(net("2001:db8::/48")), "ffff:ffff:ffff::"));
    check(prints(ip_net_last(net("10.1.2.3/20")), "10.1.15.255"));
    check(prints(ip_net_last(net("2001:db8::/64")), "2001:db8::ffff:ffff:ffff:ffff"));
    check(prints(ip_net_last(net("::/0")), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    check(ip_net_equal(net("10.0.0.1/24"), net("10.0.0.2/24")) &&
          !ip_net_equal(net("10.0.0.0/24"), net("10.0.0.0/25")));
}

TEST(text_that_is_no_network_is_refused) {
    static const char *const texts[] = {
        "", "/", "/24", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/024", "10.0.0.0/255.255.255.0",
        "10.0.0.0/24 ", "10.0.0.0/24/24", "::/129", "::/1e1", "10.0.0.0/+8", "10.0.0.0/99999999999999999999",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/64",
    };
    struct ip_net value;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check(!ip_net_parse(texts[i], &value));
    }
    check(ip_net_parse_host("10.0.0.1", &value) && net_prints(value, "10.0.0.1/32"));
    check(ip_net_parse_host("::1", &value) && net_prints(value, "::1/128"));
    check(ip_net_parse_host("10.0.0.0/8", &value) && net_prints(value, "10.0.0.0/8"));
}

TEST(networks_contain_and_overlap) {
    check(ip_net_contains(net("10.0.0.0/8"), ip("10.255.255.255")) &&
          !ip_net_contains(net("10.0.0.0/8"), ip("11.0.0.0")));
    check(ip_net_contains(net("0.0.0.0/0"), ip("1.2.3.4")) && !ip_net_contains(net("0.0.0.0/0"), ip("::1")));
    check(ip_net_holds(net("10.0.0.0/8"), net("10.1.0.0/16")) && !ip_net_holds(net("10.1.0.0/16"), net("10.0.0.0/8")));
    check(ip_net_overlaps(net("10.0.0.0/8"), net("10.1.0.0/16")) &&
          ip_net_overlaps(net("10.1.0.0/16"), net("10.0.0.0/8")));
    check(!ip_net_overlaps(net("10.0.0.0/16"), net("10.1.0.0/16")) && !ip_net_overlaps(net("0.0.0.0/0"), net("::/0")));
}

TEST(networks_are_walked_and_halved) {
    struct ip_net next, halves[2];

    check(ip_net_next(net("10.0.0.0/24"), &next) && net_prints(next, "10.0.1.0/24"));
    check(!ip_net_next(net("255.255.255.0/24"), &next) && !ip_net_next(net("::/0"), &next));
    check(ip_net_halves(net("10.0.0.7/24"), halves) && net_prints(halves[0], "10.0.0.0/25"));
    check(net_prints(halves[1], "10.0.0.128/25"));
    check(ip_net_halves(net("::/0"), halves) && net_prints(halves[1], "8000::/1"));
    check(!ip_net_halves(net("10.0.0.0/32"), halves));
}

TEST(free_networks_come_from_the_smallest_fitting_block) {
    struct ip_net pool[] = {net("10.0.0.0/16"), net("10.8.0.0/22")}, found;
    struct ip_net used[] = {net("10.8.0.0/24"), net("10.0.0.0/24")};

    check(ip_nets_find_free(pool, 2, used, 0, 24, &found) && net_prints(found, "10.8.0.0/24"));
    check(ip_nets_find_free(pool, 2, used, 1, 24, &found) && net_prints(found, "10.8.1.0/24"));
    check(ip_nets_find_free(pool, 1, used, 2, 24, &found) && net_prints(found, "10.0.1.0/24"));
    check(ip_nets_find_free(pool, 2, used, 2, 17, &found) && net_prints(found, "10.0.128.0/17"));
    check(ip_nets_find_free(pool, 2, used, 2, 28, &found) && net_prints(found, "10.0.1.0/28"));
    check(!ip_nets_find_free(pool, 2, used, 2, 16, &found) && !ip_nets_find_free(pool, 2, used, 2, 8, &found));
    check(!ip_nets_find_free(pool, 0, used, 0, 24, &found));
    check(!ip_nets_find_free(pool, 2, (struct ip_net[]){net("10.0.0.0/8")}, 1, 24, &found));
    check(ip_nets_find_free((struct ip_net[]){net("2001:db8::/32")}, 1, (struct ip_net[]){net("2001:db8::/128")}, 1, 64,
                            &found) && net_prints(found, "2001:db8:0:1::/64"));
}

TEST(ranges_intersect_and_lose_addresses) {
    struct ip_range out[2], pool = range("10.0.0.10", "10.0.0.20");

    check(!ip_range_make(ip("10.0.0.2"), ip("10.0.0.1"), out) && !ip_range_make(ip("10.0.0.2"), ip("::1"), out));
    check(ip_range_count(pool) == 11 && ip_range_count(ip_net_range(net("0.0.0.0/0"))) == 0x100000000);
    check(ip_range_count(ip_net_range(net("::/64"))) == UINT64_MAX &&
          ip_range_count(ip_net_range(net("::/65"))) == 1ULL << 63);
    check(ip_range_count(range("::ffff:ffff:ffff:ffff", "::1:0:0:0:1")) == 3);
    check(ip_range_intersect(pool, range("10.0.0.15", "10.0.1.0"), out) && range_is(out[0], "10.0.0.15", "10.0.0.20"));
    check(ip_range_overlaps(pool, range("10.0.0.20", "10.0.0.20")) &&
          !ip_range_overlaps(pool, range("10.0.0.21", "10.0.0.22")));
    check(!ip_range_overlaps(pool, ip_net_range(net("::/0"))));
    check(ip_range_holds(ip_net_range(net("10.0.0.0/24")), pool) &&
          !ip_range_holds(pool, ip_net_range(net("10.0.0.0/24"))));
    check(ip_range_minus(pool, ip("10.0.0.12"), out) == 2 && range_is(out[0], "10.0.0.10", "10.0.0.11"));
    check(range_is(out[1], "10.0.0.13", "10.0.0.20"));
    check(ip_range_minus(pool, ip("10.0.0.10"), out) == 1 && range_is(out[0], "10.0.0.11", "10.0.0.20"));
    check(ip_range_minus(pool, ip("10.0.0.20"), out) == 1 && range_is(out[0], "10.0.0.10", "10.0.0.19"));
    check(ip_range_minus(pool, ip("10.0.0.9"), out) == 1 && range_is(out[0], "10.0.0.10", "10.0.0.20"));
    check(ip_range_minus(range("0.0.0.0", "0.0.0.0"), ip("0.0.0.0"), out) == 0);
}

TEST(default_pools_leave_out_what_hosts_cannot_use) {
    struct ip_range out[2];

    check(ip_net_pools(net("10.0.0.0/24"), ip("10.0.0.1"), out) == 1 && range_is(out[0], "10.0.0.2", "10.0.0.254"));
    check(ip_net_pools(net("10.0.0.0/24"), ip("10.0.0.254"), out) == 1 && range_is(out[0], "10.0.0.1", "10.0.0.253"));
    check(ip_net_pools(net("10.0.0.0/24"), ip("10.0.0.9"), out) == 2 && range_is(out[1], "10.0.0.10", "10.0.0.254"));
    check(ip_net_pools(net("10.0.0.0/24"), (struct ip){0}, out) == 1 && range_is(out[0], "10.0.0.1", "10.0.0.254"));
    check(ip_net_pools(net("10.0.0.0/24"), ip("192.0.2.1"), out) == 1 && range_is(out[0], "10.0.0.1", "10.0.0.254"));
    check(ip_net_pools(net("10.0.0.0/30"), ip("10.0.0.1"), out) == 1 && range_is(out[0], "10.0.0.2", "10.0.0.2"));
    check(ip_net_pools(net("10.0.0.0/31"), ip("10.0.0.1"), out) == 1 && range_is(out[0], "10.0.0.0", "10.0.0.0"));
    check(ip_net_pools(net("10.0.0.5/32"), ip("10.0.0.5"), out) == 1 && range_is(out[0], "10.0.0.5", "10.0.0.5"));
    check(ip_net_pools(net("2001:db8::/64"), ip("2001:db8::1"), out) == 1);
    check(range_is(out[0], "2001:db8::2", "2001:db8::ffff:ffff:ffff:ffff"));
    check(ip_net_pools(net("2001:db8::/127"), ip("2001:db8::1"), out) == 0);
}

TEST(ranges_are_walked_to_their_last_address) {
    int count = 0;

    for (IP_EACH(each, range("255.255.255.250", "255.255.255.255"))) {
        check(ip_is_multicast(each) == false && each.family == 4);
        count++;
    }
    check(count == 6);
}

TEST(addresses_are_made_from_ethernet_addresses) {
    struct ip value;

    check(ip_from_mac(net("2001:db8::/64"), mac("fa:16:3e:01:02:03"), &value));
    check(prints(value, "2001:db8::f816:3eff:fe01:203") && ip_is_eui64(value));
    check(!ip_from_mac(net("2001:db8::/65"), mac("fa:16:3e:01:02:03"), &value));
    check(!ip_from_mac(net("10.0.0.0/24"), mac("fa:16:3e:01:02:03"), &value));
    check(!ip_is_eui64(ip("2001:db8::1")) && !ip_is_eui64(ip("10.0.0.1")));
}

TEST(ethernet_addresses_are_read_and_printed) {
    static const char *const bad[] = {"", "fa:16:3e:01:02", "fa:16:3e:01:02:0g", "fa:16:3e:01:02-03",
        "fa.16.3e.01.02.03",
                                      "fa:16:3e:01:02:03:04", "fa163e01020", " a:16:3e:01:02:03", "fa163e0102030405 "};
    char text[MAC_TEXT_SIZE];
    struct mac value;

    check(strcmp(mac_print(mac("FA:16:3E:0a:0B:ff"), text), "fa:16:3e:0a:0b:ff") == 0);
    check(mac_equal(mac("fa-16-3e-0a-0b-ff"), mac("fa163e0a0bff")));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check(!mac_parse(bad[i], &value));
    }
    check(mac_is_unicast(mac("fa:16:3e:00:00:00")) && !mac_is_unicast(mac("01:00:5e:00:00:01")));
    check(!mac_is_unicast(mac("00:00:00:00:00:00")) && !mac_is_unicast(mac("ff:ff:ff:ff:ff:ff")));
}

TEST(random_ethernet_addresses_keep_the_base) {
    struct mac a = mac_random(mac(MAC_BASE_DEFAULT)), b = mac_random(mac(MAC_BASE_DEFAULT));
    struct mac four = mac_random(mac("fa:16:3e:4f:00:00"));

    check(memcmp(a.bytes, "\xfa\x16\x3e", 3) == 0 && mac_is_unicast(a));
    check(memcmp(four.bytes, "\xfa\x16\x3e\x4f", 4) == 0);
    check(!mac_equal(a, b) || !mac_equal(a, mac_random(mac(MAC_BASE_DEFAULT))));
}
