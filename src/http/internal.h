/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the HTTP server share: the server, and the exchange (one request and its response).
 *
 * An exchange belongs to libmicrohttpd's thread of its connection. While a worker has it, the connection is suspended,
 * so the two never touch it at once; but a body may go on coming while a worker has a part of it (pipe.c). */
#pragma once
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/http.h"

/* The phases of an exchange. */
enum phase { PHASE_HEAD, PHASE_DECIDED, PHASE_BODY, PHASE_LATER, PHASE_ANSWERED, PHASE_SENT };

/* What a worker is to do with an exchange. */
enum task { TASK_DECIDE, TASK_SINK, TASK_ANSWER, TASK_FILL };

/* What a suspended connection waits for, while a worker has a part of its body; PIPE_LEFT: it is gone, and the worker ends the
 * exchange. */
enum pipe_waits { PIPE_NOT, PIPE_FOR_ROOM, PIPE_TO_ANSWER, PIPE_LEFT };

/* Bytes on their way between the connection and a sink or stream that runs on a worker. */
struct pipe {
    size_t room;                        /* of each of its buffers; 0: it has none yet */
    char *bytes;                        /* collected for the sink, or read ahead of the stream */
    size_t size, taken;
    uint64_t position;                  /* in the stream, of what comes next */
    bool over, broken;
    char *passed;                       /* what a worker gives to the sink; this and the rest under the server's mutex */
    size_t passed_size;
    bool busy, refused;                 /* a worker is at it; the sink wants no more */
    enum pipe_waits waits;
};

struct exchange {
    struct http_request request;
    struct http_server *server;
    struct MHD_Connection *connection;
    const char *line;                   /* the target in libmicrohttpd's own memory, and its size */
    size_t line_size;
    enum phase phase;
    enum http_body mode;
    enum task task;
    bool decided, refused, must_close, discarding, has_body, expects_continue, upgrade_reserved;
    uint64_t discarded, came;           /* bytes of the body */
    size_t largest;                     /* piece of it so far */
    unsigned pieces;
    struct pipe pipe;
    struct MHD_UpgradeResponseHandle *upgrade;
    int upgrade_fd;
    const void *extra;
    size_t extra_size;
    struct exchange *next;              /* in the queue of work, or among the spare ones */
    struct exchange *upgraded_next, *upgraded_previous;
};

/* Threads with one queue. */
struct crew {
    struct http_server *server;
    pthread_cond_t work;
    struct exchange *first, **last;
    pthread_t *threads;
    int count, most, idle;
};

/* Who is at the other end of a connection. */
struct peer {
    char address[48];
    bool asked;                         /* its certificate was looked for, once TLS was set up */
    void *certificate;
    size_t certificate_size;
};

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    int listen_fd, port;
    char *certificate, *key, *client_ca;    /* contents of the PEM files */

    pthread_mutex_t mutex;              /* guards what follows up to the statistics */
    pthread_cond_t drained;
    struct crew workers, apart;         /* the threads of 'apart' begin when they are needed */
    struct exchange *spare, *upgraded;
    int spare_count;
    bool workers_end;

    atomic_bool stopping;               /* responses close their connections */
    atomic_bool aborted;                /* nothing is handed to workers any more */
    atomic_int active;                  /* exchanges, with the upgraded ones */
    atomic_int suspended;               /* exchanges that a worker has */
    atomic_int upgraded_count;
    atomic_uint_fast64_t most_connections;  /* open at once since memory was last given back */
    atomic_int wide_pipes;              /* exchanges whose pipe has buffers of PIPE_SIZE */
    atomic_uint_fast64_t requests, connections, open_connections, bytes_in, bytes_out, busy_workers, queued;
};

/* request.c: makes the request out of what libmicrohttpd parsed. Null, or why it is refused, with 400 or 501. */
const char *request_read(struct exchange *exchange, const char *method, const char *version, int *ret_status);

/* response.c */
void response_error(struct http_request *request, int status, const char *title, const char *message);
bool response_send(struct exchange *exchange);
bool header_is_token(const char *name);

/* exchange.c: the callbacks of libmicrohttpd, and the work of a worker. */
void *exchange_begin(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_handle(void *server, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *bytes, size_t *size, void **exchange);
void exchange_end(void *server, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode code);
void exchange_work(struct exchange *exchange);
bool exchange_hand_over(struct exchange *exchange, enum task task);
void exchange_free(struct exchange *exchange);

/* peer.c: who a connection is with; and what of that a request tells. Null is fine. */
struct peer *peer_new(struct MHD_Connection *connection);
void peer_free(struct peer *peer);
void peer_read(struct peer *peer, struct MHD_Connection *connection, struct exchange *exchange);

/* workers.c */
bool workers_start(struct http_server *server);
void workers_push(struct http_server *server, struct exchange *exchange);
void workers_stop(struct http_server *server);      /* runs what is queued, then ends them */

/* pipe.c */
/* Takes of a body for the sink what there is room for; '*size' becomes what is left, then the connection is suspended. */
bool pipe_take(struct exchange *exchange, const char *bytes, size_t *size);
bool pipe_answer_waits(struct exchange *exchange);  /* a worker is still at the body: it answers when it is through */
/* The connection ends: waits until no worker has any of the body. False: that may be long, so the worker ends the exchange. */
bool pipe_end(struct exchange *exchange);
/* On a worker. pipe_sink gives what was passed on and tells what the connection waited for meanwhile; after
 * PIPE_FOR_ROOM there is more to give, unless the sink refused. */
enum pipe_waits pipe_sink(struct exchange *exchange);
enum pipe_waits pipe_drop(struct exchange *exchange);    /* the same, but throws it away: the server ends */
void pipe_drain(struct exchange *exchange);         /* gives what was not passed on */
void pipe_fill(struct exchange *exchange);
void pipe_release(struct exchange *exchange);

/* upgrade.c */
struct MHD_Response *upgrade_response(struct exchange *exchange);   /* null when there are too many */
void upgrades_shut_down(struct http_server *server);

/* The first so many pipes are wide; when there are more at once, those that come have narrow buffers, so that a thousand bodies
 * at once need tens of megabytes. */
enum { PIPE_SIZE = 128 * 1024, NARROW_PIPE_SIZE = 16 * 1024, MAX_WIDE_PIPES = 64 };
