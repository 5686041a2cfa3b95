/* SPDX-License-Identifier: Apache-2.0
 * Volume's rows and inputs as C structs. */
#pragma once
#include "rest/declare.h"

#define DECLARE "rest/declare_types.h"
#include "defs_volume.h"
#undef DECLARE
