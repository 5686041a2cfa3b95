/* SPDX-License-Identifier: Apache-2.0
 * Blobs in Ceph, for a store of many machines; the index is there too (ordered_rados.c).
 *
 * A blob NAME is the rados objects b.NAME, b.NAME.1, b.NAME.2 and so on, of PART bytes each, so that it is spread over the
 * cluster. The first is written first and removed last; its attribute "size" is set when all is there, which makes it whole.
 *
 * Another machine may be reading a blob that is removed. So removing notes it in the omap of an object trash.N, with the
 * time, and what has lain there long enough goes for good. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/crash.h"
#include "base/map.h"
#include "object_store/driver.h"
#include "object_store/ordered.h"
#include "object_store/rados.h"

enum { PART = 4 * 1024 * 1024, WINDOW = 1024 * 1024, FLIGHTS = 4, NAME_SIZE = 64, TRASHES = 16, SWEEP_AT_ONCE = 100,
       SWEEP_SECONDS = 60, ALIVE_SECONDS = 600, INLINE = 4096 };

struct blob {
    char name[40];
    char *bytes;                    /* the part that is filled; when reading, a window of what comes next */
    size_t filled;
    int64_t size;                   /* in parts that were sent; when reading, of the blob */
    int64_t sent;                   /* parts */
    void *flights[FLIGHTS];         /* parts on their way */
    int64_t told_alive;             /* when the first part was written or touched last */
    int64_t window_at, next;        /* reading: where the window begins, and where the last read ended */
};

static int64_t keep_removed;        /* seconds */
static pthread_mutex_t sweep_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_sweep[TRASHES];

static void *must(void *memory) {
    if (!memory) {
        abort();
    }
    return memory;
}

static bool start(struct arena *arena, const struct conf *conf, const char *root, const char **ret_error) {
    keep_removed = conf_int(conf, "object_store", "rados_keep_removed", 7200);
    return rados_open(arena, conf, ret_error);
}

static const char *part_name(const char *blob, int64_t part, char name[NAME_SIZE]) {
    if (part) {
        snprintf(name, NAME_SIZE, "b.%.32s.%llx", blob, (unsigned long long)part);
    } else {
        snprintf(name, NAME_SIZE, "b.%.32s", blob);
    }
    return name;
}

static int64_t parts_of(int64_t size) {
    return size > PART ? (size + PART - 1) / PART : 1;
}

/* ---- writing ---- */

static struct blob *blob_new(const char *name) {
    struct blob *blob = must(calloc(1, sizeof *blob));

    snprintf(blob->name, sizeof blob->name, "%s", name);
    return blob;
}

static struct blob *blob_create(const char *name) {
    struct blob *blob = blob_new(name);

    blob->bytes = must(malloc(PART));
    return blob;
}

/* Waits for the part on its way in this place, if there is one. */
static bool land(struct blob *blob, int64_t place) {
    void *flight = blob->flights[place];
    int result;

    if (!flight) {
        return true;
    }
    rados.aio_wait_for_complete(flight);
    result = rados.aio_get_return_value(flight);
    rados.aio_release(flight);
    blob->flights[place] = NULL;
    return rados_ok(result);
}

static bool land_all(struct blob *blob) {
    bool ok = true;
    int error = 0;

    for (int i = 0; i < FLIGHTS; i++) {
        if (!land(blob, i)) {
            error = errno;
            ok = false;
        }
    }
    errno = error ? error : errno;
    return ok;
}

/* The first part, with the blob's size when it is the whole blob. */
static bool write_first(struct blob *blob, bool is_all) {
    char name[NAME_SIZE], size[24];
    void *op = rados.create_write_op();
    int result;

    rados.write_op_write_full(op, blob->bytes, blob->filled);
    if (is_all) {
        snprintf(size, sizeof size, "%lld", (long long)blob->filled);
        rados.write_op_setxattr(op, "size", size, strlen(size));
    }
    result = rados.write_op_operate(op, rados.io, part_name(blob->name, 0, name), NULL, 0);
    rados.release_write_op(op);
    return rados_ok(result);
}

