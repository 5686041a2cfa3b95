/* SPDX-License-Identifier: Apache-2.0
 * The life of a request: head, decision, body, answer, end.
 *
 * libmicrohttpd calls exchange_handle when the head is there, for each piece of the body, when the body is whole, and
 * again when a worker let the connection go on, which after a suspension at the head is as at the head. While a worker has the exchange the connection is suspended. Within a
 * body it may be suspended only when some of the piece at hand is left untaken, else libmicrohttpd goes on calling. */
#include "http/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

/* A body that nobody wants is read to its end when it is no longer than this, so that the client reads the answer. */
enum { MAX_DISCARDED = 64 * 1024 * 1024, MAX_SPARE = 256, FIRST_BODY = 64 * 1024, FIRST_PIECES = 4 };

static struct exchange *take_spare(struct http_server *server) {
    struct exchange *exchange;

    pthread_mutex_lock(&server->mutex);
    exchange = server->spare;
    if (exchange) {
        server->spare = exchange->next;
        server->spare_count--;
    }
    pthread_mutex_unlock(&server->mutex);
    return exchange;
}

static struct exchange *exchange_new(struct http_server *server) {
    struct exchange *exchange = take_spare(server);
    struct arena *arena;

    if (!exchange) {
        exchange = calloc(1, sizeof *exchange);
        if (!exchange) {
            abort();
        }
        exchange->request.arena = arena_new(server->options.max_arena);
    }
    arena = exchange->request.arena;
    *exchange = (struct exchange){.server = server};
    exchange->request.arena = arena;
    exchange->request.response.file = -1;
    exchange->request.server_private = exchange;
    exchange->upgrade_fd = -1;
    return exchange;
}

static void exchange_reuse(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    bool kept;

    arena_reset(exchange->request.arena);
    pthread_mutex_lock(&server->mutex);
    kept = server->spare_count < MAX_SPARE;
    if (kept) {
        exchange->next = server->spare;
        server->spare = exchange;
        server->spare_count++;
    }
    pthread_mutex_unlock(&server->mutex);
    if (!kept) {
        exchange_free(exchange);
    }
}

void exchange_free(struct exchange *exchange) {
    arena_free(exchange->request.arena);
    free(exchange);
}

/* libmicrohttpd (0.9.75) splits the query into a list in the connection's memory. When that is full, from some 500 arguments
 * on, it neither answers nor ends the request, and ours would be lost with it. We read the query ourselves, so it is not shown
 * any: 'target' lies in its buffer, which is writable. */
static void hide_query(const char *target) {
    char *mark = target ? strchr((char *)(uintptr_t)target, '?') : NULL;

    if (mark) {
        mark[1] = 0;
    }
}

void *exchange_begin(void *argument, const char *target, struct MHD_Connection *connection) {
    struct http_server *server = argument;
    struct exchange *exchange = exchange_new(server);
    struct http_request *request = &exchange->request;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    exchange->connection = connection;
    exchange->line = target;
    exchange->line_size = target ? strlen(target) : 0;
    request->target = arena_text_size(request->arena, target, exchange->line_size);
    hide_query(target);
    request->path = request->raw_path = request->query = "";
    peer_read(info ? info->socket_context : NULL, connection, exchange);
    request->tls = server->certificate != NULL;
    request->received = clock_monotonic();
    atomic_fetch_add_explicit(&server->active, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&server->requests, 1, memory_order_relaxed);
    return exchange;
}

static void end(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    struct http_request *request = &exchange->request;

    if (request->response.stream_end) {
        request->response.stream_end(request->response.stream_user);
    }
    if (exchange->decided && server->options.done) {
        server->options.done(request, server->options.user);
    }
    if (request->response.file >= 0) {
        close(request->response.file);
    }
    if (exchange->upgrade_reserved && !exchange->upgrade) {
        atomic_fetch_sub(&server->upgraded_count, 1);
    }
    pipe_release(exchange);
    buf_release(&request->body);
    buf_release(&request->response.body);
    exchange_reuse(exchange);
    atomic_fetch_sub(&server->active, 1);
}

/* On the worker that had a part of the body when the connection ended. */
static void end_left(struct exchange *exchange) {
    struct http_server *server = exchange->server;

    end(exchange);
    atomic_fetch_sub(&server->suspended, 1);
}

void exchange_end(void *argument, struct MHD_Connection *connection, void **context,
                  enum MHD_RequestTerminationCode code) {
    struct exchange *exchange = *context;

    *context = NULL;
    if (exchange && pipe_end(exchange)) {
        end(exchange);
    }
}

bool exchange_hand_over(struct exchange *exchange, enum task task) {
    struct http_server *server = exchange->server;

    atomic_fetch_add(&server->suspended, 1);
    if (atomic_load(&server->aborted)) {
        atomic_fetch_sub(&server->suspended, 1);
        return false;
    }
    exchange->task = task;
    MHD_suspend_connection(exchange->connection);
    workers_push(server, exchange);
    return true;
}

