/* SPDX-License-Identifier: Apache-2.0
 * The API's side of the bus: it hears which hosts are there, sends them tasks, asks them questions, gets results and
 * reports. Nothing here is durable: tasks live in the database and are sent again, results live in the agent and are
 * sent again until they are acknowledged. A lost message costs a delay, never a state. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct bus;
struct json;
struct json_out;

/* What a host tells: that a task ended, or something that nobody asked for. */
struct bus_told {
    const char *kind, *id;      /* of a report: power states, port states; "host.heartbeat" with the facts every 10 s.
                                 * A null kind: a task ended */
    int64_t task;
    int attempt;                /* of the sending that the result answers */
    bool ok;
    const char *error;          /* null when ok */
    const struct json *doc;     /* of the report; or the map that the handler of the task wrote */

    /* To be set when the result of a task is recorded (or is of no interest): only then it is acknowledged and the agent
     * forgets it. */
    bool recorded;
};

enum { BUS_TOLD_MOST = 32 };

/* Called on threads of the bus. Calls about one host come one at a time and in the order in which they were sent; calls
 * about different hosts may run at once. They may use the database and bus_send_task; they must not use bus_call. What
 * they are given lives until they return. */
struct bus_handlers {
    /* An agent that speaks for 'host' connected, or connected again (its first heartbeat tells it when the hello was lost). 'facts' is a map: what the services of the host
     * told about it, and "tasks", the ids of those it still has in hand (queued, running, or done but not
     * acknowledged). */
    void (*hello)(void *user, const char *host, const struct json *facts);

    /* The connection of 'host' broke. Not called when it has already connected anew, nor by bus_close. */
    void (*gone)(void *user, const char *host);

    /* What the host told, in its order: as much as has come meanwhile, at most BUS_TOLD_MOST. The same result may come
     * more than once, also for a task that is long forgotten. */
    void (*told)(void *user, const char *host, struct bus_told *told, size_t count);

    /* The agent wants to know the wanted state: writes one JSON value to 'answer'. False: there is no answer. */
    bool (*ask)(void *user, const char *host, const char *kind, const char *id, struct json_out *answer);
};

/* Listens on "unix:/path" (mode 0600; only root and our own user may connect). On an error returns null and sets
 * *ret_error (in the arena). 'handlers' must outlive the bus; each member may be null. */
struct bus *bus_listen(const char *url, const struct bus_handlers *handlers, void *user, struct arena *arena,
                       const char **ret_error);

/* Sends a task to 'host'. 'attempt' counts its sendings, from 1 on (0: not told). 'id' names the resource: an agent does
 * tasks of the same id in the order sent, one at a time. It ignores a task that it has in hand or that it has done (the
 * result is told again), and one whose result of that attempt or a later one was acknowledged. 'seconds': deadline, 0: what the kind says. 'doc_json': what should be
 * (JSON text); null: it must not exist. Never blocks. False when the host is not connected or its queue is full. */
bool bus_send_task(struct bus *bus, const char *host, int64_t task, int attempt, const char *kind, const char *id,
                   const char *request_id, int seconds, const char *doc_json);

/* Asks 'host' a question and waits up to 'timeout_ms' for the answer, a map in the arena. Never inside a transaction,
 * never in a handler of the bus. On an error returns false and sets *ret_error (in the arena). */
bool bus_call(struct bus *bus, struct arena *arena, const char *host, const char *kind, const char *id,
              const char *doc_json, int timeout_ms, const struct json **ret_result, const char **ret_error);

/* The names of the connected hosts, in no order; returns how many. */
size_t bus_hosts(struct bus *bus, struct arena *arena, const char *const **ret_hosts);
bool bus_connected(struct bus *bus, const char *host);

/* Breaks all connections, lets running handlers end, drops what is queued (it will come again). Null is fine. */
void bus_close(struct bus *bus);
