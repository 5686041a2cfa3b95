/* SPDX-License-Identifier: Apache-2.0
 * The engine's own rows as C structs. */
#pragma once
#include "rest/declare.h"

#define DECLARE "rest/declare_types.h"
#include "defs_rest.h"
#undef DECLARE
