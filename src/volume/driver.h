/* SPDX-License-Identifier: Apache-2.0
 * What keeps the bytes of volumes on a host. A driver knows disks by name, "volume-ID" and "snapshot-ID", both the same
 * to it: a snapshot is a whole disk of its own.
 *
 * Every function may be called again after any failure or restart, and is success when what it should bring about is
 * there already. A disk that exists is whole: it is made under another name first. Functions may block; those of one
 * disk are called one at a time. They report by work_fail. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "bus/agent.h"

struct volume_spec {
    const char *name;
    int64_t size;                       /* bytes */
    const char *from;                   /* a copy of this disk, which may be in use; null: not one */
    const char *image, *format;         /* of this image file, whose content has that format; null: not of one */
};

struct volume_driver {
    const char *name;                   /* [volume] driver */

    /* Makes the host ready. False when it cannot be; logged. Required. */
    bool (*start)(const struct host *host);

    /* How much room there is, in GiB. Required. */
    bool (*capacity)(const struct host *host, double *ret_total, double *ret_free);

    /* Calls put(user, name) for each disk of ours that is whole. Required. */
    bool (*list)(struct work *work, void (*put)(void *user, const char *name), void *user);

    /* Makes a disk: blank (zeros), a copy of another one or of an image; larger than its source, the rest is zeros.
     * Fails when the source is not there or is larger than the disk. Required. */
    bool (*make)(struct work *work, const struct volume_spec *spec);

    /* Removes a disk; absent is success. Required. */
    bool (*remove)(struct work *work, const char *name);

    /* Grows a disk to 'size' bytes, also while it is in use; it never shrinks. Fails when it is absent. Required. */
    bool (*extend)(struct work *work, const char *name, int64_t size);

    /* Writes members of an open map that say how a hypervisor of this host opens the disk: path and format. Required. */
    bool (*connect)(struct work *work, const char *name, struct json_out *out);

    /* Writes the disk, which may be in use, to the file 'path' in an image format and gives the file to the owner of its
     * directory; its size in bytes and that of the disk in it. Required. */
    bool (*export)(struct work *work, const char *name, const char *path, const char *format, int64_t *ret_size,
                   int64_t *ret_virtual_size);
};

extern const struct volume_driver volume_driver_file, volume_driver_fake;

/* The agent's side of the service. */
extern const struct work_kind volume_work[];
extern const struct agent_service volume_agent_service;
/* Starts the driver that the configuration names: [volume] driver, "file" unless told otherwise. */
bool volume_agent_start(const struct host *host);
