/* SPDX-License-Identifier: Apache-2.0
 * Key repositories. A file is complete before it has its name, and belongs to the owner of its directory, so that root
 * may rotate the keys of an API that is not root. */
#include "identity/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"

LOG_MODULE("identity.keys");

enum { MAX_KEYS = 64 };

static struct repository {
    const char *name;
    char directory[512];
    struct fernet_key keys[MAX_KEYS];           /* the sealing key first */
    size_t count;
    struct timespec changed;                    /* of the directory, when it was read */
    _Atomic int64_t looked;                     /* monotonic */
} repositories[KEYS_USES] = {{.name = "fernet-keys"}, {.name = "credential-keys"}, {.name = "receipt-keys"}};
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

/* ---- files ---- */

static bool write_whole(int fd, const char *text) {
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;
}

static bool key_make(const char *directory, int number, struct arena *arena) {
    const char *path = arena_printf(arena, "%s/%d", directory, number), *new = arena_printf(arena, "%s/.new", directory);
    unsigned char bytes[32];
    struct stat owner;
    bool ok;
    int fd;

    random_bytes(bytes, sizeof bytes);
    fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return false;
    }
    ok = write_whole(fd, base64url_encode(arena, bytes, sizeof bytes)) && stat(directory, &owner) == 0 &&
         (geteuid() != 0 || fchown(fd, owner.st_uid, owner.st_gid) == 0);
    close(fd);
    explicit_bzero(bytes, sizeof bytes);
    return ok && rename(new, path) == 0;
}

static bool key_read(const char *directory, int number, struct arena *arena, struct fernet_key *ret_key) {
    const char *path = arena_printf(arena, "%s/%d", directory, number);
    char text[128];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0) {
        close(fd);
    }
    if (size <= 0) {
        return false;
    }
    text[size] = 0;
    text[strcspn(text, "\r\n ")] = 0;
    return fernet_key_parse(text, ret_key);
}

static int numbers_descending(const void *a, const void *b) {
    return *(const int *)b - *(const int *)a;
}

static size_t key_numbers(const char *directory, int *numbers) {
    DIR *dir = opendir(directory);
    struct dirent *entry;
    size_t count = 0;

    while (dir && (entry = readdir(dir)) && count < MAX_KEYS) {
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') {
            numbers[count++] = atoi(entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
    qsort(numbers, count, sizeof *numbers, numbers_descending);
    return count;
}

/* ---- repositories ---- */

/* Reads the keys when the directory changed. With the lock held for writing. */
static void read_keys(struct repository *repository, struct arena *arena) {
    int numbers[MAX_KEYS];
    struct stat now;
    size_t count = 0, found;

    if (stat(repository->directory, &now) != 0 ||
        (repository->count && now.st_mtim.tv_sec == repository->changed.tv_sec &&
         now.st_mtim.tv_nsec == repository->changed.tv_nsec)) {
        return;
    }
    found = key_numbers(repository->directory, numbers);
    for (size_t i = 0; i < found; i++) {
        count += key_read(repository->directory, numbers[i], arena, &repository->keys[count]);
    }
    if (count) {
        repository->count = count;      /* else: keep what we have, the files are being changed */
        repository->changed = now.st_mtim;
    }
}

bool keys_load(enum key_use use, const char *data, struct arena *arena) {
    struct repository *repository = &repositories[use];
    int numbers[MAX_KEYS];

    pthread_rwlock_wrlock(&lock);
    snprintf(repository->directory, sizeof repository->directory, "%s/%s", data, repository->name);
    mkdir(repository->directory, 0700);
    if (!key_numbers(repository->directory, numbers) &&
        !(key_make(repository->directory, 0, arena) && key_make(repository->directory, 1, arena))) {
        log_error("cannot make keys in %s: %s", repository->directory, strerror(errno));
    }
    repository->count = 0;
    read_keys(repository, arena);
    pthread_rwlock_unlock(&lock);
    return repository->count > 0;
}

bool keys_rotate(enum key_use use, int most, struct arena *arena) {
    struct repository *repository = &repositories[use];
    const char *directory = repository->directory;
    int numbers[MAX_KEYS], next;
    size_t count;
    bool ok;

    pthread_rwlock_wrlock(&lock);
    count = key_numbers(directory, numbers);
    next = count ? numbers[0] + 1 : 1;
    ok = (!count || numbers[count - 1] != 0 ||
          rename(arena_printf(arena, "%s/0", directory), arena_printf(arena, "%s/%d", directory, next)) == 0) &&
         key_make(directory, 0, arena);
    if (!ok) {
        log_error("cannot rotate the keys in %s: %s", directory, strerror(errno));
    }
    count = key_numbers(directory, numbers);
    for (size_t i = (size_t)(most < 3 ? 3 : most) - 1; ok && i + 1 < count; i++) {
        unlink(arena_printf(arena, "%s/%d", directory, numbers[i]));
    }
    read_keys(repository, arena);
    pthread_rwlock_unlock(&lock);
    return ok;
}

size_t keys_count(enum key_use use) {
    return repositories[use].count;
}

/* Holds the lock for reading, with keys that are at most a second old. */
static const struct repository *keys_hold(enum key_use use, struct arena *arena) {
    struct repository *repository = &repositories[use];
    int64_t now = clock_monotonic();

    if (repository->directory[0] && now - repository->looked > SECOND) {
        repository->looked = now;
        pthread_rwlock_wrlock(&lock);
        read_keys(repository, arena);
        pthread_rwlock_unlock(&lock);
    }
    pthread_rwlock_rdlock(&lock);
    return repository;
}

char *keys_seal(enum key_use use, struct arena *arena, const void *bytes, size_t size, int64_t now) {
    const struct repository *repository = keys_hold(use, arena);
    char *sealed = fernet_encode(arena, &repository->keys[0], bytes, size, now);

    pthread_rwlock_unlock(&lock);
    return sealed;
}

uint8_t *keys_open(enum key_use use, struct arena *arena, const char *sealed, size_t *ret_size, int64_t *ret_created) {
    const struct repository *repository = keys_hold(use, arena);
    uint8_t *bytes = fernet_decode(arena, repository->keys, repository->count, sealed, ret_size, ret_created);

    pthread_rwlock_unlock(&lock);
    return bytes;
}

bool keys_current(enum key_use use, struct arena *arena, const char *sealed) {
    const struct repository *repository = keys_hold(use, arena);
    int64_t created;
    size_t size;
    bool current = fernet_decode(arena, repository->keys, 1, sealed, &size, &created) != NULL;

    pthread_rwlock_unlock(&lock);
    return current;
}
