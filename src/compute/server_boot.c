/* SPDX-License-Identifier: Apache-2.0
 * The beginning and the end of a server on its host: boot, deletion, and what follows from volumes that it waits for. */
#include <string.h>

#include "base/clock.h"
#include "compute/compute.h"
#include "compute/console_token.h"
#include "compute/server.h"
#include "image/image.h"
#include "placement/placement.h"
#include "volume/volume.h"

/* ---- boot ---- */

bool spawn_prepare(struct call *call, const struct task *task, struct json_out *out) {
    struct compute_server *server;
    bool ok;

    if (!server_of_task(call, task, &server) || !server) {
        return false;
    }
    json_map(out);
    ok = document_write(call, server, out);
    json_map_end(out);
    return ok;
}

/* What booting from the image of a shelved server leaves to do. */
static bool unshelved(struct call *call, struct compute_server *server) {
    const char *image = server->shelved_image_id;

    server->shelved_image_id = NULL;
    return !image || image_remove(call, image);
}

bool spawn_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;

    if (!server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    if (!server->launched_at) {
        server->launched_at = clock_now();
    }
    event_note(call, "server.boot", server->id);
    return unshelved(call, server) && disks_attached(call, server) && server_settle(call, server, "active", result);
}

bool spawn_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;

    if (!server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    return server_fail(call, server, "error", 500,
                       arena_printf(call->arena, "Build of instance %s aborted: %s", server->id, cause));
}

/* ---- volumes that a boot waits for ---- */

static bool boot_when_ready(struct call *call, struct compute_server *server) {
    if (call_count(call, "SELECT count(*) FROM compute_disk WHERE server_id = ? AND state = 'creating'",
                   SQL_ARGS(sql_text(server->id)))) {
        return true;
    }
    server->task_state = "spawning";
    return server_save(call, server) && task_add(call, "compute.spawn", server->id, server->host, NULL);
}

bool compute_volume_ready(struct call *call, const char *volume_id, const char *error) {
    struct compute_server *server;
    struct compute_disk *disk;

    if (!row_first(call, &resource_compute_disk, "volume_id = ? AND state = 'creating'", SQL_ARGS(sql_text(volume_id)),
                   &disk)) {
        return false;
    }
    if (!disk || !row_find(call, &resource_compute_server, disk->server_id, &server) || server_leaves(server)) {
        return !call->error;
    }
    if (error) {
        return server_fail(call, server, "error", 500,
                           arena_printf(call->arena, "Build of instance %s aborted: Volume %s could not be made: %s",
                                        server->id, volume_id, error));
    }
    disk->state = "reserved";
    return volume_reserve(call, volume_id, server->id, &disk->attachment_id) &&
           row_update(call, &resource_compute_disk, disk) &&
           (!strcmp(server->vm_state, "error") || boot_when_ready(call, server));
}

/* ---- deletion ---- */

/* Nothing of the server is left on a host: everything that it had is given back. */
bool server_gone(struct call *call, struct compute_server *server) {
    int64_t now = clock_now();

    if ((server->shelved_image_id && !image_remove(call, server->shelved_image_id)) || !networks_drop(call, server) ||
        !disks_drop(call, server) || !placement_release(call, server->id, NULL) ||
        !console_tokens_drop(call, server->id)) {
        return false;
    }
    server->deleted = true;
    server->deleted_at = server->terminated_at = server->updated_at = now;
    server->vm_state = "deleted";
    server->task_state = NULL;
    server->power_state = 0;
    event_note(call, "server.delete", server->id);
    return row_update(call, &resource_compute_server, server) && server_noted(call, server, NULL);
}

static bool host_is_up(struct call *call, const char *host) {
    return call_count(call, "SELECT count(*) FROM compute_host WHERE name = ? AND state = 'up'",
                      SQL_ARGS(sql_text(host))) > 0;
}

static bool host_known(struct call *call, const char *host) {
    return call_count(call, "SELECT count(*) FROM compute_host WHERE name = ?", SQL_ARGS(sql_text(host))) > 0;
}

bool server_destroy(struct call *call, struct compute_server *server) {
    if (!task_cancel(call, server->id, NULL)) {
        return false;
    }
    if (server->task_state && !strcmp(server->task_state, "deleting") && server->host &&
        host_is_up(call, server->host)) {
        return task_add_once(call, "compute.destroy", server->id, server->host, NULL);
    }
    if (!server_begin(call, server, "delete", "deleting")) {
        return false;
    }
    if (server->host && host_known(call, server->host) &&
        !task_add(call, "compute.destroy", server->id, server->host, NULL)) {
        return false;
    }
    return (server->host && host_is_up(call, server->host)) || server_gone(call, server);
}

bool compute_server_delete(struct call *call) {
    struct compute_server *server = call->row;

    return server_unlocked(call, server) && server_destroy(call, server);
}

bool compute_server_force_delete(struct call *call) {
    return compute_server_delete(call);
}

/* Nothing is deleted softly here, so there is nothing to restore. */
bool compute_server_restore(struct call *call) {
    const struct compute_server *server = call->row;

    return server_ready(call, server, "restore", "soft-delete", NULL) &&
           fail(call, 501, "Servers are deleted at once.");
}

bool destroy_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return true;    /* must not exist */
}

/* A server that is shelved leaves its host and stays; else it is gone. */
bool destroy_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;

    if (!row_find(call, &resource_compute_server, task->resource_id, &server)) {
        return !call->error;
    }
    if (server_leaves(server)) {
        return server_gone(call, server);
    }
    if (!server->task_state || strcmp(server->task_state, "shelving_offloading") != 0) {
        return true;
    }
    server->host = NULL;
    server->power_state = 4;
    server->zone = server->requested_zone ? server->requested_zone : "";
    return network_ports_bind(call, server->id, NULL) && placement_release(call, server->id, NULL) &&
           server_settle(call, server, "shelved_offloaded", NULL);
}

bool destroy_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;

    if (!row_find(call, &resource_compute_server, task->resource_id, &server)) {
        return !call->error;        /* deleted: what is left of it goes when its host comes back */
    }
    return server_fail(call, server, "error", 500, cause);
}
