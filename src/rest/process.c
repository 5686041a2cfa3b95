/* SPDX-License-Identifier: Apache-2.0
 * Saying that this process of the API lives, and taking back the tasks of those that do not. */
#include "rest/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "rest/cloud.h"
#include "rest/service.h"
#include "rest/types.h"

LOG_MODULE("rest.process");

enum { UUID_SIZE = 36 + 1 };

static struct {
    char id[UUID_SIZE], instance[UUID_SIZE];
    int lock;                   /* the open file; -1: another process has it */
    int64_t next;               /* when to say again that we live, monotonic */
} self = {.lock = -1};

const char *process_id(void) {
    return self.id;
}

/* What stays the same from one process to the next on this data directory: only the holder of the lock may call itself so. */
static void find_instance(void) {
    char path[512];
    size_t size = sizeof self.instance - 1;

    snprintf(path, sizeof path, "%s/instance", cloud.state);
    self.lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self.lock >= 0 && flock(self.lock, LOCK_EX | LOCK_NB)) {
        log_info("another process serves this data directory");
        close(self.lock);
        self.lock = -1;
    }
    memcpy(self.instance, self.id, sizeof self.instance);
    if (self.lock >= 0 && pread(self.lock, self.instance, size, 0) != (ssize_t)size) {
        memcpy(self.instance, self.id, sizeof self.instance);
        if (pwrite(self.lock, self.instance, size, 0) != (ssize_t)size) {
            log_warn("%s cannot be written: tasks that this process leaves wait %d s", path, PROCESS_SECONDS);
        }
    }
}

static bool take_back(struct call *call) {
    if (!call_exec(call, "UPDATE rest_task SET running = 0, not_before = 0 WHERE running = 1"
                         " AND (owner IS NULL OR owner NOT IN (SELECT id FROM rest_process))", SQL_NO_ARGS)) {
        return false;
    }
    if (db_changes(call->db)) {
        log_info("%d tasks of processes that are gone begin again", (int)db_changes(call->db));
        call->wake_tasks = true;
    }
    return true;
}

static bool live(struct call *call, void *predecessors) {
    int64_t now = clock_now();

    return call_exec(call, "INSERT INTO rest_process (id, instance, host, seen_at) VALUES (?, ?, ?, ?)"
                           " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
                     SQL_ARGS(sql_text(self.id), sql_text(self.instance), sql_text(cloud.host), sql_int(now))) &&
           call_exec(call, "DELETE FROM rest_process WHERE id <> ? AND (seen_at < ? OR (instance = ? AND CAST(? AS BIGINT) = 1))",
                     SQL_ARGS(sql_text(self.id), sql_int(now - PROCESS_SECONDS * SECOND), sql_text(self.instance),
                              sql_int(predecessors != NULL))) &&
           take_back(call);
}

static bool leave(struct call *call, void *user) {
    return call_exec(call, "DELETE FROM rest_process WHERE id = ?", SQL_ARGS(sql_text(self.id))) && take_back(call);
}

static void say(bool predecessors) {
    self.next = clock_monotonic() + PROCESS_SECONDS / 3 * SECOND;
    cloud_transaction(cloud.services[0], DB_WRITE, NULL, live, predecessors ? &self : NULL);
}

void process_begin(void) {
    struct arena *arena = arena_new(0);

    memcpy(self.id, id_uuid(arena), sizeof self.id);
    arena_free(arena);
    find_instance();
    say(true);
}

void process_round(void) {
    if (clock_monotonic() >= self.next) {
        say(false);
    }
}

void process_end(void) {
    cloud_transaction(cloud.services[0], DB_WRITE, NULL, leave, NULL);
    if (self.lock >= 0) {
        close(self.lock);
        self.lock = -1;
    }
}
