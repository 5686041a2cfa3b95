/* SPDX-License-Identifier: Apache-2.0
 * What audit looks at beyond rows: the files of images. And what becomes of images whose work has stopped. */
#include "rest/audit.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "image/parts.h"
#include "image/stores.h"
#include "rest/task.h"

enum { UUID_SIZE = 36 };

/* ---- images without their bytes ---- */

bool image_look_lost(struct call *call, struct audit *audit) {
    struct images images = {.where = "status IN ('active', 'deactivated') AND size > 0"};

    if (!call_transaction(call, DB_READ, images_find, &images)) {
        return false;
    }
    for (size_t i = 0; i < images.count; i++) {
        const struct image_image *row = &images.rows[i];
        const struct image_driver *driver = image_store(row->stores ? row->stores : image_driver_file.name);
        int64_t size = driver ? driver->size(call->arena, row->id) : -2;

        if (size == -2) {
            audit_break(audit, row->id, "its store %s cannot be looked at", row->stores);
        } else if (size == -1) {
            audit_break(audit, row->id, "its bytes cannot be found in its store");
        } else if (size != row->size) {
            audit_break(audit, row->id, "its store has %" PRId64 " bytes instead of %" PRId64, size, row->size);
        }
    }
    return true;
}

/* Its data is gone: what can be done is to say so, and to take new data. */
bool image_fix_lost(struct call *call, const char *id) {
    return call_exec(call,
                     "UPDATE image_image SET status = 'queued', size = NULL, virtual_size = NULL, checksum = NULL,"
                     " os_hash_value = NULL, os_hash_algo = NULL, stores = NULL WHERE id = ?",
                     SQL_ARGS(sql_text(id)));
}

/* ---- bytes without their image ---- */

/* Nobody asks for the file 'name', whose image's id is 'id'. ID is the data, ID.staged what waits for its import,
 * ID.UPLOAD.part what is being written, others what a host writes meanwhile. */
static bool unwanted(struct call *call, const char *id, const char *ending) {
    struct image_image *row;

    if (task_pending(call, id)) {
        return false;
    }
    if (!row_find(call, &resource_image_image, id, &row)) {
        return true;
    }
    if (!*ending) {
        return row->size == NO_INT && !row->upload_id;
    }
    if (!strcmp(ending, ".staged")) {
        return strcmp(row->status, "uploading") != 0 && strcmp(row->status, "importing") != 0;
    }
    return !row->upload_id && strcmp(row->status, "queued") != 0;
}

/* Bytes that were found, and what the rows then say of them. */
struct thing {
    const char *name, *id, *store;      /* store null: a file */
    const char *why;                    /* it should not be; null: it may */
};

struct things {
    struct arena *arena;
    const struct image_driver *driver;  /* that is looked at */
    struct thing *at;
    size_t count;
};

static void thing_add(struct things *things, struct thing thing) {
    things->at = arena_grow(things->arena, things->at, things->count, sizeof *things->at);
    things->at[things->count++] = thing;
}

static const char *kept_for_nothing(struct call *call, const struct thing *thing) {
    struct image_image *row;

    if (task_pending(call, thing->id)) {
        return NULL;
    }
    if (!row_find(call, &resource_image_image, thing->id, &row)) {
        return "no image asks for it";
    }
    return row->stores && !strcmp(row->stores, thing->store) ? NULL : "the image is in another store";
}

static bool judge(struct call *call, void *user) {
    struct things *things = user;

    for (size_t i = 0; i < things->count; i++) {
        struct thing *thing = &things->at[i];

        if (thing->store) {
            thing->why = kept_for_nothing(call, thing);
        } else if (!id_is_uuid(thing->id)) {
            thing->why = "the file is no image's";
        } else {
            thing->why = unwanted(call, thing->id, thing->name + UUID_SIZE) ? "no image asks for the file" : NULL;
        }
    }
    return !call->error;
}

static bool report(struct call *call, struct audit *audit, struct things *things) {
    if (things->count && !call_transaction(call, DB_READ, judge, things)) {
        return false;
    }
    for (size_t i = 0; i < things->count; i++) {
        if (things->at[i].why) {
            audit_break(audit, things->at[i].name, "%s", things->at[i].why);
        }
    }
    return true;
}

bool image_look_files(struct call *call, struct audit *audit) {
    struct things files = {.arena = call->arena};
    DIR *directory = opendir(image_path(call->arena, "", ""));
    const struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] != '.') {
            const char *name = arena_text(call->arena, entry->d_name);

            thing_add(&files, (struct thing){name, arena_text_size(call->arena, name, strnlen(name, UUID_SIZE))});
        }
    }
    if (directory) {
        closedir(directory);
    }
    return report(call, audit, &files);
}

bool image_clear_file(struct call *call, const char *name) {
    const char *path = image_path(call->arena, name, "");

    return !unlink(path) || errno == ENOENT || fail(call, 500, "%s cannot be removed: %s", path, strerror(errno));
}

static void add_kept(void *user, const char *id) {
    struct things *things = user;
    const char *store = things->driver->name;

    thing_add(things, (struct thing){arena_printf(things->arena, "%s/%s", store, id), arena_text(things->arena, id), store});
}

bool image_look_kept(struct call *call, struct audit *audit) {
    struct things kept = {.arena = call->arena};

    while ((kept.driver = image_store_next(kept.driver))) {
        if (kept.driver->keep && !kept.driver->each(call->arena, add_kept, &kept)) {
            return fail(call, 503, "Store %s could not be looked at.", kept.driver->name);
        }
    }
    return report(call, audit, &kept);
}

bool image_clear_kept(struct call *call, const char *name) {
    const char *id = strchr(name, '/'), *error = NULL;
    const struct image_driver *driver = image_store(arena_text_size(call->arena, name, (size_t)(id - name)));

    return !driver || driver->forget(call->arena, id + 1, &error) || fail(call, 503, "%s cannot be removed: %s", name, error);
}

/* ---- work that has stopped ---- */

bool image_stuck(struct call *call, void *pointer, const char *cause) {
    struct image_image *row = pointer;

    row->status = "queued";
    row->upload_id = row->upload_host = NULL;
    row->updated_at = clock_now();
    return row_update(call, &resource_image_image, row) &&
           (row->size == NO_INT || task_add_once(call, "image.remove", row->id, NULL, NULL));
}

bool image_task_stuck(struct call *call, void *pointer, const char *cause) {
    struct image_task *row = pointer;

    row->status = "failure";
    row->message = cause;
    row->updated_at = clock_now();
    return row_update(call, &resource_image_task, row);
}
