/* SPDX-License-Identifier: Apache-2.0
 * Unix sockets between processes of one machine, with the peer's credentials checked. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct arena;

/* Listens at 'path' (mode 0600, not blocking, replaces the file that a dead process left). Returns a descriptor, or -1
 * with a sentence in *ret_error (in the arena): also when somebody still answers there. */
int local_listen(struct arena *arena, const char *path, const char **ret_error);

/* Connects to 'path'. Returns a descriptor (not blocking when asked), or -1 with a sentence in *ret_error. Refuses a
 * listener that is neither root, nor our user, nor who made the socket in a directory that not everybody may write. */
int local_connect(struct arena *arena, const char *path, bool blocking, const char **ret_error);

/* True when the process at the other end is root, our own user, or 'also' ((uid_t)-1: nobody else). */
bool local_trusted(int fd, uid_t also);
