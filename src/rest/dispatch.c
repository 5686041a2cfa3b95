/* SPDX-License-Identifier: Apache-2.0
 * Route, version, operation, response, one log line: what the HTTP server calls. */
#include "rest/dispatch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena_top.h"
#include "base/clock.h"
#include "base/id.h"
#include "rest/cloud.h"
#include "rest/metrics.h"
#include "rest/operation.h"
#include "rest/resource.h"
#include "rest/route.h"
#include "rest/service.h"
#include "rest/transaction.h"

LOG_MODULE("rest.request");

enum { DEFAULT_BODY = 1024 * 1024 };

/* What the engine keeps of a request from its head to its end. */
struct pending {
    struct call call;
    const struct route *route;
};

static size_t largest_body(const struct route *route) {
    size_t most = DEFAULT_BODY;

    for (size_t i = 0; i < route->count; i++) {
        size_t size = route->operations[i].operation->max_body;

        most = size > most ? size : most;
    }
    return most;
}

/* "application/json; charset=utf-8", "application/vnd.openstack.compute+json"; a body of no type is JSON too. */
static bool is_called_json(const char *media) {
    size_t size = media ? strcspn(media, "; ,") : 0;

    return !size || (size >= 5 && !strncasecmp(media + size - 5, "/json", 5)) ||
           (size >= 5 && !strncasecmp(media + size - 5, "+json", 5));
}

static bool read_body(struct call *call) {
    const struct http_request *http = call->http;
    const char *error = NULL;
    int wrong = call->service->style->wrong_media;

    if (!http->body.size || (call->operation && call->operation->flags & OP_RAW_BODY)) {
        return true;
    }
    if (wrong && !is_called_json(http_header(http, "Content-Type"))) {
        return fail(call, wrong, "The body's Content-Type must be application/json.");
    }
    call->body = json_parse(call->arena, http->body.at, http->body.size, &error);
    if (!call->body) {
        return fail(call, 400, "Malformed request body: %s", error);
    }
    if (call->body->type != JSON_MAP && call->body->type != JSON_LIST) {
        return fail(call, 400, "Malformed request body: a JSON object was expected");
    }
    return true;
}

static bool operation_body(struct call *call, void *user) {
    return call->operation->run(call);
}

/* ---- the response ---- */

static const struct api_style default_style = {.write_error = error_plain};

static void respond_error(struct call *call) {
    struct http_request *http = call->http;
    const struct api_style *style = call->service ? call->service->style : &default_style;

    buf_clear(&http->response.body);
    call->out = (struct json_out){.buf = &http->response.body};
    http->response.status = call->error;
    if (call->error == 401) {
        error_plain(call, &call->out);
    } else {
        style->write_error(call, &call->out);
    }
    http_respond_header(http, "Content-Type", "application/json");
}

static void respond(struct call *call) {
    struct http_request *http = call->http;

    if (call->service) {
        microversion_headers(call);
    }
    http_respond_header(http, "x-openstack-request-id", call->request_id);
    if (call->service && call->service->style->request_id_header) {
        http_respond_header(http, call->service->style->request_id_header, call->request_id);
    }
    if (call->error) {
        respond_error(call);
        return;
    }
    if (call->answered) {
        return;
    }
    http->response.status = call->status;
    if (call->operation->flags & OP_NO_BODY) {
        buf_clear(&http->response.body);
    }
    if (http->response.body.size && !call->content_type) {
        http_respond_header(http, "Content-Type", "application/json");
    }
}

const char *logged_path(const struct call *call) {
    return call->operation && call_parameter(call, "token") ? call->operation->path : call->http->raw_path;
}

