/* SPDX-License-Identifier: Apache-2.0
 * Copies of users and groups that live elsewhere. A copy is looked at first and written only when it is not as it was
 * told, so that who authenticates again and again writes nothing. */
#include "identity/backend_mirror.h"

#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/map.h"
#include "identity/identity.h"

LOG_MODULE("identity.mirror");

enum { AT_ONCE = 50 };
#define SEEN_EVERY (300 * SECOND)

static const struct resource *resource_of(enum backend_kind kind) {
    return kind == BACKEND_USER ? &resource_identity_user : &resource_identity_group;
}

static const char *type_of(enum backend_kind kind) {
    return kind == BACKEND_USER ? "user" : "group";
}

/* Something is not as it should be: true when it is to be written. */
static bool unlike(struct mirror *mirror, bool changed) {
    mirror->unlike = true;
    mirror->changed = mirror->changed || changed;
    return mirror->writes;
}

/* "(?, ?, ?)" */
static const char *marks(struct arena *arena, size_t count) {
    char *text = arena_alloc(arena, count * 3 + 2), *at = text;

    *at++ = '(';
    for (size_t i = 0; i < count; i++) {
        at = stpcpy(at, i ? ", ?" : "?");
    }
    *at = ')';
    return text;
}

/* ---- public ids ---- */

/* As Keystone makes them, so that an existing cloud's users keep theirs: the digest of domain, kind and local id in the
 * order of the names of these three (keystone.identity.id_generators.sha256). */
static const char *public_id(struct call *call, const struct directory *directory, enum backend_kind kind, const char *local_id) {
    const char *text = arena_printf(call->arena, "%s%s%s", directory->domain_id, type_of(kind), local_id);

    return directory->mapped ? digest_of(call->arena, "sha256", text, strlen(text)) : local_id;
}

struct identity_id_mapping *mirror_mapping(struct call *call, const char *id) {
    struct identity_id_mapping *mapping = NULL;

    return id && row_find(call, &resource_identity_id_mapping, id, &mapping) ? mapping : NULL;
}

static bool make_mapping(struct call *call, struct mirror *mirror, enum backend_kind kind, struct backend_entry *entry) {
    struct identity_id_mapping row = {.domain_id = mirror->directory->domain_id, .local_id = entry->local_id,
                                      .entity_type = type_of(kind)};

    entry->id = row.public_id = public_id(call, mirror->directory, kind, entry->local_id);
    return !unlike(mirror, false) ||
           call_exec(call, "INSERT INTO identity_id_mapping (public_id, domain_id, local_id, entity_type) VALUES (?, ?, ?, ?)"
                           " ON CONFLICT DO NOTHING",
                     SQL_ARGS(sql_text(row.public_id), sql_text(row.domain_id), sql_text(row.local_id),
                              sql_text(row.entity_type)));
}

/* Finds or makes the ids of up to AT_ONCE entries. */
static bool give_ids(struct call *call, struct mirror *mirror, enum backend_kind kind, struct backend_entry *at, size_t count) {
    struct value args[AT_ONCE + 2] = {sql_text(mirror->directory->domain_id), sql_text(type_of(kind))};
    struct identity_id_mapping *rows;
    struct map *known = map_new();
    size_t found;
    bool ok;

    for (size_t i = 0; i < count; i++) {
        args[i + 2] = sql_text(at[i].local_id);
    }
    ok = rows_find(call, &resource_identity_id_mapping,
                   arena_printf(call->arena, "domain_id = ? AND entity_type = ? AND local_id IN %s", marks(call->arena, count)),
                   args, count + 2, &rows, &found);
    for (size_t i = 0; ok && i < found; i++) {
        map_set(known, rows[i].local_id, (void *)(uintptr_t)rows[i].public_id);
    }
    for (size_t i = 0; ok && i < count; i++) {
        at[i].id = map_get(known, at[i].local_id);
        ok = at[i].id || make_mapping(call, mirror, kind, &at[i]);
    }
    map_free(known, NULL);
    return ok;
}

