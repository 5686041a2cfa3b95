/* SPDX-License-Identifier: Apache-2.0
 * What other services ask of volumes (volume.h). */
#include <string.h>

#include "base/clock.h"
#include "volume/parts.h"

bool volume_get(struct call *call, const char *id, struct volume_info *ret_volume) {
    struct volume_volume *row;

    if (!row_get(call, &resource_volume_volume, id, &row)) {
        return false;
    }
    *ret_volume = (struct volume_info){
        .id = row->id, .name = row->display_name, .status = row->status, .project_id = row->project_id,
        .zone = row->availability_zone, .image_metadata = row->image_metadata, .size = row->size,
        .bootable = row->bootable, .multiattach = row->multiattach, .encrypted = row->encrypted, .host = row->host,
        .connection = row->connection,
    };
    return true;
}

bool volume_create(struct call *call, const struct volume_new *wanted, const char **ret_id) {
    struct volume_volume *row;

    if (!volume_make(call,
                     &(struct volume_request){
                         .name = wanted->name, .project_id = wanted->project_id, .user_id = wanted->user_id,
                         .type = wanted->type, .image_id = wanted->image_id, .snapshot_id = wanted->snapshot_id,
                         .source_volid = wanted->source_volume_id, .size = wanted->size > 0 ? wanted->size : NO_INT,
                         .zone = NULL, .must_fit = true,
                     },
                     &row)) {
        return false;
    }
    *ret_id = row->id;
    return true;
}

bool volume_reserve(struct call *call, const char *id, const char *server_id, const char **ret_attachment) {
    struct volume_volume *row;
    struct volume_attachment *attachment;

    if (!row_get(call, &resource_volume_volume, id, &row)) {
        return false;
    }
    if (!volume_status_is(row, row->multiattach ? "available|reserved|in-use" : "available")) {
        return fail(call, 400, "Invalid volume: volume '%s' status must be 'available'. Currently in '%s'", id, row->status);
    }
    attachment = volume_attachment_make(call, row, server_id, "reserved");
    if (!attachment) {
        return false;
    }
    *ret_attachment = attachment->id;
    return volume_status_is(row, "in-use") || volume_set_status(call, row, "reserved");
}

bool volume_attached(struct call *call, const char *attachment_id, const char *host, const char *device) {
    struct volume_attachment *attachment;
    struct volume_volume *row;

    if (!row_find(call, &resource_volume_attachment, attachment_id, &attachment)) {
        return call->error ? false : fail_not_found(call, &resource_volume_attachment, attachment_id);
    }
    row = volume_row(call, attachment->volume_id);
    attachment->status = "attached";
    attachment->attached_host = host;
    attachment->device = device;
    attachment->attach_mode = "rw";
    attachment->attached_at = attachment->attached_at ? attachment->attached_at : clock_now();
    return row && row_update(call, &resource_volume_attachment, attachment) && volume_set_status(call, row, "in-use");
}

bool volume_detaching(struct call *call, const char *id, const char *server_id) {
    struct volume_volume *row = volume_row(call, id);

    return !row || !volume_status_is(row, "in-use") ? !call->error : volume_set_status(call, row, "detaching");
}

bool volume_detached(struct call *call, const char *id, const char *server_id) {
    struct volume_volume *row = volume_row(call, id);
    struct volume_attachment *all;
    size_t count;
    bool ok = !call->error;

    if (!row || !ok || !volume_attachments_of(call, id, &all, &count)) {
        return ok && !call->error;
    }
    for (size_t i = 0; ok && i < count; i++) {
        if (all[i].instance && !strcmp(all[i].instance, server_id)) {
            ok = volume_attachment_end(call, row, &all[i]);
        }
    }
    return ok;
}

bool volume_still_attached(struct call *call, const char *id, const char *server_id) {
    struct volume_volume *row = volume_row(call, id);

    return !row || !volume_status_is(row, "detaching") ? !call->error : volume_set_status(call, row, "in-use");
}

bool volume_snapshot(struct call *call, const char *id, const char *name, const char **ret_snapshot) {
    struct volume_volume *row;
    struct volume_snapshot_row *snapshot;

    if (!row_get(call, &resource_volume_volume, id, &row)) {
        return false;
    }
    if (!row->host) {
        return fail(call, 400, "Invalid volume: volume '%s' has no data.", id);
    }
    snapshot = volume_snapshot_make(call, row, &(struct volume_snapshot_input){.name = name});
    if (!snapshot) {
        return false;
    }
    *ret_snapshot = snapshot->id;
    return true;
}

bool volume_remove(struct call *call, const char *id) {
    struct volume_volume *row = volume_row(call, id);

    /* Snapshots are whole copies: those that somebody took stay. */
    return !row || volume_status_is(row, "deleting") ? !call->error : volume_begin_delete(call, row);
}
