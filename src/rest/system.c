/* SPDX-License-Identifier: Apache-2.0
 * The engine's own service: its rows, and what the cloud says of itself at /healthz, /metrics and /openapi.json. */
#include "rest/system.h"

#include "http/http.h"
#include "rest/cloud.h"
#include "rest/dispatch.h"
#include "rest/history.h"
#include "rest/openapi.h"
#include "rest/service.h"
#include "rest/settle.h"
#include "rest/types.h"

#define DECLARE "rest/declare_hooks.h"
#include "defs_rest.h"
#undef DECLARE
#define DECLARE "rest/declare_tables.h"
#include "defs_rest.h"
#undef DECLARE

static const struct resource *const resources[] = {
#define DECLARE "rest/declare_list.h"
#include "defs_rest.h"
#undef DECLARE
    NULL};

static const struct api_style style = {.time = TIME_Z, .write_error = error_plain};

static bool forget(struct call *call) {
    return history_prune(call) && settle_expired(call);
}

const struct service rest_service = {
    .type = "system", .name = "haneul", .prefix = "", .style = &style, .resources = resources,
    .periodic = forget, .period = 600,
};

bool system_health(struct call *call) {
    if (db_query_int(call->db, "SELECT 1", SQL_NO_ARGS, 0) != 1) {
        return fail(call, 503, "The database does not answer.");
    }
    json_map(&call->out);
    json_put_text(&call->out, "status", "ok");
    json_map_end(&call->out);
    return true;
}

bool system_metrics(struct call *call) {
    metrics_write(call->response);
    call_header(call, "Content-Type", "text/plain; version=0.0.4");
    call->content_type = true;
    return true;
}

bool system_openapi(struct call *call) {
    openapi_write(call->arena, &call->out);
    return true;
}
