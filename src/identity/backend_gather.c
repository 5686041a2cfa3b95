/* SPDX-License-Identifier: Apache-2.0
 * Brings in, before a request's transaction, the users and groups of other backends that the request is about: those that
 * its path names, those that it lists, and who authenticates. */
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "identity/auth.h"
#include "identity/backend.h"
#include "identity/backend_mirror.h"
#include "rest/cloud.h"
#include "rest/task.h"

enum { MOST_TARGETS = 128, USERS_AT_ONCE = 50 };

/* One user or group to look up, or (no public id) all of a domain, or those of a name. */
struct target {
    struct directory directory;
    enum backend_kind kind;
    const char *public_id, *local_id, *name;
    bool links;                     /* its groups or members too */
};

struct gathering {
    uint64_t generation;
    struct target targets[MOST_TARGETS];
    size_t count;
};

/* ---- what a request is about; in a transaction ---- */

static bool is_list_of(const struct call *call, const struct resource *resource) {
    return call->resource == resource && call->operation->run == op_list && !call->parameter_count;
}

static bool is_assignment_list(const struct call *call) {
    return !strcmp(call->operation->path, "/v3/role_assignments");
}

static bool is_trust(const struct call *call) {
    return call->resource == &resource_identity_trust && call->http->method == HTTP_POST;
}

bool identity_outside(const struct call *call) {
    bool about = call_parameter(call, "user_id") || call_parameter(call, "group_id") || is_assignment_list(call) ||
                 is_trust(call) || is_list_of(call, &resource_identity_user) || is_list_of(call, &resource_identity_group);

    return about && call->http->method != HTTP_DELETE && backends_elsewhere();
}

static bool add_one(struct call *call, struct gathering *g, const char *public_id, bool links) {
    struct target *target = &g->targets[g->count];
    const struct identity_id_mapping *mapping = mirror_mapping(call, public_id);

    if (!mapping || g->count == MOST_TARGETS) {
        return true;
    }
    *target = (struct target){.public_id = mapping->public_id, .local_id = mapping->local_id, .links = links,
                              .kind = strcmp(mapping->entity_type, "user") ? BACKEND_GROUP : BACKEND_USER};
    if (!directory_open(call, mapping->domain_id, &target->directory)) {
        return false;
    }
    g->count += target->directory.backend->find != NULL;
    return true;
}

static bool add_list(struct call *call, struct gathering *g, enum backend_kind kind) {
    struct target *target = &g->targets[g->count];
    const char *domain = call->caller.domain_id ? call->caller.domain_id : call_argument(call, "domain_id");
    struct identity_domain *row;

    if (!domain || !row_find(call, &resource_identity_domain, domain, &row)) {
        return true;
    }
    *target = (struct target){.kind = kind, .name = call_argument(call, "name")};
    if (!directory_open(call, domain, &target->directory)) {
        return false;
    }
    g->count += target->directory.backend->find != NULL;
    return true;
}

/* Effective assignments of groups are those of their members. */
static bool add_assigned_groups(struct call *call, struct gathering *g) {
    struct rows *rows = db_query(call->db, "SELECT DISTINCT actor_id FROM identity_assignment JOIN identity_group ON"
                                           " identity_group.id = actor_id WHERE mirrored = 1 LIMIT ?",
                                 SQL_ARGS(sql_int(MOST_TARGETS - 4)));
    const char *ids[MOST_TARGETS];
    size_t count = 0;
    bool ok = true;

    while (rows_next(rows)) {
        ids[count++] = arena_text(call->arena, rows_text(rows, 0));
    }
    rows_end(rows);
    for (size_t i = 0; ok && i < count; i++) {
        ok = add_one(call, g, ids[i], true);
    }
    return ok;
}

static bool add_of_assignments(struct call *call, struct gathering *g) {
    const char *user = call_argument(call, "user.id"), *group = call_argument(call, "group.id");
    bool effective = call_argument_true(call, "effective");

    if (user && *user) {
        return add_one(call, g, user, effective);
    }
    if (group && *group) {
        return add_one(call, g, group, false);
    }
    return !effective || add_assigned_groups(call, g);
}

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), tail = strlen(end);

    return size >= tail && !strcmp(text + size - tail, end);
}

