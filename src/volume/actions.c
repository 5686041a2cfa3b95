/* SPDX-License-Identifier: Apache-2.0
 * Actions on a volume (call->row). Each is a step of the status machine, refused from other states. */
#include <string.h>

#include "base/clock.h"
#include "image/image.h"
#include "volume/parts.h"

static bool wrong_status(struct call *call, const struct volume_volume *row, const char *wanted) {
    return fail(call, 400, "Invalid volume: Volume %s status must be %s, but current status is: %s.", row->id, wanted,
                row->status);
}

static bool step(struct call *call, const char *from, const char *to) {
    struct volume_volume *row = call->row;

    return volume_status_is(row, from) ? volume_set_status(call, row, to) : wrong_status(call, row, from);
}

bool volume_act_reserve(struct call *call) {
    struct volume_volume *row = call->row;

    return step(call, row->multiattach ? "available|in-use" : "available", "attaching");
}

static bool has_attachments(struct call *call, const struct volume_volume *row) {
    return call_count(call, "SELECT count(*) FROM volume_attachment WHERE volume_id = ?", SQL_ARGS(sql_text(row->id))) > 0;
}

bool volume_act_unreserve(struct call *call) {
    return step(call, "attaching|reserved", has_attachments(call, call->row) ? "in-use" : "available");
}

bool volume_act_begin_detach(struct call *call) {
    return step(call, "in-use", "detaching");
}

bool volume_act_roll_detach(struct call *call) {
    return step(call, "detaching", "in-use");
}

bool volume_act_attach(struct call *call) {
    const struct volume_attach_input *input = call->input;
    struct volume_volume *row = call->row;
    struct volume_attachment *attachment = NULL;

    if (!input->instance_uuid == !input->host_name) {
        return fail(call, 400, "Invalid request to attach volume to an invalid target: an instance or a host.");
    }
    if (!volume_status_is(row, row->multiattach ? "available|attaching|reserved|in-use" : "available|attaching|reserved")) {
        return wrong_status(call, row, "available or attaching or reserved");
    }
    attachment = volume_attachment_make(call, row, input->instance_uuid, "attached");
    if (!attachment) {
        return false;
    }
    attachment->attached_host = input->host_name;
    attachment->device = input->mountpoint;
    attachment->attach_mode = input->mode;
    attachment->attached_at = clock_now();
    return row_update(call, &resource_volume_attachment, attachment) && volume_set_status(call, row, "in-use");
}

/* The attachment of that id, or the only one. */
static bool find_attachment(struct call *call, const char *id, struct volume_attachment **ret_attachment) {
    const struct volume_volume *row = call->row;
    struct volume_attachment *all;
    size_t count;

    if (!volume_attachments_of(call, row->id, &all, &count)) {
        return false;
    }
    if (!id && count > 1) {
        return fail(call, 400, "Detach volume: more than one attachment, but no attachment_id was given.");
    }
    *ret_attachment = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!id || !strcmp(all[i].id, id)) {
            *ret_attachment = &all[i];
        }
    }
    return true;
}

/* Whatever the status says; a volume that is attached nowhere is left alone. */
bool volume_act_detach(struct call *call) {
    const struct volume_detach_input *input = call->input;
    struct volume_volume *row = call->row;
    struct volume_attachment *attachment = NULL;

    if (!find_attachment(call, input->attachment_id, &attachment)) {
        return false;
    }
    if (attachment) {
        return volume_attachment_end(call, row, attachment);
    }
    if (input->attachment_id) {
        return fail(call, 400, "Volume attachment %s could not be found.", input->attachment_id);
    }
    return !volume_status_is(row, "in-use|detaching|attaching|reserved") || volume_set_status(call, row, "available");
}

bool volume_act_connect(struct call *call) {
    struct volume_volume *row = call->row;

    if (!row->connection) {
        return wrong_status(call, row, "available");
    }
    json_map(&call->out);
    json_put_raw(&call->out, "connection_info", volume_connection_info(call, row, NULL));
    json_map_end(&call->out);
    return true;
}

/* Nothing is kept for a connection: files are opened by path. */
bool volume_act_disconnect(struct call *call) {
    return true;
}

