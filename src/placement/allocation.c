/* SPDX-License-Identifier: Apache-2.0
 * Allocations: a consumer's whole set is replaced at once; capacity is checked where it is taken. */
#include <math.h>
#include <string.h>

#include "base/id.h"
#include "http/http.h"
#include "placement/placement.h"
#include "placement/types.h"

static const char sql_give_back[] =
    "UPDATE placement_inventory SET used = used - coalesce((SELECT sum(used) FROM placement_allocation a"
    "   WHERE a.consumer = ? AND a.provider = placement_inventory.provider"
    "     AND a.resource_class = placement_inventory.resource_class), 0)"
    " WHERE provider IN (SELECT provider FROM placement_allocation WHERE consumer = ?)";

/* The part of one provider only. */
static const char sql_give_back_one[] =
    "UPDATE placement_inventory SET used = used - coalesce((SELECT sum(used) FROM placement_allocation a"
    "   WHERE a.consumer = ? AND a.provider = placement_inventory.provider"
    "     AND a.resource_class = placement_inventory.resource_class), 0)"
    " WHERE provider = ?";

static bool consumer_forget(struct call *call, const char *consumer) {
    return call_exec(call, "DELETE FROM placement_consumer WHERE uuid = ?"
                           " AND NOT EXISTS (SELECT 1 FROM placement_allocation WHERE consumer = ?)",
                     SQL_ARGS(sql_text(consumer), sql_text(consumer)));
}

static bool give_back_one(struct call *call, const char *consumer, const char *provider) {
    return call_exec(call, sql_give_back_one, SQL_ARGS(sql_text(consumer), sql_text(provider))) &&
           call_exec(call, "DELETE FROM placement_allocation WHERE consumer = ? AND provider = ?",
                     SQL_ARGS(sql_text(consumer), sql_text(provider)));
}

bool placement_release(struct call *call, const char *consumer, const char *provider) {
    if (provider) {
        return give_back_one(call, consumer, provider) && consumer_forget(call, consumer);
    }
    return call_exec(call, sql_give_back, SQL_ARGS(sql_text(consumer), sql_text(consumer))) &&
           call_exec(call, "DELETE FROM placement_allocation WHERE consumer = ?", SQL_ARGS(sql_text(consumer))) &&
           consumer_forget(call, consumer);
}

static bool unit_fits(const struct placement_inventory *inventory, int64_t amount) {
    return amount >= inventory->min_unit && amount <= inventory->max_unit && amount % inventory->step_size == 0;
}

/* What the consumer now has of the provider, and had nothing of before. */
static const char sql_take[] =
    "UPDATE placement_inventory SET used = used + coalesce((SELECT sum(used) FROM placement_allocation a"
    "   WHERE a.consumer = ? AND a.provider = placement_inventory.provider"
    "     AND a.resource_class = placement_inventory.resource_class), 0)"
    " WHERE provider = ?";

static bool has_room(struct call *call, const struct placement_inventory *inventories, size_t count,
                     const struct placement_allocation *wanted) {
    const struct placement_inventory *inventory = NULL;
    int64_t capacity;

    for (size_t i = 0; i < count && !inventory; i++) {
        inventory = strcmp(inventories[i].resource_class, wanted->resource_class) ? NULL : &inventories[i];
    }
    if (!inventory) {
        return fail(call, 409, "Unable to allocate inventory: Inventory for '%s' on resource provider '%s' invalid.",
                    wanted->resource_class, wanted->provider);
    }
    capacity = (int64_t)floor((double)(inventory->total - inventory->reserved) * inventory->allocation_ratio);
    return (inventory->used + wanted->used <= capacity && unit_fits(inventory, wanted->used)) ||
           fail(call, 409, "Unable to allocate inventory: Unable to create allocation for '%s' on resource provider '%s'."
                           " The requested amount would exceed the capacity.", wanted->resource_class, wanted->provider);
}

/* Makes the allocations, all of one consumer on one provider where it has none; each class once. */
static bool take(struct call *call, const struct placement_allocation *wanted, size_t count) {
    struct placement_inventory *inventories;
    size_t inventory_count;

    if (!count) {
        return true;
    }
    if (!rows_find(call, &resource_placement_inventory, "provider = ?", SQL_ARGS(sql_text(wanted->provider)),
                   &inventories, &inventory_count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!has_room(call, inventories, inventory_count, &wanted[i])) {
            return false;
        }
    }
    return rows_insert(call, &resource_placement_allocation, wanted, count) &&
           call_exec(call, sql_take, SQL_ARGS(sql_text(wanted->consumer), sql_text(wanted->provider)));
}

