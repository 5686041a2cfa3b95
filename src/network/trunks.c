/* SPDX-License-Identifier: Apache-2.0
 * Trunks: which ports may be parents and subports, and how subports follow their parent. */
#include <string.h>

#include "network/parts.h"
#include "network/related.h"
#include "rest/resource.h"

bool network_trunk_list(struct call *call, struct query *query) {
    network_filter_tags(call, query);
    return true;
}

/* ---- which port is what ---- */

static bool conflict(struct call *call, const char *type, const char *port_id, const char *as) {
    return fail_type(call, 409, type, "Port %s is in use as %s.", port_id, as);
}

static bool is_subport(struct call *call, const char *port_id) {
    return call_count(call, "SELECT count(*) FROM network_subport WHERE port_id = ?", SQL_ARGS(sql_text(port_id))) > 0;
}

static bool is_parent(struct call *call, const char *port_id) {
    return call_count(call, "SELECT count(*) FROM network_trunk WHERE port_id = ?", SQL_ARGS(sql_text(port_id))) > 0;
}

bool network_trunk_unused(struct call *call, const struct network_port *port) {
    if (is_subport(call, port->id)) {
        return conflict(call, "PortInUseAsSubPort", port->id, "a subport of a trunk");
    }
    return !is_parent(call, port->id) || conflict(call, "PortInUseAsTrunkParent", port->id, "the parent of a trunk");
}

/* Who owns a network sees the ports of others on it; a trunk is made of its own project's. */
static bool is_own_port(struct call *call, const struct network_trunk *trunk, const struct network_port *port) {
    return call->caller.admin || network_same(port->project_id, trunk->project_id) ||
           fail_not_found(call, &resource_network_port, port->id);
}

/* ---- subports ---- */

/* The tag that the network's own segment has, for the type "inherit". */
static bool inherit(struct call *call, const struct network_port *port, struct network_subport_wanted *wanted) {
    const struct network_network *net = network_of_port(call, port);

    if (!net || !net->network_type || strcmp(net->network_type, "vlan") != 0) {
        return network_invalid(call, arena_printf(call->arena, "the network of port %s has no VLAN to inherit",
                                                  port->id));
    }
    wanted->segmentation_type = "vlan";
    wanted->segmentation_id = net->segmentation_id;
    return true;
}

static bool segment_fits(struct call *call, const struct network_trunk *trunk, const struct network_port *port,
                         struct network_subport_wanted *wanted) {
    if (!strcmp(wanted->segmentation_type, "inherit") && !inherit(call, port, wanted)) {
        return false;
    }
    return !call_count(call, "SELECT count(*) FROM network_subport WHERE trunk_id = ? AND segmentation_id = ?",
                       SQL_ARGS(sql_text(trunk->id), sql_int(wanted->segmentation_id))) ||
           fail_type(call, 409, "DuplicateSubPort", "Trunk %s has a subport with %s %lld already.", trunk->id,
                     wanted->segmentation_type, (long long)wanted->segmentation_id);
}

static bool mtu_fits(struct call *call, const struct network_port *parent, const struct network_port *port) {
    const struct network_network *outer = network_of_port(call, parent), *inner = network_of_port(call, port);

    return !outer || !inner || inner->mtu <= outer->mtu ||
           fail_type(call, 409, "SubPortMtuGreaterThanTrunkPortMtu",
                     "The MTU %lld of subport %s is more than the %lld of the trunk's parent.", (long long)inner->mtu,
                     port->id, (long long)outer->mtu);
}

static bool port_fits(struct call *call, const struct network_port *parent, const struct network_port *port) {
    if (!strcmp(parent->id, port->id)) {
        return conflict(call, "ParentPortInUse", port->id, "the parent of this trunk");
    }
    if (*port->device_id || *port->binding_host_id) {
        return network_trunk_unused(call, port) &&
               conflict(call, "TrunkPortInUse", port->id, "the port of another device");
    }
    return network_trunk_unused(call, port) && mtu_fits(call, parent, port);
}

/* A subport is where its parent is; its frames come with the tag through the parent's device. */
static bool attach(struct call *call, const struct network_trunk *trunk, const struct network_port *parent,
                   struct network_port *port, int64_t tag) {
    struct network_port was = *port;

    port->device_id = trunk->id;
    port->device_owner = OWNER_SUBPORT;
    port->binding_host_id = parent->binding_host_id;
    port->binding_profile = arena_printf(call->arena, "{\"parent_name\": \"%s\", \"tag\": %lld}", parent->id,
                                         (long long)tag);
    return resource_update(call, &resource_network_port, &was, port);
}

static bool detach(struct call *call, const char *port_id) {
    struct network_port *port, was;

    if (!row_find(call, &resource_network_port, port_id, &port)) {
        return !call->error;
    }
    was = *port;
    port->device_id = port->device_owner = port->binding_host_id = "";
    port->binding_profile = "{}";
    return resource_update(call, &resource_network_port, &was, port);
}

