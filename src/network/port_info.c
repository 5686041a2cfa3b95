/* SPDX-License-Identifier: Apache-2.0
 * Servers' ports as compute shows them: one statement for all of them, in which a port stands once for each pair of a
 * floating address and a security group that it has; most have one at most. */
#include <stdlib.h>
#include <string.h>

#include "network/network.h"
#include "network/parts.h"
#include "network/related.h"
#include "rest/resource.h"

static const char select_ports[] =
    "SELECT p.id, p.device_id, p.network_id, p.mac_address, p.binding_host_id, p.status, p.project_id, p.fixed_ips,"
    " p.device_tag, p.port_security_enabled, p.server_owned, p.created_at, n.mtu, n.name, g.name,"
    " f.floating_ip_address, f.fixed_ip_address"
    " FROM network_port p LEFT JOIN network_network n ON n.id = p.network_id"
    " LEFT JOIN network_floatingip f ON f.port_id = p.id"
    " LEFT JOIN network_port_group m ON m.port_id = p.id LEFT JOIN network_security_group g ON g.id = m.group_id";

struct reader {
    struct call *call;
    struct rows *rows;
    int column;
};

static const char *next_text(struct reader *r) {
    const char *text = rows_text(r->rows, r->column);

    return text ? arena_text_size(r->call->arena, text, rows_size(r->rows, r->column++)) : (r->column++, NULL);
}

static int64_t next_int(struct reader *r) {
    return rows_int(r->rows, r->column++);
}

static struct network_port_name *next_name(struct reader *r, bool leads) {
    const char *name = next_text(r), *fixed_ip = leads ? next_text(r) : NULL;
    struct network_port_name *made = name ? ARENA_NEW(r->call->arena, struct network_port_name) : NULL;

    if (made) {
        *made = (struct network_port_name){.name = name, .fixed_ip = fixed_ip};
    }
    return made;
}

static struct network_port_info read_port(struct call *call, struct rows *rows) {
    struct reader r = {call, rows, 0};
    struct network_port_info port = {.subnets = "[]"};

    port.id = next_text(&r);
    port.device_id = next_text(&r);
    port.network_id = next_text(&r);
    port.mac_address = next_text(&r);
    port.host = next_text(&r);
    port.status = next_text(&r);
    port.project_id = next_text(&r);
    port.fixed_ips = next_text(&r);
    port.tag = next_text(&r);
    port.port_security_enabled = next_int(&r);
    port.server_owned = next_int(&r);
    port.created_at = next_int(&r);
    port.mtu = next_int(&r);
    port.network_name = next_text(&r);
    port.security_groups = next_name(&r, false);
    port.floating_ips = next_name(&r, true);
    port.host = port.host && *port.host ? port.host : NULL;
    port.network_name = port.network_name ? port.network_name : "";
    return port;
}

static int by_device(const void *a, const void *b) {
    const struct network_port_info *one = a, *other = b;
    int order = strcmp(one->device_id, other->device_id);

    if (!order) {
        order = (one->created_at > other->created_at) - (one->created_at < other->created_at);
    }
    return order ? order : strcmp(one->id, other->id);
}

/* Puts 'name' (or null) where it belongs, unless it is there. */
static void add_name(struct network_port_name **at, struct network_port_name *name) {
    int order = -1;

    while (name && *at && (order = strcmp(name->name, (*at)->name)) > 0) {
        at = &(*at)->next;
    }
    if (name && (!*at || order)) {
        name->next = *at;
        *at = name;
    }
}

/* Sorted, each port once. */
static size_t joined(struct network_port_info *ports, size_t count) {
    size_t kept = 0;

    if (count > 1) {
        qsort(ports, count, sizeof *ports, by_device);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept && !strcmp(ports[kept - 1].id, ports[i].id)) {
            add_name(&ports[kept - 1].floating_ips, ports[i].floating_ips);
            add_name(&ports[kept - 1].security_groups, ports[i].security_groups);
        } else {
            ports[kept++] = ports[i];
        }
    }
    return kept;
}

