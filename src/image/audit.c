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

bool image_find_lost(struct call *call, struct audit *audit) {
    struct image_image *rows;
    size_t count;

    if (!rows_find(call, &resource_image_image, "status IN ('active', 'deactivated') AND size > 0", SQL_NO_ARGS, &rows,
                   &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct image_driver *driver = image_store(rows[i].stores ? rows[i].stores : image_driver_file.name);
        int64_t size = driver ? driver->size(call->arena, rows[i].id) : -2;

        if (size == -2) {
            audit_break(audit, rows[i].id, "its store %s cannot be looked at", rows[i].stores);
        } else if (size == -1) {
            audit_break(audit, rows[i].id, "its bytes cannot be found in its store");
        } else if (size != rows[i].size) {
            audit_break(audit, rows[i].id, "its store has %" PRId64 " bytes instead of %" PRId64, size, rows[i].size);
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

bool image_find_files(struct call *call, struct audit *audit) {
    DIR *directory = opendir(image_path(call->arena, "", ""));
    const struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        const char *name = entry->d_name, *id = arena_text_size(call->arena, name, strnlen(name, UUID_SIZE));

        if (name[0] == '.') {
            continue;
        }
        if (!id_is_uuid(id)) {
            audit_break(audit, name, "the file is no image's");
        } else if (unwanted(call, id, name + UUID_SIZE)) {
            audit_break(audit, name, "no image asks for the file");
        }
    }
    if (directory) {
        closedir(directory);
    }
    return !call->error;
}

bool image_fix_file(struct call *call, const char *name) {
    const char *path = image_path(call->arena, name, "");

    return !unlink(path) || errno == ENOENT || fail(call, 500, "%s cannot be removed: %s", path, strerror(errno));
}

struct kept {
    struct call *call;
    struct audit *audit;
    const struct image_driver *driver;
};

static void look_at_kept(void *user, const char *id) {
    const struct kept *kept = user;
    struct call *call = kept->call;
    struct image_image *row;
    const char *name = arena_printf(call->arena, "%s/%s", kept->driver->name, id);

    if (task_pending(call, id)) {
        return;
    }
    if (!row_find(call, &resource_image_image, id, &row)) {
        audit_break(kept->audit, name, "no image asks for it");
    } else if (!row->stores || strcmp(row->stores, kept->driver->name) != 0) {
        audit_break(kept->audit, name, "the image is in another store");
    }
}

bool image_find_kept(struct call *call, struct audit *audit) {
    struct kept kept = {call, audit, NULL};

    while ((kept.driver = image_store_next(kept.driver))) {
        if (kept.driver->keep && !kept.driver->each(call->arena, look_at_kept, &kept)) {
            return fail(call, 503, "Store %s could not be looked at.", kept.driver->name);
        }
    }
    return !call->error;
}

bool image_fix_kept(struct call *call, const char *name) {
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
