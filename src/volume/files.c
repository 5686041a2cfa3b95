/* SPDX-License-Identifier: Apache-2.0
 * Copying sparse files without reading their holes. */
#include "volume/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "bus/work.h"

enum { PIECE = 64 * 1024 * 1024, BUFFER = 1024 * 1024 };

void directory_sync(const char *path) {
    char copy[4096];
    size_t size = strlen(path);
    int fd;

    if (size >= sizeof copy) {
        return;
    }
    memcpy(copy, path, size + 1);
    *strrchr(copy, '/') = 0;
    fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* By reading and writing, where the kernel cannot copy between these files. */
static ssize_t copy_by_hand(struct work *work, int from, int to, off_t at, size_t size) {
    char *bytes = arena_alloc(work->arena, BUFFER);
    ssize_t got = pread(from, bytes, size < BUFFER ? size : BUFFER, at);

    return got > 0 ? pwrite(to, bytes, (size_t)got, at) : got;
}

/* The data from 'at' to 'end'. */
static bool copy_run(struct work *work, int from, int to, off_t at, off_t end) {
    while (at < end) {
        off_t in = at, out = at;
        size_t size = end - at > PIECE ? PIECE : (size_t)(end - at);
        ssize_t done = copy_file_range(from, &in, to, &out, size, 0);

        if (work->deadline && clock_monotonic() > work->deadline) {
            return work_fail(work, "copying %s took too long", work->id);
        }
        if (done < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            done = copy_by_hand(work, from, to, at, size);
        }
        if (done < 0) {
            return work_fail(work, "cannot copy %s: %s", work->id, strerror(errno));
        }
        if (done == 0) {
            return true;        /* it was truncated meanwhile */
        }
        at += done;
    }
    return true;
}

static bool copy_data(struct work *work, int from, int to) {
    off_t at = 0, end = lseek(from, 0, SEEK_END);

    if (ioctl(to, FICLONE, from) == 0) {
        return true;
    }
    while (at < end) {
        off_t data = lseek(from, at, SEEK_DATA), hole;

        if (data < 0 && errno == ENXIO) {
            return true;
        }
        hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (hole < 0) {
            return work_fail(work, "cannot read %s: %s", work->id, strerror(errno));
        }
        if (!copy_run(work, from, to, data, hole)) {
            return false;
        }
        at = hole;
    }
    return true;
}

static bool copy_between(struct work *work, const char *path, int from, int to, int64_t size) {
    struct stat st = {0};

    if (from >= 0 && (fstat(from, &st) || !S_ISREG(st.st_mode))) {
        return work_fail(work, "%s is not a file", path);
    }
    if (st.st_size > size) {
        return work_fail(work, "%s has %lld bytes, more than the %lld of the copy", path, (long long)st.st_size,
                         (long long)size);
    }
    if (from >= 0 && !copy_data(work, from, to)) {
        return false;
    }
    return (!ftruncate(to, size) && !fsync(to)) || work_fail(work, "cannot write %s: %s", work->id, strerror(errno));
}

bool file_copy(struct work *work, const char *from, const char *to, int64_t size) {
    int in = from ? open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1, out;
    bool ok;

    if (from && in < 0) {
        return work_fail(work, "cannot open %s: %s", from, strerror(errno));
    }
    unlink(to);
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    ok = out >= 0 ? copy_between(work, from ? from : to, in, out, size)
                  : work_fail(work, "cannot make %s: %s", to, strerror(errno));
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        close(out);
    }
    if (!ok) {
        unlink(to);
    }
    return ok;
}

bool file_deliver(struct work *work, const char *draft, const char *path) {
    char *directory = arena_text(work->arena, path);
    struct stat st;

    *strrchr(directory, '/') = 0;
    if (stat(directory, &st) || (!geteuid() && chown(draft, st.st_uid, st.st_gid)) || chmod(draft, 0640) ||
        rename(draft, path)) {
        return work_fail(work, "cannot deliver %s: %s", path, strerror(errno));
    }
    directory_sync(path);
    return true;
}

bool directory_list(const char *path, void (*put)(void *user, const char *name), void *user) {
    DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        if (!strchr(entry->d_name, '.')) {
            put(user, entry->d_name);
        }
    }
    return directory && !closedir(directory);
}
