/* SPDX-License-Identifier: Apache-2.0
 * What other services keep in the object store. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "object_store/object_store.h"
#include "object_store/store.h"
#include "rest/cloud.h"

/* Accounts of projects begin otherwise. */
static const char account[] = ".haneul";

enum { CHUNK = 256 * 1024, PAGE = 1000 };

static bool there(void) {
    return cloud_service(object_store.type) != NULL;
}

static bool not_done(struct arena *arena, const char *what, enum store_result result, const char **ret_error) {
    *ret_error = !there() ? "the object store is switched off"
                          : arena_printf(arena, "the object store %s", result == STORE_FULL ? "is full" : what);
    return false;
}

static bool upload_file(struct store_upload *upload, int fd, char *bytes) {
    ssize_t size;

    while ((size = read(fd, bytes, CHUNK)) > 0 || (size < 0 && errno == EINTR)) {
        if (size > 0 && !store_upload_add(upload, bytes, (size_t)size)) {
            return false;
        }
    }
    return size == 0;
}

bool object_keep(struct arena *arena, const char *container, const char *name, int fd, const char **ret_error) {
    struct store_change box = {.arena = arena, .account = account, .container = container};
    struct store_change change = {.arena = arena, .account = account, .container = container, .name = name,
                                  .object = {.type = "application/octet-stream"}};
    enum store_result result;

    if (!there()) {
        return not_done(arena, "", STORE_FAILED, ret_error);
    }
    change.upload = store_upload_new(arena);
    if (!upload_file(change.upload, fd, arena_alloc(arena, CHUNK))) {
        return not_done(arena, "could not take all bytes", change.upload->failed, ret_error);
    }
    result = store_upload_end(change.upload);
    if (result == STORE_OK) {
        result = store_put_container(&box);
    }
    if (result == STORE_OK || result == STORE_CREATED) {
        result = store_put_object(&change);
    }
    return result == STORE_OK || result == STORE_CREATED || not_done(arena, "could not keep the bytes", result, ret_error);
}

static enum store_result find(struct arena *arena, const char *container, const char *name, struct store_found *ret) {
    struct store_find wanted = {.account = account, .container = container, .name = name, .version = STORE_CURRENT,
                                .no_counts = true};

    *ret = (struct store_found){0};
    return there() ? store_find(arena, &wanted, ret) : STORE_FAILED;
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size) {
        ssize_t written = write(fd, bytes, size);

        if (written < 0 && errno != EINTR) {
            return false;
        }
        bytes += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

bool object_kept_read(struct arena *arena, const char *container, const char *name, int fd, const char **ret_error) {
    struct store_found found;
    enum store_result result = find(arena, container, name, &found);
    struct store_reader *reader;
    char *bytes = arena_alloc(arena, CHUNK);
    bool written = true;
    ssize_t size = -1;

    if (result != STORE_OK) {
        return not_done(arena, result == STORE_FAILED ? "could not be asked" : "has no such bytes", result, ret_error);
    }
    reader = store_reader_open(account, container, &found.object, 0, found.object.size);
    while (reader && written && (size = store_reader_read(reader, bytes, CHUNK)) > 0) {
        written = write_all(fd, bytes, (size_t)size);
    }
    store_reader_close(reader);
    if (!written) {
        *ret_error = arena_printf(arena, "the bytes cannot be written: %s", strerror(errno));
        return false;
    }
    return size == 0 || not_done(arena, "could not give the bytes as they were", STORE_FAILED, ret_error);
}

int64_t object_kept_size(struct arena *arena, const char *container, const char *name) {
    struct store_found found;
    enum store_result result = find(arena, container, name, &found);

    return result == STORE_OK ? found.object.size : result == STORE_FAILED ? -2 : -1;
}

bool object_forget(struct arena *arena, const char *container, const char *name, const char **ret_error) {
    struct store_change change = {.arena = arena, .account = account, .container = container, .name = name,
                                  .version = STORE_CURRENT};
    enum store_result result = there() ? store_delete_object(&change) : STORE_FAILED;

    return result == STORE_OK || result == STORE_MISSING || result == STORE_NO_CONTAINER ||
           not_done(arena, "could not remove the bytes", result, ret_error);
}

struct walk {
    struct arena *arena;
    const char **names;
    size_t count;
};

static bool walk_object(void *user, const struct store_object *object) {
    struct walk *walk = user;

    walk->names[walk->count++] = arena_text(walk->arena, object->name);
    return true;
}

bool object_kept_each(struct arena *arena, const char *container, void (*fn)(void *user, const char *name), void *user) {
    struct walk walk = {.arena = arena, .names = arena_alloc(arena, PAGE * sizeof *walk.names)};
    struct store_list list = {.account = account, .container = container, .names_only = true, .limit = PAGE,
                              .on_object = walk_object, .user = &walk};
    enum store_result result;
    bool more = there();

    while (more) {
        walk.count = 0;
        result = store_list(arena, &list, &more);
        if (result != STORE_OK) {
            return result == STORE_NO_CONTAINER;
        }
        for (size_t i = 0; i < walk.count; i++) {
            fn(user, walk.names[i]);
        }
        list.marker = walk.count ? walk.names[walk.count - 1] : list.marker;
        more = more && walk.count;
    }
    return there();
}