static bool subport_add(struct call *call, const struct network_trunk *trunk, const struct network_port *parent,
                        struct network_subport_wanted wanted) {
    struct network_subport subport = {0};
    struct network_port *port;

    if (!row_get(call, &resource_network_port, wanted.port_id, &port) || !is_own_port(call, trunk, port) ||
        !port_fits(call, parent, port) ||
        !segment_fits(call, trunk, port, &wanted)) {
        return false;
    }
    row_defaults(call, &resource_network_subport, &subport);
    subport.port_id = port->id;
    subport.trunk_id = trunk->id;
    subport.segmentation_type = wanted.segmentation_type;
    subport.segmentation_id = wanted.segmentation_id;
    return row_insert(call, &resource_network_subport, &subport) &&
           attach(call, trunk, parent, port, wanted.segmentation_id);
}

static bool subports_add(struct call *call, const struct network_trunk *trunk, const struct objects *wanted) {
    const struct network_subport_wanted *at = wanted->at;
    struct network_port *parent;

    if (!row_find(call, &resource_network_port, trunk->port_id, &parent)) {
        return call->error || fail_not_found(call, &resource_network_port, trunk->port_id);
    }
    for (size_t i = 0; i < wanted->count; i++) {
        if (!subport_add(call, trunk, parent, at[i])) {
            return false;
        }
    }
    return true;
}

bool network_trunk_follow(struct call *call, const struct network_port *parent) {
    struct network_port *ports, was;
    size_t count;

    if (!rows_find(call, &resource_network_port,
                   "id IN (SELECT s.port_id FROM network_subport s JOIN network_trunk t ON t.id = s.trunk_id"
                   " WHERE t.port_id = ?)", SQL_ARGS(sql_text(parent->id)), &ports, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        was = ports[i];
        ports[i].binding_host_id = parent->binding_host_id;
        if (!resource_update(call, &resource_network_port, &was, &ports[i])) {
            return false;
        }
    }
    return true;
}

bool network_trunk_forget(struct call *call, const struct network_port *port) {
    struct network_trunk *trunk;

    return call_exec(call, "DELETE FROM network_subport WHERE port_id = ?", SQL_ARGS(sql_text(port->id))) &&
           row_first(call, &resource_network_trunk, "port_id = ?", SQL_ARGS(sql_text(port->id)), &trunk) &&
           (!trunk || resource_delete(call, &resource_network_trunk, trunk));
}

/* ---- hooks ---- */

/* What the body says of subports makes sense by itself. */
static bool well_formed(struct call *call, const struct objects *wanted) {
    const struct network_subport_wanted *at = wanted->at;

    for (size_t i = 0; i < wanted->count; i++) {
        bool inherits = at[i].segmentation_type && !strcmp(at[i].segmentation_type, "inherit");

        if (!at[i].segmentation_type || (!inherits && at[i].segmentation_id == NO_INT)) {
            return network_invalid(call, "a subport needs segmentation_type and segmentation_id");
        }
        if (!inherits && strcmp(at[i].segmentation_type, "vlan") != 0) {
            return network_invalid(call, arena_printf(call->arena, "segmentation_type '%.40s' is not one of vlan,"
                                                      " inherit", at[i].segmentation_type));
        }
        for (size_t k = 0; k < i; k++) {
            if (!strcmp(at[k].port_id, at[i].port_id) || (!inherits && at[k].segmentation_id == at[i].segmentation_id)) {
                return network_invalid(call, "two subports have the same port or tag");
            }
        }
    }
    return true;
}

bool network_trunk_create(struct call *call, void *row) {
    const struct network_trunk *trunk = row;
    struct network_port *parent;

    if (!well_formed(call, &trunk->wanted) || !row_get(call, &resource_network_port, trunk->port_id, &parent) ||
        !is_own_port(call, trunk, parent)) {
        return false;
    }
    if (is_parent(call, trunk->port_id)) {
        return conflict(call, "ParentPortInUse", trunk->port_id, "the parent of another trunk");
    }
    if (is_subport(call, trunk->port_id)) {
        return conflict(call, "PortInUseAsSubPort", trunk->port_id, "a subport of a trunk");
    }
    return subports_add(call, trunk, &trunk->wanted);
}

static bool enabled(struct call *call, const struct network_trunk *trunk) {
    return trunk->admin_state_up ||
           fail_type(call, 409, "TrunkDisabled", "Trunk %s is switched off: admin_state_up is false.", trunk->id);
}

bool network_trunk_delete(struct call *call, void *row) {
    const struct network_trunk *trunk = row;
    struct network_subport *subports;
    size_t count;

    if ((call->resource == &resource_network_trunk && !enabled(call, trunk)) ||
        !rows_find(call, &resource_network_subport, "trunk_id = ?", SQL_ARGS(sql_text(trunk->id)), &subports,
                   &count) ||
        !call_exec(call, "DELETE FROM network_subport WHERE trunk_id = ?", SQL_ARGS(sql_text(trunk->id)))) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!detach(call, subports[i].port_id)) {
            return false;
        }
    }
    return true;
}

