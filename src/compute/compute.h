/* SPDX-License-Identifier: Apache-2.0
 * What the other services may ask of compute. All inside the caller's transaction. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rest/service.h"

/* Compute's entry in the table of services. */
extern const struct service compute;

/* A volume that a server waits for became available, or could not be made ('error' set): the boot goes on or fails. */
bool compute_volume_ready(struct call *call, const char *volume_id, const char *error);

/* The disk of an attached volume grew to 'size' GiB: the server is told (a task). */
bool compute_volume_extended(struct call *call, const char *server_id, const char *volume_id, int64_t size);
