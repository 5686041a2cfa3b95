/* SPDX-License-Identifier: Apache-2.0
 * The processes of the API role that share one database. Each has a row with the time it was last alive; a running task
 * names the one that sent it. What a dead process left running begins again, what a live one runs is left alone.
 *
 * A process is dead when it said nothing for PROCESS_SECONDS, when it ended in order, or when the next process on its
 * data directory starts: DATA/api/instance is locked by the process that lives. */
#pragma once
#include <stdbool.h>

enum { PROCESS_SECONDS = 60 };      /* clocks of the API's machines may differ by half of it */

/* Makes this process known and takes back the tasks of dead ones. Before the dispatcher runs. */
void process_begin(void);
/* Says that this process lives and takes back the tasks of dead ones, when it is time. Often; one thread. */
void process_round(void);
/* Ends it in order: others may have its tasks at once. */
void process_end(void);

/* This process, as its running tasks name it: a UUID of this start. */
const char *process_id(void);
