/* SPDX-License-Identifier: Apache-2.0
 * Hosts as they come and go. */
#pragma once
#include "rest/service.h"

/* Members of struct service: a host's agent connected or told its facts again, or went away. */
bool compute_host_up(struct call *call, const char *host, const struct json *facts);
bool compute_host_down(struct call *call, const char *host);
