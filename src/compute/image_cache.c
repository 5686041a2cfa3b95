/* SPDX-License-Identifier: Apache-2.0
 * Images as raw bytes, converted once per host. The image is a tenant's bytes: it is looked at and converted by
 * qemu-img as a user without rights, in a directory of its own, with its format named instead of guessed, and only when
 * it refers to no other file. */
#include "compute/image_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/run.h"
#include "bus/work.h"
#include "compute/document.h"
#include "compute/files.h"

LOG_MODULE("compute.images");

enum { STRIPES = 16, INFO_MILLISECONDS = 30000 };

static pthread_mutex_t stripes[STRIPES] = {[0 ... STRIPES - 1] = PTHREAD_MUTEX_INITIALIZER};

/* The format's name in qemu-img. */
static const char *qemu_format(const char *format) {
    static const char *const bytes[] = {"iso", "ami", "ari", "aki"};

    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        if (!strcmp(format, bytes[i])) {
            return "raw";
        }
    }
    return !strcmp(format, "vhd") ? "vpc" : format;
}

static int milliseconds_left(struct work *work) {
    int64_t left = work->deadline ? (work->deadline - clock_monotonic()) / 1000 : 3600 * 1000;

    return left < 1 ? 1 : left > 24 * 3600 * 1000 ? 24 * 3600 * 1000 : (int)left;
}

/* What of an image would make a tool open other files: refused, whatever they are. */
static const char *reference_of(const struct json *info) {
    const struct json *data = json_get(json_get(info, "format-specific"), "data");
    const char *vmdk = json_get_text(data, "create-type");

    if (json_get(info, "backing-filename") || json_get(info, "full-backing-filename")) {
        return "a backing file";
    }
    if (json_get(data, "data-file")) {
        return "an external data file";
    }
    if (vmdk && strcmp(vmdk, "monolithicSparse") != 0 && strcmp(vmdk, "streamOptimized") != 0) {
        return "a VMDK type with extents in other files";
    }
    return NULL;
}

static bool image_too_large(struct work *work, const struct server_image *image, int64_t size, int64_t most) {
    return work_fail(work, "image %s of %lld bytes is larger than the flavor's root disk of %lld bytes", image->id,
                     (long long)size, (long long)most);
}

/* Tells how large the disk in the image is; refuses one of more than 'most' bytes (0: any) before a byte of it is made. */
static bool image_inspect(struct work *work, const struct server_image *image, gid_t gid, int64_t most,
                          int64_t *ret_size) {
    const char *error = NULL, *reference;
    const char *const argv[] = {"qemu-img", "info", "--output=json", "-f", qemu_format(image->format), image->path, NULL};
    struct run_result result;
    const struct json *info;

    if (!run_program(work->arena, &(struct run){.argv = argv, .timeout_ms = INFO_MILLISECONDS,
                                                .confined = RUN_AS_NOBODY, .gid = gid,
                                                .reads = (const char *const[]){image->path, NULL}}, &result)) {
        return work_fail(work, "image %s is unacceptable: not readable as %s: %s", image->id, image->format,
                         result.errors);
    }
    info = json_parse(work->arena, result.output, result.output_size, &error);
    reference = info ? reference_of(info) : error;
    if (reference) {
        return work_fail(work, "image %s is unacceptable: %s", image->id, reference);
    }
    *ret_size = json_get_int(info, "virtual-size", 0);
    return (!most || *ret_size <= most) || image_too_large(work, image, *ret_size, most);
}

/* The image's file, readable by a group that is not ours to choose. */
static bool image_group(struct work *work, const struct server_image *image, gid_t *ret_gid) {
    struct stat st;

    if (!image->path) {
        return work_fail(work, "image %s does not exist any more", image->id);
    }
    if (stat(image->path, &st)) {
        return work_fail(work, "image %s: cannot find %s: %s", image->id, image->path, strerror(errno));
    }
    if (S_ISREG(st.st_mode) && !(st.st_mode & (S_IRGRP | S_IROTH)) && chmod(image->path, st.st_mode | S_IRGRP)) {
        return work_fail(work, "image %s: cannot make %s readable: %s", image->id, image->path, strerror(errno));
    }
    *ret_gid = st.st_gid;
    return true;
}

