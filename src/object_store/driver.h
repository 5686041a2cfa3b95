/* SPDX-License-Identifier: Apache-2.0
 * What keeps objects. The bytes of large ones are blobs, written once under a name of 32 hexadecimal digits, read at any
 * offset, removed. Names and small objects are in the index (index.h): files beside the program, unless the driver keeps
 * the index too (ordered.h).
 *
 * A blob that was committed is durable. A process that dies leaves a blob whole or not at all; one that nobody refers to
 * is found by each(). Functions set errno on failure and may be called from any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct blob;        /* one that is being written, or read */
struct conf;
struct ordered_driver;

struct object_driver {
    const char *name;
    bool shared;                    /* by several processes */
    bool keeps_open;                /* a blob that is open can be read on when it was removed */
    bool waits;                     /* for something outside, perhaps long: [object_store] wait_seconds at most, then it fails */
    int inline_bytes;               /* objects up to so many bytes are in the index; at most STORE_INLINE */
    const struct ordered_driver *ordered;       /* keeps the index; null: it is files below 'root' */
    bool (*fit)(const char **ret_error);        /* null: it needs nothing of the host */
    /* 'root' is where a directory of its own may be made. */
    bool (*start)(struct arena *arena, const struct conf *conf, const char *root, const char **ret_error);
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

/* How long an operation may wait for what keeps the objects. */
int64_t object_wait_seconds(const struct conf *conf);

const struct object_driver *object_driver_find(const char *name);      /* or null */
extern const struct object_driver object_driver_file, object_driver_fake, object_driver_rados;
