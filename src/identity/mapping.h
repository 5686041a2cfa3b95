/* SPDX-License-Identifier: Apache-2.0
 * The mapping language: rules that say who an assertion of an identity provider is here. The language is Keystone's
 * (Zed); it needs no database. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct json;
struct json_out;

struct mapped_domain {
    const char *id, *name;          /* one of them, or neither */
};

struct mapped_group {
    const char *name;
    struct mapped_domain domain;
};

struct mapped_project {
    const char *name;
    const char **roles;             /* names */
    size_t role_count;
};

/* What the rules say. */
struct mapped {
    const char *user_id, *user_name, *email;
    struct mapped_domain domain;    /* of a local user */
    bool local;                     /* a user that is here already, not one that the provider brings */
    const char **group_ids;
    size_t group_id_count;
    struct mapped_group *groups;
    size_t group_count;
    struct mapped_project *projects;
    size_t project_count;
};

/* Applies a list of rules to an assertion: a map of names to texts (one value each) or lists of texts. Anything is
 * allowed in both; what is no part of the language counts for nothing. The result lives in the arena. False when no rule
 * fits, or one cannot be applied: *ret_error says why, for the log. Work is bounded, whatever patterns the rules have. */
bool mapping_apply(struct arena *arena, const struct json *rules, const struct json *assertion, struct mapped *ret_mapped,
                   const char **ret_error);

/* An attribute of an assertion; null: it has none. Headers have no case: without one of that name, one that differs in
 * case only is it. */
const struct json *mapping_attribute(const struct json *assertion, const char *name);

/* What in rules of the right form can never work: a pattern, a {number} without its value. Null: nothing; else a
 * sentence in the arena. */
const char *mapping_flaw(struct arena *arena, const struct json *rules);

/* Writes 'mapped' as `haneul identity mapping-test` shows it. */
void mapped_write(const struct mapped *mapped, struct json_out *out);
