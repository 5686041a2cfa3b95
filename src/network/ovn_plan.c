/* SPDX-License-Identifier: Apache-2.0
 * The plan: from the rows that a document wants and the rows that there are to one transaction. */
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "network/ovn.h"

LOG_MODULE("network.ovn");

enum { COMMIT_MS = 10000, TRIES = 4 };

/* Which column of which table holds the rows of a table that are not roots. */
static const struct holder {
    const char *table, *parent, *column;
} holders[] = {
    {"Logical_Switch_Port", "Logical_Switch", "ports"},
    {"QoS", "Logical_Switch", "qos_rules"},
    {"ACL", "Port_Group", "acls"},
    {"Logical_Router_Port", "Logical_Router", "ports"},
    {"Logical_Router_Static_Route", "Logical_Router", "static_routes"},
    {"NAT", "Logical_Router", "nat"},
    {"Gateway_Chassis", "Logical_Router_Port", "gateway_chassis"},
};

/* The tables that rows of a document may be in. */
static const char *const tables[PLAN_TABLES] = {
    "Logical_Switch", "Logical_Switch_Port", "QoS",             "DHCP_Options",
    "Address_Set",    "Port_Group",          "ACL",             "Load_Balancer",
    "Logical_Router", "Logical_Router_Port", "Gateway_Chassis", "NAT",
    "Logical_Router_Static_Route", "DNS",
};

struct plan_link {
    struct plan_link *next;
    const char *table, *holder, *column, *row;
    bool leave;
};

static const struct holder *holder_of(const char *table) {
    for (size_t i = 0; i < sizeof holders / sizeof holders[0]; i++) {
        if (!strcmp(holders[i].table, table)) {
            return &holders[i];
        }
    }
    return NULL;
}

static bool same(const char *a, const char *b) {
    return a && b && !strcmp(a, b);
}

/* What names a row among all that we make. */
static const char *identity(struct plan *plan, const char *table, const char *kind, const char *id, const char *key) {
    return arena_printf(plan->arena, "%s %s %s %s", table, kind, id, key);
}

static const char *pair(struct plan *plan, const struct ovsdb_row *row, const char *key) {
    return ovsdb_pair(plan->arena, row, "external_ids", key);
}

/* Reads the rows that carry the document's mark: the plan wants them, or they go. */
static void read_own(struct plan *plan) {
    for (size_t t = 0; t < PLAN_TABLES; t++) {
        plan->own[t] = ovsdb_rows(ovn.nb, plan->arena, tables[t], "haneul:id", plan->id, &plan->own_count[t]);
        for (size_t i = 0; i < plan->own_count[t]; i++) {
            const char *kind = pair(plan, plan->own[t][i], "haneul:kind");
            const char *key = pair(plan, plan->own[t][i], "haneul:key");

            if (same(kind, plan->kind) && key) {
                map_set(plan->known, identity(plan, tables[t], kind, plan->id, key),
                        (void *)(uintptr_t)plan->own[t][i]);
            }
        }
    }
}

/* The row that is there under this identity; null: none. */
static const struct ovsdb_row *find_row(struct plan *plan, const char *table, const char *kind, const char *id,
                                        const char *key) {
    const struct ovsdb_row *const *rows;
    size_t count;

    if (same(kind, plan->kind) && same(id, plan->id)) {
        return map_get(plan->known, identity(plan, table, kind, id, key));
    }
    rows = ovsdb_rows(ovn.nb, plan->arena, table, "haneul:id", id, &count);
    for (size_t i = 0; i < count; i++) {
        if (same(pair(plan, rows[i], "haneul:kind"), kind) && same(pair(plan, rows[i], "haneul:key"), key)) {
            return rows[i];
        }
    }
    return NULL;
}

static struct plan_row *row_add(struct plan *plan, const char *table, const struct ovsdb_row *old) {
    struct plan_row *row = ARENA_NEW(plan->arena, struct plan_row);

    row->table = table;
    row->old = old;
    row->values = ovsdb_values_new(plan->arena);
    row->ref = old ? old->uuid : arena_printf(plan->arena, "@row%zu", plan->names++);
    *plan->tail = row;
    plan->tail = &row->next;
    if (old) {
        map_set(plan->claimed, old->uuid, row);
    }
    return row;
}

