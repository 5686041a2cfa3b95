/* SPDX-License-Identifier: Apache-2.0
 * Quotas of volumes. Besides the names of the table each type has its own: volumes_TYPE, snapshots_TYPE,
 * gigabytes_TYPE. */
#include <stdlib.h>
#include <string.h>

#include "rest/resource.h"
#include "rest/service.h"
#include "volume/parts.h"

const struct quota volume_quotas[] = {
    {"volumes", 10, "SELECT count(*) FROM volume_volume WHERE project_id = ?"},
    {"snapshots", 10, "SELECT count(*) FROM volume_snapshot WHERE project_id = ?"},
    {"gigabytes", 1000,
     "SELECT coalesce(sum(size), 0) FROM (SELECT project_id, size FROM volume_volume"
     " UNION ALL SELECT project_id, size FROM volume_snapshot) AS used WHERE project_id = ?"},
    {"per_volume_gigabytes", -1, NULL},
    {"backups", 10, "SELECT count(*) FROM volume_backup WHERE project_id = ?"},
    {"backup_gigabytes", 1000, "SELECT coalesce(sum(size), 0) FROM volume_backup WHERE project_id = ?"},
    {"groups", 10, NULL},
    {0},
};

static const char *const type_quotas[] = {"volumes", "snapshots", "gigabytes"};

static const char *const type_counts[] = {
    "SELECT count(*) FROM volume_volume v JOIN volume_type t ON t.id = v.volume_type_id WHERE v.project_id = ? AND t.name = ?",
    "SELECT count(*) FROM volume_snapshot v JOIN volume_type t ON t.id = v.volume_type_id WHERE v.project_id = ? AND t.name = ?",
    "SELECT coalesce(sum(v.size), 0) FROM volume_volume v JOIN volume_type t ON t.id = v.volume_type_id"
    " WHERE v.project_id = ? AND t.name = ?",
};

/* ---- checks ---- */

static bool type_check(struct call *call, const char *project, const struct volume_type *type, int kind, int64_t more) {
    const char *name = arena_printf(call->arena, "%s_%s", type_quotas[kind], type->name);
    int64_t limit = quota_limit(call, &volume, project, name);

    if (limit < 0 || call_count(call, type_counts[kind], SQL_ARGS(sql_text(project), sql_text(type->name))) + more <= limit) {
        return true;
    }
    return fail(call, 413, "Quota exceeded for %s: the limit is %lld.", name, (long long)limit);
}

bool volume_quota_check(struct call *call, const char *project, const struct volume_type *type, int64_t volumes,
                        int64_t snapshots, int64_t size, int64_t volume_size) {
    int64_t largest = quota_limit(call, &volume, project, "per_volume_gigabytes");

    if (call->caller.internal) {
        return true;
    }
    if (largest >= 0 && volume_size > largest) {
        return fail(call, 413, "Requested volume size %lld GiB is larger than the maximum allowed limit %lld.",
                    (long long)volume_size, (long long)largest);
    }
    return quota_check(call, &volume, project, "gigabytes", size) &&
           (!type || (type_check(call, project, type, 0, volumes) && type_check(call, project, type, 1, snapshots) &&
                      type_check(call, project, type, 2, size)));
}

/* ---- showing ---- */

static void write_quota(struct call *call, const char *name, int64_t limit, int64_t used, bool usage) {
    struct json_out *out = &call->out;

    json_key(out, name);
    if (!usage) {
        json_int(out, limit);
        return;
    }
    json_map(out);
    json_put_int(out, "limit", limit);
    json_put_int(out, "in_use", used);
    json_put_int(out, "reserved", 0);
    json_map_end(out);
}

static bool write_types(struct call *call, const char *project, bool usage) {
    struct volume_type *types;
    size_t count;

    if (!rows_find(call, &resource_volume_type, "1 = 1 ORDER BY name", SQL_NO_ARGS, &types, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < 3; k++) {
            const char *name = arena_printf(call->arena, "%s_%s", type_quotas[k], types[i].name);
            int64_t used = usage ? call_count(call, type_counts[k], SQL_ARGS(sql_text(project), sql_text(types[i].name))) : 0;

            write_quota(call, name, quota_limit(call, &volume, project, name), used, usage);
        }
    }
    return true;
}

static bool respond_set(struct call *call, const char *key, const char *id, const char *project, bool usage) {
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, key);
    json_map(out);
    if (id) {
        json_put_text(out, "id", id);
    }
    for (const struct quota *quota = volume_quotas; quota->name; quota++) {
        write_quota(call, quota->name, quota_limit(call, &volume, project, quota->name),
                    usage ? quota_used(call, &volume, project, quota->name) : 0, usage);
    }
    if (!write_types(call, project, usage)) {
        return false;
    }
    json_map_end(out);
    json_map_end(out);
    return true;
}

