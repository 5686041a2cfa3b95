/* SPDX-License-Identifier: Apache-2.0
 * Clocks, and times as text. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Atomic int64_t shift;

static int64_t read_clock(clockid_t id) {
    struct timespec now;

    clock_gettime(id, &now);
    return now.tv_sec * SECOND + now.tv_nsec / 1000;
}

int64_t clock_now(void) {
    return read_clock(CLOCK_REALTIME) + shift;
}

int64_t clock_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}

void clock_shift(int64_t offset) {
    shift += offset;
}

static char *put_two(char *to, unsigned value) {
    to[0] = (char)('0' + value / 10);
    to[1] = (char)('0' + value % 10);
    return to + 2;
}

/* The day of lists is mostly the same one, so it is kept. */
static void print_day(int64_t day, char text[10]) {
    static _Thread_local int64_t kept_day = INT64_MIN;
    static _Thread_local char kept[11];

    if (day != kept_day) {
        time_t second = (time_t)(day * 86400);
        struct tm tm;

        gmtime_r(&second, &tm);
        put_two(put_two(kept, (unsigned)(tm.tm_year + 1900) / 100), (unsigned)(tm.tm_year + 1900) % 100);
        put_two(kept + 5, (unsigned)tm.tm_mon + 1);
        put_two(kept + 8, (unsigned)tm.tm_mday);
        kept[4] = kept[7] = '-';
        kept_day = day;
    }
    memcpy(text, kept, 10);
}

char *time_print(int64_t time, enum time_format format, char *text) {
    int64_t second = time / SECOND - (time % SECOND < 0), day = second / 86400 - (second % 86400 < 0);
    unsigned rest = (unsigned)(second - day * 86400);
    char *at = text + 10;

    if (format == TIME_HTTP || day < -719528 || day > 2932896) {     /* outside of the years 0 to 9999 */
        time_t whole = (time_t)second;
        struct tm tm;

        gmtime_r(&whole, &tm);
        strftime(text, TIME_TEXT_SIZE, format == TIME_HTTP ? "%a, %d %b %Y %H:%M:%S GMT" : "%Y-%m-%dT%H:%M:%S", &tm);
        return text;
    }
    print_day(day, text);
    *at++ = format == TIME_SPACE ? ' ' : 'T';
    at = put_two(at, rest / 3600);
    *at++ = ':';
    at = put_two(at, rest / 60 % 60);
    *at++ = ':';
    at = put_two(at, rest % 60);
    if (format == TIME_MICRO || format == TIME_MICRO_Z) {
        unsigned micro = (unsigned)(time - second * SECOND);

        *at++ = '.';
        at = put_two(put_two(put_two(at, micro / 10000), micro / 100 % 100), micro % 100);
    }
    if (format == TIME_Z || format == TIME_MICRO_Z) {
        *at++ = 'Z';
    }
    *at = 0;
    return text;
}

/* Reads exactly 'digits' digits with a value from 'least' to 'most'. */
static bool read_part(const char **at, int digits, int least, int most, int *ret) {
    int value = 0;

    for (int i = 0; i < digits; i++, ++*at) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        value = value * 10 + (**at - '0');
    }
    *ret = value;
    return value >= least && value <= most;
}

static bool read_mark(const char **at, char mark) {
    if (**at != mark) {
        return false;
    }
    ++*at;
    return true;
}

static bool read_clock_part(const char **at, struct tm *tm, int64_t *ret_micro) {
    int64_t unit = SECOND;

    if (!read_part(at, 2, 0, 23, &tm->tm_hour) || !read_mark(at, ':') || !read_part(at, 2, 0, 59, &tm->tm_min)) {
        return false;
    }
    if (!read_mark(at, ':')) {
        return true;
    }
    if (!read_part(at, 2, 0, 60, &tm->tm_sec)) {
        return false;
    }
    if (**at == '.' || **at == ',') {
        const char *digits = ++*at;

        for (; **at >= '0' && **at <= '9'; ++*at) {
            unit /= 10;
            *ret_micro += (**at - '0') * unit;
        }
        return *at > digits;
    }
    return true;
}

static bool read_offset(const char **at, int *ret_minutes) {
    int sign = **at == '-' ? -1 : 1, hours = 0, minutes = 0;

    *ret_minutes = 0;
    if (**at == 'Z' || **at == 'z') {
        ++*at;
        return true;
    }
    if (**at != '+' && **at != '-') {
        return true;
    }
    ++*at;
    if (!read_part(at, 2, 0, 23, &hours)) {
        return false;
    }
    if ((read_mark(at, ':') || **at) && !read_part(at, 2, 0, 59, &minutes)) {
        return false;
    }
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool time_parse(const char *text, int64_t *ret_time) {
    struct tm tm = {0};
    int64_t micro = 0;
    int offset = 0;

    if (!read_part(&text, 4, 1, 9999, &tm.tm_year) || !read_mark(&text, '-') ||
        !read_part(&text, 2, 1, 12, &tm.tm_mon) || !read_mark(&text, '-') || !read_part(&text, 2, 1, 31, &tm.tm_mday)) {
        return false;
    }
    if (*text == 'T' || *text == ' ') {
        text++;
        if (!read_clock_part(&text, &tm, &micro)) {
            return false;
        }
    }
    if (!read_offset(&text, &offset) || *text) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;

    int day = tm.tm_mday;
    int64_t whole = timegm(&tm);

    if (tm.tm_mday != day) {
        return false;
    }
    *ret_time = (whole - offset * 60LL) * SECOND + micro;
    return true;
}
