/* SPDX-License-Identifier: Apache-2.0
 * Users and groups out of an LDAP directory. What an attribute means is Keystone's: its driver of that name decides which
 * users an existing cloud has, so that they stay the same here. */
#include <ldap.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/map.h"
#include "identity/backend.h"
#include "identity/ldap_settings.h"
#include "identity/ldap_text.h"

enum { KEYS_AT_ONCE = 50, MOST_MEMBERS = 20000, MEMBERS_ONE_BY_ONE = 500 };

/* All members of members (LDAP_MATCHING_RULE_IN_CHAIN of Active Directory). */
#define IN_CHAIN ":1.2.840.113556.1.4.1941:"

static bool open_settings(struct call *call, struct directory *directory) {
    struct ldap_settings *settings = ARENA_NEW(call->arena, struct ldap_settings);

    directory->settings = settings;
    return ldap_settings_read(call, directory->domain_id, settings);
}

static const char *first_value(const struct ldap_entry *entry, const char *attribute) {
    const struct ldap_attribute *found = ldap_attribute_of(entry, attribute);

    return found && found->count ? found->values[0] : NULL;
}

/* Of several values of the id's attribute the one in the name counts. */
static const char *id_of(struct call *call, const struct ldap_kind *kind, const struct ldap_entry *entry) {
    const struct ldap_attribute *ids = ldap_attribute_of(entry, kind->id);
    const char *in_name = ids && ids->count > 1 ? dn_first(call->arena, entry->dn, kind->id) : NULL;

    return in_name ? in_name : ids && ids->count ? ids->values[0] : NULL;
}

/* ---- who is enabled ---- */

static bool enabled_by_attribute(const struct ldap_settings *settings, const struct ldap_entry *entry) {
    const char *value = first_value(entry, settings->enabled);
    char *end = NULL;
    long long number = value ? strtoll(value, &end, 10) : 0;
    bool is_number = value && *value && !*end, enabled;

    if (!settings->enabled) {
        return true;
    }
    if (settings->enabled_mask) {
        number = is_number ? number : settings->enabled_default;
        return (number & settings->enabled_mask) != settings->enabled_mask;
    }
    enabled = !value ? settings->enabled_otherwise : is_number ? number != 0 : !strcasecmp(value, "true");
    return enabled != settings->enabled_invert;
}

/* As what the group of those who are enabled has an entry. */
static const char *member_key(struct call *call, const struct ldap_settings *settings, const struct ldap_entry *entry) {
    return settings->enabled_ids ? id_of(call, &settings->kinds[BACKEND_USER], entry) : dn_normal(call->arena, entry->dn);
}

/* Those of 'found' who are enabled, into '*members'. The group's members are read whole but for a single user. */
static bool ask_enabled(struct call *call, const struct ldap_settings *settings, const struct ldap_entries *found,
                        struct map *members) {
    const char *attributes[] = {settings->enabled_member, NULL}, *key = NULL;
    struct ldap_entries groups = {0};
    struct ldap_question question = {.base = settings->enabled_group, .scope = LDAP_SCOPE_BASE,
                                     .filter = "(objectClass=*)", .attributes = attributes};

    if (found->count == 1 && (key = member_key(call, settings, &found->at[0]))) {
        const char *value = settings->enabled_ids ? key : found->at[0].dn;

        question.filter = filter_equals(call->arena, settings->enabled_member, value);
        question.attributes = (const char *const[]){LDAP_NO_ATTRS, NULL};
    }
    if (!ldap_ask(call, &settings->server, &question, &groups)) {
        return false;
    }
    if (key && groups.count) {
        map_set(members, key, members);
    }
    for (size_t i = 0; !key && i < groups.count; i++) {
        const struct ldap_attribute *of = ldap_attribute_of(&groups.at[i], settings->enabled_member);

        for (size_t j = 0; of && j < of->count; j++) {
            const char *one = settings->enabled_ids ? of->values[j] : dn_normal(call->arena, of->values[j]);

            if (one) {
                map_set(members, one, members);
            }
        }
    }
    return true;
}