/* '*ret_new', unless null: the consumer was not there. */
static bool consumer_put(struct call *call, const char *uuid, const char *project, const char *user, const char *type,
                         bool *ret_new) {
    int64_t generation = db_query_int(
        call->db, "INSERT INTO placement_consumer (uuid, project_id, user_id, generation, type) VALUES (?, ?, ?, 1, ?)"
                  " ON CONFLICT (uuid) DO UPDATE SET project_id = excluded.project_id, user_id = excluded.user_id,"
                  " generation = placement_consumer.generation + 1, type = excluded.type RETURNING generation",
        SQL_ARGS(sql_text(uuid), sql_text(project), sql_text(user), sql_text(type)), 0);

    if (ret_new) {
        *ret_new = generation == 1;
    }
    return db_failure(call->db) == DB_OK || fail_database(call);
}

bool placement_allocate(struct call *call, const char *consumer, const char *provider, const char *project,
                        const char *user, const struct placement_amount *amounts, size_t count) {
    struct placement_allocation *wanted = ARENA_ARRAY(call->arena, struct placement_allocation, count + 1);
    size_t n = 0;
    bool new;

    for (size_t i = 0; i < count; i++) {
        if (amounts[i].amount) {
            wanted[n++] = (struct placement_allocation){.consumer = consumer, .provider = provider,
                                                        .resource_class = amounts[i].resource_class,
                                                        .used = amounts[i].amount};
        }
    }
    return consumer_put(call, consumer, project, user, "INSTANCE", &new) &&
           (new || give_back_one(call, consumer, provider)) && take(call, wanted, n);
}

bool placement_fix_consumer(struct call *call, const char *id) {
    return placement_release(call, id, NULL);
}

/* ---- writing through the API ---- */

static bool take_resources(struct call *call, const char *consumer, const char *provider, const struct json *resources) {
    struct placement_allocation *wanted;
    struct placement_provider *row;
    size_t n = 0;

    if (!provider || !id_is_uuid(provider)) {
        return fail(call, 400, "JSON does not validate: a provider's UUID was expected");
    }
    if (!resources || resources->type != JSON_MAP || !resources->count) {
        return fail(call, 400, "JSON does not validate: resources of %s are missing", provider);
    }
    if (!row_find(call, &resource_placement_provider, provider, &row)) {
        return fail(call, 400, "Allocation for resource provider '%s' that does not exist.", provider);
    }
    wanted = ARENA_ARRAY(call->arena, struct placement_allocation, resources->count);
    for (JSON_EACH(amount, resources)) {
        if (amount->type != JSON_INT || amount->integer < 1) {
            return fail(call, 400, "JSON does not validate: the amount of %s is not a positive integer", amount->key);
        }
        if (!class_exists(call, amount->key)) {
            return fail(call, 400, "No such resource class %.255s.", amount->key);
        }
        wanted[n++] = (struct placement_allocation){.consumer = consumer, .provider = provider,
                                                    .resource_class = amount->key, .used = amount->integer};
    }
    return take(call, wanted, n);
}

/* {"PROVIDER": {"resources": {...}}} since 1.12; [{"resource_provider": {"uuid"}, "resources": {...}}] before. */
static bool take_all(struct call *call, const char *consumer, const struct json *allocations) {
    if (allocations->type == JSON_LIST && call->minor >= 12) {
        return fail(call, 400, "JSON does not validate: allocations is not of type 'object'");
    }
    if (allocations->type < JSON_LIST) {
        return fail(call, 400, "JSON does not validate: allocations is not of type 'object'");
    }
    for (JSON_EACH(item, allocations)) {
        const char *provider = allocations->type == JSON_MAP ? item->key
                                                             : json_get_text(json_get(item, "resource_provider"), "uuid");

        if (!take_resources(call, consumer, provider, json_get(item, "resources"))) {
            return false;
        }
    }
    return true;
}

static bool check_generation(struct call *call, const char *consumer, bool given, int64_t generation) {
    struct placement_consumer *row;

    if (call->minor < 28) {
        return true;
    }
    if (!given) {
        return fail(call, 400, "JSON does not validate: 'consumer_generation' is a required property");
    }
    row_find(call, &resource_placement_consumer, consumer, &row);
    if ((row ? row->generation : NO_INT) != generation) {
        return fail_type(call, 409, "placement.concurrent_update",
                         "consumer generation conflict - expected %s but got another", row ? "the current one" : "null");
    }
    return true;
}

