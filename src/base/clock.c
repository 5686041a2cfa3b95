/* SPDX-License-Identifier: Apache-2.0
 * Clocks, and times as text. */
#include "base/clock.h"

#include <stdatomic.h>
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

/* The last 'digits' digits of a number, then 'after'. Returns where the text goes on. */
static char *put_part(char *at, int value, int digits, char after) {
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    at[digits] = after;
    return at + digits + 1;
}

char *time_print(int64_t time, enum time_format format, char *text) {
    int64_t second = time / SECOND - (time % SECOND < 0);
    bool micro = format == TIME_MICRO || format == TIME_MICRO_Z, zone = format == TIME_Z || format == TIME_MICRO_Z;
    time_t whole = (time_t)second;
    char *at = text;
    struct tm tm;

    gmtime_r(&whole, &tm);
    if (format == TIME_HTTP) {
        strftime(text, TIME_TEXT_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        return text;
    }
    at = put_part(at, tm.tm_year + 1900, 4, '-');
    at = put_part(at, tm.tm_mon + 1, 2, '-');
    at = put_part(at, tm.tm_mday, 2, format == TIME_SPACE ? ' ' : 'T');
    at = put_part(at, tm.tm_hour, 2, ':');
    at = put_part(at, tm.tm_min, 2, ':');
    at = put_part(at, tm.tm_sec, 2, micro ? '.' : zone ? 'Z' : 0);
    if (micro) {
        at = put_part(at, (int)(time - second * SECOND), 6, zone ? 'Z' : 0);
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
