/* SPDX-License-Identifier: Apache-2.0
 * What the files of the volume service share. */
#pragma once
#include "rest/task.h"
#include "volume/types.h"
#include "volume/volume.h"

/* What a new volume is to be; the caller checked nothing yet. */
struct volume_request {
    const char *name, *description, *project_id, *user_id, *type, *zone, *metadata;
    const char *image_id, *snapshot_id, *source_volid;
    const struct volume_backup *backup;     /* its bytes come later: the caller begins the restoring */
    int64_t size;               /* GiB; NO_INT: that of the source */
    bool must_fit;              /* fail when no host has room, instead of a volume in error */
};
bool volume_make(struct call *call, const struct volume_request *request, struct volume_volume **ret_row);

/* The volume's row whatever the caller may see; null when it is absent. */
struct volume_volume *volume_row(struct call *call, const char *id);

/* Sets the status and saves the row. */
bool volume_set_status(struct call *call, struct volume_volume *row, const char *status);
bool volume_status_is(const struct volume_volume *row, const char *statuses);     /* "available|error" */

/* Writes the list of links of a row of that kind ("volumes"). */
void volume_links(struct call *call, const char *kind, const char *project, const char *id, struct json_out *out);

/* Gives the volume the status that its attachments say. */
bool volume_fix_status(struct call *call, const char *id);

/* Tells the volume's project why something failed (the messages of 3.3). */
bool volume_message_add(struct call *call, const struct volume_volume *row, const char *event, const char *text);

/* Its place: a task of that kind for the host that has the volume or snapshot. */
bool volume_task(struct call *call, const char *kind, const char *id, const char *host, const char *args);

/* Begins the end of a volume: a task, or at once when it is nowhere. */
bool volume_begin_delete(struct call *call, struct volume_volume *row);
bool volume_snapshot_begin_delete(struct call *call, struct volume_snapshot_row *row);

/* A snapshot of 'row' by a task. */
struct volume_snapshot_row *volume_snapshot_make(struct call *call, struct volume_volume *row,
                                                 const struct volume_snapshot_input *input);

/* Attachments. */
bool volume_attachments_of(struct call *call, const char *volume_id, struct volume_attachment **ret_rows, size_t *ret_count);
struct volume_attachment *volume_attachment_make(struct call *call, const struct volume_volume *row, const char *server_id,
                                                 const char *status);
bool volume_attachment_end(struct call *call, struct volume_volume *row, struct volume_attachment *attachment);
/* {"driver_volume_type": ..., ...}: how the volume is opened. */
const char *volume_connection_info(struct call *call, const struct volume_volume *row, const char *attachment_id);

/* A type by id or name, whoever may use it; null in *ret_type when there is none. */
bool volume_type_named(struct call *call, const char *name, struct volume_type **ret_type);

/* A type by id or name that the project may use. Fails 404. Null name: the default one, or none. */
bool volume_type_find(struct call *call, const char *name, const char *project_id, struct volume_type **ret_type);
const char *volume_default_type(void);

/* What a volume of the project that names no type gets: the project's default by id, or the cloud's by name. After an error
 * of the database (call->error) the cloud's. */
const char *volume_project_type(struct call *call, const char *project_id);

/* The host with room for so many GiB of that type in a zone (null: any), "HOST@BACKEND#POOL"; null when there is none. */
const char *volume_place(struct call *call, const struct volume_type *type, const char *zone, int64_t size);
bool volume_host_up(struct call *call, const char *host, const struct json *facts);
/* The place was ever told of by a host. */
bool volume_place_known(struct call *call, const char *place);
bool volume_host_down(struct call *call, const char *host);
bool volume_scheduler_ensure(struct call *call);

/* {"key": "value", ...} of a MAP field changed: 'add' members laid over it, 'remove' taken out; each may be null. */
const char *volume_map_change(struct call *call, const char *map, const struct json *add, const char *remove);
const struct json *volume_map_read(struct call *call, const char *map);

/* Fails 413 when the project would have more than it may: volumes, snapshots and GiB to come; the volume's size. */
bool volume_quota_check(struct call *call, const char *project, const struct volume_type *type, int64_t volumes,
                        int64_t snapshots, int64_t size, int64_t volume_size);
extern const struct quota volume_quotas[];
extern const struct task_kind volume_tasks[], volume_backup_tasks[];