struct claim {
    const char *consumer, *project, *user, *type;
    const struct json *allocations;
    bool generation_given;
    int64_t generation;
};

static bool claim_apply(struct call *call, const struct claim *claim) {
    if (!id_is_uuid(claim->consumer)) {
        return fail(call, 400, "The consumer %.255s is not a UUID.", claim->consumer);
    }
    if (call->minor >= 8 && (!claim->project || !claim->user)) {
        return fail(call, 400, "JSON does not validate: 'project_id' and 'user_id' are required properties");
    }
    if (call->minor >= 38 && !claim->type) {
        return fail(call, 400, "JSON does not validate: 'consumer_type' is a required property");
    }
    if (!check_generation(call, claim->consumer, claim->generation_given, claim->generation) ||
        !placement_release(call, claim->consumer, NULL)) {
        return false;
    }
    if (!claim->allocations->count) {
        return call->minor >= 28 || fail(call, 400, "JSON does not validate: allocations must not be empty");
    }
    return take_all(call, claim->consumer, claim->allocations) &&
           consumer_put(call, claim->consumer, claim->project ? claim->project : "00000000-0000-0000-0000-000000000000",
                        claim->user ? claim->user : "00000000-0000-0000-0000-000000000000", claim->type ? claim->type : "unknown", NULL);
}

bool placement_allocations_put(struct call *call) {
    const struct placement_allocations *given = call->input;

    return claim_apply(call, &(struct claim){.consumer = call_parameter(call, "consumer_uuid"), .project = given->project_id,
                                             .user = given->user_id, .type = given->consumer_type,
                                             .allocations = given->allocations, .generation = given->consumer_generation,
                                             .generation_given = call_given(call, "consumer_generation")});
}

bool placement_allocations_post(struct call *call) {
    if (!call->body || call->body->type != JSON_MAP) {
        return fail(call, 400, "JSON does not validate: an object was expected");
    }
    for (JSON_EACH(item, call->body)) {
        const struct json *generation = json_get(item, "consumer_generation");
        struct claim claim = {.consumer = item->key, .project = json_get_text(item, "project_id"),
                              .user = json_get_text(item, "user_id"), .type = json_get_text(item, "consumer_type"),
                              .allocations = json_get(item, "allocations"), .generation_given = generation != NULL,
                              .generation = generation && generation->type == JSON_INT ? generation->integer : NO_INT};

        if (!claim.allocations) {
            return fail(call, 400, "JSON does not validate: 'allocations' is a required property");
        }
        if (!claim_apply(call, &claim)) {
            return false;
        }
    }
    return true;
}

bool placement_allocations_delete(struct call *call) {
    const char *consumer = call_parameter(call, "consumer_uuid");

    if (!call_count(call, "SELECT count(*) FROM placement_allocation WHERE consumer = ?", SQL_ARGS(sql_text(consumer)))) {
        return fail(call, 404, "No allocations for consumer '%.255s'", consumer);
    }
    return placement_release(call, consumer, NULL);
}

/* ---- reading ---- */

/* Rows (key, class, used, generation) ordered by key, as {"KEY": {"resources": {...}}}. */
static void write_grouped(struct call *call, struct rows *rows) {
    const char *current = NULL;

    json_map(&call->out);
    while (rows_next(rows)) {
        if (!current || strcmp(current, rows_text(rows, 0)) != 0) {
            if (current) {
                json_map_end(&call->out);
                json_map_end(&call->out);
            }
            current = arena_text(call->arena, rows_text(rows, 0));
            json_key(&call->out, current);
            json_map(&call->out);
            if (!rows_null(rows, 3)) {
                json_put_int(&call->out, "generation", rows_int(rows, 3));
            }
            json_key(&call->out, "resources");
            json_map(&call->out);
        }
        json_put_int(&call->out, rows_text(rows, 1), rows_int(rows, 2));
    }
    if (current) {
        json_map_end(&call->out);
        json_map_end(&call->out);
    }
    json_map_end(&call->out);
    rows_end(rows);
}

