/* SPDX-License-Identifier: Apache-2.0
 * Unit tests: TEST(a_sentence_as_name) { check(...); } anywhere in tests/unit/ and it runs. A failed check is printed
 * and the test goes on. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct test {
    const char *name, *file;
    void (*run)(void);
    struct test *next;
};

void test_register(struct test *test);
void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Checks that failed in the running test so far. */
unsigned test_failures(void);

/* The running test does not count as passed: the reason is printed. */
void test_skip(const char *reason);

/* What failures of this thread are preceded with, such as the database in use; null for nothing. */
void test_context(const char *context);

/* A directory of the running test, removed with what is in it when the test ends. */
const char *test_directory(void);

#define TEST(NAME) \
    static void test_##NAME(void); \
    __attribute__((constructor)) static void register_##NAME(void) { \
        static struct test test = {.name = #NAME, .file = __FILE__, .run = test_##NAME}; \
        test_register(&test); \
    } \
    static void test_##NAME(void)

#define check(WHAT) \
    do { \
        if (!(WHAT)) { \
            test_fail(__FILE__, __LINE__, "%s", #WHAT); \
        } \
    } while (0)

bool test_text_is(const char *file, int line, const char *got, const char *want);
bool test_int_is(const char *file, int line, int64_t got, int64_t want);

/* Both say what they got. */
#define check_text(GOT, WANT) test_text_is(__FILE__, __LINE__, (GOT), (WANT))
#define check_int(GOT, WANT) test_int_is(__FILE__, __LINE__, (GOT), (WANT))
