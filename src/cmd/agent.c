/* SPDX-License-Identifier: Apache-2.0
 * `haneul agent`: what this host is, and the agent that drives it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/log.h"
#include "bus/agent.h"
#include "bus/work.h"
#include "cmd/cmd.h"
#include "cmd/engines.h"
#include "cmd/role.h"
#include "cmd/services.h"

LOG_MODULE("agent");

enum { STOP_SECONDS = 20 };

static const char *api_url(struct cmd *cmd) {
    const char *url = conf_text(cmd->conf, "api", "url", NULL);
    const char *scheme = conf_text(cmd->conf, "api", "certificate", NULL) ? "https" : "http";

    return url ? url
               : arena_printf(cmd->arena, "%s://%s", scheme,
                              conf_text(cmd->conf, "api", "listen", "127.0.0.1:8470"));
}

/* Engines are needed unless every driver is a fake one. */
static bool needs_engines(const struct conf *conf) {
    return strcmp(conf_text(conf, "compute", "driver", "libvirt"), "fake") != 0 ||
           strcmp(conf_text(conf, "network", "driver", "ovn"), "fake") != 0;
}

/* What the configuration says; the engines, when they are needed, then say where they answer. */
static struct host host_read(struct cmd *cmd) {
    const struct conf *conf = cmd->conf;

    return (struct host){
        .conf = conf,
        .name = role_host_name(cmd),
        .data = role_data(cmd),
        .api_url = api_url(cmd),
        .metadata_secret = conf_text(conf, "metadata", "secret", ""),
    };
}

int cmd_agent(struct cmd *cmd) {
    struct host host;
    struct agent *agent;
    const char *error;

    if (!role_prepare(cmd) || !role_begin(cmd, "agent")) {
        return 1;
    }
    host = host_read(cmd);
    if (needs_engines(cmd->conf) && !engines_start(cmd->arena, &host, &error)) {
        return cmd_fail(1, "%s", error);
    }
    agent = agent_start(
        &(struct agent_options){
            .url = role_bus_url(cmd),
            .hosts = &host,
            .host_count = 1,
            .services = agent_services,
            .threads = (int)conf_int(cmd->conf, "agent", "threads", 0),
            .heartbeat_seconds = (int)conf_int(cmd->conf, "agent", "heartbeat_seconds", 0),
            .reconcile_seconds = (int)conf_int(cmd->conf, "agent", "reconcile_seconds", 0),
        },
        cmd->arena, &error);
    if (!agent) {
        return cmd_fail(1, "%s", error);
    }
    log_info("agent of host %s is up", host.name);
    role_wait(cmd);
    log_info("stopping");
    if (!agent_stop(agent, (int)conf_int(cmd->conf, "agent", "stop_seconds", STOP_SECONDS))) {
        log_warn("work was still running; it will be done again");
        _exit(0);
    }
    return 0;
}
