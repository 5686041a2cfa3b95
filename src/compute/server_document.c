/* SPDX-License-Identifier: Apache-2.0
 * The server document (document.h) out of the rows as they are. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "compute/metadata.h"
#include "compute/server.h"
#include "image/image.h"
#include "volume/volume.h"

static const struct json *parsed(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

/* ---- disks ---- */

/* "nbd://HOST:PORT/NAME" or "nbd+unix:///NAME?socket=PATH" as the document's map. */
static void put_nbd(struct call *call, const char *url, struct json_out *out) {
    const char *socket = strstr(url, "?socket="), *at = strstr(url, "://"), *slash, *colon;

    at = at ? at + 3 : url;
    slash = strchr(at, '/');
    colon = memchr(at, ':', slash ? (size_t)(slash - at) : strlen(at));
    json_key(out, "nbd");
    json_map(out);
    if (socket) {
        json_put_text(out, "socket", socket + 8);
        json_put_text(out, "name", slash ? arena_text_size(call->arena, slash + 1, (size_t)(socket - slash - 1)) : "");
    } else {
        size_t end = colon ? (size_t)(colon - at) : slash ? (size_t)(slash - at) : strlen(at);

        json_put_text(out, "host", arena_text_size(call->arena, at, end));
        if (colon) {
            json_put_int(out, "port", strtoll(colon + 1, NULL, 10));
        }
        json_put_text(out, "name", slash ? slash + 1 : "");
    }
    json_map_end(out);
}

static bool put_volume(struct call *call, const struct compute_disk *disk, struct json_out *out) {
    const struct json *connection, *nbd;
    struct volume_info info;

    if (!disk->volume_id || !volume_get(call, disk->volume_id, &info)) {
        return false;
    }
    connection = parsed(call, info.connection);
    nbd = json_get(connection, "nbd");
    if (!connection) {
        return fail(call, 409, "Volume %s cannot be connected.", disk->volume_id);
    }
    json_put_text(out, "source", "volume");
    json_put_text(out, "format", json_get_text(connection, "format") ? json_get_text(connection, "format") : "raw");
    json_put_text(out, "serial", disk->volume_id);
    if (nbd && nbd->type == JSON_TEXT) {
        put_nbd(call, nbd->text, out);
    } else if (nbd) {
        json_key(out, "nbd");
        json_tree(out, nbd);
    } else {
        json_put_text(out, "path", json_get_text(connection, "path"));
    }
    return true;
}

/* The members of an open map. */
static bool put_disk(struct call *call, const struct compute_disk *disk, struct json_out *out) {
    bool swap = disk->guest_format && !strcmp(disk->guest_format, "swap");
    int64_t unit = swap ? 1 << 20 : 1 << 30;

    json_put_text(out, "device", disk->device);
    if (disk->disk_bus) {
        json_put_text(out, "bus", disk->disk_bus);
    }
    if (disk->device_type) {
        json_put_text(out, "type", disk->device_type);
    }
    json_put_int(out, "boot_index", disk->boot_index == NO_INT ? -1 : disk->boot_index);
    if (!strcmp(disk->destination, "volume")) {
        return put_volume(call, disk, out);
    }
    json_put_text(out, "source", !strcmp(disk->source, "image") ? "image" : swap ? "swap" : "blank");
    if (disk->size != NO_INT && strcmp(disk->source, "image") != 0) {
        json_put_int(out, "size", disk->size * unit);
    }
    return true;
}

bool document_disk(struct call *call, const struct compute_disk *disk, struct json_out *out) {
    bool ok;

    json_key(out, "disk");
    json_map(out);
    ok = put_disk(call, disk, out);
    json_map_end(out);
    return ok;
}

/* Volumes that are on their way in or out are not part of the server. */
static bool belongs(const struct compute_disk *disk) {
    return strcmp(disk->destination, "volume") != 0 || (disk->state && word_in("reserved|attached", disk->state));
}

static bool put_disks(struct call *call, const struct compute_disk *disks, size_t count, struct json_out *out) {
    json_key(out, "disks");
    json_list(out);
    for (size_t i = 0; i < count; i++) {
        if (belongs(&disks[i])) {
            json_map(out);
            if (!put_disk(call, &disks[i], out)) {
                return false;
            }
            json_map_end(out);
        }
    }
    json_list_end(out);
    return true;
}

/* ---- ports ---- */

