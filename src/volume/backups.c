/* SPDX-License-Identifier: Apache-2.0
 * What is asked of backups. The work is done by tasks; see backup_tasks.c. */
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "volume/backups.h"

static const char service_name[] = "cinder.backup.drivers.swift.SwiftBackupDriver";

void volume_backup_write_links(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct volume_backup *row = pointer;

    volume_links(call, "backups", row->project_id, row->id, out);
}

bool volume_backup_expand(struct call *call, void *pointer, size_t count) {
    struct volume_backup *rows = pointer;

    for (size_t i = 0; i < count; i++) {
        rows[i].shown_project = call_allowed(call, "backup:backup_project_attribute", &resource_volume_backup, &rows[i])
                                    ? rows[i].project_id : NULL;
    }
    return true;
}

/* ---- create ---- */

/* What is backed up becomes busy with it; a snapshot, when one is named, else the volume. */
static bool take_source(struct call *call, const struct volume_backup_input *input, struct volume_volume *row,
                        struct volume_backup *backup) {
    struct volume_snapshot_row *snapshot;

    if (!input->snapshot_id) {
        if (!row->host || !volume_status_is(row, input->force ? "available|in-use" : "available")) {
            return fail(call, 400, "Invalid volume: a backup is made of a volume that is available (or, with force, in use),"
                                   " and this one is %s.", row->status);
        }
        backup->data_timestamp = backup->created_at;
        return volume_set_status(call, row, "backing-up");
    }
    if (!row_get(call, &resource_volume_snapshot_row, input->snapshot_id, &snapshot)) {
        return false;
    }
    if (strcmp(snapshot->volume_id, row->id) != 0 || !snapshot->host || strcmp(snapshot->status, "available") != 0) {
        return fail(call, 400, "Invalid snapshot: it must be an available one of volume %s.", row->id);
    }
    backup->snapshot_id = snapshot->id;
    backup->size = snapshot->size;
    backup->data_timestamp = snapshot->created_at;
    snapshot->status = "backing-up";
    return row_update(call, &resource_volume_snapshot_row, snapshot);
}

bool volume_backup_create(struct call *call) {
    const struct volume_backup_input *input = call->input;
    struct volume_backup *backup = ARENA_NEW(call->arena, struct volume_backup);
    struct volume_volume *row;

    if (!row_get(call, &resource_volume_volume, input->volume_id, &row)) {
        return false;
    }
    if (input->incremental) {
        return fail(call, 501, "Incremental backups are not available in this cloud yet.");
    }
    row_defaults(call, &resource_volume_backup, backup);
    backup->name = input->name;
    backup->description = input->description;
    backup->container = input->container ? input->container : "backups";
    backup->metadata = input->metadata ? input->metadata : "{}";
    backup->availability_zone = input->availability_zone ? input->availability_zone : row->availability_zone;
    backup->volume_id = row->id;
    backup->size = row->size;
    backup->place = backup->id;
    backup->volume_metadata = row->metadata;
    backup->image_metadata = row->image_metadata;
    backup->bootable = row->bootable;
    backup->volume_type_id = row->volume_type_id;
    return take_source(call, input, row, backup) &&
           quota_check(call, &volume, backup->project_id, "backup_gigabytes", backup->size) &&
           resource_create(call, &resource_volume_backup, backup) &&
           volume_task(call, "volume.backup_write", backup->id, row->host, NULL) && row_respond(call, &resource_volume_backup, backup);
}

/* ---- restore ---- */

/* What the backup is restored to: the volume named, or a new one. */
static bool find_target(struct call *call, const struct volume_backup *backup, const struct volume_restore_input *input,
                        struct volume_volume **ret_row) {
    struct volume_request request = {
        .name = input->name ? input->name : arena_printf(call->arena, "restore_backup_%s", backup->id),
        .description = "auto-created_from_restore_from_backup", .project_id = call->caller.project_id,
        .user_id = call->caller.user_id, .backup = backup, .size = backup->size, .must_fit = true};

    if (!input->volume_id) {
        return volume_make(call, &request, ret_row);
    }
    if (strcmp(backup->status, "available") != 0) {
        return fail(call, 400, "Invalid backup: it must be available, and is %s.", backup->status);
    }
    if (!row_get(call, &resource_volume_volume, input->volume_id, ret_row)) {
        return false;
    }
    if (!(*ret_row)->host || !volume_status_is(*ret_row, "available")) {
        return fail(call, 400, "Invalid volume: a backup is restored to a volume that is available.");
    }
    return (*ret_row)->size >= backup->size ||
           fail(call, 400, "Invalid volume: %lld GiB are too few for a backup of %lld GiB.", (long long)(*ret_row)->size,
                (long long)backup->size);
}

