/* SPDX-License-Identifier: Apache-2.0
 * Hypervisors: hosts with their facts, and what servers use. Versions differ much in what they show. */
#include "compute/hypervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "compute/view.h"
#include "http/http.h"
#include "rest/cloud.h"
#include "rest/service.h"

enum { HOST_RAM = 512, MAX_PAGE = 1000 };

int64_t fact_int(const struct host_usage *host, const char *name) {
    return json_get_int(host->facts, name, 0);
}

const char *host_state(const struct compute_host *host) {
    return !host->forced_down && !strcmp(host->state, "up") ? "up" : "down";
}

/* ---- loading ---- */

static struct host_usage *usage_of(struct host_usage *hosts, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (name && !strcmp(hosts[i].host->name, name)) {
            return &hosts[i];
        }
    }
    return NULL;
}

static void add_servers(struct call *call, struct host_usage *hosts, size_t count) {
    struct rows *rows = db_query(call->db,
                                 "SELECT host, count(*), coalesce(sum(vcpus), 0), coalesce(sum(memory), 0)"
                                 "  FROM compute_server WHERE deleted = 0 AND host IS NOT NULL GROUP BY host",
                                 SQL_NO_ARGS);

    while (rows_next(rows)) {
        struct host_usage *host = usage_of(hosts, count, rows_text(rows, 0));

        if (host) {
            host->servers = rows_int(rows, 1);
            host->vcpus = rows_int(rows, 2);
            host->ram = rows_int(rows, 3);
        }
    }
    rows_end(rows);
}

/* Disk is what flavors ask for of servers that do not boot from a volume. */
static void add_disks(struct call *call, struct host_usage *hosts, size_t count) {
    struct rows *rows = db_query(call->db,
                                 "SELECT host, flavor, image_id, count(*) FROM compute_server"
                                 " WHERE deleted = 0 AND host IS NOT NULL GROUP BY host, flavor, image_id",
                                 SQL_NO_ARGS);

    while (rows_next(rows)) {
        struct host_usage *host = usage_of(hosts, count, rows_text(rows, 0));
        const char *text = rows_text(rows, 1);
        const struct json *flavor = text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
        int64_t disk = json_get_int(flavor, "ephemeral", 0) + json_get_int(flavor, "swap", 0) / 1024;

        disk += rows_text(rows, 2) ? json_get_int(flavor, "disk", 0) : 0;
        if (host) {
            host->disk += disk * rows_int(rows, 3);
        }
    }
    rows_end(rows);
}

bool hosts_load(struct call *call, const char *where, const struct value *args, size_t count,
                struct host_usage **ret_hosts, size_t *ret_count) {
    struct compute_host *rows;
    struct host_usage *hosts;
    size_t n;

    if (!rows_find(call, &resource_compute_host, where, args, count, &rows, &n)) {
        return false;
    }
    hosts = ARENA_ARRAY(call->arena, struct host_usage, n + 1);
    for (size_t i = 0; i < n; i++) {
        hosts[i].host = &rows[i];
        hosts[i].facts = json_get(json_parse(call->arena, rows[i].facts, strlen(rows[i].facts), NULL), "compute");
    }
    add_servers(call, hosts, n);
    add_disks(call, hosts, n);
    *ret_hosts = hosts;
    *ret_count = n;
    return true;
}

bool host_by_id(struct call *call, const char *what, struct compute_host **ret_host) {
    const char *text = call_parameter(call, "id");
    char *end;
    long long number = strtoll(text, &end, 10);
    bool uuid = call->minor >= 53, hypervisor = !strcmp(what, "Hypervisor");

    if (uuid && !id_is_uuid(text)) {
        return fail(call, 400, "Invalid uuid %.80s", text);
    }
    if (!uuid && (end == text || *end)) {
        return hypervisor ? fail(call, 404, "Hypervisor with ID '%.80s' could not be found.", text)
                          : fail(call, 400, "id must be an integer");
    }
    if (!row_first(call, &resource_compute_host, uuid ? "id = ?" : "number = ?",
                   SQL_ARGS(uuid ? sql_text(text) : sql_int(number)), ret_host)) {
        return false;
    }
    return *ret_host || (hypervisor ? fail(call, 404, "Hypervisor with ID '%.80s' could not be found.", text)
                                    : fail(call, 404, "Service %.80s not found.", text));
}

