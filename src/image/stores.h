/* SPDX-License-Identifier: Apache-2.0
 * Stores, as configured: [image] stores, of which the first is the default. */
#pragma once
#include "image/driver.h"
#include "image/types.h"
#include "rest/task.h"

/* The configured store after 'before' (null: the first); null at the end. */
const struct image_driver *image_store_next(const struct image_driver *before);
/* The configured store of that name, or null. */
const struct image_driver *image_store(const char *name);
const struct image_driver *image_store_default(void);
/* Fails when the configuration names a store that there is not. */
bool image_stores_known(struct call *call);

/* The bytes are in the image's file: adds the task that brings them to 'store' (null: the default). */
bool image_keep(struct call *call, const struct image_image *row, const char *store);
bool image_keep_run(struct call *call, const struct task *task, struct json_out *result);
bool image_keep_done(struct call *call, const struct task *task, const struct json *result);

/* Makes the image's file when it is missing and its store is elsewhere. Outside transactions. */
bool image_copy_make(struct call *call, const struct image_image *row);
bool image_copy_run(struct call *call, const struct task *task, struct json_out *result);
/* Adds tasks for all files that are missing. Outside transactions. */
bool image_copies_wanted(struct call *call);

/* For call_transaction: the images of which 'where' is true. */
struct images {
    const char *where;
    struct image_image *rows;
    size_t count;
};
bool images_find(struct call *call, void *images);

/* Removes the bytes from all stores but the file. */
bool image_forget(struct call *call, const char *id);