/* The planned row of this identity; *ret_fresh: it was not planned before. */
static struct plan_row *row_at(struct plan *plan, const char *table, const char *kind, const char *id, const char *key,
                               bool *ret_fresh) {
    const char *full = identity(plan, table, kind, id, key);
    struct plan_row *row = map_get(plan->planned, full);
    const struct ovsdb_row *old = row ? NULL : find_row(plan, table, kind, id, key);

    *ret_fresh = !row;
    if (!row && old) {
        row = map_get(plan->claimed, old->uuid);
    }
    if (!row) {
        row = row_add(plan, table, old);
        map_set(plan->planned, full, row);
    }
    return row;
}

static void mark(struct plan_row *row, const char *kind, const char *id, const char *key) {
    plan_note(row, "haneul:kind", kind);
    plan_note(row, "haneul:id", id);
    plan_note(row, "haneul:key", key);
    if (row->name) {
        ovsdb_set_text(row->values, "name", row->name);
    }
}

struct plan_row *plan_row(struct plan *plan, const char *table, const char *key, const char *name,
                          struct plan_row *parent) {
    bool fresh;
    struct plan_row *row = row_at(plan, table, plan->kind, plan->id, key, &fresh);

    if (fresh) {
        row->name = name;
        row->parent = parent;
        mark(row, plan->kind, plan->id, key);
        if (parent) {
            plan_note(row, "haneul:parent", parent->name);
        }
    }
    return row;
}

struct plan_row *plan_row_of(struct plan *plan, const char *table, const char *key, const char *kind, const char *id) {
    bool fresh;
    struct plan_row *row = row_at(plan, table, kind, id, key, &fresh);

    if (fresh) {
        mark(row, kind, id, key);
    }
    return row;
}

struct plan_row *plan_other(struct plan *plan, const char *table, const char *key, const char *kind, const char *id,
                            const char *name) {
    bool fresh;
    struct plan_row *row = row_at(plan, table, kind, id, key, &fresh);

    if (fresh) {
        row->name = name;
        row->needed = true;
    }
    if (fresh && !row->old) {
        mark(row, kind, id, key);
    }
    return row;
}

struct plan_row *plan_touch(struct plan *plan, const struct ovsdb_row *old) {
    struct plan_row *row = map_get(plan->claimed, old->uuid);

    if (!row) {
        row = row_add(plan, old->table->name, old);
    }
    return row;
}

void plan_note(struct plan_row *row, const char *key, const char *value) {
    ovsdb_add_pair(row->values, "external_ids", key, value);
}

static void link_add(struct plan *plan, struct plan_link link) {
    struct plan_link *made = ARENA_NEW(plan->arena, struct plan_link);

    *made = link;
    *plan->link_tail = made;
    plan->link_tail = &made->next;
}

void plan_join(struct plan *plan, struct plan_row *holder, const char *column, const struct plan_row *row) {
    link_add(plan,
             (struct plan_link){.table = holder->table, .holder = holder->ref, .column = column, .row = row->ref});
}

void plan_leave(struct plan *plan, const char *table, const char *holder, const char *column, const char *uuid) {
    link_add(plan, (struct plan_link){.table = table, .holder = holder, .column = column, .row = uuid, .leave = true});
}

/* The columns of a wanted row that differ from those it has; null: none. */
static struct ovsdb_values *differences(struct plan *plan, const struct plan_row *row) {
    struct ovsdb_values *changed = NULL;

    for (size_t i = 0; i < ovsdb_values_count(row->values); i++) {
        const char *column, *text = ovsdb_values_at(row->values, i, &column);

        if (!same(ovsdb_value(row->old, column), text)) {
            changed = changed ? changed : ovsdb_values_new(plan->arena);
            ovsdb_copy(changed, column, row->values);
        }
    }
    return changed;
}

static void put_wanted(struct plan *plan, struct ovsdb_txn *txn, const struct plan_row *row) {
    struct ovsdb_values *changed, *child = ovsdb_values_new(plan->arena);

    if (row->old) {
        if (row->needed) {
            ovsdb_wait_exists(txn, row->table, row->old->uuid);
        }
        changed = differences(plan, row);
        if (changed) {
            ovsdb_update(txn, row->table, row->ref, changed);
        }
        return;
    }
    if (!strcmp(row->table, "Logical_Switch")) {
        ovsdb_wait_none(txn, row->table, "name", row->name);
    }
    ovsdb_insert(txn, row->table, row->ref + 1, row->values);
    if (row->parent) {
        ovsdb_add_ref(child, holder_of(row->table)->column, row->ref);
        ovsdb_mutate_insert(txn, row->parent->table, row->parent->ref, child);
    }
}