/* A blob that is long under way must not look abandoned to the other machines. */
static bool tell_alive(struct blob *blob) {
    char name[NAME_SIZE];

    if (clock_monotonic() - blob->told_alive < ALIVE_SECONDS * SECOND) {
        return true;
    }
    blob->told_alive = clock_monotonic();
    return rados_ok(rados.setxattr(rados.io, part_name(blob->name, 0, name), "alive", "", 0));
}

static bool send_part(struct blob *blob) {
    int64_t place = blob->sent % FLIGHTS;
    char name[NAME_SIZE];
    bool ok;

    if (blob->sent == 0) {
        ok = write_first(blob, false);
        blob->told_alive = clock_monotonic();
    } else {
        ok = land(blob, place) && tell_alive(blob) && rados_ok(rados.aio_create_completion2(NULL, NULL, &blob->flights[place]));
        if (ok && !rados_ok(rados.aio_write_full(rados.io, part_name(blob->name, blob->sent, name), blob->flights[place],
                                                 blob->bytes, blob->filled))) {
            rados.aio_release(blob->flights[place]);
            blob->flights[place] = NULL;
            ok = false;
        }
    }
    blob->sent++;
    blob->size += (int64_t)blob->filled;
    blob->filled = 0;
    return ok;
}

static bool blob_write(struct blob *blob, const void *bytes, size_t size) {
    for (const char *at = bytes; size;) {
        size_t room = PART - blob->filled, part = size < room ? size : room;

        if (!room) {
            if (!send_part(blob)) {
                return false;
            }
            continue;
        }
        memcpy(blob->bytes + blob->filled, at, part);
        blob->filled += part;
        at += part;
        size -= part;
    }
    return true;
}

static void blob_close(struct blob *blob) {
    land_all(blob);
    free(blob->bytes);
    free(blob);
}

/* Highest first, so that what is left when this process dies is still found by its first. */
static bool remove_parts(const char *blob, int64_t count) {
    char name[NAME_SIZE];

    for (int64_t i = count - 1; i >= 0; i--) {
        int result = rados.remove(rados.io, part_name(blob, i, name));

        if (result != -ENOENT && !rados_ok(result)) {
            return false;
        }
    }
    return true;
}

static void blob_discard(struct blob *blob) {
    land_all(blob);
    remove_parts(blob->name, blob->sent);
    blob_close(blob);
}

static bool make_whole(struct blob *blob) {
    char name[NAME_SIZE], size[24];

    if (!blob->sent) {
        blob->sent = 1;             /* to be removed when this fails */
        return write_first(blob, true);
    }
    if (!send_part(blob) || !land_all(blob)) {
        return false;
    }
    crash_point("blob written");
    snprintf(size, sizeof size, "%lld", (long long)blob->size);
    return rados_ok(rados.setxattr(rados.io, part_name(blob->name, 0, name), "size", size, strlen(size)));
}

static bool blob_commit(struct blob *blob) {
    bool ok = make_whole(blob);
    int error = errno;

    if (ok) {
        blob_close(blob);
    } else {
        blob_discard(blob);
    }
    crash_point("blob kept");
    errno = error;
    return ok;
}

/* ---- reading ---- */

/* -1: errno says why. */
static int64_t size_of(const char *blob) {
    char name[NAME_SIZE], text[24] = "";
    int result = rados.getxattr(rados.io, part_name(blob, 0, name), "size", text, sizeof text - 1);

    return rados_ok(result) ? strtoll(text, NULL, 10) : -1;
}

static struct blob *blob_open(const char *name) {
    int64_t size = size_of(name);
    struct blob *blob = size >= 0 ? blob_new(name) : NULL;

    if (blob) {
        blob->size = size;
        blob->next = -1;
    }
    return blob;
}

static ssize_t read_parts(const struct blob *blob, int64_t offset, char *bytes, size_t size) {
    char name[NAME_SIZE];
    size_t got = 0;

    while (got < size) {
        int64_t at = offset + (int64_t)got;
        size_t room = PART - (size_t)(at % PART), want = size - got < room ? size - got : room;
        int result = rados.read(rados.io, part_name(blob->name, at / PART, name), bytes + got, want, (uint64_t)(at % PART));

        if (!rados_ok(result)) {
            return -1;
        }
        got += (size_t)result;
        if ((size_t)result < want) {
            break;                  /* a part that lost its end */
        }
    }
    return (ssize_t)got;
}

