/* SPDX-License-Identifier: Apache-2.0
 * What the other services may ask of volume. All inside the caller's transaction. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rest/service.h"

/* Volume's entry in the table of services. */
extern const struct service volume;

struct volume_info {
    const char *id, *name, *status, *project_id, *zone, *image_metadata;    /* image_metadata: JSON map or null */
    int64_t size;                       /* GiB */
    bool bootable, multiattach, encrypted;
    const char *host;                   /* where it is: "host@backend#pool" */
    const char *connection;             /* JSON: {"path": "/...", "format": "raw"} or {"nbd": "nbd://..."}: what a driver of
                                         * compute opens */
};

/* The volume, when the caller may see it. Fails 404 else. */
bool volume_get(struct call *call, const char *id, struct volume_info *ret_volume);

/* Makes a volume for a server's disk. At most one source; its bytes come by a task of volume. */
struct volume_new {
    const char *name, *project_id, *user_id, *type;     /* type null: the default */
    const char *image_id, *snapshot_id, *source_volume_id;
    int64_t size;                       /* GiB */
    const char *zone;
};
bool volume_create(struct call *call, const struct volume_new *new_volume, const char **ret_id);

/* The volume is to be attached to a server: "available" (or in use with multiattach) becomes "reserved", and an
 * attachment is made. Fails 400 when its status does not allow it. 'ret_attachment' is its id. */
bool volume_reserve(struct call *call, const char *id, const char *server_id, const char **ret_attachment);
/* The hypervisor has it: "in-use". */
bool volume_attached(struct call *call, const char *attachment_id, const char *host, const char *device);
/* It is being detached ("detaching"); and it is gone from the server ("available"). Absent is success. */
bool volume_detaching(struct call *call, const char *id, const char *server_id);
bool volume_detached(struct call *call, const char *id, const char *server_id);
/* It could not be detached: "in-use" again. */
bool volume_still_attached(struct call *call, const char *id, const char *server_id);

/* Snapshots of a server's volumes, for images of servers that boot from volume. */
bool volume_snapshot(struct call *call, const char *id, const char *name, const char **ret_snapshot);
/* Removes a volume whatever uses it (delete_on_termination). Absent is success. */
bool volume_remove(struct call *call, const char *id);
