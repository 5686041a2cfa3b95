/* SPDX-License-Identifier: Apache-2.0
 * Turns request->response into libmicrohttpd's response, without copying the body. */
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/json.h"

enum { BLOCK_SIZE = 64 * 1024 };

static bool may_stand(unsigned char c) {
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static char *text_clean(struct arena *arena, const char *text) {
    size_t size = strlen(text);
    char *clean = arena_text_size(arena, text, size), *to = clean;

    if (bytes_are_plain(text, size)) {
        return clean;
    }
    for (const char *at = clean; *at; at++) {
        if (may_stand((unsigned char)*at)) {
            *to++ = *at;
        }
    }
    *to = 0;
    return clean;
}

static bool is_ours(const char *name) {
    return strchr("CcTt", *name) && (strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0 ||
           strcasecmp(name, "Connection") == 0);
}

void http_respond_header(struct http_request *request, const char *name, const char *value) {
    if (!header_is_token(name) || is_ours(name)) {
        return;
    }
    value = text_clean(request->arena, value);
    if (*value) {
        request->response.headers = arena_grow(request->arena, request->response.headers,
                                               request->response.header_count, sizeof *request->response.headers);
        request->response.headers[request->response.header_count++] =
            (struct http_header){.name = arena_text(request->arena, name), .value = value};
    }
}

void response_error(struct http_request *request, int status, const char *title, const char *message) {
    struct json_out out = {.buf = &request->response.body};

    request->response.status = status;
    http_respond_header(request, "Content-Type", "application/json");
    json_map(&out);
    json_key(&out, "error");
    json_map(&out);
    json_put_int(&out, "code", status);
    json_put_text(&out, "title", title);
    json_put_text(&out, "message", message);
    json_map_end(&out);
    json_map_end(&out);
}

/* Gives what a worker read ahead, or hands the exchange to one and comes again. */
static ssize_t read_on_worker(struct exchange *exchange, char *bytes, size_t size) {
    struct pipe *pipe = &exchange->pipe;
    size_t ready = pipe->size - pipe->taken;

    if (ready) {
        size = size < ready ? size : ready;
        memcpy(bytes, pipe->bytes + pipe->taken, size);
        pipe->taken += size;
        return (ssize_t)size;
    }
    if (pipe->over) {
        return pipe->broken ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    }
    return exchange_hand_over(exchange, TASK_FILL) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_here(struct exchange *exchange, uint64_t position, char *bytes, size_t size) {
    struct http_request *request = &exchange->request;
    ssize_t given = request->response.stream(request->response.stream_user, position, bytes, size);

    if (given == 0) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    return given > 0 && (size_t)given <= size ? given : MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_stream(void *argument, uint64_t position, char *bytes, size_t size) {
    struct exchange *exchange = argument;
    struct http_request *request = &exchange->request;
    ssize_t given;

    if (!request->response.stream) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    given = request->on_worker ? read_on_worker(exchange, bytes, size) : read_here(exchange, position, bytes, size);
    if (given > 0) {
        atomic_fetch_add_explicit(&exchange->server->bytes_out, (uint64_t)given, memory_order_relaxed);
    }
    return given;
}

static bool has_stream(const struct http_request *request) {
    return request->response.stream || (request->method == HTTP_HEAD && request->response.stream_size);
}

static struct MHD_Response *from_file(struct exchange *exchange) {
    struct http_request *request = &exchange->request;
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(
        (uint64_t)request->response.file_size, request->response.file, (uint64_t)request->response.file_offset);

    if (response) {
        request->response.file = -1;
        if (request->method != HTTP_HEAD) {
            atomic_fetch_add_explicit(&exchange->server->bytes_out, (uint64_t)request->response.file_size,
                                      memory_order_relaxed);
        }
    }
    return response;
}

static struct MHD_Response *from_bytes(struct exchange *exchange, const void *bytes, size_t size, enum MHD_ResponseMemoryMode mode) {
    /* They are not written to. */
    struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, mode);

    if (response) {
        atomic_fetch_add_explicit(&exchange->server->bytes_out, size, memory_order_relaxed);
    }
    return response;
}

/* The bytes become libmicrohttpd's; their number stays for the log. */
static struct MHD_Response *from_body(struct exchange *exchange) {
    struct buf *body = &exchange->request.response.body;
    struct MHD_Response *response =
        from_bytes(exchange, body->at ? body->at : "", body->size, body->at ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

    if (response) {
        body->at = NULL;
        body->capacity = 0;
    }
    return response;
}

static struct MHD_Response *response_make(struct exchange *exchange) {
    struct http_request *request = &exchange->request;

    if (request->response.status == 101) {
        struct MHD_Response *response = request->upgraded ? upgrade_response(exchange) : NULL;

        exchange->upgrade_reserved = response != NULL;
        if (response) {
            return response;
        }
        request->response.header_count = 0;
        response_error(request, 503, "Service Unavailable", "There are too many open consoles.");
    }
    if (has_stream(request)) {
        uint64_t size = request->response.stream_size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)request->response.stream_size;

        return MHD_create_response_from_callback(size, BLOCK_SIZE, read_stream, exchange, NULL);
    }
    if (request->response.file >= 0 && request->response.file_size > 0) {
        return from_file(exchange);
    }
    if (request->response.lasting) {
        return from_bytes(exchange, request->response.lasting, request->response.lasting_size, MHD_RESPMEM_PERSISTENT);
    }
    return from_body(exchange);
}

bool response_send(struct exchange *exchange) {
    struct http_request *request = &exchange->request;
    struct MHD_Response *response;
    enum MHD_Result result;

    if (request->response.status != 101 && (request->response.status < 200 || request->response.status > 599)) {
        response_error(request, 500, "Internal Server Error", "The request was not answered.");
    }
    response = response_make(exchange);
    if (!response) {
        return false;
    }
    for (size_t i = 0; i < request->response.header_count; i++) {
        MHD_add_response_header(response, request->response.headers[i].name, request->response.headers[i].value);
    }
    if (!exchange->upgrade_reserved && (exchange->must_close || atomic_load(&exchange->server->stopping))) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    exchange->phase = PHASE_SENT;
    result = MHD_queue_response(exchange->connection, (unsigned)request->response.status, response);
    MHD_destroy_response(response);
    return result == MHD_YES;
}
