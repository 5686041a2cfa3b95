/* SPDX-License-Identifier: Apache-2.0
 * Ranges of addresses: allocation pools and what is left of them. */
#include "base/ip.h"

#include <assert.h>
#include <string.h>

static struct ip later(struct ip a, struct ip b) {
    return ip_compare(a, b) < 0 ? b : a;
}

static struct ip earlier(struct ip a, struct ip b) {
    return ip_compare(a, b) < 0 ? a : b;
}

/* The neighbour of an address that is known to have one. */
static struct ip neighbour(struct ip ip, int offset) {
    struct ip next = ip;
    bool found = ip_add(ip, offset, &next);

    assert(found);
    return next;
}

struct ip_range ip_net_range(struct ip_net net) {
    return (struct ip_range){ip_net_first(net), ip_net_last(net)};
}

bool ip_range_make(struct ip first, struct ip last, struct ip_range *ret_range) {
    if (!first.family || first.family != last.family || ip_compare(first, last) > 0) {
        return false;
    }
    *ret_range = (struct ip_range){first, last};
    return true;
}

/* The eight bytes at 'at' as a number in network order. */
static uint64_t part(const uint8_t *at) {
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

uint64_t ip_range_count(struct ip_range range) {
    uint64_t high = part(range.last.bytes) - part(range.first.bytes);
    uint64_t low = part(range.last.bytes + 8) - part(range.first.bytes + 8);

    if (range.first.family == 4) {
        return (high >> 32) + 1;
    }
    high -= part(range.last.bytes + 8) < part(range.first.bytes + 8);
    return high || low == UINT64_MAX ? UINT64_MAX : low + 1;
}

bool ip_range_contains(struct ip_range range, struct ip ip) {
    return ip.family == range.first.family && ip_compare(range.first, ip) <= 0 && ip_compare(ip, range.last) <= 0;
}

bool ip_range_holds(struct ip_range outer, struct ip_range inner) {
    return ip_range_contains(outer, inner.first) && ip_range_contains(outer, inner.last);
}

bool ip_range_overlaps(struct ip_range a, struct ip_range b) {
    struct ip_range both;

    return ip_range_intersect(a, b, &both);
}

bool ip_range_intersect(struct ip_range a, struct ip_range b, struct ip_range *ret_range) {
    return a.first.family == b.first.family &&
           ip_range_make(later(a.first, b.first), earlier(a.last, b.last), ret_range);
}

int ip_range_minus(struct ip_range range, struct ip ip, struct ip_range ret_ranges[2]) {
    int count = 0;

    if (!ip_range_contains(range, ip)) {
        ret_ranges[0] = range;
        return 1;
    }
    if (!ip_equal(range.first, ip)) {
        ret_ranges[count++] = (struct ip_range){range.first, neighbour(ip, -1)};
    }
    if (!ip_equal(range.last, ip)) {
        ret_ranges[count++] = (struct ip_range){neighbour(ip, 1), range.last};
    }
    return count;
}

int ip_net_pools(struct ip_net net, struct ip gateway, struct ip_range ret_pools[2]) {
    struct ip_range pool = ip_net_range(net);

    if (ip_equal(pool.first, pool.last)) {
        ret_pools[0] = pool;
        return 1;
    }
    if (net.ip.family == 6 || net.length <= 30) {
        pool.first = neighbour(pool.first, 1);
    }
    if (net.ip.family == 4 && net.length <= 30) {
        pool.last = neighbour(pool.last, -1);
    }
    return ip_range_minus(pool, gateway, ret_pools);
}
