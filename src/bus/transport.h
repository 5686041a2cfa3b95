/* SPDX-License-Identifier: Apache-2.0
 * What carries messages between the two sides of the bus. A transport knows frames as bytes and links as peers; what is
 * in a frame, and which hosts a link speaks for, is the business of bus.c and agent.c. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct bus_endpoint;    /* ours: where links arrive (API), or the one link that we opened (agent) */
struct bus_link;        /* a peer; made by the transport */

enum bus_side { BUS_LISTEN, BUS_CONNECT };

/* Called on the endpoint's one thread. They must not call 'close'. */
struct bus_events {
    void (*opened)(void *user, struct bus_link *link);
    /* 'bytes' live until it returns. False breaks the link: the peer does not speak our language. */
    bool (*frame)(void *user, struct bus_link *link, const char *bytes, size_t size);
    void (*closed)(void *user, struct bus_link *link);      /* the link is freed when it returns */
};

struct bus_transport {
    const char *scheme;     /* "unix:" */

    /* Opens an endpoint for what follows the scheme in the URL. On an error returns null and sets *ret_error (in the
     * arena). 'events' and 'user' must outlive the endpoint. */
    struct bus_endpoint *(*open)(struct arena *arena, const char *address, enum bus_side side,
                                 const struct bus_events *events, void *user, const char **ret_error);

    /* Sends one frame. Never blocks; any thread. False: too large, too much is waiting already, or the link broke. The
     * caller makes sure that 'closed' has not returned for the link. */
    bool (*send)(struct bus_link *link, const char *bytes, size_t size);

    /* Breaks all links ('closed' is called for each) and frees the endpoint. */
    void (*close)(struct bus_endpoint *endpoint);
};

extern const struct bus_transport bus_transport_unix;

/* The same transport, or when HANEUL_BUS_FAULTS asks for it one over it that loses, doubles and delays what is sent. */
const struct bus_transport *bus_transport_unreliable(const struct bus_transport *under);

/* The transport for 'url'; *ret_address points behind the scheme. On an error returns null and sets *ret_error. */
const struct bus_transport *bus_transport_find(struct arena *arena, const char *url, const char **ret_address,
                                               const char **ret_error);
