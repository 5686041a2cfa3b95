/* SPDX-License-Identifier: Apache-2.0
 * The policy language: what each form means, what is refused and with which words, and how files override defaults. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "rest/policy.h"
#include "test.h"

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof(ARRAY)[0])

static const char *target_get(const void *user, const char *attribute) {
    static const struct {
        const char *name, *value;
    } attributes[] = {
        {"project_id", "p1"},       {"user_id", "u2"},          {"network:project_id", "p2"},
        {"visibility", "public"},   {"shared", "True"},         {"router:external", "False"},
        {"parent", "None"},         {"role", "member"},         {"device_owner", "network:dhcp"},
        {"target.user.id", "u1"},   {"empty", ""},              {"half", "p"},
        {"id", "1"},                {"target_project", "*"},
    };

    for (size_t i = 0; i < COUNT(attributes); i++) {
        if (!strcmp(attribute, attributes[i].name)) {
            return attributes[i].value;
        }
    }
    return NULL;
}

static const char *caller_get(const void *user, const char *path, size_t index) {
    static const char *const methods[] = {"password", "totp"};

    return !strcmp(path, "token.methods") && index < COUNT(methods) ? methods[index] : NULL;
}

static const char *const roles[] = {"Member", "reader"};
static const struct policy_caller caller = {
    .user_id = "u1", .user_domain_id = "d1", .project_id = "p1", .project_domain_id = "d2", .domain_id = "",
    .roles = roles, .role_count = COUNT(roles), .is_admin_project = true, .get = caller_get};
static const struct policy_target target = {.get = target_get};

static const struct policy_default helpers[] = {
    {"yes", "@"},
    {"no", "!"},
    {"owner", "project_id:%(project_id)s"},
    {"context_is_admin", "role:admin"},
};

static struct policy *rules_with(struct arena *arena, const char *check, const char **ret_error) {
    struct policy_default defaults[COUNT(helpers) + 1] = {{"asked", check}};

    memcpy(defaults + 1, helpers, sizeof helpers);
    return policy_new(arena, defaults, COUNT(defaults), true, NULL, ret_error);
}

TEST(an_expression_means_what_the_language_says) {
    static const struct {
        const char *check;
        bool passes;
    } cases[] = {
        {"", true}, {"@", true}, {"!", false}, {"not !", true}, {"not not @", true}, {"(@)", true}, {"((!))", false},
        {"@ and !", false}, {"@ or !", true}, {"! or @ and !", false}, {"@ or ! and !", true},
        {"(@ or !) and !", false},
        {"! and ! or @", true}, {"! and (! or @)", false}, {"not ! and !", false}, {"not (! and !)", true},
        {"NOT ! AnD @", true}, {"! OR @", true}, {"\t@\nand\r\n@ ", true}, {"! or ! or ! or @", true},
        {"@ and @ and @ and !", false},

        {"role:member", true}, {"role:MEMBER", true}, {"role:Reader", true}, {"role:admin", false}, {"role:", false},
        {"role:membe", false}, {"role:members", false}, {"role:%(role)s", true}, {"role:%(visibility)s", false},
        {"role:%(absent)s", false}, {"roles:reader", true}, {"role:관리자", false},

        {"rule:yes", true}, {"rule:no", false}, {"rule:owner", true}, {"rule:absent", false}, {"not rule:no", true},

        {"project_id:p1", true}, {"project_id:%(project_id)s", true}, {"tenant_id:%(tenant_id)s", true},
        {"tenant:%(project_id)s", true}, {"user_id:%(user_id)s", false}, {"user_id:%(target.user.id)s", true},
        {"user:%(target.user.id)s", true}, {"project_id:%(network:tenant_id)s", false},
        {"project_id:%(absent)s", false}, {"not project_id:%(absent)s", true}, {"project_id:%(half)s1", true},
        {"project_id:%(half)s", false}, {"project_id:%(half)s%(id)s", true}, {"project_id:%(half)s%(id)s1", false},
        {"project_id:p1%%", false}, {"'100%':100%%", true}, {"user_domain_id:d1", true}, {"project_domain_id:d2", true},
        {"token.project.domain.id:d2", true}, {"system_scope:all", false}, {"trust_id:%(empty)s", false},
        {"domain_id:%(empty)s", false}, {"domain_id:", false}, {"system_scope:None", false},

        {"is_admin:True", false}, {"is_admin:False", true}, {"is_admin:1", false}, {"is_admin:0", true},
        {"is_admin_project:True", true}, {"is_admin_project:1", true}, {"is_admin_project:%(shared)s", true},

        {"token.methods:totp", true}, {"token.methods:password", true}, {"token.methods:saml2", false},
        {"token.absent:x", false}, {"token.methods:", false},

        {"'public':%(visibility)s", true}, {"\"public\":%(visibility)s", true}, {"'shared':%(visibility)s", false},
        {"'public':%(absent)s", false}, {"'':%(empty)s", true}, {"None:%(parent)s", true},
        {"None:%(project_id)s", false}, {"None:%(absent)s", false}, {"not None:%(parent)s", false},
        {"True:%(shared)s", true}, {"False:%(router:external)s", true}, {"1:%(id)s", true}, {"2:%(id)s", false},

        {"field:networks:shared=True", true}, {"field:networks:shared=true", true},
        {"field:networks:shared=False", false}, {"field:networks:router:external=True", false},
        {"field:networks:absent=True", false}, {"field:port:device_owner=network:dhcp", true},
        {"field:port:device_owner=~^network:", true}, {"field:port:device_owner=~network:", true},
        {"field:port:device_owner=~^compute:", false}, {"field:port:device_owner=~dhcp", false},
        {"field:port:device_owner=~^(compute|network):.*p$", true}, {"field:port:device_owner=~[cd]", false},
        {"field:rbac_policy:target_project=*", true}, {"not field:rbac_policy:target_project=*", false},

        {"http://192.0.2.1/allow", false}, {"https://192.0.2.1/%(name)s", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *arena = arena_new(0);
        const char *error = NULL;
        struct policy *policy = rules_with(arena, cases[i].check, &error);

        if (!policy || policy_allows(policy, "asked", &caller, &target) != cases[i].passes) {
            test_fail(__FILE__, __LINE__, "'%s' %s", cases[i].check, error ? error : "means something else");
        }
        arena_free(arena);
    }
}

TEST(an_expression_that_makes_no_sense_is_refused_with_its_column) {
    static const struct {
        const char *check, *error;
    } cases[] = {
        {" ", "column 2: a check was expected"},
        {"role:a and", "column 11: a check was expected"},
        {"and role:a", "column 1: a check was expected"},
        {"role:a role:b", "column 8: 'and', 'or' or the end was expected"},
        {"role:a not role:b", "column 8: 'and', 'or' or the end was expected"},
        {"(role:a", "column 8: ')' was expected"},
        {"role:a)", "column 7: 'and', 'or' or the end was expected"},
        {"()", "column 2: a check was expected"},
        {"role:a or (role:b and (role:c)", "column 31: ')' was expected"},
        {"admin", "column 1: a check of the form KIND:VALUE was expected"},
        {"'admin'", "column 1: a check of the form KIND:VALUE was expected"},
        {"role:a or :b", "column 11: a check of the form KIND:VALUE was expected"},
        {"role:\x01", "column 1: control characters are not text"},
        {"role:\xff", "column 1: not UTF-8"},
        {"rule:", "column 1: the name of a rule was expected"},
        {"a:%(b", "column 3: '%(attribute)s' or '%%' was expected"},
        {"a:%(b)d", "column 3: '%(attribute)s' or '%%' was expected"},
        {"a:x%", "column 4: '%(attribute)s' or '%%' was expected"},
        {"a:%()s", "column 3: '%(attribute)s' or '%%' was expected"},
        {"field:shared", "column 7: 'field:RESOURCE:ATTRIBUTE=VALUE' was expected"},
        {"field:networks:=1", "column 7: 'field:RESOURCE:ATTRIBUTE=VALUE' was expected"},
        {"field:networks:a=~[", "column 18: the pattern is malformed"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *arena = arena_new(0);
        const char *error = NULL;

        check(!rules_with(arena, cases[i].check, &error));
        check_text(error, arena_printf(arena, "rule asked: %s", cases[i].error));
        arena_free(arena);
    }
}

TEST(depth_length_and_cost_of_expressions_are_bounded) {
    struct arena *arena = arena_new(0);
    char *deep = arena_alloc(arena, 200), *wide = arena_alloc(arena, 20000);
    struct policy_default doubling[20] = {0};
    const char *error = NULL;

    memset(deep, '(', 65);
    check(!rules_with(arena, deep, &error));
    check_text(error, "rule asked: column 65: nested too deeply");
    memset(wide, 'a', 19999);
    check(!rules_with(arena, wide, &error));
    check_text(error, "rule asked: column 1: longer than 16384 bytes");
    for (size_t i = 0; i < COUNT(doubling); i++) {
        doubling[i].name = arena_printf(arena, "r%zu", i);
        doubling[i].check = arena_printf(arena, "rule:r%zu or rule:r%zu", i + 1, i + 1);
    }
    doubling[COUNT(doubling) - 1].check = "!";
    check(!policy_new(arena, doubling, COUNT(doubling), true, NULL, &error));
    check_text(error, "rule r7: too large with the rules it refers to");
    arena_free(arena);
}

TEST(a_chain_of_rules_is_bounded_in_either_order) {
    for (int reversed = 0; reversed < 2; reversed++) {
        struct arena *arena = arena_new(0);
        struct policy_default chain[500];
        const char *error = NULL;

        for (size_t i = 0; i < COUNT(chain); i++) {
            chain[reversed ? COUNT(chain) - 1 - i : i] = (struct policy_default){
                arena_printf(arena, "r%zu", i), i + 1 < COUNT(chain) ? arena_printf(arena, "rule:r%zu", i + 1) : "@"};
        }
        check(!policy_new(arena, chain, COUNT(chain), true, NULL, &error));
        check(error && strstr(error, "too "));
        arena_free(arena);
    }
}

TEST(rules_that_lead_back_to_themselves_are_refused) {
    static const struct policy_default self[] = {{"a", "role:x or not rule:a"}};
    static const struct policy_default ring[] = {
        {"a", "rule:b"}, {"b", "role:x and rule:c"}, {"c", "rule:a or role:y"}};
    static const struct policy_default fallback[] = {{"default", "rule:absent"}};
    struct arena *arena = arena_new(0);
    const char *error = NULL;

    check(!policy_new(arena, self, COUNT(self), true, NULL, &error));
    check_text(error, "rule a: leads back to itself");
    check(!policy_new(arena, ring, COUNT(ring), true, NULL, &error));
    check_text(error, "rule a: leads back to itself");
    check(!policy_new(arena, fallback, COUNT(fallback), true, NULL, &error));
    check_text(error, "rule default: leads back to itself");
    arena_free(arena);
}

TEST(an_unknown_rule_is_the_default_rule_or_passes_nobody) {
    static const struct policy_default defaults[] = {{"default", "role:reader"}, {"a", "rule:absent"}};
    struct arena *arena = arena_new(0);
    const char *error = NULL;
    struct policy *with = policy_new(arena, defaults, COUNT(defaults), true, NULL, &error);
    struct policy *without = policy_new(arena, helpers, COUNT(helpers), true, NULL, &error);

    check(with && policy_allows(with, "whatever", &caller, &target) && policy_allows(with, "a", &caller, &target));
    check(without && !policy_allows(without, "whatever", &caller, &target));
    check(without && policy_defines(without, "owner") && !policy_defines(without, "whatever"));
    arena_free(arena);
}

TEST(the_legacy_form_passes_until_new_defaults_are_enforced) {
    static const struct policy_default defaults[] = {{"a", "role:admin", .legacy = "project_id:%(project_id)s"}};
    struct arena *arena = arena_new(0);
    const char *error = NULL;

    check(!policy_allows(policy_new(arena, defaults, 1, true, NULL, &error), "a", &caller, &target));
    check(policy_allows(policy_new(arena, defaults, 1, false, NULL, &error), "a", &caller, &target));
    arena_free(arena);
}

TEST(an_administrator_is_who_passes_context_is_admin) {
    static const char *const admin_roles[] = {"Admin"};
    struct arena *arena = arena_new(0);
    struct policy_caller admin = {.roles = admin_roles, .role_count = 1};
    const char *error = NULL;
    struct policy *policy = rules_with(arena, "is_admin:True", &error);

    check(policy && !policy_is_admin(policy, &caller));
    check(policy && policy_is_admin(policy, &admin) && !policy_allows(policy, "asked", &admin, NULL));
    admin.is_admin = true;
    check(policy && policy_allows(policy, "asked", &admin, NULL));
    arena_free(arena);
}

TEST(without_a_target_every_attribute_is_absent) {
    struct arena *arena = arena_new(0);
    const char *error = NULL;
    struct policy *policy = rules_with(arena, "role:reader", &error);

    check(policy && policy_allows(policy, "asked", &caller, NULL));
    check(policy && !policy_allows(policy, "owner", &caller, NULL));
    arena_free(arena);
}

static struct policy *rules_of_file(struct arena *arena, const char *yaml, const char **ret_error) {
    static const struct policy_default defaults[] = {
        {"context_is_admin", "role:admin"},
        {"get", "role:reader", .legacy = "@", .old_name = "old"},
        {"list", "rule:get"},
    };
    const char *path = arena_printf(arena, "%s/policy.yaml", test_directory());
    FILE *file = fopen(path, "we");

    check(file && fputs(yaml, file) >= 0 && !fclose(file));
    return policy_new(arena, defaults, COUNT(defaults), false, path, ret_error);
}

TEST(a_file_overrides_defaults) {
    static const struct {
        const char *yaml, *rule;
        bool passes;
    } cases[] = {
        {"", "get", true},
        {"# a comment\n", "get", true},
        {"{}", "get", true},
        {"get: role:admin\n", "get", false},
        {"\"get\": \"!\"\n", "list", false},
        {"{\"get\": \"role:admin\"}", "get", false},
        {"get: \"\"", "get", true},
        {"get: >\n  role:admin or\n  role:member\n", "get", true},
        {"mine: role:member\nlist: rule:mine and not rule:context_is_admin\n", "list", true},
        {"old: role:admin", "get", false},
        {"old: role:admin\nget: role:reader", "get", true},
        {"old: role:admin\nget: role:reader", "old", false},
        {"old: rule:get", "old", true},
        {"get: []", "get", true},
        {"get: [[]]", "get", false},
        {"get: [[\"role:admin\"], [\"role:member\", \"project_id:%(project_id)s\"]]", "get", true},
        {"get: [[\"role:admin\"], [\"role:member\", \"user_id:%(user_id)s\"]]", "get", false},
        {"get: [\"role:admin\", \"role:member\"]", "get", true},
        {"get: [[\"role:cloud admin\"]]", "get", false},
        {"default: role:member", "whatever", true},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *arena = arena_new(0);
        const char *error = NULL;
        struct policy *policy = rules_of_file(arena, cases[i].yaml, &error);

        if (!policy || policy_allows(policy, cases[i].rule, &caller, &target) != cases[i].passes) {
            test_fail(__FILE__, __LINE__, "'%s': %s", cases[i].yaml, error ? error : "means something else");
        }
        arena_free(arena);
    }
}

#define NOT_EMPTY \
    "line 1: rule get: an expression was expected; write \"@\" for everybody, \"!\" for nobody, in quotes"

TEST(a_file_that_makes_no_sense_is_refused_with_its_line) {
    static const struct {
        const char *yaml, *error;
    } cases[] = {
        {"get: role:a\nlist: role:b or\n", "line 2: rule list: column 10: a check was expected"},
        {"get: role:a\n\nget: role:b\n", "line 3: rule get: given twice"},
        {"get: &x role:a\nlist: *x\n", "line 2: rule list: aliases are not supported"},
        {"get:\n", NOT_EMPTY},
        {"get: !\n", NOT_EMPTY},
        {"get: null\n", NOT_EMPTY},
        {"get: @\n", "line 1: rule get: found character that cannot start any token"},
        {"get: {a: b}\n", "line 1: rule get: an expression or a list of lists was expected"},
        {"get: [[[role:a]]]\n", "line 1: rule get: a list of lists of checks was expected"},
        {"get: [role:a, \"\"]\n", "line 1: rule get: column 1: a check of the form KIND:VALUE was expected"},
        {"get: [role:a\n", "line 2: rule get: did not find expected ',' or ']'"},
        {"- get\n", "line 1: a map of rule names to expressions was expected"},
        {"[a]: role:b\n", "line 1: the name of a rule was expected"},
        {"get: role:a\n---\nlist: role:b\n", "line 2: only one document was expected"},
        {"get: \"a\\0b\"\n", "line 1: rule get: NUL in text"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *arena = arena_new(0);
        const char *error = NULL;

        check(!rules_of_file(arena, cases[i].yaml, &error));
        check_text(error, arena_printf(arena, "%s/policy.yaml %s", test_directory(), cases[i].error));
        arena_free(arena);
    }
}

TEST(a_file_that_is_not_there_is_refused) {
    struct arena *arena = arena_new(0);
    const char *error = NULL;

    check(!policy_new(arena, NULL, 0, true, "/absent/policy.yaml", &error));
    check_text(error, "cannot read /absent/policy.yaml: No such file or directory");
    check(!policy_new(arena, NULL, 0, true, "/", &error));
    check_text(error, "/: not a file, or larger than 4 MiB");
    arena_free(arena);
}

TEST(printed_rules_read_back_as_the_same_rules) {
    static const char yaml[] =
        "\"a\": \"role:x and (role:y or not (role:z and @))\"\n"
        "\"b\": [[\"role:cloud admin\", \"role:c\"], [\"role:e\"]]\n"
        "\"d\": \"not not role:x or (role:y and !) or 'q\\\"':%(z)s\"\n"
        "\"context_is_admin\": \"role:admin\"\n"
        "\"get\": \"role:reader or @\"\n"
        "\"list\": \"rule:get\"\n";
    struct arena *arena = arena_new(0);
    const char *error = NULL;
    struct policy *policy = rules_of_file(arena, yaml, &error);

    check_text(error, NULL);
    check_text(policy_print(arena, policy), yaml);
    arena_free(arena);
}
