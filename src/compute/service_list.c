/* SPDX-License-Identifier: Apache-2.0
 * Hosts as services ("nova-compute"), beside them what the API process does itself under the names that clients know
 * (nova-scheduler, nova-conductor); availability zones; and hosts as old versions show them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "compute/hypervisor.h"
#include "compute/view.h"
#include "placement/placement.h"
#include "rest/cloud.h"
#include "rest/service.h"

/* Their numbers lie where those of hosts do not. */
static const struct {
    const char *binary;
    int64_t number;
} own_services[] = {{"nova-scheduler", 1000001}, {"nova-conductor", 1000002}};

/* ---- list ---- */

static bool asked_for(struct call *call, const char *host, const char *binary) {
    const char *wanted_host = call_argument(call, "host"), *wanted_binary = call_argument(call, "binary");

    return (!wanted_host || !*wanted_host || !strcmp(wanted_host, host))
           && (!wanted_binary || !*wanted_binary || !strcmp(wanted_binary, binary));
}

static void put_own(struct call *call, const char *binary, int64_t number, struct json_out *out) {
    const char *digest = digest_of(call->arena, "md5", binary, strlen(binary));

    json_map(out);
    if (call->minor >= 53) {
        json_put_text(out, "id",
                      arena_printf(call->arena, "%.8s-%.4s-4%.3s-8%.3s-%.12s", digest, digest + 8, digest + 13,
                                   digest + 17, digest + 20));
    } else {
        json_put_int(out, "id", number);
    }
    json_put_text(out, "binary", binary);
    json_put_text(out, "host", cloud.host);
    json_put_text(out, "zone", "internal");
    json_put_text(out, "status", "enabled");
    json_put_text(out, "state", "up");
    view_time(out, "updated_at", clock_now(), false);
    json_put_null(out, "disabled_reason");
    if (call->minor >= 11) {
        json_put_bool(out, "forced_down", false);
    }
    json_map_end(out);
}

/* A host that is connected shows that it is alive by being so: the time is now. */
static void put_compute(struct call *call, const struct compute_host *host, struct json_out *out) {
    bool up = !strcmp(host->state, "up");

    json_map(out);
    if (call->minor >= 53) {
        json_put_text(out, "id", host->id);
    } else {
        json_put_int(out, "id", host->number);
    }
    json_put_text(out, "binary", "nova-compute");
    json_put_text(out, "host", host->name);
    json_put_text(out, "zone", host->zone);
    json_put_text(out, "status", host->status);
    json_put_text(out, "state", host_state(host));
    view_time(out, "updated_at", up ? clock_now() : host->updated_at, false);
    json_put_text(out, "disabled_reason", host->disabled_reason);
    if (call->minor >= 11) {
        json_put_bool(out, "forced_down", host->forced_down);
    }
    json_map_end(out);
}

