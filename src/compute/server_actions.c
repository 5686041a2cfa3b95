/* SPDX-License-Identifier: Apache-2.0
 * What was done to servers: instance actions and migrations, of deleted servers too. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "compute/server.h"

enum { SHOW_DELETED = 21, PAGES = 58, MAX_ACTIONS = 1000 };

/* The server of the path; from 2.21 on also when it was deleted. */
static bool find_server(struct call *call, const char *rule, struct compute_server **ret_server) {
    const char *id = call_parameter(call, "server_id");

    if (!row_first(call, &resource_compute_server, "id = ?", SQL_ARGS(sql_text(id)), ret_server)) {
        return false;
    }
    if (!*ret_server && call->minor >= SHOW_DELETED &&
        !rows_find(call, &resource_compute_server, "id = ?", SQL_ARGS(sql_text(id)), ret_server, &(size_t){0})) {
        return false;
    }
    if (!*ret_server || ((*ret_server)->deleted && call->minor < SHOW_DELETED) ||
        (!call->caller.admin &&
         (!call->caller.project_id || strcmp(call->caller.project_id, (*ret_server)->project_id) != 0))) {
        return fail_not_found(call, &resource_compute_server, id);
    }
    return call_allow(call, rule, &resource_compute_server, *ret_server);
}

static void put_time(struct json_out *out, const char *key, int64_t time) {
    char text[TIME_TEXT_SIZE];

    json_put_text(out, key, time ? time_print(time, TIME_MICRO, text) : NULL);
}

/* The open map's members. */
static void put_action(struct call *call, const struct compute_action *action) {
    struct json_out *out = &call->out;

    json_put_text(out, "action", action->action);
    json_put_text(out, "instance_uuid", action->server_id);
    json_put_text(out, "request_id", action->request_id);
    json_put_text(out, "user_id", action->user_id);
    json_put_text(out, "project_id", action->project_id);
    put_time(out, "start_time", action->start_time);
    json_put_text(out, "message", action->message);
    if (call->minor >= PAGES) {
        put_time(out, "updated_at", action->updated_at);
    }
}

struct page_wanted {
    int64_t limit, since, before;
    const char *marker;
};

static bool page_read(struct call *call, struct page_wanted *page) {
    const char *since = call_argument(call, "changes-since");
    const char *before = call->minor >= 66 ? call_argument(call, "changes-before") : NULL;

    *page = (struct page_wanted){.limit = MAX_ACTIONS, .before = INT64_MAX};
    if (call->minor < PAGES) {
        return true;
    }
    page->marker = call_argument(call, "marker");
    if (!call_argument_count(call, "limit", 0, &page->limit)) {
        return false;
    }
    page->limit = page->limit > MAX_ACTIONS ? MAX_ACTIONS : page->limit;
    if ((since && !time_parse(since, &page->since)) || (before && !time_parse(before, &page->before))) {
        return fail(call, 400, "Invalid filter field: changes-since or changes-before.");
    }
    return page->since <= page->before ||
           fail(call, 400, "The value of changes-since must be less than or equal to changes-before.");
}

static bool actions_of(struct call *call, const char *server_id, const struct page_wanted *page,
                       struct compute_action **ret, size_t *ret_count) {
    const char *marker = page->marker ? page->marker : "";
    int64_t at = INT64_MAX;

    if (*marker) {
        at = call_count(
            call, "SELECT coalesce(max(start_time), -1) FROM compute_action WHERE server_id = ? AND request_id = ?",
            SQL_ARGS(sql_text(server_id), sql_text(marker)));
        if (at < 0) {
            return fail(call, 400, "marker [%.80s] not found", marker);
        }
    }
    return rows_find(call, &resource_compute_action,
                     "server_id = ? AND updated_at >= ? AND updated_at <= ? AND start_time < ?"
                     " ORDER BY start_time DESC LIMIT ?",
                     SQL_ARGS(sql_text(server_id), sql_int(page->since), sql_int(page->before), sql_int(at),
                              sql_int(page->limit + 1)), ret, ret_count);
}

bool compute_actions_list(struct call *call) {
    struct compute_server *server;
    struct compute_action *actions;
    struct page_wanted page;
    size_t count;

    if (!find_server(call, "os_compute_api:os-instance-actions:list", &server) || !page_read(call, &page) ||
        !actions_of(call, server->id, &page, &actions, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "instanceActions");
    json_list(&call->out);
    for (size_t i = 0; i < count && (int64_t)i < page.limit; i++) {
        json_map(&call->out);
        put_action(call, &actions[i]);
        json_map_end(&call->out);
    }
    json_list_end(&call->out);
    if ((int64_t)count > page.limit && page.limit && call->minor >= PAGES) {
        json_put_raw(
            &call->out, "links",
            arena_printf(
                call->arena,
                "[{\"rel\": \"next\", \"href\": \"%s%s/v2.1/servers/%s/os-instance-actions?limit=%lld&marker=%s\"}]",
                call_base_url(call), call->service->prefix, server->id, (long long)page.limit,
                actions[page.limit - 1].request_id));
    }
    json_map_end(&call->out);
    return true;
}

static void put_event(struct call *call, const struct compute_server *server, const struct compute_action *action) {
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "event", action->event);
    put_time(out, "start_time", action->start_time);
    put_time(out, "finish_time", action->finish_time);
    json_put_text(out, "result", action->result);
    if (call_allowed(call, "os_compute_api:os-instance-actions:events", &resource_compute_server, server)) {
        json_put_text(out, "traceback", action->details);
        if (call->minor >= 62) {
            json_put_text(out, "host", action->host);
        }
    }
    if (call->minor >= 62) {
        json_put_text(out, "hostId", "");
    }
    if (call->minor >= 84 &&
        call_allowed(call, "os_compute_api:os-instance-actions:events:details", &resource_compute_server, server)) {
        json_put_text(out, "details", action->details);
    }
    json_map_end(out);
}