bool volume_act_reset_status(struct call *call) {
    const struct volume_reset_input *input = call->input;
    struct volume_volume *row = call->row;

    if (!input->status && !input->attach_status && !input->migration_status) {
        return fail(call, 400, "Must specify 'status', 'attach_status' or 'migration_status' for update.");
    }
    if (input->attach_status && !strcmp(input->attach_status, "detached") &&
        !call_exec(call, "DELETE FROM volume_attachment WHERE volume_id = ?", SQL_ARGS(sql_text(row->id)))) {
        return false;
    }
    return !input->status || volume_set_status(call, row, input->status);
}

bool volume_act_force_delete(struct call *call) {
    struct volume_volume *row = call->row;

    if (call_count(call, "SELECT count(*) FROM volume_snapshot WHERE volume_id = ?", SQL_ARGS(sql_text(row->id)))) {
        return fail(call, 400, "Invalid volume: the volume has snapshots.");
    }
    if (call_count(call, "SELECT count(*) FROM volume_attachment WHERE volume_id = ?", SQL_ARGS(sql_text(row->id)))) {
        return fail(call, 400, "Invalid volume: the volume is attached.");
    }
    return volume_begin_delete(call, row);
}

/* ---- size ---- */

static const struct volume_type *type_of(struct call *call, const struct volume_volume *row) {
    struct volume_type *type = NULL;

    return row->volume_type_id && row_find(call, &resource_volume_type, row->volume_type_id, &type) ? type : NULL;
}

bool volume_act_extend(struct call *call) {
    const struct volume_extend_input *input = call->input;
    struct volume_volume *row = call->row;

    if (!volume_status_is(row, call->minor >= 42 ? "available|in-use" : "available")) {
        return wrong_status(call, row, call->minor >= 42 ? "available or in-use" : "available");
    }
    if (input->new_size <= row->size) {
        return fail(call, 400, "Invalid input received: New size for extend must be greater than current size."
                               " (current: %lld, extended: %lld).", (long long)row->size, (long long)input->new_size);
    }
    if (!volume_quota_check(call, row->project_id, type_of(call, row), 0, 0, input->new_size - row->size, input->new_size)) {
        return false;
    }
    row->previous_status = row->status;
    return volume_set_status(call, row, "extending") &&
           volume_task(call, "volume.extend", row->id, row->host,
                       arena_printf(call->arena, "{\"size\": %lld}", (long long)input->new_size));
}

/* ---- flags ---- */

bool volume_act_set_bootable(struct call *call) {
    const struct volume_bootable_input *input = call->input;
    struct volume_volume *row = call->row;

    row->bootable = input->bootable;
    return volume_set_status(call, row, row->status);
}

bool volume_act_set_readonly(struct call *call) {
    const struct volume_readonly_input *input = call->input;
    struct volume_volume *row = call->row;

    if (!volume_status_is(row, "available")) {
        return wrong_status(call, row, "available");
    }
    row->readonly = input->readonly;
    row->metadata = volume_map_change(call, row->metadata,
                                      volume_map_read(call, input->readonly ? "{\"readonly\": \"True\"}"
                                                                            : "{\"readonly\": \"False\"}"),
                                      NULL);
    return volume_set_status(call, row, row->status);
}

bool volume_act_retype(struct call *call) {
    const struct volume_retype_input *input = call->input;
    struct volume_volume *row = call->row;
    struct volume_type *type;
    const char *backend;

    if (!volume_status_is(row, "available|in-use")) {
        return wrong_status(call, row, "available or in-use");
    }
    if (!volume_type_find(call, input->new_type, row->project_id, &type)) {
        return false;
    }
    if (row->volume_type_id && !strcmp(row->volume_type_id, type->id)) {
        return fail(call, 400, "Invalid input received: New volume_type same as original: %s.", type->name);
    }
    backend = volume_place(call, type, NULL, 0);
    if (!backend || !row->host || strcmp(backend, row->host) != 0) {
        return fail(call, 400, "The volume would have to be migrated, which is not available in this cloud yet.");
    }
    row->volume_type_id = type->id;
    return volume_set_status(call, row, row->status);
}