static void put_unwanted(struct plan *plan, struct ovsdb_txn *txn, const struct ovsdb_row *row) {
    const struct holder *holder = holder_of(row->table->name);
    const char *name = pair(plan, row, "haneul:parent");
    const struct ovsdb_row *parent = holder && name ? ovsdb_find(ovn.nb, plan->arena, holder->parent, name) : NULL;
    struct ovsdb_values *child = ovsdb_values_new(plan->arena);

    if (!holder) {
        ovsdb_delete(txn, row->table->name, row->uuid);
    } else if (parent) {
        ovsdb_add_ref(child, holder->column, row->uuid);
        ovsdb_mutate_delete(txn, holder->parent, parent->uuid, child);
    }
}

/* The document's rows that it does not want any more. Children come before those that hold them. */
static void put_all_unwanted(struct plan *plan, struct ovsdb_txn *txn) {
    for (size_t t = PLAN_TABLES; t-- > 0;) {
        for (size_t i = 0; i < plan->own_count[t]; i++) {
            const struct ovsdb_row *row = plan->own[t][i];

            if (same(pair(plan, row, "haneul:kind"), plan->kind) && !map_get(plan->claimed, row->uuid)) {
                put_unwanted(plan, txn, row);
            }
        }
    }
}

static bool commit(struct plan *plan, const char **ret_error) {
    struct ovsdb_txn *txn = ovsdb_txn_new(plan->arena);

    put_all_unwanted(plan, txn);
    for (const struct plan_row *row = plan->rows; row; row = row->next) {
        put_wanted(plan, txn, row);
    }
    for (const struct plan_link *link = plan->links; link; link = link->next) {
        struct ovsdb_values *values = ovsdb_values_new(plan->arena);

        ovsdb_add_ref(values, link->column, link->row);
        (link->leave ? ovsdb_mutate_delete : ovsdb_mutate_insert)(txn, link->table, link->holder, values);
    }
    return !ovsdb_txn_count(txn) || ovsdb_commit(ovn.nb, txn, COMMIT_MS, NULL, ret_error);
}

static bool attempt(struct work *work, const char *kind, bool (*build)(struct plan *plan, const struct json *doc),
                    const char **ret_error) {
    struct plan plan = {.work = work, .arena = work->arena, .kind = kind, .id = work->id, .known = map_new(),
                        .planned = map_new(), .claimed = map_new()};
    bool done;

    plan.tail = &plan.rows;
    plan.link_tail = &plan.links;
    pthread_mutex_lock(&ovn.write);
    read_own(&plan);
    done = (!work->doc || build(&plan, work->doc)) && commit(&plan, ret_error);
    pthread_mutex_unlock(&ovn.write);
    map_free(plan.known, NULL);
    map_free(plan.planned, NULL);
    map_free(plan.claimed, NULL);
    return done;
}

bool plan_apply(struct work *work, const char *kind, bool (*build)(struct plan *plan, const struct json *doc)) {
    const char *error = NULL, *id = json_get_text(work->doc, "id");

    if (work->doc && (work->doc->type != JSON_MAP || (id && strcmp(id, work->id) != 0))) {
        return work_fail(work, "%s %s: the document is of another", kind, work->id);
    }
    if (!ovsdb_ready(ovn.nb, COMMIT_MS)) {
        return work_fail(work, "%s %s: OVN's northbound database at %s does not answer", kind, work->id,
                         work->host->ovn_nb);
    }
    for (int i = 0; i < TRIES; i++) {
        error = NULL;
        if (attempt(work, kind, build, &error)) {
            return true;
        }
        if (!error) {
            break;
        }
        log_info("%s %s: attempt %d: %s", kind, work->id, i + 1, error);
        nanosleep(&(struct timespec){0, (20L << i) * 1000000L}, NULL);
    }
    return work_fail(work, "%s %s: %s", kind, work->id, error ? error : "the document is malformed");
}
