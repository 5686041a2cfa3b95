/* SPDX-License-Identifier: Apache-2.0
 * Versions, extensions, and by what lists can be filtered (out of the declarations). */
#include <string.h>

#include "volume/parts.h"

static bool respond_versions(struct call *call) {
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "versions");
    json_list(out);
    json_map(out);
    json_put_text(out, "id", "v3.0");
    json_put_text(out, "status", "CURRENT");
    json_put_text(out, "version", "3.70");
    json_put_text(out, "min_version", "3.0");
    json_put_text(out, "updated", "2022-08-31T00:00:00Z");
    link_put(out, "links", "self", arena_printf(call->arena, "%s/volume/v3/", call_base_url(call)));
    json_put_raw(out, "media-types",
                 "[{\"base\": \"application/json\", \"type\": \"application/vnd.openstack.volume+json;version=3\"}]");
    json_map_end(out);
    json_list_end(out);
    json_map_end(out);
    return true;
}

bool volume_versions(struct call *call) {
    return respond_versions(call);
}

bool volume_version(struct call *call) {
    return respond_versions(call);
}

static const struct {
    const char *alias, *name, *description;
} extensions[] = {
    {"os-admin-actions", "AdminActions", "Resetting states, forced deletion and detachment"},
    {"os-availability-zone", "AvailabilityZones", "The zones of hosts"},
    {"os-extended-services", "ExtendedServices", "Reasons of disabled services"},
    {"os-extended-snapshot-attributes", "ExtendedSnapshotAttributes", "Progress and project of snapshots"},
    {"os-hosts", "Hosts", "What projects have on hosts"},
    {"os-quota-class-sets", "QuotaClasses", "Defaults of quotas"},
    {"os-quota-sets", "Quotas", "Quotas of projects"},
    {"os-services", "Services", "The services of hosts"},
    {"os-snapshot-actions", "SnapshotActions", "What drivers tell of snapshots"},
    {"os-types-extra-specs", "TypesExtraSpecs", "Extra specs of volume types"},
    {"os-types-manage", "TypesManage", "Making and changing volume types"},
    {"os-used-limits", "UsedLimits", "What is used of limits"},
    {"os-vol-host-attr", "VolumeHostAttribute", "The host of a volume"},
    {"os-vol-image-meta", "VolumeImageMetadata", "What a volume has from its image"},
    {"os-vol-tenant-attr", "VolumeTenantAttribute", "The project of a volume"},
    {"os-volume-actions", "VolumeActions", "Attaching, extending, uploading to an image"},
    {"os-volume-transfer", "VolumeTransfer", "Giving a volume to another project"},
    {"os-volume-type-access", "VolumeTypeAccess", "Who may use a volume type"},
    {"qos-specs", "Qos_specs_manage", "QoS specs of volume types"},
    {"scheduler-stats", "Scheduler_stats", "The pools of hosts"},
};

static void write_extension(size_t i, struct json_out *out) {
    json_map(out);
    json_put_text(out, "name", extensions[i].name);
    json_put_text(out, "alias", extensions[i].alias);
    json_put_text(out, "description", extensions[i].description);
    json_put_text(out, "updated", "2022-08-31T00:00:00+00:00");
    json_put_raw(out, "links", "[]");
    json_map_end(out);
}

bool volume_extensions(struct call *call) {
    json_map(&call->out);
    json_key(&call->out, "extensions");
    json_list(&call->out);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        write_extension(i, &call->out);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool volume_extension(struct call *call) {
    const char *alias = call_parameter(call, "alias");

    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        if (!strcmp(extensions[i].alias, alias)) {
            json_map(&call->out);
            json_key(&call->out, "extension");
            write_extension(i, &call->out);
            json_map_end(&call->out);
            return true;
        }
    }
    return fail(call, 404, "Extension %.255s could not be found.", alias);
}

bool volume_resource_filters(struct call *call) {
    static const struct resource *const listed[] = {&resource_volume_volume, &resource_volume_snapshot_row,
                                                    &resource_volume_attachment, &resource_volume_message};
    const char *only = call_argument(call, "resource");
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "resource_filters");
    json_list(out);
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++) {
        const struct resource_runtime *run = listed[i]->runtime;

        if (only && strcmp(only, listed[i]->singular) != 0) {
            continue;
        }
        json_map(out);
        json_put_text(out, "resource", listed[i]->singular);
        json_key(out, "filters");
        json_list(out);
        for (size_t k = 0; k < run->field_count; k++) {
            if (run->fields[k].rights & FILTER) {
                json_text(out, field_json_name(&run->fields[k]));
            }
        }
        json_list_end(out);
        json_map_end(out);
    }
    json_list_end(out);
    json_map_end(out);
    return true;
}
