/* SPDX-License-Identifier: Apache-2.0
 * Network's entry in the table of services. */
#include "network/network.h"

#include "network/parts.h"
#include "rest/policy.h"
#include "rest/policy_defaults.h"
#include "rest/task.h"

#define DEFS "defs_network.h"
#include "rest/declare_service.h"

static const struct policy_default policies[] = {
#include "network/policy.def"
};

static const struct api_style style = {
    .time = TIME_Z,
    .admin_sees_all = true,
    .attribute_policy = true,
    .field_selection = true,
    .strict_arguments = true,
    .revision_match = true,
    .page_reverse = true,
    .tenant_id = true,
    .quota_status = 409,
    .quota_type = "OverQuota",
    .quota_message = "Quota exceeded for resources: ['%s'].",
    .missing_reference = 404,
    .write_error = error_neutron,
    .write_page = page_neutron,
};

static const struct quota quotas[] = {
    {"network", 100, "SELECT count(*) FROM network_network WHERE project_id = ?"},
    {"subnet", 100, "SELECT count(*) FROM network_subnet WHERE project_id = ?"},
    {"subnetpool", -1, "SELECT count(*) FROM network_subnetpool WHERE project_id = ?"},
    {"address_scope", -1, "SELECT count(*) FROM network_address_scope WHERE project_id = ?"},
    {"port", 500, "SELECT count(*) FROM network_port WHERE project_id = ?"},
    {"router", 10, "SELECT count(*) FROM network_router WHERE project_id = ?"},
    {"floatingip", 50, "SELECT count(*) FROM network_floatingip WHERE project_id = ?"},
    {"security_group", 10, "SELECT count(*) FROM network_security_group WHERE project_id = ?"},
    {"security_group_rule", 100, "SELECT count(*) FROM network_security_group_rule WHERE project_id = ?"},
    {"address_group", -1, "SELECT count(*) FROM network_address_group WHERE project_id = ?"},
    {"trunk", -1, "SELECT count(*) FROM network_trunk WHERE project_id = ?"},
    {"rbac_policy", 10, "SELECT count(*) FROM network_rbac WHERE project_id = ?"},
    {0}};

const struct service network = {
    .type = "network",
    .name = "neutron",
    .prefix = "/network",
    .endpoint = "/network",
    .style = &style,
    .resources = resources,
    .policies = policies,
    .policy_count = sizeof policies / sizeof *policies,
    .quotas = quotas,
    .tasks = network_tasks,
    .bootstrap = network_bootstrap,
    .report = network_report,
    .ask = network_ask,
    .host_up = network_host_up,
    .host_down = network_host_down,
};
