/* SPDX-License-Identifier: Apache-2.0
 * Making, keeping and removing the local files of servers. */
#include "compute/disks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/run.h"
#include "bus/work.h"
#include "compute/config_drive.h"
#include "compute/document.h"
#include "compute/files.h"
#include "compute/image_cache.h"

LOG_MODULE("compute.disks");

const char disk_kept_name[] = "before-resize";

/* Others may pass through a directory, but not look into it. */
static bool directory_make(const char *path) {
    return (!mkdir(path, 0711) || errno == EEXIST) && !chmod(path, 0711);
}

bool disks_prepare(const struct host *host) {
    struct arena *arena = arena_new(0);
    bool ok = directory_make(arena_printf(arena, "%s/instances", host->data))
              && directory_make(server_path(arena, host, "_base", NULL));

    arena_free(arena);
    return ok;
}

/* Runs a program on a disk that a hypervisor has written: what a guest may have brought it to write there is read by a user
 * without rights, who has the file for that long and sees the server's own files only. 'to' is a file that it writes
 * besides, or null. Whoever has the disk next is given it by libvirt. */
static bool disk_tool(struct work *work, const char *path, const char *to, const char *const *argv,
                      struct run_result *ret_result) {
    const char *const reads[] = {server_path(work->arena, work->host, work->id, NULL), NULL}, *const writes[] = {path, to, NULL};
    bool ok = (run_give_to_nobody(path) && (!to || run_give_to_nobody(to)))
              || work_fail(work, "server %s: cannot hand over %s: %s", work->id, path, strerror(errno));

    ok = ok && run_in_time(work, (struct run){.argv = argv, .confined = RUN_AS_NOBODY, .reads = reads, .writes = writes},
                           ret_result);
    if (!geteuid() && chown(path, 0, 0)) {
        log_warn("cannot take back %s: %s", path, strerror(errno));
    }
    return ok;
}
#define DISK_TOOL(work, path, result, ...) \
    disk_tool((work), (path), NULL, (const char *const[]){__VA_ARGS__, NULL}, (result))

/* A file that was made under another name: only its owner, whom libvirt chooses, reads it. */
static bool file_settle(struct work *work, const char *partial, const char *path) {
    return (!chmod(partial, 0600) && !rename(partial, path))
           || work_fail(work, "server %s: cannot make %s: %s", work->id, path, strerror(errno));
}

const char *disk_path(struct work *work, const struct server_disk *disk) {
    switch (disk->source) {
    case DISK_IMAGE:
        return server_path(work->arena, work->host, work->id, disk->cdrom ? "base" : "disk");
    case DISK_BLANK:
    case DISK_SWAP:
        return server_path(work->arena, work->host, work->id, arena_printf(work->arena, "disk.%s", disk->device));
    case DISK_VOLUME:
        break;
    }
    return NULL;
}

static const char *size_text(struct work *work, int64_t bytes) {
    return arena_printf(work->arena, "%lld", (long long)bytes);
}

/* Bytes that the root disk should have, 0 when it should be as large as its image. */
static int64_t root_size(const struct server *server, const struct server_disk *disk) {
    return disk && disk->size ? disk->size : server->root << 30;
}

/* A qcow2 over the raw file 'base_name' in the same directory. */
static bool overlay_make(struct work *work, const struct server_image *image, const char *path, const char *base_name,
                         int64_t size) {
    const char *base = server_path(work->arena, work->host, work->id, base_name);
    const char *partial = path_partial(work->arena, path);
    struct stat st;

    if (!image_link(work, image, base, size)) {
        return false;
    }
    if (stat(base, &st)) {
        return work_fail(work, "server %s: cannot find %s: %s", work->id, base, strerror(errno));
    }
    return TOOL(work, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base_name, "-F", "raw", partial,
                size_text(work, size ? size : st.st_size))
           && file_settle(work, partial, path);
}

