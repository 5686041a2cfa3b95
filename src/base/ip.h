/* SPDX-License-Identifier: Apache-2.0
 * IPv4 and IPv6 addresses, networks and ranges: reading, writing, order and arithmetic.
 *
 * All are small values, passed and returned as such. Nothing here allocates or fails on memory. A value of family 0 is
 * "no address"; no function but ip_equal, ip_compare and the printing ones takes it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mac.h"

enum { IP_TEXT_SIZE = 46, IP_NET_TEXT_SIZE = 50, IP_KEY_SIZE = 34 };    /* with the NUL */

struct ip {
    uint8_t family;         /* 4, 6, or 0: none */
    uint8_t bytes[16];      /* network order; IPv4 uses the first four, the others are zero */
};

/* An address with the length of its prefix in bits. Bits after the prefix may be set: see ip_net_masked. */
struct ip_net {
    struct ip ip;
    uint8_t length;
};

/* All addresses from first to last, both included, of one family. */
struct ip_range {
    struct ip first, last;
};

/* Parses an address of either family. Four decimal octets without leading zeros (RFC 6943 section 3.1.1 tells why not),
 * or RFC 4291 section 2.2 text without a zone. False when it is neither. */
bool ip_parse(const char *text, struct ip *ret_ip);

/* Writes the canonical text (IPv6 as RFC 5952) into 'text' of IP_TEXT_SIZE bytes and returns it; "" for no address. */
char *ip_print(struct ip ip, char *text);

/* Writes a text key into 'key' of IP_KEY_SIZE bytes and returns it: the digit of the family and the address in
 * hexadecimal digits. Keys sort in SQL as the addresses do. */
char *ip_key(struct ip ip, char *key);

/* Reads what ip_key wrote; false when it did not. */
bool ip_key_parse(const char *key, struct ip *ret_ip);

/* Below, at or above zero as 'a' comes before, is, or comes after 'b'. IPv4 comes before IPv6. */
int ip_compare(struct ip a, struct ip b);
bool ip_equal(struct ip a, struct ip b);

/* The address 'offset' after 'ip' (before it when negative). False when that leaves the family's addresses. */
bool ip_add(struct ip ip, int64_t offset, struct ip *ret_ip);

/* 32 or 128. */
int ip_bits(struct ip ip);

bool ip_is_unspecified(struct ip ip);   /* 0.0.0.0, :: */
bool ip_is_loopback(struct ip ip);      /* 127.0.0.0/8, ::1 */
bool ip_is_multicast(struct ip ip);     /* 224.0.0.0/4, ff00::/8 */
bool ip_is_link_local(struct ip ip);    /* 169.254.0.0/16, fe80::/10 */

/* The address a host with 'mac' gives itself in 'net' (RFC 4291 appendix A, modified EUI-64). False when 'net' is not
 * IPv6 or its prefix is longer than 64 bits. */
bool ip_from_mac(struct ip_net net, struct mac mac, struct ip *ret_ip);

/* True when the lower 64 bits of an IPv6 address look like made from a MAC address. */
bool ip_is_eui64(struct ip ip);

/* Parses "address/length". False when it is not; a bare address and a dotted netmask are not. */
bool ip_net_parse(const char *text, struct ip_net *ret_net);

/* The same, but a bare address is the network of that one address, as security group rules and address pairs allow. */
bool ip_net_parse_host(const char *text, struct ip_net *ret_net);

/* Writes "address/length" into 'text' of IP_NET_TEXT_SIZE bytes and returns it. */
char *ip_net_print(struct ip_net net, char *text);

/* The network without the bits after its prefix: 10.0.0.5/24 gives 10.0.0.0/24. */
struct ip_net ip_net_masked(struct ip_net net);

struct ip ip_net_mask(struct ip_net net);       /* 255.255.255.0 */
struct ip ip_net_first(struct ip_net net);      /* the network address */
struct ip ip_net_last(struct ip_net net);       /* IPv4: the broadcast address */
struct ip_range ip_net_range(struct ip_net net);

bool ip_net_equal(struct ip_net a, struct ip_net b);            /* the same addresses */
bool ip_net_contains(struct ip_net net, struct ip ip);
bool ip_net_holds(struct ip_net outer, struct ip_net inner);    /* every address of inner is in outer */
bool ip_net_overlaps(struct ip_net a, struct ip_net b);

/* The network of the same length right after 'net'. False when there is none. */
bool ip_net_next(struct ip_net net, struct ip_net *ret_next);

/* The two networks one bit longer that make up 'net'. False when it is a single address. */
bool ip_net_halves(struct ip_net net, struct ip_net ret_halves[2]);

/* Finds a network of 'length' bits in 'pool' of 'pool_count' networks that overlaps none of 'used': the first in the
 * smallest free block that is large enough, the lowest of equals, so that large blocks stay whole. False when all is
 * taken. As Neutron's subnet pools choose. */
bool ip_nets_find_free(const struct ip_net *pool, size_t pool_count, const struct ip_net *used, size_t used_count,
                       int length, struct ip_net *ret_net);

/* False when the families differ or last comes before first. */
bool ip_range_make(struct ip first, struct ip last, struct ip_range *ret_range);

uint64_t ip_range_count(struct ip_range range);     /* addresses; UINT64_MAX when there are more */
bool ip_range_contains(struct ip_range range, struct ip ip);
bool ip_range_holds(struct ip_range outer, struct ip_range inner);
bool ip_range_overlaps(struct ip_range a, struct ip_range b);

/* The addresses in both. False when there are none. */
bool ip_range_intersect(struct ip_range a, struct ip_range b, struct ip_range *ret_range);

/* 'range' without 'ip': returns how many ranges are left (0 to 2) and puts them, in order, into ret_ranges. */
int ip_range_minus(struct ip_range range, struct ip ip, struct ip_range ret_ranges[2]);

/* The allocation pools a subnet gets when none are given: its addresses without network and broadcast address (IPv6:
 * without the first one) and without 'gateway', which may be none or elsewhere. An IPv4 /31 keeps both (RFC 3021), a
 * network of one address keeps it, gateway or not. Returns the number of pools, 0 to 2. As Neutron computes them. */
int ip_net_pools(struct ip_net net, struct ip gateway, struct ip_range ret_pools[2]);

/* Walks addresses: for (IP_EACH(ip, range)) */
#define IP_EACH(IP, RANGE) \
    struct ip IP = (RANGE).first, IP##_last = (RANGE).last; IP.family; IP = ip_after(IP, IP##_last)

/* The address after 'ip', or none when 'ip' is 'last'. */
struct ip ip_after(struct ip ip, struct ip last);
