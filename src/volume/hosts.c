/* SPDX-License-Identifier: Apache-2.0
 * Hosts that keep volumes: what they tell, which one a new volume goes to, and how they are shown. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "rest/cloud.h"
#include "volume/parts.h"

/* Files are sparse: so much more may be promised than there is. */
enum { OVERSUBSCRIPTION = 20, SILENT_SECONDS = 75 };

void volume_service_write_replication(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    json_text(out, "disabled");
}

/* A host whose agent is connected and was heard of. */
static bool is_up(const struct volume_service *row) {
    return row->connected && row->updated_at > clock_now() - SILENT_SECONDS * SECOND;
}

/* ---- what hosts tell ---- */

static double number(const struct json *map, const char *key) {
    const struct json *value = json_get(map, key);

    return !value ? 0 : value->type == JSON_INT ? (double)value->integer : value->type == JSON_REAL ? value->real : 0;
}

static bool save(struct call *call, struct volume_service *row, bool fresh) {
    row->updated_at = clock_now();
    return fresh ? row_insert(call, &resource_volume_service, row) : row_update(call, &resource_volume_service, row);
}

static bool host_ensure(struct call *call, const char *name, struct volume_service **ret_row, bool *ret_fresh) {
    *ret_fresh = !row_find(call, &resource_volume_service, name, ret_row);
    if (*ret_fresh) {
        *ret_row = ARENA_NEW(call->arena, struct volume_service);
        row_defaults(call, &resource_volume_service, *ret_row);
        (*ret_row)->host = name;
    }
    return !call->error;
}

bool volume_host_up(struct call *call, const char *host, const struct json *facts) {
    const struct json *own = json_get(facts, "volume");
    const char *backend = json_get_text(own, "backend");
    struct volume_service *row;
    bool fresh;

    if (!backend) {
        return true;
    }
    if (!host_ensure(call, arena_printf(call->arena, "%s@%s", host, backend), &row, &fresh)) {
        return false;
    }
    row->binary_name = "cinder-volume";
    row->pool = json_get_text(own, "pool") ? json_get_text(own, "pool") : backend;
    row->zone = json_get_text(own, "zone") ? json_get_text(own, "zone") : "nova";
    row->connected = true;
    row->total_gb = number(own, "total_gb");
    row->free_gb = number(own, "free_gb");
    return save(call, row, fresh);
}

bool volume_place_known(struct call *call, const char *place) {
    return call_count(call, "SELECT count(*) FROM volume_service WHERE host = ?",
                      SQL_ARGS(sql_text(arena_text_size(call->arena, place, strcspn(place, "#"))))) > 0;
}

bool volume_host_down(struct call *call, const char *host) {
    return call_exec(call, "UPDATE volume_service SET connected = 0 WHERE binary_name = 'cinder-volume' AND host LIKE ? || '@%'",
                     SQL_ARGS(sql_text(host)));
}

/* What the API role itself is, in the words of the services that it stands for. */
static bool ensure(struct call *call, const char *host, const char *binary, bool up) {
    struct volume_service *row;
    bool fresh;

    if (!host_ensure(call, host, &row, &fresh)) {
        return false;
    }
    row->binary_name = binary;
    row->connected = up;
    return save(call, row, fresh);
}

bool volume_scheduler_ensure(struct call *call) {
    return ensure(call, cloud.host, "cinder-scheduler", true) &&
           ensure(call, arena_printf(call->arena, "%s@object", cloud.host), "cinder-backup",
                  cloud_service("object-store") != NULL);
}

/* ---- choosing ---- */

/* What is promised on that pool already, in GiB. */
static int64_t promised(struct call *call, const char *place) {
    return call_count(call, "SELECT coalesce(sum(size), 0) FROM volume_volume WHERE host = ?", SQL_ARGS(sql_text(place))) +
           call_count(call, "SELECT coalesce(sum(size), 0) FROM volume_snapshot WHERE host = ?", SQL_ARGS(sql_text(place)));
}

static const char *place_of(struct call *call, const struct volume_service *row) {
    return arena_printf(call->arena, "%s#%s", row->host, row->pool ? row->pool : "pool");
}

