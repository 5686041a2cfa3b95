/* SPDX-License-Identifier: Apache-2.0
 * Patterns and bucket policies: that they are right, and what they cost at most, counted in steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "object_store/s3_policy_doc.h"
#include "test.h"

enum { POLICY = 20 * 1024, KEYS = 1000, KEY_SIZE = 1000, CASES = 200000 };

/* ---- patterns ---- */

static bool fits_slowly(const char *pattern, const char *text) {
    if (*pattern == '*') {
        return fits_slowly(pattern + 1, text) || (*text && fits_slowly(pattern, text + 1));
    }
    return *pattern ? *text && (*pattern == '?' || *pattern == *text) && fits_slowly(pattern + 1, text + 1) : !*text;
}

static unsigned dice(unsigned *state, unsigned sides) {
    *state = *state * 1103515245 + 12345;
    return (*state >> 16) % sides;
}

static void write_random(unsigned *state, const char *letters, size_t most, char *ret) {
    size_t size = dice(state, (unsigned)most);

    for (size_t i = 0; i < size; i++) {
        ret[i] = letters[dice(state, (unsigned)strlen(letters))];
    }
    ret[size] = 0;
}

TEST(patterns_fit_what_they_say) {
    static const struct {
        const char *pattern, *text;
        bool fold, fits;
    } cases[] = {
        {"", "", false, true}, {"", "a", false, false}, {"*", "", false, true}, {"?", "", false, false}, {"**", "", false, true},
        {"a*b", "ab", false, true}, {"a*b", "axxb", false, true}, {"a*b", "axxbc", false, false}, {"ab*ba", "aba", false, false},
        {"*b*", "abc", false, true}, {"*?b*", "bb", false, true}, {"*?b*", "ba", false, false}, {"S3:Get*", "s3:getobject", true, true},
        {"S3:Get*", "s3:getobject", false, false}, {"*GETO?JECT*", "s3:GetObjectAcl", true, true}, {"?", "*", false, true},
        {"\xff*\x80", "\xff\x80", false, true},
    };
    unsigned state = 1;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_context(cases[i].pattern);
        check(s3_glob(cases[i].pattern, cases[i].text, cases[i].fold) == cases[i].fits);
    }
    for (int i = 0; i < CASES; i++) {
        char pattern[12], text[12];

        write_random(&state, "aab?**", sizeof pattern, pattern);
        write_random(&state, "aab", sizeof text, text);
        test_context(pattern);
        check(s3_glob(pattern, text, false) == fits_slowly(pattern, text));
    }
    test_context(NULL);
}

/* Places around the borders of words, in texts of several. */
TEST(patterns_find_what_stands_anywhere_in_a_long_text) {
    char text[400], pattern[400];

    for (size_t size = 1; size < 300; size += 7) {
        for (size_t at = 0; at < size; at++) {
            memset(text, 'a', size);
            text[size] = 0;
            text[at] = 'b';
            check(s3_glob("*b*", text, false));
            check(s3_glob("*ab*", text, false) == (at > 0));
            check(s3_glob("*b?a*", text, false) == (at + 2 < size));
            check(!s3_glob("*bb*", text, false) && !s3_glob("*b*b*", text, false));
            memcpy(pattern + 1, text, size);
            pattern[0] = pattern[size + 1] = '*';
            pattern[size + 2] = 0;
            check(s3_glob(pattern, text, false));
        }
    }
}

/* The pattern's length times a 64th of the text's, and once the text's: not their product, which was 500,000 here. */
TEST(no_pattern_costs_more_than_its_length_times_a_64th_of_the_text) {
    static const char *const units[] = {"a", "a?", "?", "ab", "a*", "aa*", "?*", "*?a", "a*b", "aaaaaaaab*"};
    char text[KEY_SIZE + 1], pattern[KEY_SIZE + 8];

    memset(text, 'a', KEY_SIZE);
    text[KEY_SIZE] = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t size = 1;
        struct s3_text one;

        pattern[0] = '*';
        while (size < KEY_SIZE / 2) {
            size += (size_t)snprintf(pattern + size, sizeof pattern - size, "%s", units[i]);
        }
        memcpy(pattern + size, "b*", 3);
        test_context(units[i]);
        s3_text_begin(&one, text, false);
        check(!s3_text_fits(&one, pattern));
        check(one.steps <= KEY_SIZE + (size + 2) * (KEY_SIZE / 64 + 2));
        s3_text_end(&one);
    }
    test_context(NULL);
}

/* ---- policies ---- */

/* A request that judges for many keys, as deleting many does. */
struct bench {
    struct arena *arena;
    struct call call;
    struct http_request http;
    struct s3 s3;
    struct store_container container;
};

static void bench_begin(struct bench *bench, const char *policy) {
    static char project[] = "p";
    const char *why;

    *bench = (struct bench){.arena = arena_new(0)};
    check(s3_policy_read(bench->arena, policy, strlen(policy), "bucket", &why) != NULL);
    bench->call.caller.project_id = bench->call.caller.user_id = project;
    bench->http.client = "127.0.0.1";
    bench->http.arena = bench->arena;
    bench->http.headers = ARENA_ARRAY(bench->arena, struct http_header, 1);
    bench->http.header_count = 1;
    bench->s3 = (struct s3){.call = &bench->call, .http = &bench->http, .arena = bench->arena};
    bench->container.name = "bucket";
    store_meta_set(bench->arena, &bench->container.meta, "sys-s3-policy", policy);
}

