/* SPDX-License-Identifier: Apache-2.0
 * HANEUL_CRASH_AT=n aborts the process at the n-th boundary (commit, task, bus), for the crash sweep. */
#pragma once

/* Counts a boundary; does not come back from the n-th. 'where' is for the log. */
void crash_point(const char *where);
