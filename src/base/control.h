/* SPDX-License-Identifier: Apache-2.0
 * A local socket with small text commands, for whoever runs the program: log levels, figures, and what a module adds.
 * If you added a printf to find something out, add a command instead. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"

struct arena;

/* Adds the command 'name' (one or two words); 'help' begins with its arguments: "MODULE LEVEL: sets ...". 'fn' gets the
 * words behind the name, and writes text to 'out': the answer, or, when it returns false, what is wrong. It may be
 * called from any thread until control_forget(user). 'name' and 'help' are kept, not copied. */
void control_register(const char *name, const char *help,
                      bool (*fn)(void *user, int argc, const char *const *argv, struct buf *out), void *user);

/* Adds lines "name value" to the command "stats". */
void control_stats(void (*fn)(void *user, struct buf *out), void *user);

/* Removes everything that was added with 'user' (not null). */
void control_forget(void *user);

/* Runs a line as the socket does; false: it failed, and 'out' says why. */
bool control_run(const char *line, struct buf *out);

/* Answers at the socket 'path' (mode 0600; root and our own user) on a thread of its own until the process ends. False:
 * *ret_error (in the arena) says why. */
bool control_listen(struct arena *arena, const char *path, const char **ret_error);

/* The client: sends 'line' to 'path' and adds the answer to 'out'. False: *ret_error (in the arena), or, when that is
 * null, the command failed and 'out' says why. */
bool control_ask(struct arena *arena, const char *path, const char *line, struct buf *out, const char **ret_error);
