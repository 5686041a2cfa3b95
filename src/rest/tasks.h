/* SPDX-License-Identifier: Apache-2.0
 * The dispatcher of tasks, for the engine's own files. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct json;

/* Starts the dispatcher's thread and its workers; what processes that are gone left running waits again. */
void tasks_start(void);
/* Stops them; running work ends first, up to 'seconds'. */
void tasks_stop(int seconds);
/* Ids of new tasks are larger than this one: a clock that was set back must not put them before those that wait. */
void task_ids_begin(int64_t newest);
/* There is work. Cheap; any thread. */
void tasks_wake(void);

/* The outcome of a task, from the bus; of the sending that 'attempt' counts (0: not told). True when it is recorded or of no interest. */
bool tasks_result(int64_t id, int attempt, bool ok, const char *error, const struct json *result);
/* A host connected: what it was sent before waits again, and is sent again. */
void tasks_host_up(const char *host);
/* A host tells the ids of the tasks that it has in hand: what was sent to it a while ago and is not among them was lost and
 * begins again. Null: this process. */
void tasks_host_has(const char *host, const struct json *ids);
