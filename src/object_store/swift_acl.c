/* SPDX-License-Identifier: Apache-2.0
 * Who may what: the roles of the account's project, resellers, and the access lists of containers and accounts. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "base/json.h"
#include "object_store/swift_parts.h"
#include "rest/cloud.h"

#define ACCOUNT_PREFIX "AUTH_"

/* ---- lists in text: "a, b" ---- */

/* The next item of a list separated by commas, trimmed; null at the end. */
static const char *next_item(struct arena *arena, const char **at) {
    while (*at) {
        size_t size = strcspn(*at, ","), left = strspn(*at, " \t"), right = size;
        const char *item;

        left = left < size ? left : size;
        while (right > left && strchr(" \t", (*at)[right - 1])) {
            right--;
        }
        item = arena_text_size(arena, *at + left, right - left);
        *at = (*at)[size] ? *at + size + 1 : NULL;
        if (*item) {
            return item;
        }
    }
    return NULL;
}

static bool has_role(const struct swift *sw, const char *role) {
    const struct caller *caller = &sw->call->caller;

    for (size_t i = 0; i < caller->role_count; i++) {
        if (!strcasecmp(caller->roles[i], role)) {
            return true;
        }
    }
    return false;
}

static bool has_role_of(const struct swift *sw, const char *option, const char *otherwise) {
    const char *at = conf_text(cloud.conf, "object_store", option, otherwise), *role;

    while ((role = next_item(sw->arena, &at)) != NULL) {
        if (has_role(sw, role)) {
            return true;
        }
    }
    return false;
}

/* ---- the lists of containers ---- */

static const char *after_designator(const char *item) {
    static const char *const words[] = {".referrer", ".referer", ".ref", ".r"};

    for (size_t i = 0; i < 4; i++) {
        size_t size = strlen(words[i]);

        if (!strncmp(item, words[i], size)) {
            const char *at = item + size + strspn(item + size, " \t");

            if (*at == ':') {
                return at + 1 + strspn(at + 1, " \t");
            }
        }
    }
    return NULL;
}

static const char *clean_referrer(struct arena *arena, const char *host, bool write, const char **ret_error) {
    bool negate = *host == '-';

    host += negate ? 1 + strspn(host + 1, " \t") : 0;
    while (host[0] == '*' && host[1]) {
        host += 1 + strspn(host + 1, " \t");
    }
    if (write) {
        *ret_error = "referrers are not allowed in a write ACL";
        return NULL;
    }
    if (!*host || !strcmp(host, ".")) {
        *ret_error = "a referrer designation names no host or domain";
        return NULL;
    }
    return arena_printf(arena, ".r:%s%s", negate ? "-" : "", host);
}

const char *swift_clean_acl(struct arena *arena, const char *value, bool write, const char **ret_error) {
    const char *item, *clean = "";

    while ((item = next_item(arena, &value)) != NULL) {
        const char *host = after_designator(item);

        if (host) {
            item = clean_referrer(arena, host, write, ret_error);
            if (!item) {
                return NULL;
            }
        } else if (*item == '.' && strchr(item, ':')) {
            *ret_error = arena_printf(arena, "%.100s is no known designator", item);
            return NULL;
        }
        clean = arena_printf(arena, "%s%s%s", clean, *clean ? "," : "", item);
    }
    return clean;
}

/* The host of a Referer header; "unknown" when there is none. */
static const char *referrer_host(struct swift *sw) {
    const char *referrer = http_header(sw->http, "Referer"), *at = referrer ? strstr(referrer, "://") : NULL, *user;
    size_t size;

    if (!at) {
        return "unknown";
    }
    at += 3;
    size = strcspn(at, "/?#");
    user = memrchr(at, '@', size);
    if (user) {
        size -= (size_t)(user + 1 - at);
        at = user + 1;
    }
    size = memchr(at, ':', size) ? (size_t)((const char *)memchr(at, ':', size) - at) : size;
    return size ? arena_text_size(sw->arena, at, size) : "unknown";
}

static bool host_matches(const char *pattern, const char *host) {
    size_t pattern_size = strlen(pattern), host_size = strlen(host);

    return !strcmp(pattern, host) || (*pattern == '.' && host_size >= pattern_size &&
                                      !strcmp(host + host_size - pattern_size, pattern));
}

/* What an access list says of the caller. */
struct verdict {
    bool named;         /* PROJECT:USER stands in it */
    bool role;          /* a role of the caller stands in it */
    bool referrer;      /* the referrer may */
    bool listings;      /* .rlistings */
};

