/* SPDX-License-Identifier: Apache-2.0
 * One daemon that outlives us: started detached, found again by its pid file. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* The process of pid file 'path', 0 when it is gone. A recycled pid is not taken for it: the file also holds the time
 * at which the process started. */
pid_t process_find(const char *path);

/* Where a directory shows to a daemon instead of the system's. */
struct bind {
    const char *from, *to;
};

/* Starts a daemon that is nobody's child but init's, with its output appended to 'log', and writes its pid file.
 *
 * With 'binds' (ends with a null from; null: none) it runs in a mount namespace of its own, below a process that only
 * reaps it and what it leaves behind: libvirt waits until a QEMU is gone, and an init that reaps late or never, as in
 * containers, would make the end of every guest slow. */
bool process_start(const char *const *argv, const char *const *env, const struct bind *binds, const char *log,
                   const char *pid_file);

/* Ends the process of a pid file: SIGTERM, and SIGKILL after 'seconds'. Gone already is fine. */
void process_stop(const char *pid_file, int seconds);
