/* SPDX-License-Identifier: Apache-2.0
 * Bodies on their way between a connection and a worker, in two buffers, so that both work at the same time.
 *
 * A body that comes: the connection fills one buffer while the sink, on a worker, has the other. Only when both are full
 * is the connection suspended. A body that goes: see response.c; its connection is suspended while it is read ahead. */
#include "http/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void pipe_open(struct exchange *exchange) {
    struct pipe *pipe = &exchange->pipe;
    atomic_int *wide = &exchange->server->wide_pipes;

    if (!pipe->room) {
        pipe->room = PIPE_SIZE;
        if (atomic_fetch_add(wide, 1) >= MAX_WIDE_PIPES) {
            atomic_fetch_sub(wide, 1);
            pipe->room = NARROW_PIPE_SIZE;
        }
    }
    if (!pipe->bytes) {
        pipe->bytes = malloc(pipe->room);
        if (!pipe->bytes) {
            abort();
        }
    }
}

void pipe_release(struct exchange *exchange) {
    struct pipe *pipe = &exchange->pipe;

    free(pipe->bytes);
    free(pipe->passed);
    if (pipe->room == PIPE_SIZE) {
        atomic_fetch_sub(&exchange->server->wide_pipes, 1);
    }
}

/* Gives what was collected to whoever is the worker. Under the lock. */
static void pass(struct pipe *pipe) {
    char *spare = pipe->passed;

    pipe->passed = pipe->bytes;
    pipe->passed_size = pipe->size;
    pipe->bytes = spare;
    pipe->size = 0;
    pipe->busy = true;
}

enum passed { PASSED, WAITING, ENDING };

/* The full buffer goes to a worker, or the connection waits for the one that is at work, or the server ends. */
static enum passed pass_on(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    struct pipe *pipe = &exchange->pipe;
    enum passed result = PASSED;

    if (atomic_load(&server->aborted)) {
        return ENDING;
    }
    pthread_mutex_lock(&server->mutex);
    exchange->discarding = pipe->refused;
    if (!pipe->refused && !pipe->busy) {
        pass(pipe);
        exchange->task = TASK_SINK;
    } else if (!pipe->refused) {
        result = WAITING;
        pipe->waits = PIPE_FOR_ROOM;
        atomic_fetch_add(&server->suspended, 1);
        MHD_suspend_connection(exchange->connection);
    }
    pthread_mutex_unlock(&server->mutex);
    if (result == PASSED && !exchange->discarding) {
        workers_push(server, exchange);
    }
    return result;
}

bool pipe_take(struct exchange *exchange, const char *bytes, size_t *size) {
    struct pipe *pipe = &exchange->pipe;

    while (*size && !exchange->discarding) {
        size_t room, taken;

        pipe_open(exchange);
        room = pipe->room - pipe->size;
        taken = room < *size ? room : *size;
        if (!room) {
            enum passed passed = pass_on(exchange);

            if (passed != PASSED) {
                return passed == WAITING;
            }
            continue;
        }
        memcpy(pipe->bytes + pipe->size, bytes, taken);
        pipe->size += taken;
        bytes += taken;
        *size -= taken;
    }
    *size = 0;
    return true;
}

bool pipe_answer_waits(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    bool waits;

    if (!exchange->pipe.passed) {
        return false;
    }
    pthread_mutex_lock(&server->mutex);
    waits = exchange->pipe.busy;
    if (waits) {
        exchange->pipe.waits = PIPE_TO_ANSWER;
        atomic_fetch_add(&server->suspended, 1);
        MHD_suspend_connection(exchange->connection);
    }
    pthread_mutex_unlock(&server->mutex);
    return waits;
}

bool pipe_end(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    struct pipe *pipe = &exchange->pipe;
    bool left;

    if (!pipe->passed) {
        return true;
    }
    pthread_mutex_lock(&server->mutex);
    left = pipe->busy && exchange->request.apart;
    if (left) {
        pipe->waits = PIPE_LEFT;
        atomic_fetch_add(&server->suspended, 1);
    }
    while (pipe->busy && !left) {
        pthread_cond_wait(&server->drained, &server->mutex);
    }
    pthread_mutex_unlock(&server->mutex);
    return !left;
}

enum pipe_waits pipe_sink(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    struct http_request *request = &exchange->request;
    struct pipe *pipe = &exchange->pipe;
    bool taken = request->sink(request, pipe->passed, pipe->passed_size);
    enum pipe_waits waits;

    pthread_mutex_lock(&server->mutex);
    pipe->refused = !taken;
    waits = pipe->waits;
    pipe->waits = PIPE_NOT;
    pipe->busy = false;
    if (waits == PIPE_FOR_ROOM && taken) {
        pass(pipe);
    } else {
        pthread_cond_broadcast(&server->drained);
    }
    pthread_mutex_unlock(&server->mutex);
    return waits;
}

enum pipe_waits pipe_drop(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    struct pipe *pipe = &exchange->pipe;
    enum pipe_waits waits;

    pthread_mutex_lock(&server->mutex);
    pipe->refused = true;
    waits = pipe->waits;
    pipe->waits = PIPE_NOT;
    pipe->busy = false;
    pthread_cond_broadcast(&server->drained);
    pthread_mutex_unlock(&server->mutex);
    return waits;
}

void pipe_drain(struct exchange *exchange) {
    struct pipe *pipe = &exchange->pipe;

    exchange->discarding = exchange->discarding || pipe->refused;
    if (pipe->size && !exchange->discarding) {
        exchange->discarding = !exchange->request.sink(&exchange->request, pipe->bytes, pipe->size);
    }
    pipe->size = 0;
}

void pipe_fill(struct exchange *exchange) {
    struct http_request *request = &exchange->request;
    struct pipe *pipe = &exchange->pipe;
    ssize_t given;

    pipe_open(exchange);
    given = request->response.stream(request->response.stream_user, pipe->position, pipe->bytes, pipe->room);
    pipe->taken = 0;
    pipe->size = given > 0 ? (size_t)given : 0;
    pipe->position += pipe->size;
    pipe->over = given <= 0;
    pipe->broken = given < 0;
    assert(pipe->size <= pipe->room);
}
