/* SPDX-License-Identifier: Apache-2.0
 * Snapshots of volumes. */
#include <string.h>

#include "base/clock.h"
#include "volume/parts.h"

bool volume_snapshot_on_list(struct call *call, struct query *query) {
    const char *name = call_argument(call, "display_name");

    if (name) {
        query_where(query, "display_name = ?", SQL_ARGS(sql_text(name)));
    }
    return true;
}

bool volume_snapshot_on_update(struct call *call, const void *old, void *pointer) {
    struct volume_snapshot_row *row = pointer;

    if (row->given_name) {
        row->display_name = row->given_name;
    }
    if (row->display_description) {
        row->description = row->display_description;
    }
    return true;
}

struct volume_snapshot_row *volume_snapshot_make(struct call *call, struct volume_volume *row,
                                                 const struct volume_snapshot_input *input) {
    struct volume_snapshot_row *snapshot = ARENA_NEW(call->arena, struct volume_snapshot_row);
    struct volume_type *type = NULL;

    row_defaults(call, &resource_volume_snapshot_row, snapshot);
    snapshot->display_name = input->name ? input->name : input->display_name;
    snapshot->description = input->description ? input->description : input->display_description;
    snapshot->metadata = input->metadata ? input->metadata : "{}";
    snapshot->volume_id = row->id;
    snapshot->size = row->size;
    snapshot->host = row->host;
    snapshot->volume_type_id = row->volume_type_id;
    snapshot->image_metadata = row->image_metadata;
    snapshot->bootable = row->bootable;
    snapshot->project_id = row->project_id;
    if (row->volume_type_id) {
        row_find(call, &resource_volume_type, row->volume_type_id, &type);
    }
    return volume_quota_check(call, row->project_id, type, 0, 1, row->size, 0) &&
                   resource_create(call, &resource_volume_snapshot_row, snapshot) &&
                   volume_task(call, "volume.snapshot_create", snapshot->id, row->host, NULL)
               ? snapshot
               : NULL;
}

bool volume_snapshot_op_create(struct call *call) {
    const struct volume_snapshot_input *input = call->input;
    struct volume_snapshot_row *snapshot;
    struct volume_volume *row;
    bool force = input->force || call->minor >= 66;

    if (!input->volume_id) {
        return fail_not_found(call, &resource_volume_volume, "None");
    }
    if (!row_get(call, &resource_volume_volume, input->volume_id, &row)) {
        return false;
    }
    if (!row->host || !volume_status_is(row, force ? "available|in-use" : "available")) {
        return fail(call, 400, "Invalid volume: Volume %s status must be available, but current status is: %s.", row->id,
                    row->status);
    }
    snapshot = volume_snapshot_make(call, row, input);
    return snapshot && row_respond(call, &resource_volume_snapshot_row, snapshot);
}

bool volume_snapshot_begin_delete(struct call *call, struct volume_snapshot_row *row) {
    if (!row->host || !volume_place_known(call, row->host)) {
        return resource_delete(call, &resource_volume_snapshot_row, row);
    }
    return resource_set_status(call, &resource_volume_snapshot_row, row, "deleting") &&
           volume_task(call, "volume.snapshot_delete", row->id, row->host, NULL);
}

/* os-force_delete asks nothing of the snapshot. */
bool volume_snapshot_op_delete(struct call *call) {
    struct volume_snapshot_row *row = call->row;

    if (call->operation->action) {
        return volume_snapshot_begin_delete(call, row);
    }
    if (strcmp(row->status, "available") != 0 && strncmp(row->status, "error", 5) != 0) {
        return fail(call, 400, "Invalid snapshot: Snapshot status must be available or error, but is %s.", row->status);
    }
    if (call_count(call, "SELECT count(*) FROM volume_volume WHERE snapshot_id = ? AND status = 'creating'",
                   SQL_ARGS(sql_text(row->id)))) {
        return fail(call, 400, "Invalid snapshot: a volume is being made from it.");
    }
    return volume_snapshot_begin_delete(call, row);
}

/* A driver outside tells how far it is: from creating and deleting only. */
bool volume_snapshot_act_update(struct call *call) {
    const struct volume_snapshot_status_input *input = call->input;
    struct volume_snapshot_row *row = call->row;
    bool creating = !strcmp(row->status, "creating"), deleting = !strcmp(row->status, "deleting");
    bool fits = creating ? !strcmp(input->status, "creating") || !strcmp(input->status, "available") || !strcmp(input->status, "error")
                         : deleting && (!strcmp(input->status, "deleting") || !strcmp(input->status, "error_deleting"));

    if (!fits) {
        return fail(call, 400, "Provided snapshot status %s not allowed for snapshot with status %s.", input->status,
                    row->status);
    }
    if (input->progress) {
        size_t digits = strspn(input->progress, "0123456789");

        if (!digits || strcmp(input->progress + digits, "%") != 0) {
            return fail(call, 400, "progress must be an integer percentage");
        }
        row->progress = input->progress;
    }
    return resource_set_status(call, &resource_volume_snapshot_row, row, input->status);
}