/* What a host can, in the words of extra specs; null: it has no such capability. */
static const char *capability(const struct volume_service *row, const char *name) {
    const struct {
        const char *name, *value;
    } all[] = {
        {"volume_backend_name", row->pool},
        {"vendor_name", "Open Source"},
        {"storage_protocol", "file"},
        {"multiattach", "True"},
        {"thin_provisioning_support", "True"},
        {"QoS_support", "False"},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!strcmp(all[i].name, name)) {
            return all[i].value;
        }
    }
    return NULL;
}

/* Extra specs of no scope, or of the scope "capabilities", ask for capabilities. */
static bool backend_fits(struct call *call, const struct volume_type *type, const struct volume_service *row) {
    for (JSON_EACH(spec, volume_map_read(call, type ? type->extra_specs : NULL))) {
        const char *name = !strncmp(spec->key, "capabilities:", 13) ? spec->key + 13 : spec->key, *has, *wanted = spec->text;

        if (strchr(name, ':')) {
            continue;
        }
        has = capability(row, name);
        wanted += !strncmp(wanted, "<is> ", 5) ? 5 : 0;
        if (!has || strcasecmp(has, wanted) != 0) {
            return false;
        }
    }
    return true;
}

const char *volume_place(struct call *call, const struct volume_type *type, const char *zone, int64_t size) {
    struct volume_service *rows;
    size_t count;

    if (!rows_find(call, &resource_volume_service,
                   "binary_name = 'cinder-volume' AND status = 'enabled' AND frozen = 0 ORDER BY connected DESC, free_gb DESC, host",
                   SQL_NO_ARGS, &rows, &count)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const char *place = place_of(call, &rows[i]);

        bool there = is_up(&rows[i]) || rows[i].updated_at > cloud_heard_since();

        if (there && (!zone || !strcmp(zone, rows[i].zone)) && backend_fits(call, type, &rows[i]) &&
            (double)(promised(call, place) + size) <= rows[i].total_gb * OVERSUBSCRIPTION) {
            return place;
        }
    }
    return NULL;
}

/* ---- showing ---- */

bool volume_service_expand(struct call *call, void *pointer, size_t count) {
    struct volume_service *rows = pointer;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].binary_name, "cinder-volume") != 0 && rows[i].connected) {
            rows[i].updated_at = clock_now();
        }
        rows[i].state = rows[i].backend_state = is_up(&rows[i]) ? "up" : "down";
    }
    return true;
}

bool volume_service_on_list(struct call *call, struct query *query) {
    const char *name = call_argument(call, "host"), *binary = call_argument(call, "binary");

    /* The host alone names all its backends. */
    if (name && !strchr(name, '@')) {
        query_take(query, "host");
        query_where(query, "host = ? OR host LIKE ? || '@%'", SQL_ARGS(sql_text(name), sql_text(name)));
    }
    if (binary) {
        query_take(query, "binary");
        query_where(query, "binary_name = ?", SQL_ARGS(sql_text(binary)));
    }
    return true;
}

static bool set_status(struct call *call, const char *status, const char *reason) {
    const struct volume_service_input *input = call->input;
    struct volume_service *row = NULL;
    struct json_out *out = &call->out;

    if (!input->host) {
        return fail(call, 400, "Missing required element 'host' in request body.");
    }
    if (!row_first(call, &resource_volume_service, "host = ? AND (CAST(? AS TEXT) IS NULL OR binary_name = ?)",
                   SQL_ARGS(sql_text(input->host), sql_text(input->binary_name), sql_text(input->binary_name)), &row)) {
        return false;
    }
    if (!row) {
        return fail(call, 404, "Service %s could not be found on host %s.", input->binary_name ? input->binary_name : "",
                    input->host);
    }
    row->status = status;
    row->disabled_reason = reason;
    json_map(out);
    json_put_text(out, "host", row->host);
    json_put_text(out, "service", row->binary_name);
    json_put_bool(out, "disabled", strcmp(status, "disabled") == 0);
    json_put_text(out, "binary", row->binary_name);
    json_put_text(out, "status", status);
    if (reason || !strcmp(status, "enabled")) {
        json_put_text(out, "disabled_reason", reason);
    }
    json_map_end(out);
    return row_update(call, &resource_volume_service, row);
}

