/* SPDX-License-Identifier: Apache-2.0
 * `haneul api`: gives up root, then serves. */
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/role.h"
#include "cmd/services.h"
#include "rest/cloud.h"

LOG_MODULE("api");

/* Until the engine is linked in. */
__attribute__((weak)) bool cloud_start(const struct conf *conf, const struct service *const *services,
                                       struct arena *arena, const char **ret_error) {
    *ret_error = "this build has no API";
    return false;
}

__attribute__((weak)) bool cloud_serve(struct arena *arena, const char **ret_error) {
    *ret_error = "this build has no API";
    return false;
}

__attribute__((weak)) void cloud_stop(void) {
}

static void *stop_on_signal(void *cmd) {
    role_wait(cmd);
    log_info("stopping");
    cloud_stop();
    return NULL;
}

int cmd_api(struct cmd *cmd) {
    pthread_t thread;
    const char *error;

    if (!role_prepare(cmd) || !role_drop_privileges(cmd) || !role_begin(cmd, "api")) {
        return 1;
    }
    if (pthread_create(&thread, NULL, stop_on_signal, cmd)) {
        abort();
    }
    pthread_detach(thread);
    if (!cloud_start(cmd->conf, api_services, cmd->arena, &error) || !cloud_serve(cmd->arena, &error)) {
        return cmd_fail(1, "%s", error);
    }
    log_info("stopped");
    return 0;
}
