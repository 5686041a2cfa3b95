/* SPDX-License-Identifier: Apache-2.0
 * The rules of a service: collected from its defaults and the operator's file, linked to each other, then asked.
 * The language itself is in policy_parse.c. */
#include "rest/policy.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "rest/policy_check.h"

LOG_MODULE("rest.policy");

enum {
    DEEPEST = 200,              /* checks and rules inside each other, after linking */
    COSTLIEST = 10000,          /* checks that asking one rule may take */
};

struct policy_rule {
    const char *name;
    struct check *check;
    bool overridden, list;      /* comes from the file; is written there as lists */
    enum { UNLINKED, LINKING, LINKED } state;
    unsigned height, cost;      /* once linked */
};

struct policy {
    struct arena *arena;
    struct map *by_name;
    struct map *parsed;         /* expression to tree, while reading: most defaults are written the same way */
    struct policy_rule **rules;
    size_t count;
    struct policy_rule *fallback;   /* what an unknown name means */
    unsigned linking;               /* rules being linked inside each other */
};

struct override_reader {
    struct policy_reader base;
    struct policy *policy;
};

static void map_release(void *map) {
    map_free(map, NULL);
}

static struct policy_rule *rule_add(struct policy *policy, const char *name, struct check *check) {
    struct policy_rule *rule = ARENA_NEW(policy->arena, struct policy_rule);

    rule->name = name;
    rule->check = check;
    policy->rules = arena_grow(policy->arena, policy->rules, policy->count, sizeof(struct policy_rule *));
    policy->rules[policy->count++] = rule;
    map_set(policy->by_name, name, rule);
    return rule;
}

static struct check *parse_once(struct policy *policy, const char *text, const char **ret_error) {
    struct check *check = map_get(policy->parsed, text);

    if (!check) {
        check = check_parse(policy->arena, text, ret_error);
        map_set(policy->parsed, text, check);
    }
    return check;
}

static bool override_found(struct policy_reader *reader, const char *name, struct check *check, bool list) {
    struct policy *policy = ((struct override_reader *)reader)->policy;
    struct policy_rule *rule;

    if (map_get(policy->by_name, name)) {
        reader->error = "given twice";
        return false;
    }
    rule = rule_add(policy, name, check);
    rule->overridden = true;
    rule->list = list;
    return true;
}

/* Whether an override of a default's old name says no more than that the new name counts. */
static bool leads_back(const struct policy_rule *old, const char *name) {
    return old->check->kind == CHECK_RULE && !strcmp(old->check->source + strlen("rule:"), name);
}

static bool default_add(struct policy *policy, const struct policy_default *given, bool new_only,
                        const char **ret_error) {
    struct policy_rule *rule = map_get(policy->by_name, given->name);
    const struct policy_rule *old = given->old_name ? map_get(policy->by_name, given->old_name) : NULL;
    struct check *check, *legacy = NULL, *either;
    const char *problem = NULL;

    check = parse_once(policy, given->check, &problem);
    if (check && given->legacy && !new_only && strcmp(given->check, given->legacy)) {
        legacy = parse_once(policy, given->legacy, &problem);
    }
    if (problem || (rule && !rule->overridden)) {
        *ret_error = arena_printf(policy->arena, "rule %s: %s", given->name, problem ? problem : "given twice");
        return false;
    }
    if (rule) {
        return true;
    }
    if (old && old->overridden && !leads_back(old, given->name)) {
        rule = rule_add(policy, given->name, old->check);
        rule->list = old->list;
        return true;
    }
    if (legacy) {
        either = check_new(policy->arena, CHECK_OR);
        check_add(policy->arena, either, check);
        check_add(policy->arena, either, legacy);
        check = either;
    }
    rule_add(policy, given->name, check);
    return true;
}

static bool rule_link(struct policy *policy, struct policy_rule *rule, const char **ret_error);

static struct policy_rule *rule_referred(struct policy *policy, const struct policy_rule *from, const char *name) {
    struct policy_rule *rule = map_get(policy->by_name, name);

    if (!rule) {
        log_warn("rule %s refers to %s, which is not defined", from->name, name);
    }
    return rule ? rule : policy->fallback;
}

/* Resolves the references in 'check' and adds what it is worth to the rule's height and cost. */
static bool check_link(struct policy *policy, struct policy_rule *rule, struct check *check, unsigned depth,
                       const char **ret_error) {
    unsigned height = depth;

    rule->cost++;
    if (check->kind == CHECK_RULE) {
        struct policy_rule *other = rule_referred(policy, rule, check->source + strlen("rule:"));

        if (!rule_link(policy, other, ret_error)) {
            return false;
        }
        check->rule = other;
        height += other->height;
        rule->cost += other->cost;
    }
    if (rule->height < height) {
        rule->height = height;
    }
    if (rule->height > DEEPEST || rule->cost > COSTLIEST) {
        *ret_error = arena_printf(policy->arena, "rule %s: too large with the rules it refers to", rule->name);
        return false;
    }
    for (size_t i = 0; !check->source && i < check->count; i++) {
        if (!check_link(policy, rule, check->items[i], depth + 1, ret_error)) {
            return false;
        }
    }
    return true;
}

