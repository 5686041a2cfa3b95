/* SPDX-License-Identifier: Apache-2.0
 * The engine's own service: its rows, and what the cloud says of itself at /healthz, /metrics and /openapi.json. */
#include "rest/system.h"

#include <pthread.h>

#include "http/http.h"
#include "rest/cloud.h"
#include "rest/history.h"
#include "rest/metrics.h"
#include "rest/openapi.h"
#include "rest/service.h"
#include "rest/settle.h"
#include "rest/types.h"

#define DEFS "defs_rest.h"
#include "rest/declare_service.h"

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

/* Nobody needs a token for it, so it must cost little: it is made once. */
static char *openapi;

static void make_openapi(void) {
    struct arena *arena = arena_new(0);
    struct buf text = {0};

    openapi_write(arena, &(struct json_out){.buf = &text});
    openapi = text.at;
    arena_free(arena);
}

bool system_openapi(struct call *call) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_openapi);
    json_raw(&call->out, openapi);
    return true;
}