bool volume_backup_begin_restore(struct call *call, struct volume_backup *backup, struct volume_volume *row) {
    backup->restore_volume_id = row->id;
    row->metadata = backup->volume_metadata;
    row->image_metadata = backup->image_metadata;
    row->bootable = backup->bootable;
    return volume_set_status(call, row, "restoring-backup") && resource_set_status(call, &resource_volume_backup, backup, "restoring") &&
           task_add(call, "volume.backup_fetch", backup->id, NULL, NULL);
}

bool volume_backup_restore(struct call *call) {
    const struct volume_restore_input *input = call->input;
    struct volume_backup *backup = call->row;
    struct volume_volume *row;
    struct json_out *out = &call->out;

    if (!find_target(call, backup, input, &row) || !volume_backup_begin_restore(call, backup, row)) {
        return false;
    }
    json_map(out);
    json_key(out, "restore");
    json_map(out);
    json_put_text(out, "backup_id", backup->id);
    json_put_text(out, "volume_id", row->id);
    json_put_text(out, "volume_name", row->display_name);
    json_map_end(out);
    json_map_end(out);
    return true;
}

/* ---- delete ---- */

/* os-force_delete asks nothing of the backup. */
bool volume_backup_delete(struct call *call) {
    struct volume_backup *row = call->row;

    if (!call->operation->action && strcmp(row->status, "available") != 0 && strcmp(row->status, "error") != 0) {
        return fail(call, 400, "Invalid backup: it must be available or in error, and is %s.", row->status);
    }
    return resource_set_status(call, &resource_volume_backup, row, "deleting") &&
           task_add(call, "volume.backup_remove", row->id, NULL, NULL);
}

/* ---- records ---- */

bool volume_backup_export(struct call *call) {
    const struct volume_backup *row = call->row;
    struct volume_backup_kept kept = {0};
    struct buf text = {0};
    struct json_out record = {.buf = &text}, *out = &call->out;

    if (strcmp(row->status, "available") != 0) {
        return fail(call, 400, "Invalid backup: it must be available, and is %s.", row->status);
    }
    row_copy(&resource_volume_backup_kept, &kept, &resource_volume_backup, row);
    row_write(call, &resource_volume_backup_kept, &kept, READ, &record);
    json_map(out);
    json_key(out, "backup-record");
    json_map(out);
    json_put_text(out, "backup_service", service_name);
    json_put_text(out, "backup_url", base64_encode(call->arena, text.at, text.size));
    json_map_end(out);
    json_map_end(out);
    buf_release(&text);
    return true;
}

static bool record_read(struct call *call, const char *url, struct volume_backup_kept *ret) {
    uint64_t given[MAX_FIELDS / 64] = {0};
    size_t size = 0;
    const char *bytes = (const char *)base64_decode(call->arena, url, &size);
    const struct json *record = bytes ? json_parse(call->arena, bytes, size, NULL) : NULL;

    return record && record->type == JSON_MAP ? input_parse(call, &resource_volume_backup_kept, record, CREATE, ret, given)
                                              : fail(call, 400, "Invalid input for field 'backup_url': it is no record");
}

/* The same bytes may be of several backups; what became of them is looked at by the task. */
bool volume_backup_import(struct call *call) {
    const struct volume_backup_record *input = call->input;
    struct volume_backup *row = ARENA_NEW(call->arena, struct volume_backup);
    struct volume_backup_kept kept = {0};

    if (strcmp(input->backup_service, service_name) != 0) {
        return fail(call, 503, "Backup service %s is not there.", input->backup_service);
    }
    if (!record_read(call, input->backup_url, &kept)) {
        return false;
    }
    if (call_count(call, "SELECT count(*) FROM volume_backup WHERE id = ?", SQL_ARGS(sql_text(kept.id)))) {
        return fail(call, 400, "Invalid backup: there is a backup %s already.", kept.id);
    }
    row_defaults(call, &resource_volume_backup, row);
    row_copy(&resource_volume_backup, row, &resource_volume_backup_kept, &kept);
    return quota_check(call, &volume, row->project_id, "backup_gigabytes", row->size) &&
           resource_create(call, &resource_volume_backup, row) &&
           task_add(call, "volume.backup_look", row->id, NULL, NULL) && row_respond(call, &resource_volume_backup, row);
}
