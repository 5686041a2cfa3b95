/* SPDX-License-Identifier: Apache-2.0
 * Rebuild: the same server, its local disks made anew from an image. */
#include <string.h>

#include "compute/server.h"
#include "image/image.h"

static bool check_image(struct call *call, const struct compute_server *server, const char *id,
                        struct image_info *image) {
    struct server_size size = size_read(call, server->flavor);

    if (!image_get(call, id, image)) {
        if (call->error == 404) {
            call->error = 400;
            call->error_message = "Cannot find image for rebuild";
        }
        return false;
    }
    if (strcmp(image->status, "active") != 0) {
        return fail(call, 400, "Image %s is not active.", id);
    }
    if (image->min_ram > size.ram) {
        return fail(call, 400, "Flavor's memory is too small for requested image.");
    }
    return !size.disk || (image->min_disk <= size.disk && image->virtual_size <= size.disk << 30) ||
           fail(call, 400, "Flavor's disk is too small for requested image.");
}

static bool new_key(struct call *call, struct compute_server *server, const char *name) {
    server->key_name = name;
    server->public_key = !name ? NULL
                               : db_query_text(call->db, call->arena,
                                               "SELECT public_key FROM compute_keypair WHERE user_id = ? AND name = ?",
                                               SQL_ARGS(sql_text(server->user_id), sql_text(name)));
    return !name || server->public_key || fail(call, 400, "Invalid key_name provided.");
}

static bool take_input(struct call *call, struct compute_server *server, const struct compute_rebuild *input) {
    server->name = input->name ? input->name : server->name;
    server->metadata = input->metadata ? input->metadata : server->metadata;
    server->disk_config = input->disk_config ? input->disk_config : server->disk_config;
    server->access_ip_v4 = input->access_ip_v4 ? input->access_ip_v4 : server->access_ip_v4;
    server->access_ip_v6 = input->access_ip_v6 ? input->access_ip_v6 : server->access_ip_v6;
    server->hostname = input->hostname ? input->hostname : server->hostname;
    server->description = call_given(call, "description") ? input->description : server->description;
    server->user_data = call_given(call, "user_data") ? input->user_data : server->user_data;
    return !call_given(call, "key_name") || new_key(call, server, input->key_name);
}

bool compute_server_rebuild(struct call *call) {
    const struct compute_rebuild *input = call->input;
    struct compute_server *server = call->row;
    struct image_info image;

    if (!server_ready(call, server, "rebuild", "active|stopped|error", NULL)) {
        return false;
    }
    if (!input->image_ref) {
        return fail(call, 400, "Invalid input for field/attribute imageRef: it is not a UUID");
    }
    if (!server->host) {
        return fail(call, 409, "Cannot 'rebuild' instance %s while it is not on a host", server->id);
    }
    if (!check_image(call, server, input->image_ref, &image) || !take_input(call, server, input)) {
        return false;
    }
    if (disks_root_is_volume(call, server)) {
        return call->minor >= 93
                   ? fail(call, 501, "Rebuilding a server that boots from a volume is not available in this cloud yet.")
                   : fail(call, 400, "Unable to rebuild with a different image for a volume-backed server.");
    }
    server->old_vm_state = server->vm_state;
    server->image_id = image.id;
    server->image_properties = image.properties ? image.properties : "{}";
    server->fault = NULL;
    server->admin_pass = input->admin_pass ? input->admin_pass : server_password_new(call->arena);
    if (!call_exec(call, "UPDATE compute_disk SET image_id = ? WHERE server_id = ? AND boot_index = 0",
                   SQL_ARGS(sql_text(image.id), sql_text(server->id))) ||
        !server_begin(call, server, "rebuild", "rebuilding") ||
        !task_add(call, "compute.rebuild", server->id, server->host, NULL)) {
        return false;
    }
    server_location(call, server->id);
    return server_answer(call, server, true);
}

bool rebuild_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return spawn_prepare(call, task, out);
}

bool rebuild_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;
    const char *state;

    if (!server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    state = server->old_vm_state && !strcmp(server->old_vm_state, "stopped") ? "stopped" : "active";
    server->old_vm_state = NULL;
    return server_settle(call, server, state, result);
}

bool rebuild_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;

    if (!server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    server->old_vm_state = NULL;
    return server_fail(call, server, "error", 500, cause);
}
