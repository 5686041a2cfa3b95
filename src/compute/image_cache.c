/* SPDX-License-Identifier: Apache-2.0
 * Images as raw bytes, converted once per host. The image is a tenant's bytes: it is looked at and converted by
 * qemu-img as a user without rights, in a directory of its own, with its format named instead of guessed, and only when
 * it refers to no other file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
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
#include "compute/disks.h"
#include "compute/document.h"

LOG_MODULE("compute.images");

enum { STRIPES = 16, INFO_MILLISECONDS = 30000 };

static const size_t tool_memory = (size_t)4 << 30;      /* address space, mostly stacks of its threads */
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

/* Runs qemu-img as nobody, in the group that may read the image. */
static bool run_unprivileged(struct work *work, const char *const *argv, gid_t gid, int timeout_ms,
                             struct run_result *ret_result) {
    static const char *const env[] = {"MALLOC_ARENA_MAX=1", NULL};
    struct passwd *nobody = geteuid() ? NULL : getpwnam("nobody");

    return run_program(work->arena,
                       &(struct run){
                           .argv = argv,
                           .env = env,
                           .timeout_ms = timeout_ms,
                           .uid = nobody ? nobody->pw_uid : 0,
                           .gid = gid,
                           .max_memory = tool_memory,
                       },
                       ret_result);
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

static bool image_inspect(struct work *work, const struct server_image *image, gid_t gid) {
    const char *error = NULL, *reference;
    struct run_result result;
    const struct json *info;

    if (!run_unprivileged(work,
                          (const char *const[]){"qemu-img", "info", "--output=json", "-f", qemu_format(image->format),
                                                image->path, NULL},
                          gid, INFO_MILLISECONDS, &result)) {
        return work_fail(work, "image %s is unacceptable: not readable as %s: %s", image->id, image->format,
                         result.errors);
    }
    info = json_parse(work->arena, result.output, result.output_size, &error);
    reference = info ? reference_of(info) : error;
    if (reference) {
        return work_fail(work, "image %s is unacceptable: %s", image->id, reference);
    }
    return true;
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

static bool image_convert(struct work *work, const struct server_image *image, gid_t gid, const char *to) {
    struct run_result result;

    if (!run_unprivileged(work,
                          (const char *const[]){"qemu-img", "convert", "-f", qemu_format(image->format), "-O", "raw",
                                                image->path, to, NULL},
                          gid, milliseconds_left(work), &result)) {
        return work_fail(work, "image %s is unacceptable: unable to convert to raw: %s", image->id, result.errors);
    }
    return true;
}

/* The conversion's own directory, the only place where its user may write. */
static const char *scratch_make(struct work *work, const char *base) {
    char *scratch = arena_printf(work->arena, "%s/new-XXXXXX", base);
    struct passwd *nobody = getpwnam("nobody");

    if (!mkdtemp(scratch)) {
        work_fail(work, "cannot make a directory in %s: %s", base, strerror(errno));
        return NULL;
    }
    if (!geteuid() && nobody && chown(scratch, nobody->pw_uid, nobody->pw_gid)) {
        log_warn("cannot give %s away: %s", scratch, strerror(errno));
    }
    return scratch;
}

static bool cached_make(struct work *work, const struct server_image *image, const char *base, const char *cached) {
    const char *scratch, *raw;
    gid_t gid = 0;
    bool ok;

    if (!image_group(work, image, &gid) || !image_inspect(work, image, gid) || !(scratch = scratch_make(work, base))) {
        return false;
    }
    raw = arena_printf(work->arena, "%s/raw", scratch);
    ok = image_convert(work, image, gid, raw);
    if (ok && ((geteuid() == 0 && chown(raw, 0, 0)) || chmod(raw, 0644) || rename(raw, cached))) {
        ok = work_fail(work, "image %s: cannot keep %s: %s", image->id, cached, strerror(errno));
    }
    tree_remove(scratch);
    return ok;
}

bool image_link(struct work *work, const struct server_image *image, const char *path) {
    const char *base = server_path(work->arena, work->host, "_base", NULL);
    const char *cached = arena_printf(work->arena, "%s/%s", base, image->id);
    pthread_mutex_t *mine = &stripes[map_hash(image->id, strlen(image->id)) % STRIPES];
    bool ok = true;

    pthread_mutex_lock(mine);
    unlink(path);
    if (link(cached, path)) {
        ok = cached_make(work, image, base, cached);
        if (ok && link(cached, path)) {
            ok = work_fail(work, "image %s: cannot link %s: %s", image->id, path, strerror(errno));
        }
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
