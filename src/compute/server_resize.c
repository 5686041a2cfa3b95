/* SPDX-License-Identifier: Apache-2.0
 * Another flavor for a server, on its host: the old disks are kept until the user confirms or reverts. Meanwhile
 * placement has the larger of both sizes. 'other_flavor' is the new one until the host is done, the old one after. */
#include <string.h>

#include "base/clock.h"
#include "compute/server.h"
#include "placement/placement.h"

static int64_t more(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static struct server_size larger(struct server_size a, struct server_size b) {
    a.vcpus = more(a.vcpus, b.vcpus);
    a.ram = more(a.ram, b.ram);
    a.disk = more(a.disk, b.disk);
    a.ephemeral = more(a.ephemeral, b.ephemeral);
    a.swap = more(a.swap, b.swap);
    return a;
}

static const char *provider_of(struct call *call, const struct compute_server *server) {
    return db_query_text(call->db, call->arena, "SELECT id FROM compute_host WHERE name = ?",
                         SQL_ARGS(sql_text(server->host)));
}

static bool local_disk(struct call *call, const struct compute_server *server, const struct server_size *size,
                       int64_t *ret_disk) {
    struct compute_disk *disks;
    size_t count;

    if (!disks_of(call, server->id, &disks, &count)) {
        return false;
    }
    *ret_disk = disks_local(size, disks, count);
    return true;
}

/* Room for both sizes on the server's host; '*ret_there' tells. */
static bool make_room(struct call *call, const struct compute_server *server, struct server_size both,
                      struct schedule *schedule, bool *ret_there) {
    struct schedule_result result;

    *schedule = (struct schedule){.host = server->host, .size = both, .consumer = server->id,
                                  .project_id = server->project_id, .forced = true};
    if (!local_disk(call, server, &both, &schedule->disk) || !schedule_find(call, schedule, &result)) {
        return false;
    }
    *ret_there = result.count > 0;
    return !result.count || schedule_allocate(call, server, result.hosts[0].provider, &both, schedule->disk);
}

/* Gives the server exactly the size of its flavor. */
static bool keep_only(struct call *call, const struct compute_server *server, const struct server_size *size) {
    const char *provider = provider_of(call, server);
    int64_t disk;

    return local_disk(call, server, size, &disk) &&
           (!provider || schedule_allocate(call, server, provider, size, disk));
}

static bool migration_note(struct call *call, const struct compute_server *server, const char *new_flavor) {
    struct compute_migration row;

    memset(&row, 0, sizeof row);
    row_defaults(call, &resource_compute_migration, &row);
    row.id = call_count(call, "SELECT coalesce(max(id), 0) + 1 FROM compute_migration", SQL_NO_ARGS);
    row.server_id = server->id;
    row.status = "migrating";
    row.source = row.dest = server->host;
    row.old_flavor = server->flavor_id;
    row.new_flavor = new_flavor;
    row.project_id = server->project_id;
    row.user_id = server->user_id;
    return row_insert(call, &resource_compute_migration, &row);
}

static bool migration_set(struct call *call, const struct compute_server *server, const char *status) {
    return call_exec(call,
                     "UPDATE compute_migration SET status = ?, updated_at = ? WHERE server_id = ?"
                     " AND status IN ('migrating', 'finished', 'confirming', 'reverting')",
                     SQL_ARGS(sql_text(status), sql_int(clock_now()), sql_text(server->id)));
}

static void charge(struct compute_server *server, const struct server_size *size) {
    server->vcpus = size->vcpus;
    server->memory = size->ram;
}

bool compute_server_resize(struct call *call) {
    const struct compute_resize *input = call->input;
    struct compute_server *server = call->row;
    struct server_size new_size, old_size = size_read(call, server->flavor);
    const char *flavor;
    struct schedule schedule;
    bool there;

    if (!server_ready(call, server, "resize", "active|stopped", NULL) ||
        !size_of_flavor(call, input->flavor_ref, &new_size, &flavor)) {
        return false;
    }
    if (!strcmp(new_size.id, old_size.id)) {
        return fail(call, 400, "When resizing, instances must change flavor!");
    }
    if (!disks_root_is_volume(call, server) && new_size.disk < old_size.disk) {
        return fail(call, 400,
                    new_size.disk ? "Unable to resize disk down." : "Resize to zero disk flavor is not allowed.");
    }
    if (!size_quota(call, server->project_id, 0, new_size.vcpus - old_size.vcpus, new_size.ram - old_size.ram) ||
        !make_room(call, server, larger(old_size, new_size), &schedule, &there)) {
        return false;
    }
    if (!there) {
        return server_note(call, server, "resize") && schedule_fail(call, &schedule, server, NULL);
    }
    server->other_flavor = flavor;
    server->old_vm_state = server->vm_state;
    server->disk_config = input->disk_config ? input->disk_config : server->disk_config;
    charge(server, &new_size);
    return server_begin(call, server, "resize", "resize_prep") && migration_note(call, server, new_size.id) &&
           task_add(call, "compute.resize", server->id, server->host, NULL);
}

/* The other flavor becomes the flavor. */
static struct server_size swap_flavors(struct call *call, struct compute_server *server) {
    const char *other = server->other_flavor;
    struct server_size size = size_read(call, other);

    server->other_flavor = server->flavor;
    server->flavor = other;
    server->flavor_id = size.id;
    charge(server, &size);
    return size;
}

bool resize_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return spawn_prepare(call, task, out);
}

