/* SPDX-License-Identifier: Apache-2.0
 * A slow disk, for LD_PRELOAD: every call that waits for the disk takes HANEUL_SLOW_SYNC_MS longer (fsync, fdatasync, rename),
 * and every write to a regular file HANEUL_SLOW_WRITE_US longer. */
#undef _FILE_OFFSET_BITS        /* both pwrite and pwrite64 are to be ours */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void pause_for(const char *name, long unit) {
    const char *text = getenv(name);
    long nanoseconds = text ? strtol(text, NULL, 10) * unit : 0;

    if (nanoseconds > 0) {
        nanosleep(&(struct timespec){nanoseconds / 1000000000, nanoseconds % 1000000000}, NULL);
    }
}

static void pause_sync(void) {
    pause_for("HANEUL_SLOW_SYNC_MS", 1000000);
}

static void pause_write(int fd) {
    struct stat st;

    if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
        pause_for("HANEUL_SLOW_WRITE_US", 1000);
    }
}

/* The function of that name that would have been called without us. */
#define NEXT(NAME) ((__typeof__(&NAME))(__extension__(void *)dlsym(RTLD_NEXT, #NAME)))

int fsync(int fd) {
    pause_sync();
    return NEXT(fsync)(fd);
}

int fdatasync(int fd) {
    pause_sync();
    return NEXT(fdatasync)(fd);
}

int rename(const char *from, const char *to) {
    pause_sync();
    return NEXT(rename)(from, to);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    pause_write(fd);
    return NEXT(write)(fd, bytes, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    pause_write(fd);
    return NEXT(pwrite)(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    pause_write(fd);
    return NEXT(pwrite64)(fd, bytes, size, at);
}
