/* SPDX-License-Identifier: Apache-2.0
 * Hosts with what they have and what servers use of it. */
#pragma once
#include "compute/types.h"
#include "rest/call.h"

struct host_usage {
    struct compute_host *host;
    const struct json *facts;           /* what the agent says under "compute" */
    int64_t servers, vcpus, ram, disk;  /* used: MiB, GiB */
};

/* The hosts that match 'where' (null: all), with their usage: three statements whatever their number. */
bool hosts_load(struct call *call, const char *where, const struct value *args, size_t count,
                struct host_usage **ret_hosts, size_t *ret_count);

/* "up" or "down", as an operator sees it. */
const char *host_state(const struct compute_host *host);

/* The host by the id of the path: a number before 2.53, a UUID from then on. Fails as Nova does. 'what' is in messages.
 */
bool host_by_id(struct call *call, const char *what, struct compute_host **ret_host);

int64_t fact_int(const struct host_usage *host, const char *name);
