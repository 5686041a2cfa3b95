/* SPDX-License-Identifier: Apache-2.0
 * The drivers of objects that need nothing else, against the contract of all drivers; and the names of drivers. */
#include <string.h>

#include "base/arena.h"
#include "base/conf.h"
#include "object_conformance.h"
#include "object_store/store.h"
#include "test.h"

static void run(const char *driver, const char *encryption, bool keeps) {
    char error[256];
    struct conf *conf = conf_read(NULL, error, sizeof error);

    conf_set(conf, "object_store", "driver", driver);
    conf_set(conf, "object_store", "encryption", encryption);
    object_conformance(conf, test_directory(), keeps);
    conf_free(conf);
}

TEST(objects_in_files_keep_the_contract_of_drivers) {
    run("file", "false", true);
}

TEST(objects_in_memory_keep_the_contract_of_drivers) {
    run("fake", "false", false);
}

TEST(encrypted_objects_keep_the_contract_of_drivers) {
    run("fake", "true", false);
}

TEST(an_unknown_driver_of_objects_is_refused_by_name) {
    char text[256];
    struct conf *conf = conf_read(NULL, text, sizeof text);
    struct arena *arena = arena_new(0);
    const char *error = "";

    conf_set(conf, "object_store", "driver", "punched-cards");
    check(!store_start(arena, conf, "/nonexistent", &error));
    check(strstr(error, "punched-cards") != NULL);
    arena_free(arena);
    conf_free(conf);
}
