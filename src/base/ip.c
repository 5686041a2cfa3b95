/* SPDX-License-Identifier: Apache-2.0
 * Addresses and networks; ranges are in ip_range.c. Arithmetic is done on the address as one 128-bit number. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef unsigned __int128 number;

static size_t size_of(struct ip ip) {
    return ip.family == 4 ? 4 : ip.family == 6 ? 16 : 0;
}

static number number_of(struct ip ip) {
    number value = 0;

    for (size_t i = 0; i < size_of(ip); i++) {
        value = value << 8 | ip.bytes[i];
    }
    return value;
}

static struct ip ip_of(int family, number value) {
    struct ip ip = {.family = (uint8_t)family};

    for (size_t i = size_of(ip); i-- > 0; value >>= 8) {
        ip.bytes[i] = (uint8_t)value;
    }
    return ip;
}

/* The bits after the prefix, all set. */
static number host_bits(struct ip_net net) {
    int bits = ip_bits(net.ip) - net.length;

    assert(bits >= 0);
    return bits == 128 ? ~(number)0 : ((number)1 << bits) - 1;
}

bool ip_parse(const char *text, struct ip *ret_ip) {
    struct ip ip = {.family = strchr(text, ':') ? 6 : 4};

    if (inet_pton(ip.family == 4 ? AF_INET : AF_INET6, text, ip.bytes) != 1) {
        return false;
    }
    *ret_ip = ip;
    return true;
}

char *ip_print(struct ip ip, char *text) {
    text[0] = 0;
    if (ip.family) {
        inet_ntop(ip.family == 4 ? AF_INET : AF_INET6, ip.bytes, text, IP_TEXT_SIZE);
    }
    return text;
}

char *ip_key(struct ip ip, char *key) {
    char *at = key;

    *at++ = (char)('0' + ip.family);
    for (size_t i = 0; i < size_of(ip); i++, at += 2) {
        snprintf(at, 3, "%02x", ip.bytes[i]);
    }
    *at = 0;
    return key;
}

bool ip_key_parse(const char *key, struct ip *ret_ip) {
    struct ip ip = {.family = (uint8_t)(key[0] - '0')};

    if (!size_of(ip) || strlen(key) != 1 + 2 * size_of(ip)) {
        return false;
    }
    for (size_t i = 0; i < size_of(ip); i++) {
        unsigned byte;

        if (strspn(key + 1 + 2 * i, "0123456789abcdef") < 2 || sscanf(key + 1 + 2 * i, "%2x", &byte) != 1) {
            return false;
        }
        ip.bytes[i] = (uint8_t)byte;
    }
    *ret_ip = ip;
    return true;
}

int ip_compare(struct ip a, struct ip b) {
    return a.family != b.family ? a.family - b.family : memcmp(a.bytes, b.bytes, sizeof a.bytes);
}

bool ip_equal(struct ip a, struct ip b) {
    return ip_compare(a, b) == 0;
}

bool ip_add(struct ip ip, int64_t offset, struct ip *ret_ip) {
    number all = host_bits((struct ip_net){ip, 0}), value = number_of(ip);
    number size = offset < 0 ? -(number)offset : (number)offset;

    if (offset < 0 ? size > value : size > all - value) {
        return false;
    }
    *ret_ip = ip_of(ip.family, offset < 0 ? value - size : value + size);
    return true;
}

struct ip ip_after(struct ip ip, struct ip last) {
    struct ip next;

    return !ip_equal(ip, last) && ip_add(ip, 1, &next) ? next : (struct ip){0};
}

int ip_bits(struct ip ip) {
    assert(size_of(ip));
    return (int)size_of(ip) * 8;
}

bool ip_is_unspecified(struct ip ip) {
    return number_of(ip) == 0;
}

bool ip_is_loopback(struct ip ip) {
    return ip.family == 4 ? ip.bytes[0] == 127 : number_of(ip) == 1;
}

bool ip_is_multicast(struct ip ip) {
    return ip.family == 4 ? ip.bytes[0] >> 4 == 14 : ip.bytes[0] == 0xff;
}

bool ip_is_link_local(struct ip ip) {
    return ip.family == 4 ? ip.bytes[0] == 169 && ip.bytes[1] == 254
                          : ip.bytes[0] == 0xfe && (ip.bytes[1] & 0xc0) == 0x80;
}

bool ip_from_mac(struct ip_net net, struct mac mac, struct ip *ret_ip) {
    struct ip ip = ip_net_first(net);
    const uint8_t *m = mac.bytes;

    if (ip.family != 6 || net.length > 64) {
        return false;
    }
    memcpy(ip.bytes + 8, (uint8_t[]){m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}, 8);
    *ret_ip = ip;
    return true;
}

bool ip_is_eui64(struct ip ip) {
    return ip.family == 6 && ip.bytes[11] == 0xff && ip.bytes[12] == 0xfe;
}

