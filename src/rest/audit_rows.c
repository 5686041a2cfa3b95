/* SPDX-License-Identifier: Apache-2.0
 * Breaks among rows: declared ones; ids that point nowhere; passing values that nothing works on. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "rest/audit_private.h"
#include "rest/cloud.h"
#include "rest/service.h"
#include "rest/settle.h"

LOG_MODULE("rest.audit");

static const struct resource *resource_named(const char *name) {
    for (size_t s = 0; cloud.services[s]; s++) {
        for (size_t r = 0; cloud.services[s]->resources[r]; r++) {
            if (!strcmp(cloud.services[s]->resources[r]->name, name)) {
                return cloud.services[s]->resources[r];
            }
        }
    }
    return NULL;
}

/* The whole key as SQL text: "a || '/' || b". */
static const char *key_sql(struct arena *arena, const struct resource *resource) {
    const struct resource_runtime *run = resource->runtime;
    const char *sql = NULL;

    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];

        if (field->rights & KEY) {
            const char *part = field_is_text(field) ? arena_printf(arena, "%s.%s", resource->table, field->name)
                                                    : arena_printf(arena, "CAST(%s.%s AS TEXT)", resource->table, field->name);

            sql = sql ? arena_printf(arena, "%s || '/' || %s", sql, part) : part;
        }
    }
    return sql;
}

struct rows *audit_query(struct call *call, const char *sql) {
    struct value args[8];
    size_t count = 0;
    const char *at;

    while ((at = strstr(sql, "$now"))) {
        assert(count < 8);
        args[count++] = sql_int(clock_now());
        sql = arena_printf(call->arena, "%.*sCAST(? AS BIGINT)%s", (int)(at - sql), sql, at + 4);
    }
    return db_query(call->db, sql, args, count);
}

/* Adds a break for each row of the result: id, what. */
static bool add_rows(struct call *call, struct audit *audit, const char *sql) {
    struct rows *rows = audit_query(call, sql);

    audit->looked++;
    while (rows_next(rows)) {
        audit_add(audit, rows_text(rows, 0), rows_text(rows, 1));
    }
    rows_end(rows);
    if (db_failure(call->db) != DB_OK) {
        log_error("invariant %s: %s", audit->now.name, db_message(call->db));
        return fail_database(call);
    }
    return true;
}

/* ---- declared ---- */

/* Those that are told from rows, or those that look outside the database. */
static bool look_declared(struct call *call, struct audit *audit, const struct resource *resource, bool outside) {
    size_t count;
    const struct invariant *all = resource->invariants_of(&count);

    for (size_t i = 0; i < count; i++) {
        bool (*find)(struct call *call, struct audit *audit) = outside ? all[i].look : all[i].find;

        if ((all[i].look != NULL) != outside || (all[i].with && !cloud_service(all[i].with))) {
            continue;
        }
        audit->now = (struct audit_found){.name = all[i].name, .says = all[i].says, .service = resource->runtime->service,
                                          .invariant = &all[i]};
        if (find ? !find(call, audit) : !add_rows(call, audit, all[i].breaks)) {
            return false;
        }
        audit->looked += find != NULL;
    }
    return true;
}

/* ---- ids that point nowhere ---- */

static const char *and_filter(struct arena *arena, const struct resource *resource) {
    return resource->filter_deleted ? arena_printf(arena, " AND (%s)", resource->filter_deleted) : "";
}

static const char *dangling_sql(struct arena *arena, const struct resource *from, const struct field *field,
                                const struct resource *to) {
    return arena_printf(arena,
                        "%s.%s IS NOT NULL%s%s AND NOT EXISTS (SELECT 1 FROM %s target WHERE target.%s = %s.%s%s)",
                        from->table, field->name,
                        field_is_text(field) ? arena_printf(arena, " AND %s.%s <> ''", from->table, field->name) : "",
                        and_filter(arena, from), to->table, to->runtime->key->name, from->table, field->name,
                        and_filter(arena, to));
}

static bool look_pointer(struct call *call, struct audit *audit, const struct resource *from, const struct field *field,
                         const struct resource *to) {
    struct arena *arena = audit->arena;
    const char *where = dangling_sql(arena, from, field, to), *column = arena_printf(arena, "%s.%s", from->table, field->name);
    bool emptied = (field->rights & NULLABLE) && !(field->rights & KEY);

    audit->now = (struct audit_found){
        .name = arena_printf(arena, "%s.%s", from->name, field->name),
        .says = arena_printf(arena, "the %s that a %s names is there", to->singular, from->singular),
        .service = from->runtime->service,
        .mend = emptied ? arena_printf(arena, "UPDATE %s SET %s = NULL WHERE %s", from->table, field->name, where)
                        : arena_printf(arena, "DELETE FROM %s WHERE %s", from->table, where),
    };
    return add_rows(call, audit,
                    arena_printf(arena, "SELECT %s, 'its %s ' || %s || ' is not there' FROM %s WHERE %s", key_sql(arena, from),
                                 field->name, field_is_text(field) ? column : arena_printf(arena, "CAST(%s AS TEXT)", column),
                                 from->table, where));
}

/* ---- passing values ---- */

/* "a|b" as "'a', 'b'". */
static const char *quoted(struct arena *arena, const char *values) {
    const char *sql = "";

    while (*values) {
        size_t size = strcspn(values, "|");

        sql = arena_printf(arena, "%s%s'%.*s'", sql, *sql ? ", " : "", (int)size, values);
        values += size + (values[size] == '|');
    }
    return sql;
}

