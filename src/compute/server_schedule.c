/* SPDX-License-Identifier: Apache-2.0
 * Which host a server goes to: those with room (placement's word), of these the ones that fit (there, enabled, zone, hints,
 * server group), of these the one with most free memory. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "compute/server.h"
#include "placement/placement.h"
#include "rest/cloud.h"

enum { MAX_CANDIDATES = 1000, MAX_WORDS = 64 };

/* ---- zones ---- */

bool schedule_parse_zone(struct call *call, const char *text, const char **ret_zone, const char **ret_host) {
    const char *colon = text ? strchr(text, ':') : NULL, *second = colon ? strchr(colon + 1, ':') : NULL;

    *ret_host = NULL;
    *ret_zone = text;
    if (!colon) {
        return true;
    }
    if (second && strchr(second + 1, ':')) {
        return fail(call, 400, "Unable to parse availability_zone");
    }
    *ret_zone = colon > text ? arena_text_size(call->arena, text, (size_t)(colon - text)) : NULL;
    *ret_host = second ? arena_text_size(call->arena, colon + 1, (size_t)(second - colon - 1)) : colon + 1;
    if (!**ret_host) {
        *ret_host = second && second[1] ? second + 1 : NULL;
    }
    return true;
}

bool schedule_zone_exists(struct call *call, const char *zone) {
    return call_count(call, "SELECT count(*) FROM compute_host WHERE zone = ? AND status = 'enabled'",
                      SQL_ARGS(sql_text(zone))) > 0;
}

/* ---- what the flavor asks of a provider ---- */

/* "trait:CUSTOM_X": "required" of the extra specs, as two lists that end with null. */
static void traits_of(struct call *call, const struct server_size *size, struct placement_need *need) {
    const char **required = ARENA_ARRAY(call->arena, const char *, MAX_WORDS + 1);
    const char **forbidden = ARENA_ARRAY(call->arena, const char *, MAX_WORDS + 1);
    size_t r = 0, f = 0;

    for (JSON_EACH(spec, size->extra_specs)) {
        if (strncmp(spec->key, "trait:", 6) != 0 || spec->type != JSON_TEXT) {
            continue;
        }
        if (!strcmp(spec->text, "required") && r < MAX_WORDS) {
            required[r++] = spec->key + 6;
        } else if (!strcmp(spec->text, "forbidden") && f < MAX_WORDS) {
            forbidden[f++] = spec->key + 6;
        }
    }
    need->required = r ? required : NULL;
    need->forbidden = f ? forbidden : NULL;
}

static size_t amounts_of(const struct server_size *size, int64_t disk, struct placement_amount *amounts) {
    amounts[0] = (struct placement_amount){"VCPU", size->vcpus};
    amounts[1] = (struct placement_amount){"MEMORY_MB", size->ram};
    amounts[2] = (struct placement_amount){"DISK_GB", disk};
    return disk > 0 ? 3 : 2;
}

/* ---- which hosts may be taken ---- */

static char *const YES = "yes";

/* Zone by name of the hosts that are up or were so a moment ago, enabled and of the wanted zone. */
static struct map *hosts_that_serve(struct call *call, const struct schedule *schedule) {
    struct map *map = map_new();
    struct rows *rows = db_query(call->db,
                                 "SELECT name, zone FROM compute_host WHERE ((state = 'up' OR updated_at > ?) AND"
                                 " status = 'enabled' AND forced_down = 0 OR CAST(? AS BIGINT) = 1)"
                                 " AND zone = coalesce(?, zone) AND name = coalesce(?, name)",
                                 SQL_ARGS(sql_int(cloud_heard_since()), sql_int(schedule->forced),
                                          sql_text(schedule->forced ? NULL : schedule->zone), sql_text(schedule->host)));

    while (rows_next(rows)) {
        map_set(map, rows_text(rows, 0), arena_text(call->arena, rows_text(rows, 1)));
    }
    rows_end(rows);
    return map;
}

/* Hosts of the servers that a hint names: one id, or a list of no more than SCHEDULE_HINTS (the request was checked). */
static struct map *hosts_of_hint(struct call *call, const struct json *hint) {
    const struct json *first = hint && hint->type == JSON_LIST ? hint->first : hint;
    struct value ids[SCHEDULE_HINTS];
    struct buf sql = {0};
    struct rows *rows;
    struct map *map;
    size_t count = 0;

    if (!first || first->type != JSON_TEXT) {
        return NULL;
    }
    buf_text(&sql, "SELECT host FROM compute_server WHERE deleted = 0 AND host IS NOT NULL AND id IN (");
    for (const struct json *id = first; id && count < SCHEDULE_HINTS; id = hint->type == JSON_LIST ? id->next : NULL) {
        buf_text(&sql, count ? ", ?" : "?");
        ids[count++] = sql_text(id->text);
    }
    buf_text(&sql, ")");
    map = map_new();
    rows = db_query(call->db, sql.at, ids, count);
    while (rows_next(rows)) {
        map_set(map, rows_text(rows, 0), YES);
    }
    rows_end(rows);
    buf_release(&sql);
    return map;
}

