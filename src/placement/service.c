/* SPDX-License-Identifier: Apache-2.0
 * Placement's entry in the table of services. */
#include "placement/placement.h"
#include "placement/types.h"
#include "rest/policy.h"
#include "rest/policy_defaults.h"

#define DEFS "defs_placement.h"
#include "rest/declare_service.h"

static const struct policy_default policies[] = {
#include "placement/policy.def"
};

static const struct api_style style = {
    .wrong_media = 415,
    .time = TIME_Z, .bare = true, .admin_sees_all = true, .strict_arguments = true, .write_error = error_list};

const struct service placement = {
    .type = "placement",
    .name = "placement",
    .prefix = "/placement",
    .endpoint = "/placement",
    .versions = {"placement", NULL, 1, 0, 39, 0},
    .style = &style,
    .resources = resources,
    .policies = policies,
    .policy_count = sizeof policies / sizeof *policies,
};

bool placement_root(struct call *call) {
    json_raw(&call->out, "{\"versions\": [{\"id\": \"v1.0\", \"max_version\": \"1.39\", \"min_version\": \"1.0\","
                         " \"status\": \"CURRENT\", \"links\": [{\"rel\": \"self\", \"href\": \"\"}]}]}");
    return true;
}
