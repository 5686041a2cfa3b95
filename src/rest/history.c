/* SPDX-License-Identifier: Apache-2.0
 * Writing and forgetting what happened. An id is the time in microseconds and 12 random bits, so ids sort by time. */
#include "rest/history.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/id.h"
#include "http/http.h"
#include "rest/cloud.h"
#include "rest/dispatch.h"
#include "rest/event.h"
#include "rest/resource.h"
#include "rest/service.h"
#include "rest/types.h"

enum { MAX_TEXT = 2000, MAX_OF_CALL = 32, RANDOM_BITS = 12, DEFAULT_DAYS = 14, DEFAULT_ROWS = 200000 };

/* Grows from one note of this process to the next, so that ids keep their order. */
static int64_t next_id(void) {
    static _Atomic int64_t last;
    int64_t before = last, id;
    uint16_t some;

    random_bytes(&some, sizeof some);
    do {
        id = clock_now() << RANDOM_BITS | (some & ((1 << RANDOM_BITS) - 1));
        id = id > before ? id : before + 1;
    } while (!atomic_compare_exchange_weak(&last, &before, id));
    return id;
}

/* At most MAX_TEXT bytes, cut between characters; null when it is no text. */
static const char *bounded(struct call *call, const char *text) {
    size_t size = text ? strnlen(text, MAX_TEXT) : 0;

    while (size && text[size] && ((unsigned char)text[size] & 0xc0) == 0x80) {
        size--;
    }
    return text && utf8_valid(text, size) ? arena_text_size(call->arena, text, size) : NULL;
}

struct note {
    struct note *next;
    struct rest_history row;
};

void history_note(struct call *call, const char *kind, const char *resource_id, const char *host, const char *what,
                  const char *detail) {
    struct note *note = ARENA_NEW(call->arena, struct note);

    *note = (struct note){
        .next = call->notes,
        .row = {.id = next_id(), .resource_id = resource_id, .request_id = call->request_id, .kind = kind,
                .what = bounded(call, what), .detail = bounded(call, detail), .host = host,
                .user_id = call->caller.user_id, .project_id = call->caller.project_id},
    };
    call->notes = note;
}

bool history_write(struct call *call) {
    struct rest_history *rows;
    size_t count = 0, at;

    for (const struct note *note = call->notes; note; note = note->next) {
        count++;
    }
    at = count;
    rows = ARENA_ARRAY(call->arena, struct rest_history, count + 1);
    for (const struct note *note = call->notes; note; note = note->next) {
        rows[--at] = note->row;
    }
    call->notes = NULL;
    return !count || rows_insert(call, &resource_rest_history, rows, count);
}

/* "POST /compute/v2.1/servers/ID/action os-stop" */
static const char *request_line(struct call *call) {
    const char *action = call->operation ? call->operation->action : NULL;

    return arena_printf(call->arena, "%s %.1000s%s%s", call->http->method_name, logged_path(call), action ? " " : "",
                        action ? action : "");
}

static bool changes_row(const struct call *call) {
    return call->http && call->row && call->resource && call->resource->table && !call->resource->silent &&
           call->http->method != HTTP_GET && call->http->method != HTTP_HEAD;
}

void history_of_call(struct call *call) {
    const char *row = changes_row(call) ? row_key(call->resource, call->row) : NULL;
    const char *line = call->http && (row || call->events) ? request_line(call) : NULL;
    int left = MAX_OF_CALL;

    for (struct event *event = call->events; event && !event->told && left--; event = event->next) {
        event->told = true;
        if (event->id) {
            history_note(call, line ? "request" : "event", event->id, NULL, line ? line : event->what,
                         line ? event->what : NULL);
        }
        row = row && event->id && !strcmp(event->id, row) ? NULL : row;
    }
    if (row) {
        history_note(call, "request", row, NULL, line, NULL);
    }
}

bool history_prune(struct call *call) {
    int64_t days = conf_int(cloud.conf, "history", "days", DEFAULT_DAYS);
    int64_t rows = conf_int(cloud.conf, "history", "rows", DEFAULT_ROWS);

    return rows_forget(call, &resource_rest_history, "id < ?",
                       SQL_ARGS(sql_int((clock_now() - days * 86400 * SECOND) << RANDOM_BITS))) &&
           rows_forget(call, &resource_rest_history,
                       "id < (SELECT id FROM rest_history ORDER BY id DESC LIMIT 1 OFFSET ?)",
                       SQL_ARGS(sql_int(rows > 0 ? rows - 1 : 0)));
}

/* ---- printing ---- */

static const struct resource *resource_called(const char *name) {
    for (size_t s = 0; cloud.services[s]; s++) {
        for (size_t r = 0; cloud.services[s]->resources[r]; r++) {
            const struct resource *resource = cloud.services[s]->resources[r];

            if (resource->table && (!strcmp(resource->name, name) || !strcmp(resource->singular, name))) {
                return resource;
            }
        }
    }
    return NULL;
}

