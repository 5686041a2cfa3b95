/* SPDX-License-Identifier: Apache-2.0
 * The hosts of the network: agents as clients see them, which one drives the back end, zones. */
#include <string.h>

#include "base/clock.h"
#include "network/parts.h"
#include "rest/resource.h"

const char *network_driver_host(struct call *call) {
    return db_query_text(call->db, call->arena,
                         "SELECT host FROM network_agent WHERE alive = 1 ORDER BY created_at, host LIMIT 1",
                         SQL_NO_ARGS);
}

bool network_host_known(struct call *call, const char *host) {
    return call_count(call, "SELECT count(*) FROM network_agent WHERE host = ?", SQL_ARGS(sql_text(host))) > 0;
}

static const char *configurations(struct call *call, const struct json *network) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *driver = json_get_text(network, "driver"), *bridge = json_get_text(network, "bridge");

    json_map(&out);
    json_put_text(&out, "driver", driver ? driver : "ovn");
    json_put_text(&out, "bridge", bridge ? bridge : "br-int");
    json_put_bool(&out, "userspace_datapath", json_get_bool(network, "userspace_datapath"));
    json_map_end(&out);
    return network_text(call, &buf);
}

bool network_host_up(struct call *call, const char *host, const struct json *facts) {
    const struct json *network = json_get(facts, "network");
    struct network_agent *agent, fresh = {0};
    int64_t now = clock_now();

    if (!network || !row_first(call, &resource_network_agent, "host = ?", SQL_ARGS(sql_text(host)), &agent)) {
        return !call->error;
    }
    if (!agent) {
        row_defaults(call, &resource_network_agent, &fresh);
        fresh.host = host;
        fresh.configurations = configurations(call, network);
        return row_insert(call, &resource_network_agent, &fresh);
    }
    agent->started_at = agent->alive ? agent->started_at : now;
    agent->alive = true;
    agent->heartbeat_timestamp = now;
    agent->configurations = configurations(call, network);
    return row_update(call, &resource_network_agent, agent);
}

bool network_host_down(struct call *call, const char *host) {
    return call_exec(call, "UPDATE network_agent SET alive = 0 WHERE host = ?", SQL_ARGS(sql_text(host)));
}

/* Who may not see agents sees none, and is not told so. */
bool network_agent_list(struct call *call, struct query *query) {
    if (!call_allowed(call, "get_agent", NULL, NULL)) {
        query_where(query, "1 = 0", SQL_NO_ARGS);
    }
    return true;
}

bool network_agent_delete(struct call *call, void *row) {
    const struct network_agent *agent = row;

    return !agent->alive || fail(call, 409, "Agent %s is alive: it would come back at once.", agent->id);
}

void network_null_write(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    json_null(out);
}

void network_space_time_write(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    char text[TIME_TEXT_SIZE];

    json_text(out, time_print(*(const int64_t *)field_slot(field, row), TIME_SPACE, text));
}

/* ---- zones and providers ---- */

static void write_zone(struct json_out *out, const char *resource) {
    json_map(out);
    json_put_text(out, "name", "nova");
    json_put_text(out, "resource", resource);
    json_put_text(out, "state", "available");
    json_map_end(out);
}

bool network_zones_list(struct call *call) {
    const char *wanted = call_argument(call, "resource");

    json_map(&call->out);
    json_key(&call->out, "availability_zones");
    json_list(&call->out);
    if (!wanted || !strcmp(wanted, "network")) {
        write_zone(&call->out, "network");
    }
    if (!wanted || !strcmp(wanted, "router")) {
        write_zone(&call->out, "router");
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool network_service_providers_list(struct call *call) {
    json_raw(&call->out, "{\"service_providers\": [{\"service_type\": \"L3_ROUTER_NAT\", \"name\": \"ovn\","
                         " \"default\": true}]}");
    return true;
}

/* ---- how many addresses are in use ---- */


static int64_t pool_total(struct call *call, const struct network_subnet *subnet) {
    int64_t total = 0;

    for (JSON_EACH(item, network_json(call, subnet->allocation_pools))) {
        struct ip_range pool;

        if (ip_parse(json_get_text(item, "start"), &pool.first) && ip_parse(json_get_text(item, "end"), &pool.last)) {
            uint64_t count = ip_range_count(pool);

            total = count > (uint64_t)(INT64_MAX - total) ? INT64_MAX : total + (int64_t)count;
        }
    }
    return total;
}

static void write_subnet(struct call *call, const struct network_subnet *subnet, int64_t used, int64_t total,
                         struct json_out *out) {
    json_map(out);
    json_put_text(out, "subnet_id", subnet->id);
    json_put_text(out, "subnet_name", subnet->name);
    json_put_text(out, "cidr", subnet->cidr);
    json_put_int(out, "ip_version", subnet->ip_version);
    json_put_int(out, "used_ips", used);
    json_put_int(out, "total_ips", total);
    json_map_end(out);
}

static bool write_availability(struct call *call, const struct network_network *net) {
    struct json_out *out = &call->out;
    int64_t total = 0, used = 0;
    struct network_subnet *subnets;
    size_t count;

    if (!network_subnets_of(call, net->id, &subnets, &count)) {
        return false;
    }
    json_map(out);
    json_put_text(out, "network_id", net->id);
    json_put_text(out, "network_name", net->name);
    json_put_text(out, "project_id", net->project_id);
    json_put_text(out, "tenant_id", net->project_id);
    json_key(out, "subnet_ip_availability");
    json_list(out);
    for (size_t i = 0; i < count; i++) {
        int64_t in_use = call_count(call, "SELECT count(*) FROM network_allocation WHERE subnet_id = ?",
                                    SQL_ARGS(sql_text(subnets[i].id)));
        int64_t all = pool_total(call, &subnets[i]);

        write_subnet(call, &subnets[i], in_use, all, out);
        used += in_use;
        total = all > INT64_MAX - total ? INT64_MAX : total + all;
    }
    json_list_end(out);
    json_put_int(out, "used_ips", used);
    json_put_int(out, "total_ips", total);
    json_map_end(out);
    return true;
}

bool network_ip_availability_show(struct call *call) {
    struct network_network *net;

    if (!row_get(call, &resource_network_network, call_parameter(call, "network_id"), &net)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "network_ip_availability");
    if (!write_availability(call, net)) {
        return false;
    }
    json_map_end(&call->out);
    return true;
}

static bool argument_matches(struct call *call, const char *name, const char *value) {
    const char *wanted = call_argument(call, name);

    return !wanted || !strcmp(wanted, value ? value : "");
}

bool network_ip_availability_list(struct call *call) {
    struct network_network *nets;
    size_t count;

    if (!rows_find(call, &resource_network_network, "id IS NOT NULL ORDER BY id", SQL_NO_ARGS, &nets, &count)) {
        return false;
    }
    count = call_allowed(call, "get_network_ip_availability", NULL, NULL) ? count : 0;
    json_map(&call->out);
    json_key(&call->out, "network_ip_availabilities");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        if (argument_matches(call, "network_id", nets[i].id) && argument_matches(call, "network_name", nets[i].name) &&
            argument_matches(call, "project_id", nets[i].project_id) &&
            argument_matches(call, "tenant_id", nets[i].project_id) && !write_availability(call, &nets[i])) {
            return false;
        }
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}
