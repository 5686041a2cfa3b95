/* SPDX-License-Identifier: Apache-2.0
 * What dispatch does with a request, piece by piece. */
#pragma once
#include "rest/call.h"

struct route;

/* Sets call->minor to the version that the request asks for. Fails 400, 406. */
bool microversion_choose(struct call *call);
/* Says in the answer which version it is. */
void microversion_headers(struct call *call);

/* Sets the first operation of the route that fits: by method and version, and with 'by_action' (the body is known) by its
 * action too. Fails 400, 404, 405. */
bool operation_choose(struct call *call, const struct route *route, bool by_action);

/* Runs the operation: caller, row, policy, input, transaction, handler. */
bool operation_run(struct call *call);
/* What a streaming operation needs before the first byte: caller, row, policy, and the service's own beginning. Within a
 * transaction; 'user' is nothing. */
bool operation_begin(struct call *call, void *user);

enum db_mode operation_mode(const struct operation *op);
/* The service needs something from outside the cloud for the request. */
bool operation_is_outside(const struct call *call);
