/* SPDX-License-Identifier: Apache-2.0
 * Volumes of servers: listing, attaching, detaching. */
#include <stdlib.h>
#include <string.h>

#include "compute/compute.h"
#include "compute/server.h"
#include "volume/volume.h"

#define ATTACH_STATES "active|paused|stopped|resized|soft-delete|shelved|shelved_offloaded"

static bool find_disk(struct call *call, const char *server_id, const char *volume_id, struct compute_disk **ret_disk) {
    if (!row_first(call, &resource_compute_disk, "server_id = ? AND volume_id = ?",
                   SQL_ARGS(sql_text(server_id), sql_text(volume_id)), ret_disk)) {
        return false;
    }
    return *ret_disk || fail(call, 404, "Instance %s is not attached to volume %.64s", server_id, volume_id);
}

static void put_attachment(struct call *call, const struct compute_disk *disk, bool created) {
    struct json_out *out = &call->out;

    json_map(out);
    if (call->minor < 89) {
        json_put_text(out, "id", disk->volume_id);
    }
    json_put_text(out, "serverId", disk->server_id);
    json_put_text(out, "volumeId", disk->volume_id);
    json_put_text(out, "device", disk->device ? arena_printf(call->arena, "/dev/%s", disk->device) : NULL);
    if (call->minor >= 70) {
        json_put_text(out, "tag", disk->tag);
    }
    if (call->minor >= 79) {
        json_put_bool(out, "delete_on_termination", disk->delete_on_termination);
    }
    if (call->minor >= 89 && !created) {
        json_put_text(out, "attachment_id", disk->attachment_id);
        json_put_text(out, "bdm_uuid", disk->id);
    }
    json_map_end(out);
}

