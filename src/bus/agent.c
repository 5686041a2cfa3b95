/* SPDX-License-Identifier: Apache-2.0
 * The agent's life. The keeper connects, says hello, sends heartbeats and results again; the ticker and the reconciler
 * call the services; the transport's thread reads messages; tasks run on lanes. */
#include "bus/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
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

#define SHORTEST_PAUSE (SECOND / 20)    /* between two attempts to connect; doubles */
#define LONGEST_PAUSE (2 * SECOND)

static void *keeper(void *argument);
static void *ticker(void *argument);
static void *reconciler(void *argument);
static void link_opened(void *user, struct bus_link *link);
static bool link_frame(void *user, struct bus_link *link, const char *bytes, size_t size);
static void link_closed(void *user, struct bus_link *link);

static const struct bus_events events = {.opened = link_opened, .frame = link_frame, .closed = link_closed};

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
    agent->calls = calls_new();
    agent->work = lanes_new(agent->options.threads, agent_task_run, agent_task_drop);
    agent->questions = lanes_new(agent->options.question_threads, agent_task_run, agent_task_drop);
    pthread_mutex_init(&agent->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&agent->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return agent;
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
    agent = agent_new(options, transport, address);
    for (size_t i = 0; i < options->host_count; i++) {
        map_set(agent->hosts, options->hosts[i].name, (void *)(uintptr_t)&options->hosts[i]);
    }
    agent_enlist(agent);
    start_thread(&agent->keeper, keeper, agent);
    start_thread(&agent->ticker, ticker, agent);
    start_thread(&agent->reconciler, reconciler, agent);
    return agent;
}

bool agent_is_connected(struct agent *agent) {
    bool connected;

    pthread_mutex_lock(&agent->lock);
    connected = agent->link && agent->greeted;
    pthread_mutex_unlock(&agent->lock);
    return connected;
}

