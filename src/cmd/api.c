/* SPDX-License-Identifier: Apache-2.0
 * `haneul api`: gives up root, then serves. */
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/role.h"
#include "cmd/services.h"
#include "rest/cloud.h"

LOG_MODULE("api");

static void *stop_on_signal(void *cmd) {
    role_wait(cmd);
    log_info("stopping");
    cloud_stop();
    return NULL;
}

/* The defaults that follow from where the roles keep things. */
static void set_defaults(struct cmd *cmd) {
    conf_set(cmd->conf, "bus", "url", role_bus_url(cmd));
    conf_set(cmd->conf, "DEFAULT", "host", role_host_name(cmd));
}

int cmd_api(struct cmd *cmd) {
    pthread_t thread;
    const char *error;

    set_defaults(cmd);
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
