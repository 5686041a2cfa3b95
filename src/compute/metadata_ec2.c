/* SPDX-License-Identifier: Apache-2.0
 * The EC2 tree of a server's metadata: what Amazon's guests ask for, version by version. */
#include <stdio.h>
#include <string.h>

#include "compute/metadata.h"

enum { V_1_0, V_2007_01, V_2007_03, V_2007_08, V_2007_10, V_2007_12, V_2008_02, V_2008_09 };

const char *const metadata_ec2_versions[] = {"1.0",        "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10",
                                             "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04", NULL};

int metadata_ec2_version(const char *text) {
    int i = 0;

    for (; metadata_ec2_versions[i]; i++) {
        if (!strcmp(text, metadata_ec2_versions[i])) {
            return i;
        }
    }
    return !strcmp(text, "latest") ? i - 1 : -1;
}

static const struct json *parsed(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

/* EC2's ids are short: the first eight digits of ours. */
static const char *short_id(struct call *call, const char *kind, const char *id) {
    return arena_printf(call->arena, "%s-%.8s", kind, id && *id ? id : "00000000");
}

static bool is_v4(const char *address) {
    return address && !strchr(address, ':');
}

static const char *first_address(struct call *call, const struct metadata *m, bool floating) {
    for (size_t i = 0; i < m->port_count; i++) {
        const struct network_port_name *ip = floating ? m->ports[i].floating_ips : NULL;

        for (; ip; ip = ip->next) {
            if (is_v4(ip->name)) {
                return ip->name;
            }
        }
        for (JSON_EACH(item, floating ? NULL : parsed(call, m->ports[i].fixed_ips))) {
            if (is_v4(json_get_text(item, "ip_address"))) {
                return json_get_text(item, "ip_address");
            }
        }
    }
    return "";
}

/* "ami" and "root" are the root disk; then what else is local, and volumes as EC2 numbers them. */
static void put_disks(struct call *call, const struct metadata *m, struct json_out *out) {
    const char *root = m->root_device && *m->root_device ? m->root_device : "/dev/vda";
    struct rows *rows = db_query(call->db,
                                 "SELECT device, destination, guest_format FROM compute_disk"
                                 " WHERE server_id = ? AND device IS NOT NULL AND coalesce(boot_index, -1) <> 0"
                                 " ORDER BY device",
                                 SQL_ARGS(sql_text(m->id)));
    int volumes = 0, ephemerals = 0;

    json_key(out, "block-device-mapping");
    json_map(out);
    json_put_text(out, "ami", strncmp(root, "/dev/", 5) ? root : root + 5);
    json_put_text(out, "root", root);
    while (rows_next(rows)) {
        const char *format = rows_text(rows, 2), *name = "swap";

        if (rows_text(rows, 1) && !strcmp(rows_text(rows, 1), "volume")) {
            name = arena_printf(call->arena, "ebs%d", volumes++);
        } else if (!format || strcmp(format, "swap") != 0) {
            name = arena_printf(call->arena, "ephemeral%d", ephemerals++);
        }
        json_put_text(out, name, rows_text(rows, 0));
    }
    rows_end(rows);
    json_map_end(out);
}

static void put_key(const struct metadata *m, struct json_out *out, struct call *call) {
    if (!m->key_name || !m->public_key) {
        return;
    }
    json_key(out, "public-keys");
    json_map(out);
    json_key(out, "0");
    json_map(out);
    json_put_text(out, "_name", arena_printf(call->arena, "0=%s", m->key_name));
    json_put_text(out, "openssh-key", m->public_key);
    json_map_end(out);
    json_map_end(out);
}

static void put_groups(const struct metadata *m, struct json_out *out) {
    json_key(out, "security-groups");
    json_list(out);
    for (size_t i = 0; i < m->port_count; i++) {
        for (const struct network_port_name *group = m->ports[i].security_groups; group; group = group->next) {
            bool before = false;

            for (size_t k = 0; k < i && !before; k++) {
                before = network_port_in_group(&m->ports[k], group->name);
            }
            if (!before) {
                json_text(out, group->name);
            }
        }
    }
    json_list_end(out);
}

/* Names in the order in which listings show them. */
static void put_tree(struct call *call, const struct metadata *m, int version, struct json_out *out) {
    json_map(out);
    json_put_text(out, "ami-id", short_id(call, "ami", m->image_id));
    json_put_int(out, "ami-launch-index", m->launch_index);
    json_put_text(out, "ami-manifest-path", "FIXME");
    if (version >= V_2007_12) {
        put_disks(call, m, out);
    }
    json_put_text(out, "hostname", m->hostname);
    if (version >= V_2008_09) {
        json_put_text(out, "instance-action", "none");
    }
    json_put_text(out, "instance-id", short_id(call, "i", m->id));
    if (version >= V_2007_08) {
        json_put_text(out, "instance-type", m->flavor);
    }
    if (version >= V_2007_01) {
        json_put_text(out, "local-hostname", m->hostname);
    }
    json_put_text(out, "local-ipv4", first_address(call, m, false));
    if (version >= V_2008_02) {
        json_key(out, "placement");
        json_map(out);
        json_put_text(out, "availability-zone", m->zone);
        json_map_end(out);
    }
    if (version >= V_2007_01) {
        json_put_text(out, "public-hostname", m->hostname);
        json_put_text(out, "public-ipv4", first_address(call, m, true));
    }
    put_key(m, out, call);
    json_put_text(out, "reservation-id", m->reservation_id);
    put_groups(m, out);
    json_map_end(out);
}

const struct json *metadata_ec2(struct call *call, const struct metadata *m, int version) {
    struct buf buf = {0};
    const struct json *tree;

    put_tree(call, m, version, &(struct json_out){.buf = &buf});
    tree = json_parse(call->arena, buf.at, buf.size, NULL);
    buf_release(&buf);
    return tree;
}