static void answer(struct exchange *exchange) {
    pipe_drain(exchange);
    exchange->server->options.answer(&exchange->request, exchange->server->options.user);
    exchange->phase = exchange->request.later ? PHASE_LATER : PHASE_ANSWERED;
}

static void resume(struct exchange *exchange) {
    struct http_server *server = exchange->server;

    MHD_resume_connection(exchange->connection);
    atomic_fetch_sub(&server->suspended, 1);
}

void http_answered(struct http_request *request) {
    resume(request->server_private);
}

/* The server answers this one itself. */
static void refuse(struct exchange *exchange, int status, const char *title, const char *message) {
    response_error(&exchange->request, status, title, message);
    exchange->refused = exchange->discarding = true;
}

/* The server ends and does not wait for what has not begun. */
static void give_up(struct exchange *exchange) {
    enum pipe_waits waits = exchange->task == TASK_SINK ? pipe_drop(exchange) : PIPE_NOT;

    if (exchange->task == TASK_ANSWER || exchange->task == TASK_DECIDE || waits == PIPE_TO_ANSWER) {
        refuse(exchange, 503, "Service Unavailable", "The service is being stopped.");
        exchange->phase = PHASE_ANSWERED;
    }
    switch (exchange->task) {
    case TASK_SINK:
        if (waits == PIPE_NOT) {
            return;
        }
        if (waits == PIPE_LEFT) {
            end_left(exchange);
            return;
        }
        break;
    case TASK_DECIDE:
    case TASK_ANSWER:
        break;
    case TASK_FILL:
        exchange->pipe.size = exchange->pipe.taken = 0;
        exchange->pipe.over = exchange->pipe.broken = true;
        break;
    }
    resume(exchange);
}

static void work_on_answer(struct exchange *exchange) {
    answer(exchange);
    if (exchange->phase == PHASE_LATER) {
        exchange->request.later(&exchange->request);
    } else {
        resume(exchange);
    }
}

static void decide(struct exchange *exchange) {
    struct http_request *request = &exchange->request;
    const struct http_server_options *options = &exchange->server->options;

    exchange->mode = options->decide(request, options->user);
    exchange->decided = exchange->mode != HTTP_APART;
    exchange->phase = PHASE_BODY;
    request->on_worker = request->on_worker || request->apart;
    if (exchange->mode == HTTP_BUFFER && request->content_length > 0) {
        if ((uint64_t)request->content_length > request->max_body) {
            refuse(exchange, 413, "Request Entity Too Large", "The body of the request is too large.");
        } else {
            buf_reserve(&request->body, request->content_length < FIRST_BODY ? (size_t)request->content_length
                                                                             : FIRST_BODY);
        }
    } else if (exchange->mode == HTTP_IGNORE) {
        exchange->discarding = true;
    } else if (exchange->mode == HTTP_UPGRADE && exchange->has_body) {
        refuse(exchange, 400, "Bad Request", "A request to upgrade has no body.");
    }
}

/* Without a body it goes on at once. */
static void work_on_decision(struct exchange *exchange) {
    decide(exchange);
    if (!exchange->has_body && !exchange->refused && exchange->mode != HTTP_UPGRADE) {
        work_on_answer(exchange);
    } else {
        exchange->phase = PHASE_DECIDED;
        resume(exchange);
    }
}

/* Gives the sink what was passed on; the next part too when it is there and nobody else waits for a worker. Once no part
 * is passed on and the connection is not suspended, the exchange may be over at any instant. */
static void work_on_body(struct exchange *exchange) {
    struct http_server *server = exchange->server;

    for (;;) {
        enum pipe_waits waits = pipe_sink(exchange);
        bool more;

        if (waits == PIPE_NOT) {
            return;
        }
        if (waits == PIPE_LEFT) {
            end_left(exchange);
            return;
        }
        if (waits == PIPE_TO_ANSWER) {
            work_on_answer(exchange);
            return;
        }
        more = exchange->pipe.busy;
        resume(exchange);
        if (!more) {
            return;
        }
        if (atomic_load(&server->queued)) {
            workers_push(server, exchange);
            return;
        }
    }
}

void exchange_work(struct exchange *exchange) {
    if (atomic_load(&exchange->server->aborted)) {
        give_up(exchange);
        return;
    }
    switch (exchange->task) {
    case TASK_DECIDE:
        work_on_decision(exchange);
        return;
    case TASK_SINK:
        work_on_body(exchange);
        return;
    case TASK_ANSWER:
        work_on_answer(exchange);
        return;
    case TASK_FILL:
        pipe_fill(exchange);
        break;
    }
    resume(exchange);
}

static enum MHD_Result go_on(bool well) {
    return well ? MHD_YES : MHD_NO;
}

/* The connection waits for http_answered. */
static enum MHD_Result rest(struct exchange *exchange) {
    atomic_fetch_add(&exchange->server->suspended, 1);
    MHD_suspend_connection(exchange->connection);
    exchange->request.later(&exchange->request);
    return MHD_YES;
}

