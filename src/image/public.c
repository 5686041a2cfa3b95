/* SPDX-License-Identifier: Apache-2.0
 * What other services ask of images (image.h). */
#include <string.h>

#include "base/clock.h"
#include "image/parts.h"
#include "image/stores.h"
#include "rest/task.h"

bool image_get(struct call *call, const char *id, struct image_info *ret_image) {
    struct image_image *row;

    if (!row_get(call, &resource_image_image, id, &row)) {
        return false;
    }
    *ret_image = (struct image_info){
        .id = row->id, .name = row->name, .status = row->status, .owner = row->project_id,
        .visibility = row->visibility, .disk_format = row->disk_format, .container_format = row->container_format,
        .format = row->data_format ? row->data_format : "raw",
        .size = row->size == NO_INT ? 0 : row->size,
        .virtual_size = row->virtual_size != NO_INT ? row->virtual_size : row->size != NO_INT ? row->size : 0,
        .min_disk = row->min_disk, .min_ram = row->min_ram, .properties = row->properties,
        .path = row->size == NO_INT || !row->size ? NULL : image_path(call->arena, row->id, ""), .checksum = row->checksum,
        .created_at = row->created_at, .updated_at = row->updated_at,
    };
    return true;
}

bool image_create(struct call *call, const struct image_new *new_image, const char **ret_id, const char **ret_path) {
    struct image_image *row = ARENA_NEW(call->arena, struct image_image);

    row_defaults(call, &resource_image_image, row);
    row->name = new_image->name;
    row->project_id = new_image->owner;
    row->visibility = new_image->visibility ? new_image->visibility : "private";
    row->disk_format = new_image->disk_format;
    row->container_format = new_image->container_format ? new_image->container_format : "bare";
    row->min_disk = new_image->min_disk;
    row->min_ram = new_image->min_ram;
    row->properties = new_image->properties ? new_image->properties : "{}";
    *ret_id = row->id;
    *ret_path = image_path(call->arena, row->id, "");
    return row_insert(call, &resource_image_image, row);
}

bool image_written(struct call *call, const char *id, int64_t size, int64_t virtual_size) {
    struct image_image *row;

    if (!row_find(call, &resource_image_image, id, &row)) {
        return call->error ? false : task_add(call, "image.remove", id, NULL, NULL);
    }
    row->status = "active";
    row->size = size;
    row->virtual_size = virtual_size;
    row->data_format = row->disk_format;
    row->stores = "file";
    row->updated_at = clock_now();
    /* An image of a server that boots from volume has no bytes of its own: it names snapshots. */
    return row_update(call, &resource_image_image, row) &&
           (size == 0 || (task_add_once(call, "image.checksum", id, NULL, NULL) && image_keep(call, row, NULL)));
}

bool image_remove(struct call *call, const char *id) {
    struct image_image *row;

    if (!row_find(call, &resource_image_image, id, &row)) {
        return !call->error;
    }
    return call_exec(call, "DELETE FROM image_member WHERE image_id = ?", SQL_ARGS(sql_text(id))) &&
           row_delete(call, &resource_image_image, row) && task_add(call, "image.remove", id, NULL, NULL);
}
