/* SPDX-License-Identifier: Apache-2.0
 * The mapping language: what rules make of assertions. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "identity/mapping.h"
#include "test.h"

static const struct json *parse(struct arena *arena, const char *text) {
    const char *error = NULL;
    const struct json *node = json_parse(arena, text, strlen(text), &error);

    check_text(error, NULL);
    return node;
}

/* What is shown of it, or "-" and the error. */
static const char *apply(struct arena *arena, const char *rules, const char *assertion) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    struct mapped mapped;
    const char *error, *text;

    if (!mapping_apply(arena, parse(arena, rules), parse(arena, assertion), &mapped, &error)) {
        return arena_printf(arena, "-%s", error);
    }
    mapped_write(&mapped, &out);
    text = arena_text_size(arena, buf.at, buf.size);
    buf_release(&buf);
    return text;
}

#define NOTHING "\"group_ids\":[],\"group_names\":[],\"projects\":[]}"
#define EPHEMERAL(NAME) "{\"user\":{\"name\":\"" NAME "\",\"type\":\"ephemeral\"}," NOTHING

struct example {
    const char *rules, *assertion, *result;
};

/* JSON as the writer writes it: without spaces. */
static const char *compact(struct arena *arena, const char *text) {
    return *text == '-' ? text : json_print(arena, parse(arena, text));
}

static void check_examples(const struct example *examples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct arena *arena = arena_new(0);

        test_context(examples[i].rules);
        check_text(compact(arena, apply(arena, examples[i].rules, examples[i].assertion)), compact(arena, examples[i].result));
        arena_free(arena);
    }
    test_context(NULL);
}

#define CHECK_EXAMPLES(EXAMPLES) check_examples(EXAMPLES, sizeof(EXAMPLES) / sizeof *(EXAMPLES))

TEST(mapping_texts_take_the_values_of_what_the_rule_asks_for) {
    static const struct example examples[] = {
        {"[{\"local\":[{\"user\":{\"name\":\"{0}\"}}],\"remote\":[{\"type\":\"U\"}]}]", "{\"U\":\"kim\"}", EPHEMERAL("kim")},
        {"[{\"local\":[{\"user\":{\"name\":\"{1}, {0}\"}}],\"remote\":[{\"type\":\"F\"},{\"type\":\"L\"}]}]",
         "{\"F\":\"Kim\",\"L\":[\"Lee\"]}", EPHEMERAL("Lee, Kim")},
        {"[{\"local\":[{\"user\":{\"name\":\"{{{0}}}\"}}],\"remote\":[{\"type\":\"U\"}]}]", "{\"U\":\"k\"}", EPHEMERAL("{k}")},
        {"[{\"local\":[{\"user\":{\"name\":\"{0}\"}}],\"remote\":[{\"type\":\"K\",\"any_one_of\":[\"x\"]},{\"type\":\"U\"}]}]",
         "{\"U\":\"kim\",\"K\":\"x\"}", EPHEMERAL("kim")},         /* a condition has no number */
        {"[{\"local\":[{\"user\":{\"name\":\"{0}\"}}],\"remote\":[{\"type\":\"U\"}]}]", "{\"U\":[\"a\",\"b'c\"]}",
         EPHEMERAL("['a', \\\"b'c\\\"]")},
        {"[{\"local\":[{\"user\":{\"name\":\"{0}\"}}],\"remote\":[{\"type\":\"mellon_u\"}]}]", "{\"MELLON_U\":\"kim\"}",
         EPHEMERAL("kim")},
        {"[{\"local\":[{\"user\":{\"id\":\"{0}\",\"email\":\"{0}@x\",\"type\":\"local\",\"domain\":{\"name\":\"d\"}}}],"
         "\"remote\":[{\"type\":\"U\"}]}]", "{\"U\":\"u1\"}",
         "{\"user\":{\"id\":\"u1\",\"email\":\"u1@x\",\"domain\":{\"name\":\"d\"},\"type\":\"local\"}," NOTHING},
        {"[{\"local\":[{\"user\":{\"name\":\"{1}\"}}],\"remote\":[{\"type\":\"U\"}]}]", "{\"U\":\"kim\"}",
         "-'{1}' has the number of a value that the rule does not give"},
        {"[{\"local\":[{\"user\":{\"name\":\"{0\"}}],\"remote\":[{\"type\":\"U\"}]}]", "{\"U\":\"kim\"}",
         "-'{0' has a brace that is no part of {number}"},
    };

    CHECK_EXAMPLES(examples);
}