/* Others' limits are for admins. */
static const char *project_of(struct call *call) {
    const char *project = call_parameter(call, "project");

    if (!call->caller.admin && (!call->caller.project_id || strcmp(project, call->caller.project_id) != 0)) {
        fail(call, 403, "Policy doesn't allow volume_extension:quotas:show to be performed.");
        return NULL;
    }
    return project;
}

bool volume_quota_show(struct call *call) {
    const char *project = project_of(call);

    return project && respond_set(call, "quota_set", project, project, call_argument_true(call, "usage"));
}

bool volume_quota_defaults(struct call *call) {
    const char *project = project_of(call);

    return project && respond_set(call, "quota_set", project, "", false);
}

/* ---- changing ---- */

static bool is_type_quota(struct call *call, const char *name) {
    for (int k = 0; k < 3; k++) {
        size_t size = strlen(type_quotas[k]);

        if (!strncmp(name, type_quotas[k], size) && name[size] == '_' &&
            call_count(call, "SELECT count(*) FROM volume_type WHERE name = ?", SQL_ARGS(sql_text(name + size + 1)))) {
            return true;
        }
    }
    return false;
}

static bool is_quota(struct call *call, const char *name) {
    for (const struct quota *quota = volume_quotas; quota->name; quota++) {
        if (!strcmp(quota->name, name)) {
            return true;
        }
    }
    return is_type_quota(call, name);
}

static bool change(struct call *call, const char *key, const char *project) {
    const struct json *set = json_get(call->body, key);
    static const struct field limit_field = {.name = "limit", .type = TYPE_INT, .rights = LENIENT, .min = -1, .max = INT32_MAX};

    if (!set || set->type != JSON_MAP || !set->count) {
        return fail(call, 400, "Invalid input: '%s' with at least one limit is required", key);
    }
    for (JSON_EACH(item, set)) {
        struct field field = limit_field;
        int64_t limit;

        if (!strcmp(item->key, "tenant_id") || !strcmp(item->key, "class_name") || !strcmp(item->key, "id")) {
            continue;
        }
        if (!is_quota(call, item->key)) {
            return fail(call, 400, "Bad key(s) in quota set: %.255s", item->key);
        }
        field.name = item->key;
        if (!input_value(call, &field, item, &limit) || !quota_set(call, &volume, project, item->key, limit)) {
            return false;
        }
    }
    return true;
}

bool volume_quota_update(struct call *call) {
    const char *project = call_parameter(call, "project");

    return change(call, "quota_set", project) && respond_set(call, "quota_set", NULL, project, false);
}

bool volume_quota_delete(struct call *call) {
    return quota_reset(call, &volume, call_parameter(call, "project"));
}

bool volume_class_show(struct call *call) {
    return respond_set(call, "quota_class_set", call_parameter(call, "class"), "", false);
}

bool volume_class_update(struct call *call) {
    if (strcmp(call_parameter(call, "class"), "default") != 0) {
        return fail(call, 400, "The only quota class is 'default'.");
    }
    return change(call, "quota_class_set", "") && respond_set(call, "quota_class_set", NULL, "", false);
}

bool volume_limits(struct call *call) {
    static const char *const names[][2] = {
        {"maxTotalVolumes", "volumes"}, {"maxTotalSnapshots", "snapshots"}, {"maxTotalVolumeGigabytes", "gigabytes"},
        {"maxTotalBackups", "backups"}, {"maxTotalBackupGigabytes", "backup_gigabytes"}};
    static const char *const used[][2] = {
        {"totalVolumesUsed", "volumes"}, {"totalSnapshotsUsed", "snapshots"}, {"totalGigabytesUsed", "gigabytes"},
        {"totalBackupsUsed", "backups"}, {"totalBackupGigabytesUsed", "backup_gigabytes"}};
    const char *asked = call->caller.admin && call->minor >= 39 ? call_argument(call, "project_id") : NULL;
    const char *project = asked ? asked : call->caller.project_id;
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "limits");
    json_map(out);
    json_put_raw(out, "rate", "[]");
    json_key(out, "absolute");
    json_map(out);
    for (int i = 0; i < 5; i++) {
        json_put_int(out, names[i][0], quota_limit(call, &volume, project, names[i][1]));
        json_put_int(out, used[i][0], quota_used(call, &volume, project, used[i][1]));
    }
    json_map_end(out);
    json_map_end(out);
    json_map_end(out);
    return true;
}
