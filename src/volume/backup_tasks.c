/* SPDX-License-Identifier: Apache-2.0
 * The work of backups. A host writes the disk as qcow2 to DATA/backups/ID, and the API brings that file to the object store
 * (volume.backup_write, backup_keep); the way back is the same (backup_fetch, then volume.restore on the volume's host).
 * All tasks are the backup's own, so they run one after another. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "object_store/object_store.h"
#include "rest/audit.h"
#include "rest/cloud.h"
#include "volume/backups.h"

static const char container[] = "backups";

static const char *file_of(struct call *call, const char *id, const char *ending) {
    return arena_printf(call->arena, "%s/backups/%s%s", cloud.data, id, ending);
}

static struct volume_backup *backup_of(struct call *call, const char *id) {
    struct volume_backup *row;

    return row_find(call, &resource_volume_backup, id, &row) ? row : NULL;
}

/* The volume or snapshot is as before. */
static bool free_source(struct call *call, const struct volume_backup *row) {
    const struct volume_volume *source = volume_row(call, row->volume_id);

    if (row->snapshot_id) {
        return call_exec(call, "UPDATE volume_snapshot SET status = 'available' WHERE id = ? AND status = 'backing-up'",
                         SQL_ARGS(sql_text(row->snapshot_id)));
    }
    return !source || !volume_status_is(source, "backing-up") ? !call->error : volume_fix_status(call, row->volume_id);
}

static bool backup_error(struct call *call, struct volume_backup *row, const char *cause) {
    row->fail_reason = arena_printf(call->arena, "%.255s", cause);
    return resource_set_status(call, &resource_volume_backup, row, "error");
}

/* ---- onto the host's disk, and into the object store ---- */

static bool write_prepare(struct call *call, const struct task *task, struct json_out *out) {
    const struct volume_backup *row = backup_of(call, task->resource_id);

    if (!row || strcmp(row->status, "creating") != 0) {
        return false;
    }
    json_map(out);
    json_put_text(out, row->snapshot_id ? "snapshot" : "volume", row->snapshot_id ? row->snapshot_id : row->volume_id);
    json_map_end(out);
    return true;
}

static bool write_done(struct call *call, const struct task *task, const struct json *result) {
    const struct volume_backup *row = backup_of(call, task->resource_id);

    return !row ? !call->error : free_source(call, row) && task_add(call, "volume.backup_keep", row->id, NULL, NULL);
}

static bool write_failed(struct call *call, const struct task *task, const char *cause) {
    struct volume_backup *row = backup_of(call, task->resource_id);

    return !row ? !call->error
                : free_source(call, row) && (strcmp(row->status, "creating") != 0 || backup_error(call, row, cause));
}

static bool no_file(struct call *call, const char *path) {
    return !unlink(path) || errno == ENOENT || fail(call, 500, "%s cannot be removed: %s", path, strerror(errno));
}