static bool collect(struct call *call, void *pointer) {
    struct gathering *g = pointer;
    const char *user = call_parameter(call, "user_id"), *group = call_parameter(call, "group_id");
    const char *path = call->operation->path;
    const struct json *trust = json_get(call->body, "trust");

    g->count = 0;
    if (!backends_look(call, g->generation)) {
        return true;
    }
    if (is_assignment_list(call)) {
        return add_of_assignments(call, g);
    }
    if (is_trust(call)) {
        return add_one(call, g, json_get_text(trust, "trustor_user_id"), false) &&
               add_one(call, g, json_get_text(trust, "trustee_user_id"), false);
    }
    if (!user && !group) {
        return add_list(call, g, call->resource == &resource_identity_user ? BACKEND_USER : BACKEND_GROUP);
    }
    return (!user || add_one(call, g, user, group || ends_with(path, "/groups") || ends_with(path, "/projects"))) &&
           (!group || add_one(call, g, group, ends_with(path, "/users")));
}

/* ---- bringing it in; outside transactions ---- */

/* Adds the groups of the user, or the members of the group, that is the entry of that place. */
static bool bring_links(struct call *call, struct mirror *mirror, enum backend_kind kind, size_t one) {
    const struct directory *directory = mirror->directory;
    struct backend_entries *others = &mirror->entries[!kind];
    struct mirror_links links = {.of = kind, .one = one, .from = others->count};
    const struct backend_entry *entry = &mirror->entries[kind].at[one];

    if (kind == BACKEND_USER ? !directory->backend->groups_of(call, directory, entry, others)
                             : !directory->backend->members_of(call, directory, entry, others)) {
        return false;
    }
    links.to = others->count;
    mirror->links = arena_grow(call->arena, mirror->links, mirror->link_count, sizeof *mirror->links);
    mirror->links[mirror->link_count++] = links;
    return true;
}

static bool bring(struct call *call, const struct target *target) {
    const struct directory *directory = &target->directory;
    const char *key = target->public_id ? target->local_id : target->name;
    struct mirror mirror = {.directory = directory};
    struct backend_entries *entries = &mirror.entries[target->kind];

    if (!directory->backend->find(call, directory, target->kind, !target->public_id, key ? &key : NULL, 1, entries)) {
        return false;
    }
    mirror.whole[target->kind] = !key;
    if (target->public_id && (!entries->count || strcmp(entries->at[0].local_id, target->local_id) != 0)) {
        mirror.gone[target->kind] = target->public_id;
    }
    return (!target->links || !entries->count || bring_links(call, &mirror, target->kind, 0)) && mirror_store(call, &mirror);
}

bool identity_gather(struct call *call) {
    struct gathering *g = ARENA_NEW(call->arena, struct gathering);

    g->generation = identity_generation();
    if (!call_transaction(call, DB_READ, collect, g)) {
        return false;
    }
    for (size_t i = 0; i < g->count; i++) {
        if (!bring(call, &g->targets[i])) {
            return false;
        }
    }
    return true;
}

static bool open_domain(struct call *call, void *pointer) {
    struct target *target = pointer;

    return directory_open(call, target->directory.domain_id, &target->directory);
}

bool backend_populate(struct call *call, const struct task *task, struct json_out *result) {
    struct target target = {.directory = {.domain_id = task->resource_id}};
    bool ok = call_transaction(call, DB_READ, open_domain, &target);

    for (int kind = BACKEND_USER; ok && target.directory.backend->find && kind <= BACKEND_GROUP; kind++) {
        target.kind = (enum backend_kind)kind;
        ok = bring(call, &target);
    }
    return ok;
}

/* ---- who authenticates ---- */

struct login {
    uint64_t generation;
    const struct auth_user *given;
    struct directory directory;
    struct identity_user *user;
    const char *key;                /* local id or name */
    bool by_name;
};

static bool find_login(struct call *call, void *pointer) {
    struct login *login = pointer;
    const struct auth_user *given = login->given;
    const struct identity_id_mapping *mapping;
    const struct identity_domain *domain;

    login->user = auth_find_user(call, given);
    login->directory = (struct directory){.backend = &backend_sql};
    login->by_name = !given->id;
    login->key = given->id ? given->id : given->name;
    if ((login->user && !login->user->mirrored) || !backends_look(call, login->generation)) {
        return true;
    }
    mapping = given->id ? mirror_mapping(call, given->id) : NULL;
    domain = given->id ? NULL : auth_find_domain(call, given->domain);
    if (!mapping && !domain) {
        return true;
    }
    login->key = mapping ? mapping->local_id : login->key;
    return directory_open(call, mapping ? mapping->domain_id : domain->id, &login->directory);
}

