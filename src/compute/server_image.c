/* SPDX-License-Identifier: Apache-2.0
 * Images of servers: a copy of the root disk, or for servers that boot from a volume snapshots of their volumes and an
 * image that names them. */
#include <string.h>

#include "base/clock.h"
#include "compute/server.h"
#include "image/image.h"
#include "volume/volume.h"

#define SNAPSHOT_STATES "active|stopped|paused|suspended"

/* Properties that a snapshot does not take over from the image that the server was made of. */
static const char *const not_inherited =
    "cache_in_nova|bittorrent|block_device_mapping|bdm_v2|root_device_name|"
    "image_type|instance_uuid|base_image_ref|owner_id|user_id|image_location|image_state|"
    "backup_type|boot_roles|owner_specified.openstack.md5|"
    "owner_specified.openstack.sha256|owner_specified.openstack.object|stores|os_hidden";

static void inherit(const struct json *properties, const struct json *given, struct json_out *out) {
    for (JSON_EACH(item, properties)) {
        if (item->type == JSON_TEXT && !word_in(not_inherited, item->key) && !json_get(given, item->key)) {
            json_put_text(out, item->key, item->text);
        }
    }
}

static const struct json *parsed(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

/* 'mapping' null: a copy of the disk; else JSON text of the block devices. */
static const char *properties_of(struct call *call, const struct compute_server *server, const char *metadata,
                                 const char *backup_type, const char *mapping) {
    const struct json *given = parsed(call, metadata);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_map(&out);
    inherit(parsed(call, server->image_properties), given, &out);
    for (JSON_EACH(item, given)) {
        if (!word_in("image_type|instance_uuid|user_id|base_image_ref|block_device_mapping|backup_type", item->key)) {
            json_put_text(&out, item->key, item->text);
        }
    }
    if (!mapping) {
        json_put_text(&out, "image_type", backup_type ? "backup" : "snapshot");
        json_put_text(&out, "instance_uuid", server->id);
        json_put_text(&out, "user_id", call->caller.user_id ? call->caller.user_id : server->user_id);
        json_put_text(&out, "base_image_ref", server->image_id ? server->image_id : "");
        json_put_text(&out, "owner_id", server->project_id);
    } else {
        json_put_text(&out, "block_device_mapping", mapping);
        json_put_text(&out, "bdm_v2", "True");
        json_put_text(&out, "root_device_name", server->root_device);
    }
    if (backup_type) {
        json_put_text(&out, "backup_type", backup_type);
    }
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

/* The task's args: where to, and which image that is. */
static const char *snapshot_args(struct call *call, const char *image_id, const char *path,
                                 const struct compute_backup_new *backup) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_map(&out);
    json_put_text(&out, "image_id", image_id);
    json_put_text(&out, "path", path);
    json_put_text(&out, "format", "qcow2");
    if (backup) {
        json_put_text(&out, "backup_type", backup->backup_type);
        json_put_int(&out, "rotation", backup->rotation);
    }
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

/* Copies the root disk to a new image. */
static bool snapshot_disk(struct call *call, const struct compute_server *server, const char *name,
                          const char *properties, const struct compute_backup_new *backup, const char **ret_id) {
    struct server_size size = size_read(call, server->flavor);
    const struct image_new fresh = {
        .name = name, .owner = server->project_id, .disk_format = "qcow2", .container_format = "bare",
        .min_disk = size.disk, .properties = properties};
    const char *path;

    return image_create(call, &fresh, ret_id, &path) &&
           task_add(call, "compute.snapshot", server->id, server->host, snapshot_args(call, *ret_id, path, backup));
}

static bool put_snapshot(struct call *call, const struct compute_server *server, const struct compute_disk *disk,
                         const char *name, struct json_out *out) {
    const char *snapshot;

    if (!volume_snapshot(call, disk->volume_id, arena_printf(call->arena, "snapshot for %s", name), &snapshot)) {
        return false;
    }
    json_map(out);
    json_put_text(out, "source_type", "snapshot");
    json_put_text(out, "destination_type", "volume");
    json_put_text(out, "snapshot_id", snapshot);
    json_key(out, "boot_index");
    if (disk->boot_index == NO_INT) {
        json_null(out);
    } else {
        json_int(out, disk->boot_index);
    }
    json_put_int(out, "volume_size", disk->size == NO_INT ? 0 : disk->size);
    json_put_bool(out, "delete_on_termination", disk->delete_on_termination);
    json_put_text(out, "device_name", arena_printf(call->arena, "/dev/%s", disk->device));
    json_put_text(out, "disk_bus", disk->disk_bus);
    json_put_text(out, "device_type", disk->device_type ? disk->device_type : "disk");
    json_put_null(out, "guest_format");
    json_put_null(out, "volume_id");
    json_put_null(out, "image_id");
    json_put_null(out, "no_device");
    json_put_null(out, "tag");
    json_put_null(out, "volume_type");
    json_map_end(out);
    return true;
}

static bool snapshot_volumes(struct call *call, const struct compute_server *server, const char *name,
                             const char *metadata, const char **ret_id) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    struct compute_disk *disks;
    const char *mapping, *path;
    size_t count;
    bool ok = disks_of(call, server->id, &disks, &count);

    json_list(&out);
    for (size_t i = 0; ok && i < count; i++) {
        if (disks[i].volume_id && disks[i].state && !strcmp(disks[i].state, "attached")) {
            ok = put_snapshot(call, server, &disks[i], name, &out);
        }
    }
    json_list_end(&out);
    mapping = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return ok &&
           image_create(call,
                        &(struct image_new){.name = name, .owner = server->project_id, .disk_format = "qcow2",
                                            .container_format = "bare",
                                            .properties = properties_of(call, server, metadata, NULL, mapping)},
                        ret_id, &path) &&
           image_written(call, *ret_id, 0, 0);
}

static void answer(struct call *call, const char *image_id) {
    if (call->minor < 45) {
        call_header(call, "Location",
                    arena_printf(call->arena, "%s/image/v2/images/%s", call_base_url(call), image_id));
        return;
    }
    json_map(&call->out);
    json_put_text(&call->out, "image_id", image_id);
    json_map_end(&call->out);
}

bool compute_server_create_image(struct call *call) {
    const struct compute_image_new *input = call->input;
    struct compute_server *server = call->row;
    const char *id;

    if (!server_ready(call, server, "createImage", SNAPSHOT_STATES, NULL)) {
        return false;
    }
    if (disks_root_is_volume(call, server)) {
        if (!call_allow(call, "os_compute_api:servers:create_image:allow_volume_backed", &resource_compute_server,
                        server) ||
            !snapshot_volumes(call, server, input->name, input->metadata, &id) ||
            !server_note(call, server, "createImage") || !server_noted(call, server, NULL)) {
            return false;
        }
    } else if (!snapshot_disk(call, server, input->name, properties_of(call, server, input->metadata, NULL, NULL),
                               NULL, &id) ||
               !server_begin(call, server, "createImage", "image_snapshot")) {
        return false;
    }
    answer(call, id);
    return true;
}

bool compute_server_create_backup(struct call *call) {
    const struct compute_backup_new *input = call->input;
    struct compute_server *server = call->row;
    const char *id;

    if (!server_ready(call, server, "createBackup", SNAPSHOT_STATES, NULL)) {
        return false;
    }
    if (disks_root_is_volume(call, server)) {
        return fail(call, 400, "Backup is not supported for volume-backed instances.");
    }
    if (!snapshot_disk(call, server, input->name,
                       properties_of(call, server, input->metadata, input->backup_type, NULL), input, &id) ||
        !row_insert(call, &resource_compute_backup,
                    &(struct compute_backup){.image_id = id,
                                             .server_id = server->id,
                                             .backup_type = input->backup_type,
                                             .created_at = clock_now()}) ||
        !server_begin(call, server, "createBackup", "image_backup")) {
        return false;
    }
    answer(call, id);
    return true;
}

/* ---- the task ---- */

bool snapshot_prepare(struct call *call, const struct task *task, struct json_out *out) {
    struct compute_server *server;

    if (!server_of_task(call, task, &server) || !server) {
        return false;
    }
    json_raw(out, task->args);
    return true;
}

/* Removes all backups of the type but the newest 'keep'. */
static bool rotate(struct call *call, const char *server_id, const char *type, int64_t keep) {
    struct compute_backup *backups;
    size_t count;

    if (!rows_find(call, &resource_compute_backup, "server_id = ? AND backup_type = ? ORDER BY created_at DESC",
                   SQL_ARGS(sql_text(server_id), sql_text(type)), &backups, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if ((int64_t)i >= keep &&
            (!image_remove(call, backups[i].image_id) || !row_delete(call, &resource_compute_backup, &backups[i]))) {
            return false;
        }
    }
    return true;
}

bool snapshot_done(struct call *call, const struct task *task, const struct json *result) {
    const struct json *args = parsed(call, task->args);
    const char *image = json_get_text(args, "image_id");
    struct compute_server *server;

    if (!image_written(call, image, json_get_int(result, "size", 0), json_get_int(result, "virtual_size", 0)) ||
        !server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    if (json_get_text(args, "backup_type") &&
        !rotate(call, server->id, json_get_text(args, "backup_type"), json_get_int(args, "rotation", 1))) {
        return false;
    }
    if (server->task_state && !strcmp(server->task_state, "shelving")) {
        server->task_state = "shelving_offloading";
        return server_save(call, server);
    }
    return server_settle(call, server, NULL, NULL);
}

bool snapshot_failed(struct call *call, const struct task *task, const char *cause) {
    const struct json *args = parsed(call, task->args);
    struct compute_server *server;

    if (!image_remove(call, json_get_text(args, "image_id")) || !server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    if (server->task_state && !strcmp(server->task_state, "shelving")) {
        server->shelved_image_id = NULL;
        return task_cancel(call, server->id, "compute.destroy") && server_fail(call, server, "stopped", 500, cause);
    }
    return server_fail(call, server, NULL, 500, cause);
}

/* ---- shelving ---- */

/* Off, copied to an image (its volumes need none), off the host: tasks of one server run in this order. */
bool compute_server_shelve(struct call *call) {
    struct compute_server *server = call->row;
    bool volume = disks_root_is_volume(call, server);

    if (!server_ready(call, server, "shelve", SNAPSHOT_STATES, NULL)) {
        return false;
    }
    if (!server->host) {
        return fail(call, 409, "Instance %s is not ready", server->id);
    }
    if (!task_add(call, "compute.power", server->id, server->host, "{\"action\": \"shelve\"}") ||
        (!volume && !snapshot_disk(call, server, arena_printf(call->arena, "%.240s-shelved", server->name),
                                   properties_of(call, server, "{}", NULL, NULL), NULL, &server->shelved_image_id)) ||
        !task_add(call, "compute.destroy", server->id, server->host, NULL)) {
        return false;
    }
    return server_begin(call, server, "shelve", volume ? "shelving_offloading" : "shelving");
}

/* Servers leave their host when they are shelved, so none is only shelved. */
bool compute_server_offload(struct call *call) {
    return server_ready(call, call->row, "shelveOffload", "shelved", NULL);
}

static bool unshelve_zone(struct call *call, struct compute_server *server, struct schedule *schedule) {
    const struct compute_unshelve *input = call->input;

    if (call_given(call, "host")) {
        if (!call_allow(call, "os_compute_api:os-shelve:unshelve_to_host", &resource_compute_server, server)) {
            return false;
        }
        if (!call_count(call, "SELECT count(*) FROM compute_host WHERE name = ?", SQL_ARGS(sql_text(input->host)))) {
            return fail(call, 400, "Compute host %.255s could not be found.", input->host);
        }
        schedule->host = input->host;
    }
    if (call_given(call, "availability_zone")) {
        if (!input->availability_zone && call->minor < 91) {
            return fail(call, 400, "Invalid input for field/attribute availability_zone: None is not of type 'string'");
        }
        if (input->availability_zone && !schedule_zone_exists(call, input->availability_zone)) {
            return fail(call, 400, "The requested availability zone is not available");
        }
        server->requested_zone = input->availability_zone;
    }
    schedule->zone = server->requested_zone;
    return true;
}

bool compute_server_unshelve(struct call *call) {
    struct compute_server *server = call->row;
    struct schedule schedule = {.project_id = server->project_id, .size = size_read(call, server->flavor),
                                .group_id = server->group_id, .consumer = server->id};
    struct schedule_result result;
    struct compute_disk *disks;
    struct chosen chosen;
    size_t count;

    if (!server_ready(call, server, "unshelve", "shelved|shelved_offloaded", NULL) ||
        !unshelve_zone(call, server, &schedule) || !disks_of(call, server->id, &disks, &count)) {
        return false;
    }
    schedule.disk = disks_local(&schedule.size, disks, count);
    if (!schedule_find(call, &schedule, &result) ||
        !schedule_take(call, &schedule, &result, server->id, server->user_id, &chosen)) {
        return false;
    }
    if (!chosen.host) {
        return server_note(call, server, "unshelve") && schedule_fail(call, &schedule, server, NULL);
    }
    server->host = chosen.host;
    server->zone = chosen.zone;
    return server_begin(call, server, "unshelve", "spawning") && network_ports_bind(call, server->id, server->host) &&
           task_add(call, "compute.spawn", server->id, server->host, NULL);
}