static bool find_ports(struct call *call, const char *where, const struct value *args, size_t arg_count,
                       struct network_port_info **ret_ports, size_t *ret_count) {
    struct rows *rows = db_query(call->db, arena_printf(call->arena, "%s WHERE %s", select_ports, where), args, arg_count);
    size_t count = 0, room = arg_count;
    struct network_port_info *ports = ARENA_ARRAY(call->arena, struct network_port_info, room + 1);

    while (rows_next(rows)) {
        if (count == room) {
            struct network_port_info *more = ARENA_ARRAY(call->arena, struct network_port_info, room * 2 + 1);

            memcpy(more, ports, count * sizeof *ports);
            ports = more;
            room *= 2;
        }
        ports[count++] = read_port(call, rows);
    }
    rows_end(rows);
    *ret_ports = ports;
    *ret_count = joined(ports, count);
    return db_failure(call->db) == DB_OK || fail_database(call);
}

static void write_subnet(struct rows *rows, struct json_out *out) {
    json_map(out);
    json_put_text(out, "id", rows_text(rows, 0));
    json_put_text(out, "cidr", rows_text(rows, 1));
    json_put_text(out, "gateway_ip", rows_text(rows, 2));
    json_put_raw(out, "dns_nameservers", rows_text(rows, 3));
    json_put_raw(out, "host_routes", rows_text(rows, 4));
    json_put_bool(out, "enable_dhcp", rows_int(rows, 5) != 0);
    json_put_int(out, "ip_version", rows_int(rows, 6));
    json_map_end(out);
}

/* A server has few ports, and who asks for their subnets asks for one server. */
static bool add_subnets(struct call *call, struct network_port_info *port) {
    struct rows *rows = db_query(call->db,
                                 "SELECT s.id, s.cidr, s.gateway_ip, s.dns_nameservers, s.host_routes, s.enable_dhcp,"
                                 " s.ip_version FROM network_allocation a JOIN network_subnet s ON s.id = a.subnet_id"
                                 " WHERE a.port_id = ? ORDER BY s.ip_version, s.created_at, s.id",
                                 SQL_ARGS(sql_text(port->id)));
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    while (rows_next(rows)) {
        write_subnet(rows, &out);
    }
    rows_end(rows);
    json_list_end(&out);
    port->subnets = buf_taken(&buf, call->arena);
    return db_failure(call->db) == DB_OK || fail_database(call);
}

bool network_ports_of(struct call *call, const char *const *device_ids, size_t device_count,
                      struct network_port_info **ret_ports, size_t *ret_count) {
    struct value *args = ARENA_ARRAY(call->arena, struct value, device_count * 2 + 1);
    size_t arg_count = 0;
    const char *where;

    *ret_ports = NULL;
    *ret_count = 0;
    if (!device_count) {
        return true;
    }
    where = arena_printf(call->arena, "p.device_id IN (%s) AND p.device_owner LIKE 'compute:%%'",
                         related_marks(call, device_ids, device_count, args, &arg_count));
    return find_ports(call, where, args, arg_count, ret_ports, ret_count);
}

bool network_ports_with_subnets(struct call *call, const char *device_id, struct network_port_info **ret_ports,
                                size_t *ret_count) {
    bool ok = network_ports_of(call, &device_id, 1, ret_ports, ret_count);

    for (size_t i = 0; ok && i < *ret_count; i++) {
        ok = add_subnets(call, &(*ret_ports)[i]);
    }
    return ok;
}

bool network_port_in_group(const struct network_port_info *port, const char *group_name) {
    const struct network_port_name *at = port->security_groups;

    while (at && strcmp(at->name, group_name) != 0) {
        at = at->next;
    }
    return at;
}

bool network_port_by_address(struct call *call, const char *network_id, const char *address,
                             struct network_port_info **ret_port) {
    size_t count;

    if (!find_ports(call, "p.id IN (SELECT port_id FROM network_allocation WHERE network_id = ? AND ip_address = ?)",
                    SQL_ARGS(sql_text(network_id), sql_text(address)), ret_port, &count)) {
        return false;
    }
    *ret_port = count ? *ret_port : NULL;
    return true;
}