static bool is_half(const char *text, size_t size, const char *id, const char *name) {
    return (size == 1 && *text == '*') || (id && strlen(id) == size && !strncmp(text, id, size)) ||
           (name && strlen(name) == size && !strncmp(text, name, size));
}

static bool is_pair(const struct caller *caller, const char *item, bool names) {
    const char *colon = strchr(item, ':');

    return colon && caller->user_id && caller->project_id &&
           is_half(item, (size_t)(colon - item), caller->project_id, names ? caller->project_name : NULL) &&
           is_half(colon + 1, strlen(colon + 1), caller->user_id, names ? caller->user_name : NULL);
}

/* The account's project is in the default domain, or nobody of the project has said yet. */
static bool in_default_domain(struct swift *sw, const char *account) {
    struct store_find find = {.account = account, .want_account = ACCOUNT_META};
    struct store_found found;
    const char *domain;

    if (store_find(sw->arena, &find, &found) == STORE_FAILED) {
        return false;
    }
    domain = store_meta_get(&found.account.meta, "sys-project-domain");
    return !domain || !strcmp(domain, "default");
}

/* Names are unique within a domain only, so they count when everybody is in the default one. */
static bool is_named(struct swift *sw, const char *account, const char *item) {
    const struct caller *caller = &sw->call->caller;

    return is_pair(caller, item, false) ||
           (caller->project_domain_id && !strcmp(caller->project_domain_id, "default") && caller->user_domain_id &&
            !strcmp(caller->user_domain_id, "default") && is_pair(caller, item, true) && in_default_domain(sw, account));
}

static struct verdict ask_list(struct swift *sw, const char *account, const char *list) {
    struct verdict verdict = {0};
    const char *item;

    while ((item = next_item(sw->arena, &list)) != NULL) {
        if (!strncmp(item, ".r:", 3)) {
            bool negate = item[3] == '-';
            const char *pattern = item + 3 + negate;

            if ((!negate && !strcmp(pattern, "*")) || host_matches(pattern, referrer_host(sw))) {
                verdict.referrer = !negate;
            }
        } else if (!strcmp(item, ".rlistings")) {
            verdict.listings = true;
        } else {
            verdict.named = verdict.named || is_named(sw, account, item);
            verdict.role = verdict.role || has_role(sw, item);
        }
    }
    return verdict;
}

/* ---- the list of an account: {"admin": [...], "read-write": [...], "read-only": [...]} ---- */

bool swift_account_acl_valid(struct arena *arena, const char *text) {
    const struct json *acl = json_parse(arena, text, strlen(text), NULL);

    if (!acl || acl->type != JSON_MAP) {
        return false;
    }
    for (JSON_EACH(list, acl)) {
        if ((strcmp(list->key, "admin") && strcmp(list->key, "read-write") && strcmp(list->key, "read-only")) ||
            list->type != JSON_LIST) {
            return false;
        }
        for (JSON_EACH(item, list)) {
            if (item->type != JSON_TEXT) {
                return false;
            }
        }
    }
    return true;
}

bool swift_account_acl_names(struct arena *arena, const char *text) {
    const struct json *acl = *text ? json_parse(arena, text, strlen(text), NULL) : NULL;

    for (JSON_EACH(list, acl)) {
        if (list->count) {
            return true;
        }
    }
    return false;
}

static bool account_list_has(struct swift *sw, const char *account, const struct json *acl, const char *key) {
    for (JSON_EACH(item, json_get(acl, key))) {
        if (is_named(sw, account, item->text) ||
            (sw->call->caller.user_id && !strcmp(item->text, sw->call->caller.user_id))) {
            return true;
        }
    }
    return false;
}

/* 3: administers the account, 2: reads and writes in it, 1: reads, 0: the list does not name the caller. */
static int account_level(struct swift *sw, const char *account) {
    struct store_find find = {.account = account, .want_account = ACCOUNT_META};
    struct store_found found;
    const struct json *acl;
    const char *text;

    if (!sw->call->caller.user_id || store_find(sw->arena, &find, &found) != STORE_OK) {
        return 0;
    }
    text = store_meta_get(&found.account.meta, "sys-acl");
    acl = text ? json_parse(sw->arena, text, strlen(text), NULL) : NULL;
    return !acl ? 0 : account_list_has(sw, account, acl, "admin") ? 3 : account_list_has(sw, account, acl, "read-write") ? 2 :
           account_list_has(sw, account, acl, "read-only") ? 1 : 0;
}

/* ---- deciding ---- */

static bool owns(const struct swift *sw, const char *account) {
    const char *project = sw->call->caller.project_id;
    size_t prefix = strlen(ACCOUNT_PREFIX);

    return project && !strncmp(account, ACCOUNT_PREFIX, prefix) && !strcmp(account + prefix, project) &&
           has_role_of(sw, "operator_roles", "admin, member, swiftoperator");
}