bool placement_allocations_show(struct call *call) {
    const char *uuid = call_parameter(call, "consumer_uuid");
    struct placement_consumer *consumer;

    row_find(call, &resource_placement_consumer, uuid, &consumer);
    json_map(&call->out);
    json_key(&call->out, "allocations");
    write_grouped(call, db_query(call->db,
                                 "SELECT a.provider, a.resource_class, a.used, p.generation FROM placement_allocation a"
                                 " JOIN placement_provider p ON p.uuid = a.provider WHERE a.consumer = ?"
                                 " ORDER BY a.provider, a.resource_class", SQL_ARGS(sql_text(uuid))));
    if (consumer && call->minor >= 12) {
        json_put_text(&call->out, "project_id", consumer->project_id);
        json_put_text(&call->out, "user_id", consumer->user_id);
        if (call->minor >= 28) {
            json_put_int(&call->out, "consumer_generation", consumer->generation);
        }
        if (call->minor >= 38) {
            json_put_text(&call->out, "consumer_type", consumer->type);
        }
    }
    json_map_end(&call->out);
    return true;
}

bool placement_provider_allocations(struct call *call) {
    struct placement_provider *provider;

    if (!row_get(call, &resource_placement_provider, call_parameter(call, "uuid"), &provider)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "allocations");
    write_grouped(call, db_query(call->db,
                                 "SELECT consumer, resource_class, used, NULL FROM placement_allocation WHERE provider = ?"
                                 " ORDER BY consumer, resource_class", SQL_ARGS(sql_text(provider->uuid))));
    json_put_int(&call->out, "resource_provider_generation", provider->generation);
    json_map_end(&call->out);
    return true;
}

bool placement_provider_usages(struct call *call) {
    struct placement_provider *provider;
    struct rows *rows;

    if (!row_get(call, &resource_placement_provider, call_parameter(call, "uuid"), &provider)) {
        return false;
    }
    rows = db_query(call->db, "SELECT resource_class, used FROM placement_inventory WHERE provider = ? ORDER BY 1",
                    SQL_ARGS(sql_text(provider->uuid)));
    json_map(&call->out);
    json_key(&call->out, "usages");
    json_map(&call->out);
    while (rows_next(rows)) {
        json_put_int(&call->out, rows_text(rows, 0), rows_int(rows, 1));
    }
    json_map_end(&call->out);
    rows_end(rows);
    json_put_int(&call->out, "resource_provider_generation", provider->generation);
    json_map_end(&call->out);
    return true;
}

static void write_usages(struct call *call, const char *project, const char *user, const char *type) {
    struct rows *rows = db_query(call->db,
                                 "SELECT a.resource_class, sum(a.used), count(DISTINCT a.consumer) FROM placement_allocation a"
                                 " JOIN placement_consumer c ON c.uuid = a.consumer WHERE c.project_id = ?"
                                 " AND (? = '' OR c.user_id = ?) AND (? = '' OR c.type = ?) GROUP BY a.resource_class ORDER BY 1",
                                 SQL_ARGS(sql_text(project), sql_text(user), sql_text(user), sql_text(type), sql_text(type)));
    int64_t consumers = 0;

    json_map(&call->out);
    while (rows_next(rows)) {
        json_put_int(&call->out, rows_text(rows, 0), rows_int(rows, 1));
        consumers = rows_int(rows, 2) > consumers ? rows_int(rows, 2) : consumers;
    }
    if (call->minor >= 38) {
        json_put_int(&call->out, "consumer_count", consumers);
    }
    json_map_end(&call->out);
    rows_end(rows);
}

bool placement_usages(struct call *call) {
    const char *project = call_argument(call, "project_id"), *user = call_argument(call, "user_id");
    const char *type = call->minor >= 38 ? call_argument(call, "consumer_type") : NULL;
    struct rows *rows;

    if (!project) {
        return fail(call, 400, "Invalid query string parameters: 'project_id' is a required property");
    }
    user = user ? user : "";
    json_map(&call->out);
    json_key(&call->out, "usages");
    if (call->minor < 38 || (type && !strcmp(type, "all"))) {
        if (call->minor >= 38) {
            json_map(&call->out);
            json_key(&call->out, "all");
        }
        write_usages(call, project, user, "");
        if (call->minor >= 38) {
            json_map_end(&call->out);
        }
    } else {
        json_map(&call->out);
        rows = db_query(call->db, "SELECT DISTINCT type FROM placement_consumer WHERE project_id = ? AND (? = '' OR user_id = ?)"
                                  " AND (? = '' OR type = ?) ORDER BY 1",
                        SQL_ARGS(sql_text(project), sql_text(user), sql_text(user), sql_text(type ? type : ""), sql_text(type)));
        while (rows_next(rows)) {
            const char *each = arena_text(call->arena, rows_text(rows, 0));

            json_key(&call->out, each);
            write_usages(call, project, user, each);
        }
        rows_end(rows);
        json_map_end(&call->out);
    }
    json_map_end(&call->out);
    return true;
}