static void log_line(struct call *call) {
    const struct http_request *http = call->http;
    int64_t took = clock_monotonic() - http->received;
    int status = http->response.status;

    metrics_count(call->service, status, took, call->statements);
    arena_seen(call->arena, http->method_name, logged_path(call), call->request_id);
    if (log_wanted(&log_this, LOG_INFO)) {
        log_write(&log_this, LOG_INFO, call->request_id, "%s %s %d %" PRId64 "us %ust %zub user=%s project=%s%s%s",
                  http->method_name, logged_path(call), status, took, call->statements, arena_used(call->arena),
                  call->caller.user_id ? call->caller.user_id : "-",
                  call->caller.project_id ? call->caller.project_id : "-", call->error ? " cause=" : "",
                  !call->error ? "" : call->error_logged ? call->error_logged : call->error_message);
    }
}

/* ---- the server's callbacks ---- */

static const char *request_id_of(struct http_request *request) {
    return id_request(request->arena);
}

static bool route_request(struct pending *pending, struct http_request *request) {
    struct call *call = &pending->call;

    pending->route = route_find(request->arena, request->raw_path, &call->service, call->parameters, &call->parameter_count);
    if (!call->service) {
        return fail(call, 404, "There is no service at this path.");
    }
    if (call->service->take) {
        return true;
    }
    if (request->malformed || request->malformed_query) {
        return fail(call, 400, "%s", request->malformed ? request->malformed : request->malformed_query);
    }
    if (!microversion_choose(call)) {
        return false;
    }
    if (!pending->route) {
        return fail(call, 404, "The resource could not be found.");
    }
    return operation_choose(call, pending->route, false);
}

enum http_body dispatch_decide(struct http_request *request, void *user) {
    struct pending *pending = ARENA_NEW(request->arena, struct pending);
    struct call *call = &pending->call;

    request->user = pending;
    call->arena = request->arena;
    call->http = request;
    call->request_id = request_id_of(request);
    call->response = &request->response.body;
    call->out = (struct json_out){.buf = call->response};
    request->response.file = -1;
    call->service = user;           /* of a port of its own; null: the path says which */
    if (!call->service && !route_request(pending, request)) {
        return HTTP_IGNORE;
    }
    if (call->service->take) {
        if (call->service->waits && call->service->waits() && !request->apart) {
            return HTTP_APART;
        }
        return call->service->take(call);
    }
    if (call->operation->flags & OP_STREAM) {
        if (!transaction_run(call, call->operation->begin ? DB_WRITE : DB_READ, operation_begin, NULL)) {
            return HTTP_IGNORE;
        }
        request->sink = call->operation->sink;
        request->on_worker = true;
        return HTTP_STREAM;
    }
    request->max_body = largest_body(pending->route);
    request->on_worker = operation_mode(call->operation) == DB_WRITE || !store_is_sqlite(cloud.store) ||
                         call->operation->flags & (OP_BLOCKING | OP_NO_TRANSACTION) || operation_is_outside(call);
    return call->operation->flags & OP_UPGRADE ? HTTP_UPGRADE : HTTP_BUFFER;
}

struct call *dispatch_call(struct http_request *request) {
    return &((struct pending *)request->user)->call;
}

void dispatch_answer(struct http_request *request, void *user) {
    struct pending *pending = request->user;
    struct call *call = &pending->call;

    log_request(call->request_id);
    if (call->service && call->service->take) {
        call->service->answer(call);
        log_request(NULL);
        return;
    }
    if (!call->error && call->operation->flags & OP_STREAM) {
        call->status = operation_status(call->operation);
        if (call->operation->flags & OP_NO_TRANSACTION) {
            call->operation->run(call);
        } else {
            transaction_run(call, DB_WRITE, operation_body, NULL);
        }
    } else if (!call->error && read_body(call) && operation_choose(call, pending->route, true)) {
        call->status = operation_status(call->operation);
        operation_run(call);
    }
    respond(call);
    log_line(call);
    log_request(NULL);
}

/* Requests that a service took may be answered anywhere, so their line is written when they are over. */
void dispatch_done(struct http_request *request, void *user) {
    struct call *call = dispatch_call(request);

    if (call->service && call->service->take) {
        log_request(call->request_id);
        log_line(call);
        log_request(NULL);
    }
}
