/* SPDX-License-Identifier: Apache-2.0
 * A policy expression as a tree: made by policy_parse.c (one expression) and policy_file.c (a file of them), linked
 * and evaluated by policy.c. Nobody else includes this. */
#pragma once
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct policy_rule;

enum check_kind {
    CHECK_TRUE,
    CHECK_FALSE,
    CHECK_REMOTE,       /* http: never passes */
    CHECK_NOT,
    CHECK_AND,
    CHECK_OR,
    CHECK_RULE,
    CHECK_ROLE,
    CHECK_CREDENTIAL,   /* a text of struct policy_caller */
    CHECK_FLAG,         /* a truth value of struct policy_caller */
    CHECK_OTHER,        /* a property of the caller that its 'get' knows */
    CHECK_LITERAL,
    CHECK_FIELD,        /* the attribute is this value */
    CHECK_FIELD_PREFIX, /* it begins with it */
    CHECK_FIELD_PATTERN,
};

/* "a%(b)sc" is three parts. */
struct check_part {
    const char *text;
    size_t size;
    bool attribute;     /* the text names an attribute of the target */
};

struct check {
    enum check_kind kind;
    unsigned part_count;                /* ROLE to LITERAL: what to compare with */
    const struct check_part *parts;
    const char *source;                 /* a single check as it was written; null: NOT, AND, OR */
    union {
        struct {                        /* NOT, AND, OR */
            struct check **items;
            size_t count;
        };
        const struct policy_rule *rule; /* RULE, once linked */
        size_t offset;                  /* CREDENTIAL, FLAG: in struct policy_caller */
        const char *name;               /* OTHER: the path; LITERAL: its text */
        struct {                        /* FIELD and its kin */
            const char *attribute;
            const char *value;
            const regex_t *pattern;
        };
    };
};

enum { POLICY_DEPTH = 64, POLICY_EXPRESSION = 16 * 1024, POLICY_RULES = 10000, POLICY_FILE = 4 * 1024 * 1024 };

/* Parses an expression. On an error returns null and sets *ret_error to a sentence that begins with the column. */
struct check *check_parse(struct arena *arena, const char *text, const char **ret_error);

/* Parses one check, such as "role:admin", that is not part of a larger expression. */
struct check *check_parse_single(struct arena *arena, const char *text, size_t size, const char **ret_error);

/* A check of kind AND, OR or NOT without items yet; and adding one. */
struct check *check_new(struct arena *arena, enum check_kind kind);
void check_add(struct arena *arena, struct check *check, struct check *item);
/* The only item when there is one, else the check itself. */
struct check *check_simplest(struct check *check);

/* Calls 'rule_found' for each "name: expression" of a YAML file. 'check' is the tree, 'list' true when it was written
 * as a list of lists. The function returns false after setting *ret_error. */
struct policy_reader {
    bool (*rule_found)(struct policy_reader *reader, const char *name, struct check *check, bool list);
    struct arena *arena;
    const char *error;
};
bool policy_file_read(struct policy_reader *reader, const char *path);