/* ---- images ---- */

bool volume_act_image_meta(struct call *call) {
    const struct volume_image_meta_input *input = call->input;
    struct volume_volume *row = call->row;

    row->image_metadata = volume_map_change(call, row->image_metadata, volume_map_read(call, input->metadata), NULL);
    json_map(&call->out);
    json_put_raw(&call->out, "metadata", row->image_metadata);
    json_map_end(&call->out);
    return volume_set_status(call, row, row->status);
}

bool volume_act_image_meta_unset(struct call *call) {
    const struct volume_image_meta_key_input *input = call->input;
    struct volume_volume *row = call->row;

    if (!json_get(volume_map_read(call, row->image_metadata), input->key)) {
        return fail(call, 404, "Volume %s has no image metadata with key %s.", row->id, input->key);
    }
    row->image_metadata = volume_map_change(call, row->image_metadata, NULL, input->key);
    return volume_set_status(call, row, row->status);
}

bool volume_act_image_meta_show(struct call *call) {
    const struct volume_volume *row = call->row;

    json_map(&call->out);
    json_put_raw(&call->out, "metadata", row->image_metadata ? row->image_metadata : "{}");
    json_map_end(&call->out);
    return true;
}

static void respond_upload(struct call *call, const struct volume_volume *row, const struct volume_upload_input *input,
                           const char *image_id) {
    struct json_out *out = &call->out;
    char text[TIME_TEXT_SIZE];

    json_map(out);
    json_key(out, "os-volume_upload_image");
    json_map(out);
    json_put_text(out, "id", row->id);
    json_put_text(out, "updated_at", time_print(row->updated_at, TIME_MICRO, text));
    json_put_text(out, "status", "uploading");
    json_put_text(out, "display_description", row->description);
    json_put_int(out, "size", row->size);
    json_put_null(out, "volume_type");
    json_put_text(out, "image_id", image_id);
    json_put_text(out, "container_format", input->container_format);
    json_put_text(out, "disk_format", input->disk_format);
    json_put_text(out, "image_name", input->image_name);
    if (call->minor >= 1) {
        json_put_text(out, "visibility", input->visibility ? input->visibility : "private");
        json_put_bool(out, "protected", input->protected);
    }
    json_map_end(out);
    json_map_end(out);
}

/* The further properties that the volume's image had go with the new image. */
static const char *image_properties(struct call *call, const struct volume_volume *row) {
    static const char *const own[] = {"image_id", "image_name", "container_format", "disk_format", "checksum", "min_disk",
                                      "min_ram",  "size"};
    const char *map = row->image_metadata ? row->image_metadata : "{}";

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        map = volume_map_change(call, map, NULL, own[i]);
    }
    return map;
}

bool volume_act_upload(struct call *call) {
    const struct volume_upload_input *input = call->input;
    struct volume_volume *row = call->row;
    const char *image_id, *path;

    if (input->protected) {
        return fail(call, 501, "Protected images of volumes are not available in this cloud yet.");
    }
    if (input->visibility && !strcmp(input->visibility, "public") &&
        !call_allow(call, "volume_extension:volume_actions:upload_public", &resource_volume_volume, row)) {
        return false;
    }
    if (!volume_status_is(row, input->force ? "available|in-use" : "available")) {
        return wrong_status(call, row, input->force ? "available or in-use" : "available");
    }
    if (!image_create(call,
                      &(struct image_new){.name = input->image_name, .owner = call->caller.project_id,
                                          .visibility = input->visibility, .disk_format = input->disk_format,
                                          .container_format = input->container_format,
                                          .properties = image_properties(call, row)},
                      &image_id, &path)) {
        return false;
    }
    row->previous_status = row->status;
    if (!volume_set_status(call, row, "uploading")) {
        return false;
    }
    respond_upload(call, row, input, image_id);
    return volume_task(call, "volume.upload_image", row->id, row->host,
                       arena_printf(call->arena, "{\"image\": \"%s\", \"path\": \"%s\", \"format\": \"%s\"}", image_id, path,
                                    input->disk_format));
}