bool compute_action_show(struct call *call) {
    const char *id = call_parameter(call, "request_id");
    struct compute_server *server;
    struct compute_action *action;

    if (!find_server(call, "os_compute_api:os-instance-actions:show", &server) ||
        !row_first(call, &resource_compute_action, "server_id = ? AND request_id = ?",
                   SQL_ARGS(sql_text(server->id), sql_text(id)), &action)) {
        return false;
    }
    if (!action) {
        return fail(call, 404, "Action for request_id %.80s on instance %s not found", id, server->id);
    }
    json_map(&call->out);
    json_key(&call->out, "instanceAction");
    json_map(&call->out);
    put_action(call, action);
    if (call->minor >= 51 ||
        call_allowed(call, "os_compute_api:os-instance-actions:events", &resource_compute_server, server)) {
        json_key(&call->out, "events");
        json_list(&call->out);
        put_event(call, server, action);
        json_list_end(&call->out);
    }
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

/* ---- migrations ---- */

/* No live migration is ever under way on one host. */
bool compute_server_migrations(struct call *call) {
    json_put_raw((json_map(&call->out), &call->out), "migrations", "[]");
    json_map_end(&call->out);
    return true;
}

bool compute_server_migration(struct call *call) {
    const struct compute_server *server = call->row;

    return fail(call, 404, "In-progress live migration %.40s is not found for server %s.",
                call_parameter(call, "migration_id"), server->id);
}

/* Numbers stand in the API where flavors' ids may be any text. */
static void put_flavor(struct json_out *out, const char *key, const char *id) {
    char *end = NULL;
    int64_t number = id ? strtoll(id, &end, 10) : 0;

    json_key(out, key);
    if (id && *id && !*end) {
        json_int(out, number);
    } else {
        json_null(out);
    }
}

static void put_migration(struct call *call, const struct compute_migration *row) {
    struct json_out *out = &call->out;

    json_map(out);
    json_put_int(out, "id", row->id);
    json_put_text(out, "instance_uuid", row->server_id);
    json_put_text(out, "status", row->status);
    json_put_text(out, "source_compute", row->source);
    json_put_text(out, "source_node", row->source);
    json_put_text(out, "dest_compute", row->dest);
    json_put_text(out, "dest_node", row->dest);
    json_put_text(out, "dest_host", row->dest);
    put_flavor(out, "old_instance_type_id", row->old_flavor);
    put_flavor(out, "new_instance_type_id", row->new_flavor);
    put_time(out, "created_at", row->created_at);
    put_time(out, "updated_at", row->updated_at);
    if (call->minor >= 23) {
        json_put_text(out, "migration_type", row->kind);
        json_put_raw(out, "links", "[]");
    }
    if (call->minor >= 59) {
        json_put_text(out, "uuid", row->uuid);
    }
    if (call->minor >= 80) {
        json_put_text(out, "user_id", row->user_id);
        json_put_text(out, "project_id", row->project_id);
    }
    json_map_end(out);
}

static const char *wanted(struct call *call, const char *name, int since) {
    return call->minor >= since ? call_argument(call, name) : NULL;
}

bool compute_migrations_list(struct call *call) {
    const char *host = call_argument(call, "host");
    struct compute_migration *rows;
    int64_t limit = MAX_ACTIONS;
    size_t count;

    if (call->minor >= 59 && !call_argument_count(call, "limit", 0, &limit)) {
        return false;
    }
    if (!rows_find(call, &resource_compute_migration,
                   "status = coalesce(?, status) AND server_id = coalesce(?, server_id) AND kind = coalesce(?, kind)"
                   " AND coalesce(source, '') = coalesce(?, source, '') AND project_id = coalesce(?, project_id)"
                   " AND user_id = coalesce(?, user_id) ORDER BY created_at DESC, id DESC LIMIT ?",
                   SQL_ARGS(sql_text(call_argument(call, "status")), sql_text(call_argument(call, "instance_uuid")),
                            sql_text(call_argument(call, "migration_type")), sql_text(host),
                            sql_text(wanted(call, "project_id", 80)), sql_text(wanted(call, "user_id", 80)),
                            sql_int(limit)), &rows, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "migrations");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        put_migration(call, &rows[i]);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}