#define RULE(CONDITION) "[{\"local\":[{\"user\":{\"name\":\"kim\"}}],\"remote\":[{\"type\":\"K\"," CONDITION "}]}]"
#define NONE "-no rule fits the assertion"

TEST(mapping_conditions_ask_for_values) {
    static const struct example examples[] = {
        {RULE("\"any_one_of\":[\"a\",\"b\"]"), "{\"K\":[\"x\",\"b\"]}", EPHEMERAL("kim")},
        {RULE("\"any_one_of\":[\"a\",\"b\"]"), "{\"K\":[\"x\",\"bb\"]}", NONE},
        {RULE("\"any_one_of\":[]"), "{\"K\":\"x\"}", NONE},
        {RULE("\"any_one_of\":[\"b+$\"],\"regex\":true"), "{\"K\":[\"x\",\"abb\"]}", EPHEMERAL("kim")},
        {RULE("\"any_one_of\":[\"^b\"],\"regex\":true"), "{\"K\":\"ab\"}", NONE},
        {RULE("\"not_any_of\":[\"a\"]"), "{\"K\":[\"x\",\"y\"]}", EPHEMERAL("kim")},
        {RULE("\"not_any_of\":[\"a\"]"), "{\"K\":[\"x\",\"a\"]}", NONE},
        {RULE("\"not_any_of\":[\"A\"],\"regex\":true"), "{\"K\":\"xAx\"}", NONE},
        {RULE("\"not_any_of\":[\"a\"]"), "{\"L\":\"x\"}", NONE},        /* who says nothing does not fit either */
        {RULE("\"any_one_of\":[\"(\"],\"regex\":true"), "{\"K\":\"x\"}", "-the pattern '(' is not valid, or takes too long"},
        {RULE("\"any_one_of\":[\"^(a+)+$\"],\"regex\":true"), "{\"K\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}",
         "-the pattern '^(a+)+$' is not valid, or takes too long"},
    };

    CHECK_EXAMPLES(examples);
}

#define GROUPS(LOCAL, REMOTE) "[{\"local\":[{\"user\":{\"name\":\"kim\"}},{" LOCAL "}],\"remote\":[" REMOTE "]}]"
#define BY_NAME "\"groups\":\"{0}\",\"domain\":{\"id\":\"d\"}"
#define KIM(IDS, NAMES) "{\"user\":{\"name\":\"kim\",\"type\":\"ephemeral\"},\"group_ids\":[" IDS "],\"group_names\":[" NAMES "],\"projects\":[]}"
#define G(NAME) "{\"name\":\"" NAME "\",\"domain\":{\"id\":\"d\"}}"

