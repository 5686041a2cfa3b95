/* SPDX-License-Identifier: Apache-2.0
 * Inventories: how much of each class a provider has. 'used' is the sum of the allocations, kept in the same
 * transactions as they are. */
#include <string.h>

#include "placement/placement.h"
#include "placement/types.h"

static bool find_provider(struct call *call, struct placement_provider **ret) {
    return row_get(call, &resource_placement_provider, call_parameter(call, "uuid"), ret);
}

static bool find_inventories(struct call *call, const struct placement_provider *provider, struct placement_inventory **ret,
                             size_t *ret_count) {
    return rows_find(call, &resource_placement_inventory, "provider = ? ORDER BY resource_class",
                     SQL_ARGS(sql_text(provider->uuid)), ret, ret_count);
}

static bool write_inventories(struct call *call, const struct placement_provider *provider) {
    struct placement_inventory *rows;
    size_t count;

    if (!find_inventories(call, provider, &rows, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "inventories");
    json_map(&call->out);
    for (size_t i = 0; i < count; i++) {
        json_key(&call->out, rows[i].resource_class);
        row_write(call, &resource_placement_inventory, &rows[i], READ, &call->out);
    }
    json_map_end(&call->out);
    json_put_int(&call->out, "resource_provider_generation", provider->generation);
    json_map_end(&call->out);
    return true;
}

bool placement_inventories_show(struct call *call) {
    struct placement_provider *provider;

    return find_provider(call, &provider) && write_inventories(call, provider);
}

static bool check_inventory(struct call *call, const struct placement_inventory *inventory) {
    if (!class_exists(call, inventory->resource_class)) {
        return fail(call, 400, "Unknown resource class in inventory: No such resource class %.255s.", inventory->resource_class);
    }
    if (inventory->reserved > inventory->total || (inventory->reserved == inventory->total && call->minor < 26)) {
        return fail(call, 400, "Invalid inventory for '%s': reserved is not below total.", inventory->resource_class);
    }
    if (inventory->allocation_ratio <= 0) {
        return fail(call, 400, "JSON does not validate: allocation_ratio must be above 0");
    }
    return true;
}

/* Writes the row, new or over the old one, whose use it keeps. */
static bool put_inventory(struct call *call, struct placement_inventory *inventory, const struct placement_inventory *old) {
    if (!check_inventory(call, inventory)) {
        return false;
    }
    inventory->used = old ? old->used : 0;
    return old ? row_update(call, &resource_placement_inventory, inventory)
               : row_insert(call, &resource_placement_inventory, inventory);
}

static struct placement_inventory *find_in(struct placement_inventory *rows, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(rows[i].resource_class, name)) {
            return &rows[i];
        }
    }
    return NULL;
}

static bool remove_inventory(struct call *call, const struct placement_inventory *inventory) {
    if (inventory->used) {
        return fail_type(call, 409, "placement.inventory.inuse",
                         "Inventory for '%s' on resource provider '%s' in use.", inventory->resource_class, inventory->provider);
    }
    return row_delete(call, &resource_placement_inventory, inventory);
}

bool placement_inventories_set(struct call *call) {
    const struct placement_inventories *given = call->input;
    struct placement_provider *provider;
    struct placement_inventory *rows;
    size_t count;

    if (given->inventories->type != JSON_MAP) {
        return fail(call, 400, "JSON does not validate: inventories is not of type 'object'");
    }
    if (!find_provider(call, &provider) || !find_inventories(call, provider, &rows, &count) ||
        !provider_moved(call, provider, given->resource_provider_generation)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!json_get(given->inventories, rows[i].resource_class) && !remove_inventory(call, &rows[i])) {
            return false;
        }
    }
    for (JSON_EACH(item, given->inventories)) {
        struct placement_inventory inventory = {0};
        uint64_t bits[MAX_FIELDS / 64] = {0};

        if (item->type != JSON_MAP) {
            return fail(call, 400, "JSON does not validate: %s is not of type 'object'", item->key);
        }
        if (!input_parse(call, &resource_placement_inventory, item, CREATE, &inventory, bits)) {
            return false;
        }
        inventory.provider = provider->uuid;
        inventory.resource_class = item->key;
        if (!put_inventory(call, &inventory, find_in(rows, count, item->key))) {
            return false;
        }
    }
    return write_inventories(call, provider);
}

bool placement_inventories_delete(struct call *call) {
    struct placement_provider *provider;
    struct placement_inventory *rows;
    size_t count;

    if (!find_provider(call, &provider) || !find_inventories(call, provider, &rows, &count) ||
        !provider_moved(call, provider, NO_INT)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!remove_inventory(call, &rows[i])) {
            return false;
        }
    }
    return true;
}

