/* SPDX-License-Identifier: Apache-2.0
 * Volumes as sparse raw files: DATA/volumes/volume-ID and snapshot-ID. Raw, so that one that is in use can be copied: its
 * copy is what a disk is after a power failure where the file system shares blocks, and nearly so elsewhere (what is
 * written during the copy may be in it or not). What is being made has the ending ".new". */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/run.h"
#include "volume/driver.h"
#include "volume/files.h"

LOG_MODULE("volume.file");

#define SCRATCH "convert-"

static const double gib = 1 << 30;

static const char *path_of(struct work *work, const char *name) {
    return arena_printf(work->arena, "%s/volumes/%s", work->host->data, name);
}

/* What a conversion that was killed left: none runs yet. */
static void scratches_remove(const char *folder) {
    DIR *all = opendir(folder);
    const struct dirent *entry;

    while (all && (entry = readdir(all))) {
        int scratch = !strncmp(entry->d_name, SCRATCH, strlen(SCRATCH))
                          ? openat(dirfd(all), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

        if (scratch >= 0) {
            unlinkat(scratch, "raw", 0);
            close(scratch);
            unlinkat(dirfd(all), entry->d_name, AT_REMOVEDIR);
        }
    }
    if (all) {
        closedir(all);
    }
}

static bool file_start(const struct host *host) {
    char path[4096];

    snprintf(path, sizeof path, "%s/volumes", host->data);
    if (mkdir(path, 0711) && errno != EEXIST) {
        log_error("cannot make %s: %s", path, strerror(errno));
        return false;
    }
    scratches_remove(path);
    return true;
}

static bool file_capacity(const struct host *host, double *ret_total, double *ret_free) {
    struct statvfs st;
    char path[4096];

    snprintf(path, sizeof path, "%s/volumes", host->data);
    if (statvfs(path, &st)) {
        return false;
    }
    *ret_total = (double)st.f_blocks * (double)st.f_frsize / gib;
    *ret_free = (double)st.f_bavail * (double)st.f_frsize / gib;
    return true;
}

static int milliseconds_left(const struct work *work) {
    int64_t left = work->deadline ? (work->deadline - clock_monotonic()) / 1000 : 3600 * 1000;

    return left < 1 ? 1 : left > 24 * 3600 * 1000 ? 24 * 3600 * 1000 : (int)left;
}

/* ---- images into volumes ---- */

/* The format's name in qemu-img. */
static const char *qemu_format(const char *format) {
    return !strcmp(format, "vhd") ? "vpc" : !strcmp(format, "iso") ? "raw" : format;
}

/* A directory where only nobody may write: qemu-img reads a tenant's bytes there without rights. */
static const char *scratch_make(struct work *work) {
    char *path = arena_printf(work->arena, "%s/volumes/" SCRATCH "XXXXXX", work->host->data);

    if (!mkdtemp(path) || !run_give_to_nobody(path)) {
        work_fail(work, "cannot make %s: %s", path, strerror(errno));
        return NULL;
    }
    return path;
}

static bool convert(struct work *work, const struct volume_spec *spec, const char *scratch, const char *raw) {
    const char *const argv[] = {"qemu-img", "convert", "-f", qemu_format(spec->format), "-O", "raw", spec->image, raw, NULL};
    struct run_result result;
    struct stat st;

    if (stat(spec->image, &st)) {
        return work_fail(work, "cannot find %s: %s", spec->image, strerror(errno));
    }
    return run_program(work->arena, &(struct run){.argv = argv, .timeout_ms = milliseconds_left(work),
                                                  .confined = RUN_AS_NOBODY, .gid = st.st_gid,
                                                  .max_file = (uint64_t)spec->size,
                                                  .reads = (const char *const[]){spec->image, NULL},
                                                  .writes = (const char *const[]){scratch, NULL}}, &result) ||
           work_fail(work, "image is unacceptable: not readable as %s: %s", spec->format, result.errors);
}

static bool take_converted(struct work *work, const struct volume_spec *spec, const char *raw, const char *to) {
    struct stat st;

    if (lstat(raw, &st) || !S_ISREG(st.st_mode)) {
        return work_fail(work, "the image was not converted");
    }
    if (st.st_size > spec->size) {
        return work_fail(work, "the image's disk has %lld bytes, more than the volume", (long long)st.st_size);
    }
    return (!rename(raw, to) && !chown(to, geteuid(), getegid()) && !chmod(to, 0600) && !truncate(to, spec->size)) ||
           work_fail(work, "cannot keep %s: %s", to, strerror(errno));
}

static bool make_converted(struct work *work, const struct volume_spec *spec, const char *to) {
    const char *scratch = scratch_make(work), *raw;
    bool ok;

    if (!scratch) {
        return false;
    }
    raw = arena_printf(work->arena, "%s/raw", scratch);
    ok = convert(work, spec, scratch, raw) && take_converted(work, spec, raw, to);
    unlink(raw);
    rmdir(scratch);
    return ok;
}

/* ---- the driver ---- */

static bool put_in_place(struct work *work, const char *draft, const char *path) {
    if (rename(draft, path)) {
        return work_fail(work, "cannot make %s: %s", path, strerror(errno));
    }
    directory_sync(path);
    return true;
}

static bool file_make(struct work *work, const struct volume_spec *spec) {
    const char *path = path_of(work, spec->name), *draft = arena_printf(work->arena, "%s.new", path);
    bool plain = spec->image && (!strcmp(spec->format, "raw") || !strcmp(spec->format, "iso"));
    const char *from = spec->from ? path_of(work, spec->from) : plain ? spec->image : NULL;
    bool ok;

    if (!access(path, F_OK)) {
        return true;
    }
    ok = spec->image && !plain ? make_converted(work, spec, draft) : file_copy(work, from, draft, spec->size);
    return ok && put_in_place(work, draft, path);
}

static bool file_remove(struct work *work, const char *name) {
    const char *path = path_of(work, name);

    if (unlink(path) && errno != ENOENT) {
        return work_fail(work, "cannot remove %s: %s", path, strerror(errno));
    }
    unlink(arena_printf(work->arena, "%s.new", path));
    directory_sync(path);
    return true;
}

static bool file_extend(struct work *work, const char *name, int64_t size) {
    const char *path = path_of(work, name);
    struct stat st;

    if (stat(path, &st)) {
        return work_fail(work, "cannot find %s: %s", path, strerror(errno));
    }
    return st.st_size >= size || !truncate(path, size) || work_fail(work, "cannot grow %s: %s", path, strerror(errno));
}

static bool file_connect(struct work *work, const char *name, struct json_out *out) {
    json_put_text(out, "path", path_of(work, name));
    json_put_text(out, "format", "raw");
    return true;
}

static bool file_list(struct work *work, void (*put)(void *user, const char *name), void *user) {
    return directory_list(arena_printf(work->arena, "%s/volumes", work->host->data), put, user) ||
           work_fail(work, "the volumes cannot be listed: %s", strerror(errno));
}

/* ---- volumes into images ---- */

/* As ourselves: nobody else may open a volume, whose bytes are not understood here but copied. */
static bool write_format(struct work *work, const char *path, const char *draft, const char *format) {
    const char *const argv[] = {"qemu-img", "convert", "-U", "-f", "raw", "-O", qemu_format(format), path, draft, NULL};
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct run_result result = {.errors = strerror(errno)};

    return (fd >= 0 && !close(fd) &&
            run_program(work->arena, &(struct run){.argv = argv, .timeout_ms = milliseconds_left(work),
                                                   .confined = RUN_AS_SELF,
                                                   .reads = (const char *const[]){path, NULL},
                                                   .writes = (const char *const[]){draft, NULL}}, &result)) ||
           work_fail(work, "cannot write %s as %s: %s", path, format, result.errors);
}

static bool file_export(struct work *work, const char *name, const char *path, const char *format, int64_t *ret_size,
                        int64_t *ret_virtual_size) {
    const char *from = path_of(work, name), *draft = path_of(work, arena_printf(work->arena, "%s.image.new", name));
    struct stat disk, file;
    bool ok;

    if (stat(from, &disk)) {
        return work_fail(work, "cannot find %s: %s", from, strerror(errno));
    }
    ok = !strcmp(format, "raw") ? file_copy(work, from, draft, disk.st_size) : write_format(work, from, draft, format);
    if (ok && stat(draft, &file)) {
        ok = work_fail(work, "cannot find %s: %s", draft, strerror(errno));
    }
    ok = ok && file_deliver(work, draft, path);
    if (!ok) {
        unlink(draft);
        return false;
    }
    *ret_size = file.st_size;
    *ret_virtual_size = disk.st_size;
    return true;
}

const struct volume_driver volume_driver_file = {
    .name = "file",
    .start = file_start,
    .capacity = file_capacity,
    .list = file_list,
    .make = file_make,
    .remove = file_remove,
    .extend = file_extend,
    .connect = file_connect,
    .export = file_export,
};
