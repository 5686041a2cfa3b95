/* SPDX-License-Identifier: Apache-2.0
 * Who may do what: the rules of a service, in the policy language that operators know from OpenStack (oslo.policy).
 *
 *     "compute:start": "(role:member and project_id:%(project_id)s) or rule:context_is_admin"
 *
 *     @  ""                everybody                     !                       nobody
 *     role:NAME            the caller has this role      rule:NAME               what that rule says
 *     user_id:%(user_id)s  a property of the caller is a property of the object
 *     'x':%(visibility)s   a property of the object is this text
 *     field:networks:shared=True                         the same in the network service's spelling; =~ for a pattern
 *     not, and, or, ( )    binding in this order
 *     http://...           asks nobody: never passes
 *     [["a:b", "c:d"], ["e:f"]]                          the older form: any of the lists, all checks of it
 *
 * Rules are read once, checked, and then never change, so that any thread may ask them. Asking allocates nothing
 * (but for =~ with more than a beginning). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct policy;
struct policy_rule;

/* One line of a service's policy.def. */
struct policy_default {
    const char *name;
    const char *check;          /* the default */
    const char *legacy;         /* its older form, enough while new defaults are not enforced; null: none */
    const char *old_name;       /* an override of this name counts when there is none of 'name'; null: none */
};

/* Who asks. Null: the token does not say. A property that is null or empty equals nothing. */
struct policy_caller {
    const char *user_id, *user_domain_id;
    const char *project_id, *project_domain_id;     /* of the token's project */
    const char *domain_id;                          /* of a token for a domain */
    const char *system_scope;                       /* "all" */
    const char *trust_id, *trustor_id, *trustee_id;
    const char *const *roles;                       /* names, implied roles included; compared without regard to case */
    size_t role_count;
    bool is_admin;                                  /* what policy_is_admin said */
    bool is_admin_project;
    /* Any other property, by its path as the rule writes it ("token.audit_ids"): its value, or of a list the
     * value at 'index'; null past the end. May be null. */
    const char *(*get)(const void *user, const char *path, size_t index);
    const void *user;
};

/* What is asked for. 'get' returns a property of the object: null when it has none of that name, "None" when it has
 * one without a value, "True" or "False" for a truth value. Both spellings "tenant_id" and "project_id", also after a
 * colon ("network:tenant_id"), arrive as "project_id". */
struct policy_target {
    const char *(*get)(const void *user, const char *attribute);
    const void *user;
};

/* Makes the rules out of 'count' defaults and, over them, the map of names to expressions in the YAML (or JSON) file
 * 'path' (null: none). While 'enforce_new_defaults' is false a default also passes by its legacy form. The result
 * lives as long as 'arena'. A file that cannot be read, an expression that cannot be understood and a rule that leads
 * back to itself are errors: null, and a sentence naming rule and place in *ret_error (in the arena). */
struct policy *policy_new(struct arena *arena, const struct policy_default *defaults, size_t count,
                          bool enforce_new_defaults, const char *path, const char **ret_error);

/* The rule 'name'. When there is none: the rule "default" if the service has it, else one that passes nobody. Never
 * null. */
const struct policy_rule *policy_find(const struct policy *policy, const char *name);
bool policy_defines(const struct policy *policy, const char *name);

/* Whether 'caller' passes. 'target' may be null: an object without properties. */
bool policy_rule_allows(const struct policy_rule *rule, const struct policy_caller *caller,
                        const struct policy_target *target);
bool policy_allows(const struct policy *policy, const char *name, const struct policy_caller *caller,
                   const struct policy_target *target);

/* Whether 'caller' is an administrator of this service: what its rule "context_is_admin" says. Meant for setting
 * caller->is_admin, which must be false in this call. */
bool policy_is_admin(const struct policy *policy, const struct policy_caller *caller);

/* All rules in force as YAML, which policy_new reads again with the same meaning. In the arena. */
const char *policy_print(struct arena *arena, const struct policy *policy);
