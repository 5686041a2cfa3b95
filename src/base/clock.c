/* SPDX-License-Identifier: Apache-2.0
 * Clocks, and times as text. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/digits.h"

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

/* A second as text. Rows of lists share seconds or at least days, and so do the headers of requests: each thread keeps what
 * it printed last. */
struct printed {
    int64_t day, second;
    char date[10];                  /* 2026-01-31 */
    char http_date[17];             /* Sat, 31 Jan 2026 and a space */
    char clock[8];                  /* 10:20:30 */
};
static _Thread_local struct printed kept = {.day = INT64_MIN, .second = INT64_MIN};

static void keep_day(int64_t day) {
    static const char weekdays[] = "Sun, Mon, Tue, Wed, Thu, Fri, Sat, ", months[] = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";
    time_t second = (time_t)(day * 86400);
    struct tm tm;
    unsigned year;
    char *at;

    gmtime_r(&second, &tm);
    year = (unsigned)tm.tm_year + 1900;
    put_two_digits(put_two_digits(kept.date, year / 100), year % 100);
    put_two_digits(kept.date + 5, (unsigned)tm.tm_mon + 1);
    put_two_digits(kept.date + 8, (unsigned)tm.tm_mday);
    kept.date[4] = kept.date[7] = '-';
    at = mempcpy(kept.http_date, weekdays + (size_t)5 * (unsigned)tm.tm_wday, 5);
    at = put_two_digits(at, (unsigned)tm.tm_mday);
    *at++ = ' ';
    at = mempcpy(at, months + (size_t)4 * (unsigned)tm.tm_mon, 4);
    at = mempcpy(at, kept.date, 4);
    *at = ' ';
    kept.day = day;
}

/* False: it is outside of the years 0 to 9999. */
__attribute__((noinline)) static bool keep_second(int64_t second) {
    int64_t day = second / 86400 - (second % 86400 < 0);
    unsigned rest = (unsigned)(second - day * 86400);
    char *at;

    if (day < -719528 || day > 2932896) {
        return false;
    }
    if (kept.day != day) {
        keep_day(day);
    }
    at = put_two_digits(kept.clock, rest / 3600);
    *at++ = ':';
    at = put_two_digits(at, rest / 60 % 60);
    *at++ = ':';
    put_two_digits(at, rest % 60);
    kept.second = second;
    return true;
}

__attribute__((noinline)) static char *put_far(int64_t second, enum time_format format, char *text) {
    time_t whole = (time_t)second;
    struct tm tm;

    gmtime_r(&whole, &tm);
    return text + strftime(text, TIME_TEXT_SIZE, format == TIME_HTTP ? "%a, %d %b %Y %H:%M:%S GMT" : "%Y-%m-%dT%H:%M:%S", &tm);
}

char *time_put(int64_t time, enum time_format format, char *text) {
    int64_t second = time / SECOND - (time % SECOND < 0);
    char *at;

    if (second != kept.second && !keep_second(second)) {
        return put_far(second, format, text);
    }
    if (format == TIME_HTTP) {
        at = mempcpy(text, kept.http_date, sizeof kept.http_date);
        at = mempcpy(at, kept.clock, sizeof kept.clock);
        return (char *)mempcpy(at, " GMT", 5) - 1;
    }
    at = mempcpy(text, kept.date, sizeof kept.date);
    *at++ = format == TIME_SPACE ? ' ' : 'T';
    at = mempcpy(at, kept.clock, sizeof kept.clock);
    if (format == TIME_MICRO || format == TIME_MICRO_Z) {
        unsigned micro = (unsigned)(time - second * SECOND);

        *at++ = '.';
        at = put_two_digits(put_two_digits(put_two_digits(at, micro / 10000), micro / 100 % 100), micro % 100);
    }
    if (format == TIME_Z || format == TIME_MICRO_Z) {
        *at++ = 'Z';
    }
    *at = 0;
    return at;
}

char *time_print(int64_t time, enum time_format format, char *text) {
    time_put(time, format, text);
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