bool resize_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;

    if (!server_of_task(call, task, &server) || !server || !server->other_flavor) {
        return !call->error;
    }
    swap_flavors(call, server);
    return migration_set(call, server, "finished") && server_settle(call, server, "resized", result);
}

bool resize_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;
    struct server_size size;

    if (!server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    size = size_read(call, server->flavor);
    server->other_flavor = server->old_vm_state = NULL;
    charge(server, &size);
    return keep_only(call, server, &size) && migration_set(call, server, "error") &&
           server_fail(call, server, "error", 500, cause);
}

/* ---- confirm ---- */

static bool resized(struct call *call, const struct compute_server *server, const char *action) {
    if (!server_ready(call, server, action, "resized", NULL)) {
        return false;
    }
    return server->other_flavor || fail(call, 400, "Instance has not been resized.");
}

bool compute_server_confirm(struct call *call) {
    struct compute_server *server = call->row;

    return resized(call, server, "confirmResize") && server_begin(call, server, "confirmResize", NULL) &&
           migration_set(call, server, "confirming") &&
           task_add(call, "compute.resize_confirm", server->id, server->host, NULL);
}

bool resize_confirm_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return spawn_prepare(call, task, out);
}

bool resize_confirm_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;
    struct server_size size;

    if (!server_of_task(call, task, &server) || !server || strcmp(server->vm_state, "resized") != 0) {
        return !call->error;
    }
    size = size_read(call, server->flavor);
    server->other_flavor = server->old_vm_state = NULL;
    return keep_only(call, server, &size) && migration_set(call, server, "confirmed") &&
           server_settle(call, server, server->power_state == 4 ? "stopped" : "active", NULL);
}

bool resize_confirm_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;

    if (!server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    return server_fail(call, server, NULL, 500, cause);
}

/* ---- revert ---- */

bool compute_server_revert(struct call *call) {
    struct compute_server *server = call->row;

    return resized(call, server, "revertResize") && server_begin(call, server, "revertResize", "resize_reverting") &&
           migration_set(call, server, "reverting") &&
           task_add(call, "compute.resize_revert", server->id, server->host, NULL);
}

bool resize_revert_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return spawn_prepare(call, task, out);
}

bool resize_revert_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;
    struct server_size size;
    const char *state;

    if (!server_of_task(call, task, &server) || !server || !server->other_flavor) {
        return !call->error;
    }
    size = swap_flavors(call, server);
    state = server->old_vm_state ? server->old_vm_state : "active";
    server->other_flavor = server->old_vm_state = NULL;
    return keep_only(call, server, &size) && migration_set(call, server, "reverted") &&
           server_settle(call, server, state, result);
}

bool resize_revert_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;

    if (!server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    return migration_set(call, server, "error") && server_fail(call, server, "error", 500, cause);
}
