/* SPDX-License-Identifier: Apache-2.0
 * The engine of every transaction. */
#pragma once
#include "rest/call.h"

/* Runs 'body' in transactions until it is committed or failed for good. */
bool transaction_run(struct call *call, enum db_mode mode, bool (*body)(struct call *call, void *user), void *user);
