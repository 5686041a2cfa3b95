/* SPDX-License-Identifier: Apache-2.0
 * The flow of an audit: look, look again (what was only on its way is gone by then), mend, look whether it helped. */
#include "rest/audit.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/control.h"
#include "base/id.h"
#include "base/map.h"
#include "rest/audit_private.h"
#include "rest/cloud.h"
#include "rest/service.h"

enum { SETTLE_MS = 700, WAIT_MS = 100, TASK_WAITS = 50, ROUNDS = 4, LATER_ROUNDS = 25, MAX_BREAKS = 10000 };

void audit_add(struct audit *audit, const char *id, const char *what) {
    struct audit_found *found;

    if (audit->count >= MAX_BREAKS) {
        return;
    }
    audit->found = arena_grow(audit->arena, audit->found, audit->count, sizeof *audit->found);
    found = &audit->found[audit->count++];
    *found = audit->now;
    found->id = arena_text(audit->arena, id ? id : "");
    found->what = arena_text(audit->arena, what ? what : "");
}

void audit_break(struct audit *audit, const char *id, const char *format, ...) {
    va_list args;

    va_start(args, format);
    audit_add(audit, id, arena_vprintf(audit->arena, format, args));
    va_end(args);
}

static bool look_body(struct call *call, void *user) {
    struct audit *audit = user;

    audit->count = audit->looked = 0;
    return audit_rows(call, audit) && audit_hosts(call, audit);
}

static struct audit *look(struct arena *arena) {
    struct audit *audit = ARENA_NEW(arena, struct audit);

    *audit = (struct audit){.arena = arena};
    audit_ask_hosts(audit);
    return cloud_transaction(cloud.services[0], DB_READ, NULL, look_body, audit) && audit_outside(audit) ? audit : NULL;
}

static const char *key_of(struct arena *arena, const struct audit_found *found) {
    return arena_printf(arena, "%s\n%s", found->name, found->id);
}

/* The breaks of 'audit' by their names and ids. */
static struct map *index_of(const struct audit *audit) {
    struct map *map = map_new();

    for (size_t i = 0; i < audit->count; i++) {
        map_set(map, key_of(audit->arena, &audit->found[i]), &audit->found[i]);
    }
    return map;
}

/* Leaves only those breaks that both looks found, each once. */
static void keep_both(struct audit *audit, const struct audit *before) {
    struct map *known = index_of(before);
    size_t kept = 0;

    for (size_t i = 0; i < audit->count; i++) {
        if (map_set(known, key_of(audit->arena, &audit->found[i]), NULL)) {
            audit->found[kept++] = audit->found[i];
        }
    }
    audit->count = kept;
    map_free(known, NULL);
}

static void pause_ms(int64_t ms) {
    usleep((useconds_t)ms * 1000);
}

static struct audit *look_twice(struct arena *arena) {
    struct audit *before = look(arena), *after;

    if (!before || !before->count) {
        return before;
    }
    pause_ms(SETTLE_MS);
    after = look(arena);
    if (after) {
        keep_both(after, before);
    }
    return after;
}

static bool mend_one(struct call *call, void *user) {
    struct audit_found *found = user;

    call->service = found->service;
    return found->on_host ? audit_mend_host(call, found) : audit_mend_row(call, found);
}

static bool mend(struct arena *arena, struct audit_found *found) {
    const char *request_id = id_request(arena);

    return found->invariant && found->invariant->clear
               ? cloud_run(found->service, request_id, audit_mend_clear, found)
               : cloud_transaction(found->service, DB_WRITE, request_id, mend_one, found);
}

static void mend_all(struct audit *left, struct audit *all) {
    struct map *told = index_of(all);

    for (size_t i = 0; i < left->count; i++) {
        struct audit_found *found = &left->found[i], *first = map_get(told, key_of(left->arena, found));

        if (!mend(left->arena, found)) {
            found->did = "it could not be mended: the log has the cause";
        }
        if (first) {
            first->did = found->did;
            first->later = found->later;
        } else {
            all->now = *found;      /* it came up while others were mended */
            audit_add(all, found->id, found->what);
        }
    }
    map_free(told, NULL);
}

static bool waits(const struct audit *audit) {
    for (size_t i = 0; i < audit->count; i++) {
        if (audit->found[i].later) {
            return true;
        }
    }
    return false;
}

static bool any_task(struct call *call, void *user) {
    *(bool *)user = call_count(call, "SELECT count(*) FROM rest_task WHERE not_before <= ?", SQL_ARGS(sql_int(clock_now()))) > 0;
    return true;
}

/* What was mended may have made work, for which nothing is found while it is being done. */
static void wait_for_tasks(void) {
    bool busy = true;

    for (int i = 0; i < TASK_WAITS && busy; i++) {
        pause_ms(WAIT_MS);
        busy = cloud_transaction(cloud.services[0], DB_READ, NULL, any_task, &busy) && busy;
    }
}

/* Mends until nothing is left or nothing helps; returns the last look, null when it failed. */
static struct audit *mend_until_empty(struct audit *all) {
    struct audit *left = all;

    for (int round = 0; left && left->count && round < (waits(all) ? LATER_ROUNDS : ROUNDS); round++) {
        mend_all(left, all);
        wait_for_tasks();
        left = look(all->arena);
    }
    return left && left->count ? look_twice(all->arena) : left;
}

static void write_breaks(const struct audit *audit, const struct audit *left, struct json_out *out) {
    struct map *still = left ? index_of(left) : NULL;

    json_key(out, "breaks");
    json_list(out);
    for (size_t i = 0; i < audit->count; i++) {
        const struct audit_found *found = &audit->found[i];

        json_map(out);
        json_put_text(out, "invariant", found->name);
        json_put_text(out, "says", found->says);
        json_put_text(out, "id", found->id);
        json_put_text(out, "what", found->what);
        if (left) {
            json_put_text(out, "did", found->did);
            json_put_bool(out, "mended", !map_get(still, key_of(audit->arena, found)));
        }
        json_map_end(out);
    }
    json_list_end(out);
    map_free(still, NULL);
}

bool audit_run(struct arena *arena, bool mend, struct json_out *out, const char **ret_error) {
    struct audit *audit = look_twice(arena), *left = NULL;

    *ret_error = "the invariants could not be looked at; the log has the cause";
    if (!audit) {
        return false;
    }
    if (mend && !(left = mend_until_empty(audit))) {
        return false;
    }
    json_map(out);
    write_breaks(audit, left, out);
    json_put_int(out, "looked", (int64_t)audit->looked);
    json_key(out, "unseen");
    json_list(out);
    for (size_t i = 0; i < audit->unseen_count; i++) {
        json_text(out, audit->unseen[i]);
    }
    json_list_end(out);
    json_map_end(out);
    return true;
}

static bool run_command(void *user, int argc, const char *const *argv, struct buf *out) {
    struct arena *arena = arena_new(0);
    struct json_out json = {.buf = out};
    const char *error;
    bool ok;

    if (argc > 1 || (argc == 1 && strcmp(argv[0], "fix") != 0)) {
        buf_text(out, "audit wants nothing, or 'fix'\n");
        return false;
    }
    ok = audit_run(arena, argc == 1, &json, &error);
    buf_printf(out, "%s\n", ok ? "" : error);
    arena_free(arena);
    return ok;
}

void audit_register(void) {
    control_register("audit", "[fix]: looks whether all invariants hold, and mends breaks (see haneul audit)", run_command,
                     &cloud);
}
