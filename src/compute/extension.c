/* SPDX-License-Identifier: Apache-2.0
 * Extensions, events that other services tell, the log of the usage audit, and what is gone for good. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "compute/types.h"
#include "http/http.h"
#include "rest/service.h"

/* ---- extensions ---- */

static const struct {
    const char *alias, *name;
} extensions[] = {
#define EXTENSION(ALIAS, NAME) {ALIAS, NAME},
#include "compute/extensions.list"
#undef EXTENSION
};

enum { EXTENSIONS = sizeof extensions / sizeof *extensions };

static void put_extension(int i, struct json_out *out) {
    json_map(out);
    json_put_text(out, "alias", extensions[i].alias);
    json_put_text(out, "name", extensions[i].name);
    json_put_text(out, "description", extensions[i].name);
    json_put_raw(out, "links", "[]");
    json_put_text(out, "namespace", "http://docs.openstack.org/compute/ext/fake_xml");
    json_put_text(out, "updated", "2014-12-03T00:00:00Z");
    json_map_end(out);
}

bool compute_extension_list(struct call *call) {
    json_map(&call->out);
    json_key(&call->out, "extensions");
    json_list(&call->out);
    for (int i = 0; i < EXTENSIONS; i++) {
        put_extension(i, &call->out);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_extension_show(struct call *call) {
    const char *alias = call_parameter(call, "alias");

    for (int i = 0; i < EXTENSIONS; i++) {
        if (!strcmp(extensions[i].alias, alias)) {
            json_map(&call->out);
            json_key(&call->out, "extension");
            put_extension(i, &call->out);
            json_map_end(&call->out);
            return true;
        }
    }
    return fail(call, 404, "The resource could not be found.");
}

bool compute_gone_answer(struct call *call) {
    return fail(call, 410, "This resource was removed from the API for good.");
}

/* ---- external events ---- */

/* Addresses are read where they are and nothing waits for a plug, so that these need nothing more; the others ask for
 * what this cloud does not do. */
static const struct {
    const char *name;
    int since;
    bool done;
} events[] = {
    {"network-changed", 0, true},      {"network-vif-plugged", 0, true}, {"network-vif-unplugged", 0, true},
    {"network-vif-deleted", 0, true},  {"volume-extended", 51, false},   {"power-update", 76, false},
    {"accelerator-request-bound", 82, false}, {"volume-reimaged", 93, false},
};

static int event_find(const struct call *call, const char *name) {
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (!strcmp(events[i].name, name) && call->minor >= events[i].since) {
            return (int)i;
        }
    }
    return -1;
}

bool compute_event_check_name(struct call *call, const struct field *field, void *slot) {
    const char *name = *(const char **)slot;

    return event_find(call, name) >= 0
           || fail(call, 400, "Invalid input for field/attribute name: '%.80s' is not one of the events", name);
}

/* The code that one event is answered with. */
static int event_code(struct call *call, const struct compute_external_event *event) {
    struct rows *rows = db_query(call->db, "SELECT host FROM compute_server WHERE id = ? AND deleted = 0",
                                 SQL_ARGS(sql_text(event->server_uuid)));
    bool found = rows_next(rows), placed = found && rows_text(rows, 0);

    rows_end(rows);
    if (!found) {
        return 404;
    }
    if (!events[event_find(call, event->name)].done) {
        return 400;
    }
    return placed ? 200 : 422;
}

bool compute_external_events_take(struct call *call) {
    const struct compute_external_events *input = call->input;
    const struct compute_external_event *event = input->events.at;
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "events");
    json_list(out);
    for (size_t i = 0; i < input->events.count; i++) {
        int code = event_code(call, &event[i]);

        call->status = code == 200 ? call->status : 207;
        json_map(out);
        json_put_text(out, "server_uuid", event[i].server_uuid);
        json_put_text(out, "name", event[i].name);
        json_put_text(out, "status", code == 200 ? "completed" : "failed");
        if (event[i].tag) {
            json_put_text(out, "tag", event[i].tag);
        }
        json_put_int(out, "code", code);
        json_map_end(out);
    }
    json_list_end(out);
    json_map_end(out);
    return true;
}

/* ---- the usage audit: it is off, so that no host ever ran it ---- */

/* The first of the month that is 'back' months before that of 'time', as text. */
static const char *month(struct call *call, const char *time, int back) {
    int year = atoi(time), number = atoi(time + 5) - back;

    if (number < 1) {
        number += 12;
        year--;
    }
    return arena_printf(call->arena, "%04d-%02d-01 00:00:00", year, number);
}

static bool answer_log(struct call *call, const char *key, const char *before) {
    struct json_out *out = &call->out;
    struct rows *rows = db_query(call->db, "SELECT name FROM compute_host ORDER BY name", SQL_NO_ARGS);
    struct buf names = {0};
    int64_t count = 0;

    while (rows_next(rows)) {
        buf_text(&names, count++ ? ", " : "");
        json_text(&(struct json_out){.buf = &names}, rows_text(rows, 0));
    }
    rows_end(rows);
    json_map(out);
    json_key(out, key);
    json_map(out);
    json_put_text(out, "period_beginning", month(call, before, 1));
    json_put_text(out, "period_ending", month(call, before, 0));
    json_put_int(out, "num_hosts", count);
    json_put_int(out, "num_hosts_done", 0);
    json_put_int(out, "num_hosts_running", 0);
    json_put_int(out, "num_hosts_not_run", count);
    json_put_raw(out, "hosts_not_run", arena_printf(call->arena, "[%s]", names.size ? names.at : ""));
    json_put_int(out, "total_instances", 0);
    json_put_int(out, "total_errors", 0);
    json_put_text(out, "overall_status",
                  count ? arena_printf(call->arena, "0 of %lld hosts done. 0 errors.", (long long)count)
                        : "ALL hosts done. 0 errors.");
    json_put_raw(out, "log", "{}");
    json_map_end(out);
    json_map_end(out);
    buf_release(&names);
    return true;
}

bool compute_audit_log_list(struct call *call) {
    char now[TIME_TEXT_SIZE];

    return answer_log(call, "instance_usage_audit_logs", time_print(clock_now(), TIME_SPACE, now));
}

bool compute_audit_log_show(struct call *call) {
    const char *before = call_parameter(call, "before");
    int64_t time;

    if (strlen(before) < 19 || before[10] != ' ' || !time_parse(before, &time)) {
        return fail(call, 400, "Invalid timestamp for date %.80s", before);
    }
    return answer_log(call, "instance_usage_audit_log", before);
}