struct group {
    const char *policy;
    int64_t most;           /* servers on one host, with anti-affinity */
    struct map *hosts;      /* how many of its servers each host has, as pointer */
};

static bool group_read(struct call *call, const struct schedule *schedule, struct group *group) {
    struct rows *rows;
    const char *rules;
    const struct json *map;

    *group = (struct group){.policy = ""};
    if (!schedule->group_id) {
        return true;
    }
    rows = db_query(call->db, "SELECT policy, rules FROM compute_server_group WHERE id = ? AND project_id = ?",
                    SQL_ARGS(sql_text(schedule->group_id), sql_text(schedule->project_id)));
    if (!rows_next(rows)) {
        rows_end(rows);
        return fail(call, 400, "Instance group %.64s could not be found.", schedule->group_id);
    }
    group->policy = arena_text(call->arena, rows_text(rows, 0) ? rows_text(rows, 0) : "");
    rules = arena_text(call->arena, rows_text(rows, 1));
    rows_end(rows);
    map = rules ? json_parse(call->arena, rules, strlen(rules), NULL) : NULL;
    group->most = json_get_int(map, "max_server_per_host", 1);
    group->hosts = map_new();
    rows = db_query(call->db,
                    "SELECT host, count(*) FROM compute_server WHERE group_id = ? AND deleted = 0 AND host IS NOT NULL"
                    " GROUP BY host",
                    SQL_ARGS(sql_text(schedule->group_id)));
    while (rows_next(rows)) {
        map_set(group->hosts, rows_text(rows, 0), (void *)(intptr_t)rows_int(rows, 1));
    }
    rows_end(rows);
    return true;
}

static bool group_lets(const struct group *group, const char *host) {
    int64_t has = group->hosts ? (intptr_t)map_get(group->hosts, host) : 0;

    if (!strcmp(group->policy, "anti-affinity")) {
        return has < group->most;
    }
    return strcmp(group->policy, "affinity") != 0 || !map_count(group->hosts) || has > 0;
}

/* Soft policies order instead of forbidding. */
static int64_t group_weight(const struct group *group, const char *host) {
    int64_t has = group->hosts ? (intptr_t)map_get(group->hosts, host) : 0;

    return !strcmp(group->policy, "soft-affinity") ? has : !strcmp(group->policy, "soft-anti-affinity") ? -has : 0;
}

struct weighed {
    struct placement_candidate candidate;
    const char *zone;
    int64_t weight;
};

static int best_first(const void *a, const void *b) {
    const struct weighed *x = a, *y = b;

    if (x->weight != y->weight) {
        return x->weight > y->weight ? -1 : 1;
    }
    return (x->candidate.free_ram < y->candidate.free_ram) - (x->candidate.free_ram > y->candidate.free_ram);
}

static void keep_result(struct call *call, const struct weighed *all, size_t count, struct schedule_result *ret) {
    *ret = (struct schedule_result){
        .hosts = ARENA_ARRAY(call->arena, struct chosen, count + 1),
        .free_ram = ARENA_ARRAY(call->arena, int64_t, count + 1),
        .free_vcpus = ARENA_ARRAY(call->arena, int64_t, count + 1),
        .free_disk = ARENA_ARRAY(call->arena, int64_t, count + 1),
        .count = count,
    };
    for (size_t i = 0; i < count; i++) {
        ret->hosts[i] = (struct chosen){all[i].candidate.name, all[i].candidate.provider, all[i].zone};
        ret->free_ram[i] = all[i].candidate.free_ram;
        ret->free_vcpus[i] = all[i].candidate.free_vcpus;
        ret->free_disk[i] = all[i].candidate.free_disk;
    }
}

static size_t filter(const struct placement_candidate *candidates, size_t count, const struct map *serving,
                     const struct map *same, const struct map *different, const struct group *group,
                     struct weighed *out) {
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        const char *host = candidates[i].name, *zone = map_get(serving, host);

        if (zone && (!same || map_get(same, host)) && (!different || !map_get(different, host)) &&
            group_lets(group, host)) {
            out[n++] = (struct weighed){candidates[i], zone, group_weight(group, host)};
        }
    }
    return n;
}

bool schedule_find(struct call *call, const struct schedule *schedule, struct schedule_result *ret_result) {
    struct placement_amount amounts[3];
    struct placement_need need = {.amounts = amounts, .consumer = schedule->consumer};
    struct placement_candidate *candidates;
    struct map *serving, *same, *different;
    struct weighed *all;
    struct group group;
    size_t count;

    need.amount_count = amounts_of(&schedule->size, schedule->disk, amounts);
    traits_of(call, &schedule->size, &need);
    if (!group_read(call, schedule, &group) ||
        !placement_candidates(call, &need, MAX_CANDIDATES, &candidates, &count)) {
        map_free(group.hosts, NULL);
        return false;
    }
    serving = hosts_that_serve(call, schedule);
    same = hosts_of_hint(call, json_get(schedule->hints, "same_host"));
    different = hosts_of_hint(call, json_get(schedule->hints, "different_host"));
    all = ARENA_ARRAY(call->arena, struct weighed, count + 1);
    count = filter(candidates, count, serving, same, different, &group, all);
    qsort(all, count, sizeof *all, best_first);
    keep_result(call, all, count, ret_result);
    map_free(serving, NULL);
    map_free(same, NULL);
    map_free(different, NULL);
    map_free(group.hosts, NULL);
    return db_failure(call->db) == DB_OK;
}

