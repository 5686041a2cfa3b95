/* SPDX-License-Identifier: Apache-2.0
 * Resource options: settings of single users, projects, domains and roles that change how they are treated. */
#pragma once
#include "rest/call.h"

/* The options of a row that is updated: 'given' over 'old', null removes one. */
const char *options_merged(struct call *call, const char *old, const char *given);

bool option_true(struct call *call, const char *options, const char *name);

/* Fails 403 when the row is immutable; an update may end that, alone. 'what' is its kind in words. */
bool immutable_update(struct call *call, const char *what, const char *id, const char *options);
bool immutable_delete(struct call *call, const char *what, const char *id, const char *options);
