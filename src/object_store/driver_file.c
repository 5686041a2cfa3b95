/* SPDX-License-Identifier: Apache-2.0
 * Blobs as files: ROOT/blobs/abc/abc..., written as ROOT/blobs/new/abc... and renamed when they are durable.
 *
 * Pieces that are whole blocks of a disk, as those of write_ring.h, are written past the page cache, so that nothing is left
 * to flush at the end; from the first that is not, the blob is written plainly. */
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
#include "base/clock.h"
#include "base/crash.h"
#include "object_store/driver.h"
#include "object_store/store.h"

enum { PATH_SIZE = 64, FOLDER_SIZE = 3, FLUSH_BYTES = 16 * 1024 * 1024, DISK_BLOCK = 4096 };

struct blob {
    int fd;
    int64_t size, flushed;              /* of what was written, and of that, on its way to the disk */
    char name[40];
    bool direct;                        /* past the page cache */
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
    int fd = openat(new_fd, name, flags | O_DIRECT, 0600);
    bool direct = fd >= 0;
    struct blob *blob;

    if (fd < 0 && errno == EINVAL) {
        fd = openat(new_fd, name, flags & ~O_EXCL, 0600);   /* the file system knows no O_DIRECT, and may have made it */
    }
    blob = blob_new(fd, name);
    if (blob) {
        blob->direct = direct;
        crash_point("blob made");
    }
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

static void write_plainly_from_here(struct blob *blob) {
    fcntl(blob->fd, F_SETFL, fcntl(blob->fd, F_GETFL) & ~O_DIRECT);
    blob->direct = false;
    blob->flushed = blob->size;
}

static bool is_whole_blocks(const void *bytes, size_t size) {
    return (uintptr_t)bytes % DISK_BLOCK == 0 && size % DISK_BLOCK == 0;
}

static bool blob_write(struct blob *blob, const void *bytes, size_t size) {
    if (blob->direct && is_whole_blocks(bytes, size)) {
        int64_t before = blob->size;

        if (write_at(blob, bytes, size)) {
            return true;
        }
        if (errno != EINVAL) {
            return false;
        }
        bytes = (const char *)bytes + (blob->size - before);    /* its blocks are larger than we think */
        size -= (size_t)(blob->size - before);
    }
    if (blob->direct) {
        write_plainly_from_here(blob);
    }
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

static void blob_close(struct blob *blob) {
    close(blob->fd);
    free(blob);
}

static void blob_discard(struct blob *blob) {
    unlinkat(new_fd, blob->name, 0);
    blob_close(blob);
}

static bool blob_commit(struct blob *blob) {
    char path[PATH_SIZE];
    int folder = folder_of(blob->name), error;
    bool ok = folder >= 0 && fsync(blob->fd) == 0;

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
    .name = "file", .keeps_open = true, .inline_bytes = STORE_INLINE, .start = start, .create = blob_create, .write = blob_write, .commit = blob_commit,
    .discard = blob_discard, .open = blob_open, .read = blob_read, .close = blob_close, .link = blob_link,
    .remove = blob_remove, .each = each};