/* Waits, under the lock, until something changed or the time 'until' (clock_monotonic) came; true when it came. */
static bool wait_until(struct agent *agent, int64_t until) {
    struct timespec end = {.tv_sec = until / SECOND, .tv_nsec = until % SECOND * 1000};

    return pthread_cond_timedwait(&agent->changed, &agent->lock, &end) == ETIMEDOUT;
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
    while (agent->link && results_left(agent) && !wait_until(agent, until)) {
    }
    agent->ending = true;
    pthread_cond_broadcast(&agent->changed);
    pthread_mutex_unlock(&agent->lock);
    calls_fail(agent->calls, NULL);
    agent_delist(agent);
    pthread_join(agent->keeper, NULL);
    pthread_join(agent->ticker, NULL);
    pthread_join(agent->reconciler, NULL);
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

/* The keeper. */

static void service_facts(const struct agent_service *service, const struct host *host, struct json_out *out) {
    size_t size = out->buf->size;
    bool follows = out->follows;

    json_key(out, service->name);
    json_map(out);
    if (service->facts(host, out)) {
        json_map_end(out);
    } else {
        out->buf->size = size;
        out->follows = follows;
    }
}

/* Sends the facts of 'host' as a message of 'type'. False: not connected, or the queue is full. */
static bool tell_facts(struct agent *agent, const struct host *host, enum frame_type type) {
    struct frame frame = {.type = type, .host = host->name};
    struct buf facts = {0};
    struct json_out out = {.buf = &facts};
    bool ok;

    if (type == FRAME_REPORT) {
        frame.kind = "host.heartbeat";
        frame.id = host->name;
    }
    agent_speak_for(host);
    json_map(&out);
    for (const struct agent_service *const *s = agent->options.services; s && *s; s++) {
        if ((*s)->facts) {
            service_facts(*s, host, &out);
        }
    }
    pthread_mutex_lock(&agent->lock);
    agent_tasks_tell(agent, host, &out);
    pthread_mutex_unlock(&agent->lock);
    json_map_end(&out);
    frame.payload = facts.at;
    frame.payload_size = facts.size;
    ok = agent_send(agent, &frame);
    buf_release(&facts);
    return ok;
}

static bool is_linked(struct agent *agent) {
    bool linked;

    pthread_mutex_lock(&agent->lock);
    linked = agent->link && !agent->ending;
    pthread_mutex_unlock(&agent->lock);
    return linked;
}

/* Says hello for every host, then sends the results that are kept. */
static bool greet(struct agent *agent) {
    for (size_t i = 0; i < agent->options.host_count; i++) {
        while (!tell_facts(agent, &agent->options.hosts[i], FRAME_HELLO)) {
            if (!is_linked(agent)) {
                return false;
            }
            nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
        }
    }
    pthread_mutex_lock(&agent->lock);
    agent->greeted = agent->link;
    agent->connects++;
    agent_results_send(agent, true);
    pthread_cond_broadcast(&agent->changed);
    pthread_mutex_unlock(&agent->lock);
    return true;
}

/* Heartbeats of many hosts are spread over the period. */
static void heartbeats(struct agent *agent, int64_t second) {
    size_t period = (size_t)agent->options.heartbeat_seconds;

    for (size_t i = (size_t)second % period; i < agent->options.host_count; i += period) {
        tell_facts(agent, &agent->options.hosts[i], FRAME_REPORT);
    }
}

/* Keeps a connection until it breaks or the agent ends. */
static void keep(struct agent *agent) {
    int64_t second = 0, next = clock_monotonic() + SECOND;

    pthread_mutex_lock(&agent->lock);
    while (agent->link && !agent->ending) {
        if (!wait_until(agent, next)) {
            continue;
        }
        agent_results_send(agent, false);
        pthread_mutex_unlock(&agent->lock);
        heartbeats(agent, ++second);
        next = clock_monotonic() + SECOND;
        pthread_mutex_lock(&agent->lock);
    }
    pthread_mutex_unlock(&agent->lock);
}

/* True when the agent ends. */
static bool sleep_until(struct agent *agent, int64_t until) {
    pthread_mutex_lock(&agent->lock);
    while (!agent->ending && !wait_until(agent, until)) {
    }
    pthread_mutex_unlock(&agent->lock);
    return agent->ending;
}

/* Connects and keeps the connection. False: could not connect. */
static bool connect_once(struct agent *agent, bool complain) {
    struct arena *arena = arena_new(0);
    const char *error;
    struct bus_endpoint *endpoint =
        agent->transport->open(arena, agent->address, BUS_CONNECT, &events, agent, &error);

    if (endpoint) {
        if (greet(agent)) {
            log_info("connected to %s", agent->options.url);
            keep(agent);
        }
        agent->transport->close(endpoint);
        log_info("disconnected from %s", agent->options.url);
    } else if (complain) {
        log_warn("%s; will try again", error);
    }
    arena_free(arena);
    return endpoint;
}

static void *keeper(void *argument) {
    struct agent *agent = argument;
    int64_t pause = SHORTEST_PAUSE;
    bool complain = true;

    do {
        if (connect_once(agent, complain)) {
            pause = SHORTEST_PAUSE;
            complain = true;
        } else {
            complain = false;
            pause = pause * 2 > LONGEST_PAUSE ? LONGEST_PAUSE : pause * 2;
        }
    } while (!sleep_until(agent, clock_monotonic() + pause));
    return NULL;
}

/* The services' own time. */

static void *ticker(void *argument) {
    struct agent *agent = argument;
    int64_t next = clock_monotonic();

    do {
        for (const struct agent_service *const *s = agent->options.services; s && *s; s++) {
            for (size_t i = 0; (*s)->tick && i < agent->options.host_count && !agent->ending; i++) {
                agent_speak_for(&agent->options.hosts[i]);
                (*s)->tick(&agent->options.hosts[i]);
            }
        }
        next = clock_monotonic() + SECOND;
    } while (!sleep_until(agent, next));
    return NULL;
}

static void reconcile_all(struct agent *agent) {
    for (const struct agent_service *const *s = agent->options.services; s && *s; s++) {
        for (size_t i = 0; (*s)->reconcile && i < agent->options.host_count && !agent->ending; i++) {
            agent_speak_for(&agent->options.hosts[i]);
            (*s)->reconcile(&agent->options.hosts[i]);
        }
    }
}

static void *reconciler(void *argument) {
    struct agent *agent = argument;
    unsigned seen = 0;
    int64_t next = 0;

    pthread_mutex_lock(&agent->lock);
    while (!agent->ending) {
        if (agent->greeted && (agent->connects != seen || clock_monotonic() >= next)) {
            seen = agent->connects;
            pthread_mutex_unlock(&agent->lock);
            reconcile_all(agent);
            next = clock_monotonic() + agent->options.reconcile_seconds * SECOND;
            pthread_mutex_lock(&agent->lock);
        } else {
            wait_until(agent, agent->greeted ? next : clock_monotonic() + 3600 * SECOND);
        }
    }
    pthread_mutex_unlock(&agent->lock);
    return NULL;
}