static bool image_convert(struct work *work, const struct server_image *image, gid_t gid, int64_t size,
                          const char *scratch, const char *raw) {
    const char *const argv[] = {"qemu-img", "convert", "-f", qemu_format(image->format), "-O", "raw", image->path, raw, NULL};
    struct run_result result;

    return run_program(work->arena, &(struct run){.argv = argv, .timeout_ms = milliseconds_left(work),
                                                  .confined = RUN_AS_NOBODY, .gid = gid, .max_file = (uint64_t)size + 65536,
                                                  .reads = (const char *const[]){image->path, NULL},
                                                  .writes = (const char *const[]){scratch, NULL}},
                       &result)
           || work_fail(work, "image %s is unacceptable: unable to convert to raw: %s", image->id, result.errors);
}

/* The conversion's own directory, the only place where its user may write. */
static const char *scratch_make(struct work *work, const char *base) {
    char *scratch = arena_printf(work->arena, "%s/new-XXXXXX", base);

    if (!mkdtemp(scratch) || !run_give_to_nobody(scratch)) {
        work_fail(work, "cannot make a directory in %s: %s", base, strerror(errno));
        return NULL;
    }
    return scratch;
}

static bool cached_make(struct work *work, const struct server_image *image, const char *base, const char *cached,
                        int64_t most) {
    const char *scratch, *raw;
    int64_t size = 0;
    gid_t gid = 0;
    bool ok;

    if (!image_group(work, image, &gid) || !image_inspect(work, image, gid, most, &size)
        || !(scratch = scratch_make(work, base))) {
        return false;
    }
    raw = arena_printf(work->arena, "%s/raw", scratch);
    ok = image_convert(work, image, gid, size, scratch, raw);
    if (ok && ((geteuid() == 0 && chown(raw, 0, 0)) || chmod(raw, 0644) || rename(raw, cached))) {
        ok = work_fail(work, "image %s: cannot keep %s: %s", image->id, cached, strerror(errno));
    }
    tree_remove(scratch);
    return ok;
}

bool image_link(struct work *work, const struct server_image *image, const char *path, int64_t most) {
    const char *base = server_path(work->arena, work->host, "_base", NULL);
    const char *cached = arena_printf(work->arena, "%s/%s", base, image->id);
    pthread_mutex_t *mine = &stripes[map_hash(image->id, strlen(image->id)) % STRIPES];
    struct stat st;
    bool ok = true;

    pthread_mutex_lock(mine);
    unlink(path);
    if (link(cached, path)) {
        ok = cached_make(work, image, base, cached, most);
        if (ok && link(cached, path)) {
            ok = work_fail(work, "image %s: cannot link %s: %s", image->id, path, strerror(errno));
        }
    }
    if (ok && most && !stat(path, &st) && st.st_size > most) {
        ok = image_too_large(work, image, st.st_size, most);
    }
    pthread_mutex_unlock(mine);
    return ok;
}

static void cached_prune(struct arena *arena, const char *base, const char *name, int64_t before) {
    const char *path = arena_printf(arena, "%s/%s", base, name);
    pthread_mutex_t *mine = &stripes[map_hash(name, strlen(name)) % STRIPES];
    struct stat st;

    pthread_mutex_lock(mine);
    if (name[0] != '.' && !lstat(path, &st) && st.st_ctime < before) {
        bool conversion_died = S_ISDIR(st.st_mode);

        if (conversion_died) {
            tree_remove(path);
        } else if (st.st_nlink == 1 && !unlink(path)) {
            log_info("image %s is out of use: removed from the cache", name);
        }
    }
    pthread_mutex_unlock(mine);
}

void image_cache_prune(const struct host *host, int64_t seconds) {
    struct arena *arena = arena_new(0);
    const char *base = server_path(arena, host, "_base", NULL);
    DIR *dir = opendir(base);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        cached_prune(arena, base, entry->d_name, clock_now() / SECOND - seconds);
    }
    if (dir) {
        closedir(dir);
    }
    arena_free(arena);
}
