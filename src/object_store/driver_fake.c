/* SPDX-License-Identifier: Apache-2.0
 * Blobs in memory, and the index (ordered_fake.c). */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/map.h"
#include "object_store/driver.h"
#include "object_store/ordered.h"
#include "object_store/store.h"

struct kept {
    struct buf bytes;
    int users;                      /* names and readers */
};

struct blob {
    struct kept *kept;
    char name[40];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *blobs;
static const char *stop_file;       /* null: none */
static int64_t wait_seconds;

static void *must(void *memory) {
    if (!memory) {
        abort();
    }
    return memory;
}

static void kept_drop(struct kept *kept) {
    if (kept && --kept->users == 0) {
        buf_release(&kept->bytes);
        free(kept);
    }
}

static bool start(struct arena *arena, const struct conf *conf, const char *root, const char **ret_error) {
    pthread_mutex_lock(&lock);
    blobs = blobs ? blobs : map_new();
    if (!stop_file && conf_text(conf, "object_store", "fake_stop_file", NULL)) {
        stop_file = must(strdup(conf_text(conf, "object_store", "fake_stop_file", NULL)));
    }
    wait_seconds = object_wait_seconds(conf);
    pthread_mutex_unlock(&lock);
    return true;
}

bool fake_goes_on(void) {
    int64_t until = clock_monotonic() + wait_seconds * SECOND;

    while (stop_file && access(stop_file, F_OK) == 0) {
        if (clock_monotonic() >= until) {
            errno = ETIMEDOUT;
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return true;
}

static struct blob *blob_create(const char *name) {
    struct blob *blob = must(calloc(1, sizeof *blob));

    blob->kept = must(calloc(1, sizeof *blob->kept));
    blob->kept->users = 1;
    snprintf(blob->name, sizeof blob->name, "%s", name);
    return blob;
}

static bool blob_write(struct blob *blob, const void *bytes, size_t size) {
    buf_put(&blob->kept->bytes, bytes, size);
    return true;
}

static void blob_close(struct blob *blob) {
    pthread_mutex_lock(&lock);
    kept_drop(blob->kept);
    pthread_mutex_unlock(&lock);
    free(blob);
}

static bool blob_commit(struct blob *blob) {
    if (!fake_goes_on()) {
        blob_close(blob);
        errno = ETIMEDOUT;
        return false;
    }
    pthread_mutex_lock(&lock);
    kept_drop(map_set(blobs, blob->name, blob->kept));
    pthread_mutex_unlock(&lock);
    free(blob);
    return true;
}

static struct kept *find(const char *name) {
    struct kept *kept;

    pthread_mutex_lock(&lock);
    kept = map_get(blobs, name);
    if (kept) {
        kept->users++;
    }
    pthread_mutex_unlock(&lock);
    errno = kept ? 0 : ENOENT;
    return kept;
}

static struct blob *blob_open(const char *name) {
    struct kept *kept = fake_goes_on() ? find(name) : NULL;
    struct blob *blob = kept ? must(calloc(1, sizeof *blob)) : NULL;

    if (blob) {
        blob->kept = kept;
    }
    return blob;
}

static ssize_t blob_read(struct blob *blob, int64_t offset, void *bytes, size_t size) {
    const struct buf *kept = &blob->kept->bytes;

    if (offset >= (int64_t)kept->size) {
        return 0;
    }
    size = size < kept->size - (size_t)offset ? size : kept->size - (size_t)offset;
    memcpy(bytes, kept->at + offset, size);
    return (ssize_t)size;
}

static bool blob_link(const char *from, const char *to) {
    struct kept *kept = find(from);

    if (!kept) {
        return false;
    }
    pthread_mutex_lock(&lock);
    kept_drop(map_set(blobs, to, kept));
    pthread_mutex_unlock(&lock);
    return true;
}

static bool blob_remove(const char *name) {
    pthread_mutex_lock(&lock);
    kept_drop(map_set(blobs, name, NULL));
    pthread_mutex_unlock(&lock);
    return true;
}

/* Blobs in memory are never older than the process, so none is old. */
static bool each(void (*fn)(void *user, const char *name, int64_t age, bool whole), void *user) {
    size_t cursor = 0;
    const char *name;
    void *kept;

    pthread_mutex_lock(&lock);
    while ((name = map_next(blobs, &cursor, &kept)) != NULL) {
        fn(user, name, 0, true);
    }
    pthread_mutex_unlock(&lock);
    return true;
}

const struct object_driver object_driver_fake = {
    .name = "fake", .waits = true, .keeps_open = true, .inline_bytes = STORE_INLINE, .ordered = &ordered_fake, .start = start, .create = blob_create, .write = blob_write, .commit = blob_commit,
    .discard = blob_close, .open = blob_open, .read = blob_read, .close = blob_close, .link = blob_link,
    .remove = blob_remove, .each = each};
