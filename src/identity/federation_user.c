/* SPDX-License-Identifier: Apache-2.0
 * Users that identity providers bring: each has a row from its first login on, the same at every other, with the
 * memberships and projects that the mapping gives. */
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/id.h"
#include "http/http.h"
#include "identity/federation.h"
#include "identity/identity.h"
#include "identity/mapping.h"
#include "identity/token_form.h"
#include "rest/cloud.h"

LOG_MODULE("identity.federation");

enum { MAX_NAME = 255 };

/* One login. */
struct entry {
    const struct evidence *evidence;
    struct entrant *entrant;
    struct identity_provider *provider;
    struct identity_protocol *protocol;
    struct mapped mapped;
    const char **group_ids;
    size_t group_count;
};

static bool refuse(struct call *call, const struct entry *entry, const char *why) {
    log_info("provider %s, protocol %s: %s", entry->evidence->idp_id, entry->evidence->protocol_id, why);
    return auth_refused(call);
}

/* ---- the provider, and what its mapping says ---- */

static bool find_provider(struct call *call, struct entry *entry) {
    const char *idp = entry->evidence->idp_id, *id = entry->evidence->protocol_id;

    if (!row_find(call, &resource_identity_provider, idp, &entry->provider)) {
        return fail_not_found(call, &resource_identity_provider, idp);
    }
    if (!entry->provider->enabled) {
        return fail(call, 403, "The identity provider %s is disabled.", idp);
    }
    return (row_first(call, &resource_identity_protocol, "idp_id = ? AND id = ?", SQL_ARGS(sql_text(idp), sql_text(id)),
                      &entry->protocol) && entry->protocol) ||
           fail_not_found(call, &resource_identity_protocol, id);
}

const char *protocol_remote_id(const struct identity_protocol *protocol, const char *otherwise) {
    const char *name = protocol->remote_id_attribute;

    name = name && *name ? name : conf_text(cloud.conf, protocol->id, "remote_id_attribute", NULL);
    return name ? name : conf_text(cloud.conf, "federation", "remote_id_attribute", otherwise);
}

static bool check_remote_id(struct call *call, const struct entry *entry) {
    const char *name = protocol_remote_id(entry->protocol, entry->evidence->remote_id_attribute), *ids = entry->provider->remote_ids;
    const struct json *list = ids ? json_parse(call->arena, ids, strlen(ids), NULL) : NULL, *given;

    if (!name || !list || !list->count) {
        return true;
    }
    given = mapping_attribute(entry->evidence->assertion, name);
    given = given && given->type == JSON_LIST ? given->first : given;
    if (!given || given->type != JSON_TEXT) {
        return refuse(call, entry, arena_printf(call->arena, "the assertion has no %s, which names the provider", name));
    }
    for (JSON_EACH(id, list)) {
        if (!strcmp(id->text, given->text)) {
            return true;
        }
    }
    return fail(call, 403, "The identity provider that asserts the user is none of those accepted as %s.", entry->provider->id);
}

static bool apply_mapping(struct call *call, struct entry *entry) {
    struct identity_mapping *mapping;
    const char *error;

    if (!row_find(call, &resource_identity_mapping, entry->protocol->mapping_id, &mapping)) {
        return refuse(call, entry, "its mapping is not there");
    }
    return mapping_apply(call->arena, json_parse(call->arena, mapping->rules, strlen(mapping->rules), NULL),
                         entry->evidence->assertion, &entry->mapped, &error) ||
           refuse(call, entry, error);
}

/* ---- groups ---- */

static void add_group(struct call *call, struct entry *entry, const char *id) {
    for (size_t i = 0; i < entry->group_count; i++) {
        if (!strcmp(entry->group_ids[i], id)) {
            return;
        }
    }
    entry->group_ids = arena_grow(call->arena, entry->group_ids, entry->group_count, sizeof *entry->group_ids);
    entry->group_ids[entry->group_count++] = id;
}

/* A group by its id must be there; names that no group has are left out. */
static bool find_groups(struct call *call, struct entry *entry) {
    struct identity_group *group;

    for (size_t i = 0; i < entry->mapped.group_id_count; i++) {
        if (!row_find(call, &resource_identity_group, entry->mapped.group_ids[i], &group)) {
            return refuse(call, entry, arena_printf(call->arena, "group %.64s is not there", entry->mapped.group_ids[i]));
        }
        add_group(call, entry, group->id);
    }
    for (size_t i = 0; i < entry->mapped.group_count; i++) {
        const struct mapped_group *wanted = &entry->mapped.groups[i];
        struct identity_domain *domain = auth_find_domain(call, &(struct auth_domain){wanted->domain.id, wanted->domain.name});

        if (domain && row_first(call, &resource_identity_group, "domain_id = ? AND name = ?",
                                SQL_ARGS(sql_text(domain->id), sql_text(wanted->name)), &group) && group) {
            add_group(call, entry, group->id);
        }
    }
    return entry->group_count <= MAX_TOKEN_GROUPS || refuse(call, entry, "the user is in more groups than a token can say");
}