bool compute_attachments_list(struct call *call) {
    const struct compute_server *server = call->row;
    int64_t most = INT32_MAX, skip = 0;
    struct compute_disk *disks;
    size_t count;

    if (!call_argument_count(call, "limit", 0, &most) || !call_argument_count(call, "offset", 0, &skip) ||
        !disks_of(call, server->id, &disks, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "volumeAttachments");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        if (disks[i].volume_id && skip-- <= 0 && most-- > 0) {
            put_attachment(call, &disks[i], false);
        }
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static void answer(struct call *call, const struct compute_disk *disk, bool created) {
    json_map(&call->out);
    json_key(&call->out, "volumeAttachment");
    put_attachment(call, disk, created);
    json_map_end(&call->out);
}

bool compute_attachment_show(struct call *call) {
    const struct compute_server *server = call->row;
    struct compute_disk *disk;

    if (!find_disk(call, server->id, call_parameter(call, "volume_id"), &disk)) {
        return false;
    }
    answer(call, disk, false);
    return true;
}

/* ---- attach ---- */

static const char *device_for(struct call *call, const struct compute_disk *disks, size_t count) {
    const char *root = count && disks[0].device ? disks[0].device : "vda";

    return disks_free_device(call, disks, count, arena_text_size(call->arena, root, 2));
}

static bool check_volume(struct call *call, const struct compute_server *server, const char *id) {
    struct volume_info info;

    if (!volume_get(call, id, &info)) {
        return false;
    }
    if (call_count(call, "SELECT count(*) FROM compute_disk WHERE server_id = ? AND volume_id = ?",
                   SQL_ARGS(sql_text(server->id), sql_text(id)))) {
        return fail(call, 400, "Invalid volume: volume %s is already attached to instance %s", id, server->id);
    }
    if (info.multiattach && call->minor < 60) {
        return fail(call, 400, "Multiattach volumes are only supported starting with compute API version 2.60.");
    }
    return !info.multiattach || !word_in("shelved_offloaded", server->vm_state) ||
           fail(call, 409, "Attaching multiattach volumes is not supported for shelved-offloaded instances.");
}

bool compute_attachment_create(struct call *call) {
    const struct compute_attachment_new *input = call->input;
    struct compute_server *server = call->row;
    struct compute_disk *disks, disk;
    size_t count;

    if (call->minor < 20 && word_in("shelved|shelved_offloaded", server->vm_state)) {
        return fail(call, 409, "Cannot 'attach_volume' instance %s while it is in vm_state %s", server->id,
                    server->vm_state);
    }
    if (!server_ready(call, server, "attach_volume", ATTACH_STATES, NULL) ||
        !check_volume(call, server, input->volume_id) || !disks_of(call, server->id, &disks, &count)) {
        return false;
    }
    memset(&disk, 0, sizeof disk);
    row_defaults(call, &resource_compute_disk, &disk);
    disk.server_id = server->id;
    disk.source = disk.destination = "volume";
    disk.volume_id = input->volume_id;
    disk.device = device_for(call, disks, count);
    disk.boot_index = NO_INT;
    disk.delete_on_termination = input->delete_on_termination;
    disk.tag = input->tag;
    disk.state = server->host ? "attaching" : "attached";
    if (!disk.device) {
        return fail(call, 403, "The maximum allowed number of disk devices is attached to the instance already.");
    }
    if (!volume_reserve(call, disk.volume_id, server->id, &disk.attachment_id) ||
        !row_insert(call, &resource_compute_disk, &disk) || !server_note(call, server, "attach_volume")) {
        return false;
    }
    if (server->host && !task_add(call, "compute.attach_volume", server->id, server->host,
                                  arena_printf(call->arena, "{\"disk\": \"%s\"}", disk.id))) {
        return false;
    }
    if (!server->host && !server_noted(call, server, NULL)) {
        return false;
    }
    answer(call, &disk, true);
    return true;
}

/* The disk that a task is about; null when it is gone. */
static bool disk_of_task(struct call *call, const struct task *task, struct compute_server **ret_server,
                         struct compute_disk **ret_disk) {
    const struct json *args = task->args ? json_parse(call->arena, task->args, strlen(task->args), NULL) : NULL;

    *ret_disk = NULL;
    return server_of_task(call, task, ret_server) && *ret_server &&
           row_find(call, &resource_compute_disk, json_get_text(args, "disk"), ret_disk);
}

static bool write_disk(struct call *call, const struct task *task, struct json_out *out) {
    struct compute_server *server;
    struct compute_disk *disk;
    bool ok;

    if (!disk_of_task(call, task, &server, &disk)) {
        return false;
    }
    json_map(out);
    ok = document_disk(call, disk, out);
    json_map_end(out);
    return ok;
}

bool attach_volume_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return write_disk(call, task, out);
}

bool attach_volume_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;
    struct compute_disk *disk;

    if (!disk_of_task(call, task, &server, &disk)) {
        return !call->error;
    }
    disk->state = "attached";
    return volume_attached(call, disk->attachment_id, server->host,
                           arena_printf(call->arena, "/dev/%s", disk->device)) &&
           row_update(call, &resource_compute_disk, disk) && server_noted(call, server, NULL);
}

bool attach_volume_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;
    struct compute_disk *disk;

    if (!disk_of_task(call, task, &server, &disk)) {
        return !call->error;
    }
    return volume_detached(call, disk->volume_id, server->id) && row_delete(call, &resource_compute_disk, disk) &&
           server_noted(call, server, cause);
}

/* ---- detach ---- */

