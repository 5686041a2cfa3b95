/* SPDX-License-Identifier: Apache-2.0
 * Compute's quotas. */
#pragma once
#include "rest/service.h"

extern const struct quota compute_quotas[];

/* True when the quota's name stands in answers of the version asked for. */
bool quota_in_version(const struct call *call, const char *name);
