/* SPDX-License-Identifier: Apache-2.0
 * What a bucket's policy says to a request: a statement that denies counts before all that allow. */
#include <string.h>

#include "object_store/s3_config.h"
#include "object_store/s3_policy_doc.h"

enum { MAX_STATEMENTS = 200, MAX_POLICY = 20 * 1024 };
#define ARN "arn:aws:s3:::"

/* ---- texts ---- */

bool s3_policy_texts(const struct json *member) {
    if (member && member->type == JSON_LIST) {
        for (JSON_EACH(item, member)) {
            if (item->type != JSON_TEXT) {
                return false;
            }
        }
        return member->count;
    }
    return member && member->type == JSON_TEXT;
}

/* for (EACH_OF(item, member)): the one that there is, or those of a list */
#define EACH_OF(item, member)                                                                                        \
    const struct json *item = (member) && (member)->type == JSON_LIST ? (member)->first : (member); item;              \
    item = (member)->type == JSON_LIST ? item->next : NULL

static bool any_fits(const struct json *patterns, struct s3_text *text) {
    for (EACH_OF(item, patterns)) {
        if (s3_text_fits(text, item->text)) {
            return true;
        }
    }
    return false;
}

/* ---- principals ---- */

static bool is_everybody(const struct json *principal) {
    if (principal && principal->type == JSON_MAP) {
        for (EACH_OF(item, json_get(principal, "AWS"))) {
            if (!strcmp(item->text, "*")) {
                return true;
            }
        }
        return false;
    }
    return principal && principal->type == JSON_TEXT && !strcmp(principal->text, "*");
}

/* "PROJECT", "arn:aws:iam::PROJECT:root", "arn:aws:iam::PROJECT:user/USER" (its id or its name) */
static bool names_caller(const struct caller *caller, const char *text) {
    static const char arn[] = "arn:aws:iam::";
    size_t size = caller->project_id ? strlen(caller->project_id) : 0;
    const char *user;

    if (!size) {
        return false;
    }
    if (strncmp(text, arn, sizeof arn - 1) != 0) {
        return !strcmp(text, caller->project_id);
    }
    text += sizeof arn - 1;
    if (strncmp(text, caller->project_id, size) != 0 || text[size] != ':') {
        return false;
    }
    text += size + 1;
    user = strncmp(text, "user/", 5) ? NULL : text + 5;
    return user ? (caller->user_id && !strcmp(user, caller->user_id)) || (caller->user_name && !strcmp(user, caller->user_name))
                : !strcmp(text, "root");
}

static bool principal_fits(const struct s3_asked *asked, const struct json *principal) {
    const struct caller *caller = &asked->s3->call->caller;

    if (is_everybody(principal)) {
        return true;
    }
    for (EACH_OF(item, json_get(principal, "AWS"))) {
        if (names_caller(caller, item->text)) {
            return true;
        }
    }
    for (EACH_OF(item, json_get(principal, "CanonicalUser"))) {
        if (caller->project_id && !strcmp(item->text, caller->project_id)) {
            return true;
        }
    }
    return false;
}

/* ---- statements ---- */

/* Of one request and action: the statements that apply as far as neither key nor object are asked about. Deleting many
 * objects judges for each, and all but this only once. */
struct ruling {
    const char *action, *project, *user;
    const struct json **statements;
    size_t count;
    struct ruling *next;
};

/* The policy of a bucket in a request. */
struct s3_policy {
    const char *text;               /* as the bucket has it */
    const struct json *root;        /* null: it cannot be read */
    bool public;
    struct ruling *rulings;
};

/* The member, or its opposite "Not...". */
static bool fits(const struct json *statement, const char *name, const char *not_name, struct s3_text *text) {
    const struct json *member = json_get(statement, name);

    return member ? any_fits(member, text) : !any_fits(json_get(statement, not_name), text);
}

static bool may_apply(const struct s3_asked *asked, const struct json *statement, struct s3_text *action) {
    const struct json *principal = json_get(statement, "Principal");

    return (principal ? principal_fits(asked, principal) : !principal_fits(asked, json_get(statement, "NotPrincipal"))) &&
           fits(statement, "Action", "NotAction", action) &&
           s3_conditions_hold(asked, json_get(statement, "Condition"), S3_ABOUT_REQUEST);
}

static bool allows(const struct json *statement) {
    return !strcmp(json_get_text(statement, "Effect"), "Allow");
}

/* Null: the bucket has none. The last one is remembered. */
static struct s3_policy *policy_of(const struct s3_asked *asked) {
    struct s3 *s3 = asked->s3;
    const char *text = store_meta_get(&asked->container->meta, "sys-s3-policy"), *why;

