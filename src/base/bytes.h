/* SPDX-License-Identifier: Apache-2.0
 * What texts are as bytes: their order, and whether they are plain. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Less than, equal to or more than 0, as 'a' is before, the same as or behind 'b'; of two that begin alike the shorter one
 * is before. */
static inline int bytes_compare(const char *a, size_t a_size, const char *b, size_t b_size) {
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return order ? order : a_size < b_size ? -1 : a_size > b_size;
}

/* Not zero when one of eight bytes is no printable ASCII character. */
static inline uint64_t bytes_not_plain(const char *text) {
    const uint64_t each = 0x0101010101010101ULL;
    uint64_t word;

    memcpy(&word, text, sizeof word);
    return (word | (word - each * 0x20) | (word + each)) & each * 0x80;
}

/* True when all bytes are printable ASCII characters. */
static inline bool bytes_are_plain(const char *text, size_t size) {
    size_t at = 0;

    for (; size - at >= 8; at += 8) {
        if (bytes_not_plain(text + at)) {
            return false;
        }
    }
    if (size >= 8) {
        return at == size || !bytes_not_plain(text + size - 8);
    }
    while (at < size && text[at] >= 0x20 && text[at] < 0x7f) {
        at++;
    }
    return at == size;
}
