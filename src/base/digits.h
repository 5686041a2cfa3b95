/* SPDX-License-Identifier: Apache-2.0
 * Numbers as decimal digits, without the cost of printf. */
#pragma once
#include <string.h>

/* Writes the two digits of a value from 0 to 99; returns where they end. */
static inline char *put_two_digits(char *to, unsigned value) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
                                "49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
                                "9899";

    memcpy(to, pairs + (size_t)2 * value, 2);
    return to + 2;
}

enum { MAX_DIGITS = 20 };           /* of 64 bits, with a sign */

/* Writes up to MAX_DIGITS bytes; returns where they end. */
static inline char *put_digits(char *to, long long value) {
    unsigned long long rest = value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    int count = 1;
    char *at;

    if (value < 0) {
        *to++ = '-';
    }
    for (unsigned long long bound = 10; count < MAX_DIGITS - 1 && rest >= bound; bound *= 10) {
        count++;
    }
    for (at = to + count; at - to >= 2; rest /= 100) {
        at -= 2;
        put_two_digits(at, (unsigned)(rest % 100));
    }
    if (at > to) {
        *to = (char)('0' + rest);
    }
    return to + count;
}
