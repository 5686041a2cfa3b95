/* SPDX-License-Identifier: Apache-2.0
 * Route, version, token, policy, typed input, transaction, handler, response, one log line. */
#include "rest/dispatch.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena_top.h"
#include "base/clock.h"
#include "base/id.h"
#include "rest/cloud.h"
#include "rest/policy.h"
#include "rest/resource.h"
#include "rest/route.h"
#include "rest/service.h"

LOG_MODULE("rest.request");

enum { DEFAULT_BODY = 1024 * 1024, ARENA_CEILING = 256 * 1024 * 1024 };

/* What the engine keeps of a request from its head to its end. */
struct pending {
    struct call call;
    const struct route *route;
};

/* ---- small parts of the request ---- */

const char *call_parameter(const struct call *call, const char *name) {
    for (size_t i = 0; i < call->parameter_count; i++) {
        if (!strcmp(call->parameters[i].name, name)) {
            return call->parameters[i].value;
        }
    }
    return NULL;
}

const char *call_argument(const struct call *call, const char *name) {
    const struct http_arguments *arguments = http_arguments(call->http);

    for (size_t i = 0; arguments && i < arguments->count; i++) {
        if (!strcmp(arguments->at[i].name, name)) {
            return arguments->at[i].value;
        }
    }
    return NULL;
}

bool call_argument_true(const struct call *call, const char *name) {
    const char *value = call_argument(call, name);

    return value && (!*value || truth_of(value) == 1);
}

bool call_given(const struct call *call, const char *name) {
    const struct resource *input = call->operation->input ? call->operation->input : call->resource;
    const struct field *field = resource_field(input, name);

    return field && bit_get(call->given, (size_t)(field - input->runtime->fields));
}

