/* SPDX-License-Identifier: Apache-2.0
 * The OpenStack tree of a server's metadata, and the files of its config drive. */
#include "compute/metadata.h"

#include <string.h>

#include "base/conf.h"
#include "base/crypto.h"
#include "base/id.h"
#include "rest/cloud.h"

const char *const metadata_versions[METADATA_VERSIONS] = {"2012-08-10", "2013-04-04", "2013-10-17",
                                                          "2015-10-15", "2016-06-30", "2016-10-06",
                                                          "2017-02-22", "2018-08-27", "2020-10-14"};

int metadata_version(const char *text) {
    for (int i = 0; i < METADATA_VERSIONS; i++) {
        if (!strcmp(text, metadata_versions[i])) {
            return i;
        }
    }
    return !strcmp(text, "latest") ? METADATA_VERSIONS - 1 : -1;
}

/* ---- reading ---- */

static const struct json *parsed(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

static const char sql_server[] =
    "SELECT id, name, hostname, project_id, zone, reservation_id, key_name, public_key, flavor, image_id, password,"
    "       root_device, launch_index, metadata, nic_tags, personality, user_data"
    "  FROM compute_server"
    " WHERE id = ? AND deleted = 0";

static void take_server(struct call *call, struct rows *rows, struct metadata *m) {
    const char **texts[] = {&m->id, &m->name, &m->hostname, &m->project_id, &m->zone, &m->reservation_id, &m->key_name,
                            &m->public_key, &m->flavor, &m->image_id, &m->password, &m->root_device};
    const struct json *flavor;

    for (int i = 0; i < 12; i++) {
        *texts[i] = arena_text(call->arena, rows_text(rows, i));
    }
    m->launch_index = rows_int(rows, 12);
    m->meta = parsed(call, rows_text(rows, 13));
    m->nic_tags = parsed(call, rows_text(rows, 14));
    m->files = parsed(call, rows_text(rows, 15));
    m->user_data = rows_text(rows, 16) ? base64_decode(call->arena, rows_text(rows, 16), &m->user_data_size) : NULL;
    flavor = parsed(call, m->flavor);
    m->flavor = json_get_text(flavor, "name") ? json_get_text(flavor, "name") : "";
}

/* The name by which the guest knows itself, with the cloud's domain. */
static const char *full_hostname(struct call *call, const char *hostname) {
    const char *domain = conf_text(cloud.conf, "compute", "dhcp_domain", "novalocal");

    return *domain ? arena_printf(call->arena, "%s.%s", hostname, domain) : hostname;
}

bool metadata_load(struct call *call, const char *server_id, struct metadata *ret_metadata, bool *ret_found) {
    struct rows *rows = db_query(call->db, sql_server, SQL_ARGS(sql_text(server_id)));
    struct metadata *m = ret_metadata;

    *m = (struct metadata){0};
    *ret_found = rows_next(rows);
    if (*ret_found) {
        take_server(call, rows, m);
    }
    rows_end(rows);
    if (!*ret_found) {
        return true;
    }
    m->hostname = full_hostname(call, m->hostname && *m->hostname ? m->hostname : "server");
    return network_ports_with_subnets(call, server_id, &m->ports, &m->port_count);
}

/* ---- meta_data.json ---- */

static bool is_certificate(const char *key) {
    return !strncmp(key, "-----BEGIN CERTIFICATE", 22);
}

static void put_keys(const struct metadata *m, struct json_out *out) {
    if (!m->key_name || !m->public_key) {
        return;
    }
    json_key(out, "public_keys");
    json_map(out);
    json_put_text(out, m->key_name, m->public_key);
    json_map_end(out);
    json_key(out, "keys");
    json_list(out);
    json_map(out);
    json_put_text(out, "name", m->key_name);
    json_put_text(out, "type", is_certificate(m->public_key) ? "x509" : "ssh");
    json_put_text(out, "data", m->public_key);
    json_map_end(out);
    json_list_end(out);
}

static void put_tags(struct json_out *out, const char *type, const char *tag) {
    json_put_text(out, "type", type);
    json_put_text(out, "bus", "none");
    json_put_text(out, "address", "none");
    json_key(out, "tags");
    json_list(out);
    json_text(out, tag);
    json_list_end(out);
}

static void put_disks(struct call *call, const struct metadata *m, struct json_out *out) {
    struct rows *rows = db_query(call->db,
                                 "SELECT tag, volume_id, device FROM compute_disk"
                                 " WHERE server_id = ? AND tag IS NOT NULL ORDER BY device",
                                 SQL_ARGS(sql_text(m->id)));

    while (rows_next(rows)) {
        json_map(out);
        put_tags(out, "disk", rows_text(rows, 0));
        if (rows_text(rows, 1)) {
            json_put_text(out, "serial", rows_text(rows, 1));
        }
        if (rows_text(rows, 2)) {
            json_put_text(out, "path", rows_text(rows, 2));
        }
        json_map_end(out);
    }
    rows_end(rows);
}

/* The devices that were given a tag. */
static void put_devices(struct call *call, const struct metadata *m, int version, struct json_out *out) {
    json_key(out, "devices");
    json_list(out);
    for (size_t i = 0; i < m->port_count; i++) {
        const struct network_port_info *port = &m->ports[i];
        const char *tag = json_get_text(m->nic_tags, port->id);

        tag = tag ? tag : port->tag;
        if (tag && *tag) {
            json_map(out);
            put_tags(out, "nic", tag);
            json_put_text(out, "mac", port->mac_address);
            if (version >= METADATA_ROCKY) {
                json_put_bool(out, "vf_trusted", false);
            }
            json_map_end(out);
        }
    }
    put_disks(call, m, out);
    json_list_end(out);
}

static void put_files(struct call *call, const struct metadata *m, struct json_out *out) {
    int n = 0;

    json_key(out, "files");
    json_list(out);
    for (JSON_EACH(file, m->files)) {
        json_map(out);
        json_put_text(out, "path", file->key);
        json_put_text(out, "content_path", arena_printf(call->arena, "/content/%04d", n++));
        json_map_end(out);
    }
    json_list_end(out);
}

static const char *random_seed(struct call *call) {
    uint8_t bytes[512];

    random_bytes(bytes, sizeof bytes);
    return base64_encode(call->arena, bytes, sizeof bytes);
}

bool metadata_write(struct call *call, const struct metadata *m, int version, bool files, struct json_out *out) {
    json_map(out);
    json_put_text(out, "uuid", m->id);
    if (m->meta && m->meta->count) {
        json_key(out, "meta");
        json_tree(out, m->meta);
    }
    if (files && m->files && m->files->count) {
        put_files(call, m, out);
    }
    put_keys(m, out);
    json_put_text(out, "hostname", m->hostname);
    json_put_text(out, "name", m->name);
    json_put_int(out, "launch_index", m->launch_index);
    json_put_text(out, "availability_zone", m->zone);
    if (version >= METADATA_GRIZZLY) {
        json_put_text(out, "random_seed", random_seed(call));
    }
    if (version >= METADATA_LIBERTY) {
        json_put_text(out, "project_id", m->project_id);
    }
    if (version >= METADATA_NEWTON_ONE) {
        put_devices(call, m, version, out);
    }
    if (version >= METADATA_VICTORIA) {
        json_put_raw(out, "dedicated_cpus", "[]");
    }
    json_map_end(out);
    return db_failure(call->db) == DB_OK || fail_database(call);
}

/* ---- the config drive ---- */

static void put_bytes(struct call *call, const char *path, const void *bytes, size_t size, struct json_out *out) {
    json_key(out, path);
    if (!memchr(bytes, 0, size) && utf8_valid(bytes, size)) {
        json_text_size(out, bytes, size);
    } else {
        json_map(out);
        json_put_text(out, "base64", base64_encode(call->arena, bytes, size));
        json_map_end(out);
    }
}

static void put_buf(const char *path, struct buf *buf, struct json_out *out) {
    json_key(out, path);
    json_text_size(out, buf->at, buf->size);
    buf_release(buf);
}

static bool put_version(struct call *call, const struct metadata *m, const char *name, int version,
                        struct json_out *out) {
    struct buf meta = {0}, network = {0};
    const char *base = arena_printf(call->arena, "openstack/%s", name);
    bool ok = metadata_write(call, m, version, true, &(struct json_out){.buf = &meta});

    put_buf(arena_printf(call->arena, "%s/meta_data.json", base), &meta, out);
    if (m->user_data) {
        put_bytes(call, arena_printf(call->arena, "%s/user_data", base), m->user_data, m->user_data_size, out);
    }
    if (version >= METADATA_HAVANA) {
        json_put_text(out, arena_printf(call->arena, "%s/vendor_data.json", base), "{}");
    }
    if (version >= METADATA_LIBERTY) {
        metadata_write_network(call, m, &(struct json_out){.buf = &network});
        put_buf(arena_printf(call->arena, "%s/network_data.json", base), &network, out);
    }
    if (version >= METADATA_NEWTON_TWO) {
        json_put_text(out, arena_printf(call->arena, "%s/vendor_data2.json", base), "{\"static\": {}}");
    }
    return ok;
}

/* Of EC2's versions Nova leaves all but these out of the drive. */
static void put_ec2(struct call *call, const struct metadata *m, struct json_out *out) {
    static const char *const names[] = {"2009-04-04", "latest"};

    for (int i = 0; i < 2; i++) {
        const struct json *tree = metadata_ec2(call, m, metadata_ec2_version(names[i]));

        json_put_text(out, arena_printf(call->arena, "ec2/%s/meta-data.json", names[i]), json_print(call->arena, tree));
        if (m->user_data) {
            put_bytes(call, arena_printf(call->arena, "ec2/%s/user-data", names[i]), m->user_data, m->user_data_size,
                      out);
        }
    }
}

static void put_contents(struct call *call, const struct metadata *m, struct json_out *out) {
    int n = 0;

    for (JSON_EACH(file, m->files)) {
        size_t size = 0;
        const void *bytes = file->type == JSON_TEXT ? base64_decode(call->arena, file->text, &size) : NULL;

        put_bytes(call, arena_printf(call->arena, "openstack/content/%04d", n++), bytes ? bytes : "", size, out);
    }
}

bool metadata_files(struct call *call, const char *server_id, struct json_out *out) {
    struct metadata m;
    bool found, ok = true;

    if (!metadata_load(call, server_id, &m, &found)) {
        return false;
    }
    if (!found) {
        return fail(call, 404, "Instance %s could not be found.", server_id);
    }
    json_map(out);
    put_ec2(call, &m, out);
    for (int version = 0; ok && version < METADATA_VERSIONS; version++) {
        ok = put_version(call, &m, metadata_versions[version], version, out);
    }
    ok = ok && put_version(call, &m, "latest", METADATA_VERSIONS - 1, out);
    put_contents(call, &m, out);
    json_map_end(out);
    return ok;
}
