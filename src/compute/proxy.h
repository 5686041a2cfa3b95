/* SPDX-License-Identifier: Apache-2.0
 * Asking the other services' APIs within a request. */
#pragma once
#include "rest/call.h"

/* The member 'key' of the answer to "GET path" of the service; null after fail(). */
const struct json *proxy_get(struct call *call, const char *type, const char *path, const char *key);

/* Sends a body {"key": {...}} whose members are 'names' and 'texts' (a null text is null), and gives the answer's 'key'. */
const struct json *proxy_send(struct call *call, enum http_method method, const char *path, const char *key,
                              const char *const *names, const struct json *const *values, size_t count);

/* A JSON text or number, in the arena. Null text: null. */
const struct json *proxy_text(struct call *call, const char *text);

/* 'text' fit for a part of a path or a query. */
const char *proxy_encode(struct call *call, const char *text);
