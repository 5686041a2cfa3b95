/* SPDX-License-Identifier: Apache-2.0
 * Tasks: effects outside the database, durable and idempotent. A task is a row written in the transaction that wants the
 * effect. The dispatcher claims due rows, has each kind prepare what should be (from the rows as they are by then), sends
 * it to the host's agent or runs it here, and records the outcome in one transaction with the end of the task.
 *
 * Tasks of one resource run one at a time, in the order in which they were added. A failed try is repeated with back-off
 * until the deadline; then 'failed' records the cause on the resource. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rest/call.h"

struct task {
    int64_t id;
    const char *kind;           /* "compute.spawn" */
    const char *resource_id;
    const char *host;           /* null: runs in the API process */
    const char *args;           /* JSON text; null: none */
    const char *request_id, *project_id;
    int attempts;
    int64_t created, deadline;  /* microseconds, wall clock */
};

struct task_kind {
    const char *name;
    int seconds;                /* from creation to the last try; 0: 600 */
    int tries;                  /* 0: as many as fit; 1: never repeated */

    /* Writes what the agent should bring about, in a read transaction. Returning false without an error means that there
     * is nothing to do any more: the task ends well without 'done'. Leaving '*out' empty sends "must not exist". Null:
     * the task's args are sent. */
    bool (*prepare)(struct call *call, const struct task *task, struct json_out *out);
    /* Runs the effect in this process, outside any transaction (tasks without a host). Sets an error with fail(). */
    bool (*run)(struct call *call, const struct task *task, struct json_out *result);
    /* Records success, in a write transaction. May be null. */
    bool (*done)(struct call *call, const struct task *task, const struct json *result);
    /* Records the fault on the resource, in a write transaction. May be null. */
    bool (*failed)(struct call *call, const struct task *task, const char *cause);

    const struct task_kind *more;   /* of the last one, which has no name: where the service's kinds go on */
};

/* Adds a task in the call's transaction. 'host' null: run here. 'args' JSON text or null. */
bool task_add(struct call *call, const char *kind, const char *resource_id, const char *host, const char *args);
/* The same, not before 'delay' microseconds from now. */
bool task_add_later(struct call *call, const char *kind, const char *resource_id, const char *host, const char *args,
                    int64_t delay);
/* Adds it unless one of that kind waits already for the resource (a later one would do the same). */
bool task_add_once(struct call *call, const char *kind, const char *resource_id, const char *host, const char *args);
/* Ends waiting tasks of a resource, of 'kind' or (null) all; one that runs already is left to end. */
bool task_cancel(struct call *call, const char *resource_id, const char *kind);
/* True while a task of the resource waits or runs. */
bool task_pending(struct call *call, const char *resource_id);