    if (text && (!s3->policy || s3->policy->text != text)) {
        s3->policy = ARENA_NEW(s3->arena, struct s3_policy);
        s3->policy->text = text;
        s3->policy->root = s3_policy_read(s3->arena, text, strlen(text), asked->container->name, &why);
        s3->policy->public = s3_policy_public(s3->policy->root);
    }
    return text ? s3->policy : NULL;
}

static const struct ruling *ruling_of(const struct s3_asked *asked, struct s3_policy *policy) {
    const struct json *list = json_get(policy->root, "Statement");
    const struct caller *caller = &asked->s3->call->caller;
    struct arena *arena = asked->s3->arena;
    struct ruling *ruling = policy->rulings;
    struct s3_text action;

    while (ruling && (strcmp(ruling->action, asked->action) != 0 || ruling->project != caller->project_id ||
                      ruling->user != caller->user_id)) {
        ruling = ruling->next;
    }
    if (ruling) {
        return ruling;
    }
    ruling = ARENA_NEW(arena, struct ruling);
    *ruling = (struct ruling){.action = asked->action, .project = caller->project_id, .user = caller->user_id,
                              .next = policy->rulings};
    policy->rulings = ruling;
    s3_text_begin(&action, asked->action, true);
    for (EACH_OF(item, list)) {
        if (may_apply(asked, item, &action)) {
            ruling->statements = arena_grow(arena, ruling->statements, ruling->count, sizeof *ruling->statements);
            ruling->statements[ruling->count++] = item;
        }
    }
    s3_text_end(&action);
    asked->s3->policy_steps += action.steps;
    return ruling;
}

static enum s3_verdict rule(const struct s3_asked *asked, const struct ruling *ruling, struct s3_text *resource) {
    enum s3_verdict verdict = S3_SILENT;

    for (size_t i = 0; i < ruling->count; i++) {
        const struct json *statement = ruling->statements[i];

        if (!fits(statement, "Resource", "NotResource", resource) ||
            !s3_conditions_hold(asked, json_get(statement, "Condition"), S3_ABOUT_ASKED)) {
            continue;
        }
        if (!allows(statement)) {
            return S3_DENIED;
        }
        verdict = S3_ALLOWED;
    }
    return verdict;
}

enum s3_verdict s3_judge(const struct s3_asked *asked) {
    struct s3_policy *policy = policy_of(asked);
    const char *project = asked->s3->call->caller.project_id;
    bool own = project && !strcmp(project, s3_project_of(asked->account));
    struct s3_tags_seen seen = {0};
    struct s3_asked one = *asked;
    struct s3_text resource;
    enum s3_verdict verdict;

    if (!policy || !policy->root) {     /* one that cannot be read may be there to deny */
        return policy ? S3_DENIED : S3_SILENT;
    }
    one.seen = &seen;
    s3_text_begin(&resource, arena_printf(asked->s3->arena, ARN "%s%s%s", asked->container->name, asked->key ? "/" : "",
                                          asked->key ? asked->key : ""), false);
    verdict = rule(&one, ruling_of(asked, policy), &resource);
    s3_text_end(&resource);
    asked->s3->policy_steps += resource.steps;
    /* A public policy of a bucket that restricts those is for its owner alone. */
    return verdict == S3_ALLOWED && !own && policy->public &&
                   s3_public_block(asked->s3->arena, asked->container, S3_RESTRICT_PUBLIC) ? S3_SILENT : verdict;
}

bool s3_policy_public(const struct json *root) {
    const struct json *list = json_get(root, "Statement");

    for (EACH_OF(item, list)) {
        if (allows(item) && is_everybody(json_get(item, "Principal")) && !s3_conditions_narrow(json_get(item, "Condition"))) {
            return true;
        }
    }
    return false;
}

/* ---- form ---- */

static const char *principal_wrong(const struct json *principal) {
    if (principal->type == JSON_TEXT) {
        return strcmp(principal->text, "*") ? "Invalid principal in policy" : NULL;
    }
    if (principal->type != JSON_MAP || !principal->count) {
        return "Invalid principal in policy";
    }
    for (JSON_EACH(item, principal)) {
        if ((strcmp(item->key, "AWS") != 0 && strcmp(item->key, "CanonicalUser") != 0) || !s3_policy_texts(item)) {
            return "Invalid principal in policy";
        }
        for (EACH_OF(one, item)) {
            if (!*one->text || (strchr(one->text, '*') && (strcmp(one->text, "*") != 0 || strcmp(item->key, "AWS") != 0))) {
                return "Invalid principal in policy";
            }
        }
    }
    return NULL;
}