/* ---- rows ---- */

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && !strcmp(a, b));
}

static bool same(enum backend_kind kind, const void *row, const struct backend_entry *entry) {
    const struct identity_user *user = row;
    const struct identity_group *group = row;

    return kind == BACKEND_USER ? same_text(user->name, entry->name) && user->enabled == entry->enabled &&
                                      same_text(user->extra, entry->extra) &&
                                      same_text(user->default_project_id, entry->default_project_id)
                                : same_text(group->name, entry->name) && same_text(group->extra, entry->extra);
}

static void fill(enum backend_kind kind, void *row, const char *domain_id, const struct backend_entry *entry) {
    struct identity_user *user = row;
    struct identity_group *group = row;

    if (kind == BACKEND_USER) {
        user->id = entry->id;
        user->domain_id = domain_id;
        user->name = entry->name;
        user->enabled = entry->enabled;
        user->extra = entry->extra;
        user->default_project_id = entry->default_project_id;
        user->mirrored = true;
    } else {
        group->id = entry->id;
        group->domain_id = domain_id;
        group->name = entry->name;
        group->extra = entry->extra;
        group->mirrored = true;
    }
}

static const char *id_of(enum backend_kind kind, const void *row) {
    return kind == BACKEND_USER ? ((const struct identity_user *)row)->id : ((const struct identity_group *)row)->id;
}

static const char *name_of(enum backend_kind kind, const void *row) {
    return kind == BACKEND_USER ? ((const struct identity_user *)row)->name : ((const struct identity_group *)row)->name;
}

static bool is_mirrored(enum backend_kind kind, const void *row) {
    return kind == BACKEND_USER ? ((const struct identity_user *)row)->mirrored : ((const struct identity_group *)row)->mirrored;
}

static bool drop(struct call *call, struct mirror *mirror, enum backend_kind kind, const char *id) {
    const char *type = type_of(kind);

    return !unlike(mirror, true) ||
           (call_exec(call, arena_printf(call->arena, "DELETE FROM identity_%s WHERE id = ? AND mirrored = 1", type),
                      SQL_ARGS(sql_text(id))) &&
            call_exec(call, arena_printf(call->arena, "DELETE FROM identity_membership WHERE %s_id = ?", type),
                      SQL_ARGS(sql_text(id))));
}

/* What is being stored of one kind. */
struct storing {
    struct mirror *mirror;
    enum backend_kind kind;
    struct map *ids;                /* of all entries: id to entry */
    struct map *rows;               /* that are there: id to row */
    struct map *holders;            /* who has a name: name to row */
};

/* Whether another has the name and keeps it. Names are unique here and need not be there: the first one counts. */
static bool is_taken(struct call *call, struct storing *s, const struct backend_entry *entry, bool *ret_taken) {
    const void *holder = map_get(s->holders, entry->name);
    const char *id = holder ? id_of(s->kind, holder) : NULL;
    const struct backend_entry *told = id ? map_get(s->ids, id) : NULL;

    *ret_taken = false;
    if (!holder || !strcmp(id, entry->id)) {
        return true;
    }
    if (!is_mirrored(s->kind, holder) || (told && !strcmp(told->name, entry->name))) {
        log_warn("%s %s of domain %s is left out: another has its name", type_of(s->kind), entry->local_id,
                 s->mirror->directory->domain_id);
        *ret_taken = true;
        return true;
    }
    return drop(call, s->mirror, s->kind, id);
}

