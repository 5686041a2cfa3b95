/* SPDX-License-Identifier: Apache-2.0
 * Breaks between hosts and rows: what is on a host and no row asks for, and what rows ask for and is not there. */
#include <string.h>

#include "base/map.h"
#include "bus/bus.h"
#include "rest/audit_private.h"
#include "rest/cloud.h"
#include "rest/service.h"
#include "rest/task.h"

LOG_MODULE("rest.audit");

enum { ASK_MS = 20000 };

/* ---- asking ---- */

static bool has_hosted(const struct service *service) {
    size_t count = 0;

    for (size_t r = 0; service->resources[r] && !count; r++) {
        service->resources[r]->on_hosts_of(&count);
    }
    return count > 0;
}

static void unseen_add(struct audit *audit, const char *sentence) {
    audit->unseen = arena_grow(audit->arena, audit->unseen, audit->unseen_count, sizeof *audit->unseen);
    audit->unseen[audit->unseen_count++] = sentence;
}

static void ask_host(struct audit *audit, const struct service *service, const char *host) {
    struct arena *arena = audit->arena;
    const char *kind = arena_printf(arena, "%s.list", service_folder(service)), *error = NULL;
    struct audit_inventory inventory = {.service = service, .host = arena_text(arena, host)};

    if (!bus_call(cloud.bus, arena, host, kind, host, NULL, ASK_MS, &inventory.list, &error)) {
        unseen_add(audit, arena_printf(arena, "host %s does not answer %s: %s", host, kind, error));
        return;
    }
    audit->inventories = arena_grow(arena, audit->inventories, audit->inventory_count, sizeof *audit->inventories);
    audit->inventories[audit->inventory_count++] = inventory;
}

void audit_ask_hosts(struct audit *audit) {
    const char *const *hosts;
    size_t count = cloud.bus ? bus_hosts(cloud.bus, audit->arena, &hosts) : 0;

    for (size_t s = 0; count && cloud.services[s]; s++) {
        for (size_t i = 0; has_hosted(cloud.services[s]) && i < count; i++) {
            ask_host(audit, cloud.services[s], hosts[i]);
        }
    }
}

/* ---- comparing ---- */

static char *const MUST = "must", *const MAY = "may";

/* What rows say of the host: MUST or MAY by id. */
static struct map *wanted_of(struct call *call, const struct on_host *part, const char *host) {
    struct map *map = map_new();
    struct rows *rows = db_query(call->db, part->wanted, SQL_ARGS(sql_text(host)));

    while (rows_next(rows)) {
        map_set(map, rows_text(rows, 0), rows_int(rows, 1) ? MUST : MAY);
    }
    rows_end(rows);
    return map;
}

static struct map *exists_of(const struct json *items) {
    struct map *map = map_new();

    for (JSON_EACH(item, items)) {
        const char *id = item->key ? item->key : item->type == JSON_TEXT ? item->text : json_get_text(item, "id");

        if (id) {
            map_set(map, id, MAY);
        }
    }
    return map;
}

/* A task works on it: it is on its way. */
static bool on_its_way(struct call *call, struct audit *audit, const char *id) {
    return task_pending(call, arena_text_size(audit->arena, id, strcspn(id, "/")));
}

static void compare(struct call *call, struct audit *audit, const struct on_host *part, const char *host,
                    const struct map *wanted, const struct map *exists) {
    size_t cursor = 0;
    const char *id;
    void *value;

    while ((id = map_next(wanted, &cursor, &value))) {
        if (value == MUST && !map_get(exists, id) && !on_its_way(call, audit, id)) {
            audit->now.missing = true;
            audit_break(audit, id, "it should be on host %s and is not", host);
        }
    }
    audit->now.missing = false;
    cursor = 0;
    while ((id = map_next(exists, &cursor, &value))) {
        if (!map_get(wanted, id) && !on_its_way(call, audit, id)) {
            audit_break(audit, id, "it is on host %s and no row asks for it", host);
        }
    }
}

static void look_part(struct call *call, struct audit *audit, const struct audit_inventory *inventory,
                      const struct on_host *part) {
    const struct json *items = json_get(inventory->list, part->part);
    struct map *wanted, *exists;

    if (!items || (part->with && !cloud_service(part->with))) {
        return;
    }
    wanted = wanted_of(call, part, inventory->host);
    exists = exists_of(items);
    audit->now = (struct audit_found){
        .name = arena_printf(audit->arena, "%s.host.%s", service_folder(inventory->service), part->part),
        .says = arena_printf(audit->arena, "hosts have the %s that rows ask for, and no others", part->part),
        .service = inventory->service,
        .on_host = part,
        .host = inventory->host,
    };
    audit->looked++;
    compare(call, audit, part, inventory->host, wanted, exists);
    map_free(wanted, NULL);
    map_free(exists, NULL);
}

bool audit_hosts(struct call *call, struct audit *audit) {
    for (size_t i = 0; i < audit->inventory_count; i++) {
        const struct audit_inventory *inventory = &audit->inventories[i];

        for (size_t r = 0; inventory->service->resources[r]; r++) {
            size_t count;
            const struct on_host *parts = inventory->service->resources[r]->on_hosts_of(&count);

            for (size_t p = 0; p < count; p++) {
                look_part(call, audit, inventory, &parts[p]);
            }
        }
    }
    if (db_failure(call->db) != DB_OK) {
        log_error("invariant %s: %s", audit->now.name, db_message(call->db));
    }
    return db_failure(call->db) == DB_OK || fail_database(call);
}

/* ---- mending ---- */

static void reconcile_now(void *host) {
    struct arena *arena = arena_new(0);
    const struct json *answer;
    const char *error = NULL;

    if (!bus_call(cloud.bus, arena, host, "agent.reconcile", host, NULL, ASK_MS, &answer, &error)) {
        log_warn("host %s: %s", (const char *)host, error);
    }
    arena_free(arena);
}

bool audit_mend_host(struct call *call, struct audit_found *found) {
    const struct on_host *part = found->on_host;

    found->later = true;
    if (part->fix) {
        found->did = "its host was told";
        return part->fix(call, found->host, found->id, found->missing);
    }
    if (found->missing || !part->remove) {
        found->did = "its host was told to look what it should have";
        call_after_commit(call, reconcile_now, (void *)(uintptr_t)found->host);
        return true;
    }
    found->did = "its host was told to remove it";
    return task_add_once(call, part->remove, found->id, found->host, NULL);
}
