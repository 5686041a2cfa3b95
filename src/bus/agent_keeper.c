/* SPDX-License-Identifier: Apache-2.0
 * The agent's own threads: the keeper connects, says hello, sends heartbeats and results again; the ticker and the
 * reconciler call the services. */
#include <errno.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "bus/agent_private.h"
#include "bus/transport.h"

LOG_MODULE("bus.agent");

enum { COMPLAIN_AT = 5 };               /* failed attempts to connect, about three seconds */

#define SHORTEST_PAUSE (SECOND / 20)    /* between two attempts to connect; doubles */
#define LONGEST_PAUSE (2 * SECOND)
#define FIRST_RETRY (2 * SECOND)        /* of a reconciliation that failed; doubles */

bool agent_wait(struct agent *agent, int64_t until) {
    struct timespec end = {.tv_sec = until / SECOND, .tv_nsec = until % SECOND * 1000};

    return pthread_cond_timedwait(&agent->changed, &agent->lock, &end) == ETIMEDOUT;
}

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
        if (!agent_wait(agent, next)) {
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
    while (!agent->ending && !agent_wait(agent, until)) {
    }
    pthread_mutex_unlock(&agent->lock);
    return agent->ending;
}

/* Connects and keeps the connection. False: could not connect. */
static bool connect_once(struct agent *agent, bool complain) {
    struct arena *arena = arena_new(0);
    const char *error;
    struct bus_endpoint *endpoint =
        agent->transport->open(arena, agent->address, BUS_CONNECT, &agent_events, agent, &error);

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

/* Tries for ever; a failure is told once it has lasted, for the API may just be starting. */
void *agent_keeper(void *argument) {
    struct agent *agent = argument;
    int64_t pause = SHORTEST_PAUSE;
    unsigned failures = 0;

    do {
        if (connect_once(agent, failures == COMPLAIN_AT)) {
            pause = SHORTEST_PAUSE;
            failures = 0;
        } else {
            failures++;
            pause = pause * 2 > LONGEST_PAUSE ? LONGEST_PAUSE : pause * 2;
        }
    } while (!sleep_until(agent, clock_monotonic() + pause));
    return NULL;
}

/* The services' own time. */

void *agent_ticker(void *argument) {
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

/* True when every service made every host what it should be. */
static bool reconcile_all(struct agent *agent) {
    bool ok = true;

    for (const struct agent_service *const *s = agent->options.services; s && *s; s++) {
        for (size_t i = 0; (*s)->reconcile && i < agent->options.host_count && !agent->ending; i++) {
            agent_speak_for(&agent->options.hosts[i]);
            ok = (*s)->reconcile(&agent->options.hosts[i]) && ok;
        }
    }
    return ok;
}

void agent_reconcile_now(struct agent *agent) {
    pthread_mutex_lock(&agent->lock);
    agent->reconcile = true;
    pthread_cond_broadcast(&agent->changed);
    pthread_mutex_unlock(&agent->lock);
}

void *agent_reconciler(void *argument) {
    struct agent *agent = argument;
    const int64_t longest = agent->options.reconcile_seconds * SECOND;
    unsigned seen = 0;
    int64_t next = 0, retry = FIRST_RETRY;

    pthread_mutex_lock(&agent->lock);
    while (!agent->ending) {
        if (agent->greeted && (agent->connects != seen || agent->reconcile || clock_monotonic() >= next)) {
            seen = agent->connects;
            agent->reconcile = false;
            pthread_mutex_unlock(&agent->lock);
            if (reconcile_all(agent)) {
                next = clock_monotonic() + longest;
                retry = FIRST_RETRY;
            } else {
                next = clock_monotonic() + (retry < longest ? retry : longest);
                retry = retry < longest ? retry * 2 : retry;
            }
            pthread_mutex_lock(&agent->lock);
        } else {
            agent_wait(agent, agent->greeted ? next : clock_monotonic() + 3600 * SECOND);
        }
    }
    pthread_mutex_unlock(&agent->lock);
    return NULL;
}
