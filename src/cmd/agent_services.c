/* SPDX-License-Identifier: Apache-2.0
 * The services of the agent role: who does what kind of work on a host, in the order of starting and reconciling. */
#include <stddef.h>

#include "bus/agent.h"
#include "cmd/engines.h"
#include "cmd/services.h"
#include "compute/driver.h"
#include "network/agent.h"
#include "volume/driver.h"

/* What the host itself is; services add what they know under their own names. */
static bool host_facts(const struct host *host, struct json_out *out) {
    json_put_text(out, "name", host->name);
    json_put_bool(out, "kvm", host->kvm);
    json_put_bool(out, "userspace_datapath", host->userspace_datapath);
    return true;
}

/* Servers' taps are plugged by the network service. */
static bool host_start(const struct host *host) {
    compute_plug = network_plug;
    return true;
}

static void host_tick(const struct host *host) {
    engines_watch();
}

static const struct agent_service service_host = {
    .name = "host", .start = host_start, .facts = host_facts, .tick = host_tick};

const struct agent_service *const agent_services[] = {
    &service_host,
    &network_agent_service,
    &volume_agent_service,
    &compute_agent_service,
    NULL,
};
