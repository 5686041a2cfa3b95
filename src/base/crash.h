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

/* True when an allocation must fail: the n-th with HANEUL_ALLOC_FAIL_AT=n, from which no process of ours recovers otherwise
 * than by ending (then `serve` starts it anew). Asked by whatever takes memory for a request: arenas, buffers, maps.
 * HANEUL_ALLOC_FAIL_AT=count only counts. */
bool allocation_fails(void);

/* The same for the memory of libraries: SQLite's, which tells it as an error, so that the process goes on and answers
 * cleanly; curl's, which ends it. HANEUL_LIBRARY_FAIL_AT=n or count; then `haneul ctl ROLE fail N` lets the N-th from now on fail. */
bool library_allocation_fails(void);
bool library_allocations_watched(void);