/* ---- what is shown ---- */

static void put_subport(struct rows *result, int first, struct json_out *out) {
    json_put_text(out, "port_id", rows_text(result, first));
    json_put_text(out, "segmentation_type", rows_text(result, first + 1));
    json_put_int(out, "segmentation_id", rows_int(result, first + 2));
}

static void write_subport(const struct batch *batch, void *row, struct rows *result, struct json_out *out) {
    json_map(out);
    put_subport(result, 1, out);
    json_map_end(out);
}

static void fill_status(const struct batch *batch, void *row, struct rows *result) {
    const char *status = rows_text(result, 1);

    ((struct network_trunk *)row)->status = status && !strcmp(status, "ACTIVE") ? "ACTIVE" : "DOWN";
}

/* A trunk is as active as its parent. */
bool network_trunk_expand(struct call *call, void *rows, size_t count) {
    const struct batch trunks = {call, &resource_network_trunk, rows, count, "id", 0};
    const struct batch parents = {call, &resource_network_trunk, rows, count, "port_id", 0};

    return related_each(&parents, "SELECT id, status FROM network_port WHERE id IN ($ids)", SQL_NO_ARGS, fill_status) &&
           related_lists(&trunks, "SELECT trunk_id, port_id, segmentation_type, segmentation_id FROM network_subport"
                                  " WHERE trunk_id IN ($ids) ORDER BY created_at, segmentation_id",
                         SQL_NO_ARGS, "sub_ports", write_subport);
}

static void fill_trunk(const struct batch *batch, void *row, struct rows *result) {
    ((struct network_port *)row)->trunk_id = arena_text(batch->call->arena, rows_text(result, 1));
}

static void write_detail(const struct batch *batch, void *row, struct rows *result, struct json_out *out) {
    json_map(out);
    put_subport(result, 1, out);
    json_put_text(out, "mac_address", rows_text(result, 4));
    json_map_end(out);
}

bool network_trunk_details(struct call *call, struct network_port *ports, size_t count) {
    const struct batch parents = {call, &resource_network_port, ports, count, "id", 0};
    const struct batch trunks = {call, &resource_network_port, ports, count, "trunk_id", 0};
    bool any = false;

    if (!related_each(&parents, "SELECT port_id, id FROM network_trunk WHERE port_id IN ($ids)", SQL_NO_ARGS,
                      fill_trunk)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        any = any || ports[i].trunk_id;
    }
    if (any && !related_lists(&trunks, "SELECT s.trunk_id, s.port_id, s.segmentation_type, s.segmentation_id,"
                                       " p.mac_address FROM network_subport s JOIN network_port p ON p.id = s.port_id"
                                       " WHERE s.trunk_id IN ($ids) ORDER BY s.created_at, s.segmentation_id",
                              SQL_NO_ARGS, "trunk_details", write_detail)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        ports[i].trunk_details = !ports[i].trunk_id
                                     ? NULL
                                     : arena_printf(call->arena, "{\"trunk_id\": \"%s\", \"sub_ports\": %s}",
                                                    ports[i].trunk_id, ports[i].trunk_details);
    }
    return true;
}

/* ---- operations on subports ---- */

bool network_trunk_subports(struct call *call) {
    struct network_trunk *trunk = call->row;

    if (!network_trunk_expand(call, trunk, 1)) {
        return false;
    }
    json_map(&call->out);
    json_put_raw(&call->out, "sub_ports", trunk->sub_ports);
    json_map_end(&call->out);
    return true;
}

bool network_trunk_add(struct call *call) {
    const struct network_subports_body *input = call->input;
    struct network_trunk *trunk = call->row, was = *trunk;

    return well_formed(call, &input->sub_ports) && enabled(call, trunk) && subports_add(call, trunk, &input->sub_ports) &&
           resource_update(call, &resource_network_trunk, &was, trunk) && row_respond(call, &resource_network_trunk, trunk);
}

bool network_trunk_remove(struct call *call) {
    const struct network_subports_gone *input = call->input;
    const struct network_subport_gone *gone = input->sub_ports.at;
    struct network_trunk *trunk = call->row, was = *trunk;

    if (!enabled(call, trunk)) {
        return false;
    }
    for (size_t i = 0; i < input->sub_ports.count; i++) {
        struct network_subport *subport;

        if (!row_first(call, &resource_network_subport, "trunk_id = ? AND port_id = ?",
                       SQL_ARGS(sql_text(trunk->id), sql_text(gone[i].port_id)), &subport)) {
            return false;
        }
        if (!subport) {
            return fail_type(call, 404, "SubPortNotFound", "Port %s is no subport of trunk %s.", gone[i].port_id,
                             trunk->id);
        }
        if (!row_delete(call, &resource_network_subport, subport) || !detach(call, subport->port_id)) {
            return false;
        }
    }
    return resource_update(call, &resource_network_trunk, &was, trunk) && row_respond(call, &resource_network_trunk, trunk);
}
