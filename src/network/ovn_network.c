/* SPDX-License-Identifier: Apache-2.0
 * Networks in OVN: a logical switch, its door to a physical network, and the DHCP options of its subnets. */
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "network/ovn.h"

static bool is_type(const struct json *network, const char *type) {
    const char *is = json_get_text(network, "provider:network_type");

    return is && !strcmp(is, type);
}

/* The port 'key' through which frames of a flat or VLAN segment leave the switch for the bridge of its physical network.
 * 'network' is the network or a further segment of it, and 'id' is its id. */
static bool plan_localnet(struct plan *plan, const struct json *network, const char *key, const char *id,
                          struct plan_row *parent) {
    const char *physnet = json_get_text(network, "provider:physical_network");
    int64_t tag = json_get_int(network, "provider:segmentation_id", 0);
    struct plan_row *row;

    if (!ovn_is_word(physnet, 64) || (is_type(network, "vlan") && (tag < 1 || tag > 4094))) {
        return work_fail(plan->work, "network %s: no usable physical network or VLAN", plan->id);
    }
    row = plan_row(plan, "Logical_Switch_Port", key, arena_printf(plan->arena, "provnet-%s", id), parent);
    ovsdb_set_text(row->values, "type", "localnet");
    ovsdb_add_text(row->values, "addresses", "unknown");
    ovsdb_add_pair(row->values, "options", "network_name", physnet);
    ovsdb_add_pair(row->values, "options", "mcast_flood", "false");
    ovsdb_add_pair(row->values, "options", "mcast_flood_reports", "true");
    if (is_type(network, "vlan")) {
        ovsdb_set_int(row->values, "tag", tag);
        plan_note(row, "neutron:provnet-segmentation-id", arena_printf(plan->arena, "%lld", (long long)tag));
    } else {
        ovsdb_set_none(row->values, "tag");
    }
    plan_note(row, "neutron:provnet-physical-network", physnet);
    plan_note(row, "neutron:provnet-network-type", json_get_text(network, "provider:network_type"));
    return true;
}

static struct plan_row *plan_switch(struct plan *plan, const struct json *network) {
    const char *label = json_get_text(network, "name");
    struct plan_row *row = plan_row(plan, "Logical_Switch", "switch", ovn_name(plan->arena, plan->id), NULL);

    plan_note(row, "neutron:network_name", label ? label : "");
    plan_note(row, "neutron:mtu", arena_printf(plan->arena, "%lld", (long long)json_get_int(network, "mtu", 1442)));
    ovsdb_add_pair(row->values, "other_config", "mcast_snoop", "false");
    ovsdb_add_pair(row->values, "other_config", "mcast_flood_unregistered", "false");
    ovsdb_add_pair(row->values, "other_config", "vlan-passthru",
                   json_get_bool(network, "vlan_transparent") ? "true" : "false");
    return row;
}

/* Ties the ports of the network to its DHCP options: subnets may have come, gone or changed since the ports were
 * made. */
static void link_ports(struct plan *plan, const struct dhcp_subnet *subnets) {
    size_t count;
    const struct ovsdb_row *const *ports =
        ovsdb_rows(ovn.nb, plan->arena, "Logical_Switch_Port", "haneul:network", plan->id, &count);

    for (size_t i = 0; i < count; i++) {
        const char *ids = ovsdb_pair(plan->arena, ports[i], "external_ids", "haneul:subnets");

        dhcp_link(plan, plan_touch(plan, ports[i]), ovsdb_text(plan->arena, ports[i], "name"), subnets, ids ? ids : "",
                  ovsdb_pair(plan->arena, ports[i], "external_ids", "haneul:dhcp"));
    }
}

static bool build(struct plan *plan, const struct json *network) {
    struct plan_row *row = plan_switch(plan, network);

    if ((is_type(network, "flat") || is_type(network, "vlan")) &&
        !plan_localnet(plan, network, "localnet", plan->id, row)) {
        return false;
    }
    for (JSON_EACH(segment, json_get(network, "segments"))) {
        const char *id = json_get_text(segment, "id");

        if (!id || !id_is_uuid(id) ||
            !plan_localnet(plan, segment, arena_printf(plan->arena, "localnet:%s", id), id, row)) {
            return false;
        }
    }
    link_ports(plan, dhcp_plan_subnets(plan, network));
    return true;
}

bool ovn_apply_network(struct work *work) {
    return plan_apply(work, "network", build);
}