static const char *print_groups(struct call *call, const struct entry *entry) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    for (size_t i = 0; i < entry->group_count; i++) {
        json_text(&out, entry->group_ids[i]);
    }
    json_list_end(&out);
    return buf_taken(&buf, call->arena);
}

/* The memberships of the last login are replaced by those of this one. */
static bool store_memberships(struct call *call, struct entry *entry) {
    int64_t now = clock_now(), life = provider_membership_life(entry->provider);
    const char *user_id = entry->entrant->user->id;
    struct identity_expiring_membership row = {.user_id = user_id, .idp_id = entry->provider->id, .verified_at = now,
                                               .expires_at = now + life};
    int64_t before = call_count(call, "SELECT count(*) FROM identity_expiring_membership WHERE user_id = ? AND idp_id = ?",
                                SQL_ARGS(sql_text(user_id), sql_text(row.idp_id)));

    if (!before && !life) {
        return !call->error;
    }
    identity_changed(call);
    if (!call_exec(call, "DELETE FROM identity_expiring_membership WHERE user_id = ? AND idp_id = ?",
                   SQL_ARGS(sql_text(user_id), sql_text(row.idp_id)))) {
        return false;
    }
    for (size_t i = 0; life && i < entry->group_count; i++) {
        row.group_id = entry->group_ids[i];
        if (!call_exec(call, "DELETE FROM identity_expiring_membership WHERE user_id = ? AND group_id = ?",
                       SQL_ARGS(sql_text(user_id), sql_text(row.group_id))) ||
            !row_insert(call, &resource_identity_expiring_membership, &row)) {
            return false;
        }
    }
    return true;
}

/* ---- the user ---- */

/* The id that Keystone makes of a domain and what the user is called at its provider, so that it is the same in both. */
static const char *stable_id(struct call *call, const char *domain_id, const char *unique_id) {
    const char *text = arena_printf(call->arena, "%suser%s", domain_id, unique_id);

    return digest_of(call->arena, "sha256", text, strlen(text));
}

/* No two users of a domain share a name: who comes second has its id behind it. */
static const char *free_name(struct call *call, const char *domain_id, const char *name, const char *id) {
    bool taken = call_count(call, "SELECT count(*) FROM identity_user WHERE domain_id = ? AND name = ? AND id <> ?",
                            SQL_ARGS(sql_text(domain_id), sql_text(name), sql_text(id))) > 0;

    return taken ? arena_printf(call->arena, "%.200s (%.32s)", name, id) : name;
}

static bool make_user(struct call *call, struct entry *entry, const char *unique_id, const char *name) {
    struct identity_user *user = ARENA_NEW(call->arena, struct identity_user), *other;
    const char *email = entry->mapped.email, *domain_id = entry->provider->domain_id, *id;

    row_defaults(call, &resource_identity_user, user);
    id = stable_id(call, domain_id, unique_id);
    user->id = row_find(call, &resource_identity_user, id, &other) ? id_hex(call->arena) : id;
    user->domain_id = domain_id;
    user->name = free_name(call, domain_id, name, user->id);
    if (email) {
        struct buf buf = {0};
        struct json_out out = {.buf = &buf};

        json_map(&out);
        json_put_text(&out, "email", email);
        json_map_end(&out);
        user->extra = buf_taken(&buf, call->arena);
    }
    entry->entrant->user = user;
    return resource_create(call, &resource_identity_user, user) &&
           row_insert(call, &resource_identity_federated_user,
                      &(struct identity_federated_user){.idp_id = entry->provider->id, .protocol_id = entry->protocol->id,
                                                        .unique_id = unique_id, .user_id = user->id, .display_name = name});
}

