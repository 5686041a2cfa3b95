/* SPDX-License-Identifier: Apache-2.0
 * Images as files of DATA/images. */
#include <errno.h>
#include <sys/stat.h>

#include "image/driver.h"
#include "image/parts.h"

static int64_t size(struct arena *arena, const char *id) {
    struct stat st;

    return !stat(image_path(arena, id, ""), &st) ? st.st_size : errno == ENOENT ? -1 : -2;
}

const struct image_driver image_driver_file = {.name = "file", .description = "Files of the image service", .size = size};
