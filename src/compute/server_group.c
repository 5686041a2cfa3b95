/* SPDX-License-Identifier: Apache-2.0
 * Server groups: older versions say "policies", newer ones one policy with rules. */
#include <stdlib.h>
#include <string.h>

#include "compute/types.h"
#include "compute/view.h"
#include "rest/service.h"

bool compute_group_check_rules(struct call *call, const struct field *field, void *slot) {
    const char **text = slot;
    const struct json *rules = *text ? json_parse(call->arena, *text, strlen(*text), NULL) : NULL, *most;
    long long number;
    char *end = NULL;

    if (!rules || rules->type != JSON_MAP || rules->count > 1 ||
        (rules->count && !json_get(rules, "max_server_per_host"))) {
        return fail(call, 400, "Invalid input for field/attribute rules: only max_server_per_host may be given");
    }
    most = rules->first;
    if (!most) {
        return true;
    }
    number = most->type == JSON_INT ? most->integer : most->type == JSON_TEXT ? strtoll(most->text, &end, 10) : 0;
    if (number < 1 || number > INT32_MAX || (end && *end)) {
        return fail(call, 400, "Invalid input for field/attribute max_server_per_host: it must be a positive integer");
    }
    *text = arena_printf(call->arena, "{\"max_server_per_host\": %lld}", number);
    return true;
}

void compute_group_policies(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    json_list(out);
    json_text(out, ((const struct compute_server_group *)row)->policy);
    json_list_end(out);
}

void compute_group_metadata(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    json_raw(out, "{}");
}

static bool is_policy(struct call *call, const char *text) {
    static const char *const names[] = {"affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"};

    for (int i = 0; i < (call->minor >= 15 ? 4 : 2); i++) {
        if (!strcmp(names[i], text)) {
            return true;
        }
    }
    return false;
}

bool compute_group_create(struct call *call, void *row) {
    struct compute_server_group *group = row;
    const struct json *policies;

    group->members = "[]";
    if (call->minor < 64) {
        policies = json_parse(call->arena, group->policies, strlen(group->policies), NULL);
        group->policy = policies->first->text;
        return is_policy(call, group->policy)
               || fail(call, 400, "Invalid input for field/attribute policies: '%s' is not one of the policies",
                       group->policy);
    }
    return !strcmp(group->policy, "anti-affinity") || !strcmp(group->rules, "{}")
           || fail(call, 400, "Only anti-affinity policy supports rules.");
}

bool compute_group_delete(struct call *call, void *row) {
    return call_exec(call, "UPDATE compute_server SET group_id = NULL WHERE group_id = ?",
                     SQL_ARGS(sql_text(((struct compute_server_group *)row)->id)));
}

bool compute_group_list(struct call *call, struct query *query) {
    int64_t skip = 0;

    if (!view_arguments(call, 75, "all_projects|limit|offset")) {
        return false;
    }
    if (call_argument(call, "all_projects") && call->caller.admin) {
        query_all_projects(query, call_allow(call, "os_compute_api:os-server-groups:index:all_projects", NULL, NULL));
    }
    if (!call_argument_count(call, "offset", 0, &skip)) {
        return false;
    }
    if (skip) {
        query_where(
            query,
            "id NOT IN (SELECT id FROM compute_server_group WHERE project_id = ? ORDER BY created_at, id LIMIT ?)",
            SQL_ARGS(sql_text(call->caller.project_id), sql_int(skip)));
    }
    query_take(query, "all_projects");
    query_take(query, "offset");
    return true;
}

/* The members of all groups with one statement. */
bool compute_group_expand(struct call *call, void *rows, size_t count) {
    struct compute_server_group *groups = rows;
    struct value *ids = ARENA_ARRAY(call->arena, struct value, count + 1);
    struct buf sql = {0}, *members = ARENA_ARRAY(call->arena, struct buf, count + 1);
    struct rows *found;

    buf_text(&sql, "SELECT group_id, id FROM compute_server WHERE deleted = 0 AND group_id IN (");
    for (size_t i = 0; i < count; i++) {
        buf_text(&sql, i ? ", ?" : "?");
        ids[i] = sql_text(groups[i].id);
    }
    buf_text(&sql, ") ORDER BY created_at, id");
    found = db_query(call->db, sql.at, ids, count);
    buf_release(&sql);
    while (rows_next(found)) {
        for (size_t i = 0; i < count; i++) {
            if (!strcmp(groups[i].id, rows_text(found, 0))) {
                buf_printf(&members[i], "%s\"%s\"", members[i].size ? ", " : "", rows_text(found, 1));
            }
        }
    }
    rows_end(found);
    for (size_t i = 0; i < count; i++) {
        groups[i].members = arena_printf(call->arena, "[%s]", members[i].size ? members[i].at : "");
        buf_release(&members[i]);
    }
    return true;
}
