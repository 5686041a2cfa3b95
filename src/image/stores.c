/* SPDX-License-Identifier: Apache-2.0
 * Stores: which there are, and how images' bytes come into them and back. */
#include "image/stores.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/id.h"
#include "base/words.h"
#include "image/parts.h"
#include "rest/cloud.h"

static const struct image_driver *const drivers[] = {
#define DRIVER(NAME) &image_driver_##NAME,
#include "image/drivers.list"
#undef DRIVER
    NULL};

static const char *configured(void) {
    return conf_text(cloud.conf, "image", "stores", drivers[0]->name);
}

const struct image_driver *image_store_next(const struct image_driver *before) {
    size_t i = 0;

    while (before && drivers[i++] != before) {}
    while (drivers[i] && !words_have(configured(), drivers[i]->name)) {
        i++;
    }
    return drivers[i];
}

const struct image_driver *image_store(const char *name) {
    const struct image_driver *driver = NULL;

    while ((driver = image_store_next(driver)) && strcmp(driver->name, name) != 0) {}
    return driver;
}

const struct image_driver *image_store_default(void) {
    const char *list = configured(), *word = "";
    size_t size = 0;

    words_next(&list, &word, &size);
    for (size_t i = 0; drivers[i]; i++) {
        if (strlen(drivers[i]->name) == size && !strncmp(drivers[i]->name, word, size)) {
            return drivers[i];
        }
    }
    return drivers[0];
}

bool image_stores_known(struct call *call) {
    const char *list = configured(), *word;
    size_t size;

    while (words_next(&list, &word, &size)) {
        if (!image_store(arena_text_size(call->arena, word, size))) {
            return fail(call, 500, "[image] stores: there is no store \"%.*s\"", (int)size, word);
        }
    }
    return image_store_next(NULL) || fail(call, 500, "[image] stores names no store");
}

/* ---- into a store ---- */

bool image_keep(struct call *call, const struct image_image *row, const char *store) {
    const struct image_driver *driver = store ? image_store(store) : image_store_default();

    return !driver || !driver->keep ||
           task_add(call, "image.keep", row->id, NULL, arena_printf(call->arena, "{\"store\": \"%s\"}", driver->name));
}

static const char *store_named(struct call *call, const struct task *task) {
    return json_get_text(json_parse(call->arena, task->args, strlen(task->args), NULL), "store");
}

bool image_keep_run(struct call *call, const struct task *task, struct json_out *result) {
    const char *path = image_path(call->arena, task->resource_id, ""), *error = NULL;
    const struct image_driver *driver = image_store(store_named(call, task));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok;

    if (fd < 0) {
        return errno == ENOENT || fail(call, 500, "%s cannot be opened: %s", path, strerror(errno));   /* deleted meanwhile */
    }
    ok = driver ? driver->keep(call->arena, task->resource_id, fd, &error) : fail(call, 500, "The store is no more.");
    close(fd);
    return ok || call->error || fail(call, 503, "Image %s could not be stored: %s.", task->resource_id, error);
}

bool image_keep_done(struct call *call, const struct task *task, const struct json *result) {
    struct image_image *row;

    if (!row_find(call, &resource_image_image, task->resource_id, &row)) {
        return !call->error;            /* its removal waits behind this task */
    }
    if (!row->stores) {
        return true;
    }
    row->stores = store_named(call, task);
    return row_update(call, &resource_image_image, row);
}

/* ---- and back ---- */

/* The file is there whole, or not at all. */
bool image_copy_make(struct call *call, const struct image_image *row) {
    const char *path = image_path(call->arena, row->id, ""), *error = NULL;
    const char *draft = image_path(call->arena, row->id, arena_printf(call->arena, ".%s.part", id_hex(call->arena)));
    const struct image_driver *driver = row->stores ? image_store(row->stores) : NULL;
    int fd;
    bool ok;

    if (!access(path, F_OK) || !driver || !driver->fetch) {
        return true;
    }
    fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(call, 503, "%s cannot be made: %s", draft, strerror(errno));
    }
    ok = driver->fetch(call->arena, row->id, fd, &error) && image_file_commit(call->arena, fd, draft, row->id);
    close(fd);
    if (!ok) {
        unlink(draft);
    }
    return ok || fail(call, 503, "Image %s cannot be read: %s.", row->id, error ? error : strerror(errno));
}

static bool find_image(struct call *call, void *user) {
    struct image_image **row = user;
    const char *id = (*row)->id;

    *row = NULL;
    return row_find(call, &resource_image_image, id, row) || !call->error;
}

bool image_copy_run(struct call *call, const struct task *task, struct json_out *result) {
    struct image_image wanted = {.id = task->resource_id}, *row = &wanted;

    return call_transaction(call, DB_READ, find_image, &row) && (!row || image_copy_make(call, row));
}

bool images_find(struct call *call, void *user) {
    struct images *images = user;

    return rows_find(call, &resource_image_image, images->where, SQL_NO_ARGS, &images->rows, &images->count);
}

static bool want_copies(struct call *call, void *user) {
    const struct images *missing = user;

    for (size_t i = 0; i < missing->count; i++) {
        if (!task_add_once(call, "image.copy", missing->rows[i].id, NULL, NULL)) {
            return false;
        }
    }
    return true;
}

bool image_copies_wanted(struct call *call) {
    struct images images = {.where = "size > 0 AND stores IS NOT NULL AND stores <> 'file'"};
    size_t missing = 0;

    if (!call_transaction(call, DB_READ, images_find, &images)) {
        return false;
    }
    for (size_t i = 0; i < images.count; i++) {
        if (access(image_path(call->arena, images.rows[i].id, ""), F_OK)) {
            images.rows[missing++] = images.rows[i];
        }
    }
    images.count = missing;
    return !missing || call_transaction(call, DB_WRITE, want_copies, &images);
}

bool image_forget(struct call *call, const char *id) {
    const struct image_driver *driver = NULL;
    const char *error = NULL;

    while ((driver = image_store_next(driver))) {
        if (driver->forget && !driver->forget(call->arena, id, &error)) {
            return fail(call, 503, "Image %s cannot be removed from store %s: %s.", id, driver->name, error);
        }
    }
    return true;
}
