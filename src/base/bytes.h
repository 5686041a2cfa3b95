/* SPDX-License-Identifier: Apache-2.0
 * The order of names that are bytes. */
#pragma once
#include <stddef.h>
#include <string.h>

/* Less than, equal to or more than 0, as 'a' is before, the same as or behind 'b'; of two that begin alike the shorter one
 * is before. */
static inline int bytes_compare(const char *a, size_t a_size, const char *b, size_t b_size) {
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return order ? order : a_size < b_size ? -1 : a_size > b_size;
}