static enum s3_verdict judge(struct bench *bench, const char *action, const char *key, const char *tags) {
    struct store_object object = {.name = key};
    struct s3_asked asked = {.s3 = &bench->s3, .action = action, .account = "AUTH_p", .container = &bench->container, .key = key,
                             .object = &object};

    if (tags) {
        store_meta_set(bench->arena, &object.meta, "sys-s3-tags", tags);
    }
    return s3_judge(&asked);
}

/* A policy of nearly POLICY bytes: a statement that denies what each pattern of the list and the condition say. */
static char *hostile(struct arena *arena, const char *member, const char *unit, const char *condition) {
    struct buf text = {0};

    buf_printf(&text, "{\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\",\"%s\":[\"%s", member, unit);
    while (text.size + strlen(unit) + strlen(condition) + 20 < POLICY) {
        buf_printf(&text, "\",\"%s", unit);
    }
    buf_printf(&text, "\"]%s}]}", condition);
    return buf_taken(&text, arena);
}

TEST(the_worst_policy_costs_a_64th_of_its_length_times_that_of_the_keys) {
    struct arena *arena = arena_new(0);
    char key[KEY_SIZE + 1], *long_unit = arena_alloc(arena, 502);
    const char *units[] = {"*ab*", "*a*b*", long_unit, "arn:aws:s3:::*/*a*a*a*a*a*a*b"};

    memset(key, 'a', KEY_SIZE);
    key[KEY_SIZE] = 0;
    memset(long_unit, 'a', 500);
    long_unit[0] = '*';
    memcpy(long_unit + 499, "b*", 3);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        struct bench bench;

        test_context(units[i]);
        bench_begin(&bench, hostile(arena, strstr(units[i], "arn") ? "Resource" : "NotResource", units[i], ""));
        for (int k = 0; k < KEYS; k++) {
            key[k % KEY_SIZE] = k % 2 ? 'a' : 'c';
            judge(&bench, "s3:DeleteObject", key, NULL);
        }
        check(bench.s3.policy_steps < (uint64_t)KEYS * POLICY * (KEY_SIZE / 64 + 4));
        arena_free(bench.arena);
    }
    test_context(NULL);
    arena_free(arena);
}

TEST(what_a_policy_asks_of_the_request_is_judged_once) {
    static const char condition[] = ",\"Condition\":{\"StringLike\":{\"aws:UserAgent\":[\"*aaaaaaaaaaaaaaaaaaaaaaab*\"]}}";
    struct arena *arena = arena_new(0);
    char *agent = arena_alloc(arena, 30001);
    struct bench bench;
    uint64_t first;

    memset(agent, 'a', 30000);
    agent[30000] = 0;
    bench_begin(&bench, hostile(arena, "Resource", "arn:aws:s3:::bucket/*", condition));
    bench.http.headers[0] = (struct http_header){"User-Agent", agent};
    check_int(judge(&bench, "s3:DeleteObject", "k", NULL), S3_SILENT);
    first = bench.s3.policy_steps;
    check(first > 30000);
    for (int i = 0; i < KEYS; i++) {
        check_int(judge(&bench, "s3:DeleteObject", arena_printf(arena, "k-%d", i), NULL), S3_SILENT);
    }
    check_int((int64_t)bench.s3.policy_steps, (int64_t)first);
    arena_free(bench.arena);
    arena_free(arena);
}

/* What differs from key to key, from action to action and from caller to caller is judged each time. */
TEST(what_a_policy_asks_of_each_key_is_judged_for_each) {
    static const char policy[] =
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:Get*\",\"Resource\":\"arn:aws:s3:::bucket/a*\"},"
        "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bucket/*\","
        "\"Condition\":{\"StringLike\":{\"s3:ExistingObjectTag/class\":\"se*et\"}}},"
        "{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"other\"},\"Action\":\"s3:PutObject\",\"NotResource\":\"arn:aws:s3:::bucket/a*\"}]}";
    static char other[] = "other";
    struct bench bench;

    bench_begin(&bench, policy);
    for (int i = 0; i < 2; i++) {
        check_int(judge(&bench, "s3:GetObject", "a1", NULL), S3_ALLOWED);
        check_int(judge(&bench, "s3:GetObject", "b1", NULL), S3_SILENT);
        check_int(judge(&bench, "s3:GetObject", "a1", "class=secret"), S3_DENIED);
        check_int(judge(&bench, "s3:GetObject", "a1", "class=open"), S3_ALLOWED);
        check_int(judge(&bench, "s3:DeleteObject", "a1", NULL), S3_SILENT);
        check_int(judge(&bench, "s3:PutObject", "b1", NULL), i ? S3_ALLOWED : S3_SILENT);
        check_int(judge(&bench, "s3:PutObject", "a1", NULL), S3_SILENT);
        bench.call.caller.project_id = other;
    }
    store_meta_set(bench.arena, &bench.container.meta, "sys-s3-policy", "{}");
    check_int(judge(&bench, "s3:GetObject", "a1", NULL), S3_DENIED);
    arena_free(bench.arena);
}
