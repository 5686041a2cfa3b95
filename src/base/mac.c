/* SPDX-License-Identifier: Apache-2.0
 * Ethernet addresses (EUI-48). */
#include "base/mac.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"

static int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool mac_parse(const char *text, struct mac *ret_mac) {
    size_t size = strlen(text);
    size_t step = size == 17 ? 3 : 2;
    struct mac mac;

    if ((size != 17 && size != 12) || (step == 3 && text[2] != ':' && text[2] != '-')) {
        return false;
    }
    for (size_t i = 0; i < sizeof mac.bytes; i++) {
        const char *pair = text + i * step;
        int high = digit_value(pair[0]), low = digit_value(pair[1]);

        if (high < 0 || low < 0 || (step == 3 && i < 5 && pair[2] != text[2])) {
            return false;
        }
        mac.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret_mac = mac;
    return true;
}

char *mac_print(struct mac mac, char *text) {
    const uint8_t *b = mac.bytes;

    snprintf(text, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    return text;
}

bool mac_equal(struct mac a, struct mac b) {
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool mac_is_unicast(struct mac mac) {
    return !(mac.bytes[0] & 1) && !mac_equal(mac, (struct mac){{0}});
}

struct mac mac_random(struct mac base) {
    size_t kept = base.bytes[3] ? 4 : 3;

    random_bytes(base.bytes + kept, sizeof base.bytes - kept);
    return base;
}
