/* SPDX-License-Identifier: Apache-2.0
 * Ports and security groups of servers: listing, attaching, detaching. */
#include <string.h>

#include "compute/server.h"

static bool find_port(struct call *call, const char *server_id, const char *port_id,
                      struct network_port_info **ret_port) {
    struct network_port_info *ports;
    size_t count;

    *ret_port = NULL;
    if (!network_ports_of(call, &server_id, 1, &ports, &count)) {
        return false;
    }
    for (size_t i = 0; i < count && !*ret_port; i++) {
        if (!strcmp(ports[i].id, port_id)) {
            *ret_port = &ports[i];
        }
    }
    return true;
}

static const char *tag_of(struct call *call, const struct compute_server *server, const char *port_id) {
    return json_get_text(json_parse(call->arena, server->nic_tags, strlen(server->nic_tags), NULL), port_id);
}

static void put_interface(struct call *call, const struct compute_server *server,
                          const struct network_port_info *port) {
    const struct json *ips =
        port->fixed_ips ? json_parse(call->arena, port->fixed_ips, strlen(port->fixed_ips), NULL) : NULL;
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "port_id", port->id);
    json_put_text(out, "net_id", port->network_id);
    json_put_text(out, "mac_addr", port->mac_address);
    json_put_text(out, "port_state", port->status);
    json_key(out, "fixed_ips");
    json_list(out);
    for (JSON_EACH(ip, ips)) {
        json_map(out);
        json_put_text(out, "subnet_id", json_get_text(ip, "subnet_id"));
        json_put_text(out, "ip_address", json_get_text(ip, "ip_address"));
        json_map_end(out);
    }
    json_list_end(out);
    if (call->minor >= 70) {
        json_put_text(out, "tag", tag_of(call, server, port->id));
    }
    json_map_end(out);
}

bool compute_interfaces_list(struct call *call) {
    const struct compute_server *server = call->row;
    struct network_port_info *ports;
    size_t count;

    if (!network_ports_of(call, &server->id, 1, &ports, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "interfaceAttachments");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        put_interface(call, server, &ports[i]);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static void answer(struct call *call, const struct network_port_info *port) {
    json_map(&call->out);
    json_key(&call->out, "interfaceAttachment");
    put_interface(call, call->row, port);
    json_map_end(&call->out);
}

bool compute_interface_show(struct call *call) {
    const struct compute_server *server = call->row;
    const char *id = call_parameter(call, "port_id");
    struct network_port_info *port;

    if (!find_port(call, server->id, id, &port)) {
        return false;
    }
    if (!port) {
        return fail(call, 404, "Instance %s does not have a port with id %.64s", server->id, id);
    }
    answer(call, port);
    return true;
}

/* ---- attach ---- */

static bool set_tag(struct call *call, struct compute_server *server, const char *port_id, const char *tag) {
    const struct json *old = json_parse(call->arena, server->nic_tags, strlen(server->nic_tags), NULL);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    for (JSON_EACH(item, old)) {
        if (strcmp(item->key, port_id) != 0) {
            json_put_text(&out, item->key, item->text);
        }
    }
    if (tag) {
        json_put_text(&out, port_id, tag);
    }
    json_map_end(&out);
    server->nic_tags = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return server_save(call, server);
}

static bool make_port(struct call *call, const struct compute_server *server, const char **ret_id) {
    const struct compute_interface_new *input = call->input;
    const struct compute_interface_ip *ip = input->fixed_ips.at;
    const char *network = input->net_id, **networks;
    size_t count;

    if (input->port_id) {
        *ret_id = input->port_id;
        return network_port_take(call, input->port_id, server->id, server->zone, server->host);
    }
    if (!network) {
        if (!network_default(call, &networks, &count)) {
            return false;
        }
        if (count != 1) {
            return fail(call, 400, count ? "Multiple possible networks found, use a Network ID to be more specific."
                                         : "No network to attach was given, and the project has none.");
        }
        network = networks[0];
    }
    if (!network_usable(call, network)) {
        call->error = call->error == 404 ? 400 : call->error;
        return false;
    }
    return network_port_make(call,
                             &(struct network_port_new){.network_id = network, .project_id = server->project_id,
                                                        .fixed_ip = ip ? ip->ip_address : NULL, .device_id = server->id,
                                                        .host = server->host, .zone = server->zone}, ret_id);
}

bool compute_interface_attach(struct call *call) {
    const struct compute_interface_new *input = call->input;
    struct compute_server *server = call->row;
    struct network_port_info *port;
    const char *id;

    if (input->net_id && input->port_id) {
        return fail(call, 400, "Must not input both network_id and port_id");
    }
    if (input->fixed_ips.count && !input->net_id) {
        return fail(call, 400, "Must input network_id when request IP address");
    }
    if (!server_ready(call, server, "attach_interface", "active|paused|stopped", NULL)) {
        return false;
    }
    if (!server->host) {
        return fail(call, 409, "Instance %s is not ready", server->id);
    }
    if (!make_port(call, server, &id) || (input->tag && !set_tag(call, server, id, input->tag)) || !server_note(call, server, "attach_interface") ||
        !task_add(call, "compute.attach_interface", server->id, server->host,
                  arena_printf(call->arena, "{\"port\": \"%s\"}", id)) ||
        !find_port(call, server->id, id, &port)) {
        return false;
    }
    if (!port) {
        return fail(call, 500, "Port %s did not become the server's.", id);
    }
    answer(call, port);
    return true;
}

static const char *port_of_task(struct call *call, const struct task *task) {
    return json_get_text(json_parse(call->arena, task->args, strlen(task->args), NULL), "port");
}

static bool write_nic(struct call *call, const struct task *task, struct json_out *out) {
    struct compute_server *server;
    struct network_port_info *port;

    if (!server_of_task(call, task, &server) || !server ||
        !find_port(call, server->id, port_of_task(call, task), &port) || !port) {
        return false;
    }
    json_map(out);
    json_key(out, "nic");
    document_nic(call, port, out);
    json_map_end(out);
    return true;
}

bool attach_interface_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return write_nic(call, task, out);
}

bool attach_interface_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;

    return server_of_task(call, task, &server) ? !server || server_noted(call, server, NULL) : false;
}

