/* SPDX-License-Identifier: Apache-2.0
 * Images as objects of this cloud's object store, one object each, whatever its size. */
#include "image/driver.h"
#include "object_store/object_store.h"

static const char container[] = "images";

static bool keep(struct arena *arena, const char *id, int fd, const char **ret_error) {
    return object_keep(arena, container, id, fd, ret_error);
}

static bool fetch(struct arena *arena, const char *id, int fd, const char **ret_error) {
    return object_kept_read(arena, container, id, fd, ret_error);
}

static bool forget(struct arena *arena, const char *id, const char **ret_error) {
    return object_forget(arena, container, id, ret_error);
}

static int64_t size(struct arena *arena, const char *id) {
    return object_kept_size(arena, container, id);
}

static bool each(struct arena *arena, void (*fn)(void *user, const char *id), void *user) {
    return object_kept_each(arena, container, fn, user);
}

const struct image_driver image_driver_object = {
    .name = "object", .description = "Objects of the object store", .keep = keep, .fetch = fetch, .forget = forget,
    .size = size, .each = each,
};
