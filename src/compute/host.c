/* SPDX-License-Identifier: Apache-2.0
 * Hosts as they come and go: a row here, a provider with its inventory in placement. */
#include "compute/host.h"

#include <string.h>

#include "base/clock.h"
#include "compute/types.h"
#include "placement/placement.h"

/* How much of a host may be promised, and what is kept for the host itself: Nova's defaults. */
static const double RATIO_CPU = 4.0, RATIO_RAM = 1.0, RATIO_DISK = 1.0;
enum { RESERVED_RAM = 512, MAX_TRAITS = 256 };

static const char *const *host_traits(struct call *call, const struct json *compute) {
    const char **traits = ARENA_ARRAY(call->arena, const char *, MAX_TRAITS + 1);
    size_t n = 0;

    for (JSON_EACH(trait, json_get(compute, "traits"))) {
        if (trait->type == JSON_TEXT && n < MAX_TRAITS) {
            traits[n++] = trait->text;
        }
    }
    return traits;
}

static bool provide(struct call *call, const struct compute_host *host, const struct json *compute) {
    int64_t ram = json_get_int(compute, "memory_mb", 0);
    const struct placement_stock inventory[] = {
        {"VCPU", json_get_int(compute, "vcpus", 0), 0, RATIO_CPU},
        {"MEMORY_MB", ram, ram > 2 * RESERVED_RAM ? RESERVED_RAM : 0, RATIO_RAM},
        {"DISK_GB", json_get_int(compute, "disk_gb", 0), 0, RATIO_DISK},
    };

    return placement_provider_ensure(call, host->id, host->name, inventory, sizeof inventory / sizeof *inventory,
                                     host_traits(call, compute));
}

static bool host_make(struct call *call, const char *name, struct compute_host **ret_host) {
    struct compute_host *host = *ret_host = ARENA_NEW(call->arena, struct compute_host);

    row_defaults(call, &resource_compute_host, host);
    host->name = name;
    return row_insert(call, &resource_compute_host, host);
}

bool compute_host_up(struct call *call, const char *name, const struct json *facts) {
    const struct json *compute = json_get(facts, "compute");
    const char *text = json_print(call->arena, facts);
    struct compute_host *host;
    bool changed;

    if (!compute) {
        return true;
    }
    if (!row_first(call, &resource_compute_host, "name = ?", SQL_ARGS(sql_text(name)), &host)
        || (!host && !host_make(call, name, &host))) {
        return false;
    }
    if (!host->number) {
        host->number = call_count(call, "SELECT coalesce(max(number), 0) + 1 FROM compute_host", SQL_NO_ARGS);
    }
    changed = strcmp(host->facts, text) != 0;
    host->facts = text;
    host->state = "up";
    host->updated_at = clock_now();
    return row_update(call, &resource_compute_host, host) && (!changed || provide(call, host, compute));
}

bool compute_host_down(struct call *call, const char *name) {
    return call_exec(call, "UPDATE compute_host SET state = 'down' WHERE name = ?", SQL_ARGS(sql_text(name)));
}
