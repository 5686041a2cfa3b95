/* SPDX-License-Identifier: Apache-2.0
 * Image's entry in the table of services. */
#include <string.h>
#include <unistd.h>

#include "image/parts.h"
#include "image/stores.h"
#include "rest/cloud.h"
#include "rest/policy.h"
#include "rest/policy_defaults.h"
#include "rest/task.h"

#define DEFS "defs_image.h"
#include "rest/declare_service.h"

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

static bool end_uploads(struct call *call, void *user) {
    return call_exec(call, "UPDATE image_image SET status = 'queued', upload_id = NULL, upload_host = NULL"
                           " WHERE upload_host = ?", SQL_ARGS(sql_text(cloud.host)));
}

/* Uploads that this host's last API process did not end are as if they had never begun. */
static bool forget_uploads(struct call *call) {
    struct images images = {.where = "upload_host IS NOT NULL"};
    size_t ours = 0;

    if (!call_transaction(call, DB_READ, images_find, &images)) {
        return false;
    }
    for (size_t i = 0; i < images.count; i++) {
        const struct image_image *row = &images.rows[i];

        if (!strcmp(row->upload_host, cloud.host)) {
            unlink(image_path(call->arena, row->id, ""));
            unlink(image_path(call->arena, row->id, ".staged"));
            unlink(image_path(call->arena, row->id, arena_printf(call->arena, ".%s.part", row->upload_id)));
            ours++;
        }
    }
    return !ours || call_transaction(call, DB_WRITE, end_uploads, NULL);
}

static bool image_bootstrap(struct call *call) {
    return image_stores_known(call) && image_metadef_bootstrap(call);
}

static bool image_start(struct call *call) {
    return forget_uploads(call) && image_copies_wanted(call);
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
    .start = image_start,
};
