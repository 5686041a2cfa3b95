/* SPDX-License-Identifier: Apache-2.0
 * Ethernet addresses (EUI-48). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { MAC_TEXT_SIZE = 18 };    /* with the NUL */

struct mac {
    uint8_t bytes[6];
};

/* The prefix of addresses we make up, unless configured. Neutron's base_mac default. */
#define MAC_BASE_DEFAULT "fa:16:3e:00:00:00"

/* Parses six pairs of hexadecimal digits parted by ':' or by '-', or twelve digits alone. False when it is neither. */
bool mac_parse(const char *text, struct mac *ret_mac);

/* Writes the address as lower-case pairs parted by ':' into 'text' of MAC_TEXT_SIZE bytes and returns it. */
char *mac_print(struct mac mac, char *text);

bool mac_equal(struct mac a, struct mac b);

/* True for an address one station can own: not a group address (IEEE 802 I/G bit) and not all zero. */
bool mac_is_unicast(struct mac mac);

/* A random address: the first three bytes of 'base', the fourth too unless it is zero, the rest random. */
struct mac mac_random(struct mac base);
