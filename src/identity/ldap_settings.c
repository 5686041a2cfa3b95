/* SPDX-License-Identifier: Apache-2.0
 * Reads the options of group ldap. Names, defaults and meanings are Keystone's (docs.openstack.org/keystone/zed/
 * configuration/config-options.html, "ldap"). */
#include "identity/ldap_settings.h"

#include <ldap.h>
#include <string.h>
#include <strings.h>

#include "base/words.h"
#include "identity/domain_config.h"
#include "identity/ldap_text.h"

enum { DEFAULT_SECONDS = 5, MOST_SECONDS = 60 };

struct reader {
    struct call *call;
    struct domain_options options;
};

static bool bad(struct reader *reader, const char *name) {
    return fail(reader->call, 503, "The domain's option %s of group ldap is not valid.", name);
}

static const char *text(struct reader *reader, const char *name) {
    const char *value = domain_option_text(reader->call, &reader->options, name);

    return value && *value ? value : NULL;
}

static bool truth(struct reader *reader, const char *name) {
    return domain_option_true(reader->call, &reader->options, name);
}

static int number(struct reader *reader, const char *name, int least, int most, int otherwise) {
    return (int)domain_option_int(reader->call, &reader->options, name, least, most, otherwise);
}

static const char *named(struct reader *reader, const char *kind, const char *what) {
    return text(reader, arena_printf(reader->call->arena, "%s_%s", kind, what));
}

/* One of the words, whose place in the list is that of its number; -1 when it is none of them. */
static int word(const char *value, const char *const *words, const int *numbers) {
    for (size_t i = 0; words[i]; i++) {
        if (value && !strcasecmp(value, words[i])) {
            return numbers[i];
        }
    }
    return -1;
}

static bool in_list(struct reader *reader, const char *option, const char *what) {
    const char *list = text(reader, option);

    return list && words_have(list, what);
}

/* ---- the server ---- */

static bool read_server(struct reader *reader, struct ldap_server *server) {
    static const char *const dereferences[] = {"never", "searching", "finding", "always", NULL};
    static const char *const requires[] = {"demand", "never", "allow", NULL};
    static const int numbers[] = {LDAP_DEREF_NEVER, LDAP_DEREF_SEARCHING, LDAP_DEREF_FINDING, LDAP_DEREF_ALWAYS},
                     require_numbers[] = {LDAP_OPT_X_TLS_DEMAND, LDAP_OPT_X_TLS_NEVER, LDAP_OPT_X_TLS_ALLOW};

    server->url = text(reader, "url");
    server->user = text(reader, "user");
    server->password = text(reader, "password");
    server->start_tls = truth(reader, "use_tls");
    server->ca_file = text(reader, "tls_cacertfile");
    server->ca_directory = text(reader, "tls_cacertdir");
    server->require_certificate = word(text(reader, "tls_req_cert"), requires, require_numbers);
    server->dereference = word(text(reader, "alias_dereferencing"), dereferences, numbers);
    server->chase_referrals = truth(reader, "chase_referrals");
    server->page_size = number(reader, "page_size", 0, 100000, 0);
    server->seconds = number(reader, "connection_timeout", 1, MOST_SECONDS, DEFAULT_SECONDS);
    server->keep = truth(reader, "use_pool");
    server->most = number(reader, "pool_size", 1, 100, 10);
    server->lifetime = number(reader, "pool_connection_lifetime", 1, 86400, 600);
    if (server->require_certificate < 0) {
        return bad(reader, "tls_req_cert");
    }
    if (server->start_tls && server->url && strcasestr(server->url, "ldaps:")) {
        return bad(reader, "use_tls");      /* TLS is begun once */
    }
    return server->url || bad(reader, "url");
}

/* ---- users and groups ---- */

static void add_mapping(struct call *call, struct ldap_mapping **list, size_t *count, const char *attribute, const char *name) {
    if (attribute && attribute_good(attribute) && *name) {
        *list = arena_grow(call->arena, *list, *count + 1, sizeof **list);
        (*list)[*count] = (struct ldap_mapping){attribute, name};
        (*list)[++*count] = (struct ldap_mapping){0};
    }
}

/* "attribute:name,attribute:name" */
static void add_further(struct reader *reader, const char *kind, struct ldap_mapping **list, size_t *count) {
    const char *pairs = named(reader, kind, "additional_attribute_mapping"), *at;
    size_t size;

    while (pairs && words_next(&pairs, &at, &size)) {
        size_t first = strcspn(at, ":");

        if (first < size) {
            const char *name = arena_text_size(reader->call->arena, at + first + 1, size - first - 1);

            if (strcmp(name, "id") && strcmp(name, "name") && strcmp(name, "domain_id") && strcmp(name, "enabled") &&
                strcmp(name, "links") && strcmp(name, "password") && strcmp(name, "options")) {
                add_mapping(reader->call, list, count, arena_text_size(reader->call->arena, at, first), name);
            }
        }
    }
}

