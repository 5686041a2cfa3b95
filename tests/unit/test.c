/* SPDX-License-Identifier: Apache-2.0
 * Runs the registered tests: all, or those whose name or file contains one of the arguments. The last line is
 * "N passed, N failed". */
#include "test.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"

static struct test *tests, **last = &tests;
static unsigned failures;               /* of the running test */
static const char *skipped;
static char directory[64];
static _Thread_local const char *context;

void test_register(struct test *test) {
    *last = test;
    last = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...) {
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
    printf("  %s:%d: %s%s%s\n", file, line, context ? context : "", context ? ": " : "", text);
}

unsigned test_failures(void) {
    return __atomic_load_n(&failures, __ATOMIC_RELAXED);
}

void test_skip(const char *reason) {
    skipped = reason;
}

void test_context(const char *text) {
    context = text;
}

const char *test_directory(void) {
    if (!directory[0]) {
        snprintf(directory, sizeof directory, "/tmp/haneul-unit-XXXXXX");
        if (!mkdtemp(directory)) {
            perror(directory);
            exit(1);
        }
    }
    return directory;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
    return remove(path);
}

static void remove_directory(void) {
    if (directory[0]) {
        nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        directory[0] = 0;
    }
}

bool test_text_is(const char *file, int line, const char *got, const char *want) {
    bool same = got && want ? !strcmp(got, want) : got == want;

    if (!same) {
        test_fail(file, line, "got '%s', want '%s'", got ? got : "(null)", want ? want : "(null)");
    }
    return same;
}

bool test_int_is(const char *file, int line, int64_t got, int64_t want) {
    if (got != want) {
        test_fail(file, line, "got %lld, want %lld", (long long)got, (long long)want);
    }
    return got == want;
}

static bool chosen(const struct test *test, char **filters) {
    for (char **at = filters; *at; at++) {
        if (strstr(test->name, *at) || strstr(test->file, *at)) {
            return true;
        }
    }
    return !*filters;
}

static double seconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    unsigned passed = 0, failed = 0, skips = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("HANEUL_LIBRARY_FAIL_AT", "count", 0);       /* for test_allocations.c, before anybody has asked */
    crash_begin();
    for (struct test *test = tests; test; test = test->next) {
        double start = seconds();

        if (!chosen(test, argv + 1)) {
            continue;
        }
        failures = 0;
        skipped = NULL;
        test->run();
        test_context(NULL);
        remove_directory();
        if (failures) {
            failed++;
        } else if (skipped) {
            skips++;
        } else {
            passed++;
        }
        printf("%s %s (%.0f ms)%s%s\n", failures ? "FAIL" : skipped ? "SKIP" : "ok  ", test->name,
               (seconds() - start) * 1000, skipped ? ": " : "", skipped ? skipped : "");
    }
    if (skips) {
        printf("%u SKIPPED: what they test was NOT tested\n", skips);
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !(passed + skips) ? 1 : 0;
}
