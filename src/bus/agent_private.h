/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the agent share: agent.c (life, messages), agent_keeper.c (its own threads), agent_work.c (tasks,
 * questions, and what their handlers call). */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "bus/agent.h"
#include "bus/frame.h"

struct bus_link;
struct bus_transport;
struct calls;
struct lanes;
struct map;

struct agent {
    struct agent *next;                 /* of this process */
    int users;                          /* threads in work_report and work_ask; under the lock of the list */
    struct agent_options options;
    const struct bus_transport *transport;
    const char *address;
    struct arena *arena;                /* of the transport's thread: one header */
    struct map *hosts;                  /* name to struct host */
    struct calls *calls;
    struct lanes *work, *questions;
    pthread_t keeper, ticker, reconciler;
    atomic_bool stopping;               /* no new tasks */
    atomic_bool ending;                 /* threads end */

    pthread_mutex_t lock;               /* of what follows */
    pthread_cond_t changed;
    struct bus_link *link;              /* null: not connected */
    bool greeted;                       /* every host has said hello on this link */
    unsigned connects;                  /* how often all hosts said hello */
    bool reconcile;                     /* a pass was asked for */
    struct map *tasks;                  /* number to struct agent_task: those in hand */
    struct agent_past *past;            /* those of late whose result was acknowledged */
};

/* A task in hand: until its result is acknowledged. Questions are the same without the keeping. */
struct agent_task {
    struct agent *agent;
    const struct host *host;
    int64_t number;
    int attempt;
    bool question;
    struct buf frame;                   /* as it came; later the result as it goes */
    bool done, ok;
    int64_t send_at, pause;             /* clock_monotonic, microseconds: when to send the result again */
};

extern const struct bus_events agent_events;

/* The agent's own threads. */
void *agent_keeper(void *agent);
void *agent_ticker(void *agent);
void *agent_reconciler(void *agent);
/* The reconciler makes a pass at once. Takes the lock. */
void agent_reconcile_now(struct agent *agent);

/* Under the lock: waits until something changed or the time 'until' (clock_monotonic) came; true when it came. */
bool agent_wait(struct agent *agent, int64_t until);

/* Under the lock. */
void agent_task_came(struct agent *agent, const struct frame *frame, const char *bytes, size_t size);
void agent_task_acknowledged(struct agent *agent, int64_t number);
void agent_results_send(struct agent *agent, bool all);        /* those whose time has come */
void agent_tasks_tell(struct agent *agent, const struct host *host, struct json_out *out);

struct agent_past *agent_past_new(void);
void agent_past_free(struct agent_past *past);

/* Run (of one at a time) and drop of the lanes. */
void agent_task_run(void *const *tasks, size_t count);
void agent_task_drop(void *task);
void agent_task_free(void *task);

/* Sends a frame; false: not connected, or the queue is full. Takes the lock. */
bool agent_send(struct agent *agent, const struct frame *frame);

/* Its commands at the control socket; control_forget(agent) takes them away. */
void agent_commands_add(struct agent *agent);

/* The agents of this process, for work_report and work_ask. */
void agent_enlist(struct agent *agent);
void agent_delist(struct agent *agent);        /* waits for those who use it */
