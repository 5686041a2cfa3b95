/* SPDX-License-Identifier: Apache-2.0
 * The disks of a server: what a create asks for, their rows, their volumes. */
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "compute/server.h"
#include "image/image.h"
#include "volume/volume.h"

enum { MAX_DISKS = 64 };

static bool invalid(struct call *call, const char *why) {
    return fail(call, 400, "Block Device Mapping is Invalid: %s", why);
}

static bool is_swap(const struct compute_disk *disk) {
    return !strcmp(disk->source, "blank") && disk->guest_format && !strcmp(disk->guest_format, "swap");
}

static bool is_ephemeral(const struct compute_disk *disk) {
    return !strcmp(disk->source, "blank") && !strcmp(disk->destination, "local") && !is_swap(disk);
}

/* ---- what is asked for ---- */

static bool bdm_form(struct call *call, const struct compute_bdm *bdm, bool with_image) {
    if (!bdm->source_type) {
        return invalid(call, "Invalid source_type field.");
    }
    if (!strcmp(bdm->source_type, "blank") && bdm->uuid) {
        return invalid(call, "Invalid device UUID.");
    }
    if (strcmp(bdm->source_type, "blank") != 0 && !bdm->uuid) {
        return invalid(call, "Missing device UUID.");
    }
    if (bdm->destination_type && !strcmp(bdm->destination_type, "local")) {
        if (!strcmp(bdm->source_type, "image") && !(with_image && bdm->boot_index == 0)) {
            return invalid(call, "Mapping image to local is not supported.");
        }
        if (bdm->volume_type) {
            return invalid(call, "Specifying a volume_type with destination_type=local is not supported.");
        }
    }
    if (!strcmp(bdm->source_type, "volume") && bdm->volume_type) {
        return invalid(call, "Specifying volume type to existing volume is not supported.");
    }
    return true;
}

static struct compute_disk disk_blank(struct call *call) {
    struct compute_disk disk;

    memset(&disk, 0, sizeof disk);
    row_defaults(call, &resource_compute_disk, &disk);
    return disk;
}

static bool disk_of_bdm(struct call *call, const struct compute_bdm *bdm, bool with_image,
                        struct compute_disk *ret_disk) {
    struct compute_disk disk = disk_blank(call);

    if (!bdm_form(call, bdm, with_image)) {
        return false;
    }
    disk.source = bdm->source_type;
    disk.destination = bdm->destination_type             ? bdm->destination_type
                       : !strcmp(bdm->source_type, "blank") ? "local"
                                                            : "volume";
    disk.volume_id = !strcmp(disk.source, "volume") ? bdm->uuid : NULL;
    disk.image_id = !strcmp(disk.source, "image") ? bdm->uuid : NULL;
    disk.snapshot_id = !strcmp(disk.source, "snapshot") ? bdm->uuid : NULL;
    disk.size = bdm->volume_size;
    disk.volume_type = bdm->volume_type;
    disk.device = bdm->device_name;
    disk.boot_index = bdm->boot_index;
    disk.delete_on_termination = bdm->delete_on_termination || !strcmp(disk.destination, "local");
    disk.guest_format = bdm->guest_format;
    disk.device_type = bdm->device_type;
    disk.disk_bus = bdm->disk_bus;
    disk.tag = bdm->tag;
    *ret_disk = disk;
    return true;
}

/* The older form: a volume or a snapshot, of which the device name says whether it is the root disk. */
static struct compute_disk disk_of_legacy(struct call *call, const struct compute_bdm_legacy *bdm, bool root) {
    struct compute_disk disk = disk_blank(call);

    disk.source = bdm->snapshot_id ? "snapshot" : bdm->volume_id ? "volume" : "blank";
    disk.destination = bdm->snapshot_id || bdm->volume_id ? "volume" : "local";
    disk.volume_id = bdm->volume_id;
    disk.snapshot_id = bdm->snapshot_id;
    disk.size = bdm->volume_size;
    disk.device = bdm->device_name;
    disk.boot_index = root ? 0 : NO_INT;
    disk.delete_on_termination = bdm->delete_on_termination;
    return disk;
}

static struct compute_disk disk_local(struct call *call, const char *source, const char *format, int64_t size) {
    struct compute_disk disk = disk_blank(call);

    disk.source = source;
    disk.destination = "local";
    disk.guest_format = format;
    disk.size = size;
    disk.boot_index = NO_INT;
    disk.delete_on_termination = true;
    return disk;
}

