/* SPDX-License-Identifier: Apache-2.0
 * The API's side of the bus. The transport's thread only reads headers, notes which link speaks for which host, and
 * gives answers their way; handlers run on lanes, one lane a host. */
#include "bus/bus.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/control.h"
#include "base/crash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "bus/calls.h"
#include "bus/frame.h"
#include "bus/lanes.h"
#include "bus/transport.h"

LOG_MODULE("bus");

enum {
    THREADS = 4,
    MAX_HOSTS = 100 * 1000,
    MAX_JOBS = 100 * 1000,      /* then we stop reading until handlers catch up */
};

struct bus {
    const struct bus_handlers *handlers;
    void *user;
    const struct bus_transport *transport;
    struct bus_endpoint *endpoint;
    struct calls *calls;
    struct lanes *lanes;
    struct arena *arena;        /* of the transport's thread: one header */
    pthread_mutex_t lock;       /* of what follows, and held while sending: a link cannot go meanwhile */
    struct map *hosts;          /* name to struct bus_link */
};

/* A frame on its way to a handler. */
struct job {
    struct bus *bus;
    enum frame_type type;       /* what it counts as */
    size_t size;
    char bytes[];
};

static void jobs_run(void *const *jobs, size_t count);
static void link_opened(void *user, struct bus_link *link);
static bool link_frame(void *user, struct bus_link *link, const char *bytes, size_t size);
static void link_closed(void *user, struct bus_link *link);
static void bus_stats(void *user, struct buf *out);

static const struct bus_events events = {.opened = link_opened, .frame = link_frame, .closed = link_closed};

static void bus_free(struct bus *bus) {
    lanes_stop(bus->lanes, -1);
    if (bus->endpoint) {
        bus->transport->close(bus->endpoint);
    }
    lanes_free(bus->lanes);
    calls_free(bus->calls);
    map_free(bus->hosts, NULL);
    arena_free(bus->arena);
    pthread_mutex_destroy(&bus->lock);
    free(bus);
}

struct bus *bus_listen(const char *url, const struct bus_handlers *handlers, void *user, struct arena *arena,
                       const char **ret_error) {
    const char *address;
    const struct bus_transport *transport = bus_transport_find(arena, url, &address, ret_error);
    struct bus *bus = transport ? calloc(1, sizeof *bus) : NULL;

    if (!bus) {
        return NULL;
    }
    *bus = (struct bus){
        .handlers = handlers,
        .user = user,
        .transport = transport,
        .calls = calls_new(),
        .lanes = lanes_new(THREADS, BUS_TOLD_MOST, jobs_run, free),
        .arena = arena_new(0),
        .hosts = map_new(),
    };
    pthread_mutex_init(&bus->lock, NULL);
    bus->endpoint = transport->open(arena, address, BUS_LISTEN, &events, bus, ret_error);
    if (!bus->endpoint) {
        bus_free(bus);
        return NULL;
    }
    control_stats(bus_stats, bus);
    return bus;
}

void bus_close(struct bus *bus) {
    if (bus) {
        control_forget(bus);
        calls_fail(bus->calls, NULL);
        bus_free(bus);
    }
}

static bool send_frame(void *user, const struct frame *frame) {
    struct bus *bus = user;
    struct buf buf = {0};
    struct bus_link *link;
    bool ok;

    frame_print(&buf, frame);
    pthread_mutex_lock(&bus->lock);
    link = map_get(bus->hosts, frame->host);
    ok = link && bus->transport->send(link, buf.at, buf.size);
    pthread_mutex_unlock(&bus->lock);
    buf_release(&buf);
    return ok;
}

bool bus_send_task(struct bus *bus, const char *host, int64_t task, int attempt, const char *kind, const char *id,
                   const char *request_id, int seconds, const char *doc_json) {
    struct frame frame = {
        .type = FRAME_TASK,
        .host = host,
        .number = task,
        .attempt = attempt,
        .kind = kind,
        .id = id,
        .request_id = request_id,
        .seconds = seconds,
        .payload = doc_json,
        .payload_size = doc_json ? strlen(doc_json) : 0,
    };

    bool sent;

    crash_point("task about to be sent");
    sent = send_frame(bus, &frame);
    crash_point("task sent");
    return sent;
}

bool bus_call(struct bus *bus, struct arena *arena, const char *host, const char *kind, const char *id,
              const char *doc_json, int timeout_ms, const struct json **ret_result, const char **ret_error) {
    struct frame frame = {
        .type = FRAME_ASK,
        .host = host,
        .kind = kind,
        .id = id,
        .payload = doc_json,
        .payload_size = doc_json ? strlen(doc_json) : 0,
    };
    const char *why;
    struct bus_link *link;

    pthread_mutex_lock(&bus->lock);
    link = map_get(bus->hosts, host);
    pthread_mutex_unlock(&bus->lock);
    if (!calls_ask(bus->calls, arena, &frame, link, send_frame, bus, timeout_ms, ret_result, &why)) {
        *ret_error = arena_printf(arena, "host %s, %s: %s", host, kind, why);
        return false;
    }
    return true;
}

