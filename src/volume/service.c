/* SPDX-License-Identifier: Apache-2.0
 * Volume's entry in the table of services. */
#include "rest/cloud.h"
#include "rest/policy.h"
#include "rest/policy_defaults.h"
#include "volume/parts.h"

#define DEFS "defs_volume.h"
#include "rest/declare_service.h"

static const struct policy_default policies[] = {
#include "volume/policy.def"
};

/* A page as full as was asked for has a link, also when nothing follows. */
static void write_page(struct call *call, const struct resource *resource, const struct page *page, struct json_out *out) {
    struct page shown = *page;

    shown.more = page->more || (page->limit && page->count == (size_t)page->limit);
    page_named(call, resource, &shown, out);
}

static const struct api_style style = {
    .wrong_media = 415,
    .time = TIME_MICRO,
    .all_projects = "all_tenants",
    .sort_pairs = true,
    .offset = true,
    .strict_slash = true,
    .missing_marker = 404,
    .max_limit = 1000,
    .quota_status = 413,
    .missing_reference = 404,
    .write_error = error_keyed,
    .write_page = write_page,
};

static bool default_type(struct call *call) {
    struct volume_type *row = NULL;

    if (!row_first(call, &resource_volume_type, "name = ?", SQL_ARGS(sql_text("__DEFAULT__")), &row)) {
        return false;
    }
    if (row) {
        return true;
    }
    row = ARENA_NEW(call->arena, struct volume_type);
    row_defaults(call, &resource_volume_type, row);
    row->name = "__DEFAULT__";
    row->description = "Default Volume Type";
    return row_insert(call, &resource_volume_type, row);
}

static bool bootstrap(struct call *call) {
    return default_type(call) && volume_scheduler_ensure(call);
}

const struct service volume = {
    .type = "volumev3",
    .folder = "volume",
    .name = "cinderv3",
    .description = "OpenStack Block Storage",
    .prefix = "/volume",
    .endpoint = "/volume/v3/$(project_id)s",
    .project_after = "/v3",
    .versions = {.type = "volume", .major = 3, .least = 0, .most = 70, .dflt = 0},
    .style = &style,
    .resources = resources,
    .policies = policies,
    .policy_count = sizeof policies / sizeof *policies,
    .quotas = volume_quotas,
    .tasks = volume_tasks,
    .bootstrap = bootstrap,
    .host_up = volume_host_up,
    .host_down = volume_host_down,
};
