/* SPDX-License-Identifier: Apache-2.0
 * What the makers of a server's files (disks, cached images, config drives) share: where they are, and how tools are run. */
#pragma once
#include <stdbool.h>

#include "base/run.h"

struct arena;
struct host;
struct work;

/* DATA/instances/<id>, or a file in it when 'name' is not null. */
const char *server_path(struct arena *arena, const struct host *host, const char *id, const char *name);

/* Where 'path' is written before it is whole. */
const char *path_partial(struct arena *arena, const char *path);

/* Gives 'path' to the owner of its directory, with mode 0640. */
bool file_give(struct work *work, const char *path);

/* Runs a program with the limits of tools that see tenants' bytes (base/run.h); work_fail with its last words when it
 * fails. Arguments end with null. */
bool tool_run(struct work *work, const char *const *argv);
#define TOOL(work, ...) tool_run((work), (const char *const[]){__VA_ARGS__, NULL})

/* Removes a file or a directory with all in it; absent is success. */
bool tree_remove(const char *path);

/* Runs a program with the time that the work has left; work_fail when it fails. */
bool run_in_time(struct work *work, struct run run, struct run_result *ret_result);
