/* SPDX-License-Identifier: Apache-2.0
 * Identity's entry in the table of services. */
#include <string.h>

#include "identity/audit.h"
#include "identity/backend.h"
#include "identity/bootstrap.h"
#include "identity/identity.h"
#include "identity/manage.h"
#include "identity/target.h"
#include "identity/types.h"
#include "rest/cloud.h"
#include "rest/policy.h"
#include "rest/policy_defaults.h"
#include "rest/task.h"

#define DEFS "defs_identity.h"
#include "rest/declare_service.h"

static const struct policy_default policies[] = {
#include "identity/policy.def"
};

static const struct api_style style = {
    .wrong_media = 400,
    .time = TIME_MICRO_Z,
    .inexact_filters = true,
    .unchanged_given = true,
    .attribute = identity_attribute,
    .write_error = error_plain,
    .write_page = page_identity,
    .list_limit = identity_list_limit,
};

/* "links": {"self": ...}; the field's .values is the path of the collection where it is not the plural, and may have one
 * {field} of the row. Its .of names the resource where rows are shown below others too. */
void identity_links(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    const struct resource *resource = field->of ? field->of : call->resource;
    const char *path = field->values ? field->values : resource->plural;
    const char *from = strchr(path, '{'), *to = from ? strchr(from, '}') : NULL;

    if (to) {
        const char *name = arena_text_size(call->arena, from + 1, (size_t)(to - from - 1));

        path = arena_printf(call->arena, "%.*s%s%s", (int)(from - path), path,
                            row_attribute(call, resource, row, name), to + 1);
    }
    json_map(out);
    json_put_text(out, "self", arena_printf(call->arena, "%s/identity/v3/%s/%s", call_base_url(call), path,
                                            row_key(resource, row)));
    json_map_end(out);
}

/* A time in UTC without its 'Z', as some resources show it. */
void identity_time_plain(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    int64_t time = *(const int64_t *)((const char *)row + field->offset);
    char text[TIME_TEXT_SIZE];

    if (!time) {
        json_null(out);
        return;
    }
    time_print(time, TIME_MICRO_Z, text);
    json_text_size(out, text, strcspn(text, "Z"));
}

/* ---- what is done every ten minutes, and outside requests ---- */

static bool periodic(struct call *call) {
    return identity_flush(call) && backend_periodic(call);
}

static const struct task_kind tasks[] = {{.name = "identity.refresh", .run = backend_refresh},
                                         {.name = "identity.populate", .run = backend_populate},
                                         {0}};

const struct service identity = {
    .type = "identity",
    .name = "keystone",
    .prefix = "/identity",
    .endpoint = "/identity",
    .style = &style,
    .resources = resources,
    .policies = policies,
    .policy_count = sizeof policies / sizeof *policies,
    .bootstrap = identity_bootstrap,
    .publish = identity_publish,
    .periodic = periodic,
    .period = 600,
    .tasks = tasks,
    .outside = identity_outside,
    .gather = identity_gather,
};