bool volume_service_enable(struct call *call) {
    return set_status(call, "enabled", NULL);
}

bool volume_service_disable(struct call *call) {
    return set_status(call, "disabled", NULL);
}

bool volume_service_disable_reason(struct call *call) {
    const struct volume_service_input *input = call->input;

    return (input->disabled_reason || fail(call, 400, "'disabled_reason' is a required property")) &&
           set_status(call, "disabled", input->disabled_reason);
}

/* A frozen host takes no new volumes. */
static bool set_frozen(struct call *call, bool frozen) {
    const struct volume_service_input *input = call->input;
    struct volume_service *row;

    if (!input->host || !row_find(call, &resource_volume_service, input->host, &row)) {
        return call->error ? false : fail(call, 400, "Service cinder-volume could not be found on host %s.",
                                          input->host ? input->host : "");
    }
    row->frozen = frozen;
    return row_update(call, &resource_volume_service, row);
}

bool volume_service_freeze(struct call *call) {
    return set_frozen(call, true);
}

bool volume_service_thaw(struct call *call) {
    return set_frozen(call, false);
}

static bool backends(struct call *call, struct volume_service **ret_rows, size_t *ret_count) {
    return rows_find(call, &resource_volume_service, "binary_name = 'cinder-volume' ORDER BY host", SQL_NO_ARGS, ret_rows,
                     ret_count);
}

bool volume_zones(struct call *call) {
    struct rows *rows = db_query(call->db,
                                 "SELECT zone, max(CASE WHEN status = 'enabled' THEN 1 ELSE 0 END) FROM volume_service"
                                 " GROUP BY zone ORDER BY zone", SQL_NO_ARGS);
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "availabilityZoneInfo");
    json_list(out);
    while (rows_next(rows)) {
        json_map(out);
        json_put_text(out, "zoneName", rows_text(rows, 0));
        json_key(out, "zoneState");
        json_map(out);
        json_put_bool(out, "available", rows_int(rows, 1) != 0);
        json_map_end(out);
        json_map_end(out);
    }
    rows_end(rows);
    json_list_end(out);
    json_map_end(out);
    return true;
}

static void write_pool(struct call *call, const struct volume_service *row, bool detail) {
    const char *place = place_of(call, row);
    char text[TIME_TEXT_SIZE];
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "name", place);
    if (detail) {
        json_key(out, "capabilities");
        json_map(out);
        json_put_text(out, "timestamp", time_print(row->updated_at, TIME_MICRO, text));
        json_put_text(out, "volume_backend_name", capability(row, "volume_backend_name"));
        json_put_text(out, "storage_protocol", capability(row, "storage_protocol"));
        json_put_text(out, "vendor_name", capability(row, "vendor_name"));
        json_put_text(out, "driver_version", HANEUL_VERSION);
        json_key(out, "total_capacity_gb");
        json_real(out, row->total_gb);
        json_key(out, "free_capacity_gb");
        json_real(out, row->free_gb);
        json_put_int(out, "allocated_capacity_gb", promised(call, place));
        json_put_int(out, "provisioned_capacity_gb", promised(call, place));
        json_put_text(out, "max_over_subscription_ratio", "20.0");
        json_put_int(out, "reserved_percentage", 0);
        json_put_bool(out, "thin_provisioning_support", true);
        json_put_bool(out, "thick_provisioning_support", false);
        json_put_bool(out, "multiattach", true);
        json_put_bool(out, "QoS_support", false);
        json_put_text(out, "backend_state", is_up(row) ? "up" : "down");
        json_map_end(out);
    }
    json_map_end(out);
}

