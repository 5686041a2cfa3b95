/* SPDX-License-Identifier: Apache-2.0
 * Reading the server document. Everything that becomes a path, a device name or a word of a domain's XML is checked
 * here, so that the drivers can rely on it. */
#include "compute/document.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "bus/work.h"

enum { MAX_DEVICES = 64, MAX_VCPUS = 1024, MAX_RAM_MIB = 64 * 1024 * 1024, MAX_DISK_GIB = 1024 * 1024, MAX_FILES = 64 };

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
static const char *const buses[] = {"virtio", "scsi", "ide", "sata", "usb", NULL};
static const char *const models[] = {"virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "vmxnet3", NULL};
static const char *const formats[] = {"qcow2", "raw", "vmdk", "vdi", "vhd", "vhdx", "iso", "ami", "ari", "aki", NULL};
static const char *const volume_formats[] = {"qcow2", "raw", NULL};
static const char *const sources[] = {"image", "blank", "swap", "volume", NULL};
static const char *const powers[] = {"running", "shutdown", "paused", "suspended", NULL};

static int word_find(const char *const *words, const char *text) {
    for (int i = 0; text && words[i]; i++) {
        if (!strcmp(words[i], text)) {
            return i;
        }
    }
    return -1;
}

static bool word_is(const char *text, const char *of, size_t most) {
    size_t size = text ? strlen(text) : 0;

    return size && size <= most && strspn(text, of) == size && text[0] != '.' && text[0] != '-';
}

static bool path_is_absolute(const char *path) {
    return path && path[0] == '/' && strlen(path) < 4096;
}

/* Relative, of plain words: neither empty ones nor "..". */
static bool path_is_inside(const char *path) {
    if (!path || strlen(path) > 255) {
        return false;
    }
    for (const char *at = path;; at++) {
        size_t size = strcspn(at, "/");

        if (!size || at[0] == '.' || strspn(at, plain) < size) {
            return false;
        }
        at += size;
        if (!*at) {
            return true;
        }
    }
}

static bool mac_is(const char *text) {
    if (!text || strlen(text) != 17) {
        return false;
    }
    for (int i = 0; i < 17; i++) {
        if (i % 3 == 2 ? text[i] != ':' : !strchr("0123456789abcdefABCDEF", text[i])) {
            return false;
        }
    }
    return true;
}

static bool uuid_is(const char *text) {
    return text && strlen(text) == 36 && id_is_uuid(text);
}

/* An integer of 'node' between 'least' and 'most' into *ret_value; absent or null is 'otherwise'. */
static bool int_read(struct work *work, const struct json *node, const char *key, int64_t least, int64_t most,
                     int64_t otherwise, int64_t *ret_value) {
    const struct json *value = json_get(node, key);

    *ret_value = json_get_int(node, key, otherwise);
    if ((value && value->type != JSON_INT && value->type != JSON_NULL) || *ret_value < least || *ret_value > most) {
        return work_fail(work, "server %s: \"%s\" must be an integer from %lld to %lld", work->id, key,
                         (long long)least, (long long)most);
    }
    return true;
}

static const char *text_or(const struct json *node, const char *key, const char *otherwise) {
    const char *text = json_get_text(node, key);

    return text ? text : otherwise;
}

static bool nbd_read(struct work *work, const struct json *nbd, struct server_disk *disk) {
    disk->nbd_host = json_get_text(nbd, "host");
    disk->nbd_socket = json_get_text(nbd, "socket");
    disk->nbd_name = text_or(nbd, "name", "");
    if (!disk->nbd_host && !path_is_absolute(disk->nbd_socket)) {
        return work_fail(work, "server %s: disk %s: \"nbd\" needs \"host\" or \"socket\"", work->id, disk->device);
    }
    return int_read(work, nbd, "port", 1, 65535, 10809, &disk->nbd_port);
}

static bool volume_read(struct work *work, const struct json *node, struct server_disk *disk) {
    const struct json *nbd = json_get(node, "nbd");

    if (word_find(volume_formats, disk->format) < 0) {
        return work_fail(work, "server %s: disk %s: unknown format %s", work->id, disk->device, disk->format);
    }
    if (nbd && nbd->type == JSON_MAP) {
        return nbd_read(work, nbd, disk);
    }
    disk->path = json_get_text(node, "path");
    return path_is_absolute(disk->path)
               || work_fail(work, "server %s: disk %s has neither \"path\" nor \"nbd\"", work->id, disk->device);
}

static bool disk_read(struct work *work, const struct json *node, struct server_disk *disk) {
    const char *source = text_or(node, "source", "volume");
    int64_t boot_index;

    *disk = (struct server_disk){
        .device = json_get_text(node, "device"),
        .bus = json_get_text(node, "bus"),
        .format = text_or(node, "format", "raw"),
        .serial = json_get_text(node, "serial"),
        .cdrom = !strcmp(text_or(node, "type", "disk"), "cdrom"),
        .readonly = json_get_bool(node, "readonly"),
    };
    if (!word_is(disk->device, lower, 8)) {
        return work_fail(work, "server %s: a disk's \"device\" must be a name like vda", work->id);
    }
    if (word_find(sources, source) < 0 || (disk->bus && word_find(buses, disk->bus) < 0)
        || (disk->serial && !word_is(disk->serial, plain, 128))) {
        return work_fail(work, "server %s: disk %s: unknown source, bus or serial", work->id, disk->device);
    }
    disk->source = (enum disk_source)word_find(sources, source);
    if (!int_read(work, node, "size", 0, (int64_t)MAX_DISK_GIB << 30, 0, &disk->size)
        || !int_read(work, node, "boot_index", -1, 255, -1, &boot_index)) {
        return false;
    }
    disk->boot_index = (int)boot_index;
    return disk->source != DISK_VOLUME || volume_read(work, node, disk);
}

static const char *lower_case(struct arena *arena, const char *text) {
    char *copy = arena_text(arena, text);

    for (char *at = copy; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return copy;
}

static bool nic_read(struct work *work, const struct json *node, struct server_nic *nic) {
    *nic = (struct server_nic){
        .port_id = json_get_text(node, "port_id"),
        .mac = json_get_text(node, "mac_address"),
        .device = json_get_text(node, "device"),
        .model = json_get_text(node, "vif_model"),
        .plug = node,
    };
    if (!uuid_is(nic->port_id) || !mac_is(nic->mac) || !word_is(nic->device, plain, 15)
        || (nic->model && word_find(models, nic->model) < 0)) {
        return work_fail(work, "server %s: interface %s: port_id, mac_address, device or vif_model is malformed",
                         work->id, nic->port_id ? nic->port_id : "?");
    }
    nic->mac = lower_case(work->arena, nic->mac);
    return int_read(work, node, "mtu", 0, 65535, 0, &nic->mtu);
}

static bool image_read(struct work *work, const struct json *node, struct server_image *image) {
    image->properties = json_get(node, "properties");
    image->id = json_get_text(node, "id");
    image->path = json_get_text(node, "path");
    image->format = text_or(node, "format", "");
    if (!image->id) {
        return true;
    }
    if (!uuid_is(image->id) || (image->path && !path_is_absolute(image->path))
        || word_find(formats, image->format) < 0) {
        return work_fail(work, "server %s: image %s: id, path or format is malformed", work->id, image->id);
    }
    return true;
}

static bool flavor_read(struct work *work, const struct json *flavor, struct server *server) {
    server->flavor = text_or(flavor, "name", "");
    server->extra_specs = json_get(flavor, "extra_specs");
    return int_read(work, flavor, "vcpus", 1, MAX_VCPUS, 1, &server->vcpus)
           && int_read(work, flavor, "ram", 1, MAX_RAM_MIB, 512, &server->ram)
           && int_read(work, flavor, "root", 0, MAX_DISK_GIB, 0, &server->root)
           && int_read(work, flavor, "ephemeral", 0, MAX_DISK_GIB, 0, &server->ephemeral)
           && int_read(work, flavor, "swap", 0, MAX_DISK_GIB, 0, &server->swap);
}

static const struct json *list_of(struct work *work, const char *key, int *ret_count) {
    const struct json *list = json_get(work->doc, key);

    *ret_count = list && list->type == JSON_LIST ? (int)list->count : 0;
    return list;
}

static bool disks_read(struct work *work, struct server *server) {
    const struct json *list = list_of(work, "disks", &server->disk_count);
    struct server_disk *disk = server->disks = ARENA_ARRAY(work->arena, struct server_disk, server->disk_count + 1);

    if (server->disk_count > MAX_DEVICES) {
        return work_fail(work, "server %s has more than %d disks", work->id, MAX_DEVICES);
    }
    for (JSON_EACH(node, list)) {
        if (!disk_read(work, node, disk)) {
            return false;
        }
        for (struct server_disk *other = server->disks; other < disk; other++) {
            if (!strcmp(other->device, disk->device)) {
                return work_fail(work, "server %s has two disks %s", work->id, disk->device);
            }
        }
        disk++;
    }
    return true;
}

static bool nics_read(struct work *work, struct server *server) {
    const struct json *list = list_of(work, "nics", &server->nic_count);
    struct server_nic *nic = server->nics = ARENA_ARRAY(work->arena, struct server_nic, server->nic_count + 1);

    if (server->nic_count > MAX_DEVICES) {
        return work_fail(work, "server %s has more than %d interfaces", work->id, MAX_DEVICES);
    }
    for (JSON_EACH(node, list)) {
        if (!nic_read(work, node, nic++)) {
            return false;
        }
    }
    return true;
}

/* The bus that a device name stands for, as the compute service's device names do. */
static const char *bus_of(const char *device) {
    return !strncmp(device, "sd", 2) ? "scsi" : !strncmp(device, "hd", 2) ? "ide" : "virtio";
}

/* What the devices leave open, the image's properties say. */
static bool defaults_fill(struct work *work, struct server *server) {
    const char *bus = server_property(server, "hw_disk_bus", NULL);
    const char *cdrom_bus = server_property(server, "hw_cdrom_bus", NULL);
    const char *model = server_property(server, "hw_vif_model", "virtio");

    for (struct server_disk *disk = server->disks; disk < server->disks + server->disk_count; disk++) {
        const char *hint = disk->cdrom ? cdrom_bus : bus;

        disk->bus = disk->bus ? disk->bus : hint ? hint : bus_of(disk->device);
        if (word_find(buses, disk->bus) < 0) {
            return work_fail(work, "server %s: the image asks for unknown disk bus %s", work->id, disk->bus);
        }
    }
    for (struct server_nic *nic = server->nics; nic < server->nics + server->nic_count; nic++) {
        nic->model = nic->model ? nic->model : model;
        if (word_find(models, nic->model) < 0) {
            return work_fail(work, "server %s: the image asks for unknown interface model %s", work->id, model);
        }
    }
    return true;
}

static bool config_drive_read(struct work *work, struct server *server) {
    const struct json *files = json_get(work->doc, "config_drive");

    if (!files || files->type != JSON_MAP) {
        return true;
    }
    if (files->count > MAX_FILES) {
        return work_fail(work, "server %s: the config drive has more than %d files", work->id, MAX_FILES);
    }
    for (JSON_EACH(file, files)) {
        if ((file->type != JSON_TEXT && !json_get_text(file, "base64")) || !path_is_inside(file->key)) {
            return work_fail(work, "server %s: config drive: file name or content is malformed", work->id);
        }
    }
    server->config_drive = files;
    return true;
}

static bool power_read(struct work *work, struct server *server) {
    static const enum power_state states[] = {POWER_RUNNING, POWER_SHUTDOWN, POWER_PAUSED, POWER_SUSPENDED};
    int found = word_find(powers, text_or(work->doc, "power", "running"));

    if (found < 0) {
        return work_fail(work, "server %s: unknown power", work->id);
    }
    server->power = states[found];
    return true;
}

struct server *server_read(struct work *work) {
    const struct json *doc = work->doc;
    struct server *server = ARENA_NEW(work->arena, struct server);

    server->id = work->id;
    server->name = json_get_text(doc, "name");
    server->display_name = text_or(doc, "display_name", "");
    server->hostname = text_or(doc, "hostname", "");
    server->project_id = text_or(doc, "project_id", "");
    server->project_name = text_or(doc, "project_name", "");
    server->user_id = text_or(doc, "user_id", "");
    server->user_name = text_or(doc, "user_name", "");
    server->created_at = text_or(doc, "created_at", "");
    if (!uuid_is(work->id) || !word_is(server->name, plain, 63)) {
        work_fail(work, "server %s: id or name is malformed", work->id);
        return NULL;
    }
    return flavor_read(work, json_get(doc, "flavor"), server)
                   && image_read(work, json_get(doc, "image"), &server->image)
                   && image_read(work, json_get(doc, "rescue"), &server->rescue) && disks_read(work, server)
                   && nics_read(work, server) && defaults_fill(work, server) && config_drive_read(work, server)
                   && power_read(work, server)
               ? server
               : NULL;
}

struct server_disk *server_disk_read(struct work *work) {
    struct server_disk *disk = ARENA_NEW(work->arena, struct server_disk);

    if (!disk_read(work, json_get(work->doc, "disk"), disk)) {
        return NULL;
    }
    disk->bus = disk->bus ? disk->bus : bus_of(disk->device);
    return disk;
}

struct server_nic *server_nic_read(struct work *work) {
    struct server_nic *nic = ARENA_NEW(work->arena, struct server_nic);

    if (!nic_read(work, json_get(work->doc, "nic"), nic)) {
        return NULL;
    }
    nic->model = nic->model ? nic->model : "virtio";
    return nic;
}

const char *server_property(const struct server *server, const char *name, const char *otherwise) {
    return text_or(server->image.properties, name, otherwise);
}

const char *server_extra_spec(const struct server *server, const char *name, const char *otherwise) {
    return text_or(server->extra_specs, name, otherwise);
}
