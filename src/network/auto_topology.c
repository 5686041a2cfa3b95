/* SPDX-License-Identifier: Apache-2.0
 * The topology that a project gets by asking for it: made of the service's own operations, as the caller. */
#include <string.h>

#include "network/parts.h"
#include "rest/resource.h"

enum { MAX_POOLS = 2 };

/* What topologies are made from. */
struct ground {
    const char *external;                   /* the default external network */
    const char *pools[MAX_POOLS];           /* default subnet pools, IPv4 first */
    int64_t versions[MAX_POOLS];
    size_t pool_count;
};

static bool failure(struct call *call, const char *cause) {
    return fail_type(call, 409, "AutoAllocationFailure", "There is no topology to be had: %s.", cause);
}

/* The project of the path; only an administrator asks for another than the own. */
static const char *project_of(struct call *call) {
    const char *project = call_parameter(call, "project_id");

    if (!strcmp(project, "None")) {
        project = call->caller.project_id ? call->caller.project_id : "";
    }
    if (!call->caller.admin && (!call->caller.project_id || strcmp(project, call->caller.project_id) != 0)) {
        fail(call, 404, "The resource could not be found.");
        return NULL;
    }
    return project;
}

static bool find_ground(struct call *call, struct ground *ground) {
    struct rows *rows;

    ground->external = db_query_text(call->db, call->arena,
                                     "SELECT id FROM network_network WHERE router_external = 1 AND is_default = 1"
                                     " ORDER BY id", SQL_NO_ARGS);
    if (!ground->external) {
        return failure(call, "no external network is the default");
    }
    rows = db_query(call->db, "SELECT id, ip_version FROM network_subnetpool WHERE is_default = 1 ORDER BY ip_version",
                    SQL_NO_ARGS);
    while (rows_next(rows)) {
        if (ground->pool_count < MAX_POOLS) {
            ground->versions[ground->pool_count] = rows_int(rows, 1);
            ground->pools[ground->pool_count++] = arena_text(call->arena, rows_text(rows, 0));
        }
    }
    rows_end(rows);
    return ground->pool_count || failure(call, "no subnet pool is the default");
}

/* Makes a resource by its operation, of what 'format' says beside its project, and returns its id; null after fail(). */
static const char *made(struct call *call, const char *plural, const char *singular, const char *project,
                        const char *members) {
    const char *text = arena_printf(call->arena, "{\"%s\": {\"project_id\": %s, %s}}", singular,
                                    json_print(call->arena, &(struct json){.type = JSON_TEXT, .text = project,
                                                                           .count = (uint32_t)strlen(project)}),
                                    members);
    const struct json *answer = NULL;

    return call_service(call, "network", HTTP_POST, arena_printf(call->arena, "/v2.0/%s", plural),
                        network_json(call, text), &answer)
               ? json_get_text(json_get(answer, singular), "id")
               : NULL;
}

static bool join(struct call *call, const char *router, const char *verb, const char *subnet) {
    const struct json *answer = NULL;

    return call_service(call, "network", HTTP_PUT,
                        arena_printf(call->arena, "/v2.0/routers/%s/%s_router_interface", router, verb),
                        network_json(call, arena_printf(call->arena, "{\"subnet_id\": \"%s\"}", subnet)), &answer);
}

static bool build(struct call *call, const struct ground *ground, const char *project,
                  struct network_auto_topology *topology) {
    topology->project_id = project;
    topology->network_id = made(call, "networks", "network", project, "\"name\": \"auto_allocated_network\"");
    if (!topology->network_id) {
        return false;
    }
    topology->router_id = made(call, "routers", "router", project,
                               arena_printf(call->arena, "\"name\": \"auto_allocated_router\","
                                            " \"external_gateway_info\": {\"network_id\": \"%s\"}", ground->external));
    for (size_t i = 0; topology->router_id && i < ground->pool_count; i++) {
        const char *subnet = made(call, "subnets", "subnet", project,
                                  arena_printf(call->arena, "\"name\": \"auto_allocated_subnet_%zu\","
                                               " \"network_id\": \"%s\", \"subnetpool_id\": \"%s\","
                                               " \"ip_version\": %lld", i, topology->network_id, ground->pools[i],
                                               (long long)ground->versions[i]));

        if (!subnet || !join(call, topology->router_id, "add", subnet)) {
            return false;
        }
    }
    return topology->router_id && row_insert(call, &resource_network_auto_topology, topology);
}

/* What ?fields=dry-run asks for is no field, so it is answered by hand. */
static bool answer_dry_run(struct call *call, const char *project) {
    json_map(&call->out);
    json_key(&call->out, "auto_allocated_topology");
    json_map(&call->out);
    json_put_text(&call->out, "id", "dry-run=pass");
    json_put_text(&call->out, "project_id", project);
    json_put_text(&call->out, "tenant_id", project);
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool network_auto_topology_get(struct call *call) {
    const char *project = project_of(call), *fields = call_argument(call, "fields");
    struct network_auto_topology *topology = NULL, fresh = {0};
    struct ground ground = {0};

    if (!project || !row_first(call, &resource_network_auto_topology, "project_id = ?", SQL_ARGS(sql_text(project)),
                               &topology)) {
        return false;
    }
    if (fields && !strcmp(fields, "dry-run")) {
        return find_ground(call, &ground) && answer_dry_run(call, project);
    }
    if (topology) {
        return row_respond(call, &resource_network_auto_topology, topology);
    }
    return find_ground(call, &ground) && build(call, &ground, project, &fresh) &&
           row_respond(call, &resource_network_auto_topology, &fresh);
}

/* Who removed a part of the topology before us did well. */
static bool gone_is_fine(struct call *call, bool done) {
    if (!done && call->error == 404) {
        call->error = 0;
        return true;
    }
    return done;
}

static bool removed(struct call *call, const char *plural, const char *id) {
    const struct json *answer = NULL;

    return gone_is_fine(call, call_service(call, "network", HTTP_DELETE,
                                           arena_printf(call->arena, "/v2.0/%s/%s", plural, id), NULL, &answer));
}

bool network_auto_topology_delete(struct call *call) {
    const char *project = project_of(call);
    struct network_auto_topology *topology;
    struct network_subnet *subnets;
    size_t count;

    if (!project || !row_first(call, &resource_network_auto_topology, "project_id = ?", SQL_ARGS(sql_text(project)),
                               &topology)) {
        return false;
    }
    if (!topology) {
        return fail(call, 404, "Project %.64s has no topology that was made for it.", project);
    }
    if (!network_subnets_of(call, topology->network_id, &subnets, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!gone_is_fine(call, join(call, topology->router_id, "remove", subnets[i].id))) {
            return false;
        }
    }
    return removed(call, "routers", topology->router_id) && removed(call, "networks", topology->network_id) &&
           row_delete(call, &resource_network_auto_topology, topology);
}