bool schedule_take(struct call *call, const struct schedule *schedule, struct schedule_result *result,
                   const char *server_id, const char *user_id, struct chosen *ret_chosen) {
    struct placement_amount amounts[3];
    size_t count = amounts_of(&schedule->size, schedule->disk, amounts), best = result->count;

    *ret_chosen = (struct chosen){0};
    for (size_t i = 0; i < result->count; i++) {
        if (result->free_ram[i] >= schedule->size.ram && result->free_vcpus[i] >= schedule->size.vcpus &&
            result->free_disk[i] >= schedule->disk &&
            (best == result->count || result->free_ram[i] > result->free_ram[best])) {
            best = i;
            if (schedule->group_id) {
                break;      /* in the order of the group's policy */
            }
        }
    }
    if (best == result->count) {
        return true;
    }
    *ret_chosen = result->hosts[best];
    result->free_ram[best] -= schedule->size.ram;
    result->free_vcpus[best] -= schedule->size.vcpus;
    result->free_disk[best] -= schedule->disk;
    return placement_allocate(call, server_id, ret_chosen->provider, schedule->project_id, user_id, amounts, count);
}

/* ---- why there is none ---- */

enum { MAX_EXPLAINED = 20 };

/* What stands against a host whose row is given (provider, name, zone, whether it is there, status, forced_down); null:
 * nothing did. */
static const char *against(struct call *call, const struct schedule *schedule, const struct placement_need *need,
                           const struct group *group, struct rows *rows) {
    const char *host = rows_text(rows, 1), *zone = rows_text(rows, 2);
    struct map *same = hosts_of_hint(call, json_get(schedule->hints, "same_host"));
    struct map *different = hosts_of_hint(call, json_get(schedule->hints, "different_host"));
    const char *why = schedule->host && strcmp(schedule->host, host) != 0                      ? "another host was asked for"
                      : schedule->zone && !schedule->forced && strcmp(schedule->zone, zone)    ? "it is in another zone"
                      : !schedule->forced && !rows_int(rows, 3)                                ? "it is down"
                      : !schedule->forced && strcmp(rows_text(rows, 4), "enabled") != 0        ? "it is disabled"
                      : !schedule->forced && rows_int(rows, 5)                                 ? "it is forced down"
                      : same && !map_get(same, host)        ? "it is not the host of the servers of the hint same_host"
                      : different && map_get(different, host) ? "it is the host of a server of the hint different_host"
                      : !group_lets(group, host)            ? "the server group's policy does not let it"
                                                            : placement_lacks(call, need, arena_text(call->arena, rows_text(rows, 0)));

    map_free(same, NULL);
    map_free(different, NULL);
    return why;
}

static const char *explain(struct call *call, const struct schedule *schedule) {
    struct placement_amount amounts[3];
    struct placement_need need = {.amounts = amounts, .consumer = schedule->consumer};
    struct group group;
    struct rows *rows;
    const char *text = "";
    int64_t hosts = 0;

    need.amount_count = amounts_of(&schedule->size, schedule->disk, amounts);
    traits_of(call, &schedule->size, &need);
    if (!group_read(call, schedule, &group)) {
        return NULL;
    }
    rows = db_query(call->db, "SELECT id, name, zone, CASE WHEN state = 'up' OR updated_at > ? THEN 1 ELSE 0 END, status,"
                              " forced_down FROM compute_host ORDER BY name", SQL_ARGS(sql_int(cloud_heard_since())));
    while (rows_next(rows) && hosts++ < MAX_EXPLAINED) {
        const char *why = against(call, schedule, &need, &group, rows);

        text = arena_printf(call->arena, "%s%s%s: %s", text, *text ? "; " : "", rows_text(rows, 1),
                            why ? why : "its room was taken meanwhile");
    }
    rows_end(rows);
    map_free(group.hosts, NULL);
    return !hosts ? "there are no hosts" : hosts > MAX_EXPLAINED ? arena_printf(call->arena, "%s; and others", text) : text;
}

bool schedule_fail(struct call *call, const struct schedule *schedule, struct compute_server *server, const char *vm_state) {
    const char *details = explain(call, schedule);

    return details && server_fail_why(call, server, vm_state, 500, NO_VALID_HOST, details);
}

bool schedule_allocate(struct call *call, const struct compute_server *server, const char *provider,
                       const struct server_size *size, int64_t disk) {
    struct placement_amount amounts[3];
    size_t count = amounts_of(size, disk, amounts);

    return placement_allocate(call, server->id, provider, server->project_id, server->user_id, amounts, count);
}
