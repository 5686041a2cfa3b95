/* SPDX-License-Identifier: Apache-2.0
 * Compute's rows and inputs as C structs. */
#pragma once
#include "rest/declare.h"

/* In the answer to PUT and rebuild of versions before 2.75, which show less than READ. */
enum { READ_CHANGED = 1 << 24 };

#define DECLARE "rest/declare_types.h"
#include "defs_compute.h"
#undef DECLARE
