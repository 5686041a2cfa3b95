/* SPDX-License-Identifier: Apache-2.0
 * Places where a process may be made to die, for the crash sweep: before and after each commit of a change, each recorded
 * end of a task, and each step of the bus. HANEUL_CRASH_AT=n ends the process at the n-th of them without any cleaning up;
 * HANEUL_CRASH_AT=count only counts. Either way `haneul ctl ROLE stats` tells how many were passed. */
#pragma once
#include <stdbool.h>

/* Lets `haneul ctl ROLE stats` tell the counts, when the environment asks for any. At the start of a role. */
void crash_begin(void);

/* Passes a boundary; does not come back from the n-th. 'where' names it in the log. */
void crash_point(const char *where);
