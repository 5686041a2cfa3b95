/* SPDX-License-Identifier: Apache-2.0
 * The default rules against facts: for every rule of six services, each of a fixed set of callers asks for an object of
 * project P1, user U1 and domain D1, and must pass exactly when Zed lets it. tests/data/policy_roles.def names the
 * weakest callers that pass; those that have what a weaker one has, and more, pass too. */
#include <string.h>

#include "base/arena.h"
#include "rest/policy_defaults.h"
#include "test.h"

static const struct policy_default identity_policies[] = {
#include "identity/policy.def"
};
static const struct policy_default compute_policies[] = {
#include "compute/policy.def"
};
static const struct policy_default placement_policies[] = {
#include "placement/policy.def"
};
static const struct policy_default network_policies[] = {
#include "network/policy.def"
};
static const struct policy_default image_policies[] = {
#include "image/policy.def"
};
static const struct policy_default volume_policies[] = {
#include "volume/policy.def"
};

enum service { identity, compute, placement, network, image, volume, SERVICES };

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof(ARRAY)[0])
#define TABLE(SERVICE) [SERVICE] = {#SERVICE, SERVICE##_policies, COUNT(SERVICE##_policies)}
static const struct {
    const char *name;
    const struct policy_default *defaults;
    size_t count;
} tables[SERVICES] = {TABLE(identity), TABLE(compute), TABLE(placement), TABLE(network), TABLE(image), TABLE(volume)};

static const struct {
    enum service service;
    const char *rule, *weakest, *weakest_legacy;
} facts[] = {
#define ROLES(SERVICE, RULE, NEW, LEGACY) {SERVICE, RULE, NEW, LEGACY},
#include "../data/policy_roles.def"
#undef ROLES
};

#define TOKEN_ELSEWHERE .user_id = "U9", .user_domain_id = "D9", .project_id = "P9", .project_domain_id = "D9"
#define TOKEN_PROJECT .user_id = "U9", .user_domain_id = "D9", .project_id = "P1"    /* its domain is left aside */
#define TOKEN_DOMAIN .user_id = "U9", .user_domain_id = "D9", .domain_id = "D1"
#define TOKEN_SYSTEM .user_id = "U9", .user_domain_id = "D9", .system_scope = "all"
#define WITH(...) .roles = (const char *const[]){__VA_ARGS__}, .role_count = COUNT(((const char *[]){__VA_ARGS__}))

/* 'above' lists, parted by spaces, the callers that this one has everything of. Null: the facts name this one only
 * where no ordinary role of the project passes. */
static const struct {
    const char *name, *above;
    struct policy_caller caller;
} callers[] = {
    {"any", "", {TOKEN_ELSEWHERE}},
    {"owner-user", "any", {.user_id = "U1", .user_domain_id = "D1", .project_id = "P9", .project_domain_id = "D9"}},
    {"other-project-reader", "any", {TOKEN_ELSEWHERE, WITH("reader")}},
    {"other-project-member", "any other-project-reader", {TOKEN_ELSEWHERE, WITH("reader", "member")}},
    {"admin", "any other-project-reader other-project-member", {TOKEN_ELSEWHERE, WITH("reader", "member", "admin")}},
    {"project-any", "any", {TOKEN_PROJECT}},
    {"project-reader", "any project-any other-project-reader", {TOKEN_PROJECT, WITH("reader")}},
    {"project-member", "any project-any project-reader other-project-reader other-project-member",
     {TOKEN_PROJECT, WITH("reader", "member")}},
    {"project-admin", "any project-any project-reader project-member other-project-reader other-project-member admin",
     {TOKEN_PROJECT, WITH("reader", "member", "admin")}},
    {"domain-reader", "any other-project-reader", {TOKEN_DOMAIN, WITH("reader")}},
    {"domain-member", "any domain-reader other-project-reader other-project-member",
     {TOKEN_DOMAIN, WITH("reader", "member")}},
    {"domain-admin", "any domain-reader domain-member other-project-reader other-project-member admin",
     {TOKEN_DOMAIN, WITH("reader", "member", "admin")}},
    {"system-reader", "any other-project-reader", {TOKEN_SYSTEM, WITH("reader")}},
    {"system-member", "any system-reader other-project-reader other-project-member",
     {TOKEN_SYSTEM, WITH("reader", "member")}},
    {"system-admin", "any system-reader system-member other-project-reader other-project-member admin",
     {TOKEN_SYSTEM, WITH("reader", "member", "admin")}},
    {"service", "any", {TOKEN_ELSEWHERE, WITH("service")}},
    {"role:advsvc", NULL, {TOKEN_PROJECT, WITH("advsvc")}},
};

