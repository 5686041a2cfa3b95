/* SPDX-License-Identifier: Apache-2.0
 * The services of the agent role: who does what kind of work on a host, in the order of starting and reconciling. */
#include <stddef.h>

#include "bus/agent.h"
#include "cmd/services.h"

/* What the host itself is; services add what they know under their own names. */
static bool host_facts(const struct host *host, struct json_out *out) {
    json_put_text(out, "name", host->name);
    json_put_bool(out, "kvm", host->kvm);
    json_put_bool(out, "userspace_datapath", host->userspace_datapath);
    return true;
}

static const struct agent_service service_host = {.name = "host", .facts = host_facts};

const struct agent_service *const agent_services[] = {
    &service_host,
    NULL,
};
