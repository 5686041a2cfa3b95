/* SPDX-License-Identifier: Apache-2.0
 * Time, reached through one seam. Wall-clock times are microseconds since 1970 UTC in an int64_t; 0 means none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND 1000000LL

int64_t clock_now(void);        /* wall clock, microseconds */
int64_t clock_monotonic(void);  /* never goes back, microseconds */

/* Tests move the wall clock by 'offset' microseconds. */
void clock_shift(int64_t offset);

enum time_format {
    TIME_Z,             /* 2026-01-31T10:20:30Z             nova, glance, neutron */
    TIME_MICRO,         /* 2026-01-31T10:20:30.123456       cinder, nova extended */
    TIME_MICRO_Z,       /* 2026-01-31T10:20:30.123456Z      keystone */
    TIME_PLAIN,         /* 2026-01-31T10:20:30 */
    TIME_SPACE,         /* 2026-01-31 10:20:30 */
    TIME_HTTP,          /* Sat, 31 Jan 2026 10:20:30 GMT    RFC 9110 */
};

enum { TIME_TEXT_SIZE = 40 };

/* Writes 'time' into 'text' (TIME_TEXT_SIZE bytes) and returns it. */
char *time_print(int64_t time, enum time_format format, char *text);
/* The same, but returns where the text ends. */
char *time_put(int64_t time, enum time_format format, char *text);

/* Parses ISO 8601 with optional fraction, 'Z' or offset; a missing offset is UTC; 'T' may be a space; a date alone is
 * its midnight. False when it is not a time. */
bool time_parse(const char *text, int64_t *ret_time);
