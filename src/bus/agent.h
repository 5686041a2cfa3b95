/* SPDX-License-Identifier: Apache-2.0
 * The agent's side of the bus: keeps a connection to the API, does the tasks that come, keeps results until they are
 * acknowledged, answers questions, and tells the facts of its hosts. One agent can speak for many hosts (simulated
 * ones); one process can run many agents (tests). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "bus/work.h"

struct agent;

/* What one service does on a host; each member but the name may be null. Called on threads of the agent. */
struct agent_service {
    const char *name;                   /* "compute": the key of its facts */
    const struct work_kind *work;       /* tasks and questions that it can do; ends with a null name */

    /* Called once for the agent's first host, before all others. False: the service cannot work on this host. */
    bool (*start)(const struct host *host);
    void (*stop)(void);                 /* the last call; only when start was true */

    /* Writes members of the open map that is the service's part of the facts: sent at connect and with each heartbeat.
     * False: leave the service out this time. */
    bool (*facts)(const struct host *host, struct json_out *out);

    /* Makes the host what it should be (work_ask tells): after each connect, and again from time to time. False: it
     * could not, and wants to be called again soon. */
    bool (*reconcile)(const struct host *host);

    /* Called each second, connected or not. */
    void (*tick)(const struct host *host);
};

struct agent_options {
    const char *url;                            /* of the bus: "unix:/path" */
    const struct host *hosts;                   /* whom it speaks for; must outlive the agent */
    size_t host_count;
    const struct agent_service *const *services;        /* ends with null */
    int threads;                                /* for tasks; 0: 8 */
    int question_threads;                       /* for questions (bus_call); 0: 4 */
    int heartbeat_seconds;                      /* 0: 10 */
    int reconcile_seconds;                      /* at most this long between two passes; 0: 300 */
};

/* Starts the services and an agent on threads of its own; connects in the background, again and again. Null: the URL or
 * the options are wrong or a service does not start, and *ret_error (in the arena) says what. */
struct agent *agent_start(const struct agent_options *options, struct arena *arena, const char **ret_error);

bool agent_is_connected(struct agent *agent);   /* every host has said hello */

/* Takes no more tasks, lets running ones end for up to 'seconds', delivers their results, and frees the agent. False:
 * something still runs; the agent is not freed, and the process should end. Null is fine. */
bool agent_stop(struct agent *agent, int seconds);

/* The calling thread speaks for 'host' in work_report and work_ask from now on. Threads of the agent do so by
 * themselves; other threads of a process speak for the first host of its first agent unless they call this. */
void agent_speak_for(const struct host *host);
