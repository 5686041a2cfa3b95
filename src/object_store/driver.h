/* SPDX-License-Identifier: Apache-2.0
 * What keeps the bytes of large objects: blobs, written once under a name of 32 hexadecimal digits, read at any offset,
 * removed. Small objects and all names are in the index, which is none of a driver's business.
 *
 * A blob that was committed is durable. A process that dies leaves a blob whole or not at all; one that nobody refers to
 * is found by each(). Functions set errno on failure and may be called from any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct blob;        /* one that is being written, or read */

struct object_driver {
    const char *name;
    bool shared;                    /* by several processes */
    bool (*start)(const char *root);
    struct blob *(*create)(const char *name);
    bool (*write)(struct blob *blob, const void *bytes, size_t size);   /* appends */
    bool (*commit)(struct blob *blob);              /* frees it, also when it fails; then nothing is left */
    void (*discard)(struct blob *blob);             /* as if it had never been; frees it */
    struct blob *(*open)(const char *name);
    ssize_t (*read)(struct blob *blob, int64_t offset, void *bytes, size_t size);       /* less only at the end */
    void (*close)(struct blob *blob);
    bool (*link)(const char *from, const char *to); /* 'to' is a blob with the same bytes, durable */
    bool (*remove)(const char *name);               /* true also when it is not there */
    /* Calls fn for each blob, with its age in seconds and whether it is whole. fn must not call the driver. */
    bool (*each)(void (*fn)(void *user, const char *name, int64_t age, bool whole), void *user);
};

extern const struct object_driver object_driver_file, object_driver_fake;