bool attach_interface_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;

    if (!server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    return network_port_drop(call, port_of_task(call, task)) && server_noted(call, server, cause);
}

/* ---- devices that are not as they should be ---- */

/* The server's port whose device is missing; without one in the arguments the device goes that is the task's resource. */
bool tap_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return !task->args || write_nic(call, task, out);
}

bool tap_done(struct call *call, const struct task *task, const struct json *result) {
    return true;
}

bool tap_failed(struct call *call, const struct task *task, const char *cause) {
    return true;
}

/* ---- detach ---- */

bool compute_interface_detach(struct call *call) {
    struct compute_server *server = call->row;
    const char *id = call_parameter(call, "port_id");
    struct network_port_info *port;

    if (!server_ready(call, server, "detach_interface", "active|paused|stopped", NULL) ||
        !find_port(call, server->id, id, &port)) {
        return false;
    }
    if (!port) {
        return fail(call, 404, "Port %.64s could not be found.", id);
    }
    if (!server->host) {
        return network_port_drop(call, id);
    }
    return server_note(call, server, "detach_interface") &&
           task_add(call, "compute.detach_interface", server->id, server->host,
                    arena_printf(call->arena, "{\"port\": \"%s\"}", port->id));
}

bool detach_interface_prepare(struct call *call, const struct task *task, struct json_out *out) {
    return write_nic(call, task, out);
}

bool detach_interface_done(struct call *call, const struct task *task, const struct json *result) {
    struct compute_server *server;

    if (!server_of_task(call, task, &server) || !server) {
        return !call->error;
    }
    return network_port_drop(call, port_of_task(call, task)) &&
           set_tag(call, server, port_of_task(call, task), NULL) && server_noted(call, server, NULL);
}

bool detach_interface_failed(struct call *call, const struct task *task, const char *cause) {
    struct compute_server *server;

    return server_of_task(call, task, &server) ? !server || server_noted(call, server, cause) : false;
}

/* ---- security groups ---- */

static bool change_groups(struct call *call, bool add) {
    const struct compute_group_name *input = call->input;
    const struct compute_server *server = call->row;
    const char *id;

    if (!server_unlocked(call, server)) {
        return false;
    }
    if (!network_security_group(call, input->name, &id)) {
        call->error = call->error == 400 ? 404 : call->error;
        return false;
    }
    return network_security_group_apply(call, server->id, id, add);
}

bool compute_server_add_group(struct call *call) {
    return change_groups(call, true);
}

bool compute_server_remove_group(struct call *call) {
    return change_groups(call, false);
}