bool volume_pools(struct call *call) {
    struct volume_service *rows;
    size_t count;
    bool detail = call_argument_true(call, "detail");

    if (!backends(call, &rows, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "pools");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        write_pool(call, &rows[i], detail);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

/* ---- hosts ---- */

bool volume_hosts(struct call *call) {
    struct volume_service *rows;
    size_t count;
    struct json_out *out = &call->out;
    char text[TIME_TEXT_SIZE];

    if (!rows_find(call, &resource_volume_service, "1 = 1 ORDER BY host", SQL_NO_ARGS, &rows, &count)) {
        return false;
    }
    json_map(out);
    json_key(out, "hosts");
    json_list(out);
    for (size_t i = 0; i < count; i++) {
        json_map(out);
        json_put_text(out, "host_name", rows[i].host);
        json_put_text(out, "service", rows[i].binary_name);
        json_put_text(out, "zone", rows[i].zone);
        json_put_text(out, "service-status", is_up(&rows[i]) ? "available" : "unavailable");
        json_put_text(out, "service-state", rows[i].status);
        json_put_text(out, "last-update", time_print(rows[i].updated_at, TIME_MICRO, text));
        json_map_end(out);
    }
    json_list_end(out);
    json_map_end(out);
    return true;
}

/* What projects have on a host; the sum comes first. */
static const char sql_usage[] =
    "SELECT project_id, sum(volumes), sum(volume_gb), sum(snapshots), sum(snapshot_gb) FROM ("
    "  SELECT project_id, 1 AS volumes, size AS volume_gb, 0 AS snapshots, 0 AS snapshot_gb"
    "    FROM volume_volume WHERE host LIKE ? || '#%'"
    "  UNION ALL"
    "  SELECT project_id, 0, 0, 1, size FROM volume_snapshot WHERE host LIKE ? || '#%') AS used"
    " GROUP BY project_id ORDER BY project_id";

static void write_usage(struct call *call, const char *host, const char *project, const int64_t *sums) {
    static const char *const names[] = {"volume_count", "total_volume_gb", "snapshot_count", "total_snapshot_gb"};
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "resource");
    json_map(out);
    json_put_text(out, "host", host);
    json_put_text(out, "project", project);
    for (int i = 0; i < 4; i++) {
        json_put_text(out, names[i], arena_printf(call->arena, "%lld", (long long)sums[i]));
    }
    json_map_end(out);
    json_map_end(out);
}

struct usage {
    const char *project;
    int64_t sums[4];
};

bool volume_host_show(struct call *call) {
    const char *name = call_parameter(call, "name");
    struct usage *all = NULL, total = {.project = "(total)"};
    struct volume_service *row;
    struct rows *rows;
    size_t count = 0;

    if (!row_find(call, &resource_volume_service, name, &row)) {
        return fail(call, 404, "Host %.255s could not be found.", name);
    }
    rows = db_query(call->db, sql_usage, SQL_ARGS(sql_text(name), sql_text(name)));
    while (rows_next(rows)) {
        all = arena_grow(call->arena, all, count, sizeof *all);
        all[count].project = arena_text(call->arena, rows_text(rows, 0));
        for (int i = 0; i < 4; i++) {
            all[count].sums[i] = rows_int(rows, i + 1);
            total.sums[i] += all[count].sums[i];
        }
        count++;
    }
    rows_end(rows);
    json_map(&call->out);
    json_key(&call->out, "host");
    json_list(&call->out);
    write_usage(call, name, total.project, total.sums);
    for (size_t i = 0; i < count; i++) {
        write_usage(call, name, all[i].project, all[i].sums);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool volume_capabilities(struct call *call) {
    const char *name = call_parameter(call, "name");
    struct volume_service *row;
    struct json_out *out = &call->out;

    if (!row_find(call, &resource_volume_service, arena_text_size(call->arena, name, strcspn(name, "#")), &row)) {
        return fail(call, 404, "Service %.255s could not be found.", name);
    }
    json_map(out);
    json_put_text(out, "namespace", arena_printf(call->arena, "OS::Storage::Capabilities::%s", row->host));
    json_put_text(out, "vendor_name", "Open Source");
    json_put_text(out, "volume_backend_name", row->pool);
    json_put_text(out, "pool_name", row->pool);
    json_put_text(out, "driver_version", HANEUL_VERSION);
    json_put_text(out, "storage_protocol", "file");
    json_put_text(out, "display_name", row->pool);
    json_put_text(out, "description", "Files on the host");
    json_put_text(out, "visibility", "public");
    json_put_raw(out, "replication_targets", "[]");
    json_put_raw(out, "properties", "{}");
    json_map_end(out);
    return true;
}
