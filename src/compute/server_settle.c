/* SPDX-License-Identifier: Apache-2.0
 * What becomes of servers, disks and migrations that nothing works on any more, or that do not agree with what the other
 * services and the hosts have: what a server's row says is what is made true. */
#include <string.h>

#include "base/clock.h"
#include "compute/server.h"
#include "placement/placement.h"
#include "volume/volume.h"

/* ---- work that has stopped ---- */

bool compute_server_stuck(struct call *call, void *pointer, const char *cause) {
    struct compute_server *server = pointer;
    const char *state = server->task_state ? server->task_state : server->vm_state;

    if (server_leaves(server)) {
        return server_destroy(call, server);
    }
    if (!server_note(call, server, "settle")) {
        return false;
    }
    return server_fail(call, server, "error", 500, arena_printf(call->arena, "The server stayed in %s: %s", state, cause));
}

bool compute_disk_stuck(struct call *call, void *pointer, const char *cause) {
    struct compute_disk *disk = pointer;

    if (!strcmp(disk->state, "attaching")) {
        return volume_detached(call, disk->volume_id, disk->server_id) && row_delete(call, &resource_compute_disk, disk);
    }
    disk->state = "attached";
    return volume_still_attached(call, disk->volume_id, disk->server_id) && row_update(call, &resource_compute_disk, disk);
}

bool compute_migration_stuck(struct call *call, void *pointer, const char *cause) {
    struct compute_migration *row = pointer;

    row->status = "error";
    row->updated_at = clock_now();
    return row_update(call, &resource_compute_migration, row);
}

/* ---- hosts and placement ---- */

bool compute_fix_host(struct call *call, const char *id) {
    struct compute_server *server;

    if (!row_find(call, &resource_compute_server, id, &server)) {
        return !call->error;
    }
    return server_note(call, server, "settle") &&
           server_fail(call, server, "error", 500,
                       arena_printf(call->arena, "Its host %s was never there.", server->host));
}

/* What the server should have where it is, and nothing elsewhere. */
bool compute_fix_allocation(struct call *call, const char *id) {
    struct compute_server *server;
    struct compute_disk *disks;
    struct server_size size;
    const char *provider;
    size_t count;

    if (!row_find(call, &resource_compute_server, id, &server) || !server->host) {
        return !call->error && placement_release(call, id, NULL);
    }
    provider = db_query_text(call->db, call->arena, "SELECT id FROM compute_host WHERE name = ?",
                             SQL_ARGS(sql_text(server->host)));
    size = size_read(call, server->flavor);
    return placement_release(call, id, NULL) && disks_of(call, id, &disks, &count) &&
           (!provider || schedule_allocate(call, server, provider, &size, disks_local(&size, disks, count)));
}

/* ---- ports ---- */

bool compute_fix_port(struct call *call, const char *id) {
    return network_port_drop(call, id);
}

bool compute_fix_binding(struct call *call, const char *id) {
    struct compute_server *server;

    return row_find(call, &resource_compute_server, id, &server) ? network_ports_bind(call, id, server->host) : !call->error;
}

/* ---- disks and attachments ---- */

static int64_t volumes(struct call *call, const struct compute_disk *disk, const char *condition) {
    return call_count(call, arena_printf(call->arena, "SELECT count(*) FROM volume_volume WHERE id = ?%s", condition),
                      SQL_ARGS(sql_text(disk->volume_id)));
}

/* Attached again when the volume is free; the server loses the disk when the volume is gone or somebody else's. */
bool compute_fix_disk(struct call *call, const char *id) {
    struct compute_server *server;
    struct compute_disk *disk;

    if (!row_find(call, &resource_compute_disk, id, &disk) ||
        !row_find(call, &resource_compute_server, disk->server_id, &server)) {
        return !call->error;
    }
    if (!volume_detached(call, disk->volume_id, disk->server_id)) {
        return false;
    }
    if (!volumes(call, disk, "") || volumes(call, disk, " AND multiattach = 0 AND EXISTS (SELECT 1 FROM volume_attachment a"
                                                        " WHERE a.volume_id = volume_volume.id)")) {
        return row_delete(call, &resource_compute_disk, disk);
    }
    if (!volumes(call, disk, " AND (status = 'available' OR multiattach = 1 AND status IN ('reserved', 'in-use'))")) {
        return true;    /* its status is mended first */
    }
    return volume_reserve(call, disk->volume_id, disk->server_id, &disk->attachment_id) &&
           row_update(call, &resource_compute_disk, disk) &&
           (strcmp(disk->state, "attached") != 0 ||
            volume_attached(call, disk->attachment_id, server->host, arena_printf(call->arena, "/dev/%s", disk->device)));
}

bool compute_fix_attachment(struct call *call, const char *id) {
    const char *server = db_query_text(call->db, call->arena, "SELECT instance FROM volume_attachment WHERE id = ?",
                                       SQL_ARGS(sql_text(id)));
    const char *volume = db_query_text(call->db, call->arena, "SELECT volume_id FROM volume_attachment WHERE id = ?",
                                       SQL_ARGS(sql_text(id)));

    return !server || !volume || volume_detached(call, volume, server);
}

/* "SERVER/VOLUME": what is missing is attached once more, what no row asks for goes with the server's next start. */
bool compute_fix_attached(struct call *call, const char *host, const char *id, bool missing) {
    const char *slash = strchr(id, '/');
    const char *server = arena_text_size(call->arena, id, (size_t)(slash - id));
    struct compute_disk *disk;

    if (!missing) {
        return task_add_once(call, "compute.detach_volume", server, host,
                             arena_printf(call->arena, "{\"volume\": \"%s\"}", slash + 1));
    }
    return row_first(call, &resource_compute_disk, "server_id = ? AND volume_id = ?",
                     SQL_ARGS(sql_text(server), sql_text(slash + 1)), &disk) &&
           (!disk || task_add_once(call, "compute.attach_volume", server, host,
                                   arena_printf(call->arena, "{\"disk\": \"%s\"}", disk->id)));
}

/* A device that is missing is made and given to its server anew, one that no row asks for is removed. */
bool compute_fix_tap(struct call *call, const char *host, const char *id, bool missing) {
    struct rows *rows = db_query(call->db, "SELECT id, device_id FROM network_port WHERE 'tap' || substr(id, 1, 11) = ?"
                                           " AND binding_host_id = ? AND device_owner LIKE 'compute:%'",
                                 SQL_ARGS(sql_text(id), sql_text(host)));
    const char *args = NULL, *server = NULL;

    if (rows_next(rows)) {
        args = arena_printf(call->arena, "{\"port\": \"%s\"}", rows_text(rows, 0));
        server = arena_text(call->arena, rows_text(rows, 1));
    }
    rows_end(rows);
    return missing ? !server || task_add_once(call, "compute.tap", server, host, args)
                   : server || task_add_once(call, "compute.tap", id, host, NULL);
}
