/* SPDX-License-Identifier: Apache-2.0
 * The driver of objects in Ceph against the contract of all drivers, and its index written from two processes at once.
 * Beside a Ceph: tests/real/with-ceph build/tests/test_rados */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "object_conformance.h"
#include "object_store/driver.h"
#include "object_store/store.h"
#include "test.h"

static struct conf *rados_conf(const char *name_space) {
    const char *file = getenv("HANEUL_CEPH_CONF");
    char error[256];
    struct conf *conf = conf_read(NULL, error, sizeof error);

    if (!file) {
        test_fail(__FILE__, __LINE__, "HANEUL_CEPH_CONF is not set");
        exit(1);
    }
    conf_set(conf, "object_store", "driver", "rados");
    conf_set(conf, "object_store", "rados_conf", file);
    conf_set(conf, "object_store", "rados_namespace", name_space);
    return conf;
}

TEST(objects_in_ceph_keep_the_contract_of_drivers) {
    struct conf *conf = rados_conf("life");

    object_conformance(conf, test_directory(), true);
    conf_free(conf);
}

static void ignore(void *user, const char *name, int64_t age, bool whole) {
}

/* In a process of its own, since a process has one store. */
static void remove_slowly(const struct conf *conf) {
    static const char name[] = "0123456789abcdef0123456789abcdef", bytes[] = "bytes";
    const struct object_driver *driver = &object_driver_rados;
    struct arena *arena = arena_new(0);
    struct blob *blob;
    const char *error = "";
    char got[sizeof bytes] = "";

    if (!driver->start(arena, conf, test_directory(), &error)) {
        test_fail(__FILE__, __LINE__, "%s", error);
        _exit(1);
    }
    blob = driver->create(name);
    check(blob && driver->write(blob, bytes, sizeof bytes) && driver->commit(blob));
    check(driver->remove(name));
    blob = driver->open(name);      /* as one does who found it before */
    check(blob && driver->read(blob, 0, got, sizeof got) == sizeof got);
    check_text(got, bytes);
    sleep(3);
    check(driver->each(ignore, NULL));
    check(!driver->open(name));
    _exit(test_failures() > 0);
}

TEST(what_is_removed_in_ceph_can_be_read_for_a_while) {
    struct conf *conf = rados_conf("slowly");
    int status = -1;
    pid_t child;

    conf_set(conf, "object_store", "rados_keep_removed", "2");
    child = fork();
    if (!child) {
        remove_slowly(conf);
    }
    check(child > 0 && waitpid(child, &status, 0) == child);
    check_int(status, 0);
    conf_free(conf);
}

TEST(two_processes_change_objects_in_ceph_at_once) {
    struct conf *conf = rados_conf("shared");

    conf_set(conf, "object_store", "shards", "1");
    object_conformance_shared(conf, test_directory());
    conf_free(conf);
}

TEST(a_pool_that_is_not_there_is_named) {
    struct conf *conf = rados_conf("none");
    struct arena *arena = arena_new(0);
    const char *error = "";

    conf_set(conf, "object_store", "rados_pool", "no-such-pool");
    check(!store_start(arena, conf, test_directory(), &error));
    check(strstr(error, "no-such-pool") != NULL);
    arena_free(arena);
    conf_free(conf);
}