static bool rule_link(struct policy *policy, struct policy_rule *rule, const char **ret_error) {
    bool ok;

    if (rule->state == LINKED) {
        return true;
    }
    if (rule->state == LINKING || policy->linking == DEEPEST) {
        *ret_error = arena_printf(policy->arena, rule->state == LINKING ? "rule %s: leads back to itself"
                                                                        : "rule %s: too many rules refer to it in turn",
                                  rule->name);
        return false;
    }
    rule->state = LINKING;
    policy->linking++;
    ok = check_link(policy, rule, rule->check, 1, ret_error);
    policy->linking--;
    rule->state = LINKED;
    return ok;
}

static bool link_all(struct policy *policy, const char **ret_error) {
    for (size_t i = 0; i < policy->count; i++) {
        if (!rule_link(policy, policy->rules[i], ret_error)) {
            return false;
        }
    }
    return true;
}

static bool collect(struct policy *policy, const struct policy_default *defaults, size_t count, bool new_only,
                    const char *path, const char **ret_error) {
    struct override_reader reader = {
        .base = {.rule_found = override_found, .arena = policy->arena}, .policy = policy};

    if (path && !policy_file_read(&reader.base, path)) {
        *ret_error = reader.base.error;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!default_add(policy, &defaults[i], new_only, ret_error)) {
            return false;
        }
    }
    return true;
}

struct policy *policy_new(struct arena *arena, const struct policy_default *defaults, size_t count,
                          bool enforce_new_defaults, const char *path, const char **ret_error) {
    struct policy *policy = ARENA_NEW(arena, struct policy);
    bool ok;

    policy->arena = arena;
    policy->by_name = map_new();
    arena_defer(arena, map_release, policy->by_name);
    policy->parsed = map_new();
    ok = collect(policy, defaults, count, enforce_new_defaults, path, ret_error);
    map_free(policy->parsed, NULL);
    policy->parsed = NULL;
    if (!ok) {
        return NULL;
    }
    policy->fallback = map_get(policy->by_name, "default");
    if (!policy->fallback) {
        policy->fallback = ARENA_NEW(arena, struct policy_rule);
        *policy->fallback = (struct policy_rule){.name = "default", .check = check_new(arena, CHECK_FALSE)};
        policy->fallback->check->source = "!";
    }
    return link_all(policy, ret_error) ? policy : NULL;
}

const struct policy_rule *policy_find(const struct policy *policy, const char *name) {
    const struct policy_rule *rule = map_get(policy->by_name, name);

    return rule ? rule : policy->fallback;
}

bool policy_defines(const struct policy *policy, const char *name) {
    return map_get(policy->by_name, name) != NULL;
}

static const char *target_get(const struct policy_target *target, const char *attribute) {
    return target && target->get ? target->get(target->user, attribute) : NULL;
}

/* Whether 'value' is what the check's parts say about the target; never when an attribute is absent. */
static bool parts_equal(const struct check *check, const struct policy_target *target, const char *value,
                        int (*compare)(const char *, const char *, size_t)) {
    for (unsigned i = 0; i < check->part_count; i++) {
        const struct check_part *part = &check->parts[i];
        const char *text = part->attribute ? target_get(target, part->text) : part->text;
        size_t size;

        if (!text) {
            return false;
        }
        size = part->attribute ? strlen(text) : part->size;
        if (compare(value, text, size)) {
            return false;
        }
        value += size;
    }
    return !*value;
}

static bool role_passes(const struct check *check, const struct policy_caller *caller,
                        const struct policy_target *target) {
    for (size_t i = 0; i < caller->role_count; i++) {
        if (parts_equal(check, target, caller->roles[i], strncasecmp)) {
            return true;
        }
    }
    return false;
}

static bool credential_passes(const struct check *check, const struct policy_caller *caller,
                              const struct policy_target *target) {
    const char *value = *(const char *const *)((const char *)caller + check->offset);

    return value && *value && parts_equal(check, target, value, strncmp);
}

static bool flag_passes(const struct check *check, const struct policy_caller *caller,
                        const struct policy_target *target) {
    bool flag = *(const bool *)((const char *)caller + check->offset);

    return parts_equal(check, target, flag ? "True" : "False", strncmp);
}