static bool project_reads(const struct swift *sw, const char *account) {
    const char *project = sw->call->caller.project_id;

    return project && !strcmp(account + (strncmp(account, ACCOUNT_PREFIX, 5) ? 0 : 5), project) &&
           has_role_of(sw, "project_reader_roles", "");
}

static bool list_allows(struct swift *sw, const char *account, const char *list, bool object) {
    struct verdict verdict = ask_list(sw, account, list ? list : "");

    return verdict.named || (verdict.referrer ? object || verdict.listings : verdict.role);
}

/* A temporary URL lets its bearer read what lies in its own container, or in all of the account whose key signed it. */
static bool is_lent(const struct swift *sw, const char *account, const struct store_container *container) {
    return !strcmp(account, sw->account) &&
           (sw->lends || (sw->temporary && container->name && !strcmp(container->name, sw->container)));
}

bool swift_may(struct swift *sw, const char *account, const struct store_container *container, bool write) {
    return (!write && is_lent(sw, account, container)) || sw->reseller || owns(sw, account) || account_level(sw, account) >= (write ? 2 : 1) ||
           list_allows(sw, account, store_meta_get(&container->meta, write ? "sys-write" : "sys-read"), true);
}

unsigned swift_rights(struct swift *sw, const char *account, const struct store_container *container) {
    const char *read = store_meta_get(&container->meta, "sys-read"), *write = store_meta_get(&container->meta, "sys-write");
    int level;

    if (has_role_of(sw, "reseller_admin_role", "ResellerAdmin") || owns(sw, account)) {
        return SWIFT_OWNS | SWIFT_READS | SWIFT_LISTS | SWIFT_WRITES;
    }
    level = account_level(sw, account);
    if (level == 3) {
        return SWIFT_OWNS | SWIFT_READS | SWIFT_LISTS | SWIFT_WRITES;
    }
    if (level || has_role_of(sw, "system_reader_roles", "") || project_reads(sw, account)) {
        return SWIFT_READS | SWIFT_LISTS | (level == 2 ? SWIFT_WRITES : 0);
    }
    return (list_allows(sw, account, read, true) ? SWIFT_READS : 0u) | (list_allows(sw, account, read, false) ? SWIFT_LISTS : 0u) |
           (list_allows(sw, account, write, true) ? SWIFT_WRITES : 0u);
}

static bool is_read(const struct swift *sw) {
    return sw->http->method == HTTP_GET || sw->http->method == HTTP_HEAD;
}

/* By the account's own list, asked last: it costs a look into the index. */
static bool account_list_allows(struct swift *sw, bool read) {
    int level = account_level(sw, sw->account);

    sw->owner = level == 3;
    if (sw->depth == DEPTH_ACCOUNT && !read) {
        return level == 3;
    }
    return level >= (read ? 1 : 2);
}

static bool allowed(struct swift *sw) {
    bool read = is_read(sw), bulk = sw->allowed;
    bool whole = sw->depth == DEPTH_ACCOUNT && !bulk && (sw->http->method == HTTP_PUT || sw->http->method == HTTP_DELETE);
    const struct store_meta *meta = &sw->found.container.meta;
    const char *list = sw->depth == DEPTH_ACCOUNT || (sw->depth == DEPTH_CONTAINER && !read) ? NULL
                       : store_meta_get(meta, read ? "sys-read" : "sys-write");

    sw->reseller = sw->call->caller.user_id && has_role_of(sw, "reseller_admin_role", "ResellerAdmin");
    sw->owner = sw->reseller || (!whole && owns(sw, sw->account));
    if (sw->owner || bulk) {
        return true;
    }
    if (whole) {
        return false;
    }
    return (read && has_role_of(sw, "system_reader_roles", "")) || (read && project_reads(sw, sw->account)) ||
           list_allows(sw, sw->account, list, sw->depth == DEPTH_OBJECT) || account_list_allows(sw, read);
}

bool swift_authorize(struct swift *sw) {
    if (http_header(sw->http, "X-Auth-Token") || http_header(sw->http, "X-Storage-Token")) {
        const char *token = http_header(sw->http, "X-Auth-Token");

        /* Who comes with a token that is none may what everybody may. */
        call_authenticate(sw->call, token ? token : http_header(sw->http, "X-Storage-Token"));
    }
    if (allowed(sw)) {
        return true;
    }
    if (!swift_web_denied(sw)) {
        swift_denied(sw);
    }
    return false;
}