/* A local disk with an empty file system or swap area, by way of a sparse raw file. */
static bool blank_make(struct work *work, const struct server_disk *disk, const char *path) {
    const char *raw = arena_printf(work->arena, "%s.raw", path), *partial = path_partial(work->arena, path);
    int fd = open(raw, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && !ftruncate(fd, disk->size);

    if (fd >= 0) {
        close(fd);
    }
    if (!ok) {
        work_fail(work, "server %s: cannot make disk %s: %s", work->id, disk->device, strerror(errno));
    }
    ok = ok
         && (disk->source == DISK_SWAP ? TOOL(work, "mkswap", "-q", raw)
                                       : TOOL(work, "mkfs.ext4", "-q", "-F", "-L", "ephemeral0", raw))
         && TOOL(work, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, partial)
         && file_settle(work, partial, path);
    unlink(raw);
    return ok;
}

static bool disk_make(struct work *work, const struct server *server, const struct server_disk *disk) {
    const char *path = disk_path(work, disk);

    if (!path || !access(path, F_OK)) {
        return true;
    }
    if (disk->source != DISK_IMAGE) {
        return blank_make(work, disk, path);
    }
    if (!server->image.id) {
        return work_fail(work, "server %s: disk %s has no image", work->id, disk->device);
    }
    return disk->cdrom ? image_link(work, &server->image, path, 0)
                       : overlay_make(work, &server->image, path, "base", root_size(server, disk));
}

static bool rescue_make(struct work *work, const struct server *server) {
    const char *path = server_path(work->arena, work->host, work->id, "disk.rescue");

    if (!server->rescue.id) {
        return (!unlink(path) || errno == ENOENT)
               && (!unlink(server_path(work->arena, work->host, work->id, "base.rescue")) || errno == ENOENT);
    }
    return !access(path, F_OK) || overlay_make(work, &server->rescue, path, "base.rescue", 0);
}

bool disks_make(struct work *work, const struct server *server) {
    const char *directory = server_path(work->arena, work->host, work->id, NULL);

    if (!directory_make(directory)) {
        return work_fail(work, "server %s: cannot make %s: %s", work->id, directory, strerror(errno));
    }
    for (int i = 0; i < server->disk_count; i++) {
        if (!disk_make(work, server, &server->disks[i])) {
            return work_fail(work, "server %s: cannot make disk %s", work->id, server->disks[i].device);
        }
    }
    return (!server->config_drive || config_drive_make(work, server)) && rescue_make(work, server);
}

bool disks_discard(struct work *work, const struct server *server) {
    bool ok = true;

    for (int i = 0; i < server->disk_count; i++) {
        const char *path = disk_path(work, &server->disks[i]);

        ok = (!path || !unlink(path) || errno == ENOENT) && ok;
    }
    ok = (!unlink(server_path(work->arena, work->host, work->id, "disk.config")) || errno == ENOENT) && ok;
    return ok || work_fail(work, "server %s: cannot remove its disks: %s", work->id, strerror(errno));
}

bool disks_remove(struct work *work) {
    const char *directory = server_path(work->arena, work->host, work->id, NULL);

    return tree_remove(directory)
           || work_fail(work, "server %s: cannot remove %s: %s", work->id, directory, strerror(errno));
}

/* What qemu-img tells of one of our own qcow2 files; null after work_fail. */
static const struct json *disk_info(struct work *work, const char *path) {
    const char *error = NULL;
    struct run_result result;
    const struct json *info = NULL;

    if (DISK_TOOL(work, path, &result, "qemu-img", "info", "-f", "qcow2", "--output=json", path)) {
        info = json_parse(work->arena, result.output, result.output_size, &error);
    }
    if (error) {
        work_fail(work, "server %s: cannot inspect %s: %s", work->id, path, error);
    }
    return info;
}

static bool disk_has_kept(const struct json *info) {
    for (JSON_EACH(snapshot, json_get(info, "snapshots"))) {
        const char *name = json_get_text(snapshot, "name");

        if (name && !strcmp(name, disk_kept_name)) {
            return true;
        }
    }
    return false;
}

static bool disk_tell(struct work *work, const char *path, const char *option) {
    struct run_result result;

    return DISK_TOOL(work, path, &result, "qemu-img", "snapshot", option, disk_kept_name, path);
}

/* Calls 'each' on every local disk that can be written. */
static bool disks_each(struct work *work, const struct server *server,
                       bool (*each)(struct work *, const struct server *, const struct server_disk *, const char *)) {
    for (int i = 0; i < server->disk_count; i++) {
        const struct server_disk *disk = &server->disks[i];
        const char *path = disk->cdrom ? NULL : disk_path(work, disk);

        if (path && !access(path, F_OK) && !each(work, server, disk, path)) {
            return false;
        }
    }
    return true;
}

static bool disk_keep(struct work *work, const struct server *server, const struct server_disk *disk,
                      const char *path) {
    const struct json *info = disk_info(work, path);

    return info && (disk_has_kept(info) || disk_tell(work, path, "-c"));
}

static bool disk_grow(struct work *work, const struct server *server, const struct server_disk *disk,
                      const char *path) {
    const struct json *info = disk_info(work, path);
    int64_t want = disk->source == DISK_IMAGE ? root_size(server, disk) : disk->size;
    struct run_result result;

    return info
           && (json_get_int(info, "virtual-size", 0) >= want
               || DISK_TOOL(work, path, &result, "qemu-img", "resize", "-q", "-f", "qcow2", path, size_text(work, want)));
}

static bool disk_forget(struct work *work, const struct server *server, const struct server_disk *disk,
                        const char *path) {
    const struct json *info = disk_info(work, path);

    return info && (!disk_has_kept(info) || disk_tell(work, path, "-d"));
}

static bool disk_go_back(struct work *work, const struct server *server, const struct server_disk *disk,
                         const char *path) {
    const struct json *info = disk_info(work, path);

    return info && (!disk_has_kept(info) || disk_tell(work, path, "-a"));
}

bool disks_keep(struct work *work, const struct server *server) {
    return disks_each(work, server, disk_keep);
}

bool disks_grow(struct work *work, const struct server *server) {
    return disks_each(work, server, disk_grow);
}

bool disks_forget(struct work *work, const struct server *server, bool go_back) {
    return (!go_back || disks_each(work, server, disk_go_back)) && disks_each(work, server, disk_forget);
}

bool disk_export(struct work *work, const char *from, const char *to, const char *format) {
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct run_result result;

    if (fd < 0 || close(fd)) {
        return work_fail(work, "server %s: cannot make %s: %s", work->id, to, strerror(errno));
    }
    return disk_tool(work, from, to,
                     (const char *const[]){"qemu-img", "convert", "-f", "qcow2", "-O", format, from, to, NULL}, &result);
}

bool disk_deliver(struct work *work, const char *path, const char *format) {
    struct run_result result;
    const struct json *info;
    const char *error = NULL;
    struct stat st;

    if (stat(path, &st)
        || !DISK_TOOL(work, path, &result, "qemu-img", "info", "-f", format, "--output=json", path)
        || !file_give(work, path)) {
        return work_fail(work, "server %s: cannot inspect %s", work->id, path);
    }
    info = json_parse(work->arena, result.output, result.output_size, &error);
    json_put_int(&work->result, "size", st.st_size);
    json_put_int(&work->result, "virtual_size", json_get_int(info, "virtual-size", st.st_size));
    return true;
}