static bool find_copy(struct call *call, void *pointer) {
    struct login *login = pointer;

    login->user = NULL;
    return !login->key || row_find(call, &resource_identity_user, login->key, &login->user) || !call->error;
}

/* The password first: who does not know it changes nothing here. */
static bool login_elsewhere(struct call *call, struct login *login, const char *password, enum password_state *ret_state) {
    const struct directory *directory = &login->directory;
    struct mirror mirror = {.directory = directory, .seen = true};
    struct backend_entries *users = &mirror.entries[BACKEND_USER];

    if (!directory->backend->find(call, directory, BACKEND_USER, login->by_name, &login->key, 1, users)) {
        return false;
    }
    *ret_state = directory->backend->authenticate(call, directory, NULL, users->count ? &users->at[0] : NULL, login->key,
                                                  password);
    if (call->error || *ret_state != PASSWORD_GOOD) {
        return !call->error;
    }
    users->count = 1;
    if (!bring_links(call, &mirror, BACKEND_USER, 0) || !mirror_store(call, &mirror)) {
        return false;
    }
    login->key = users->at[0].id;
    return call_transaction(call, DB_READ, find_copy, login);
}

bool backend_login(struct call *call, const struct auth_user *given, const char *password,
                   const struct identity_user **ret_user, enum password_state *ret_state) {
    struct login login = {.given = given, .generation = identity_generation()};
    bool ok = call_transaction(call, DB_READ, find_login, &login);

    if (ok && login.directory.backend->find) {
        ok = login_elsewhere(call, &login, password, ret_state);
    } else if (ok) {
        *ret_state = login.directory.backend->authenticate(call, &login.directory, login.user, NULL, login.key, password);
    }
    *ret_user = login.user;
    return ok && !call->error;
}

/* ---- looking again ---- */

struct refresh {
    const char *domain_id;
    struct directory directory;
    struct identity_id_mapping *users;
    size_t count;
};

/* Copies of users who have tokens, or whom something stands for that gets them. */
static bool load_refresh(struct call *call, void *pointer) {
    static const char where[] =
        "domain_id = ? AND public_id IN (SELECT id FROM identity_user WHERE mirrored = 1 AND (last_active_at > ?"
        " OR id IN (SELECT user_id FROM identity_application_credential)"
        " OR id IN (SELECT user_id FROM identity_credential)"
        " OR id IN (SELECT trustor_user_id FROM identity_trust)"
        " OR id IN (SELECT user_id FROM identity_access_token)))";
    struct refresh *refresh = pointer;
    int64_t since = clock_now() - (conf_int(cloud.conf, "identity", "token_seconds", 3600) + 1200) * SECOND;

    return directory_open(call, refresh->domain_id, &refresh->directory) &&
           rows_find(call, &resource_identity_id_mapping, where, SQL_ARGS(sql_text(refresh->domain_id), sql_int(since)),
                     &refresh->users, &refresh->count);
}

static bool refresh_some(struct call *call, const struct directory *directory, const struct identity_id_mapping *users,
                         size_t count) {
    struct mirror mirror = {.directory = directory};
    struct backend_entries *entries = &mirror.entries[BACKEND_USER];
    const char *keys[USERS_AT_ONCE];

    for (size_t i = 0; i < count; i++) {
        keys[i] = users[i].local_id;
    }
    if (!directory->backend->find(call, directory, BACKEND_USER, false, keys, count, entries)) {
        return false;
    }
    for (size_t i = 0; i < entries->count; i++) {
        if (!bring_links(call, &mirror, BACKEND_USER, i)) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct mirror without = {.directory = directory, .gone = {[BACKEND_USER] = users[i].public_id}};
        bool found = false;

        for (size_t j = 0; j < entries->count && !found; j++) {
            found = !strcmp(entries->at[j].local_id, users[i].local_id);
        }
        if (!found && !mirror_store(call, &without)) {
            return false;
        }
    }
    return mirror_store(call, &mirror);
}

bool backend_refresh(struct call *call, const struct task *task, struct json_out *result) {
    struct refresh refresh = {.domain_id = task->resource_id};
    bool ok = call_transaction(call, DB_READ, load_refresh, &refresh);

    for (size_t i = 0; ok && refresh.directory.backend->find && i < refresh.count; i += USERS_AT_ONCE) {
        size_t count = refresh.count - i < USERS_AT_ONCE ? refresh.count - i : USERS_AT_ONCE;

        ok = refresh_some(call, &refresh.directory, refresh.users + i, count);
    }
    return ok;
}
