/* SPDX-License-Identifier: Apache-2.0
 * Limits: a project's quotas and what it uses of them, under the names that this API has for them. */
#include <string.h>

#include "compute/compute.h"
#include "compute/quota.h"
#include "compute/types.h"
#include "compute/view.h"

static const struct {
    const char *quota, *most, *used;
    int until;      /* minor version; 0: always */
} limits[] = {
    {"ram", "maxTotalRAMSize", "totalRAMUsed", 0},
    {"instances", "maxTotalInstances", "totalInstancesUsed", 0},
    {"cores", "maxTotalCores", "totalCoresUsed", 0},
    {"key_pairs", "maxTotalKeypairs", NULL, 0},
    {"floating_ips", "maxTotalFloatingIps", "totalFloatingIpsUsed", 35},
    {"metadata_items", "maxServerMeta", NULL, 0},
    {"metadata_items", "maxImageMeta", NULL, 38},
    {"injected_files", "maxPersonality", NULL, 56},
    {"injected_file_content_bytes", "maxPersonalitySize", NULL, 56},
    {"security_groups", "maxSecurityGroups", "totalSecurityGroupsUsed", 35},
    {"security_group_rules", "maxSecurityGroupRules", NULL, 35},
    {"server_groups", "maxServerGroups", "totalServerGroupsUsed", 0},
    {"server_group_members", "maxServerGroupMembers", NULL, 0},
};

bool compute_limits(struct call *call) {
    const char *asked = call_argument(call, "tenant_id"), *project = asked ? asked : call->caller.project_id;
    struct json_out *out = &call->out;

    if (!view_arguments(call, 75, "tenant_id|reserved")
        || (asked && !call_allow(call, "os_compute_api:limits:other_project", NULL, NULL))) {
        return false;
    }
    json_map(out);
    json_key(out, "limits");
    json_map(out);
    json_put_raw(out, "rate", "[]");
    json_key(out, "absolute");
    json_map(out);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].until && call->minor > limits[i].until) {
            continue;
        }
        json_put_int(out, limits[i].most, quota_limit(call, &compute, project, limits[i].quota));
        if (limits[i].used) {
            json_put_int(out, limits[i].used, quota_used(call, &compute, project, limits[i].quota));
        }
    }
    json_map_end(out);
    json_map_end(out);
    json_map_end(out);
    return true;
}