size_t bus_hosts(struct bus *bus, struct arena *arena, const char *const **ret_hosts) {
    size_t cursor = 0, count = 0;
    const char **hosts, *name;
    void *link;

    pthread_mutex_lock(&bus->lock);
    hosts = ARENA_ARRAY(arena, const char *, map_count(bus->hosts) + 1);
    while ((name = map_next(bus->hosts, &cursor, &link))) {
        hosts[count++] = arena_text(arena, name);
    }
    pthread_mutex_unlock(&bus->lock);
    *ret_hosts = hosts;
    return count;
}

bool bus_connected(struct bus *bus, const char *host) {
    bool connected;

    pthread_mutex_lock(&bus->lock);
    connected = map_get(bus->hosts, host);
    pthread_mutex_unlock(&bus->lock);
    return connected;
}

static void bus_stats(void *user, struct buf *out) {
    struct bus *bus = user;

    pthread_mutex_lock(&bus->lock);
    buf_printf(out, "bus hosts %zu\n", map_count(bus->hosts));
    pthread_mutex_unlock(&bus->lock);
    buf_printf(out, "bus jobs %zu\n", lanes_count(bus->lanes));
}

/* The transport's thread. */

static void job_add(struct bus *bus, const char *host, enum frame_type type, const char *bytes, size_t size) {
    struct job *job = malloc(sizeof *job + size);

    if (!job) {
        abort();
    }
    job->bus = bus;
    job->type = type;
    job->size = size;
    memcpy(job->bytes, bytes, size);
    lanes_add(bus->lanes, host, job);
}

static void link_opened(void *user, struct bus_link *link) {
    log_debug("a connection was made");
}

/* Notes that 'link' speaks for 'host' from now on. */
static bool host_take(struct bus *bus, const char *host, struct bus_link *link) {
    bool ok;

    pthread_mutex_lock(&bus->lock);
    ok = map_count(bus->hosts) < MAX_HOSTS || map_get(bus->hosts, host);
    if (ok) {
        map_set(bus->hosts, host, link);
    }
    pthread_mutex_unlock(&bus->lock);
    return ok;
}

static bool host_speaks(struct bus *bus, const char *host, const struct bus_link *link) {
    bool speaks;

    pthread_mutex_lock(&bus->lock);
    speaks = map_get(bus->hosts, host) == link;
    pthread_mutex_unlock(&bus->lock);
    return speaks;
}

/* A heartbeat says all that a hello does, and is one when the hello was lost. */
static bool is_greeting(struct bus *bus, struct frame *frame) {
    if (frame->type == FRAME_REPORT && frame->kind && !strcmp(frame->kind, "host.heartbeat") &&
        !bus_connected(bus, frame->host)) {
        frame->type = FRAME_HELLO;
    }
    return frame->type == FRAME_HELLO;
}

static bool link_frame(void *user, struct bus_link *link, const char *bytes, size_t size) {
    struct bus *bus = user;
    struct frame frame;
    const char *error;

    arena_reset(bus->arena);
    if (!frame_parse(bus->arena, bytes, size, &frame, &error)) {
        log_warn("malformed message, closing the connection: %s", error);
        return false;
    }
    if (frame.type == FRAME_ANSWER) {
        calls_answer(bus->calls, &frame);
        return true;
    }
    if (is_greeting(bus, &frame) ? !host_take(bus, frame.host, link) : !host_speaks(bus, frame.host, link)) {
        log_warn("ignored a message in the name of host %s", frame.host);
        return true;
    }
    job_add(bus, frame.host, frame.type, bytes, size);
    lanes_wait(bus->lanes, MAX_JOBS);
    return true;
}

static void link_closed(void *user, struct bus_link *link) {
    struct bus *bus = user;
    struct buf buf = {0};
    size_t cursor = 0, count = 0;
    const char *name, **gone;
    void *value;

    arena_reset(bus->arena);
    pthread_mutex_lock(&bus->lock);
    gone = ARENA_ARRAY(bus->arena, const char *, map_count(bus->hosts) + 1);
    while ((name = map_next(bus->hosts, &cursor, &value))) {
        if (value == link) {
            gone[count++] = arena_text(bus->arena, name);
        }
    }
    for (size_t i = 0; i < count; i++) {
        map_set(bus->hosts, gone[i], NULL);
    }
    pthread_mutex_unlock(&bus->lock);
    calls_fail(bus->calls, link);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&buf);
        frame_print(&buf, &(struct frame){.type = FRAME_GONE, .host = gone[i]});
        job_add(bus, gone[i], FRAME_GONE, buf.at, buf.size);
    }
    buf_release(&buf);
    log_debug("a connection ended; hosts gone: %zu", count);
}

