/* SPDX-License-Identifier: Apache-2.0
 * Image's rows and inputs as C structs. */
#pragma once
#include "rest/declare.h"

#define DECLARE "rest/declare_types.h"
#include "defs_image.h"
#undef DECLARE