static const char *text_of(const struct json *map, const char *key) {
    const char *text = json_get_text(map, key);

    return text && *text ? text : NULL;
}

/* The disks that an image of a server with a root volume describes (its property block_device_mapping). */
static size_t disks_of_image(struct call *call, const struct image_info *image, struct compute_disk *disks) {
    const char *properties = image ? image->properties : NULL;
    const struct json *map = properties ? json_parse(call->arena, properties, strlen(properties), NULL) : NULL;
    const struct json *list = json_get(map, "block_device_mapping");
    size_t n = 0;

    if (list && list->type == JSON_TEXT) {
        list = json_parse(call->arena, list->text, strlen(list->text), NULL);
    }
    for (JSON_EACH(item, list && list->type == JSON_LIST ? list : NULL)) {
        struct compute_disk disk = disk_blank(call);

        if (n == MAX_DISKS || !text_of(item, "snapshot_id")) {
            continue;
        }
        disk.source = "snapshot";
        disk.destination = "volume";
        disk.snapshot_id = text_of(item, "snapshot_id");
        disk.size = json_get_int(item, "volume_size", NO_INT);
        disk.boot_index = json_get_int(item, "boot_index", NO_INT);
        disk.delete_on_termination = json_get_bool(item, "delete_on_termination");
        disk.disk_bus = text_of(item, "disk_bus");
        disk.device_type = text_of(item, "device_type");
        disks[n++] = disk;
    }
    return n;
}

static bool wanted_disks(struct call *call, const struct compute_server_new *input, const struct image_info *image,
                         struct compute_disk *disks, size_t *count) {
    const struct compute_bdm *bdms = input->block_device_mapping_v2.at;
    const struct compute_bdm_legacy *old = input->block_device_mapping.at;
    bool root_of_image;

    *count = disks_of_image(call, image, disks);
    root_of_image = *count > 0;
    if (input->block_device_mapping.count && input->block_device_mapping_v2.count) {
        return fail(call, 400, "Using different block_device_mapping syntaxes is not allowed in the same request.");
    }
    for (size_t i = 0; i < input->block_device_mapping_v2.count && *count < MAX_DISKS; i++) {
        bool root_image = bdms[i].boot_index == 0 && bdms[i].source_type && !strcmp(bdms[i].source_type, "image");

        if (bdms[i].no_device || (root_of_image && root_image)) {
            continue;
        }
        if (!disk_of_bdm(call, &bdms[i], input->image_ref != NULL, &disks[*count])) {
            return false;
        }
        ++*count;
    }
    for (size_t i = 0; i < input->block_device_mapping.count && *count < MAX_DISKS; i++) {
        if (!old[i].no_device) {
            disks[*count] = disk_of_legacy(call, &old[i], !input->image_ref && !*count);
            ++*count;
        }
    }
    if (image && !root_of_image && !input->block_device_mapping_v2.count && *count < MAX_DISKS) {
        disks[*count] = disk_local(call, "image", NULL, NO_INT);
        disks[*count].image_id = image->id;
        disks[(*count)++].boot_index = 0;
    }
    return true;
}

/* ---- whether that can be ---- */

static int by_boot_index(const void *a, const void *b) {
    const struct compute_disk *x = a, *y = b;
    bool bootable_x = x->boot_index != NO_INT && x->boot_index >= 0,
         bootable_y = y->boot_index != NO_INT && y->boot_index >= 0;

    if (bootable_x != bootable_y) {
        return bootable_x ? -1 : 1;
    }
    return bootable_x ? (x->boot_index > y->boot_index) - (x->boot_index < y->boot_index) : 0;
}

static bool volume_fits(struct call *call, struct compute_disk *disk, bool many) {
    struct volume_info info;

    if (!volume_get(call, disk->volume_id, &info)) {
        call->error = call->error == 404 ? 400 : call->error;
        return false;
    }
    if (many && !info.multiattach) {
        return fail(call, 400, "Cannot attach one or more volumes to multiple instances");
    }
    if (info.multiattach && call->minor < 60) {
        return fail(call, 400, "Multiattach volumes are only supported starting with compute API version 2.60.");
    }
    if (disk->boot_index == 0 && !info.bootable) {
        return fail(call, 400, "Block Device %s is not bootable.", disk->volume_id);
    }
    disk->size = info.size;
    return true;
}