/* One that is left out loses its id, so that it is in no group either. */
static bool store_one(struct call *call, struct storing *s, struct backend_entry *entry) {
    const struct resource *resource = resource_of(s->kind);
    void *row = map_get(s->rows, entry->id);
    bool is_new = !row, taken, ok;

    if (row && (same(s->kind, row, entry) || !is_mirrored(s->kind, row))) {
        return true;
    }
    if (!is_taken(call, s, entry, &taken)) {
        return false;
    }
    if (taken) {
        entry->id = NULL;
        return true;
    }
    if (!unlike(s->mirror, !is_new)) {
        return true;
    }
    if (is_new) {
        row = arena_alloc(call->arena, resource->size);
        row_defaults(call, resource, row);
    }
    fill(s->kind, row, s->mirror->directory->domain_id, entry);
    ok = is_new ? row_insert(call, resource, row) : row_update(call, resource, row);
    map_set(s->holders, entry->name, row);
    map_set(s->rows, entry->id, row);
    return ok;
}

static bool index_rows(struct call *call, struct storing *s, const char *column, struct backend_entry *at, size_t count) {
    const struct resource *resource = resource_of(s->kind);
    bool by_name = !strcmp(column, "name");
    struct value args[AT_ONCE + 1] = {sql_text(s->mirror->directory->domain_id)};
    char *rows;
    size_t found;

    for (size_t i = 0; i < count; i++) {
        args[i + 1] = sql_text(by_name ? at[i].name : at[i].id);
    }
    if (!rows_find(call, resource, arena_printf(call->arena, "domain_id = ? AND %s IN %s", column, marks(call->arena, count)),
                   args, count + 1, &rows, &found)) {
        return false;
    }
    for (size_t i = 0; i < found; i++) {
        void *row = rows + i * resource->size;

        map_set(by_name ? s->holders : s->rows, by_name ? name_of(s->kind, row) : id_of(s->kind, row), row);
    }
    return true;
}

/* Who is in the domain and was not told of. */
static bool drop_others(struct call *call, struct storing *s) {
    struct rows *rows = db_query(call->db, arena_printf(call->arena, "SELECT id FROM identity_%s WHERE domain_id = ? AND"
                                                                     " mirrored = 1", type_of(s->kind)),
                                 SQL_ARGS(sql_text(s->mirror->directory->domain_id)));
    const char **others = NULL;
    size_t count = 0;
    bool ok = true;

    while (rows_next(rows)) {
        if (!map_get(s->ids, rows_text(rows, 0))) {
            others = arena_grow(call->arena, others, count, sizeof *others);
            others[count++] = arena_text(call->arena, rows_text(rows, 0));
        }
    }
    rows_end(rows);
    for (size_t i = 0; ok && i < count; i++) {
        ok = drop(call, s->mirror, s->kind, others[i]);
    }
    return ok && db_failure(call->db) == DB_OK;
}

static bool store_kind(struct call *call, struct mirror *mirror, enum backend_kind kind) {
    struct backend_entries *entries = &mirror->entries[kind];
    struct storing s = {mirror, kind, map_new(), map_new(), map_new()};
    bool ok = true;

    for (size_t from = 0; ok && from < entries->count; from += AT_ONCE) {
        size_t count = entries->count - from < AT_ONCE ? entries->count - from : AT_ONCE;

        ok = give_ids(call, mirror, kind, entries->at + from, count);
        for (size_t i = from; ok && i < from + count; i++) {
            map_set(s.ids, entries->at[i].id, &entries->at[i]);
        }
    }
    ok = ok && (!mirror->whole[kind] || drop_others(call, &s)) &&
         (!mirror->gone[kind] || drop(call, mirror, kind, mirror->gone[kind]));
    for (size_t from = 0; ok && from < entries->count; from += AT_ONCE) {
        size_t count = entries->count - from < AT_ONCE ? entries->count - from : AT_ONCE;

        ok = index_rows(call, &s, "id", entries->at + from, count) && index_rows(call, &s, "name", entries->at + from, count);
        for (size_t i = from; ok && i < from + count; i++) {
            ok = store_one(call, &s, &entries->at[i]);
        }
    }
    map_free(s.ids, NULL);
    map_free(s.rows, NULL);
    map_free(s.holders, NULL);
    return ok;
}

/* ---- who is in which group ---- */

