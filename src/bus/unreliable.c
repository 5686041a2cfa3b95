/* SPDX-License-Identifier: Apache-2.0
 * A transport that breaks its promises: it lays itself over another one, and loses, doubles and delays frames, so that
 * they also come in another order. For tests of what stands above: HANEUL_BUS_FAULTS="lose=5 double=5 delay=20 ms=300"
 * are percentages of the frames, and the longest delay; each process spoils what it sends. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "bus/frame.h"
#include "bus/transport.h"

LOG_MODULE("bus.unreliable");

/* A frame on its way. */
struct late {
    struct late *next;
    struct bus_link *link;
    int64_t due;                        /* clock_monotonic */
    size_t size;
    char bytes[];
};

struct bus_endpoint {
    const struct bus_events *events;
    void *user;
    struct bus_endpoint *under;
};

static struct {
    const struct bus_transport *under;
    struct {
        long lose, twice, delay, ms;
    } faults;
    pthread_once_t once;
    pthread_mutex_t lock;               /* of what follows; held while a late frame is sent: its link cannot go meanwhile */
    struct late *late;
} state = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static void link_opened(void *user, struct bus_link *link) {
    struct bus_endpoint *endpoint = user;

    endpoint->events->opened(endpoint->user, link);
}

static bool link_frame(void *user, struct bus_link *link, const char *bytes, size_t size) {
    struct bus_endpoint *endpoint = user;

    return endpoint->events->frame(endpoint->user, link, bytes, size);
}

/* What is on its way to a peer ends with the link. */
static void link_closed(void *user, struct bus_link *link) {
    struct bus_endpoint *endpoint = user;

    pthread_mutex_lock(&state.lock);
    for (struct late **at = &state.late; *at;) {
        struct late *late = *at;

        if (late->link == link) {
            *at = late->next;
            free(late);
        } else {
            at = &late->next;
        }
    }
    pthread_mutex_unlock(&state.lock);
    endpoint->events->closed(endpoint->user, link);
}

static const struct bus_events events = {.opened = link_opened, .frame = link_frame, .closed = link_closed};

static void send_due(void) {
    int64_t now = clock_monotonic();

    pthread_mutex_lock(&state.lock);
    for (struct late **at = &state.late; *at;) {
        struct late *late = *at;

        if (late->due <= now) {
            *at = late->next;
            state.under->send(late->link, late->bytes, late->size);
            free(late);
        } else {
            at = &late->next;
        }
    }
    pthread_mutex_unlock(&state.lock);
}

static void *postman(void *unused) {
    for (;;) {
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
        send_due();
    }
    return NULL;
}

static long chance(void) {
    uint32_t random;

    random_bytes(&random, sizeof random);
    return random % 100;
}

static void send_late(struct bus_link *link, const char *bytes, size_t size) {
    struct late *late = malloc(sizeof *late + size);
    uint32_t random;

    if (!late) {
        abort();
    }
    random_bytes(&random, sizeof random);
    *late = (struct late){.link = link, .size = size, .due = clock_monotonic() + random % (state.faults.ms * 1000 + 1)};
    memcpy(late->bytes, bytes, size);
    pthread_mutex_lock(&state.lock);
    late->next = state.late;
    state.late = late;
    pthread_mutex_unlock(&state.lock);
}

static bool unreliable_send(struct bus_link *link, const char *bytes, size_t size) {
    bool doubled = chance() < state.faults.twice;

    if (size > FRAME_MAX) {
        return false;
    }
    if (chance() < state.faults.lose) {
        const char *end = memchr(bytes, '\n', size);

        log_info("lost: %.*s", (int)(end ? (size_t)(end - bytes) : size), bytes);
        return true;
    }
    if (doubled) {
        send_late(link, bytes, size);
    }
    if (chance() < state.faults.delay) {
        send_late(link, bytes, size);
        return true;
    }
    return state.under->send(link, bytes, size);
}

static long number_after(const char *text, const char *name) {
    const char *at = strstr(text, name);

    return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

static void begin(void) {
    const char *text = getenv("HANEUL_BUS_FAULTS");
    pthread_t thread;

    state.faults.lose = number_after(text, "lose=");
    state.faults.twice = number_after(text, "double=");
    state.faults.delay = number_after(text, "delay=");
    state.faults.ms = number_after(text, "ms=");
    state.faults.ms = state.faults.ms > 0 ? state.faults.ms : 200;
    log_warn("the bus is made unreliable: %s", text);
    if (pthread_create(&thread, NULL, postman, NULL)) {
        abort();
    }
    pthread_detach(thread);
}

static struct bus_endpoint *unreliable_open(struct arena *arena, const char *address, enum bus_side side,
                                            const struct bus_events *above, void *user, const char **ret_error) {
    struct bus_endpoint *endpoint = calloc(1, sizeof *endpoint);

    if (!endpoint) {
        abort();
    }
    pthread_once(&state.once, begin);
    *endpoint = (struct bus_endpoint){.events = above, .user = user};
    endpoint->under = state.under->open(arena, address, side, &events, endpoint, ret_error);
    if (!endpoint->under) {
        free(endpoint);
        return NULL;
    }
    return endpoint;
}

static void unreliable_close(struct bus_endpoint *endpoint) {
    state.under->close(endpoint->under);
    free(endpoint);
}

const struct bus_transport *bus_transport_unreliable(const struct bus_transport *under) {
    static const struct bus_transport transport = {
        .scheme = "", .open = unreliable_open, .send = unreliable_send, .close = unreliable_close};

    if (!getenv("HANEUL_BUS_FAULTS")) {
        return under;
    }
    state.under = under;
    return &transport;
}