static enum MHD_Result answer_now(struct exchange *exchange) {
    if (pipe_answer_waits(exchange)) {
        return MHD_YES;
    }
    if (!exchange->refused && exchange->request.on_worker) {
        return go_on(exchange_hand_over(exchange, TASK_ANSWER));
    }
    if (!exchange->refused) {
        answer(exchange);
    }
    return exchange->phase == PHASE_LATER ? rest(exchange) : go_on(response_send(exchange));
}

static bool worth_discarding(const struct exchange *exchange) {
    return !exchange->expects_continue && exchange->request.content_length <= MAX_DISCARDED;
}

static enum MHD_Result begin_body(struct exchange *exchange) {
    exchange->phase = PHASE_BODY;
    if (exchange->has_body && exchange->discarding && !worth_discarding(exchange)) {
        exchange->must_close = true;
        return answer_now(exchange);
    }
    return MHD_YES;
}

/* What of the head is the connection's becomes the request's: a request apart may outlive its connection (PIPE_LEFT). */
static void keep_head(struct http_request *request) {
    struct arena *arena = request->arena;
    char *certificate = request->certificate ? arena_alloc(arena, request->certificate_size) : NULL;

    for (size_t i = 0; i < request->header_count; i++) {
        struct http_header *header = &request->headers[i];

        *header = (struct http_header){arena_text(arena, header->name), arena_text(arena, header->value)};
    }
    request->method_name = arena_text(arena, request->method_name);
    request->client = arena_text(arena, request->client);
    if (certificate) {
        memcpy(certificate, request->certificate, request->certificate_size);
        request->certificate = certificate;
    }
}

static enum MHD_Result take_head(struct exchange *exchange, const char *method, const char *version) {
    int status;
    const char *error = request_read(exchange, method, version, &status);

    if (error) {
        exchange->must_close = true;
        refuse(exchange, status, status == 501 ? "Not Implemented" : "Bad Request", error);
        return answer_now(exchange);
    }
    decide(exchange);
    if (exchange->mode == HTTP_APART) {
        exchange->request.apart = true;
        keep_head(&exchange->request);
        return go_on(exchange_hand_over(exchange, TASK_DECIDE));
    }
    return begin_body(exchange);
}

/* The body ended before its Content-Length. libmicrohttpd (0.9.75) is told of edges, and after a read that did not fill its room
 * it waits for the next one: an end that came together with the last bytes it would find when the connection idled for too long.
 * A piece like the largest so far filled the room, but of the first ones that is not known. */
static bool is_cut_off(struct exchange *exchange, size_t piece, size_t left) {
    const struct http_request *request = &exchange->request;
    const union MHD_ConnectionInfo *info;
    bool may_be_short = piece < exchange->largest || exchange->pieces < FIRST_PIECES;
    char byte;

    exchange->came += piece - left;
    exchange->pieces++;
    exchange->largest = piece > exchange->largest ? piece : exchange->largest;
    if (left || !may_be_short || request->tls || request->content_length <= (int64_t)exchange->came) {
        return false;
    }
    info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t *size) {
    struct http_request *request = &exchange->request;
    size_t all = *size;
    enum MHD_Result result = MHD_YES;

    if (exchange->mode == HTTP_BUFFER && !exchange->discarding && request->max_body - request->body.size < all) {
        refuse(exchange, 413, "Request Entity Too Large", "The body of the request is too large.");
        buf_release(&request->body);
    }
    if (exchange->discarding) {
        exchange->discarded += all;
        result = go_on(exchange->discarded <= MAX_DISCARDED);
        *size = 0;
    } else if (exchange->mode == HTTP_BUFFER) {
        buf_put(&request->body, bytes, all);
        *size = 0;
    } else if (request->on_worker) {
        result = go_on(pipe_take(exchange, bytes, size));
    } else {
        exchange->discarding = !request->sink(request, bytes, all);
        *size = 0;
    }
    atomic_fetch_add_explicit(&exchange->server->bytes_in, all - *size, memory_order_relaxed);
    return is_cut_off(exchange, all, *size) ? MHD_NO : result;
}

enum MHD_Result exchange_handle(void *server, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *bytes, size_t *size, void **context) {
    struct exchange *exchange = *context;

    switch (exchange->phase) {
    case PHASE_HEAD:
        return take_head(exchange, method, version);
    case PHASE_DECIDED:
        return begin_body(exchange);
    case PHASE_BODY:
        return *size ? take_body(exchange, bytes, size) : answer_now(exchange);
    case PHASE_LATER:
        exchange->request.finish(&exchange->request);
        exchange->phase = PHASE_ANSWERED;
        return go_on(response_send(exchange));
    case PHASE_ANSWERED:
        return go_on(response_send(exchange));
    case PHASE_SENT:
        break;
    }
    return MHD_NO;
}