bool compute_service_list(struct call *call) {
    struct compute_host *hosts;
    size_t count;

    if (!view_arguments(call, 75, "host|binary")
        || !rows_find(call, &resource_compute_host, "number > 0 ORDER BY number", SQL_NO_ARGS, &hosts, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "services");
    json_list(&call->out);
    for (size_t i = 0; i < sizeof own_services / sizeof *own_services; i++) {
        if (asked_for(call, cloud.host, own_services[i].binary)) {
            put_own(call, own_services[i].binary, own_services[i].number, &call->out);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (asked_for(call, hosts[i].name, "nova-compute")) {
            put_compute(call, &hosts[i], &call->out);
        }
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

/* ---- changes ---- */

static bool find_host(struct call *call, const struct compute_service_action *input, struct compute_host **ret_host) {
    if (strcmp(input->binary, "nova-compute") != 0) {
        return fail(call, 400, "Updating a %s service is not supported. Only nova-compute services can be updated.",
                    input->binary);
    }
    return row_first(call, &resource_compute_host, "name = ?", SQL_ARGS(sql_text(input->host)), ret_host)
           && (*ret_host || fail(call, 404, "Could not find binary %s on host %s.", input->binary, input->host));
}

static void answer_action(struct call *call, const struct compute_service_action *input) {
    struct json_out *out = &call->out;
    const char *action = call_parameter(call, "id");

    json_map(out);
    json_key(out, "service");
    json_map(out);
    json_put_text(out, "host", input->host);
    json_put_text(out, "binary", input->binary);
    if (!strcmp(action, "force-down")) {
        json_put_bool(out, "forced_down", input->forced_down);
    } else {
        json_put_text(out, "status", strcmp(action, "enable") ? "disabled" : "enabled");
    }
    if (!strcmp(action, "disable-log-reason")) {
        json_put_text(out, "disabled_reason", input->disabled_reason);
    }
    json_map_end(out);
    json_map_end(out);
}

/* Until 2.52 the path names what to do, the body to whom. */
bool compute_service_act(struct call *call) {
    const struct compute_service_action *input = call->input;
    const char *action = call_parameter(call, "id");
    bool force = !strcmp(action, "force-down") && call->minor >= 11, log = !strcmp(action, "disable-log-reason");
    struct compute_host *host;

    if (!force && !log && strcmp(action, "enable") != 0 && strcmp(action, "disable") != 0) {
        return fail(call, 404, "Unknown action");
    }
    if ((log && !input->disabled_reason) || (force && !call_given(call, "forced_down"))) {
        return fail(call, 400, "Missing %s field", log ? "disabled_reason" : "forced_down");
    }
    if (!find_host(call, input, &host)) {
        return false;
    }
    if (force) {
        host->forced_down = input->forced_down;
    } else {
        host->status = strcmp(action, "enable") ? "disabled" : "enabled";
        host->disabled_reason = log ? input->disabled_reason : NULL;
    }
    answer_action(call, input);
    return row_update(call, &resource_compute_host, host);
}

bool compute_service_update(struct call *call) {
    const struct compute_service_change *input = call->input;
    struct compute_host *host;

    if (!host_by_id(call, "Service", &host)) {
        return false;
    }
    if (!call_given(call, "status") && !call_given(call, "disabled_reason") && !call_given(call, "forced_down")) {
        return fail(call, 400, "No updates were requested. Fields 'status' or 'forced_down' should be specified.");
    }
    if (call_given(call, "disabled_reason") && (!input->status || strcmp(input->status, "disabled") != 0)) {
        return fail(call, 400, "Specifying 'disabled_reason' when status is 'enabled' is invalid.");
    }
    if (call_given(call, "status")) {
        host->status = input->status;
        host->disabled_reason = input->disabled_reason;
    }
    if (call_given(call, "forced_down")) {
        host->forced_down = input->forced_down;
    }
    if (!row_update(call, &resource_compute_host, host)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "service");
    put_compute(call, host, &call->out);
    json_map_end(&call->out);
    return true;
}

/* The host is forgotten; it comes back as a new one when its agent connects again. */
bool compute_service_delete(struct call *call) {
    struct compute_host *host;

    if (!host_by_id(call, "Service", &host)) {
        return false;
    }
    if (call_count(call, "SELECT count(*) FROM compute_server WHERE host = ? AND deleted = 0",
                   SQL_ARGS(sql_text(host->name)))) {
        return fail(call, 409,
                    "Unable to delete compute service that is hosting instances. Migrate or delete the instances"
                    " first.");
    }
    return call_exec(call, "DELETE FROM compute_aggregate_host WHERE host = ?", SQL_ARGS(sql_text(host->name)))
           && placement_provider_remove(call, host->id) && row_delete(call, &resource_compute_host, host);
}

/* ---- availability zones ---- */

struct zone {
    const char *name;
    bool available;
};

/* Zones of hosts, those where servers may go first. */
static size_t zones_of(struct call *call, const struct compute_host *hosts, size_t count, struct zone *zones) {
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        bool enabled = !strcmp(hosts[i].status, "enabled");
        size_t k = 0;

        while (k < n && strcmp(zones[k].name, hosts[i].zone) != 0) {
            k++;
        }
        if (k == n) {
            zones[n++] = (struct zone){hosts[i].zone, false};
        }
        zones[k].available = zones[k].available || enabled;
    }
    return n;
}

static void put_activity(const char *binary, bool available, bool active, int64_t time, struct json_out *out) {
    json_key(out, binary);
    json_map(out);
    json_put_bool(out, "available", available);
    json_put_bool(out, "active", active);
    view_time(out, "updated_at", time, false);
    json_map_end(out);
}

static void put_zone_begin(const char *name, bool available, struct json_out *out) {
    json_map(out);
    json_put_text(out, "zoneName", name);
    json_key(out, "zoneState");
    json_map(out);
    json_put_bool(out, "available", available);
    json_map_end(out);
    json_key(out, "hosts");
}

/* The zone of the cloud's own services, which only the detailed list has. */
static void put_internal(struct json_out *out) {
    put_zone_begin("internal", true, out);
    json_map(out);
    json_key(out, cloud.host);
    json_map(out);
    for (size_t i = 0; i < sizeof own_services / sizeof *own_services; i++) {
        put_activity(own_services[i].binary, true, true, clock_now(), out);
    }
    json_map_end(out);
    json_map_end(out);
    json_map_end(out);
}

static void put_zone(const struct zone *zone, const struct compute_host *hosts, size_t count, bool detail,
                     struct json_out *out) {
    put_zone_begin(zone->name, zone->available, out);
    if (!detail || !zone->available) {
        json_null(out);
        json_map_end(out);
        return;
    }
    json_map(out);
    for (size_t i = 0; i < count; i++) {
        bool up = !strcmp(host_state(&hosts[i]), "up");

        if (!strcmp(hosts[i].zone, zone->name) && !strcmp(hosts[i].status, "enabled")) {
            json_key(out, hosts[i].name);
            json_map(out);
            put_activity("nova-compute", up, true, up ? clock_now() : hosts[i].updated_at, out);
            json_map_end(out);
        }
    }
    json_map_end(out);
    json_map_end(out);
}

static bool answer_zones(struct call *call, bool detail) {
    struct compute_host *hosts;
    struct zone *zones;
    size_t count, n;

    if (!rows_find(call, &resource_compute_host, "number > 0 ORDER BY number", SQL_NO_ARGS, &hosts, &count)) {
        return false;
    }
    zones = ARENA_ARRAY(call->arena, struct zone, count + 1);
    n = zones_of(call, hosts, count, zones);
    json_map(&call->out);
    json_key(&call->out, "availabilityZoneInfo");
    json_list(&call->out);
    if (detail) {
        put_internal(&call->out);
    }
    for (int available = 1; available >= 0; available--) {
        for (size_t i = 0; i < n; i++) {
            if (zones[i].available == (available == 1)) {
                put_zone(&zones[i], hosts, count, detail, &call->out);
            }
        }
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_zones(struct call *call) {
    return answer_zones(call, false);
}

bool compute_zones_detail(struct call *call) {
    return answer_zones(call, true);
}

/* ---- hosts as they were shown until 2.42 ---- */

static void put_old(const char *host, const char *service, const char *zone, struct json_out *out) {
    json_map(out);
    json_put_text(out, "host_name", host);
    json_put_text(out, "service", service);
    json_put_text(out, "zone", zone);
    json_map_end(out);
}

bool compute_old_host_list(struct call *call) {
    const char *zone = call_argument(call, "zone");
    bool any = !zone || !*zone;
    struct compute_host *hosts;
    size_t count;

    if (!rows_find(call, &resource_compute_host, "status = 'enabled' ORDER BY number", SQL_NO_ARGS, &hosts, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "hosts");
    json_list(&call->out);
    if (any || !strcmp(zone, "internal")) {
        put_old(cloud.host, "scheduler", "internal", &call->out);
        put_old(cloud.host, "conductor", "internal", &call->out);
    }
    for (size_t i = 0; i < count; i++) {
        if (any || !strcmp(zone, hosts[i].zone)) {
            put_old(hosts[i].name, "compute", hosts[i].zone, &call->out);
        }
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static void put_resource(const char *host, const char *project, int64_t cpu, int64_t ram, int64_t disk,
                         struct json_out *out) {
    json_map(out);
    json_key(out, "resource");
    json_map(out);
    json_put_text(out, "host", host);
    json_put_text(out, "project", project);
    json_put_int(out, "cpu", cpu);
    json_put_int(out, "memory_mb", ram);
    json_put_int(out, "disk_gb", disk);
    json_map_end(out);
    json_map_end(out);
}

/* What each project's servers may use there, their flavors' disks included. */
static void put_projects(struct call *call, const char *host, struct json_out *out) {
    struct rows *rows = db_query(call->db,
                                 "SELECT project_id, coalesce(sum(vcpus), 0), coalesce(sum(memory), 0)"
                                 "  FROM compute_server WHERE host = ? AND deleted = 0 GROUP BY project_id",
                                 SQL_ARGS(sql_text(host)));

    while (rows_next(rows)) {
        put_resource(host, rows_text(rows, 0), rows_int(rows, 1), rows_int(rows, 2), 0, out);
    }
    rows_end(rows);
}

bool compute_old_host_show(struct call *call) {
    const char *name = call_parameter(call, "id");
    struct host_usage *host;
    struct json_out *out = &call->out;
    size_t count;

    if (!hosts_load(call, "name = ?", SQL_ARGS(sql_text(name)), &host, &count)) {
        return false;
    }
    if (!count) {
        return fail(call, 404, "Compute host %.255s could not be found.", name);
    }
    json_map(out);
    json_key(out, "host");
    json_list(out);
    put_resource(name, "(total)", fact_int(host, "vcpus"), fact_int(host, "memory_mb"), fact_int(host, "disk_gb"), out);
    put_resource(name, "(used_now)", host->vcpus, host->ram, host->disk, out);
    put_resource(name, "(used_max)", host->vcpus, host->ram, host->disk, out);
    put_projects(call, name, out);
    json_list_end(out);
    json_map_end(out);
    return true;
}

static bool find_named(struct call *call, struct compute_host **ret_host) {
    const char *name = call_parameter(call, "id");

    return row_first(call, &resource_compute_host, "name = ?", SQL_ARGS(sql_text(name)), ret_host)
           && (*ret_host || fail(call, 404, "Compute host %.255s could not be found.", name));
}

bool compute_old_host_update(struct call *call) {
    const struct compute_old_host_change *input = call->input;
    struct compute_host *host;

    if (!input->status && !input->maintenance_mode) {
        return fail(call, 400, "Invalid input: 'status' or 'maintenance_mode' is required");
    }
    if (!find_named(call, &host)) {
        return false;
    }
    if (input->maintenance_mode) {
        return fail(call, 501, "Unable to perform the operation requested: hosts have no maintenance mode.");
    }
    host->status = strcasecmp(input->status, "enable") ? "disabled" : "enabled";
    json_map(&call->out);
    json_put_text(&call->out, "host", host->name);
    json_put_text(&call->out, "status", host->status);
    json_map_end(&call->out);
    return row_update(call, &resource_compute_host, host);
}

/* Hosts are switched on and off by those who run them. */
bool compute_old_host_power(struct call *call) {
    struct compute_host *host;

    return find_named(call, &host) &&
           fail(call, 501, "Unable to perform the operation requested on host %s.", host->name);
}