/* Who reads on where the last read ended is given of a window that is read at once. */
static ssize_t blob_read(struct blob *blob, int64_t offset, void *bytes, size_t size) {
    ssize_t got;

    if (offset >= blob->size) {
        return 0;
    }
    size = (int64_t)size < blob->size - offset ? size : (size_t)(blob->size - offset);
    if (offset == blob->next && size < WINDOW &&
        (offset < blob->window_at || offset + (int64_t)size > blob->window_at + (int64_t)blob->filled)) {
        blob->bytes = blob->bytes ? blob->bytes : must(malloc(WINDOW));
        got = read_parts(blob, offset, blob->bytes, blob->size - offset < WINDOW ? (size_t)(blob->size - offset) : WINDOW);
        blob->window_at = offset;
        blob->filled = got > 0 ? (size_t)got : 0;
    }
    if (offset >= blob->window_at && offset + (int64_t)size <= blob->window_at + (int64_t)blob->filled) {
        memcpy(bytes, blob->bytes + (offset - blob->window_at), size);
        got = (ssize_t)size;
    } else {
        got = read_parts(blob, offset, bytes, size);
    }
    blob->next = got > 0 ? offset + got : blob->next;
    return got;
}

static bool blob_link(const char *from, const char *to) {
    errno = EOPNOTSUPP;             /* the store copies then */
    return false;
}

/* ---- removing ---- */

/* Parts of a blob that never became whole: up to FLIGHTS may be missing between those that are there. */
static int64_t count_parts(const char *blob) {
    int64_t count = 1;

    for (int64_t i = 1; i < count + FLIGHTS + 1; i++) {
        char name[NAME_SIZE];
        uint64_t size;
        time_t modified;

        if (rados.stat(rados.io, part_name(blob, i, name), &size, &modified) >= 0) {
            count = i + 1;
        }
    }
    return count;
}

static bool remove_now(const char *blob) {
    int64_t size = size_of(blob);

    if (size < 0 && errno == ENOENT) {
        return true;
    }
    return remove_parts(blob, size >= 0 ? parts_of(size) : count_parts(blob));
}

static int trash_of(const char *blob) {
    return (int)strcspn("0123456789abcdef", (char[]){blob[0], 0}) % TRASHES;
}

static const char *trash_name(int trash, char name[NAME_SIZE]) {
    snprintf(name, NAME_SIZE, "trash.%d", trash);
    return name;
}

/* Calls fn for up to 'limit' blobs in the trash, behind 'after' (may be ""), oldest first, until it says false; 'key' is what
 * the trash calls it, 17 characters of a time and a dot before its name. */
static bool each_in_trash(int trash, const char *after, uint64_t limit, bool (*fn)(void *user, const char *key), void *user) {
    void *op = rados.create_read_op(), *iterator = NULL;
    char name[NAME_SIZE], *key, *value;
    size_t key_size, size;
    unsigned char more = 0;
    int inner = 0, result;

    rados.read_op_omap_get_vals2(op, after, "", limit, &iterator, &more, &inner);
    result = rados.read_op_operate(op, rados.io, trash_name(trash, name), 0);
    result = result < 0 ? result : inner;
    while (result >= 0 && rados.omap_get_next2(iterator, &key, &value, &key_size, &size) >= 0 && key && key_size == 49 &&
           fn(user, key)) {
    }
    if (iterator) {
        rados.omap_get_end(iterator);
    }
    rados.release_read_op(op);
    return result == -ENOENT || rados_ok(result);
}

static bool change_trash(int trash, const char *key, bool put) {
    void *op = rados.create_write_op();
    char name[NAME_SIZE];
    size_t key_size = strlen(key), none = 0;
    int result;

    if (put) {
        rados.write_op_omap_set2(op, &key, (const char *const[]){""}, &key_size, &none, 1);
    } else {
        rados.write_op_omap_rm_keys2(op, &key, &key_size, 1);
    }
    result = rados.write_op_operate(op, rados.io, trash_name(trash, name), NULL, 0);
    rados.release_write_op(op);
    return rados_ok(result);
}

