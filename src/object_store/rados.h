/* SPDX-License-Identifier: Apache-2.0
 * Ceph's library librados, loaded when a store is kept in Ceph and not before: no installation without Ceph needs it.
 * The functions are as its documentation (docs.ceph.com, "Librados (C)") declares them; negative results are errno's. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct arena;
struct conf;

enum { RADOS_CREATE_EXCLUSIVE = 1, RADOS_EQUAL = 1 };

/* result, name behind rados_, parameters */
#define RADOS_FUNCTIONS(F)                                                                                             \
    F(int, create, (void **cluster, const char *id))                                                                   \
    F(int, conf_read_file, (void *cluster, const char *path))                                                          \
    F(int, conf_set, (void *cluster, const char *option, const char *value))                                           \
    F(int, connect, (void *cluster))                                                                                   \
    F(void, shutdown, (void *cluster))                                                                                 \
    F(int, ioctx_create, (void *cluster, const char *pool, void **io))                                                 \
    F(void, ioctx_set_namespace, (void *io, const char *name))                                                         \
    F(int, read, (void *io, const char *object, char *bytes, size_t size, uint64_t offset))                            \
    F(int, remove, (void *io, const char *object))                                                                     \
    F(int, stat, (void *io, const char *object, uint64_t *size, time_t *modified))                                     \
    F(int, getxattr, (void *io, const char *object, const char *name, char *bytes, size_t size))                       \
    F(int, setxattr, (void *io, const char *object, const char *name, const char *bytes, size_t size))                 \
    F(void *, create_write_op, (void))                                                                                 \
    F(void, release_write_op, (void *op))                                                                              \
    F(void, write_op_cmpxattr, (void *op, const char *name, uint8_t how, const char *value, size_t size))              \
    F(void, write_op_setxattr, (void *op, const char *name, const char *value, size_t size))                           \
    F(void, write_op_create, (void *op, int exclusive, const char *category))                                          \
    F(void, write_op_write_full, (void *op, const char *bytes, size_t size))                                           \
    F(void, write_op_omap_set2, (void *op, char const *const *keys, char const *const *values, const size_t *key_sizes, \
                                 const size_t *value_sizes, size_t count))                                             \
    F(void, write_op_omap_rm_keys2, (void *op, char const *const *keys, const size_t *key_sizes, size_t count))        \
    F(int, write_op_operate, (void *op, void *io, const char *object, time_t *modified, int flags))                    \
    F(void *, create_read_op, (void))                                                                                  \
    F(void, release_read_op, (void *op))                                                                               \
    F(void, read_op_cmpxattr, (void *op, const char *name, uint8_t how, const char *value, size_t size))               \
    F(void, read_op_omap_get_vals2, (void *op, const char *after, const char *prefix, uint64_t limit, void **iterator, \
                                     unsigned char *more, int *result))                                                \
    F(void, read_op_omap_get_vals_by_keys2, (void *op, char const *const *keys, size_t count, const size_t *key_sizes, \
                                             void **iterator, int *result))                                            \
    F(int, read_op_operate, (void *op, void *io, const char *object, int flags))                                       \
    F(int, omap_get_next2, (void *iterator, char **key, char **value, size_t *key_size, size_t *value_size))           \
    F(void, omap_get_end, (void *iterator))                                                                            \
    F(int, aio_create_completion2, (void *argument, void (*complete)(void *completion, void *argument), void **completion)) \
    F(void, aio_release, (void *completion))                                                                           \
    F(int, aio_wait_for_complete, (void *completion))                                                                  \
    F(int, aio_get_return_value, (void *completion))                                                                   \
    F(int, aio_write_full, (void *io, const char *object, void *completion, const char *bytes, size_t size))           \
    F(int, nobjects_list_open, (void *io, void **list))                                                                \
    F(int, nobjects_list_next, (void *list, const char **object, const char **locator, const char **name_space))       \
    F(void, nobjects_list_close, (void *list))

#define RADOS_POINTER(RESULT, NAME, PARAMETERS) RESULT(*NAME) PARAMETERS;

struct rados {
    void *io;                       /* the pool and namespace of the store; any thread may use it */
    RADOS_FUNCTIONS(RADOS_POINTER)
};

extern struct rados rados;          /* after rados_load */

/* Finds the library. Without it: false and a sentence. */
bool rados_load(const char **ret_error);

/* Connects to the cluster and pool that the configuration names ([object_store] rados_...). */
bool rados_open(struct arena *arena, const struct conf *conf, const char **ret_error);

/* True when 'result' is none of an error; else errno is set. */
bool rados_ok(int result);
