/* SPDX-License-Identifier: Apache-2.0
 * The agent's life, and what its transport's thread reads. */
#include "bus/agent.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/control.h"
#include "base/log.h"
#include "base/map.h"
#include "bus/agent_private.h"
#include "bus/calls.h"
#include "bus/lanes.h"
#include "bus/transport.h"

LOG_MODULE("bus.agent");

enum {
    THREADS = 8,
    QUESTION_THREADS = 4,
    HEARTBEAT_SECONDS = 10,
    RECONCILE_SECONDS = 300,
    ACKNOWLEDGE_SECONDS = 2,            /* how long a stop waits for results to be acknowledged */
};

static void link_opened(void *user, struct bus_link *link);
static bool link_frame(void *user, struct bus_link *link, const char *bytes, size_t size);
static void link_closed(void *user, struct bus_link *link);

const struct bus_events agent_events = {.opened = link_opened, .frame = link_frame, .closed = link_closed};

static void start_thread(pthread_t *thread, void *(*run)(void *), struct agent *agent) {
    if (pthread_create(thread, NULL, run, agent)) {
        abort();
    }
}

static void set_default(int *value, int otherwise) {
    *value = *value ? *value : otherwise;
}

static struct agent *agent_new(const struct agent_options *options, const struct bus_transport *transport,
                               const char *address) {
    struct agent *agent = calloc(1, sizeof *agent);
    pthread_condattr_t attributes;

    if (!agent) {
        abort();
    }
    agent->options = *options;
    set_default(&agent->options.threads, THREADS);
    set_default(&agent->options.question_threads, QUESTION_THREADS);
    set_default(&agent->options.heartbeat_seconds, HEARTBEAT_SECONDS);
    set_default(&agent->options.reconcile_seconds, RECONCILE_SECONDS);
    agent->transport = transport;
    agent->address = strdup(address);
    agent->arena = arena_new(0);
    agent->hosts = map_new();
    agent->tasks = map_new();
    agent->past = agent_past_new();
    agent->calls = calls_new();
    agent->work = lanes_new(agent->options.threads, 1, agent_task_run, agent_task_drop);
    agent->questions = lanes_new(agent->options.question_threads, 1, agent_task_run, agent_task_drop);
    pthread_mutex_init(&agent->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&agent->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return agent;
}

/* Stops the services of the table before 'end' (null: all), last first. */
static void services_stop(const struct agent_options *options, const struct agent_service *const *end) {
    const struct agent_service *const *s = options->services;

    while (s && *s && s != end) {
        s++;
    }
    while (s && s-- > options->services) {
        if ((*s)->stop) {
            (*s)->stop();
        }
    }
}

static bool services_start(const struct agent_options *options, struct arena *arena, const char **ret_error) {
    for (const struct agent_service *const *s = options->services; s && *s; s++) {
        if ((*s)->start && !(*s)->start(options->hosts)) {
            *ret_error = arena_printf(arena, "the %s service does not start on this host", (*s)->name);
            services_stop(options, s);
            return false;
        }
    }
    return true;
}

struct agent *agent_start(const struct agent_options *options, struct arena *arena, const char **ret_error) {
    const char *address;
    const struct bus_transport *transport = bus_transport_find(arena, options->url, &address, ret_error);
    struct agent *agent;

    if (!transport) {
        return NULL;
    }
    if (!options->host_count) {
        *ret_error = "an agent needs a host";
        return NULL;
    }
    if (!services_start(options, arena, ret_error)) {
        return NULL;
    }
    agent = agent_new(options, transport, address);
    for (size_t i = 0; i < options->host_count; i++) {
        map_set(agent->hosts, options->hosts[i].name, (void *)(uintptr_t)&options->hosts[i]);
    }
    agent_enlist(agent);
    agent_commands_add(agent);
    start_thread(&agent->keeper, agent_keeper, agent);
    start_thread(&agent->ticker, agent_ticker, agent);
    start_thread(&agent->reconciler, agent_reconciler, agent);
    return agent;
}

bool agent_is_connected(struct agent *agent) {
    bool connected;

    pthread_mutex_lock(&agent->lock);
    connected = agent->link && agent->greeted;
    pthread_mutex_unlock(&agent->lock);
    return connected;
}

/* True, under the lock, when a result is not acknowledged. */
static bool results_left(struct agent *agent) {
    size_t cursor = 0;
    void *task;

    while (map_next(agent->tasks, &cursor, &task)) {
        if (((struct agent_task *)task)->done) {
            return true;
        }
    }
    return false;
}

static void agent_free(struct agent *agent) {
    lanes_free(agent->work);
    lanes_free(agent->questions);
    map_free(agent->tasks, agent_task_free);
    agent_past_free(agent->past);
    map_free(agent->hosts, NULL);
    calls_free(agent->calls);
    arena_free(agent->arena);
    pthread_mutex_destroy(&agent->lock);
    pthread_cond_destroy(&agent->changed);
    free((void *)(uintptr_t)agent->address);
    free(agent);
}

bool agent_stop(struct agent *agent, int seconds) {
    int64_t until;

    if (!agent) {
        return true;
    }
    agent->stopping = true;
    if (!lanes_stop(agent->work, seconds) || !lanes_stop(agent->questions, seconds)) {
        return false;
    }
    pthread_mutex_lock(&agent->lock);
    until = clock_monotonic() + ACKNOWLEDGE_SECONDS * SECOND;
    while (agent->link && results_left(agent) && !agent_wait(agent, until)) {
    }
    agent->ending = true;
    pthread_cond_broadcast(&agent->changed);
    pthread_mutex_unlock(&agent->lock);
    calls_fail(agent->calls, NULL);
    agent_delist(agent);
    control_forget(agent);
    pthread_join(agent->keeper, NULL);
    pthread_join(agent->ticker, NULL);
    pthread_join(agent->reconciler, NULL);
    services_stop(&agent->options, NULL);
    agent_free(agent);
    return true;
}

bool agent_send(struct agent *agent, const struct frame *frame) {
    struct buf buf = {0};
    bool ok;

    frame_print(&buf, frame);
    pthread_mutex_lock(&agent->lock);
    ok = agent->link && agent->transport->send(agent->link, buf.at, buf.size);
    pthread_mutex_unlock(&agent->lock);
    buf_release(&buf);
    return ok;
}

/* The transport's thread. */

static void link_opened(void *user, struct bus_link *link) {
    struct agent *agent = user;

    pthread_mutex_lock(&agent->lock);
    agent->link = link;
    agent->greeted = false;
    pthread_mutex_unlock(&agent->lock);
}

static bool link_frame(void *user, struct bus_link *link, const char *bytes, size_t size) {
    struct agent *agent = user;
    struct frame frame;
    const char *error;

    arena_reset(agent->arena);
    if (!frame_parse(agent->arena, bytes, size, &frame, &error)) {
        log_warn("malformed message from the API, connecting anew: %s", error);
        return false;
    }
    if (frame.type == FRAME_ANSWER) {
        calls_answer(agent->calls, &frame);
        return true;
    }
    if (!map_get(agent->hosts, frame.host)) {
        log_warn("ignored a message for host %s", frame.host);
        return true;
    }
    pthread_mutex_lock(&agent->lock);
    if (frame.type == FRAME_TASK || frame.type == FRAME_ASK) {
        agent_task_came(agent, &frame, bytes, size);
    } else if (frame.type == FRAME_ACK) {
        agent_task_acknowledged(agent, frame.number);
    }
    pthread_mutex_unlock(&agent->lock);
    return true;
}

static void link_closed(void *user, struct bus_link *link) {
    struct agent *agent = user;

    pthread_mutex_lock(&agent->lock);
    agent->link = NULL;
    agent->greeted = false;
    pthread_cond_broadcast(&agent->changed);
    pthread_mutex_unlock(&agent->lock);
    calls_fail(agent->calls, NULL);
}