static bool is_action(const char *text) {
    return !strcmp(text, "*") ||
           (!strncmp(text, "s3:", 3) && text[3] &&
            strspn(text + 3, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*?") == strlen(text + 3));
}

/* The part of a pattern in front of a slash stands for the bucket. */
static bool is_resource(struct arena *arena, const char *text, const char *bucket) {
    if (strncmp(text, ARN, sizeof ARN - 1) != 0 || strstr(text, "${")) {
        return !strcmp(text, "*");
    }
    text += sizeof ARN - 1;
    return s3_glob(arena_text_size(arena, text, strcspn(text, "/")), bucket, false);
}

static const char *one_of(const struct json *statement, const char *name, const char *not_name, const struct json **ret) {
    const struct json *member = json_get(statement, name), *other = json_get(statement, not_name);

    *ret = member ? member : other;
    return !*ret || (member && other) ? "A statement lacks a member, or has it twice." : NULL;
}

static const char *statement_wrong(struct arena *arena, const struct json *statement, const char *bucket) {
    static const char *const known[] = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
                                        "NotResource", "Condition", NULL};
    const char *effect = json_get_text(statement, "Effect"), *why;
    const struct json *principal, *action, *resource;

    if (statement->type != JSON_MAP || !effect || (strcmp(effect, "Allow") != 0 && strcmp(effect, "Deny") != 0)) {
        return "Invalid effect in a statement.";
    }
    for (JSON_EACH(item, statement)) {
        const char *const *name = known;

        while (*name && strcmp(*name, item->key) != 0) {
            name++;
        }
        if (!*name || (!strcmp(*name, "Sid") && item->type != JSON_TEXT)) {
            return "A statement has a member that is not known.";
        }
    }
    if ((why = one_of(statement, "Principal", "NotPrincipal", &principal)) != NULL ||
        (why = one_of(statement, "Action", "NotAction", &action)) != NULL ||
        (why = one_of(statement, "Resource", "NotResource", &resource)) != NULL || (why = principal_wrong(principal)) != NULL) {
        return why;
    }
    if (json_get(statement, "NotPrincipal") && allows(statement)) {
        return "A statement that allows must say whom: NotPrincipal is for those that deny.";
    }
    if (!s3_policy_texts(action) || !s3_policy_texts(resource)) {
        return "Actions and resources must be texts.";
    }
    for (EACH_OF(item, action)) {
        if (!is_action(item->text)) {
            return "Policy has invalid action";
        }
    }
    for (EACH_OF(item, resource)) {
        if (json_get(statement, "Resource") && !is_resource(arena, item->text, bucket)) {
            return "Policy has invalid resource";
        }
    }
    return s3_conditions_wrong(arena, json_get(statement, "Condition"));
}

const struct json *s3_policy_read(struct arena *arena, const char *text, size_t size, const char *bucket, const char **ret_why) {
    const struct json *root = size <= MAX_POLICY ? json_parse(arena, text, size, NULL) : NULL, *list = json_get(root, "Statement");
    const char *version = json_get_text(root, "Version");

    *ret_why = NULL;
    if (size > MAX_POLICY) {
        *ret_why = "Policies must not be longer than 20,480 bytes.";
    } else if (!root || root->type != JSON_MAP) {
        *ret_why = "Policies must be valid JSON and the first byte must be '{'";
    } else if (json_get(root, "Version") && (!version || (strcmp(version, "2012-10-17") != 0 && strcmp(version, "2008-10-17") != 0))) {
        *ret_why = "The policy must contain a valid version string";
    } else if (!list || (list->type != JSON_LIST && list->type != JSON_MAP) || !list->count || list->count > MAX_STATEMENTS) {
        *ret_why = "The policy has no statement, or too many.";
    }
    for (JSON_EACH(item, root)) {
        if (!*ret_why && strcmp(item->key, "Version") != 0 && strcmp(item->key, "Id") != 0 && strcmp(item->key, "Statement") != 0) {
            *ret_why = "The policy has a member that is not known.";
        }
    }
    if (!*ret_why && list->type == JSON_MAP) {
        *ret_why = statement_wrong(arena, list, bucket);
    } else if (!*ret_why) {
        for (const struct json *item = list->first; item && !*ret_why; item = item->next) {
            *ret_why = statement_wrong(arena, item, bucket);
        }
    }
    return *ret_why ? NULL : root;
}