const char *audit_passing_sql(struct arena *arena, const struct resource *resource, const struct field *field) {
    const char *values = !strcmp(field->passing, "*") ? "IS NOT NULL"
                                                      : arena_printf(arena, "IN (%s)", quoted(arena, field->passing));

    return arena_printf(arena,
                        "SELECT %s, %s.%s FROM %s WHERE %s.%s %s%s"
                        " AND NOT EXISTS (SELECT 1 FROM rest_task WHERE rest_task.resource_id = %s)%s",
                        key_sql(arena, resource), resource->table, field->name, resource->table, resource->table, field->name,
                        values, and_filter(arena, resource), key_sql(arena, resource),
                        resource->worked_on ? arena_printf(arena, " AND NOT (%s)", resource->worked_on) : "");
}

static bool look_passing(struct call *call, struct audit *audit, const struct resource *resource,
                         const struct field *field) {
    size_t from = audit->count;

    audit->now = (struct audit_found){
        .name = arena_printf(audit->arena, "%s.%s", resource->name, field->name),
        .says = arena_printf(audit->arena, "a %s is %s only while a task works on it", resource->singular,
                             strcmp(field->passing, "*") ? field->passing : "busy"),
        .service = resource->runtime->service,
        .passing = resource,
        .field = field,
    };
    if (!add_rows(call, audit, audit_passing_sql(audit->arena, resource, field))) {
        return false;
    }
    for (size_t i = from; i < audit->count; i++) {
        audit->found[i].what = arena_printf(audit->arena, "it is %s, and no task works on it", audit->found[i].what);
    }
    return true;
}

/* ---- rows whose time is over ---- */

static bool look_expired(struct call *call, struct audit *audit, const struct resource *resource) {
    struct arena *arena = audit->arena;
    const char *where = arena_printf(arena, "%s > 0 AND %s < $now - %d * 86400000000", resource->expires,
                                     resource->expires, EXPIRED_DAYS + 1);

    audit->now = (struct audit_found){
        .name = arena_printf(arena, "%s.%s", resource->name, resource->expires),
        .says = arena_printf(arena, "a %s is forgotten when its time is over", resource->singular),
        .service = resource->runtime->service,
        .mend = arena_printf(arena, "DELETE FROM %s WHERE %s", resource->table, where),
    };
    return add_rows(call, audit, arena_printf(arena, "SELECT %s, 'its time is long over' FROM %s WHERE %s",
                                              key_sql(arena, resource), resource->table, where));
}

/* ---- all ---- */

static bool look_fields(struct call *call, struct audit *audit, const struct resource *resource) {
    const struct resource_runtime *run = resource->runtime;

    for (size_t i = 0; i < run->column_count; i++) {
        const struct field *field = &run->fields[run->columns[i]];
        const struct resource *to = field->refers   ? field->refers
                                    : field->points ? resource_named(field->points)
                                                    : NULL;

        if ((to && to->table && !look_pointer(call, audit, resource, field, to)) ||
            (field->passing && !look_passing(call, audit, resource, field))) {
            return false;
        }
    }
    return !resource->expires || look_expired(call, audit, resource);
}

bool audit_rows(struct call *call, struct audit *audit) {
    for (size_t s = 0; cloud.services[s]; s++) {
        for (size_t r = 0; cloud.services[s]->resources[r]; r++) {
            const struct resource *resource = cloud.services[s]->resources[r];

            if ((resource->table && !look_fields(call, audit, resource)) || !look_declared(call, audit, resource, false)) {
                return false;
            }
        }
    }
    return true;
}

static bool look_outside(struct call *call, void *user) {
    for (size_t r = 0; call->service->resources[r]; r++) {
        if (!look_declared(call, user, call->service->resources[r], true)) {
            return false;
        }
    }
    return true;
}

bool audit_outside(struct audit *audit) {
    for (size_t s = 0; cloud.services[s]; s++) {
        if (!cloud_run(cloud.services[s], NULL, look_outside, audit)) {
            return false;
        }
    }
    return true;
}

/* ---- mending ---- */

static bool mend_sql(struct call *call, const char *sql, const char *id) {
    struct value args[8];
    size_t count = 0;

    for (const char *at = sql; (at = strchr(at, '?')); at++) {
        assert(count < 8);
        args[count++] = sql_text(id);
    }
    return call_exec(call, sql, args, count);
}

static bool mend_passing(struct call *call, struct audit_found *found) {
    if (!found->passing->on_stuck) {
        return true;
    }
    found->did = "its end was recorded as a fault";
    return settle_end(call, found->passing, found->field, found->id, NULL, "nothing works on it any more.");
}

static bool mend_all(struct call *call, const char *sql) {
    struct rows *rows = audit_query(call, sql);

    while (rows_next(rows)) {
    }
    rows_end(rows);
    return db_failure(call->db) == DB_OK || fail_database(call);
}

static const char agrees[] = "it was made to agree";

bool audit_mend_clear(struct call *call, void *user) {
    struct audit_found *found = user;

    found->did = agrees;
    return found->invariant->clear(call, found->id);
}

bool audit_mend_row(struct call *call, struct audit_found *found) {
    const struct invariant *invariant = found->invariant;

    if (found->passing) {
        return mend_passing(call, found);
    }
    if (!invariant) {
        found->did = strncmp(found->mend, "DELETE", 6) ? "what it names was taken out of it" : "it was removed";
        return mend_all(call, found->mend);
    }
    if (!invariant->fix && !invariant->mend) {
        found->did = "nothing: look at it by hand";
        return true;
    }
    found->did = agrees;
    return invariant->fix ? invariant->fix(call, found->id) : mend_sql(call, invariant->mend, found->id);
}