static bool rename_user(struct call *call, struct entry *entry, struct identity_federated_user *known, const char *name) {
    struct identity_user *user;

    if (!row_find(call, &resource_identity_user, known->user_id, &user)) {
        return refuse(call, entry, "the user's row is gone");
    }
    entry->entrant->user = user;
    if (user->password_hash) {
        return true;        /* who has a password here was not made by its provider: the name is ours */
    }
    if (!strcmp(known->display_name, name)) {
        return true;
    }
    identity_changed(call);
    known->display_name = name;
    user->name = free_name(call, user->domain_id, name, user->id);
    event_note(call, "user.update", user->id);
    return row_update(call, &resource_identity_federated_user, known) && row_update(call, &resource_identity_user, user);
}

static bool find_or_make_user(struct call *call, struct entry *entry) {
    const struct mapped *m = &entry->mapped;
    struct identity_domain *domain;
    const char *name = m->user_name ? m->user_name : entry->evidence->remote_user, *unique_id;
    struct identity_federated_user *known;

    if ((!m->user_id && !name) || !*(m->user_id ? m->user_id : name)) {
        return refuse(call, entry, "the mapping gives no user");
    }
    if (!row_find(call, &resource_identity_domain, entry->provider->domain_id, &domain) || !domain->enabled) {
        return refuse(call, entry, "the domain of its users is disabled");
    }
    unique_id = http_encoded(call->arena, m->user_id ? m->user_id : name, "/");
    name = name && *name ? name : m->user_id;
    if (strlen(unique_id) > MAX_NAME || utf8_length(name) > MAX_NAME) {
        return refuse(call, entry, "the user's name is too long");
    }
    if (!row_first(call, &resource_identity_federated_user, "idp_id = ? AND protocol_id = ? AND unique_id = ?",
                   SQL_ARGS(sql_text(entry->provider->id), sql_text(entry->protocol->id), sql_text(unique_id)), &known)) {
        return false;
    }
    return known ? rename_user(call, entry, known, name) : make_user(call, entry, unique_id, name);
}

static bool find_local_user(struct call *call, struct entry *entry) {
    const struct mapped *m = &entry->mapped;
    struct auth_domain domain = {m->domain.id, m->domain.name};
    struct auth_user user = {.id = m->user_id, .name = m->user_name, .domain = &domain};

    entry->entrant->local = true;
    entry->entrant->user = user.id || user.name ? auth_find_user(call, &user) : NULL;
    return entry->entrant->user || refuse(call, entry, "the mapping names a local user that is not there");
}

/* ---- projects ---- */

/* A role that everybody's projects can have, else one of the provider's own domain. */
static bool find_role(struct call *call, const struct entry *entry, const char *name, struct identity_role **ret_role) {
    if (!row_first(call, &resource_identity_role, "name = ? AND (domain_id IS NULL OR domain_id = ?) ORDER BY domain_key",
                   SQL_ARGS(sql_text(name), sql_text(entry->provider->domain_id)), ret_role)) {
        return false;
    }
    if (*ret_role) {
        return true;
    }
    return call_count(call, "SELECT count(*) FROM identity_role WHERE name = ?", SQL_ARGS(sql_text(name)))
               ? fail(call, 403, "The role %.64s is of another domain than the identity provider %s.", name, entry->provider->id)
               : fail(call, 404, "Could not find role: %.64s.", name);
}

static bool grant(struct call *call, const struct entry *entry, const char *project_id, const char *role_name) {
    struct identity_assignment row = {.actor_id = entry->entrant->user->id, .target_id = project_id, .actor_type = "user",
                                      .target_type = "project"};
    struct identity_role *role;

    if (!find_role(call, entry, role_name, &role)) {
        return false;
    }
    row.role_id = role->id;
    return call_count(call, "SELECT count(*) FROM identity_assignment WHERE actor_id = ? AND target_id = ? AND role_id = ?"
                            " AND inherited = 0",
                      SQL_ARGS(sql_text(row.actor_id), sql_text(project_id), sql_text(role->id))) ||
           (!call->error && resource_create(call, &resource_identity_assignment, &row));
}

static bool store_project(struct call *call, const struct entry *entry, const struct mapped_project *wanted) {
    const char *domain_id = entry->provider->domain_id;
    struct identity_project *project, made = {0};

    if (!row_first(call, &resource_identity_project, "domain_id = ? AND name = ? AND is_domain = 0",
                   SQL_ARGS(sql_text(domain_id), sql_text(wanted->name)), &project)) {
        return false;
    }
    if (!project) {
        project = &made;
        row_defaults(call, &resource_identity_project, project);
        project->name = wanted->name;
        project->domain_id = domain_id;
        if (!*wanted->name || utf8_length(wanted->name) > 64) {
            return refuse(call, entry, "the mapping gives a project whose name is empty or too long");
        }
        if (!resource_create(call, &resource_identity_project, project)) {
            return false;
        }
    }
    for (size_t i = 0; i < wanted->role_count; i++) {
        if (!grant(call, entry, project->id, wanted->roles[i])) {
            return false;
        }
    }
    return true;
}