struct timeline {
    const struct resource *resource;
    const char *id;
    struct buf *out;
};

/* Fields that tell how a row is; of each resource those that it has. */
static const char *const telling[] = {"name", "display_name", "status", "vm_state", "task_state", "power_state", "state",
                                      "previous_status", "host", "zone", "binding_host_id", "device_owner", "device_id",
                                      "flavor_id", "image_id", "volume_id", "attached_host", "project_id", "user_id",
                                      "fault", "message"};

static bool print_row(struct call *call, const struct timeline *line) {
    const char *columns = NULL;
    struct rows *rows;
    bool there;

    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++) {
        const struct field *field = resource_field(line->resource, telling[i]);

        if (field && !(field->rights & VIRTUAL)) {
            const char *part = arena_printf(call->arena, "'%s: ' || CAST(%s AS TEXT)", telling[i], telling[i]);

            columns = columns ? arena_printf(call->arena, "%s, %s", columns, part) : part;
        }
    }
    rows = db_query(call->db, arena_printf(call->arena, "SELECT %s FROM %s WHERE %s = ?", columns ? columns : "NULL",
                                           line->resource->table, line->resource->runtime->key->name),
                    SQL_ARGS(sql_text(line->id)));
    there = rows_next(rows);
    buf_printf(line->out, "%s %s%s\n", line->resource->singular, line->id, there ? "" : " is not there (any more)");
    for (size_t i = 0, c = 0; there && i < sizeof telling / sizeof *telling; i++) {
        const struct field *field = resource_field(line->resource, telling[i]);

        if (field && !(field->rights & VIRTUAL)) {
            const char *text = rows_text(rows, (int)c++);

            buf_printf(line->out, "%s%s%s", text ? "    " : "", text ? text : "", text ? "\n" : "");
        }
    }
    rows_end(rows);
    return db_failure(call->db) == DB_OK || fail_database(call);
}

static void print_time(struct buf *out, int64_t time) {
    char text[TIME_TEXT_SIZE];

    buf_printf(out, "%s ", time_print(time, TIME_MICRO, text));
}

static void put_if(struct buf *out, const char *before, const char *text) {
    buf_printf(out, "%s%s", text && *text ? before : "", text ? text : "");
}

/* All of the resource, and what its requests did to others. */
static bool print_history(struct call *call, const struct timeline *line) {
    struct rest_history *all;
    size_t count;

    if (!rows_find(call, &resource_rest_history,
                   "resource_id = ? OR request_id IN (SELECT request_id FROM rest_history WHERE resource_id = ?)"
                   " ORDER BY id",
                   SQL_ARGS(sql_text(line->id), sql_text(line->id)), &all, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        print_time(line->out, all[i].id >> RANDOM_BITS);
        buf_printf(line->out, "%s %s", all[i].kind, all[i].what ? all[i].what : "");
        put_if(line->out, " ", strcmp(all[i].resource_id, line->id) ? all[i].resource_id : NULL);
        put_if(line->out, " on ", all[i].host);
        put_if(line->out, ": ", all[i].detail);
        put_if(line->out, " [", all[i].request_id);
        put_if(line->out, " user ", all[i].user_id);
        buf_printf(line->out, "%s\n", all[i].request_id ? "]" : "");
    }
    return true;
}

static bool print_tasks(struct call *call, const struct timeline *line) {
    struct rest_task *all;
    size_t count;

    if (!rows_find(call, &resource_rest_task, "resource_id = ? ORDER BY id", SQL_ARGS(sql_text(line->id)), &all, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        char deadline[TIME_TEXT_SIZE];

        print_time(line->out, all[i].created_at);
        buf_printf(line->out, "task %s is %s, try %" PRId64 ", until %s", all[i].kind, all[i].running ? "being done" : "waiting",
                   all[i].attempts, time_print(all[i].deadline, TIME_MICRO, deadline));
        put_if(line->out, ", on ", all[i].host);
        put_if(line->out, "; the last try: ", all[i].error);
        put_if(line->out, " [", all[i].request_id);
        buf_printf(line->out, "%s\n", all[i].request_id ? "]" : "");
    }
    return true;
}

static bool print_body(struct call *call, void *user) {
    const struct timeline *line = user;

    buf_clear(line->out);
    return print_row(call, line) && print_history(call, line) && print_tasks(call, line);
}

bool history_print(const char *resource, const char *id, struct buf *out) {
    struct timeline line = {.resource = resource_called(resource), .id = id, .out = out};

    if (!line.resource) {
        buf_printf(out, "there is no resource '%s': a name like server, volume, port or image was expected\n", resource);
        return false;
    }
    if (!cloud_transaction(cloud.services[0], DB_READ, NULL, print_body, &line)) {
        buf_clear(out);
        buf_text(out, "the database could not be read; the log has the cause\n");
        return false;
    }
    return true;
}
