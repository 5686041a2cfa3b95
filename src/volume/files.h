/* SPDX-License-Identifier: Apache-2.0
 * Sparse files. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct work;

/* Copies file 'from' to the new file 'to' and makes it 'size' bytes large, durably; holes stay holes, and where the file
 * system can the bytes are shared. 'from' null: all holes. Nothing is left when it fails. */
bool file_copy(struct work *work, const char *from, const char *to, int64_t size);

/* Calls put(user, name) for each file of a directory whose name has no dot. False, with errno, when it cannot be read. */
bool directory_list(const char *path, void (*put)(void *user, const char *name), void *user);

/* Makes a name durable that was made or removed in its directory. */
void directory_sync(const char *path);

/* Gives the file 'draft' to whom the directory of 'path' belongs, for him and his group alone, and the name 'path'. */
bool file_deliver(struct work *work, const char *draft, const char *path);
