/* SPDX-License-Identifier: Apache-2.0
 * What projects' servers used between two times: hours, and hours times vCPUs, MiB and GiB. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "compute/types.h"
#include "compute/view.h"
#include "http/http.h"
#include "rest/service.h"

enum { MAX_PAGE = 1000 };

struct period {
    int64_t start, stop, now;
    int64_t limit;
    bool detailed;
};

struct usage {
    const char *project, *id, *name, *flavor, *state;
    int64_t launched, terminated, vcpus, ram, disk;
};

struct sum {
    double hours, vcpus, ram, disk;
};

static bool read_time(struct call *call, const char *name, int64_t otherwise, int64_t *ret) {
    const char *text = call_argument(call, name);

    *ret = otherwise;
    if (text && *text && (strlen(text) < 19 || !time_parse(text, ret))) {
        return fail(call, 400, "Invalid datetime string: Datetime is in invalid format");
    }
    return true;
}

static bool read_period(struct call *call, struct period *ret) {
    const char *detailed = call_argument(call, "detailed");

    ret->now = clock_now();
    ret->detailed = detailed && !strcmp(detailed, "1");
    ret->limit = MAX_PAGE;
    if (!view_arguments(call, 75, "start|end|detailed|limit|marker") || !read_time(call, "start", ret->now, &ret->start)
        || !read_time(call, "end", ret->now, &ret->stop)) {
        return false;
    }
    if (ret->start >= ret->stop) {
        return fail(call, 400, "Invalid start time. The start time cannot occur after the end time.");
    }
    if (call->minor >= 40 && !call_argument_count(call, "limit", 0, &ret->limit)) {
        return false;
    }
    ret->limit = ret->limit < MAX_PAGE ? ret->limit : MAX_PAGE;
    ret->stop = ret->stop > ret->now ? ret->now : ret->stop;
    return true;
}

/* Servers that lived in the period, by project. Deleted ones keep their rows. */
static struct rows *find_usages(struct call *call, const struct period *period, const char *project) {
    const char *marker = call->minor >= 40 ? call_argument(call, "marker") : NULL;
    struct value args[6] = {sql_int(period->stop), sql_int(period->start)};
    struct buf sql = {0};
    struct rows *rows;
    size_t n = 2;

    buf_text(&sql, "SELECT s.project_id, s.id, s.name, s.flavor, s.vm_state, s.launched_at, s.terminated_at"
                   "  FROM compute_server s"
                   " WHERE s.launched_at IS NOT NULL AND s.launched_at < ?"
                   "   AND (s.terminated_at IS NULL OR s.terminated_at > ?)");
    if (project) {
        buf_text(&sql, " AND s.project_id = ?");
        args[n++] = sql_text(project);
    }
    if (marker) {
        buf_text(&sql, " AND EXISTS (SELECT 1 FROM compute_server m WHERE m.id = ? AND (s.project_id > m.project_id"
                       " OR (s.project_id = m.project_id AND s.id > m.id)))");
        args[n++] = sql_text(marker);
    }
    buf_text(&sql, " ORDER BY s.project_id, s.id LIMIT ?");
    args[n++] = sql_int(period->limit);
    rows = db_query(call->db, sql.at, args, n);
    buf_release(&sql);
    return rows;
}

static void take_usage(struct call *call, struct rows *rows, struct usage *usage) {
    const char *text = rows_text(rows, 3);
    const struct json *flavor = text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;

    *usage = (struct usage){
        .project = arena_text(call->arena, rows_text(rows, 0)),
        .id = arena_text(call->arena, rows_text(rows, 1)),
        .name = arena_text(call->arena, rows_text(rows, 2)),
        .flavor = json_get_text(flavor, "name"),
        .state = arena_text(call->arena, rows_text(rows, 4)),
        .launched = rows_int(rows, 5),
        .terminated = rows_int(rows, 6),
        .vcpus = json_get_int(flavor, "vcpus", 0),
        .ram = json_get_int(flavor, "ram", 0),
        .disk = json_get_int(flavor, "disk", 0) + json_get_int(flavor, "ephemeral", 0),
    };
}

static double hours_of(const struct usage *usage, const struct period *period) {
    int64_t from = usage->launched > period->start ? usage->launched : period->start;
    int64_t to = usage->terminated && usage->terminated < period->stop ? usage->terminated : period->stop;

    return to > from ? (double)(to - from) / (double)SECOND / 3600 : 0;
}

