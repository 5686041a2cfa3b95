/* SPDX-License-Identifier: Apache-2.0
 * One service asks another through its API without leaving the transaction: the other's operation runs here with its own
 * routes, rules, quotas and project isolation, and its answer comes back as JSON. */
#include <string.h>

#include "http/http.h"
#include "rest/cloud.h"
#include "rest/dispatch.h"
#include "rest/resource.h"
#include "rest/route.h"
#include "rest/service.h"

static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "COPY", ""};

static struct http_request *request_for(struct call *call, const struct service *service, enum http_method method,
                                        const char *path) {
    struct http_request *request = ARENA_NEW(call->arena, struct http_request);
    const char *query = strchr(path, '?');

    request->arena = call->arena;
    request->method = method;
    request->method_name = method_names[method];
    request->target = arena_printf(call->arena, "%s%s", service->prefix, path);
    request->raw_path = request->path = arena_text_size(call->arena, request->target, strcspn(request->target, "?"));
    request->query = query ? query + 1 : "";
    request->response.file = -1;
    return request;
}

/* What the operation noted on the way belongs to the whole. */
static void take_notes(struct call *call, const struct call *from) {
    call->wake_tasks = call->wake_tasks || from->wake_tasks;
    call->after_commit = from->after_commit;
    call->events = from->events;
}

static bool take_answer(struct call *call, struct buf *response, const struct json **ret_answer) {
    *ret_answer = response->size ? json_parse(call->arena, response->at, response->size, NULL) : NULL;
    return !response->size || *ret_answer || fail(call, 500, "A service answered what is no JSON.");
}

bool call_service(struct call *call, const char *type, enum http_method method, const char *path, const char *body,
                  const struct json **ret_answer) {
    const struct service *service = cloud_service(type), *found;
    struct call sub = *call;
    const struct route *route;
    bool ok;

    if (!service) {
        return fail(call, 501, "The %s service is not part of this cloud.", type);
    }
    sub.http = request_for(call, service, method, path);
    sub.service = service;
    sub.minor = service->versions.dflt;
    sub.body = body ? json_parse(call->arena, body, strlen(body), NULL) : NULL;
    sub.input = sub.row = NULL;
    sub.shown = NULL;
    sub.response = &sub.http->response.body;
    sub.out = (struct json_out){.buf = sub.response};
    sub.caller.admin = caller_is_admin(&sub);
    route = route_find(call->arena, sub.http->raw_path, &found, sub.parameters, &sub.parameter_count);
    ok = route ? dispatch_within(&sub, route) : fail(&sub, 404, "The resource could not be found.");
    if (ok && !sub.error) {
        take_notes(call, &sub);
        ok = take_answer(call, sub.response, ret_answer);
    } else {
        fail(call, sub.error ? sub.error : 500, "%s", sub.error_message ? sub.error_message : "It failed.");
    }
    buf_release(sub.response);
    return ok && !call->error;
}
