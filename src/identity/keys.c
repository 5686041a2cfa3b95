/* SPDX-License-Identifier: Apache-2.0
 * The Fernet key repositories, of tokens DATA/api/fernet-keys/0, 1, 2...: the highest number seals, 0 is the next one,
 * all open; of credentials DATA/api/credential-keys. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/id.h"
#include "identity/keys.h"
#include "rest/call.h"

LOG_MODULE("identity.keys");

enum { MAX_KEYS = 16 };

static struct {
    struct fernet_key keys[MAX_KEYS];           /* the sealing key first */
    size_t count;
} repositories[KEYS_USES];
static const char *const directories[KEYS_USES] = {"fernet-keys", "credential-keys", "receipt-keys"};

static bool key_make(const char *directory, int number, struct arena *arena) {
    const char *path = arena_printf(arena, "%s/%d", directory, number);
    unsigned char bytes[32];
    const char *text;
    int fd;
    bool ok;

    random_bytes(bytes, sizeof bytes);
    text = base64url_encode(arena, bytes, sizeof bytes);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST;
    }
    ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;
    close(fd);
    return ok;
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

bool keys_load(enum key_use use, const char *data, struct arena *arena) {
    const char *directory = arena_printf(arena, "%s/%s", data, directories[use]);
    int numbers[MAX_KEYS];
    size_t count;

    mkdir(directory, 0700);
    count = key_numbers(directory, numbers);
    if (!count) {
        if (!key_make(directory, 0, arena) || !key_make(directory, 1, arena)) {
            log_error("cannot make keys in %s: %s", directory, strerror(errno));
            return false;
        }
        count = key_numbers(directory, numbers);
    }
    repositories[use].count = 0;
    for (size_t i = 0; i < count; i++) {
        repositories[use].count += key_read(directory, numbers[i], arena, &repositories[use].keys[repositories[use].count]);
    }
    return repositories[use].count > 0;
}

char *keys_seal(enum key_use use, struct arena *arena, const void *bytes, size_t size, int64_t now) {
    return fernet_encode(arena, &repositories[use].keys[0], bytes, size, now);
}

uint8_t *keys_open(enum key_use use, struct arena *arena, const char *sealed, size_t *ret_size, int64_t *ret_created) {
    return fernet_decode(arena, repositories[use].keys, repositories[use].count, sealed, ret_size, ret_created);
}
