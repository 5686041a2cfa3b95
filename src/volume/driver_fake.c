/* SPDX-License-Identifier: Apache-2.0
 * Volumes without bytes: DATA/volumes-fake/HOST/NAME is an empty file of the volume's size, all hole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "volume/driver.h"
#include "volume/files.h"

static const char *path_of(struct work *work, const char *name) {
    return arena_printf(work->arena, "%s/volumes-fake/%s/%s", work->host->data, work->host->name, name);
}

static bool directories_make(const struct host *host) {
    char path[4096];

    snprintf(path, sizeof path, "%s/volumes-fake", host->data);
    if (mkdir(path, 0711) && errno != EEXIST) {
        return false;
    }
    snprintf(path, sizeof path, "%s/volumes-fake/%s", host->data, host->name);
    return !mkdir(path, 0711) || errno == EEXIST;
}

static bool fake_start(const struct host *host) {
    return directories_make(host);
}

static bool fake_capacity(const struct host *host, double *ret_total, double *ret_free) {
    *ret_total = *ret_free = 10000;
    return directories_make(host);
}

static bool fake_list(struct work *work, void (*put)(void *user, const char *name), void *user) {
    return directory_list(path_of(work, ""), put, user) || work_fail(work, "the volumes cannot be listed: %s", strerror(errno));
}

static bool fake_make(struct work *work, const struct volume_spec *spec) {
    const char *path = path_of(work, spec->name), *draft = arena_printf(work->arena, "%s.new", path);
    struct stat st;
    int fd;

    if (spec->from && (stat(path_of(work, spec->from), &st) || st.st_size > spec->size)) {
        return work_fail(work, "the source %s is not there, or larger", spec->from);
    }
    if (spec->image && (stat(spec->image, &st) || (!strcmp(spec->format, "raw") && st.st_size > spec->size))) {
        return work_fail(work, "the image %s is not there, or larger", spec->image);
    }
    if (!access(path, F_OK)) {
        return true;
    }
    fd = open(draft, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, spec->size) || rename(draft, path)) {
        work_fail(work, "cannot make %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return !work->error;
}

static bool fake_remove(struct work *work, const char *name) {
    const char *path = path_of(work, name);

    unlink(arena_printf(work->arena, "%s.new", path));
    return !unlink(path) || errno == ENOENT || work_fail(work, "cannot remove %s: %s", name, strerror(errno));
}

static bool fake_extend(struct work *work, const char *name, int64_t size) {
    const char *path = path_of(work, name);
    struct stat st;

    if (stat(path, &st)) {
        return work_fail(work, "%s is not there", name);
    }
    return st.st_size >= size || !truncate(path, size) || work_fail(work, "cannot grow %s: %s", name, strerror(errno));
}

static bool fake_connect(struct work *work, const char *name, struct json_out *out) {
    json_put_text(out, "path", path_of(work, name));
    json_put_text(out, "format", "raw");
    return true;
}

/* An image of 64 KiB. A fake guest is a hostile one: raw, its bytes are the header of a qcow2 of 8 EiB over a file of the host
 * (docs/interop/qcow2.txt of QEMU), which nobody may believe. */
static bool fake_export(struct work *work, const char *name, const char *path, const char *format, int64_t *ret_size,
                        int64_t *ret_virtual_size) {
    static const unsigned char header[112] = {
        'Q', 'F', 'I', 0xfb, 0, 0, 0, 2,        /* magic, version */
        [15] = 72,                              /* the backing file's name is there, */
        [19] = 11,                              /* of that length */
        [23] = 16,                              /* cluster bits */
        [24] = 0x7f, [36] = 0, 0, 0, 1,         /* size; entries of the L1 table */
        [72] = '/', 'e', 't', 'c', '/', 'p', 'a', 's', 's', 'w', 'd',
    };
    const char *draft = arena_printf(work->arena, "%s.new", path);
    bool raw = !strcmp(format, "raw");
    struct stat st;
    int fd;

    if (stat(path_of(work, name), &st)) {
        return work_fail(work, "%s is not there", name);
    }
    *ret_virtual_size = st.st_size;
    *ret_size = 65536;
    fd = open(draft, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || ftruncate(fd, *ret_size) || (raw && pwrite(fd, header, sizeof header, 0) != sizeof header)) {
        work_fail(work, "cannot write %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return !work->error && file_deliver(work, draft, path);
}

const struct volume_driver volume_driver_fake = {
    .name = "fake",
    .start = fake_start,
    .capacity = fake_capacity,
    .list = fake_list,
    .make = fake_make,
    .remove = fake_remove,
    .extend = fake_extend,
    .connect = fake_connect,
    .export = fake_export,
};
