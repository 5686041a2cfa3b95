/* SPDX-License-Identifier: Apache-2.0
 * Landlock (Linux 5.13 and later): a process gives up all files but some, and so do the programs that it becomes. */
#pragma once
#include <stdbool.h>

/* From now on this process opens only what lies below 'reads' and 'writes' (paths, end with null; null: none; what is not
 * there is passed over), and what every program needs to start: /usr, /lib, a few devices. Takes no lock and no memory, so
 * that it can be called between fork and exec; PR_SET_NO_NEW_PRIVS must be set. True also where the kernel has no Landlock:
 * it is a further wall, not the only one. */
bool landlock_only(const char *const *reads, const char *const *writes);