static bool disk_fits(struct call *call, struct compute_disk *disk, bool many) {
    static const char *const buses = "fdc|ide|sata|scsi|usb|virtio|xen|lxc|uml";
    bool to_volume = !strcmp(disk->destination, "volume");
    struct image_info image;

    if (disk->disk_bus && !word_in(buses, disk->disk_bus)) {
        return invalid(call, arena_printf(call->arena, "The provided disk bus %.40s is not valid.", disk->disk_bus));
    }
    if (disk->volume_id && !volume_fits(call, disk, many)) {
        return false;
    }
    if (disk->image_id && to_volume && !image_get(call, disk->image_id, &image)) {
        call->error = 400;
        return false;
    }
    if (disk->image_id && to_volume && (disk->size == NO_INT || !disk->size)) {
        return fail(call, 400, "Images with destination_type 'volume' need to have a non-zero size specified");
    }
    if (!strcmp(disk->source, "blank") && to_volume && (disk->size == NO_INT || !disk->size)) {
        return fail(call, 400, "Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size");
    }
    return true;
}

static bool disks_fit(struct call *call, struct compute_disk *disks, size_t count, const struct server_size *size,
                      bool many) {
    int64_t boot = 0, ephemeral = 0, swaps = 0;

    for (size_t i = 0; i < count; i++) {
        if (disks[i].boot_index != NO_INT && disks[i].boot_index >= 0 && disks[i].boot_index != boot++) {
            boot = -1;
            break;
        }
    }
    if (boot <= 0) {
        return invalid(call, "Boot sequence for the instance and image/block device mapping combination is not valid.");
    }
    for (size_t i = 0; i < count; i++) {
        if (!disk_fits(call, &disks[i], many)) {
            return false;
        }
        ephemeral += !is_ephemeral(&disks[i]) ? 0 : disks[i].size == NO_INT ? size->ephemeral : disks[i].size;
        swaps += is_swap(&disks[i]);
        if (is_swap(&disks[i]) && disks[i].size != NO_INT && disks[i].size > size->swap) {
            return fail(call, 400, "Swap drive requested is larger than instance type allows.");
        }
    }
    if (ephemeral > size->ephemeral) {
        return fail(call, 400,
                    "Ephemeral disks requested are larger than the instance type allows. If no size is given in"
                    " one block device mapping, flavor ephemeral size will be used.");
    }
    return swaps <= 1 || invalid(call, "More than one swap drive requested.");
}

/* What the flavor gives beyond what was asked for. */
static void add_flavor_disks(struct call *call, const struct server_size *size, struct compute_disk *disks,
                             size_t *count) {
    bool swap = false, ephemeral = false;

    for (size_t i = 0; i < *count; i++) {
        swap = swap || is_swap(&disks[i]);
        ephemeral = ephemeral || is_ephemeral(&disks[i]);
        if (is_ephemeral(&disks[i]) && disks[i].size == NO_INT) {
            disks[i].size = size->ephemeral;
        }
    }
    if (!ephemeral && size->ephemeral) {
        disks[(*count)++] = disk_local(call, "blank", NULL, size->ephemeral);
    }
    if (!swap && size->swap) {
        disks[(*count)++] = disk_local(call, "blank", "swap", size->swap);
    }
}

/* ---- device names ---- */

static const char *base_name(const char *device) {
    return !strncmp(device, "/dev/", 5) ? device + 5 : device;
}

static bool device_taken(const struct compute_disk *disks, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (disks[i].device && !strcmp(base_name(disks[i].device), name)) {
            return true;
        }
    }
    return false;
}

const char *disks_free_device(struct call *call, const struct compute_disk *disks, size_t count, const char *prefix) {
    for (int i = 0; i < 26 * 27; i++) {
        const char *name = i < 26 ? arena_printf(call->arena, "%s%c", prefix, 'a' + i)
                                  : arena_printf(call->arena, "%s%c%c", prefix, 'a' + i / 26 - 1, 'a' + i % 26);

        if (!device_taken(disks, count, name)) {
            return name;
        }
    }
    return NULL;
}

static const char *prefix_of(const char *bus) {
    return !bus || !strcmp(bus, "virtio") ? "vd" : !strcmp(bus, "ide") ? "hd" : "sd";
}

/* A name that somebody asked for is kept when it is one of the disk's bus and nobody else's. */
static void name_devices(struct call *call, struct compute_disk *disks, size_t count, const char *image_bus) {
    for (size_t i = 0; i < count; i++) {
        const char *prefix = prefix_of(disks[i].disk_bus ? disks[i].disk_bus : image_bus);
        const char *asked = disks[i].device ? base_name(disks[i].device) : NULL;

        if (!asked || i == 0 || strncmp(asked, prefix, 2) != 0 || strlen(asked) != 3 || device_taken(disks, i, asked)) {
            disks[i].device = disks_free_device(call, disks, i, prefix);
        } else {
            disks[i].device = asked;
        }
    }
}