struct old_trash {
    char keys[SWEEP_AT_ONCE][50];
    int count;
};

static bool add_old_trash(void *user, const char *key) {
    struct old_trash *old = user;

    if ((int64_t)strtoull(key, NULL, 16) > clock_now() / SECOND - keep_removed) {
        return false;
    }
    snprintf(old->keys[old->count++], sizeof *old->keys, "%.49s", key);
    return old->count < SWEEP_AT_ONCE;
}

/* Removes for good what has been in the trash long enough; some of it, when it is much. */
static void sweep(int trash) {
    struct old_trash old = {0};

    each_in_trash(trash, "", SWEEP_AT_ONCE, add_old_trash, &old);
    for (int i = 0; i < old.count; i++) {
        if (remove_now(old.keys[i] + 17)) {
            change_trash(trash, old.keys[i], false);
        }
    }
}

static bool is_time_to_sweep(int trash) {
    int64_t now = clock_monotonic();
    bool is_time;

    pthread_mutex_lock(&sweep_lock);
    is_time = now - last_sweep[trash] >= SWEEP_SECONDS * SECOND || !last_sweep[trash];
    if (is_time) {
        last_sweep[trash] = now;
    }
    pthread_mutex_unlock(&sweep_lock);
    return is_time;
}

static bool blob_remove(const char *name) {
    int trash = trash_of(name);
    char key[64];

    if (keep_removed <= 0) {
        return remove_now(name);
    }
    if (is_time_to_sweep(trash)) {
        sweep(trash);
    }
    snprintf(key, sizeof key, "%016llx.%.32s", (unsigned long long)(clock_now() / SECOND), name);
    return change_trash(trash, key, true);
}

/* ---- all of them ---- */

struct trash_walk {
    struct map *names;
    char last[50];
    int count;
};

static bool add_trash(void *user, const char *key) {
    struct trash_walk *walk = user;

    map_set(walk->names, key + 17, walk);
    snprintf(walk->last, sizeof walk->last, "%.49s", key);
    walk->count++;
    return true;
}

static bool list_trash(int trash, struct map *names) {
    struct trash_walk walk = {.names = names, .count = 1};

    while (walk.count) {
        char after[sizeof walk.last];

        memcpy(after, walk.last, sizeof after);
        walk.count = 0;
        if (!each_in_trash(trash, after, 1000, add_trash, &walk)) {
            return false;
        }
    }
    return true;
}

static bool each_blob(const struct map *trash, void (*fn)(void *user, const char *name, int64_t age, bool whole), void *user) {
    const char *object, *locator, *space;
    void *list;
    int result;

    if (!rados_ok(rados.nobjects_list_open(rados.io, &list))) {
        return false;
    }
    while ((result = rados.nobjects_list_next(list, &object, &locator, &space)) >= 0) {
        uint64_t size;
        time_t modified;

        if (strlen(object) == 34 && !strncmp(object, "b.", 2) && !map_get(trash, object + 2) &&
            rados.stat(rados.io, object, &size, &modified) >= 0) {
            fn(user, object + 2, clock_now() / SECOND - modified, size_of(object + 2) >= 0);
        }
    }
    rados.nobjects_list_close(list);
    return result == -ENOENT || rados_ok(result);       /* ENOENT: the end */
}

static bool each(void (*fn)(void *user, const char *name, int64_t age, bool whole), void *user) {
    struct map *trash = map_new();
    bool ok = true;

    for (int i = 0; i < TRASHES && ok; i++) {
        sweep(i);
        ok = list_trash(i, trash);
    }
    ok = ok && each_blob(trash, fn, user);
    map_free(trash, NULL);
    return ok;
}

const struct object_driver object_driver_rados = {
    .name = "rados", .shared = true, .waits = true, .inline_bytes = INLINE, .ordered = &ordered_rados, .fit = rados_load, .start = start, .create = blob_create,
    .write = blob_write, .commit = blob_commit, .discard = blob_discard, .open = blob_open, .read = blob_read,
    .close = blob_close, .link = blob_link, .remove = blob_remove, .each = each};
