/* SPDX-License-Identifier: Apache-2.0
 * The object store's declarations. */
#pragma once
#include "rest/declare.h"

#define DECLARE "rest/declare_types.h"
#include "defs_object_store.h"
#undef DECLARE