bool call_argument_count(struct call *call, const char *name, int64_t least, int64_t *count) {
    const char *text = call_argument(call, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;

    if (!text) {
        return true;
    }
    if (!digits || text[digits] || (digits < 10 && strtoll(text, NULL, 10) < least)) {
        return fail(call, 400, "Invalid input for query parameters %s: '%.80s' is not an integer of %lld or more", name, text,
                    (long long)least);
    }
    *count = digits < 10 ? strtoll(text, NULL, 10) : INT32_MAX;
    return true;
}

const char *call_base_url(struct call *call) {
    const char *host = call->http ? http_header(call->http, "Host") : NULL;

    if (!host || !*host || strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") != strlen(host)) {
        return cloud.url;
    }
    return arena_printf(call->arena, "%s://%s", call->http->tls ? "https" : "http", host);
}

void call_header(struct call *call, const char *name, const char *value) {
    if (call->http) {
        http_respond_header(call->http, name, value);
    }
}

/* ---- microversions ---- */

/* "2.90" with the service's major; -1: not of that form, -2: another major or out of range. */
static int parse_version(const struct microversions *v, const char *text) {
    char *end;
    long major = strtol(text, &end, 10), minor;

    if (!strcmp(text, "latest")) {
        return v->most;
    }
    if (end == text || *end != '.' || !isdigit((unsigned char)end[1])) {
        return -1;
    }
    text = end + 1;
    minor = strtol(text, &end, 10);
    if (*end || strlen(text) > 4) {
        return -1;
    }
    return major == v->major && minor >= v->least && minor <= v->most ? (int)minor : -2;
}

/* The version text for this service out of "compute 2.90, volume 3.1", or null. */
static const char *version_asked(struct call *call) {
    const struct microversions *v = &call->service->versions;
    const char *header = http_header(call->http, "OpenStack-API-Version");
    size_t size = strlen(v->type);

    while (header && *header) {
        size_t item = strcspn(header, ",");

        while (item && isspace((unsigned char)*header)) {
            header++;
            item--;
        }
        if (item > size && !strncasecmp(header, v->type, size) && isspace((unsigned char)header[size])) {
            size_t skip = size + strspn(header + size, " \t");

            while (item > skip && isspace((unsigned char)header[item - 1])) {
                item--;
            }
            return arena_text_size(call->arena, header + skip, item - skip);
        }
        header += item + (header[item] == ',');
    }
    return v->legacy_header ? http_header(call->http, v->legacy_header) : NULL;
}

static bool choose_version(struct call *call) {
    const struct microversions *v = &call->service->versions;
    const char *text;
    int minor;

    if (!v->type) {
        return true;
    }
    text = version_asked(call);
    minor = text ? parse_version(v, text) : v->dflt;
    call->minor = minor >= 0 ? minor : v->dflt;
    if (minor == -1) {
        return fail(call, 400, "API Version String %.20s is of invalid format. Must be of format MajorNum.MinorNum.", text);
    }
    if (minor == -2) {
        return fail(call, 406, "Version %.20s is not supported by the API. Minimum is %d.%d and maximum is %d.%d.", text,
                    v->major, v->least, v->major, v->most);
    }
    return true;
}

static void version_headers(struct call *call) {
    const struct microversions *v = &call->service->versions;

    if (v->type) {
        call_header(call, "OpenStack-API-Version", arena_printf(call->arena, "%s %d.%d", v->type, v->major, call->minor));
        if (v->legacy_header) {
            call_header(call, v->legacy_header, arena_printf(call->arena, "%d.%d", v->major, call->minor));
            call_header(call, "Vary", v->legacy_header);
        }
        call_header(call, "Vary", "OpenStack-API-Version");
    }
}

/* ---- choosing the operation ---- */

static bool fits(const struct call *call, const struct operation *op) {
    enum http_method method = call->http->method == HTTP_HEAD && op->method == HTTP_GET ? HTTP_GET : call->http->method;

    return op->method == method && call->minor >= op->since && (!op->until || call->minor <= op->until);
}

static bool action_given(const struct call *call, const struct operation *op) {
    return !op->action || json_get(call->body, op->action) != NULL;
}

/* The first operation of the route that fits; with 'body' known, also by its action. */
static bool choose_operation(struct call *call, const struct route *route, bool by_action) {
    bool method = false, head = call->http->method == HTTP_HEAD;

    for (int exact = head; exact >= 0; exact--) {
        for (size_t i = 0; i < route->count; i++) {
            const struct operation *op = route->operations[i].operation;

            method = method || (op->method == call->http->method);
            if (fits(call, op) && (!exact || op->method == HTTP_HEAD) && (!by_action || action_given(call, op))) {
                call->operation = op;
                call->resource = route->operations[i].resource;
                return true;
            }
        }
    }
    return method && by_action ? fail(call, 400, "There is no such action: %.80s",
                                      call->body && call->body->type == JSON_MAP && call->body->first
                                          ? call->body->first->key : "(none)")
           : method            ? fail(call, 404, "The resource could not be found.")
                               : fail(call, 405, "The method %s is not allowed for this resource.", call->http->method_name);
}

static size_t largest_body(const struct route *route) {
    size_t most = DEFAULT_BODY;

    for (size_t i = 0; i < route->count; i++) {
        size_t size = route->operations[i].operation->max_body;

        most = size > most ? size : most;
    }
    return most;
}

/* ---- who calls ---- */

static bool unauthorized(struct call *call) {
    call_header(call, "WWW-Authenticate", arena_printf(call->arena, "Keystone uri=\"%s/identity\"", cloud.url));
    return fail(call, 401, "The request you have made requires authentication.");
}

static bool authenticate_body(struct call *call, void *user) {
    return cloud_authenticate && cloud_authenticate(call, user);
}

/* The project of the path, where it names one, must be the token's. */
static bool project_of_path(struct call *call) {
    const char *project = call->service->project_after ? call_parameter(call, "project_id") : NULL;

    if (!project || call->parameters[0].value != project || !call->caller.project_id || call->caller.admin ||
        !strcmp(project, call->caller.project_id)) {
        return true;
    }
    return fail(call, 400, "Malformed request URL: its project %.64s is not the project of the token.", project);
}

/* X-Auth-Token, or OAuth 2.0's "Authorization: Bearer TOKEN". */
static const char *given_token(struct call *call) {
    const char *token = http_header(call->http, "X-Auth-Token"), *other = http_header(call->http, "Authorization");

    return token ? token : other && !strncasecmp(other, "Bearer ", 7) ? other + 7 + strspn(other + 7, " ") : NULL;
}

bool call_authenticate(struct call *call, const char *token) {
    token = token ? token : given_token(call);
    if (token && cloud_recall && cloud_recall(call, token)) {
        return true;
    }
    if (!token || !transaction_run(call, DB_READ, authenticate_body, (void *)(uintptr_t)token)) {
        call->error = 0;
        memset(&call->caller, 0, sizeof call->caller);
        return false;
    }
    return true;
}

static bool know_caller(struct call *call) {
    const char *token = given_token(call);
    bool public = call->operation->flags & OP_PUBLIC;

    if (!token) {
        return public || unauthorized(call);
    }
    if (!authenticate_body(call, (void *)(uintptr_t)token)) {
        if (call->error && call->error != 401) {
            return false;
        }
        call->error = 0;
        memset(&call->caller, 0, sizeof call->caller);
        return public || unauthorized(call);
    }
    call->caller.admin = caller_is_admin(call);
    return project_of_path(call);
}

/* ---- running it ---- */

static bool is_generic(const struct operation *op) {
    return op->run == op_list || op->run == op_show || op->run == op_create || op->run == op_update ||
           op->run == op_delete || op->run == op_not_implemented;
}

/* The row that the path names, when the handler is of a resource and its path has {id} or {singular_id}. */
static bool find_row(struct call *call) {
    const struct resource *resource = call->resource;
    const char *id = NULL;

    if (!resource->table || call->operation->flags & OP_NO_ROW) {
        return true;
    }
    for (size_t i = 0; i < call->parameter_count && !id; i++) {
        const char *name = call->parameters[i].name;
        size_t size = strlen(resource->singular);

        if (!strcmp(name, "id") || (!strncmp(name, resource->singular, size) && !strcmp(name + size, "_id"))) {
            id = call->parameters[i].value;
        }
    }
    return !id || row_get(call, resource, id, &call->row) || missing_hidden(call, NULL);
}

/* Of a list below a parent that the path names, what its rows have in common: the parent, which must be there for the
 * caller, and the caller's project. Policy asks it whose the parent is. '*ret_row' is null for other lists. */
static bool row_below_parent(struct call *call, void **ret_row) {
    const struct resource *resource = call->resource;
    const struct field *project = resource->runtime->project;
    void *parent;

    for (size_t i = 0; i < call->parameter_count; i++) {
        const char *id = call->parameters[i].value;
        const struct field *field = resource_field(resource, call->parameters[i].name);

        if (field && field->refers && field != project && field_is_text(field)) {
            if (!row_get(call, field->refers, id, &parent)) {
                return false;
            }
            *ret_row = *ret_row ? *ret_row : arena_alloc(call->arena, resource->size);
            *(const char **)field_slot(field, *ret_row) = id;
        }
    }
    if (*ret_row && project) {
        *(const char **)field_slot(project, *ret_row) = call->caller.project_id;
    }
    return true;
}

static bool list_allowed(struct call *call) {
    const char *rule = call->operation->policy;
    void *row = NULL;

    return !rule || (row_below_parent(call, &row) && call_allow(call, rule, row ? call->resource : NULL, row));
}

/* Before a handler of a service's own: input, row, policy. The generic operations do this themselves. */
static bool prepare(struct call *call, void *user) {
    const struct operation *op = call->operation;

    if (op->run == op_list) {
        return list_allowed(call);
    }
    if (is_generic(op)) {
        return op->run != op_not_implemented || !op->policy || call_allow(call, op->policy, NULL, NULL);
    }
    if (!find_row(call)) {
        return false;
    }
    if (op->policy && !call_allow(call, op->policy, call->row ? call->resource : NULL, call->row)) {
        return false;
    }
    return !op->input || input_body(call);
}

static bool prepare_and_run(struct call *call, void *user) {
    return (call->caller.user_id || call->caller.internal || know_caller(call)) && prepare(call, user) &&
           call->operation->run(call);
}

static bool caller_and_prepare(struct call *call, void *user) {
    return know_caller(call) && prepare(call, user);
}

static bool caller_body(struct call *call, void *user) {
    return know_caller(call);
}

static bool operation_body(struct call *call, void *user) {
    return call->operation->run(call);
}

static enum db_mode mode_of(const struct operation *op) {
    if (op->flags & OP_WRITE) {
        return DB_WRITE;
    }
    return op->flags & OP_READ || op->method == HTTP_GET || op->method == HTTP_HEAD ? DB_READ : DB_WRITE;
}

static bool is_outside(const struct call *call) {
    return call->service->outside && call->service->outside(call);
}

bool operation_run(struct call *call) {
    if (is_outside(call) && (!transaction_run(call, DB_READ, caller_body, NULL) || !call->service->gather(call))) {
        return false;
    }
    if (call->operation->before &&
        (!transaction_run(call, DB_READ, caller_body, NULL) || !call->operation->before(call))) {
        return false;
    }
    if (call->operation->flags & OP_NO_TRANSACTION) {
        return transaction_run(call, DB_READ, caller_and_prepare, NULL) && call->operation->run(call) && !call->error;
    }
    return transaction_run(call, mode_of(call->operation), prepare_and_run, NULL);
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
        version_headers(call);
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

int operation_status(const struct operation *op) {
    if (op->status) {
        return op->status;
    }
    if (op->run == op_create) {
        return 201;
    }
    return op->run == op_delete || op->run == op_link || op->run == op_linked || op->run == op_unlink ? 204 : 200;
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

/* ---- one service's operation within another's ---- */

/* A request that goes on where the caller's stands: same caller, same transaction, its own path, body and answer. */
static struct call *nested_call(struct call *call, const struct service *service, enum http_method method,
                                const char *path, const struct json *body) {
    struct http_request *http = ARENA_NEW(call->arena, struct http_request);
    struct call *nested = ARENA_NEW(call->arena, struct call);
    const char *mark = strchr(path, '?');
    size_t size = mark ? (size_t)(mark - path) : strlen(path);

    *http = *call->http;
    memset(&http->response, 0, sizeof http->response);
    http->response.file = -1;
    http->method = method;
    http->method_name = method == HTTP_GET ? "GET" : method == HTTP_POST ? "POST" : method == HTTP_PUT ? "PUT" : "DELETE";
    http->raw_path = arena_printf(call->arena, "%s%.*s", service->prefix, (int)size, path);
    http->query = mark ? mark + 1 : "";
    http->arguments = NULL;
    http->body = (struct buf){0};
    *nested = (struct call){.arena = call->arena, .db = call->db, .http = http, .request_id = call->request_id,
                            .caller = call->caller, .body = body, .response = &http->response.body,
                            .after_commit = call->after_commit, .events = call->events, .notes = call->notes,
                            .minor = service->versions.type ? service->versions.dflt : 0};
    nested->out.buf = nested->response;
    return nested;
}

static bool run_nested(struct call *nested) {
    enum { ALONE = OP_NO_TRANSACTION | OP_STREAM | OP_UPGRADE | OP_RAW_BODY };
    const struct route *route = route_find(nested->arena, nested->http->raw_path, &nested->service, nested->parameters,
                                           &nested->parameter_count);

    if (!route || !choose_operation(nested, route, true)) {
        return fail(nested, 501, "There is no such operation in this cloud.");
    }
    if (nested->operation->flags & ALONE || nested->operation->before) {
        return fail(nested, 501, "The operation cannot be part of another.");
    }
    nested->status = operation_status(nested->operation);
    nested->caller.admin = caller_is_admin(nested);
    return prepare(nested, NULL) && nested->operation->run(nested) && !nested->error;
}

bool call_service(struct call *call, const char *type, enum http_method method, const char *path,
                  const struct json *body, const struct json **ret_answer) {
    const struct service *service = cloud_service(type);
    struct call *nested;
    bool ok;

    *ret_answer = NULL;
    if (!service) {
        return fail(call, 501, "This cloud has no %s service of its own.", type);
    }
    nested = nested_call(call, service, method, path, body);
    ok = run_nested(nested);
    if (ok && nested->response->size) {
        *ret_answer = json_parse(call->arena, nested->response->at, nested->response->size, NULL);
    }
    buf_release(nested->response);
    call->wake_tasks = call->wake_tasks || nested->wake_tasks;
    call->after_commit = nested->after_commit;
    call->events = nested->events;
    call->notes = nested->notes;
    call->error_logged = ok ? call->error_logged : nested->error_logged;
    return ok || fail(call, nested->error ? nested->error : 500, "%s",
                      nested->error_message ? nested->error_message : "The database failed; the log has the cause.");
}

/* ---- the server's callbacks ---- */

static const char *request_id_of(struct http_request *request) {
    return arena_printf(request->arena, "req-%s", id_uuid(request->arena));
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
    if (!choose_version(call)) {
        return false;
    }
    if (!pending->route) {
        return fail(call, 404, "The resource could not be found.");
    }
    return choose_operation(call, pending->route, false);
}

/* What a streaming operation needs before the first byte: caller, row, policy, and the service's own beginning. */
static bool begin_body(struct call *call, void *user) {
    return know_caller(call) && prepare(call, NULL) && (!call->operation->begin || call->operation->begin(call));
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
        return call->service->take(call);
    }
    if (call->operation->flags & OP_STREAM) {
        if (!transaction_run(call, call->operation->begin ? DB_WRITE : DB_READ, begin_body, NULL)) {
            return HTTP_IGNORE;
        }
        request->sink = call->operation->sink;
        request->on_worker = true;
        return HTTP_STREAM;
    }
    request->max_body = largest_body(pending->route);
    request->on_worker = mode_of(call->operation) == DB_WRITE || !store_is_sqlite(cloud.store) ||
                         call->operation->flags & (OP_BLOCKING | OP_NO_TRANSACTION) || is_outside(call);
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
    } else if (!call->error && read_body(call) && choose_operation(call, pending->route, true)) {
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