/* ---- entries ---- */

static void add_more(struct json_out *out, const struct ldap_kind *kind, const struct ldap_entry *entry) {
    for (const struct ldap_mapping *at = kind->more; at->attribute; at++) {
        const char *value = first_value(entry, at->attribute);
        bool again = false;

        for (const struct ldap_mapping *before = kind->more; before < at; before++) {
            again = again || (!strcmp(before->name, at->name) && first_value(entry, before->attribute));
        }
        if (value && !again) {
            json_put_text(out, at->name, value);
        }
    }
}

/* Fills in one entry; false when it has no id or name that could be used. */
static bool read_entry(struct call *call, const struct ldap_settings *settings, enum backend_kind which,
                       const struct ldap_entry *from, struct backend_entry *to) {
    const struct ldap_kind *kind = &settings->kinds[which];
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *name = first_value(from, kind->name);

    *to = (struct backend_entry){.local_id = id_of(call, kind, from), .name = name, .handle = from->dn};
    if (!to->local_id || !*to->local_id || !name || !name[strspn(name, " \t\r\n")] || utf8_length(name) > 255) {
        return false;
    }
    json_map(&out);
    add_more(&out, kind, from);
    json_map_end(&out);
    to->extra = arena_text(call->arena, buf.at);
    buf_release(&buf);
    if (which == BACKEND_USER) {
        to->enabled = enabled_by_attribute(settings, from);
        to->default_project_id = settings->project ? first_value(from, settings->project) : NULL;
    }
    return true;
}

static bool read_entries(struct call *call, const struct ldap_settings *settings, enum backend_kind which,
                         const struct ldap_entries *from, struct backend_entries *to) {
    bool by_group = which == BACKEND_USER && settings->enabled_group && from->count;
    const char *holder = by_group ? dn_normal(call->arena, settings->enabled_group) : NULL;
    struct map *members = by_group ? map_new() : NULL;

    if (by_group && !ask_enabled(call, settings, from, members)) {
        map_free(members, NULL);
        return false;
    }
    for (size_t i = 0; i < from->count; i++) {
        struct backend_entry entry;
        const char *dn = by_group ? dn_normal(call->arena, from->at[i].dn) : NULL;

        if ((dn && holder && !strcmp(dn, holder)) || !read_entry(call, settings, which, &from->at[i], &entry)) {
            continue;
        }
        if (by_group) {
            const char *key = member_key(call, settings, &from->at[i]);

            entry.enabled = key && map_get(members, key);
        }
        to->at = arena_grow(call->arena, to->at, to->count, sizeof *to->at);
        to->at[to->count++] = entry;
    }
    map_free(members, NULL);
    return true;
}

/* ---- asking ---- */

static const char *kind_filter(struct call *call, const struct ldap_kind *kind, const char *condition) {
    return arena_printf(call->arena, "(&%s%s(objectClass=%s)(%s=*))", condition, kind->filter, kind->object_class, kind->id);
}

static bool search(struct call *call, const struct ldap_settings *settings, enum backend_kind which, const char *condition,
                   struct backend_entries *entries) {
    const struct ldap_kind *kind = &settings->kinds[which];
    struct ldap_entries found = {0};
    struct ldap_question question = {.base = kind->tree, .scope = settings->scope, .attributes = kind->attributes,
                                     .filter = kind_filter(call, kind, condition)};

    return ldap_ask(call, &settings->server, &question, &found) && read_entries(call, settings, which, &found, entries);
}

