/* SPDX-License-Identifier: Apache-2.0
 * Rules by the kernel's Documentation/userspace-api/landlock.rst. */
#include "base/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights of later versions than the headers that we are built with may know. */
enum { RIGHT_REFER = 1 << 13, RIGHT_TRUNCATE = 1 << 14 };

enum {
    RIGHTS_RUN = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    RIGHTS_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    RIGHTS_FIRST = (1 << 13) - 1,           /* all of the first version */
    RIGHTS_OF_FILES = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE
                      | RIGHT_TRUNCATE,
};

static uint64_t rights_of_version(int version) {
    return RIGHTS_FIRST | (version >= 2 ? RIGHT_REFER : 0) | (version >= 3 ? RIGHT_TRUNCATE : 0);
}

static bool allow(int rules, const char *path, uint64_t rights) {
    struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
    struct stat st;
    bool ok;

    if (rule.parent_fd < 0) {
        return true;
    }
    rule.allowed_access = !fstat(rule.parent_fd, &st) && S_ISDIR(st.st_mode) ? rights : rights & RIGHTS_OF_FILES;
    ok = !syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
    return ok;
}

static bool allow_all(int rules, const char *const *paths, uint64_t rights) {
    bool ok = true;

    for (; ok && paths && *paths; paths++) {
        ok = allow(rules, *paths, rights);
    }
    return ok;
}

bool landlock_only(const char *const *reads, const char *const *writes) {
    static const char *const programs[] = {"/usr", "/lib", "/lib64", "/bin", "/sbin", NULL};
    static const char *const files[] = {"/etc/ld.so.cache", "/dev/urandom", "/dev/zero", "/sys/devices/system/cpu", NULL};
    static const char *const sinks[] = {"/dev/null", NULL};
    int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), rules;
    uint64_t all = rights_of_version(version);
    bool ok;

    if (version < 1) {
        return true;
    }
    rules = (int)syscall(SYS_landlock_create_ruleset, &(struct landlock_ruleset_attr){.handled_access_fs = all},
                         sizeof(uint64_t), 0);
    ok = rules >= 0 && allow_all(rules, programs, RIGHTS_RUN) && allow_all(rules, files, RIGHTS_READ)
         && allow_all(rules, sinks, all) && allow_all(rules, reads, RIGHTS_READ) && allow_all(rules, writes, all)
         && !syscall(SYS_landlock_restrict_self, rules, 0);
    if (rules >= 0) {
        close(rules);
    }
    return ok;
}
