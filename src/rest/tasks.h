/* SPDX-License-Identifier: Apache-2.0
 * The dispatcher of tasks, for the engine's own files. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct bus_told;
struct call;
struct json;
struct rest_task;
struct service;
struct task;

/* A call as the cloud itself, in the name of the request that added a task. */
struct call *task_call(struct arena *arena, const struct service *service, const char *request_id, struct buf *out);
/* A task as its kind sees it. */
struct task task_of_row(const struct rest_task *row);

/* Starts the dispatcher's thread and its workers; what processes that are gone left running waits again. */
void tasks_start(void);
/* Stops them; running work ends first, up to 'seconds'. */
void tasks_stop(int seconds);
/* Ids of new tasks are larger than this one: a clock that was set back must not put them before those that wait. */
void task_ids_begin(int64_t newest);
/* True when a task that waits is due, whatever stands before it. */
bool tasks_ready(struct call *call);
/* There is work. Cheap; any thread. */
void tasks_wake(void);

/* What a host told of its tasks, and its reports but for heartbeats: recorded in one transaction, or one by one when that
 * fails. Sets 'recorded' of the results that are recorded or of no interest. */
void tasks_told(const char *host, struct bus_told *told, size_t count);
/* The outcome of one task; of the sending that 'attempt' counts (0: not told). True when it is recorded or of no interest. */
bool tasks_result(int64_t id, int attempt, bool ok, const char *error, const struct json *result);
/* A host connected: what it was sent before waits again, and is sent again. */
void tasks_host_up(const char *host);
/* A host tells the ids of the tasks that it has in hand: what was sent to it a while ago and is not among them was lost and
 * begins again. Null: this process. */
void tasks_host_has(const char *host, const struct json *ids);