/* The lanes' threads: one function per type of frame. */

static_assert((int)BUS_TOLD_MOST <= (int)LANES_MOST, "jobs of a lane");

struct delivery {
    struct bus *bus;
    struct arena *arena;
    struct frame frame;
    const struct json *payload;         /* null: none, or 'malformed' says why it cannot be read */
    const char *malformed;
};

static void on_hello(const struct delivery *d) {
    static const struct json no_facts = {.type = JSON_MAP};

    if (d->bus->handlers->hello) {
        d->bus->handlers->hello(d->bus->user, d->frame.host, d->payload ? d->payload : &no_facts);
    }
}

static void on_gone(const struct delivery *d) {
    if (d->bus->handlers->gone) {
        d->bus->handlers->gone(d->bus->user, d->frame.host);
    }
}

static struct bus_told told_of(const struct delivery *d) {
    const char *error = d->frame.ok ? NULL : d->frame.error ? d->frame.error : "it failed without saying why";

    if (d->frame.type == FRAME_REPORT) {
        return (struct bus_told){.kind = d->frame.kind, .id = d->frame.id, .doc = d->payload};
    }
    if (d->malformed) {
        error = arena_printf(d->arena, "the result cannot be read: %s", d->malformed);
    }
    crash_point("result received");
    return (struct bus_told){.task = d->frame.number, .attempt = d->frame.attempt, .ok = !error, .error = error,
                             .doc = d->payload, .recorded = !d->bus->handlers->told};
}

/* What one host told, one after the other: handed over together. */
static void tell(const struct delivery *all, size_t count) {
    struct bus_told told[BUS_TOLD_MOST];
    struct bus *bus = count ? all->bus : NULL;
    const char *host = count ? all->frame.host : NULL;

    for (size_t i = 0; i < count; i++) {
        told[i] = told_of(&all[i]);
    }
    if (count && bus->handlers->told) {
        bus->handlers->told(bus->user, host, told, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (!told[i].kind && told[i].recorded) {
            send_frame(bus, &(struct frame){.type = FRAME_ACK, .host = host, .number = told[i].task});
            crash_point("result acknowledged");
        }
    }
}

static void on_ask(const struct delivery *d) {
    struct frame answer = {.type = FRAME_ANSWER, .host = d->frame.host, .number = d->frame.number};
    struct buf buf = {0};

    answer.ok = d->bus->handlers->ask && d->bus->handlers->ask(d->bus->user, d->frame.host, d->frame.kind, d->frame.id,
                                                               &(struct json_out){.buf = &buf});
    if (answer.ok) {
        answer.payload = buf.at;
        answer.payload_size = buf.size;
    } else {
        answer.error = "the API has no answer";
    }
    if (!send_frame(d->bus, &answer)) {
        log_warn("host %s: the answer to %s, %zu bytes, could not be sent", d->frame.host, d->frame.kind, buf.size);
    }
    buf_release(&buf);
}

static void (*const deliveries[FRAME_TYPE_COUNT])(const struct delivery *) = {
    [FRAME_HELLO] = on_hello, [FRAME_GONE] = on_gone, [FRAME_ASK] = on_ask,
};

/* False: there is nothing to hand over. */
static bool delivery_read(struct delivery *d, const struct job *job) {
    const char *error;

    *d = (struct delivery){.bus = job->bus, .arena = arena_new(0)};
    if (!frame_parse(d->arena, job->bytes, job->size, &d->frame, &error)) {
        return false;
    }
    d->frame.type = job->type;
    if (!frame_payload(d->arena, &d->frame, &d->payload, &d->malformed)) {
        log_warn("host %s: payload of %s %s cannot be read: %s", d->frame.host,
                 d->frame.kind ? d->frame.kind : "a message", d->frame.id ? d->frame.id : "", d->malformed);
    }
    return job->type == FRAME_RESULT || (job->type == FRAME_REPORT && d->frame.kind && !d->malformed) ||
           deliveries[job->type];
}

/* What a host told is handed over together, as far as nothing else stands between. */
static void jobs_run(void *const *jobs, size_t count) {
    struct delivery all[BUS_TOLD_MOST];
    size_t told = 0, read = 0;

    for (size_t i = 0; i < count; i++) {
        struct delivery *d = &all[read++];

        if (!delivery_read(d, jobs[i])) {
            arena_free(all[--read].arena);
        } else if (deliveries[d->frame.type]) {
            tell(all + told, read - 1 - told);
            deliveries[d->frame.type](d);
            told = read;
        }
    }
    tell(all + told, read - told);
    while (read) {
        arena_free(all[--read].arena);
    }
    for (size_t i = 0; i < count; i++) {
        free(jobs[i]);
    }
}