/* Decimal digits without sign or leading zeros, up to 'most'; -1 when it is not. */
static int parse_length(const char *text, int most) {
    size_t digits = strspn(text, "0123456789");
    int value = 0;

    if (digits == 0 || digits > 3 || text[digits] || (digits > 1 && text[0] == '0')) {
        return -1;
    }
    for (; *text; text++) {
        value = value * 10 + (*text - '0');
    }
    return value <= most ? value : -1;
}

static bool parse_net(const char *text, bool bare_allowed, struct ip_net *ret_net) {
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    char address[IP_TEXT_SIZE];
    struct ip ip;
    int length;

    if ((!slash && !bare_allowed) || size >= sizeof address) {
        return false;
    }
    memcpy(address, text, size);
    address[size] = 0;
    if (!ip_parse(address, &ip)) {
        return false;
    }
    length = slash ? parse_length(slash + 1, ip_bits(ip)) : ip_bits(ip);
    if (length < 0) {
        return false;
    }
    *ret_net = (struct ip_net){ip, (uint8_t)length};
    return true;
}

bool ip_net_parse(const char *text, struct ip_net *ret_net) {
    return parse_net(text, false, ret_net);
}

bool ip_net_parse_host(const char *text, struct ip_net *ret_net) {
    return parse_net(text, true, ret_net);
}

char *ip_net_print(struct ip_net net, char *text) {
    size_t size = strlen(ip_print(net.ip, text));

    if (size) {
        snprintf(text + size, IP_NET_TEXT_SIZE - size, "/%d", net.length);
    }
    return text;
}

struct ip_net ip_net_masked(struct ip_net net) {
    return (struct ip_net){ip_net_first(net), net.length};
}

struct ip ip_net_mask(struct ip_net net) {
    return ip_of(net.ip.family, ~host_bits(net));
}

struct ip ip_net_first(struct ip_net net) {
    return ip_of(net.ip.family, number_of(net.ip) & ~host_bits(net));
}

struct ip ip_net_last(struct ip_net net) {
    return ip_of(net.ip.family, number_of(net.ip) | host_bits(net));
}

bool ip_net_equal(struct ip_net a, struct ip_net b) {
    return a.length == b.length && ip_equal(ip_net_first(a), ip_net_first(b));
}

bool ip_net_contains(struct ip_net net, struct ip ip) {
    return ip.family == net.ip.family && ((number_of(ip) ^ number_of(net.ip)) & ~host_bits(net)) == 0;
}

bool ip_net_holds(struct ip_net outer, struct ip_net inner) {
    return inner.length >= outer.length && ip_net_contains(outer, inner.ip);
}

bool ip_net_overlaps(struct ip_net a, struct ip_net b) {
    return ip_net_holds(a, b) || ip_net_holds(b, a);
}

bool ip_net_next(struct ip_net net, struct ip_net *ret_next) {
    struct ip first;

    if (!ip_add(ip_net_last(net), 1, &first)) {
        return false;
    }
    *ret_next = (struct ip_net){first, net.length};
    return true;
}

bool ip_net_halves(struct ip_net net, struct ip_net ret_halves[2]) {
    struct ip_net low = {ip_net_first(net), (uint8_t)(net.length + 1)};

    if (net.length == ip_bits(net.ip)) {
        return false;
    }
    ret_halves[0] = low;
    return ip_net_next(low, &ret_halves[1]);
}

/* Looks in 'block' for a free block better than *best, which is *best_length bits long (-1: none found so far).
 * Visits only blocks that are partly used, so its cost is bounded by used networks times bits. */
static void find_best(struct ip_net block, const struct ip_net *used, size_t used_count, int length,
                      struct ip_net *best, int *best_length) {
    struct ip_net halves[2];
    bool overlaps = false;

    for (size_t i = 0; i < used_count; i++) {
        if (ip_net_holds(used[i], block)) {
            return;
        }
        overlaps = overlaps || ip_net_holds(block, used[i]);
    }
    if (!overlaps) {
        if (block.length > *best_length || (block.length == *best_length && ip_compare(block.ip, best->ip) < 0)) {
            *best = block;
            *best_length = block.length;
        }
    } else if (block.length < length && ip_net_halves(block, halves)) {
        find_best(halves[0], used, used_count, length, best, best_length);
        find_best(halves[1], used, used_count, length, best, best_length);
    }
}

bool ip_nets_find_free(const struct ip_net *pool, size_t pool_count, const struct ip_net *used, size_t used_count,
                       int length, struct ip_net *ret_net) {
    struct ip_net best = {0};
    int best_length = -1;

    for (size_t i = 0; i < pool_count; i++) {
        if (pool[i].length <= length && length <= ip_bits(pool[i].ip)) {
            find_best(ip_net_masked(pool[i]), used, used_count, length, &best, &best_length);
        }
    }
    if (best_length < 0) {
        return false;
    }
    *ret_net = (struct ip_net){best.ip, (uint8_t)length};
    return true;
}