/* ---- all of it ---- */

static bool enter(struct call *call, void *pointer) {
    struct entry *entry = pointer;

    entry->group_count = 0;
    if (!find_provider(call, entry) || !check_remote_id(call, entry) || !apply_mapping(call, entry)) {
        return false;
    }
    if (entry->mapped.local) {
        return find_local_user(call, entry);
    }
    if (!find_groups(call, entry) || !find_or_make_user(call, entry) || !store_memberships(call, entry)) {
        return false;
    }
    for (size_t i = 0; i < entry->mapped.project_count; i++) {
        if (!store_project(call, entry, &entry->mapped.projects[i])) {
            return false;
        }
    }
    entry->entrant->group_ids = print_groups(call, entry);
    return true;
}

bool federation_enter(struct call *call, const struct evidence *evidence, struct entrant *ret_entrant) {
    struct entry entry = {.evidence = evidence, .entrant = ret_entrant};

    return call_transaction(call, DB_WRITE, enter, &entry);
}

/* ---- "federated" of a user ---- */

const char *federated_shown(struct call *call, const char *user_id) {
    struct identity_federated_user *rows;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text = NULL;
    size_t count;

    if (!rows_find(call, &resource_identity_federated_user, "user_id = ? ORDER BY idp_id, protocol_id, unique_id",
                   SQL_ARGS(sql_text(user_id)), &rows, &count) || !count) {
        return NULL;
    }
    json_list(&out);
    for (size_t i = 0; i < count; i++) {
        if (!i || strcmp(rows[i].idp_id, rows[i - 1].idp_id) != 0) {
            json_map(&out);
            json_put_text(&out, "idp_id", rows[i].idp_id);
            json_key(&out, "protocols");
            json_list(&out);
        }
        json_map(&out);
        json_put_text(&out, "protocol_id", rows[i].protocol_id);
        json_put_text(&out, "unique_id", rows[i].unique_id);
        json_map_end(&out);
        if (i + 1 == count || strcmp(rows[i].idp_id, rows[i + 1].idp_id) != 0) {
            json_list_end(&out);
            json_map_end(&out);
        }
    }
    json_list_end(&out);
    text = buf_taken(&buf, call->arena);
    return text;
}

static bool store_object(struct call *call, const struct identity_user *user, const struct federated_object *object) {
    struct identity_provider *provider;
    struct identity_protocol *protocol;

    if (!row_find(call, &resource_identity_provider, object->idp_id, &provider)) {
        return fail(call, 400, "Could not find Identity Provider: %s.", object->idp_id);
    }
    for (size_t i = 0; i < object->protocols.count; i++) {
        const struct federated_protocol *given = &((const struct federated_protocol *)object->protocols.at)[i];

        if (!row_first(call, &resource_identity_protocol, "idp_id = ? AND id = ?",
                       SQL_ARGS(sql_text(object->idp_id), sql_text(given->protocol_id)), &protocol)) {
            return false;
        }
        if (!protocol) {
            return fail(call, 400, "Could not find federated protocol %s for Identity Provider: %s.", given->protocol_id,
                        object->idp_id);
        }
        if (!row_insert(call, &resource_identity_federated_user,
                        &(struct identity_federated_user){.idp_id = object->idp_id, .protocol_id = given->protocol_id,
                                                          .unique_id = given->unique_id, .user_id = user->id,
                                                          .display_name = user->name})) {
            return false;
        }
    }
    return true;
}

bool federated_store(struct call *call, const struct identity_user *user) {
    const struct json *list = user->federated ? json_parse(call->arena, user->federated, strlen(user->federated), NULL) : NULL;

    if (!list || !list->count) {
        return true;
    }
    if (!call_exec(call, "DELETE FROM identity_federated_user WHERE user_id = ?", SQL_ARGS(sql_text(user->id)))) {
        return false;
    }
    for (JSON_EACH(item, list)) {
        struct federated_object object = {0};
        uint64_t bits[MAX_FIELDS / 64] = {0};

        if (!input_parse(call, &resource_federated_object, item, CREATE, &object, bits) || !store_object(call, user, &object)) {
            return false;
        }
    }
    return true;
}