/* ---- uptime ---- */

/* What `uptime` says; only this API's own host can be asked. Null when it is not known. */
static const char *uptime_of(struct call *call, const struct compute_host *host) {
    double up = 0, load[3] = {0};
    long days, minutes;
    FILE *file = cloud.host && !strcmp(cloud.host, host->name) ? fopen("/proc/uptime", "re") : NULL;
    bool ok = file && fscanf(file, "%lf", &up) == 1 && getloadavg(load, 3) == 3;

    if (file) {
        fclose(file);
    }
    days = (long)up / 86400;
    minutes = (long)up % 86400 / 60;
    return ok ? arena_printf(call->arena, " up %ld days, %2ld:%02ld,  0 users,  load average: %.2f, %.2f, %.2f", days,
                             minutes / 60, minutes % 60, load[0], load[1], load[2])
              : NULL;
}

/* ---- writing ---- */

static void put_id(struct call *call, const struct compute_host *host, struct json_out *out) {
    if (call->minor >= 53) {
        json_put_text(out, "id", host->id);
    } else {
        json_put_int(out, "id", host->number);
    }
}

static void put_brief(struct call *call, const struct host_usage *host, struct json_out *out) {
    const char *name = json_get_text(host->facts, "hypervisor_hostname");

    put_id(call, host->host, out);
    json_put_text(out, "hypervisor_hostname", name ? name : host->host->name);
    json_put_text(out, "state", host_state(host->host));
    json_put_text(out, "status", host->host->status);
}

static void put_amounts(const struct host_usage *host, struct json_out *out) {
    int64_t ram = fact_int(host, "memory_mb"), disk = fact_int(host, "disk_gb");
    int64_t used = host->ram + (ram > 2 * HOST_RAM ? HOST_RAM : 0);

    json_put_int(out, "vcpus", fact_int(host, "vcpus"));
    json_put_int(out, "memory_mb", ram);
    json_put_int(out, "local_gb", disk);
    json_put_int(out, "vcpus_used", host->vcpus);
    json_put_int(out, "memory_mb_used", used);
    json_put_int(out, "local_gb_used", host->disk);
    json_put_int(out, "free_ram_mb", ram - used);
    json_put_int(out, "free_disk_gb", disk - host->disk);
    json_put_int(out, "current_workload", 0);
    json_put_int(out, "running_vms", host->servers);
    json_put_int(out, "disk_available_least", fact_int(host, "disk_free_gb"));
}

static void put_cpu_info(struct call *call, const struct host_usage *host, struct json_out *out) {
    const struct json *info = json_get(host->facts, "cpu_info");

    json_key(out, "cpu_info");
    if (call->minor >= 28) {
        json_raw(out, info ? json_print(call->arena, info) : "{}");
    } else {
        json_text(out, info ? json_print(call->arena, info) : "");
    }
}

static void put_detail(struct call *call, const struct host_usage *host, struct json_out *out) {
    json_put_text(out, "hypervisor_type", json_get_text(host->facts, "hypervisor_type"));
    json_put_int(out, "hypervisor_version", fact_int(host, "hypervisor_version"));
    json_put_text(out, "host_ip", json_get_text(host->facts, "host_ip"));
    json_key(out, "service");
    json_map(out);
    json_put_text(out, "host", host->host->name);
    put_id(call, host->host, out);
    json_put_text(out, "disabled_reason", host->host->disabled_reason);
    json_map_end(out);
    if (call->minor >= 88) {
        json_put_text(out, "uptime", uptime_of(call, host->host));
        return;
    }
    put_amounts(host, out);
    put_cpu_info(call, host, out);
}