/* ---- one inventory ---- */

static void write_one(struct call *call, const struct placement_provider *provider, const struct placement_inventory *row) {
    json_map(&call->out);
    json_put_int(&call->out, "resource_provider_generation", provider->generation);
    json_put_int(&call->out, "total", row->total);
    json_put_int(&call->out, "reserved", row->reserved);
    json_put_int(&call->out, "min_unit", row->min_unit);
    json_put_int(&call->out, "max_unit", row->max_unit);
    json_put_int(&call->out, "step_size", row->step_size);
    json_key(&call->out, "allocation_ratio");
    json_real(&call->out, row->allocation_ratio);
    json_map_end(&call->out);
}

static bool find_one(struct call *call, const char *provider, const char *name, struct placement_inventory **ret) {
    return row_first(call, &resource_placement_inventory, "provider = ? AND resource_class = ?",
                     SQL_ARGS(sql_text(provider), sql_text(name)), ret);
}

static struct placement_inventory given_one(const struct placement_inventory_one *given, const char *provider, const char *name) {
    return (struct placement_inventory){
        .provider = provider, .resource_class = name, .total = given->total, .reserved = given->reserved,
        .min_unit = given->min_unit, .max_unit = given->max_unit, .step_size = given->step_size,
        .allocation_ratio = given->allocation_ratio};
}

bool placement_inventory_add(struct call *call) {
    const struct placement_inventory_one *given = call->input;
    struct placement_inventory inventory, *old;
    struct placement_provider *provider;

    if (!given->resource_class) {
        return fail(call, 400, "JSON does not validate: 'resource_class' is a required property");
    }
    inventory = given_one(given, call_parameter(call, "uuid"), given->resource_class);
    if (!find_provider(call, &provider) || !find_one(call, provider->uuid, inventory.resource_class, &old)) {
        return false;
    }
    if (old) {
        return fail(call, 409, "Update conflict: inventory of %s exists.", inventory.resource_class);
    }
    if (!provider_moved(call, provider, given->resource_provider_generation) || !put_inventory(call, &inventory, NULL)) {
        return false;
    }
    call_header(call, "Location", arena_printf(call->arena, "%s/placement/resource_providers/%s/inventories/%s",
                                               call_base_url(call), provider->uuid, inventory.resource_class));
    write_one(call, provider, &inventory);
    return true;
}

static bool find_named(struct call *call, struct placement_provider **ret_provider, struct placement_inventory **ret) {
    const char *name = call_parameter(call, "resource_class");

    if (!find_provider(call, ret_provider) || !find_one(call, (*ret_provider)->uuid, name, ret)) {
        return false;
    }
    return *ret || fail(call, 404, "No inventory of class %.255s for %s", name, (*ret_provider)->uuid);
}

bool placement_inventory_show(struct call *call) {
    struct placement_provider *provider;
    struct placement_inventory *inventory;

    if (!find_named(call, &provider, &inventory)) {
        return false;
    }
    write_one(call, provider, inventory);
    return true;
}

bool placement_inventory_set(struct call *call) {
    const struct placement_inventory_one *given = call->input;
    struct placement_provider *provider;
    struct placement_inventory inventory, *old;

    if (!find_named(call, &provider, &old) || !provider_moved(call, provider, given->resource_provider_generation)) {
        return false;
    }
    inventory = given_one(given, provider->uuid, old->resource_class);
    if (!put_inventory(call, &inventory, old)) {
        return false;
    }
    write_one(call, provider, &inventory);
    return true;
}

bool placement_inventory_delete(struct call *call) {
    struct placement_provider *provider;
    struct placement_inventory *inventory;

    return find_named(call, &provider, &inventory) && provider_moved(call, provider, NO_INT) &&
           remove_inventory(call, inventory);
}

bool inventory_ensure(struct call *call, const char *provider, const struct placement_stock *given) {
    struct placement_inventory row, *old;

    if (!find_one(call, provider, given->resource_class, &old)) {
        return false;
    }
    memset(&row, 0, sizeof row);
    row_defaults(call, &resource_placement_inventory, &row);
    row.provider = provider;
    row.resource_class = given->resource_class;
    row.total = row.max_unit = given->total;
    row.reserved = given->reserved;
    row.allocation_ratio = given->ratio > 0 ? given->ratio : 1.0;
    if (old) {
        row.used = old->used;
        return row_update(call, &resource_placement_inventory, &row);
    }
    return row_insert(call, &resource_placement_inventory, &row);
}