static bool find(struct call *call, const struct directory *directory, enum backend_kind which, bool by_name,
                 const char *const *keys, size_t count, struct backend_entries *entries) {
    const struct ldap_settings *settings = directory->settings;
    const struct ldap_kind *kind = &settings->kinds[which];

    if (!keys) {
        return search(call, settings, which, "", entries);
    }
    for (size_t from = 0; from < count; from += KEYS_AT_ONCE) {
        struct buf buf = {0};
        bool ok;

        buf_text(&buf, "(|");
        for (size_t i = from; i < count && i < from + KEYS_AT_ONCE; i++) {
            buf_text(&buf, filter_equals(call->arena, by_name ? kind->name : kind->id, keys[i]));
        }
        buf_text(&buf, ")");
        ok = search(call, settings, which, buf.at, entries);
        buf_release(&buf);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool groups_of(struct call *call, const struct directory *directory, const struct backend_entry *user,
                      struct backend_entries *entries) {
    const struct ldap_settings *settings = directory->settings;
    const char *value = settings->members_are_ids ? user->local_id : user->handle;
    const char *condition = settings->nesting ? arena_printf(call->arena, "(member" IN_CHAIN "=%s)",
                                                             filter_escaped(call->arena, value, strlen(value)))
                                              : filter_equals(call->arena, settings->member, value);

    return search(call, settings, BACKEND_GROUP, condition, entries);
}

/* One user by its name in the directory. */
static bool member_by_dn(struct call *call, const struct ldap_settings *settings, const char *dn,
                         struct backend_entries *entries) {
    const struct ldap_kind *kind = &settings->kinds[BACKEND_USER];
    struct ldap_entries found = {0};
    struct ldap_question question = {.base = dn, .scope = LDAP_SCOPE_BASE, .attributes = kind->attributes,
                                     .filter = kind_filter(call, kind, "")};

    return ldap_ask(call, &settings->server, &question, &found) &&
           read_entries(call, settings, BACKEND_USER, &found, entries);
}

/* Members are named by id, or by a name whose first part is the id; what names them otherwise is looked up one by one. */
static bool read_members(struct call *call, const struct directory *directory, const struct ldap_attribute *members,
                         struct backend_entries *entries) {
    const struct ldap_settings *settings = directory->settings;
    size_t count = members->count < MOST_MEMBERS ? members->count : MOST_MEMBERS, known = 0, others = 0;
    const char **ids = ARENA_ARRAY(call->arena, const char *, count + 1);

    for (size_t i = 0; i < count; i++) {
        const char *id = settings->members_are_ids ? members->values[i]
                                                   : dn_first(call->arena, members->values[i], settings->kinds[BACKEND_USER].id);

        if (id) {
            ids[known++] = id;
        } else if (others++ < MEMBERS_ONE_BY_ONE && !member_by_dn(call, settings, members->values[i], entries)) {
            return false;
        }
    }
    return !known || find(call, directory, BACKEND_USER, false, ids, known, entries);
}

static bool members_of(struct call *call, const struct directory *directory, const struct backend_entry *group,
                       struct backend_entries *entries) {
    const struct ldap_settings *settings = directory->settings;
    const char *attributes[] = {settings->member, NULL};
    struct ldap_entries found = {0};
    struct ldap_question question = {.base = group->handle, .scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)",
                                     .attributes = attributes};
    const struct ldap_attribute *members;

    if (settings->nesting) {
        return search(call, settings, BACKEND_USER,
                      arena_printf(call->arena, "(memberOf" IN_CHAIN "=%s)",
                                   filter_escaped(call->arena, group->handle, strlen(group->handle))), entries);
    }
    if (!ldap_ask(call, &settings->server, &question, &found)) {
        return false;
    }
    members = found.count ? ldap_attribute_of(&found.at[0], settings->member) : NULL;
    return !members || read_members(call, directory, members, entries);
}

/* ---- passwords ---- */

static enum password_state authenticate(struct call *call, const struct directory *directory, const struct identity_user *user,
                                        const struct backend_entry *entry, const char *name, const char *password) {
    const struct ldap_settings *settings = directory->settings;
    const struct ldap_kind *kind = &settings->kinds[BACKEND_USER];
    const char *nobody = arena_printf(call->arena, "%s=%s,%s", kind->id, dn_escaped(call->arena, name), kind->tree);
    bool good = ldap_password_good(call, &settings->server, entry ? entry->handle : nobody, password);

    return good && entry ? PASSWORD_GOOD : PASSWORD_WRONG;
}

const struct identity_backend backend_ldap = {"ldap", open_settings, find, groups_of, members_of, authenticate};