bool disks_parse(struct call *call, const struct compute_server_new *input, const struct image_info *image,
                 const struct server_size *size, struct compute_disk **ret_disks, size_t *ret_count) {
    struct compute_disk *disks = ARENA_ARRAY(call->arena, struct compute_disk, MAX_DISKS + 2);
    const char *properties = image ? image->properties : NULL;
    const struct json *map = properties ? json_parse(call->arena, properties, strlen(properties), NULL) : NULL;
    size_t count = 0;

    if (!wanted_disks(call, input, image, disks, &count)) {
        return false;
    }
    qsort(disks, count, sizeof *disks, by_boot_index);
    if (!disks_fit(call, disks, count, size,
                   input->max_count != NO_INT ? input->max_count > 1 : input->min_count > 1)) {
        return false;
    }
    add_flavor_disks(call, size, disks, &count);
    name_devices(call, disks, count, text_of(map, "hw_disk_bus"));
    *ret_disks = disks;
    *ret_count = count;
    return true;
}

int64_t disks_local(const struct server_size *size, const struct compute_disk *disks, size_t count) {
    int64_t local = size->ephemeral + (size->swap + 1023) / 1024;

    return local + (count && !strcmp(disks[0].destination, "local") ? size->disk : 0);
}

/* ---- rows and volumes ---- */

static bool give_volume(struct call *call, const struct compute_server *server, struct compute_disk *disk,
                        bool *ret_wait) {
    struct volume_new fresh = {
        .name = "",
        .project_id = server->project_id,
        .user_id = server->user_id,
        .type = disk->volume_type,
        .image_id = disk->image_id,
        .snapshot_id = disk->snapshot_id,
        .size = disk->size == NO_INT ? 0 : disk->size,
    };

    if (disk->volume_id) {
        disk->state = "reserved";
        return volume_reserve(call, disk->volume_id, server->id, &disk->attachment_id);
    }
    disk->state = "creating";
    *ret_wait = true;
    return volume_create(call, &fresh, &disk->volume_id);
}

bool disks_give(struct call *call, const struct compute_server *server, const struct compute_disk *disks, size_t count,
                bool *ret_wait) {
    *ret_wait = false;
    for (size_t i = 0; i < count; i++) {
        struct compute_disk disk = disks[i];

        disk.id = id_uuid(call->arena);
        disk.server_id = server->id;
        disk.created_at += (int64_t)i;
        if ((server->host && !strcmp(disk.destination, "volume") && !give_volume(call, server, &disk, ret_wait)) ||
            !row_insert(call, &resource_compute_disk, &disk)) {
            return false;
        }
    }
    return true;
}

bool disks_of(struct call *call, const char *server_id, struct compute_disk **ret_disks, size_t *ret_count) {
    return rows_find(call, &resource_compute_disk, "server_id = ? ORDER BY created_at, id",
                     SQL_ARGS(sql_text(server_id)), ret_disks, ret_count);
}

bool disks_drop(struct call *call, const struct compute_server *server) {
    struct compute_disk *disks;
    size_t count;

    if (!disks_of(call, server->id, &disks, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!disks[i].volume_id || !disks[i].state) {
            continue;
        }
        if (!volume_detached(call, disks[i].volume_id, server->id) ||
            (disks[i].delete_on_termination && !volume_remove(call, disks[i].volume_id))) {
            return false;
        }
    }
    return call_exec(call, "DELETE FROM compute_disk WHERE server_id = ?", SQL_ARGS(sql_text(server->id)));
}

bool disks_attached(struct call *call, const struct compute_server *server) {
    struct compute_disk *disks;
    size_t count;

    if (!rows_find(call, &resource_compute_disk, "server_id = ? AND state = 'reserved'", SQL_ARGS(sql_text(server->id)),
                   &disks, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        disks[i].state = "attached";
        if (!volume_attached(call, disks[i].attachment_id, server->host,
                             arena_printf(call->arena, "/dev/%s", disks[i].device)) ||
            !row_update(call, &resource_compute_disk, &disks[i])) {
            return false;
        }
    }
    return true;
}

bool disks_root_is_volume(struct call *call, const struct compute_server *server) {
    return call_count(
               call,
               "SELECT count(*) FROM compute_disk WHERE server_id = ? AND boot_index = 0 AND destination = 'volume'",
               SQL_ARGS(sql_text(server->id))) > 0;
}