TEST(mapping_groups_are_lists_that_lists_narrow) {
    static const struct example examples[] = {
        {GROUPS(BY_NAME, "{\"type\":\"G\"}"), "{\"G\":[\"a\",\"b\"]}", KIM("", G("a") "," G("b"))},
        {GROUPS(BY_NAME, "{\"type\":\"G\",\"whitelist\":[\"b\",\"c\"]}"), "{\"G\":[\"a\",\"b\"]}", KIM("", G("b"))},
        {GROUPS(BY_NAME, "{\"type\":\"G\",\"whitelist\":[\"c\"]}"), "{\"G\":[\"a\",\"b\"]}", KIM("", "")},
        {GROUPS(BY_NAME, "{\"type\":\"G\",\"blacklist\":[\"b\"]}"), "{\"G\":[\"a\",\"b\"]}", KIM("", G("a"))},
        {GROUPS(BY_NAME, "{\"type\":\"G\",\"blacklist\":[\"^b\"],\"regex\":true}"), "{\"G\":[\"a\",\"bb\"]}", KIM("", G("a"))},
        {GROUPS(BY_NAME, "{\"type\":\"G\",\"whitelist\":[\"^b\"],\"regex\":true}"), "{\"G\":[\"a\",\"bb\"]}", KIM("", G("bb"))},
        {GROUPS("\"groups\":\"x-{0}\",\"domain\":{\"id\":\"d\"}", "{\"type\":\"G\"}"), "{\"G\":\"a\"}", KIM("", G("x-a"))},
        {GROUPS("\"groups\":\"['a', \\\"b\\\"]\",\"domain\":{\"id\":\"d\"}", "{\"type\":\"G\"}"), "{\"G\":\"-\"}",
         KIM("", G("a") "," G("b"))},
        {GROUPS("\"group_ids\":\"{0}\"", "{\"type\":\"G\"}"), "{\"G\":[\"1\",\"2\",\"1\"]}", KIM("\"1\",\"2\"", "")},
        {GROUPS("\"group\":{\"id\":\"1\"}", "{\"type\":\"G\"}"), "{\"G\":\"-\"}", KIM("\"1\"", "")},
        {GROUPS("\"group\":{\"name\":\"{0}\",\"domain\":{\"id\":\"d\"}}", "{\"type\":\"G\"}"), "{\"G\":\"a\"}", KIM("", G("a"))},
        {GROUPS("\"groups\":\"{0}\"", "{\"type\":\"G\"}"), "{\"G\":[\"JSON:{\\\"name\\\":\\\"a\\\",\\\"domain\\\":{\\\"id\\\":\\\"d\\\"}}\"]}",
         KIM("", G("a"))},
        {GROUPS("\"groups\":\"{0}\"", "{\"type\":\"G\"}"), "{\"G\":\"a\"}",
         "-'groups' needs a 'domain' beside it, or values that say theirs: 'a'"},
        /* A value that looks like a list is one value: what a blacklist let pass is not taken apart after it. */
        {GROUPS(BY_NAME, "{\"type\":\"G\",\"blacklist\":[\"admin\"]}"), "{\"G\":\"['admin']\"}", KIM("", G("['admin']"))},
    };

    CHECK_EXAMPLES(examples);
}

TEST(mapping_rules_add_up_and_the_first_user_counts) {
    static const struct example examples[] = {
        {"[{\"local\":[{\"user\":{\"name\":\"{0}\"}}],\"remote\":[{\"type\":\"U\"}]},"
         "{\"local\":[{\"user\":{\"name\":\"other\"}},{\"group\":{\"id\":\"1\"}}],\"remote\":[{\"type\":\"U\"}]},"
         "{\"local\":[{\"group\":{\"id\":\"2\"}}],\"remote\":[{\"type\":\"X\"}]}]", "{\"U\":\"kim\"}", KIM("\"1\"", "")},
        {"[{\"local\":[{\"projects\":[{\"name\":\"a\",\"roles\":[{\"name\":\"r\"}]}]},"
         "{\"projects\":[{\"name\":\"p {0}\",\"roles\":[{\"name\":\"r\"},{\"name\":\"s\"}]}]}],\"remote\":[{\"type\":\"U\"}]}]",
         "{\"U\":\"kim\"}", "{\"user\":{\"type\":\"ephemeral\"},\"group_ids\":[],\"group_names\":[],"
         "\"projects\":[{\"name\":\"p kim\",\"roles\":[{\"name\":\"r\"},{\"name\":\"s\"}]}]}"},
        {"[{\"local\":[{\"user\":{\"name\":\"{0}\"}}],\"remote\":[{\"type\":\"U\",\"whitelist\":[\"ann\"]}]}]", "{\"U\":\"kim\"}",
         "{\"user\":{\"type\":\"ephemeral\"}," NOTHING},           /* and not a user called "[]" */
        {"[]", "{}", NONE},
        {"{\"a\":7}", "[]", NONE},
    };

    CHECK_EXAMPLES(examples);
}

TEST(mapping_flaws_are_found_without_an_assertion) {
    static const struct {
        const char *rules, *flaw;
    } examples[] = {
        {"[{\"local\":[{\"user\":{\"name\":\"{0}{1}\"}}],\"remote\":[{\"type\":\"a\"},{\"type\":\"b\",\"whitelist\":[\"(\"]}]}]", NULL},
        {RULE("\"blacklist\":[\"a(\"],\"regex\":true"), "'a(' is not a valid pattern"},
        {RULE("\"blacklist\":[7],\"regex\":true"), "a pattern of 'K' is no text"},
        {"[{\"local\":[{\"projects\":[{\"name\":\"{2}\"}]}],\"remote\":[{\"type\":\"a\"}]}]", "'{2}' has the number of a value that the rule does not give"},
    };

    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct arena *arena = arena_new(0);

        check_text(mapping_flaw(arena, parse(arena, examples[i].rules)), examples[i].flaw);
        arena_free(arena);
    }
}