static bool link_rows(struct call *call, struct mirror *mirror, const char *user_id, const char *group_id, bool add) {
    const char *sql = add ? "INSERT INTO identity_membership (user_id, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
                          : "DELETE FROM identity_membership WHERE user_id = ? AND group_id = ?";

    return !unlike(mirror, true) || call_exec(call, sql, SQL_ARGS(sql_text(user_id), sql_text(group_id)));
}

static bool store_links(struct call *call, struct mirror *mirror, const struct mirror_links *links) {
    bool of_user = links->of == BACKEND_USER;
    const struct backend_entries *others = &mirror->entries[!links->of];
    const char *one = mirror->entries[links->of].at[links->one].id;
    struct rows *rows = db_query(call->db, of_user ? "SELECT group_id FROM identity_membership WHERE user_id = ?"
                                                   : "SELECT user_id FROM identity_membership WHERE group_id = ?",
                                 SQL_ARGS(sql_text(one)));
    struct map *left = map_new();
    size_t cursor = 0;
    const char *id;
    bool ok = true;
    void *value;

    while (rows_next(rows)) {
        map_set(left, rows_text(rows, 0), left);
    }
    rows_end(rows);
    for (size_t i = links->from; ok && one && i < links->to; i++) {
        id = others->at[i].id;
        if (id && !map_set(left, id, NULL)) {
            ok = link_rows(call, mirror, of_user ? one : id, of_user ? id : one, true);
        }
    }
    while (ok && (id = map_next(left, &cursor, &value))) {
        ok = link_rows(call, mirror, of_user ? one : id, of_user ? id : one, false);
    }
    map_free(left, NULL);
    return ok;
}

/* ---- all of it ---- */

/* Notes that the first user is about: coarsely, so that it is seldom written. */
static bool note_seen(struct call *call, struct mirror *mirror) {
    int64_t now = clock_now();
    const char *id = mirror->entries[BACKEND_USER].count ? mirror->entries[BACKEND_USER].at[0].id : NULL;
    struct identity_user *user;

    if (!mirror->seen || !id || !row_find(call, &resource_identity_user, id, &user) || user->last_active_at + SEEN_EVERY > now) {
        return true;
    }
    return !unlike(mirror, false) || call_exec(call, "UPDATE identity_user SET last_active_at = ? WHERE id = ?",
                                               SQL_ARGS(sql_int(now), sql_text(id)));
}

static bool store(struct call *call, void *pointer) {
    struct mirror *mirror = pointer;

    mirror->unlike = mirror->changed = false;
    if (!store_kind(call, mirror, BACKEND_USER) || !store_kind(call, mirror, BACKEND_GROUP)) {
        return false;
    }
    for (size_t i = 0; i < mirror->link_count; i++) {
        if (!store_links(call, mirror, &mirror->links[i])) {
            return false;
        }
    }
    if (!note_seen(call, mirror)) {
        return false;
    }
    if (mirror->writes && mirror->changed) {
        identity_changed(call);
    }
    return true;
}

bool mirror_store(struct call *call, struct mirror *mirror) {
    mirror->writes = false;
    if (!call_transaction(call, DB_READ, store, mirror)) {
        return false;
    }
    mirror->writes = mirror->unlike;
    return !mirror->unlike || call_transaction(call, DB_WRITE, store, mirror);
}

bool mirror_forget(struct call *call, const char *domain_id) {
    struct value id = sql_text(domain_id);

    identity_changed(call);
    return call_exec(call, "DELETE FROM identity_membership WHERE user_id IN (SELECT id FROM identity_user WHERE domain_id = ?"
                           " AND mirrored = 1) OR group_id IN (SELECT id FROM identity_group WHERE domain_id = ? AND"
                           " mirrored = 1)", SQL_ARGS(id, id)) &&
           call_exec(call, "DELETE FROM identity_user WHERE domain_id = ? AND mirrored = 1", SQL_ARGS(id)) &&
           call_exec(call, "DELETE FROM identity_group WHERE domain_id = ? AND mirrored = 1", SQL_ARGS(id));
}
