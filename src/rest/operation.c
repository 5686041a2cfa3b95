/* SPDX-License-Identifier: Apache-2.0
 * An operation of a request: which one it is, who calls it, its row, policy, typed input, transaction and handler; and one
 * service's operation within another's. */
#include "rest/operation.h"

#include <string.h>
#include <strings.h>

#include "http/http.h"
#include "rest/cloud.h"
#include "rest/resource.h"
#include "rest/route.h"
#include "rest/service.h"
#include "rest/transaction.h"

/* ---- choosing the operation ---- */

static bool fits(const struct call *call, const struct operation *op) {
    enum http_method method = call->http->method == HTTP_HEAD && op->method == HTTP_GET ? HTTP_GET : call->http->method;

    return op->method == method && call->minor >= op->since && (!op->until || call->minor <= op->until);
}

static bool action_given(const struct call *call, const struct operation *op) {
    return !op->action || json_get(call->body, op->action) != NULL;
}

bool operation_choose(struct call *call, const struct route *route, bool by_action) {
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

enum db_mode operation_mode(const struct operation *op) {
    if (op->flags & OP_WRITE) {
        return DB_WRITE;
    }
    return op->flags & OP_READ || op->method == HTTP_GET || op->method == HTTP_HEAD ? DB_READ : DB_WRITE;
}

bool operation_is_outside(const struct call *call) {
    return call->service->outside && call->service->outside(call);
}

bool operation_run(struct call *call) {
    if (operation_is_outside(call) && (!transaction_run(call, DB_READ, caller_body, NULL) || !call->service->gather(call))) {
        return false;
    }
    if (call->operation->before &&
        (!transaction_run(call, DB_READ, caller_body, NULL) || !call->operation->before(call))) {
        return false;
    }
    if (call->operation->flags & OP_NO_TRANSACTION) {
        return transaction_run(call, DB_READ, caller_and_prepare, NULL) && call->operation->run(call) && !call->error;
    }
    return transaction_run(call, operation_mode(call->operation), prepare_and_run, NULL);
}

bool operation_begin(struct call *call, void *user) {
    return know_caller(call) && prepare(call, NULL) && (!call->operation->begin || call->operation->begin(call));
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

    if (!route || !operation_choose(nested, route, true)) {
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
