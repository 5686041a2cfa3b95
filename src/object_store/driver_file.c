/* SPDX-License-Identifier: Apache-2.0
 * Blobs as files: ROOT/blobs/abc/abc..., written as ROOT/blobs/new/abc... and renamed when they are durable.
 *
 * A blob is written past the page cache from two buffers, one filled while the other is on its way to the disk, so that who
 * writes does not wait and nothing is left to flush at the end. Buffers are few; a blob that gets none is written plainly. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/beside.h"
#include "base/clock.h"
#include "base/crash.h"
#include "object_store/driver.h"
#include "object_store/store.h"
#include "object_store/write_buffer.h"

enum { PATH_SIZE = 64, FOLDER_SIZE = 3, FLUSH_BYTES = 16 * 1024 * 1024 };

struct blob {
    int fd;
    int64_t size, flushed;              /* of what was given to write_at, and of that, on its way to the disk */
    char name[40];
    char *filling, *writing;            /* buffers, or null */
    size_t filled;
    struct beside beside;
    bool under_way;                     /* 'writing' is */
    int error;                          /* of the write that was under way; 0: none */
};

static int root_fd = -1, new_fd = -1;

static int open_folder(int at, const char *name) {
    if (mkdirat(at, name, 0700) == 0) {
        fsync(at);
    } else if (errno != EEXIST) {
        return -1;
    }
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool start(struct arena *arena, const struct conf *conf, const char *root, const char **ret_error) {
    bool made = mkdir(root, 0700) == 0 || errno == EEXIST;
    int base = made ? open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    root_fd = base >= 0 ? open_folder(base, "blobs") : -1;
    new_fd = root_fd >= 0 ? open_folder(root_fd, "new") : -1;
    if (base >= 0) {
        close(base);
    }
    if (new_fd < 0) {
        *ret_error = arena_printf(arena, "the blobs below %s cannot be opened: %s", root, strerror(errno));
    }
    return new_fd >= 0;
}

static const char *path_of(const char *name, char path[PATH_SIZE]) {
    int size = snprintf(path, PATH_SIZE, "%.*s/%.40s", FOLDER_SIZE, name, name);

    assert(size > 0 && size < PATH_SIZE);
    return path;
}

static int folder_of(const char *name) {
    char folder[FOLDER_SIZE + 1] = {0};

    memcpy(folder, name, FOLDER_SIZE);
    return open_folder(root_fd, folder);
}

static struct blob *blob_new(int fd, const char *name) {
    struct blob *blob = fd >= 0 ? calloc(1, sizeof *blob) : NULL;

    if (!blob) {
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    blob->fd = fd;
    snprintf(blob->name, sizeof blob->name, "%s", name);
    return blob;
}

static struct blob *blob_create(const char *name) {
    static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    char *buffer = write_buffer_take();
    int fd = openat(new_fd, name, flags | (buffer ? O_DIRECT : 0), 0600);
    struct blob *blob;

    if (fd < 0 && errno == EINVAL && buffer) {
        fd = openat(new_fd, name, flags & ~O_EXCL, 0600);   /* the file system knows no O_DIRECT, and may have made it */
    }
    blob = blob_new(fd, name);
    if (!blob) {
        write_buffer_give(buffer);
        return NULL;
    }
    blob->filling = buffer;
    crash_point("blob made");
    return blob;
}

static bool write_at(struct blob *blob, const char *bytes, size_t size) {
    while (size) {
        ssize_t written = pwrite(blob->fd, bytes, size, blob->size);

        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
            blob->size += written;
        }
    }
    return true;
}

/* What does not end where a block of the disk ends goes through the page cache. */
static void write_plainly_from_here(struct blob *blob) {
    int flags = fcntl(blob->fd, F_GETFL);

    if (flags & O_DIRECT) {
        fcntl(blob->fd, F_SETFL, flags & ~O_DIRECT);
    }
}

static void write_buffer(void *argument) {
    struct blob *blob = argument;
    bool ok = write_at(blob, blob->writing, WRITE_BUFFER);

    if (!ok && errno == EINVAL) {
        write_plainly_from_here(blob);      /* its blocks are larger than we think */
        ok = write_at(blob, blob->writing, WRITE_BUFFER);
    }
    blob->error = ok ? 0 : errno;
}

static bool settle(struct blob *blob) {
    if (blob->under_way) {
        beside_wait(&blob->beside);
        blob->under_way = false;
    }
    errno = blob->error;
    return !blob->error;
}

/* The full buffer goes to the disk; the other one, if there is one, is filled meanwhile. */
static bool turn(struct blob *blob) {
    char *spare = blob->writing;

    if (!settle(blob)) {
        return false;
    }
    spare = spare ? spare : write_buffer_take();
    blob->writing = blob->filling;
    blob->filling = spare;
    blob->filled = 0;
    blob->beside = (struct beside){.run = write_buffer, .argument = blob};
    if (spare) {
        blob->under_way = true;
        beside_begin(&blob->beside);
        return true;
    }
    write_buffer(blob);
    blob->filling = blob->writing;
    blob->writing = NULL;
    return settle(blob);
}

static bool write_plainly(struct blob *blob, const void *bytes, size_t size) {
    if (!write_at(blob, bytes, size)) {
        return false;
    }
    /* The disk works while bytes still come, so that little is left to wait for at the end. */
    if (blob->size - blob->flushed >= FLUSH_BYTES) {
        sync_file_range(blob->fd, blob->flushed, blob->size - blob->flushed, SYNC_FILE_RANGE_WRITE);
        blob->flushed = blob->size;
    }
    return true;
}

static bool blob_write(struct blob *blob, const void *bytes, size_t size) {
    if (!blob->filling) {
        return write_plainly(blob, bytes, size);
    }
    for (const char *at = bytes; size;) {
        size_t room = WRITE_BUFFER - blob->filled, part = size < room ? size : room;

        memcpy(blob->filling + blob->filled, at, part);
        blob->filled += part;
        at += part;
        size -= part;
        if (blob->filled == WRITE_BUFFER && !turn(blob)) {
            return false;
        }
    }
    return true;
}

static void blob_close(struct blob *blob) {
    settle(blob);
    write_buffer_give(blob->filling);
    write_buffer_give(blob->writing);
    close(blob->fd);
    free(blob);
}

static void blob_discard(struct blob *blob) {
    unlinkat(new_fd, blob->name, 0);
    blob_close(blob);
}

static bool make_durable(struct blob *blob) {
    if (!settle(blob)) {
        return false;
    }
    write_plainly_from_here(blob);
    return write_at(blob, blob->filling, blob->filled) && fsync(blob->fd) == 0;
}

static bool blob_commit(struct blob *blob) {
    char path[PATH_SIZE];
    int folder = folder_of(blob->name), error;
    bool ok = folder >= 0 && make_durable(blob);

    crash_point("blob written");
    ok = ok && renameat(new_fd, blob->name, root_fd, path_of(blob->name, path)) == 0;
    crash_point("blob kept");
    ok = ok && fsync(folder) == 0;
    error = errno;
    if (folder >= 0) {
        close(folder);
    }
    if (ok) {
        blob_close(blob);
    } else {
        unlinkat(root_fd, path_of(blob->name, path), 0);
        blob_discard(blob);
    }
    errno = error;
    return ok;
}

static struct blob *blob_open(const char *name) {
    char path[PATH_SIZE];

    return blob_new(openat(root_fd, path_of(name, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW), name);
}

static ssize_t blob_read(struct blob *blob, int64_t offset, void *bytes, size_t size) {
    size_t got = 0;

    while (got < size) {
        ssize_t more = pread(blob->fd, (char *)bytes + got, size - got, offset + (int64_t)got);

        if (more < 0 && errno != EINTR) {
            return -1;
        }
        if (more == 0) {
            break;
        }
        got += more > 0 ? (size_t)more : 0;
    }
    return (ssize_t)got;
}

static bool blob_link(const char *from, const char *to) {
    char old[PATH_SIZE], new[PATH_SIZE];
    int folder = folder_of(to);
    bool ok = folder >= 0 && linkat(root_fd, path_of(from, old), root_fd, path_of(to, new), 0) == 0 && fsync(folder) == 0;

    if (folder >= 0) {
        close(folder);
    }
    return ok;
}

static bool blob_remove(const char *name) {
    char path[PATH_SIZE];

    crash_point("blob to be removed");
    return unlinkat(root_fd, path_of(name, path), 0) == 0 ||
           (errno == ENOENT && (unlinkat(new_fd, name, 0) == 0 || errno == ENOENT));
}

static bool each_in(const char *folder, bool whole, void (*fn)(void *user, const char *name, int64_t age, bool whole),
                    void *user) {
    int fd = openat(root_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    if (!directory) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    while ((entry = readdir(directory)) != NULL) {
        struct stat status;

        if (strlen(entry->d_name) == 32 && fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            /* A link is as new as its inode's last change. */
            fn(user, entry->d_name, clock_now() / SECOND - status.st_ctim.tv_sec, whole);
        }
    }
    closedir(directory);
    return true;
}

static bool each(void (*fn)(void *user, const char *name, int64_t age, bool whole), void *user) {
    int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    bool ok = directory && each_in("new", false, fn, user);

    if (!directory && fd >= 0) {
        close(fd);
    }
    while (ok && (entry = readdir(directory)) != NULL) {
        ok = strlen(entry->d_name) != FOLDER_SIZE || strspn(entry->d_name, "0123456789abcdef") != FOLDER_SIZE ||
             each_in(entry->d_name, true, fn, user);
    }
    if (directory) {
        closedir(directory);
    }
    return ok;
}

const struct object_driver object_driver_file = {
    .name = "file", .inline_bytes = STORE_INLINE, .start = start, .create = blob_create, .write = blob_write, .commit = blob_commit,
    .discard = blob_discard, .open = blob_open, .read = blob_read, .close = blob_close, .link = blob_link,
    .remove = blob_remove, .each = each};
