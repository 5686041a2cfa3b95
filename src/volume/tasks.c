/* SPDX-License-Identifier: Apache-2.0
 * The tasks of volumes: what a host is told, and how it ends. Rows say what should be, so each may be repeated. */
#include <string.h>

#include "base/clock.h"
#include "compute/compute.h"
#include "image/image.h"
#include "volume/parts.h"

static const char *status_after(const struct volume_volume *row) {
    return row->previous_status ? row->previous_status : "available";
}

/* ---- create ---- */

static bool write_image_source(struct call *call, const struct volume_volume *row, struct json_out *out) {
    struct image_info info;

    if (!image_get(call, row->image_id, &info)) {
        return false;
    }
    if (!info.path) {
        return fail(call, 409, "image %s has no data", row->image_id);
    }
    json_key(out, "image");
    json_map(out);
    json_put_text(out, "id", info.id);
    json_put_text(out, "path", info.path);
    json_put_text(out, "format", info.format);
    json_map_end(out);
    return true;
}

static bool create_prepare(struct call *call, const struct task *task, struct json_out *out) {
    const struct volume_volume *row = volume_row(call, task->resource_id);
    bool ok = true;

    if (!row || strcmp(row->status, "creating") != 0) {
        return false;
    }
    json_map(out);
    json_put_int(out, "size", row->size);
    if (row->snapshot_id) {
        json_put_text(out, "snapshot", row->snapshot_id);
    } else if (row->source_volid) {
        json_put_text(out, "volume", row->source_volid);
    } else if (row->image_id) {
        ok = write_image_source(call, row, out);
    }
    json_map_end(out);
    return ok;
}

static bool create_done(struct call *call, const struct task *task, const struct json *result) {
    struct volume_volume *row = volume_row(call, task->resource_id);

    if (!row || strcmp(row->status, "creating") != 0) {
        return !call->error;
    }
    row->connection = json_print(call->arena, json_get(result, "connection"));
    return volume_set_status(call, row, "available") && compute_volume_ready(call, row->id, NULL);
}

static bool create_failed(struct call *call, const struct task *task, const char *cause) {
    struct volume_volume *row = volume_row(call, task->resource_id);

    if (!row || strcmp(row->status, "creating") != 0) {
        return !call->error;
    }
    return volume_set_status(call, row, "error") &&
           volume_message_add(call, row, "VOLUME_VOLUME_002_001",
                              arena_printf(call->arena, "create volume:%s", cause ? cause : "An unknown error occurred.")) &&
           compute_volume_ready(call, row->id, cause);
}

/* ---- delete ---- */

/* No document: the volume or snapshot must not exist. */
static bool delete_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return true;
}

static bool delete_done(struct call *call, const struct task *task, const struct json *result) {
    struct volume_volume *row = volume_row(call, task->resource_id);

    return row ? resource_delete(call, &resource_volume_volume, row) : !call->error;
}

static bool delete_failed(struct call *call, const struct task *task, const char *cause) {
    struct volume_volume *row = volume_row(call, task->resource_id);

    return row ? volume_set_status(call, row, "error_deleting") : !call->error;
}

/* ---- extend ---- */

static bool tell_extended(struct call *call, const struct volume_volume *row) {
    struct volume_attachment *all;
    size_t count;
    bool ok = volume_attachments_of(call, row->id, &all, &count);

    for (size_t i = 0; ok && i < count; i++) {
        if (all[i].instance && !strcmp(all[i].status, "attached")) {
            ok = compute_volume_extended(call, all[i].instance, row->id, row->size);
        }
    }
    return ok;
}

static bool extend_done(struct call *call, const struct task *task, const struct json *result) {
    struct volume_volume *row = volume_row(call, task->resource_id);
    const struct json *args = volume_map_read(call, task->args);

    if (!row || !volume_status_is(row, "extending")) {
        return !call->error;
    }
    row->size = json_get_int(args, "size", row->size);
    return volume_set_status(call, row, status_after(row)) && tell_extended(call, row);
}

