/* SPDX-License-Identifier: Apache-2.0
 * Quotas: limits, defaults, and details with what is used. */
#include <stdlib.h>
#include <string.h>

#include "network/network.h"
#include "network/parts.h"

enum { LIMIT_MOST = 2147483647 };

/* An administrator sees every project's, others their own. */
static bool own_or_admin(struct call *call) {
    const char *project = call_parameter(call, "project_id");

    return call->caller.admin || (call->caller.project_id && !strcmp(project, call->caller.project_id)) ||
           fail_type(call, 403, "AdminRequired",
                     "User does not have admin privileges: Non-admin is not authorized to access "
                     "quotas for another tenant.");
}

static void write_limits(struct call *call, const char *project, struct json_out *out) {
    for (const struct quota *quota = network.quotas; quota->name; quota++) {
        json_put_int(out, quota->name, project ? quota_limit(call, &network, project, quota->name) : quota->limit);
    }
}

static bool respond_limits(struct call *call, const char *project) {
    json_map(&call->out);
    json_key(&call->out, "quota");
    json_map(&call->out);
    write_limits(call, project, &call->out);
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool network_quota_show(struct call *call) {
    const char *project = call_parameter(call, "project_id");

    if (!strcmp(project, "tenant") || !strcmp(project, "project")) {
        json_map(&call->out);
        json_key(&call->out, project);
        json_map(&call->out);
        json_put_text(&call->out, arena_printf(call->arena, "%s_id", project), call->caller.project_id);
        json_map_end(&call->out);
        json_map_end(&call->out);
        return true;
    }
    return own_or_admin(call) && respond_limits(call, project);
}

bool network_quota_defaults(struct call *call) {
    return own_or_admin(call) && respond_limits(call, NULL);
}

bool network_quota_details(struct call *call) {
    const char *project = call_parameter(call, "project_id");

    if (!own_or_admin(call)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "quota");
    json_map(&call->out);
    for (const struct quota *quota = network.quotas; quota->name; quota++) {
        json_key(&call->out, quota->name);
        json_map(&call->out);
        json_put_int(&call->out, "limit", quota_limit(call, &network, project, quota->name));
        json_put_int(&call->out, "used", quota_used(call, &network, project, quota->name));
        json_put_int(&call->out, "reserved", 0);
        json_map_end(&call->out);
    }
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool network_quotas_list(struct call *call) {
    struct rows *rows = db_query(call->db, "SELECT DISTINCT project_id FROM rest_quota WHERE service = 'network'"
                                           " ORDER BY project_id", SQL_NO_ARGS);

    json_map(&call->out);
    json_key(&call->out, "quotas");
    json_list(&call->out);
    while (rows_next(rows)) {
        const char *project = arena_text(call->arena, rows_text(rows, 0));

        json_map(&call->out);
        json_put_text(&call->out, "project_id", project);
        json_put_text(&call->out, "tenant_id", project);
        write_limits(call, project, &call->out);
        json_map_end(&call->out);
    }
    rows_end(rows);
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static bool quota_known(const char *name) {
    for (const struct quota *quota = network.quotas; quota->name; quota++) {
        if (!strcmp(quota->name, name)) {
            return true;
        }
    }
    return false;
}

static bool limit_of(struct call *call, const struct json *item, int64_t *ret_limit) {
    char *end = NULL;

    if (item->type == JSON_INT) {
        *ret_limit = item->integer;
    } else if (item->type == JSON_TEXT) {
        *ret_limit = strtoll(item->text, &end, 10);
    }
    if ((item->type != JSON_INT && item->type != JSON_TEXT) || (end && (*end || end == item->text)) ||
        *ret_limit < -1 || *ret_limit > LIMIT_MOST) {
        return fail(call, 400, "Invalid input for %.60s. Reason: '%.60s' is not an integer of -1 to %d.", item->key,
                    json_print(call->arena, item), LIMIT_MOST);
    }
    return true;
}

bool network_quota_update(struct call *call) {
    const struct network_quota_body *input = call->input;
    const char *project = call_parameter(call, "project_id");
    bool check = false;

    for (JSON_EACH(item, input->quota)) {
        check = check || (!strcmp(item->key, "check_limit") && item->type == JSON_TRUE);
    }
    for (JSON_EACH(item, input->quota)) {
        int64_t limit = 0;

        if (!strcmp(item->key, "tenant_id") || !strcmp(item->key, "project_id") || !strcmp(item->key, "check_limit") ||
            !strcmp(item->key, "force")) {
            continue;
        }
        if (!quota_known(item->key)) {
            return fail(call, 400, "Unrecognized attribute(s) '%.60s'", item->key);
        }
        if (!limit_of(call, item, &limit)) {
            return false;
        }
        if (check && limit >= 0 && quota_used(call, &network, project, item->key) > limit) {
            return fail_type(call, 400, "InvalidQuotaValue", "Change would make usage less than 0 for the following "
                             "resources: %s.", item->key);
        }
        if (!quota_set(call, &network, project, item->key, limit)) {
            return false;
        }
    }
    return respond_limits(call, project);
}

bool network_quota_delete(struct call *call) {
    const char *project = call_parameter(call, "project_id");

    if (!call_count(call, "SELECT count(*) FROM rest_quota WHERE service = 'network' AND project_id = ?",
                    SQL_ARGS(sql_text(project)))) {
        return fail_type(call, 404, "TenantQuotaNotFound", "Quota for tenant %.64s could not be found.", project);
    }
    return quota_reset(call, &network, project);
}