void document_nic(struct call *call, const struct network_port_info *port, struct json_out *out) {
    json_map(out);
    json_put_text(out, "port_id", port->id);
    json_put_text(out, "mac_address", port->mac_address);
    json_put_text(out, "device", network_tap(call->arena, port->id));
    json_put_int(out, "mtu", port->mtu);
    json_put_text(out, "network_id", port->network_id);
    json_put_text(out, "device_id", port->device_id);
    json_map_end(out);
}

/* ---- the whole ---- */

static void put_flavor(struct call *call, const struct compute_server *server, struct json_out *out) {
    bool new_one = server->task_state &&
                   word_in("resize_prep|resize_migrating|resize_finish|resize_reverting", server->task_state);
    struct server_size size = size_read(call, new_one && server->other_flavor ? server->other_flavor : server->flavor);

    json_key(out, "flavor");
    json_map(out);
    json_put_text(out, "name", size.name);
    json_put_int(out, "vcpus", size.vcpus);
    json_put_int(out, "ram", size.ram);
    json_put_int(out, "root", size.disk);
    json_put_int(out, "ephemeral", size.ephemeral);
    json_put_int(out, "swap", size.swap);
    json_key(out, "extra_specs");
    json_tree(out, size.extra_specs);
    json_map_end(out);
}

static bool put_image(struct call *call, const char *key, const char *id, const char *properties,
                      struct json_out *out) {
    struct image_info info = {0};
    const struct json *map = parsed(call, properties);

    if (id && !image_get(call, id, &info)) {
        call->error = call->error == 404 ? 0 : call->error;     /* the disks that were made of it may be there */
        info = (struct image_info){.id = id};
    }
    json_key(out, key);
    if (!id && !map) {
        json_null(out);
        return !call->error;
    }
    json_map(out);
    if (id) {
        json_put_text(out, "id", id);
        json_put_text(out, "path", info.path);
        json_put_text(out, "format", info.format ? info.format : "raw");
    }
    json_key(out, "properties");
    json_map(out);
    for (JSON_EACH(property, map)) {
        if (property->type == JSON_TEXT) {
            json_put_text(out, property->key, property->text);
        }
    }
    json_map_end(out);
    json_map_end(out);
    return !call->error;
}

/* What the server's power should be when nothing is being done to it. */
static const char *wanted_power(const struct compute_server *server) {
    const char *state = server->vm_state;

    if (server->task_state && word_in("powering-off|shelving", server->task_state)) {
        return "shutdown";
    }
    if (server->task_state && word_in("powering-on|resuming|unpausing|rebooting|rebooting_hard", server->task_state)) {
        return "running";
    }
    if (word_in("resized", state) || (server->old_vm_state && server->task_state)) {
        state = server->old_vm_state ? server->old_vm_state : "active";
    }
    return word_in("stopped|shelved", state) ? "shutdown"
           : word_in("error", state) && server->power_state == 4 ? "shutdown"
           : !strcmp(state, "paused")    ? "paused"
           : !strcmp(state, "suspended") ? "suspended"
                                         : "running";
}

bool document_write(struct call *call, const struct compute_server *server, struct json_out *out) {
    bool spawning = server->task_state && !strcmp(server->task_state, "spawning");
    const char *image = server->shelved_image_id && spawning ? server->shelved_image_id : server->image_id;
    struct network_port_info *ports;
    struct compute_disk *disks;
    size_t port_count, disk_count;
    char created[TIME_TEXT_SIZE];

    if (!disks_of(call, server->id, &disks, &disk_count) ||
        !network_ports_with_subnets(call, server->id, &ports, &port_count)) {
        return false;
    }
    json_put_text(out, "id", server->id);
    json_put_text(out, "name", server_domain_name(call->arena, server));
    json_put_text(out, "display_name", server->name);
    json_put_text(out, "hostname", server->hostname);
    json_put_text(out, "project_id", server->project_id);
    json_put_text(out, "user_id", server->user_id);
    json_put_text(out, "created_at", time_print(server->created_at, TIME_Z, created));
    put_flavor(call, server, out);
    if (!put_image(call, "image", image, server->image_properties, out) ||
        (server->rescue_image_id && !put_image(call, "rescue", server->rescue_image_id, "{}", out)) ||
        !put_disks(call, disks, disk_count, out)) {
        return false;
    }
    json_key(out, "nics");
    json_list(out);
    for (size_t i = 0; i < port_count; i++) {
        document_nic(call, &ports[i], out);
    }
    json_list_end(out);
    if (server->config_drive) {
        json_key(out, "config_drive");
        if (!metadata_files(call, server->id, out)) {
            return false;
        }
    }
    json_put_text(out, "power", wanted_power(server));
    return !call->error;
}
