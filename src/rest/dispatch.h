/* SPDX-License-Identifier: Apache-2.0
 * The way of a request: from its head to its answer. Given to the HTTP server as its callbacks. */
#pragma once
#include "http/http.h"
#include "rest/call.h"

enum http_body dispatch_decide(struct http_request *request, void *user);
void dispatch_answer(struct http_request *request, void *user);
void dispatch_done(struct http_request *request, void *user);

/* The path of a call as it may be written down: where a token is part of it, the operation's pattern. */
const char *logged_path(const struct call *call);

/* The call of a request, for sinks. */
struct call *dispatch_call(struct http_request *request);