static void put_server(struct call *call, const struct usage *usage, const struct period *period) {
    struct json_out *out = &call->out;
    int64_t until = usage->terminated ? usage->terminated : period->now;

    json_map(out);
    json_key(out, "hours");
    json_real(out, hours_of(usage, period));
    json_put_text(out, "flavor", usage->flavor ? usage->flavor : "");
    json_put_text(out, "instance_id", usage->id);
    json_put_text(out, "name", usage->name);
    json_put_text(out, "tenant_id", usage->project);
    json_put_int(out, "memory_mb", usage->ram);
    json_put_int(out, "local_gb", usage->disk);
    json_put_int(out, "vcpus", usage->vcpus);
    view_time(out, "started_at", usage->launched, false);
    view_time(out, "ended_at", usage->terminated, false);
    json_put_text(out, "state", usage->terminated ? "terminated" : usage->state);
    json_put_int(out, "uptime", (until - usage->launched) / SECOND);
    json_map_end(out);
}

static void put_real(struct json_out *out, const char *key, double value) {
    json_key(out, key);
    json_real(out, value);
}

/* One project: its servers 'from' up to 'to'. */
static void put_project(struct call *call, const struct usage *usages, size_t count, const struct period *period,
                        bool detailed) {
    struct json_out *out = &call->out;
    struct sum sum = {0};

    json_map(out);
    json_put_text(out, "tenant_id", usages[0].project);
    if (detailed) {
        json_key(out, "server_usages");
        json_list(out);
    }
    for (size_t i = 0; i < count; i++) {
        double hours = hours_of(&usages[i], period);

        sum.hours += hours;
        sum.vcpus += hours * (double)usages[i].vcpus;
        sum.ram += hours * (double)usages[i].ram;
        sum.disk += hours * (double)usages[i].disk;
        if (detailed) {
            put_server(call, &usages[i], period);
        }
    }
    if (detailed) {
        json_list_end(out);
    }
    put_real(out, "total_local_gb_usage", sum.disk);
    put_real(out, "total_vcpus_usage", sum.vcpus);
    put_real(out, "total_memory_mb_usage", sum.ram);
    put_real(out, "total_hours", sum.hours);
    view_time(out, "start", period->start, false);
    view_time(out, "stop", period->stop, false);
    json_map_end(out);
}

static size_t read_usages(struct call *call, const struct period *period, const char *project, struct usage **ret) {
    struct rows *rows = find_usages(call, period, project);
    size_t count = 0;

    *ret = NULL;
    while (rows_next(rows)) {
        *ret = arena_grow(call->arena, *ret, count, sizeof **ret);
        take_usage(call, rows, *ret + count++);
    }
    rows_end(rows);
    return count;
}

static void put_next(struct call *call, const char *key, const char *last, const struct period *period) {
    struct buf url = {0};
    struct json_out *out = &call->out;
    const char *kept[] = {"start", "end", "detailed"};

    buf_printf(&url, "%s%s?limit=%lld&marker=%s", call_base_url(call), call->http->raw_path, (long long)period->limit,
               last);
    for (int i = 0; i < 3; i++) {
        if (call_argument(call, kept[i])) {
            buf_printf(&url, "&%s=", kept[i]);
            http_encode(&url, call_argument(call, kept[i]), "");
        }
    }
    link_put(out, key, "next", url.at);
    buf_release(&url);
}

bool compute_usage_list(struct call *call) {
    struct period period;
    struct usage *usages;
    size_t count, from = 0;

    if (!read_period(call, &period)) {
        return false;
    }
    count = read_usages(call, &period, NULL, &usages);
    json_map(&call->out);
    json_key(&call->out, "tenant_usages");
    json_list(&call->out);
    for (size_t i = 1; i <= count; i++) {
        if (i == count || strcmp(usages[i].project, usages[from].project) != 0) {
            put_project(call, usages + from, i - from, &period, period.detailed);
            from = i;
        }
    }
    json_list_end(&call->out);
    if (call->minor >= 40 && count && count == (size_t)period.limit) {
        put_next(call, "tenant_usages_links", usages[count - 1].id, &period);
    }
    json_map_end(&call->out);
    return true;
}

bool compute_usage_show(struct call *call) {
    struct compute_quota_set who = {.project_id = call_parameter(call, "id")};
    struct period period;
    struct usage *usages;
    size_t count;

    if (!call_allow(call, "os_compute_api:os-simple-tenant-usage:show", &resource_compute_quota_set, &who)
        || !read_period(call, &period)) {
        return false;
    }
    count = read_usages(call, &period, who.project_id, &usages);
    json_map(&call->out);
    json_key(&call->out, "tenant_usage");
    if (count) {
        put_project(call, usages, count, &period, true);
    } else {
        json_raw(&call->out, "{}");
    }
    if (call->minor >= 40 && count && count == (size_t)period.limit) {
        put_next(call, "tenant_usage_links", usages[count - 1].id, &period);
    }
    json_map_end(&call->out);
    return true;
}
