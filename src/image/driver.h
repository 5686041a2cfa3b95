/* SPDX-License-Identifier: Apache-2.0
 * Where the bytes of images are kept. All bytes come through the file DATA/images/ID, where uploads end and hosts read and
 * write. A driver with 'keep' has them elsewhere: then that file is a copy, which is made again when it is missing.
 *
 * Functions run outside transactions, in the API role, and may block. They return false with a sentence in '*ret_error'
 * (in the arena, without full stop). Each may be repeated after a crash at any point. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct arena;

struct image_driver {
    const char *name;           /* of the store, as configuration and API say it */
    const char *description;
    /* Keeps durably what 'fd' has, up to its end; again is fine. Null: the file is where the bytes stay. */
    bool (*keep)(struct arena *arena, const char *id, int fd, const char **ret_error);
    /* Writes the bytes to 'fd'. */
    bool (*fetch)(struct arena *arena, const char *id, int fd, const char **ret_error);
    bool (*forget)(struct arena *arena, const char *id, const char **ret_error);        /* absent is success */
    /* Bytes; -1: there are none; -2: it could not be looked at. */
    int64_t (*size)(struct arena *arena, const char *id);
    /* Calls fn for each image's id that it has. Null with 'keep'. */
    bool (*each)(struct arena *arena, void (*fn)(void *user, const char *id), void *user);
};

/* drivers.list has all of them, the first one being the default. */
#define DRIVER(NAME) extern const struct image_driver image_driver_##NAME;
#include "image/drivers.list"
#undef DRIVER