/* The subtrees' default names are those that Keystone would look into. */
static bool read_kind(struct reader *reader, struct ldap_settings *settings, enum backend_kind which) {
    struct call *call = reader->call;
    const char *kind = which == BACKEND_USER ? "user" : "group", *filter = named(reader, kind, "filter");
    const char *ignore = arena_printf(call->arena, "%s_attribute_ignore", kind), *suffix = text(reader, "suffix");
    struct ldap_kind *into = &settings->kinds[which];
    struct ldap_mapping *more = ARENA_ARRAY(call->arena, struct ldap_mapping, 4);
    size_t count = 0;

    into->tree = named(reader, kind, "tree_dn");
    into->tree = into->tree ? into->tree
                 : arena_printf(call->arena, "%s,%s", which == BACKEND_USER ? "ou=Users" : "ou=UserGroups", suffix ? suffix : "");
    into->filter = filter_part(call->arena, filter);
    into->object_class = named(reader, kind, "objectclass");
    into->id = named(reader, kind, "id_attribute");
    into->name = named(reader, kind, "name_attribute");
    if (!into->filter) {
        return bad(reader, arena_printf(call->arena, "%s_filter", kind));
    }
    if (!attribute_good(into->object_class) || !attribute_good(into->id) || !attribute_good(into->name)) {
        return bad(reader, arena_printf(call->arena, "%s_objectclass, _id_attribute or _name_attribute", kind));
    }
    if (!in_list(reader, ignore, "description")) {
        add_mapping(call, &more, &count, named(reader, kind, which == BACKEND_USER ? "description_attribute" : "desc_attribute"),
                    "description");
    }
    if (which == BACKEND_USER && !in_list(reader, ignore, "email")) {
        add_mapping(call, &more, &count, text(reader, "user_mail_attribute"), "email");
    }
    add_further(reader, kind, &more, &count);
    into->more = more;
    return true;
}

static void read_enabled(struct reader *reader, struct ldap_settings *settings) {
    struct arena *arena = reader->call->arena;
    const char *otherwise = text(reader, "user_enabled_default");
    bool as_groups = truth(reader, "user_enabled_emulation_use_group_config");
    bool ignored = in_list(reader, "user_attribute_ignore", "enabled");

    settings->enabled = ignored ? NULL : text(reader, "user_enabled_attribute");
    settings->enabled_invert = truth(reader, "user_enabled_invert");
    settings->enabled_mask = number(reader, "user_enabled_mask", 0, INT32_MAX, 0);
    settings->enabled_default = number(reader, "user_enabled_default", 0, INT32_MAX, 0);
    settings->enabled_otherwise = !otherwise || !strcasecmp(otherwise, "true") || settings->enabled_default;
    if (truth(reader, "user_enabled_emulation") && !ignored) {
        settings->enabled = NULL;
        settings->enabled_group = text(reader, "user_enabled_emulation_dn");
        settings->enabled_group = settings->enabled_group ? settings->enabled_group
                                  : arena_printf(arena, "cn=enabled_users,%s", settings->kinds[BACKEND_USER].tree);
        settings->enabled_member = as_groups ? settings->member : "member";
        settings->enabled_ids = as_groups && settings->members_are_ids;
    }
}

static void collect_attributes(struct call *call, struct ldap_kind *kind, const char *first, const char *second) {
    const char **list, *const fixed[] = {kind->id, kind->name, first, second};
    size_t count = 0, more = 0;

    while (kind->more[more].attribute) {
        more++;
    }
    list = ARENA_ARRAY(call->arena, const char *, more + 5);
    for (int i = 0; i < 4; i++) {
        if (attribute_good(fixed[i])) {
            list[count++] = fixed[i];
        }
    }
    for (size_t i = 0; i < more; i++) {
        list[count++] = kind->more[i].attribute;
    }
    kind->attributes = list;
}

bool ldap_settings_read(struct call *call, const char *domain_id, struct ldap_settings *settings) {
    struct reader reader = {.call = call};
    const char *scope;

    if (!domain_options_read(call, domain_id, "ldap", &reader.options)) {
        return false;
    }
    settings->server.owner = domain_id;
    scope = text(&reader, "query_scope");
    settings->scope = scope && !strcasecmp(scope, "sub") ? LDAP_SCOPE_SUBTREE : LDAP_SCOPE_ONELEVEL;
    settings->member = text(&reader, "group_member_attribute");
    settings->members_are_ids = truth(&reader, "group_members_are_ids");
    settings->nesting = truth(&reader, "group_ad_nesting");
    if (!attribute_good(settings->member)) {
        return bad(&reader, "group_member_attribute");
    }
    if (!read_server(&reader, &settings->server) || !read_kind(&reader, settings, BACKEND_USER) ||
        !read_kind(&reader, settings, BACKEND_GROUP)) {
        return false;
    }
    read_enabled(&reader, settings);
    settings->project = in_list(&reader, "user_attribute_ignore", "default_project_id")
                            ? NULL : text(&reader, "user_default_project_id_attribute");
    collect_attributes(call, &settings->kinds[BACKEND_USER], settings->enabled, settings->project);
    collect_attributes(call, &settings->kinds[BACKEND_GROUP], NULL, NULL);
    return true;
}