/* An object of P1, U1 and D1, as is what it belongs to; it has nothing more to it. */
static const char *object_get(const void *user, const char *attribute) {
    static const struct {
        const char *ending, *value;
    } attributes[] = {
        {"project_id", "P1"}, {"project.id", "P1"}, {"owner", "P1"},
        {"user_id", "U1"}, {"user.id", "U1"},
        {"domain_id", "D1"}, {"domain.id", "D1"},
    };
    size_t size = strlen(attribute);

    for (size_t i = 0; i < COUNT(attributes); i++) {
        size_t ending = strlen(attributes[i].ending);

        if (size >= ending && !strcmp(attribute + size - ending, attributes[i].ending)) {
            return attributes[i].value;
        }
    }
    return NULL;
}

/* Whether 'word' is one of the words of 'list', parted by 'between'. */
static bool listed(const char *list, const char *word, char between) {
    size_t size = strlen(word);

    for (const char *at = list; at; at = strchr(at, between) ? strchr(at, between) + 1 : NULL) {
        if (!strncmp(at, word, size) && (!at[size] || at[size] == between)) {
            return true;
        }
    }
    return false;
}

static bool should_pass(size_t caller, const char *weakest) {
    bool passes = listed(weakest, callers[caller].name, '|');

    for (size_t i = 0; i < COUNT(callers); i++) {
        passes = passes ||
            (listed(callers[caller].above, callers[i].name, ' ') && listed(weakest, callers[i].name, '|'));
    }
    return passes;
}

static void check_fact(const struct policy *policy, const char *service, const char *rule, const char *weakest) {
    static const struct policy_target target = {.get = object_get};

    if (!policy_defines(policy, rule)) {
        test_fail(__FILE__, __LINE__, "%s lacks rule %s", service, rule);
    }
    for (size_t i = 0; i < COUNT(callers); i++) {
        struct policy_caller caller = callers[i].caller;
        bool passes, want = should_pass(i, weakest);

        if (!want && !callers[i].above) {
            continue;
        }
        caller.is_admin = policy_is_admin(policy, &caller);
        caller.is_admin_project = true;
        passes = policy_allows(policy, rule, &caller, &target);
        if (passes != want) {
            test_fail(__FILE__, __LINE__, "%s %s: %s %s", service, rule, callers[i].name,
                      want ? "is refused" : "passes");
        }
    }
}

static void check_facts(bool enforce_new_defaults) {
    struct arena *arena = arena_new(0);
    struct policy *policies[SERVICES];
    const char *error = NULL;

    for (int i = 0; i < SERVICES; i++) {
        policies[i] = policy_new(arena, tables[i].defaults, tables[i].count, enforce_new_defaults, NULL, &error);
        check_text(error, NULL);
    }
    for (size_t i = 0; i < COUNT(facts); i++) {
        check_fact(policies[facts[i].service], tables[facts[i].service].name, facts[i].rule,
                   enforce_new_defaults ? facts[i].weakest : facts[i].weakest_legacy);
    }
    arena_free(arena);
}

TEST(new_defaults_pass_whom_zed_passes) {
    check_facts(true);
}

TEST(legacy_defaults_pass_whom_zed_passes) {
    check_facts(false);
}