static bool extend_failed(struct call *call, const struct task *task, const char *cause) {
    struct volume_volume *row = volume_row(call, task->resource_id);

    return row && volume_status_is(row, "extending") ? volume_set_status(call, row, "error_extending") &&
                     volume_message_add(call, row, "VOLUME_VOLUME_005_001",
                                        arena_printf(call->arena, "extend volume:%s", cause))
               : !call->error;
}

/* ---- snapshots ---- */

static struct volume_snapshot_row *snapshot_row(struct call *call, const struct task *task) {
    struct volume_snapshot_row *row;

    return row_find(call, &resource_volume_snapshot_row, task->resource_id, &row) ? row : NULL;
}

static bool snapshot_end(struct call *call, const struct task *task, const char *status, const char *progress) {
    struct volume_snapshot_row *row = snapshot_row(call, task);

    if (!row) {
        return !call->error;
    }
    row->status = status;
    row->progress = progress ? progress : row->progress;
    row->updated_at = clock_now();
    return row_update(call, &resource_volume_snapshot_row, row);
}

static bool snapshot_prepare(struct call *call, const struct task *task, struct json_out *out) {
    const struct volume_snapshot_row *row = snapshot_row(call, task);

    if (!row || strcmp(row->status, "creating") != 0) {
        return false;
    }
    json_map(out);
    json_put_text(out, "volume", row->volume_id);
    json_put_int(out, "size", row->size);
    json_map_end(out);
    return true;
}

static bool snapshot_done(struct call *call, const struct task *task, const struct json *result) {
    const struct volume_snapshot_row *row = snapshot_row(call, task);

    return row && strcmp(row->status, "creating") == 0 ? snapshot_end(call, task, "available", "100%") : !call->error;
}

static bool snapshot_failed(struct call *call, const struct task *task, const char *cause) {
    return snapshot_end(call, task, "error", NULL);
}

static bool snapshot_delete_done(struct call *call, const struct task *task, const struct json *result) {
    struct volume_snapshot_row *row = snapshot_row(call, task);

    return row ? resource_delete(call, &resource_volume_snapshot_row, row) : !call->error;
}

static bool snapshot_delete_failed(struct call *call, const struct task *task, const char *cause) {
    return snapshot_end(call, task, "error_deleting", NULL);
}

/* ---- images of volumes ---- */

static bool upload_end(struct call *call, const struct task *task) {
    struct volume_volume *row = volume_row(call, task->resource_id);

    return row && volume_status_is(row, "uploading") ? volume_set_status(call, row, status_after(row)) : !call->error;
}

static bool upload_done(struct call *call, const struct task *task, const struct json *result) {
    return image_written(call, json_get_text(volume_map_read(call, task->args), "image"), json_get_int(result, "size", 0),
                         json_get_int(result, "virtual_size", 0)) &&
           upload_end(call, task);
}

static bool upload_failed(struct call *call, const struct task *task, const char *cause) {
    return image_remove(call, json_get_text(volume_map_read(call, task->args), "image")) && upload_end(call, task);
}

const struct task_kind volume_tasks[] = {
    {.name = "volume.create", .seconds = 3600, .tries = 3, .prepare = create_prepare, .done = create_done,
     .failed = create_failed},
    {.name = "volume.delete", .seconds = 3600, .tries = 10, .prepare = delete_prepare, .done = delete_done,
     .failed = delete_failed},
    {.name = "volume.extend", .seconds = 600, .tries = 3, .done = extend_done, .failed = extend_failed},
    {.name = "volume.snapshot_create", .seconds = 3600, .tries = 3, .prepare = snapshot_prepare, .done = snapshot_done,
     .failed = snapshot_failed},
    {.name = "volume.snapshot_delete", .seconds = 3600, .tries = 10, .prepare = delete_prepare,
     .done = snapshot_delete_done, .failed = snapshot_delete_failed},
    {.name = "volume.upload_image", .seconds = 3600, .tries = 3, .done = upload_done, .failed = upload_failed},
    {.more = volume_backup_tasks},
};
