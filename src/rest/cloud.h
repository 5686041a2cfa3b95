/* SPDX-License-Identifier: Apache-2.0
 * The running API role: services, store, bus, tasks and the HTTP server put together. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rest/call.h"

struct bus;
struct conf;
struct json;
struct policy;
struct service;
struct store;

struct cloud {
    const struct conf *conf;
    const struct service *const *services;      /* ends with null */
    struct store *store;
    struct bus *bus;                            /* null: no agents */
    const char *data;                           /* data directory, shared with the agent */
    const char *state;                          /* DATA/api: this role's own, nobody else reads it: database, keys */
    const char *url;                            /* "http://127.0.0.1:8470": what the catalog says */
    const char *region;
    const char *host;                           /* this host's name */
    struct policy **policies;                   /* by service, in the order of the table */
};

/* The one cloud of this process; set by cloud_start. */
extern struct cloud cloud;

/* Makes tables, loads policies and routes, runs each service's bootstrap. False with a sentence in *ret_error. */
bool cloud_start(const struct conf *conf, const struct service *const *services, struct arena *arena,
                 const char **ret_error);
/* Serves until cloud_stop is called; then ends in order. */
bool cloud_serve(struct arena *arena, const char **ret_error);
void cloud_stop(void);

const struct service *cloud_service(const char *type);  /* or its folder; null: not there, or switched off */

/* "network.port" is for the service whose folder is "network"; null: for none. */
const struct service *cloud_service_of_kind(const char *kind);
/* Where a service with a port of its own listens; null: it has none, or is off there. */
const char *cloud_listen(struct arena *arena, const struct service *service);
/* The URL below which a service's endpoint lies. */
const char *cloud_service_url(struct arena *arena, const struct service *service);

/* Runs 'body' in a transaction of its own as the cloud itself, repeated when the database asks for it. For tasks,
 * reports and start-up. False when it failed; the cause is logged. */
bool cloud_transaction(const struct service *service, enum db_mode mode, const char *request_id,
                       bool (*body)(struct call *call, void *user), void *user);

/* The same outside transactions, for what looks at disks or other machines; 'body' opens those that it needs by
 * call_transaction. */
bool cloud_run(const struct service *service, const char *request_id, bool (*body)(struct call *call, void *user),
               void *user);

/* Identity's part: fills call->caller from a token; false (without an error recorded) when the token is not valid. The
 * call has a read transaction when identity needs one. */
extern bool (*cloud_authenticate)(struct call *call, const char *token);
/* The same without a transaction: only what is known from memory. */
extern bool (*cloud_recall)(struct call *call, const char *token);

/* Microseconds of the wall clock: a host whose agent was heard of since then is given work though it is not connected
 * just now; its tasks wait for it. */
int64_t cloud_heard_since(void);

/* Asks an agent and waits (console log, VNC address). Never inside a transaction. Fails the call with 409 or 503. */
bool cloud_ask_host(struct call *call, const char *host, const char *kind, const char *id, const char *doc,
                    int timeout_ms, const struct json **ret_result);
