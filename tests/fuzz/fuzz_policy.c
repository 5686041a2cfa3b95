/* SPDX-License-Identifier: Apache-2.0
 * Policy expressions and files. What is accepted must read back from its own print as the same rules, and be asked
 * without harm. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "rest/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *target_get(const void *user, const char *attribute) {
    return strlen(attribute) % 3 ? attribute : NULL;
}

static const char *caller_get(const void *user, const char *path, size_t index) {
    return index < strlen(path) % 3 ? path : NULL;
}

static struct policy *read_file(struct arena *arena, const char *text, size_t size) {
    int fd = memfd_create("policy", MFD_CLOEXEC);
    const char *error = NULL;
    struct policy *policy;

    if (fd < 0 || write(fd, text, size) != (ssize_t)size) {
        abort();
    }
    policy = policy_new(arena, NULL, 0, false, arena_printf(arena, "/proc/self/fd/%d", fd), &error);
    if (!policy && !error) {
        abort();
    }
    close(fd);
    return policy;
}

static void ask_and_reread(struct arena *arena, const struct policy *policy) {
    static const char *const roles[] = {"admin", "a"};
    const struct policy_caller caller = {.user_id = "u", .project_id = "p", .roles = roles, .role_count = 2,
                                         .is_admin = true, .get = caller_get};
    const struct policy_target target = {.get = target_get};
    const char *printed = policy_print(arena, policy);
    const struct policy *again;

    for (const char *at = printed; *at; at++) {
        if ((unsigned char)*at >= 0x80 || *at == 0x7f) {
            return;             /* YAML has its own rules on which characters print */
        }
    }
    again = read_file(arena, printed, strlen(printed));
    if (!again || strcmp(policy_print(arena, again), printed) ||
        policy_allows(policy, "a", &caller, &target) != policy_allows(again, "a", &caller, &target)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);
    const struct policy_default given = {"a", arena_text_size(arena, (const char *)bytes, size)};
    const char *error = NULL;
    struct policy *policy;

    log_set("", LOG_ERROR);
    policy = policy_new(arena, &given, 1, false, NULL, &error);
    if (policy) {
        ask_and_reread(arena, policy);
    }
    policy = read_file(arena, (const char *)bytes, size);
    if (policy) {
        ask_and_reread(arena, policy);
    }
    arena_free(arena);
    return 0;
}
