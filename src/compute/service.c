/* SPDX-License-Identifier: Apache-2.0
 * Compute's entry in the table of services. */
#include "compute/compute.h"
#include "compute/host.h"
#include "compute/quota.h"
#include "compute/server.h"
#include "compute/types.h"
#include "rest/policy.h"
#include "rest/policy_defaults.h"
#include "rest/task.h"

#define DEFS "defs_compute.h"
#include "rest/declare_service.h"

static const struct policy_default policies[] = {
#include "compute/policy.def"
};

static const struct api_style style = {
    .wrong_media = 415,
    .time = TIME_Z,
    .all_projects = "all_tenants",
    .max_limit = 1000,
    .quota_status = 403,
    .sort_pairs = false,
    .request_id_header = "x-compute-request-id",
    .write_error = error_keyed,
    .write_page = page_named,
};

static const struct task_kind tasks[] = {
#define T(NAME, SECONDS, TRIES)                                                                                        \
    {.name = "compute." #NAME, .seconds = SECONDS, .tries = TRIES, .prepare = NAME##_prepare, .done = NAME##_done,     \
     .failed = NAME##_failed},
    SERVER_TASKS(T)
#undef T
    {0}};

const struct service compute = {
    .type = "compute",
    .name = "nova",
    .description = "Servers",
    .prefix = "/compute",
    .endpoint = "/compute/v2.1",
    .project_after = "/v2.1",
    .versions = {.type = "compute", .legacy_header = "X-OpenStack-Nova-API-Version", .major = 2, .least = 1, .most = 93,
                 .dflt = 1},
    .style = &style,
    .resources = resources,
    .policies = policies,
    .policy_count = sizeof policies / sizeof *policies,
    .quotas = compute_quotas,
    .tasks = tasks,
    .report = servers_report,
    .ask = servers_ask,
    .host_up = compute_host_up,
    .host_down = compute_host_down,
};