/* "servers": left out when there are none, until 2.75. */
static void put_servers(struct call *call, const struct host_usage *host, struct json_out *out) {
    struct rows *rows;

    if (!host->servers && call->minor < 75) {
        return;
    }
    rows = db_query(call->db, "SELECT id FROM compute_server WHERE host = ? AND deleted = 0 ORDER BY created_at, id",
                    SQL_ARGS(sql_text(host->host->name)));
    json_key(out, "servers");
    json_list(out);
    while (rows_next(rows)) {
        json_map(out);
        json_put_text(out, "name", arena_printf(call->arena, "instance-%.8s", rows_text(rows, 0)));
        json_put_text(out, "uuid", rows_text(rows, 0));
        json_map_end(out);
    }
    rows_end(rows);
    json_list_end(out);
}

static void put_hypervisor(struct call *call, const struct host_usage *host, bool detail, bool servers,
                           struct json_out *out) {
    json_map(out);
    put_brief(call, host, out);
    if (detail) {
        put_detail(call, host, out);
    }
    if (servers) {
        put_servers(call, host, out);
    }
    json_map_end(out);
}

/* ---- lists ---- */

static void put_list(struct call *call, const struct host_usage *hosts, size_t count, bool detail, bool servers) {
    json_key(&call->out, "hypervisors");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        put_hypervisor(call, &hosts[i], detail, servers, &call->out);
    }
    json_list_end(&call->out);
}

/* The page: 'where' with its arguments. */
static bool read_page(struct call *call, int64_t *ret_after, int64_t *ret_limit) {
    const char *marker = call->minor >= 33 ? call_argument(call, "marker") : NULL;

    *ret_after = 0;
    *ret_limit = MAX_PAGE;
    if (call->minor >= 33 && !call_argument_count(call, "limit", 0, ret_limit)) {
        return false;
    }
    *ret_limit = *ret_limit > MAX_PAGE ? MAX_PAGE : *ret_limit;
    if (marker) {
        bool uuid = call->minor >= 53;

        *ret_after = db_query_int(call->db, uuid ? "SELECT number FROM compute_host WHERE id = ?"
                                                 : "SELECT number FROM compute_host WHERE number = ?",
                                  SQL_ARGS(uuid ? sql_text(marker) : sql_int(strtoll(marker, NULL, 10))), -1);
        return *ret_after >= 0 || fail(call, 400, "marker [%.80s] not found", marker);
    }
    return true;
}

static void put_next(struct call *call, const struct compute_host *last, int64_t limit) {
    struct json_out *out = &call->out;
    const char *marker = call->minor >= 53 ? last->id : arena_printf(call->arena, "%lld", (long long)last->number);

    link_put(out, "hypervisors_links", "next",
             arena_printf(call->arena, "%s%s?limit=%lld&marker=%s", call_base_url(call), call->http->raw_path,
                          (long long)limit, marker));
}

static const char *like(struct call *call, const char *text) {
    struct buf buf = {0};
    const char *made;

    buf_char(&buf, '%');
    for (; *text; text++) {
        if (strchr("%_\\", *text)) {
            buf_char(&buf, '\\');
        }
        buf_char(&buf, *text);
    }
    buf_char(&buf, '%');
    made = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return made;
}

static bool load_matching(struct call *call, const char *pattern, struct host_usage **ret_hosts, size_t *ret_count) {
    return hosts_load(call, "name LIKE ? ESCAPE '\\' ORDER BY number", SQL_ARGS(sql_text(like(call, pattern))),
                      ret_hosts, ret_count) &&
           (*ret_count || fail(call, 404, "No hypervisor matching '%.80s' could be found.", pattern));
}

static bool wants_servers(struct call *call, bool *ret) {
    const char *text = call->minor >= 53 ? call_argument(call, "with_servers") : NULL;

    *ret = text && call_argument_true(call, "with_servers");
    return !text || *ret || strchr("0fFnN", *text) || !strcmp(text, "off")
           || fail(call, 400, "Invalid input for query parameters with_servers: '%.80s' is not a 'boolean'", text);
}

