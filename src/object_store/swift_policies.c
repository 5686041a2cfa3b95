/* SPDX-License-Identifier: Apache-2.0
 * Storage policies: names for a number that a container gets when it is made and keeps. Sections [storage_policy:NUMBER]
 * hold what Swift's swift.conf holds; without any there is Policy-0 alone. */
#include "object_store/swift_policies.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "base/words.h"
#include "object_store/index.h"
#include "rest/cloud.h"

enum { MAX_POLICIES = 64 };

static struct swift_policy policies[MAX_POLICIES];      /* in the order of their numbers; fixed once the service is there */
static int policy_count;

struct reading {
    struct arena *arena;
    const char *error;
};

static bool says_yes(const char *value) {
    return !strcasecmp(value, "true") || !strcasecmp(value, "yes") || !strcasecmp(value, "on") || !strcmp(value, "1");
}

static struct swift_policy *policy_of(struct reading *reading, int index) {
    int at = 0;

    while (at < policy_count && policies[at].index < index) {
        at++;
    }
    if (at < policy_count && policies[at].index == index) {
        return &policies[at];
    }
    if (policy_count == MAX_POLICIES) {
        reading->error = "there are too many storage policies";
        return NULL;
    }
    memmove(&policies[at + 1], &policies[at], (size_t)(policy_count - at) * sizeof *policies);
    policies[at] = (struct swift_policy){.index = index};
    policy_count++;
    return &policies[at];
}

static void add_option(void *user, const char *name, const char *option, const char *value) {
    struct reading *reading = user;
    struct swift_policy *policy;

    if (!*name || strspn(name, "0123456789") != strlen(name) || strlen(name) > 6) {
        reading->error = arena_printf(reading->arena, "[storage_policy:%s] has no number", name);
        return;
    }
    policy = policy_of(reading, atoi(name));
    if (!policy) {
        return;
    }
    if (!strcmp(option, "name")) {
        policy->name = arena_text(reading->arena, value);
    } else if (!strcmp(option, "aliases")) {
        policy->aliases = arena_text(reading->arena, value);
    } else if (!strcmp(option, "default")) {
        policy->is_default = says_yes(value);
    } else if (!strcmp(option, "deprecated")) {
        policy->deprecated = says_yes(value);
    }
}

static bool is_name(const char *text) {
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(text);
}

static bool has_name(const struct swift_policy *policy, const char *name, size_t size) {
    const char *list = policy->aliases, *word;
    size_t length;

    while (words_next(&list, &word, &length)) {
        if (length == size && !strncasecmp(word, name, size)) {
            return true;
        }
    }
    return false;
}

static const char *check_policy(struct arena *arena, struct swift_policy *policy, int64_t *defaults) {
    const char *list = policy->aliases ? policy->aliases : "", *aliases, *word;
    size_t size;

    if (!policy->name || !is_name(policy->name)) {
        return arena_printf(arena, "[storage_policy:%d] needs a name of letters, digits and hyphens", policy->index);
    }
    aliases = policy->name;
    while (words_next(&list, &word, &size)) {
        word = arena_text_size(arena, word, size);
        if (!is_name(word)) {
            return arena_printf(arena, "[storage_policy:%d]: \"%s\" is no name", policy->index, word);
        }
        aliases = strcasecmp(word, policy->name) ? arena_printf(arena, "%s, %s", aliases, word) : aliases;
    }
    policy->aliases = aliases;
    for (const struct swift_policy *other = policies; other < policy; other++) {
        list = policy->aliases;
        while (words_next(&list, &word, &size)) {
            if (has_name(other, word, size)) {
                return arena_printf(arena, "[storage_policy:%d] and [storage_policy:%d] have the same name", other->index,
                                    policy->index);
            }
        }
    }
    *defaults += policy->is_default;
    return policy->is_default && policy->deprecated
               ? arena_printf(arena, "[storage_policy:%d] is the default and deprecated", policy->index) : NULL;
}

bool swift_policies_prepare(const char **ret_error) {
    struct arena *arena = store.arena;
    struct reading reading = {.arena = arena};
    struct swift_policy *first;
    int64_t defaults = 0;

    policy_count = 0;
    conf_each(cloud.conf, "storage_policy:", add_option, &reading);
    first = policy_of(&reading, 0);
    if (first && !first->name) {
        first->name = "Policy-0";
    }
    for (int i = 0; i < policy_count && !reading.error; i++) {
        reading.error = check_policy(arena, &policies[i], &defaults);
    }
    if (!reading.error && defaults > 1) {
        reading.error = "more than one storage policy is the default";
    }
    if (!reading.error && !defaults && first->deprecated) {
        reading.error = "the storage policy 0 is the default and deprecated";
    }
    *ret_error = reading.error;
    if (reading.error) {
        return false;
    }
    first->is_default |= !defaults;
    for (int i = 0; i < policy_count; i++) {
        if (policies[i].is_default) {
            store_set_default_policy(policies[i].index);
        }
    }
    return true;
}

const struct swift_policy *swift_policy_named(const char *name) {
    for (int i = 0; i < policy_count; i++) {
        if (has_name(&policies[i], name, strlen(name))) {
            return &policies[i];
        }
    }
    return NULL;
}

const struct swift_policy *swift_policy_at(int index) {
    for (int i = 0; i < policy_count; i++) {
        if (policies[i].index == index) {
            return &policies[i];
        }
    }
    return NULL;
}

void swift_policies_info(struct json_out *out) {
    json_list(out);
    for (int i = 0; i < policy_count; i++) {
        if (!policies[i].deprecated) {
            json_map(out);
            json_put_text(out, "name", policies[i].name);
            json_put_text(out, "aliases", policies[i].aliases);
            if (policies[i].is_default) {
                json_put_bool(out, "default", true);
            }
            json_map_end(out);
        }
    }
    json_list_end(out);
}

/* ---- what an account has of each ---- */

struct counts {
    int64_t containers, objects, bytes;
};

static void add_counts(void *user, int policy, int64_t containers, int64_t objects, int64_t bytes) {
    const struct swift_policy *found = swift_policy_at(policy);
    struct counts *counts = user;

    if (found) {
        counts += found - policies;
        counts->containers += containers;
        counts->objects += objects;
        counts->bytes += bytes;
    }
}

void swift_policy_headers(struct swift *sw) {
    const struct store_account *account = &sw->found.account;
    struct counts counts[MAX_POLICIES] = {{account->containers, account->objects, account->bytes}};

    if (policy_count > 1) {
        counts[0] = (struct counts){0};
        store_policy_counts(sw->account, add_counts, counts);
    }
    for (int i = 0; i < policy_count; i++) {
        const char *prefix = arena_printf(sw->arena, "X-Account-Storage-Policy-%s", policies[i].name);

        if (counts[i].containers) {
            swift_header(sw, arena_printf(sw->arena, "%s-Container-Count", prefix), "%" PRId64, counts[i].containers);
            swift_header(sw, arena_printf(sw->arena, "%s-Object-Count", prefix), "%" PRId64, counts[i].objects);
            swift_header(sw, arena_printf(sw->arena, "%s-Bytes-Used", prefix), "%" PRId64, counts[i].bytes);
        }
    }
}
