/* SPDX-License-Identifier: Apache-2.0
 * Memory that is not there, for tests. */
#pragma once
#include <stdbool.h>

struct counted;

/* True when an allocation must fail: the n-th with HANEUL_ALLOC_FAIL_AT=n, from which no process of ours recovers otherwise
 * than by ending (then `serve` starts it anew). Asked by whatever takes memory for a request: arenas, buffers, maps.
 * HANEUL_ALLOC_FAIL_AT=count only counts. */
bool allocation_fails(void);

/* The same for the memory of libraries: SQLite's, which tells it as an error, so that the process goes on and answers
 * cleanly; curl's, which ends it. HANEUL_LIBRARY_FAIL_AT=n or count; then `haneul ctl ROLE fail N` lets the N-th from now on fail. */
bool library_allocation_fails(void);
bool library_allocations_watched(void);

/* What was counted, ours and the libraries'; for crash_begin. */
struct counted *allocations_counted(void);
struct counted *library_allocations_counted(void);