bool compute_hypervisor_list(struct call *call) {
    const char *pattern = call->minor >= 53 ? call_argument(call, "hypervisor_hostname_pattern") : NULL;
    bool detail = strstr(call->operation->path, "detail") != NULL, servers;
    struct host_usage *hosts;
    int64_t after, limit;
    size_t count;

    if (!view_arguments(call, 53, "limit|marker|hypervisor_hostname_pattern|with_servers") ||
        !wants_servers(call, &servers) || !read_page(call, &after, &limit)) {
        return false;
    }
    if (pattern && (call_argument(call, "limit") || call_argument(call, "marker"))) {
        return fail(call, 400, "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not"
                               " supported.");
    }
    if (pattern ? !load_matching(call, pattern, &hosts, &count)
                : !hosts_load(call, "number > ? ORDER BY number LIMIT ?", SQL_ARGS(sql_int(after), sql_int(limit)),
                              &hosts, &count)) {
        return false;
    }
    json_map(&call->out);
    put_list(call, hosts, count, detail, servers);
    if (!pattern && count && count == (size_t)limit && call->minor >= 33) {
        put_next(call, hosts[count - 1].host, limit);
    }
    json_map_end(&call->out);
    return true;
}

/* Until 2.52: by part of the name, without or with servers. */
bool compute_hypervisor_search(struct call *call) {
    struct host_usage *hosts;
    size_t count;

    if (!load_matching(call, call_parameter(call, "name"), &hosts, &count)) {
        return false;
    }
    json_map(&call->out);
    put_list(call, hosts, count, false, strstr(call->operation->path, "/servers") != NULL);
    json_map_end(&call->out);
    return true;
}

static bool load_one(struct call *call, struct host_usage **ret_host) {
    struct compute_host *row;
    size_t count;

    return host_by_id(call, "Hypervisor", &row)
           && hosts_load(call, "id = ?", SQL_ARGS(sql_text(row->id)), ret_host, &count);
}

bool compute_hypervisor_show(struct call *call) {
    struct host_usage *host;
    bool servers;

    if (!view_arguments(call, 53, "with_servers") || !wants_servers(call, &servers) || !load_one(call, &host)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "hypervisor");
    put_hypervisor(call, host, true, servers, &call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_hypervisor_uptime(struct call *call) {
    struct host_usage *host;
    const char *uptime;

    if (!load_one(call, &host)) {
        return false;
    }
    if (strcmp(host_state(host->host), "up") != 0) {
        return fail(call, 400, "Compute service of %s is unavailable at this time.", host->host->name);
    }
    uptime = uptime_of(call, host->host);
    if (!uptime) {
        return fail(call, 501, "The uptime of %s is not known here.", host->host->name);
    }
    json_map(&call->out);
    json_key(&call->out, "hypervisor");
    json_map(&call->out);
    put_brief(call, host, &call->out);
    json_put_text(&call->out, "uptime", uptime);
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_hypervisor_statistics(struct call *call) {
    static const char *const facts[] = {"vcpus", "memory_mb", "disk_gb", "disk_free_gb"};
    int64_t sums[4] = {0}, servers = 0, vcpus = 0, ram = 0, disk = 0;
    struct host_usage *hosts;
    struct json_out *out = &call->out;
    size_t count;

    if (!hosts_load(call, NULL, SQL_NO_ARGS, &hosts, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < 4; k++) {
            sums[k] += fact_int(&hosts[i], facts[k]);
        }
        servers += hosts[i].servers;
        vcpus += hosts[i].vcpus;
        ram += hosts[i].ram + (fact_int(&hosts[i], "memory_mb") > 2 * HOST_RAM ? HOST_RAM : 0);
        disk += hosts[i].disk;
    }
    json_map(out);
    json_key(out, "hypervisor_statistics");
    json_map(out);
    json_put_int(out, "count", (int64_t)count);
    json_put_int(out, "vcpus", sums[0]);
    json_put_int(out, "memory_mb", sums[1]);
    json_put_int(out, "local_gb", sums[2]);
    json_put_int(out, "vcpus_used", vcpus);
    json_put_int(out, "memory_mb_used", ram);
    json_put_int(out, "local_gb_used", disk);
    json_put_int(out, "free_ram_mb", sums[1] - ram);
    json_put_int(out, "free_disk_gb", sums[2] - disk);
    json_put_int(out, "current_workload", 0);
    json_put_int(out, "running_vms", servers);
    json_put_int(out, "disk_available_least", sums[3]);
    json_map_end(out);
    json_map_end(out);
    return true;
}
