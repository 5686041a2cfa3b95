/* SPDX-License-Identifier: Apache-2.0
 * Loading librados, and the connection to Ceph. */
#include "object_store/rados.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/conf.h"
#include "object_store/driver.h"

struct rados rados;

#define RADOS_NAME(RESULT, NAME, PARAMETERS) {"rados_" #NAME, offsetof(struct rados, NAME)},

bool rados_load(const char **ret_error) {
    static const struct {
        const char *name;
        size_t offset;
    } functions[] = {RADOS_FUNCTIONS(RADOS_NAME)};
    void *library = dlopen("librados.so.2", RTLD_NOW | RTLD_LOCAL);

    if (!library) {
        *ret_error = "the library librados.so.2 is not there; it is in the package librados2";
        return false;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(library, functions[i].name);

        if (!function) {
            *ret_error = "the library librados.so.2 is too old; Ceph 14 or newer is needed";
            return false;
        }
        memcpy((char *)&rados + functions[i].offset, &function, sizeof function);
    }
    return true;
}

bool rados_ok(int result) {
    if (result < 0) {
        errno = -result;
    }
    return result >= 0;
}

static bool connect_to(void *cluster, const char *file, const char *seconds, const char **ret_what) {
    *ret_what = "its configuration cannot be read";
    if (!rados_ok(rados.conf_read_file(cluster, file))) {
        return false;
    }
    /* A cluster that is away must become an error some time, not a thread that waits for ever. */
    rados.conf_set(cluster, "client_mount_timeout", seconds);
    rados.conf_set(cluster, "rados_mon_op_timeout", seconds);
    rados.conf_set(cluster, "rados_osd_op_timeout", seconds);
    *ret_what = "it cannot be reached, or does not let us in";
    return rados_ok(rados.connect(cluster));
}

bool rados_open(struct arena *arena, const struct conf *conf, const char **ret_error) {
    const char *file = conf_text(conf, "object_store", "rados_conf", "/etc/ceph/ceph.conf");
    const char *pool = conf_text(conf, "object_store", "rados_pool", "haneul-objects"), *what;
    void *cluster;

    if (!rados_load(ret_error)) {
        return false;
    }
    if (!rados_ok(rados.create(&cluster, conf_text(conf, "object_store", "rados_id", "admin")))) {
        *ret_error = "librados cannot be started";
        return false;
    }
    if (connect_to(cluster, file, arena_printf(arena, "%lld", (long long)object_wait_seconds(conf)), &what)) {
        what = "its pool cannot be opened";
        if (rados_ok(rados.ioctx_create(cluster, pool, &rados.io))) {
            rados.ioctx_set_namespace(rados.io, conf_text(conf, "object_store", "rados_namespace", "haneul"));
            return true;
        }
    }
    *ret_error = arena_printf(arena, "Ceph (%s, pool %s): %s: %s", file, pool, what, strerror(errno));
    rados.shutdown(cluster);
    return false;
}
