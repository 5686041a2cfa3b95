/* SPDX-License-Identifier: Apache-2.0
 * What becomes of volumes and snapshots that nothing works on any more, or whose status does not agree with the rest. */
#include <string.h>

#include "base/clock.h"
#include "compute/compute.h"
#include "volume/parts.h"

/* How a status ends that nobody brings to its end. */
static const char *error_of(const char *status) {
    return !strcmp(status, "deleting") ? "error_deleting" : !strcmp(status, "extending") ? "error_extending"
           : !strcmp(status, "restoring-backup") ? "error_restoring" : "error";
}

bool volume_stuck(struct call *call, void *pointer, const char *cause) {
    struct volume_volume *row = pointer;
    bool made = strcmp(row->status, "creating") != 0 && strcmp(row->status, "downloading") != 0;

    if (!volume_message_add(call, row, "VOLUME_VOLUME_002_001",
                            arena_printf(call->arena, "%s volume:%s", row->status, cause))) {
        return false;
    }
    if (!strcmp(row->status, "uploading") || !strcmp(row->status, "retyping")) {
        return volume_set_status(call, row, row->previous_status ? row->previous_status : "available");
    }
    if (!strcmp(row->status, "backing-up")) {
        return volume_fix_status(call, row->id);
    }
    return volume_set_status(call, row, error_of(row->status)) && (made || compute_volume_ready(call, row->id, cause));
}

bool volume_snapshot_stuck(struct call *call, void *pointer, const char *cause) {
    struct volume_snapshot_row *row = pointer;

    row->status = !strcmp(row->status, "backing-up") ? "available" : error_of(row->status);
    row->updated_at = clock_now();
    return row_update(call, &resource_volume_snapshot_row, row);
}

/* The status that its attachments and transfers say. */
bool volume_fix_status(struct call *call, const char *id) {
    struct volume_volume *row = volume_row(call, id);
    struct volume_attachment *all;
    size_t count;
    bool attached = false;

    if (!row || !volume_attachments_of(call, id, &all, &count)) {
        return !call->error;
    }
    for (size_t i = 0; i < count; i++) {
        attached = attached || !strcmp(all[i].status, "attached");
    }
    return volume_set_status(call, row, attached ? "in-use" : count ? "reserved" : "available");
}
