/* SPDX-License-Identifier: Apache-2.0
 * Image's entry in the table of services. */
#include <unistd.h>

#include "image/parts.h"
#include "image/stores.h"
#include "rest/cloud.h"
#include "rest/policy.h"
#include "rest/policy_defaults.h"
#include "rest/task.h"

#define DECLARE "rest/declare_hooks.h"
#include "defs_image.h"
#undef DECLARE
#define DECLARE "rest/declare_tables.h"
#include "defs_image.h"
#undef DECLARE

static const struct resource *const resources[] = {
#define DECLARE "rest/declare_list.h"
#include "defs_image.h"
#undef DECLARE
    NULL};

static const struct policy_default policies[] = {
#include "image/policy.def"
};

static const struct api_style style = {
    .time = TIME_Z,
    .bare = true,
    .admin_sees_all = true,
    .sort_pairs = true,
    .strict_slash = true,
    .default_limit = 25,
    .max_limit = 1000,
    .read_only_status = 403,
    .write_error = error_glance,
    .write_page = page_glance,
};

/* Uploads that this host's last API process did not end are as if they had never begun. */
static bool forget_uploads(struct call *call) {
    struct image_image *rows;
    size_t count;

    if (!rows_find(call, &resource_image_image, "upload_host = ?", SQL_ARGS(sql_text(cloud.host)), &rows, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        unlink(image_path(call->arena, rows[i].id, ""));
        unlink(image_path(call->arena, rows[i].id, ".staged"));
        unlink(image_path(call->arena, rows[i].id, arena_printf(call->arena, ".%s.part", rows[i].upload_id)));
        rows[i].status = "queued";
        rows[i].upload_id = rows[i].upload_host = NULL;
        if (!row_update(call, &resource_image_image, &rows[i])) {
            return false;
        }
    }
    return true;
}

static bool image_bootstrap(struct call *call) {
    return image_stores_known(call) && forget_uploads(call) && image_copies_wanted(call) && image_metadef_bootstrap(call);
}

const struct service image = {
    .type = "image",
    .name = "glance",
    .description = "OpenStack Image Service",
    .prefix = "/image",
    .endpoint = "/image",
    .style = &style,
    .resources = resources,
    .policies = policies,
    .policy_count = sizeof policies / sizeof *policies,
    .tasks = image_tasks,
    .bootstrap = image_bootstrap,
};
