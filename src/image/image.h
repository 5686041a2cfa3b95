/* SPDX-License-Identifier: Apache-2.0
 * What the other services may ask of image. All inside the caller's transaction. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rest/service.h"

/* Image's entry in the table of services. */
extern const struct service image;

struct image_info {
    const char *id, *name, *status, *owner, *visibility;
    const char *disk_format, *container_format;     /* as labelled */
    const char *format;                             /* of the bytes, as inspected: what tools are told */
    int64_t size, virtual_size;                     /* bytes; the size of the disk that it holds */
    int64_t min_disk, min_ram;                      /* GiB, MiB */
    const char *properties;                         /* JSON map of the further properties (hw_..., os_..., img_...) */
    const char *path;                               /* of the bytes; null while there are none */
    const char *checksum;
    int64_t created_at, updated_at;
};

/* The image, when the caller may see it. Fails 404 else. */
bool image_get(struct call *call, const char *id, struct image_info *ret_image);

/* Makes an image that is being written ("queued"), for a snapshot of a server or a volume. 'properties' JSON map or null.
 * 'ret_path' is where the bytes are to be put by the host's agent. */
struct image_new {
    const char *name, *owner, *visibility;          /* visibility null: private */
    const char *disk_format, *container_format;     /* container null: bare */
    int64_t min_disk, min_ram;
    const char *properties;
};
bool image_create(struct call *call, const struct image_new *new_image, const char **ret_id, const char **ret_path);

/* The bytes are there: 'size' and 'virtual_size' bytes; the image becomes active. Checksums are computed by a task of the
 * image service. Size 0: the image has no bytes of its own (it names snapshots). */
bool image_written(struct call *call, const char *id, int64_t size, int64_t virtual_size);

/* Removes the image (a snapshot that failed). Absent is success. */
bool image_remove(struct call *call, const char *id);
