/* SPDX-License-Identifier: Apache-2.0
 * The object store's entries in the table of services. */
#include "object_store/object_store.h"
#include "object_store/s3.h"
#include "object_store/swift_policies.h"
#include "object_store/swift_ratelimit.h"
#include "object_store/swift_sync.h"
#include "object_store/types.h"
#include "rest/cloud.h"
#include "rest/task.h"

#define DECLARE "rest/declare_hooks.h"
#include "defs_object_store.h"
#undef DECLARE
#define DECLARE "rest/declare_tables.h"
#include "defs_object_store.h"
#undef DECLARE

static const struct resource *const resources[] = {&resource_swift_api, NULL};
static const struct resource *const root_resources[] = {&resource_swift_root, NULL};
static const struct resource *const s3_resources[] = {&resource_s3_api, NULL};

static const struct resource *const no_resources[] = {NULL};

static const struct api_style style = {.time = TIME_Z, .write_error = error_plain};

static bool bootstrap(struct call *call) {
    const char *error = NULL;

    if (!store_start_encryption(call->arena, cloud.conf, arena_printf(call->arena, "%s/object-keys", cloud.state), &error) ||
        !store_start(call->arena, cloud.conf, arena_printf(call->arena, "%s/objects", cloud.data), &error)) {
        return fail(call, 500, "%s", error);
    }
    if (!swift_policies_prepare(&error)) {
        return fail(call, 500, "%s", error);
    }
    swift_ratelimit_prepare();
    swift_sync_prepare();
    swift_prepare(&resource_swift_api);
    s3_prepare(&resource_s3_api);
    return (store_care_start(cloud.conf) || fail(call, 500, "The object store's care cannot be started.")) &&
           swift_push_begin(call);
}

/* The account of a project that is no more. */
static bool forget_run(struct call *call, const struct task *task, struct json_out *result) {
    struct store_change change = {.arena = call->arena,
                                  .account = arena_printf(call->arena, "AUTH_%s", task->resource_id)};

    return store_delete_account(&change) == STORE_OK ||
           fail(call, 503, "The account of project %s could not be deleted.", task->resource_id);
}

static const struct task_kind tasks[] = {
    {.name = "object_store.forget_account", .seconds = 7 * 24 * 3600, .run = forget_run},
    {.name = "object_store.sync_look", .tries = 1, .run = swift_push_look, .done = swift_push_looked,
     .failed = swift_push_not_looked},
    {.name = "object_store.sync", .tries = 1, .run = swift_push_run},
    {0}};

const struct service object_store = {
    .type = "object-store",
    .folder = "object_store",
    .name = "swift",
    .description = "Objects",
    .prefix = "/object-store",
    .endpoint = "/object-store/v1/AUTH_$(project_id)s",
    .style = &style,
    .resources = resources,
    .tasks = tasks,
    .bootstrap = bootstrap,
    .take = swift_take,
    .answer = swift_answer,
    .waits = store_waits,
};

/* For clients that take an address of Swift's to end with /v1/ACCOUNT. */
const struct service object_store_port = {
    .type = "object-store-port",
    .folder = "object_store",
    .name = "swift",
    .prefix = "",
    .style = &style,
    .resources = no_resources,
    .take = swift_take,
    .answer = swift_answer,
    .listen_option = "swift_listen",
};

const struct service object_store_root = {
    .type = "object-store-root",
    .folder = "object_store",
    .name = "swift",
    .prefix = "",
    .style = &style,
    .resources = root_resources,
};

const struct service object_store_s3 = {
    .type = "s3",
    .folder = "object_store",
    .name = "s3",
    .description = "Objects through S3",
    .prefix = "",
    .endpoint = "",
    .style = &style,
    .resources = s3_resources,
    .take = s3_take,
    .answer = s3_answer,
    .waits = store_waits,
    .listen_option = "s3_listen",
    .url_option = "s3_url",
    .port_after = 1,
};