static bool other_passes(const struct check *check, const struct policy_caller *caller,
                         const struct policy_target *target) {
    const char *value;

    for (size_t i = 0; caller->get && (value = caller->get(caller->user, check->name, i)) != NULL; i++) {
        if (*value && parts_equal(check, target, value, strncmp)) {
            return true;
        }
    }
    return false;
}

static bool field_passes(const struct check *check, const struct policy_target *target) {
    const char *value = target_get(target, check->attribute);

    if (!value) {
        return false;
    }
    if (check->kind == CHECK_FIELD_PATTERN) {
        return !regexec(check->pattern, value, 0, NULL, 0);
    }
    return check->kind == CHECK_FIELD ? !strcmp(value, check->value)
                                      : !strncmp(value, check->value, strlen(check->value));
}

static bool check_passes(const struct check *check, const struct policy_caller *caller,
                         const struct policy_target *target) {
    switch (check->kind) {
    case CHECK_TRUE:
        return true;
    case CHECK_FALSE:
    case CHECK_REMOTE:
        return false;
    case CHECK_NOT:
        return !check_passes(check->items[0], caller, target);
    case CHECK_AND:
    case CHECK_OR:
        for (size_t i = 0; i < check->count; i++) {
            if (check_passes(check->items[i], caller, target) == (check->kind == CHECK_OR)) {
                return check->kind == CHECK_OR;
            }
        }
        return check->kind == CHECK_AND;
    case CHECK_RULE:
        return check_passes(check->rule->check, caller, target);
    case CHECK_ROLE:
        return role_passes(check, caller, target);
    case CHECK_CREDENTIAL:
        return credential_passes(check, caller, target);
    case CHECK_FLAG:
        return flag_passes(check, caller, target);
    case CHECK_OTHER:
        return other_passes(check, caller, target);
    case CHECK_LITERAL:
        return parts_equal(check, target, check->name, strncmp);
    case CHECK_FIELD:
    case CHECK_FIELD_PREFIX:
    case CHECK_FIELD_PATTERN:
        return field_passes(check, target);
    }
    return false;
}

bool policy_rule_allows(const struct policy_rule *rule, const struct policy_caller *caller,
                        const struct policy_target *target) {
    return check_passes(rule->check, caller, target);
}

bool policy_allows(const struct policy *policy, const char *name, const struct policy_caller *caller,
                   const struct policy_target *target) {
    return policy_rule_allows(policy_find(policy, name), caller, target);
}

bool policy_is_admin(const struct policy *policy, const struct policy_caller *caller) {
    const struct policy_rule *rule = map_get(policy->by_name, "context_is_admin");

    return rule && policy_rule_allows(rule, caller, NULL);
}

static void check_print(struct buf *out, const struct check *check, enum check_kind around) {
    bool inside = check->kind != CHECK_NOT && check->kind != around && around != CHECK_RULE;

    if (check->source) {
        buf_text(out, check->source);
        return;
    }
    buf_text(out, inside ? "(" : check->kind == CHECK_NOT ? "not " : "");
    for (size_t i = 0; i < check->count; i++) {
        buf_text(out, !i ? "" : check->kind == CHECK_AND ? " and " : " or ");
        check_print(out, check->items[i], check->kind);
    }
    buf_text(out, inside ? ")" : "");
}

/* A rule that was written as a list stays one: its checks may hold spaces. */
static void list_print(struct json_out *out, const struct check *check, enum check_kind level) {
    if (level == CHECK_RULE) {
        json_text(out, check->source);
        return;
    }
    json_list(out);
    if (check->kind != level) {
        list_print(out, check, level == CHECK_OR ? CHECK_AND : CHECK_RULE);
    }
    for (size_t i = 0; check->kind == level && i < check->count; i++) {
        list_print(out, check->items[i], level == CHECK_OR ? CHECK_AND : CHECK_RULE);
    }
    json_list_end(out);
}

static void rule_print(struct buf *out, const struct policy_rule *rule) {
    struct json_out json = {.buf = out};
    struct buf text = {0};

    json_text(&json, rule->name);
    buf_text(out, ": ");
    json.follows = false;
    if (rule->list) {
        list_print(&json, rule->check, CHECK_OR);
    } else {
        check_print(&text, rule->check, CHECK_RULE);
        json_text(&json, text.at);
        buf_release(&text);
    }
    buf_char(out, '\n');
}

const char *policy_print(struct arena *arena, const struct policy *policy) {
    struct buf out = {0};
    const char *text;

    for (size_t i = 0; i < policy->count; i++) {
        rule_print(&out, policy->rules[i]);
    }
    text = arena_text(arena, out.at ? out.at : "");
    buf_release(&out);
    return text;
}
