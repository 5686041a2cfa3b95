/* SPDX-License-Identifier: Apache-2.0
 * Lists that are no tables of their own. */
#include "network/parts.h"
#include "rest/resource.h"

static bool respond_empty(struct call *call, const char *plural) {
    json_map(&call->out);
    json_key(&call->out, plural);
    json_list(&call->out);
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

/* OVN answers DHCP and routes on every chassis by itself: no agent of those kinds is scheduled for anything. What the
 * path names must be there all the same. */
static bool nobody(struct call *call, const struct resource *resource, const char *parameter, const char *plural) {
    void *row;

    return row_get(call, resource, call_parameter(call, parameter), &row) && respond_empty(call, plural);
}

bool network_dhcp_agents(struct call *call) {
    return nobody(call, &resource_network_network, "network_id", "agents");
}

bool network_l3_agents(struct call *call) {
    return nobody(call, &resource_network_router, "router_id", "agents");
}

bool network_dhcp_networks(struct call *call) {
    return nobody(call, &resource_network_agent, "agent_id", "networks");
}

bool network_l3_routers(struct call *call) {
    return nobody(call, &resource_network_agent, "agent_id", "routers");
}

/* Nothing can be logged yet (logs.def). */
bool network_loggable_list(struct call *call) {
    return respond_empty(call, "loggable_resources");
}

/* The subnets of the external networks that the caller sees. */
bool network_floatingip_pools(struct call *call) {
    struct value args[64];
    size_t count = 0;
    const char *visible = row_visible(call, &resource_network_network, args, &count);
    struct rows *rows = db_query(
        call->db,
        arena_printf(call->arena,
                     "SELECT s.id, s.name, s.network_id, s.cidr FROM network_subnet s WHERE s.network_id IN (SELECT id"
                     " FROM network_network WHERE router_external = 1%s%s) ORDER BY s.created_at, s.id",
                     visible ? " AND " : "", visible ? visible : ""),
        args, count);

    json_map(&call->out);
    json_key(&call->out, "floatingip_pools");
    json_list(&call->out);
    while (rows_next(rows)) {
        json_map(&call->out);
        json_put_text(&call->out, "subnet_id", rows_text(rows, 0));
        json_put_text(&call->out, "subnet_name", rows_text(rows, 1));
        json_put_text(&call->out, "network_id", rows_text(rows, 2));
        json_put_text(&call->out, "cidr", rows_text(rows, 3));
        json_put_text(&call->out, "project_id", call->caller.project_id);
        json_put_text(&call->out, "tenant_id", call->caller.project_id);
        json_map_end(&call->out);
    }
    rows_end(rows);
    json_list_end(&call->out);
    json_map_end(&call->out);
    return db_failure(call->db) == DB_OK || fail_database(call);
}