bool compute_attachment_delete(struct call *call) {
    struct compute_server *server = call->row;
    struct compute_disk *disk;

    if (!find_disk(call, server->id, call_parameter(call, "volume_id"), &disk)) {
        return false;
    }
    if (call->minor < 20 && word_in("shelved|shelved_offloaded", server->vm_state)) {
        return fail(call, 409, "Cannot 'detach_volume' instance %s while it is in vm_state %s", server->id,
                    server->vm_state);
    }
    if (!server_ready(call, server, "detach_volume", ATTACH_STATES, NULL)) {
        return false;
    }
    if (disk->boot_index == 0) {
        return fail(call, 403, "Cannot detach a root device volume");
    }
    if (!disk->state || strcmp(disk->state, "attached") != 0) {
        return fail(call, 400, "Invalid volume: Volume %s is %s", disk->volume_id,
                    disk->state ? disk->state : "not attached");
    }
    if (!server_note(call, server, "detach_volume")) {
        return false;
    }
    if (!server->host) {
        return volume_detached(call, disk->volume_id, server->id) && row_delete(call, &resource_compute_disk, disk) &&
               server_noted(call, server, NULL);
    }
    disk->state = "detaching";
    return volume_detaching(call, disk->volume_id, server->id) && row_update(call, &resource_compute_disk, disk) &&
           task_add(call, "compute.detach_volume", server->id, server->host,
                    arena_printf(call->arena, "{\"disk\": \"%s\"}", disk->id));
}

/* A volume that no row says the server has: its disk is found by its serial number. */
static void write_stray(struct json_out *out, const char *volume_id) {
    json_map(out);
    json_key(out, "disk");
    json_map(out);
    json_put_text(out, "source", "blank");
    json_put_text(out, "device", "vdz");
    json_put_text(out, "serial", volume_id);
    json_map_end(out);
    json_map_end(out);
}

bool detach_volume_prepare(struct call *call, const struct task *task, struct json_out *out) {
    const struct json *args = task->args ? json_parse(call->arena, task->args, strlen(task->args), NULL) : NULL;

    if (json_get_text(args, "volume")) {
        write_stray(out, json_get_text(args, "volume"));
        return true;
    }
    return write_disk(call, task, out);
}

bool detach_volume_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;
    struct compute_disk *disk;

    if (!disk_of_task(call, task, &server, &disk)) {
        return !call->error;
    }
    return volume_detached(call, disk->volume_id, server->id) && row_delete(call, &resource_compute_disk, disk) &&
           server_noted(call, server, NULL);
}

bool detach_volume_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;
    struct compute_disk *disk;

    if (!disk_of_task(call, task, &server, &disk)) {
        return !call->error;
    }
    disk->state = "attached";
    return volume_still_attached(call, disk->volume_id, server->id) && row_update(call, &resource_compute_disk, disk) &&
           server_noted(call, server, cause);
}

/* ---- change ---- */

/* Another volume in place of this one is the volume service's migration, which is not there yet. */
bool compute_attachment_update(struct call *call) {
    const struct compute_attachment_change *input = call->input;
    const char *volume_id = call_parameter(call, "volume_id");
    struct compute_server *server = call->row;
    struct compute_disk *disk;

    if (strcmp(input->volume_id, volume_id) != 0) {
        return call_allow(call, "os_compute_api:os-volumes-attachments:swap", &resource_compute_server, server) &&
               find_disk(call, server->id, volume_id, &disk) &&
               fail(call, 501, "Swapping volumes is not available in this cloud yet.");
    }
    if (call->minor < 85) {
        return fail(call, 400, "Old and new volume cannot be the same.");
    }
    if (!call_allow(call, "os_compute_api:os-volumes-attachments:update", &resource_compute_server, server) ||
        !find_disk(call, server->id, volume_id, &disk)) {
        return false;
    }
    if ((input->server_id && strcmp(input->server_id, server->id) != 0) ||
        (input->id && strcmp(input->id, volume_id) != 0)) {
        return fail(call, 400, "The id, serverId, device and tag of an attachment cannot be changed.");
    }
    if (call_given(call, "delete_on_termination")) {
        disk->delete_on_termination = input->delete_on_termination;
    }
    return row_update(call, &resource_compute_disk, disk);
}

/* ---- a volume that grew ---- */

bool compute_volume_extended(struct call *call, const char *server_id, const char *volume_id, int64_t size) {
    return call_exec(call, "UPDATE compute_disk SET size = ? WHERE server_id = ? AND volume_id = ?",
                     SQL_ARGS(sql_int(size), sql_text(server_id), sql_text(volume_id)));
}
