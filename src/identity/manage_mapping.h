/* SPDX-License-Identifier: Apache-2.0
 * `haneul identity mapping-*`: the public ids of users and groups that live in a directory. */
#pragma once
#include "rest/call.h"

/* Both run in a write transaction; 'argv' are the words after the command. */
bool mapping_purge(struct call *call, int argc, const char *const *argv, struct buf *out);
bool mapping_populate(struct call *call, int argc, const char *const *argv, struct buf *out);