/* Once the file is gone the bytes are kept: so it is when the task is repeated. */
static bool keep_run(struct call *call, const struct task *task, struct json_out *result) {
    const char *path = file_of(call, task->resource_id, ""), *error = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = true;

    if (fd < 0 && errno != ENOENT) {
        return fail(call, 500, "%s cannot be opened: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        ok = object_keep(call->arena, container, task->resource_id, fd, &error);
        close(fd);
    }
    json_put_int(result, "bytes", ok ? object_kept_size(call->arena, container, task->resource_id) : -1);
    return (ok && no_file(call, path)) || call->error || fail(call, 503, "The backup could not be kept: %s.", error);
}

static bool kept_done(struct call *call, const struct task *task, const struct json *result) {
    struct volume_backup *row = backup_of(call, task->resource_id);

    if (!row || strcmp(row->status, "creating") != 0) {
        return !call->error;
    }
    row->bytes = json_get_int(result, "bytes", -1);
    if (row->bytes < 0) {
        return backup_error(call, row, "its bytes are not there");
    }
    row->object_count = 1;
    return resource_set_status(call, &resource_volume_backup, row, "available");
}

static bool kept_failed(struct call *call, const struct task *task, const char *cause) {
    struct volume_backup *row = backup_of(call, task->resource_id);

    return !row || strcmp(row->status, "creating") != 0 ? !call->error : backup_error(call, row, cause);
}

/* ---- and back ---- */

struct wanted {
    const char *id;
    struct volume_backup *row;
    bool shared;                /* its bytes are another backup's too */
};

static bool find_wanted(struct call *call, void *user) {
    struct wanted *wanted = user;

    wanted->row = backup_of(call, wanted->id);
    wanted->shared = wanted->row && wanted->row->place &&
                     call_count(call, "SELECT count(*) FROM volume_backup WHERE place = ? AND id <> ?",
                                SQL_ARGS(sql_text(wanted->row->place), sql_text(wanted->id)));
    return !call->error;
}

static bool look_run(struct call *call, const struct task *task, struct json_out *result) {
    struct wanted wanted = {.id = task->resource_id};

    if (!call_transaction(call, DB_READ, find_wanted, &wanted)) {
        return false;
    }
    json_put_int(result, "bytes", wanted.row ? object_kept_size(call->arena, container, wanted.row->place) : -1);
    return true;
}

static bool fetch_run(struct call *call, const struct task *task, struct json_out *result) {
    struct wanted wanted = {.id = task->resource_id};
    const char *path = file_of(call, task->resource_id, ".restore"), *error = NULL;
    int fd;
    bool ok;

    if (!call_transaction(call, DB_READ, find_wanted, &wanted)) {
        return false;
    }
    if (!wanted.row || strcmp(wanted.row->status, "restoring") != 0) {
        return true;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        return fail(call, 500, "%s cannot be made: %s", path, strerror(errno));
    }
    ok = object_kept_read(call->arena, container, wanted.row->place, fd, &error) && !fchmod(fd, 0640);
    close(fd);
    return ok || fail(call, 503, "The backup cannot be read: %s.", error ? error : strerror(errno));
}

static struct volume_volume *target_of(struct call *call, const struct volume_backup *row) {
    struct volume_volume *target = row && row->restore_volume_id ? volume_row(call, row->restore_volume_id) : NULL;

    return target && volume_status_is(target, "restoring-backup") ? target : NULL;
}

static bool restore_end(struct call *call, const struct task *task, const char *status, const char *cause) {
    struct volume_backup *row = backup_of(call, task->resource_id);
    struct volume_volume *target = target_of(call, row);

    if (target && !volume_set_status(call, target, status)) {
        return false;
    }
    if (row && !strcmp(row->status, "restoring")) {
        row->restore_volume_id = NULL;
        row->fail_reason = cause ? arena_printf(call->arena, "%.255s", cause) : NULL;
        if (!resource_set_status(call, &resource_volume_backup, row, "available")) {
            return false;
        }
    }
    return !call->error && task_add(call, "volume.backup_tidy", task->resource_id, NULL, NULL);
}

static bool restore_failed(struct call *call, const struct task *task, const char *cause) {
    return restore_end(call, task, "error_restoring", cause);
}

static bool fetch_done(struct call *call, const struct task *task, const struct json *result) {
    const struct volume_backup *row = backup_of(call, task->resource_id);
    const struct volume_volume *target = target_of(call, row);

    return target ? volume_task(call, "volume.restore", row->id, target->host, NULL)
                  : restore_end(call, task, "error_restoring", "the volume is no more");
}

static bool restore_prepare(struct call *call, const struct task *task, struct json_out *out) {
    const struct volume_volume *target = target_of(call, backup_of(call, task->resource_id));

    if (!target) {
        return false;
    }
    json_map(out);
    json_put_text(out, "volume", target->id);
    json_put_int(out, "size", target->size);
    json_map_end(out);
    return true;
}

static bool restore_done(struct call *call, const struct task *task, const struct json *result) {
    struct volume_volume *target = target_of(call, backup_of(call, task->resource_id));

    if (target) {
        target->connection = json_print(call->arena, json_get(result, "connection"));
    }
    return restore_end(call, task, "available", NULL);
}

/* ---- removal ---- */

static bool tidy_run(struct call *call, const struct task *task, struct json_out *result) {
    return no_file(call, file_of(call, task->resource_id, ".restore"));
}

static bool remove_run(struct call *call, const struct task *task, struct json_out *result) {
    struct wanted wanted = {.id = task->resource_id};
    const char *error = NULL;

    if (!call_transaction(call, DB_READ, find_wanted, &wanted)) {
        return false;
    }
    if (wanted.row && wanted.row->place && !wanted.shared &&
        !object_forget(call->arena, container, wanted.row->place, &error)) {
        return fail(call, 503, "The backup could not be removed: %s.", error);
    }
    return no_file(call, file_of(call, task->resource_id, "")) && no_file(call, file_of(call, task->resource_id, ".restore"));
}

static bool remove_done(struct call *call, const struct task *task, const struct json *result) {
    struct volume_backup *row = backup_of(call, task->resource_id);

    return row ? resource_delete(call, &resource_volume_backup, row) : !call->error;
}

static bool remove_failed(struct call *call, const struct task *task, const char *cause) {
    struct volume_backup *row = backup_of(call, task->resource_id);

    return row ? backup_error(call, row, cause) : !call->error;
}

const struct task_kind volume_backup_tasks[] = {
    {.name = "volume.backup_write", .seconds = 3600, .tries = 3, .prepare = write_prepare, .done = write_done,
     .failed = write_failed},
    {.name = "volume.backup_keep", .seconds = 3600, .tries = 5, .run = keep_run, .done = kept_done, .failed = kept_failed},
    {.name = "volume.backup_look", .seconds = 600, .run = look_run, .done = kept_done, .failed = kept_failed},
    {.name = "volume.backup_fetch", .seconds = 3600, .tries = 3, .run = fetch_run, .done = fetch_done,
     .failed = restore_failed},
    {.name = "volume.restore", .seconds = 3600, .tries = 3, .prepare = restore_prepare, .done = restore_done,
     .failed = restore_failed},
    {.name = "volume.backup_tidy", .seconds = 3600, .run = tidy_run},
    {.name = "volume.backup_remove", .seconds = 86400, .tries = 10, .run = remove_run, .done = remove_done,
     .failed = remove_failed},
    {0},
};

/* ---- what audit and settling see ---- */

bool volume_backup_stuck(struct call *call, void *pointer, const char *cause) {
    struct volume_backup *row = pointer;
    struct task task = {.resource_id = row->id};

    if (!strcmp(row->status, "restoring")) {
        return restore_failed(call, &task, cause);
    }
    return free_source(call, row) && backup_error(call, row, cause);
}

struct kept_backups {
    struct volume_backup *rows;
    size_t count;
};

static bool find_kept(struct call *call, void *user) {
    struct kept_backups *kept = user;

    return rows_find(call, &resource_volume_backup, "status = 'available' AND bytes IS NOT NULL", SQL_NO_ARGS, &kept->rows,
                     &kept->count);
}

bool volume_backup_look_lost(struct call *call, struct audit *audit) {
    struct kept_backups kept;

    if (!call_transaction(call, DB_READ, find_kept, &kept)) {
        return false;
    }
    for (size_t i = 0; i < kept.count; i++) {
        int64_t size = object_kept_size(call->arena, container, kept.rows[i].place);

        if (size != kept.rows[i].bytes) {
            audit_break(audit, kept.rows[i].id, "the object store has %lld bytes of it instead of %lld", (long long)size,
                        (long long)kept.rows[i].bytes);
        }
    }
    return true;
}

bool volume_backup_fix_lost(struct call *call, const char *id) {
    struct volume_backup *row = backup_of(call, id);

    return row ? backup_error(call, row, "its bytes were lost") : !call->error;
}

/* Objects that there are; in the end those that no backup asks for. */
struct objects_seen {
    struct arena *arena;
    const char **names;
    size_t count;
};

static void add_object(void *user, const char *name) {
    struct objects_seen *seen = user;

    seen->names = arena_grow(seen->arena, seen->names, seen->count, sizeof *seen->names);
    seen->names[seen->count++] = arena_text(seen->arena, name);
}

static bool drop_wanted(struct call *call, void *user) {
    struct objects_seen *seen = user;

    for (size_t i = 0; i < seen->count; i++) {
        const char *name = seen->names[i];

        if (name && (task_pending(call, name) ||
                     call_count(call, "SELECT count(*) FROM volume_backup WHERE place = ?", SQL_ARGS(sql_text(name))))) {
            seen->names[i] = NULL;
        }
    }
    return !call->error;
}

bool volume_backup_look_kept(struct call *call, struct audit *audit) {
    struct objects_seen seen = {.arena = call->arena};

    if (!cloud_service(object_store.type)) {
        return true;
    }
    if (!object_kept_each(call->arena, container, add_object, &seen)) {
        return fail(call, 503, "The object store could not be looked at.");
    }
    if (!call_transaction(call, DB_READ, drop_wanted, &seen)) {
        return false;
    }
    for (size_t i = 0; i < seen.count; i++) {
        if (seen.names[i]) {
            audit_break(audit, seen.names[i], "no backup asks for it");
        }
    }
    return true;
}

bool volume_backup_clear_kept(struct call *call, const char *name) {
    const char *error = NULL;

    return object_forget(call->arena, container, name, &error) || fail(call, 503, "%s cannot be removed: %s", name, error);
}
