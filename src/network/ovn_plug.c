/* SPDX-License-Identifier: Apache-2.0
 * Devices of this host on the integration bridge of Open vSwitch. ovn-controller finds the port that a device carries
 * by its external_ids:iface-id (ovn-architecture(7)). */
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "network/offload.h"
#include "network/ovn.h"

LOG_MODULE("network.ovn");

enum { COMMIT_MS = 10000, DEVICE_SIZE = 15 };

static struct ovsdb_values *interface_ids(struct arena *arena, const char *const *ids) {
    struct ovsdb_values *values = ovsdb_values_new(arena);

    for (; *ids; ids += 2) {
        ovsdb_add_pair(values, "external_ids", ids[0], ids[1] ? ids[1] : "");
    }
    return values;
}

static void put_port(struct ovsdb_txn *txn, struct arena *arena, const char *bridge, const char *device,
                     struct ovsdb_values *interface) {
    struct ovsdb_values *port = ovsdb_values_new(arena), *holder = ovsdb_values_new(arena);

    ovsdb_set_text(interface, "name", device);
    ovsdb_insert(txn, "Interface", "interface", interface);
    ovsdb_set_text(port, "name", device);
    ovsdb_add_ref(port, "interfaces", "@interface");
    ovsdb_insert(txn, "Port", "port", port);
    ovsdb_add_ref(holder, "ports", "@port");
    ovsdb_mutate_insert(txn, "Bridge", bridge, holder);
}

static bool commit(struct ovsdb_txn *txn, const char **ret_error) {
    return !ovsdb_txn_count(txn) || ovsdb_commit(ovn.ovs, txn, COMMIT_MS, NULL, ret_error);
}

bool ovs_attach(struct arena *arena, const char *device, const char *const *ids, const char **ret_error) {
    const struct ovsdb_row *bridge, *old;
    struct ovsdb_values *wanted = interface_ids(arena, ids);
    struct ovsdb_txn *txn = ovsdb_txn_new(arena);
    const char *column;

    if (!ovsdb_ready(ovn.ovs, COMMIT_MS)) {
        *ret_error = "Open vSwitch does not answer";
        return false;
    }
    bridge = ovsdb_find(ovn.ovs, arena, "Bridge", ovn.host->bridge);
    if (!bridge) {
        *ret_error = arena_printf(arena, "there is no bridge %s", ovn.host->bridge);
        return false;
    }
    old = ovsdb_find(ovn.ovs, arena, "Interface", device);
    if (!old) {
        put_port(txn, arena, bridge->uuid, device, wanted);
    } else if (strcmp(ovsdb_value(old, "external_ids"), ovsdb_values_at(wanted, 0, &column)) != 0) {
        ovsdb_update(txn, "Interface", old->uuid, wanted);
    }
    return commit(txn, ret_error);
}

bool ovs_detach(struct arena *arena, const char *device, const char **ret_error) {
    const struct ovsdb_row *bridge, *port;
    struct ovsdb_values *holder = ovsdb_values_new(arena);
    struct ovsdb_txn *txn = ovsdb_txn_new(arena);

    if (!ovsdb_ready(ovn.ovs, COMMIT_MS)) {
        *ret_error = "Open vSwitch does not answer";
        return false;
    }
    bridge = ovsdb_find(ovn.ovs, arena, "Bridge", ovn.host->bridge);
    port = ovsdb_find(ovn.ovs, arena, "Port", device);
    if (bridge && port) {
        ovsdb_add_ref(holder, "ports", port->uuid);
        ovsdb_mutate_delete(txn, "Bridge", bridge->uuid, holder);
    }
    return commit(txn, ret_error);
}

/* Takes off the devices that carried port 'id' until now, except 'keep' (may be null). */
static bool detach_others(struct work *work, const char *id, const char *keep, const char **ret_error) {
    size_t count;
    const struct ovsdb_row *const *rows = ovsdb_rows(ovn.ovs, work->arena, "Interface", "haneul:port", id, &count);

    for (size_t i = 0; i < count; i++) {
        const char *device = ovsdb_text(work->arena, rows[i], "name");

        if (device && (!keep || strcmp(device, keep) != 0) && !ovs_detach(work->arena, device, ret_error)) {
            return false;
        }
    }
    return true;
}

bool ovn_plug(struct work *work) {
    const char *device = json_get_text(work->doc, "device"), *error = NULL;
    const char *mac = ovn_mac(work->arena, json_get_text(work->doc, "mac_address"));
    const char *const ids[] = {"iface-id", work->id, "iface-status", "active", "attached-mac", mac, "vm-id",
                               json_get_text(work->doc, "device_id"), "haneul:port", work->id, NULL};

    if (work->doc && (!ovn_is_word(device, DEVICE_SIZE) || !strcmp(device, ovn.host->bridge))) {
        return work_fail(work, "port %s: '%.40s' is no device to plug", work->id, device ? device : "");
    }
    if (!ovsdb_ready(ovn.ovs, COMMIT_MS)) {
        return work_fail(work, "port %s: Open vSwitch at %s does not answer", work->id, work->host->ovs);
    }
    if (!detach_others(work, work->id, device, &error)) {
        return work_fail(work, "port %s: %s", work->id, error);
    }
    if (!work->doc) {
        return true;
    }
    if (!ovs_attach(work->arena, device, ids, &error)) {
        return work_fail(work, "port %s: %s", work->id, error);
    }
    if (work->host->userspace_datapath && !offload_disable(device)) {
        log_debug("port %s: offloads of %s were left", work->id, device);
    }
    return true;
}
