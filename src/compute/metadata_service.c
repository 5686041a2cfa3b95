/* SPDX-License-Identifier: Apache-2.0
 * The metadata service. Guests reach it at 169.254.169.254 through the proxy on their host, which says from which
 * network and address a request came and signs that with the secret both sides have; Neutron's own proxy names the
 * server instead. Without a good signature nothing is told. */
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/crypto.h"
#include "compute/metadata.h"
#include "http/http.h"
#include "rest/cloud.h"

#define DEF "compute/metadata.paths"
#include "rest/declare_types.h"
#include "rest/declare_hooks.h"
#include "rest/declare_tables.h"
static const struct resource *const resources[] = {
#include "rest/declare_list.h"
    NULL};
#undef DEF

enum { MAX_PASSWORD = 1020, MAX_TOKENS = 8 };

static const struct api_style style = {.write_error = error_keyed};

const struct service compute_metadata = {
    .type = "metadata",
    .name = "metadata",
    .description = "What guests may read of their servers",
    .prefix = "/metadata",
    .style = &style,
    .resources = resources,
};

/* ---- who asks ---- */

static bool signed_by_us(struct call *call, const char *text, const char *signature) {
    const char *secret = conf_text(cloud.conf, "metadata", "secret", "");
    char digits[65];
    uint8_t mac[32];

    if (!*secret || !signature) {
        return false;
    }
    hmac_sha256(secret, strlen(secret), text, strlen(text), mac);
    for (size_t i = 0; i < sizeof mac; i++) {
        digits[2 * i] = "0123456789abcdef"[mac[i] >> 4];
        digits[2 * i + 1] = "0123456789abcdef"[mac[i] & 15];
    }
    digits[64] = 0;
    return equal_secret(digits, signature);
}

/* By the address of one of its ports. */
static bool find_by_port(struct call *call, const char *network, const char **ret_id, const char **ret_project) {
    const char *address = http_header(call->http, "X-Forwarded-For");
    struct network_port_info *port;

    if (!address || !signed_by_us(call, arena_printf(call->arena, "%s%s", network, address),
                                  http_header(call->http, "X-Metadata-Signature"))) {
        return fail(call, 403, "Invalid proxy request signature.");
    }
    if (!network_port_by_address(call, network, address, &port)) {
        return false;
    }
    *ret_id = port ? port->device_id : NULL;
    *ret_project = NULL;
    return true;
}

/* By the id that the proxy found. */
static bool find_by_id(struct call *call, const char **ret_id, const char **ret_project) {
    *ret_id = http_header(call->http, "X-Instance-ID");
    *ret_project = http_header(call->http, "X-Tenant-ID");
    if (!*ret_id || !*ret_project) {
        return fail(call, 400, "%s header is missing from request.", *ret_id ? "X-Tenant-ID" : "X-Instance-ID");
    }
    return signed_by_us(call, *ret_id, http_header(call->http, "X-Instance-ID-Signature"))
           || fail(call, 403, "Invalid proxy request signature.");
}

static bool find_server(struct call *call, struct metadata *ret_metadata) {
    const char *network = http_header(call->http, "X-Neutron-Network-ID"), *id = NULL, *project = NULL;
    bool found = false;

    if (network ? !find_by_port(call, network, &id, &project) : !find_by_id(call, &id, &project)) {
        return false;
    }
    if (id && *id && !metadata_load(call, id, ret_metadata, &found)) {
        return false;
    }
    if (!found || (project && (!ret_metadata->project_id || strcmp(project, ret_metadata->project_id) != 0))) {
        return fail(call, 404, "There is no server at this address.");
    }
    return true;
}

/* ---- answers ---- */

static bool answer(struct call *call, const char *type, const void *bytes, size_t size) {
    call_header(call, "Content-Type", type);
    call->content_type = true;
    buf_put(call->response, bytes, size);
    return true;
}

static bool answer_text(struct call *call, const char *text) {
    return answer(call, "text/plain; charset=UTF-8", text, strlen(text));
}

static bool answer_json(struct call *call, struct buf *buf) {
    answer(call, "application/json", buf->at, buf->size);
    buf_release(buf);
    return true;
}

static bool not_there(struct call *call) {
    return fail(call, 404, "There is no such metadata.");
}

static bool answer_lines(struct call *call, const char *const *lines, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buf_printf(call->response, "%s%s", i ? "\n" : "", lines[i]);
    }
    return answer_text(call, "");
}

/* The versions, and "latest". */
static bool answer_versions(struct call *call, const char *const *versions, size_t count) {
    answer_lines(call, versions, count);
    buf_text(call->response, "\nlatest");
    return true;
}

/* What stands below a version's directory: since which version. */
static const struct {
    const char *name;
    int since;
} openstack_files[] = {
    {"meta_data.json", METADATA_FOLSOM},     {"user_data", METADATA_FOLSOM},
    {"password", METADATA_GRIZZLY},          {"vendor_data.json", METADATA_HAVANA},
    {"network_data.json", METADATA_LIBERTY}, {"vendor_data2.json", METADATA_NEWTON_TWO},
};
enum { META_DATA, USER_DATA, PASSWORD, VENDOR_DATA, NETWORK_DATA, VENDOR_DATA2, FILES };

static bool openstack_listing(struct call *call, const struct metadata *m, int version) {
    const char *lines[FILES];
    size_t n = 0;

    for (int i = 0; i < FILES; i++) {
        if (version >= openstack_files[i].since && (i != USER_DATA || m->user_data)) {
            lines[n++] = openstack_files[i].name;
        }
    }
    return answer_lines(call, lines, n);
}

static bool openstack_file(struct call *call, const struct metadata *m, int version, const char *name) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    int file = 0;

    while (file < FILES && strcmp(openstack_files[file].name, name) != 0) {
        file++;
    }
    if (file == FILES || version < openstack_files[file].since || (file == USER_DATA && !m->user_data)) {
        return not_there(call);
    }
    switch (file) {
    case META_DATA:
        return metadata_write(call, m, version, false, &out) && answer_json(call, &buf);
    case USER_DATA:
        return answer(call, "text/plain; charset=UTF-8", m->user_data, m->user_data_size);
    case PASSWORD:
        return answer_text(call, m->password ? m->password : "");
    case NETWORK_DATA:
        metadata_write_network(call, m, &out);
        return answer_json(call, &buf);
    default:
        buf_text(&buf, file == VENDOR_DATA ? "{}" : "{\"static\": {}}");
        return answer_json(call, &buf);
    }
}

static bool get_openstack(struct call *call, const struct metadata *m, char *const *tokens, size_t count) {
    int version = count > 1 ? metadata_version(tokens[1]) : -1;

    if (count == 1) {
        return answer_versions(call, metadata_versions, METADATA_VERSIONS);
    }
    if (version < 0 || count > 3) {
        return not_there(call);
    }
    return count == 2 ? openstack_listing(call, m, version) : openstack_file(call, m, version, tokens[2]);
}

/* A map lists its names: directories with a slash, those that have a title ("0=key") by it. */
static bool answer_tree(struct call *call, const struct json *node) {
    bool follows = false;

    if (node->type == JSON_TEXT) {
        return answer_text(call, node->text);
    }
    if (node->type == JSON_INT) {
        return answer_text(call, arena_printf(call->arena, "%lld", (long long)node->integer));
    }
    for (JSON_EACH(item, node)) {
        const char *title = json_get_text(item, "_name");

        if (item->key && !strcmp(item->key, "_name")) {
            continue;
        }
        buf_printf(call->response, "%s%s%s", follows ? "\n" : "", title ? title : item->key ? item->key : item->text,
                   item->type == JSON_MAP && !title ? "/" : "");
        follows = true;
    }
    return answer_text(call, "");
}

static bool get_ec2(struct call *call, const struct metadata *m, char *const *tokens, size_t count) {
    int version = metadata_ec2_version(tokens[0]);
    const struct json *node;

    if (version < 0) {
        return not_there(call);
    }
    if (count == 1) {
        return answer_text(call, m->user_data ? "meta-data/\nuser-data" : "meta-data/");
    }
    if (!strcmp(tokens[1], "user-data") && count == 2 && m->user_data) {
        return answer(call, "text/plain; charset=UTF-8", m->user_data, m->user_data_size);
    }
    if (strcmp(tokens[1], "meta-data") != 0) {
        return not_there(call);
    }
    node = metadata_ec2(call, m, version);
    for (size_t i = 2; i < count && node; i++) {
        node = json_get(node, tokens[i]);
    }
    return node ? answer_tree(call, node) : not_there(call);
}

static size_t split(struct call *call, const char *path, char **tokens) {
    size_t n = 0;

    while (path && *path && n < MAX_TOKENS) {
        size_t size = strcspn(path, "/");

        if (size) {
            tokens[n++] = arena_text_size(call->arena, path, size);
        }
        path += size + (path[size] == '/');
    }
    return n;
}

bool metadata_get(struct call *call) {
    char *tokens[MAX_TOKENS];
    size_t count = split(call, call_parameter(call, "path"), tokens), versions = 0;
    char *const *at = tokens;
    struct metadata m;

    if (count && !strcmp(tokens[0], "ec2")) {
        at++;
        count--;
    }
    if (!count) {
        while (metadata_ec2_versions[versions]) {
            versions++;
        }
        return answer_versions(call, metadata_ec2_versions, versions);
    }
    if (!find_server(call, &m)) {
        return false;
    }
    return at == tokens && !strcmp(at[0], "openstack") ? get_openstack(call, &m, at, count)
                                                       : get_ec2(call, &m, at, count);
}

/* The guest tells its administrator's password, encrypted with the key pair; once. */
bool metadata_set_password(struct call *call) {
    const struct buf *body = &call->http->body;
    char *tokens[MAX_TOKENS];
    size_t count = split(call, call_parameter(call, "path"), tokens);
    struct metadata m;

    if (!find_server(call, &m)) {
        return false;
    }
    if (count != 3 || strcmp(tokens[0], "openstack") || metadata_version(tokens[1]) < METADATA_GRIZZLY
        || strcmp(tokens[2], "password")) {
        return not_there(call);
    }
    if (m.password && *m.password) {
        return fail(call, 409, "The password is set already.");
    }
    if (body->size > MAX_PASSWORD || !utf8_valid(body->at ? body->at : "", body->size)
        || (body->size && memchr(body->at, 0, body->size))) {
        return fail(call, 400, "Request is too large, or no text.");
    }
    return call_exec(
        call, "UPDATE compute_server SET password = ? WHERE id = ?",
        SQL_ARGS(sql_text(arena_text_size(call->arena, body->at ? body->at : "", body->size)), sql_text(m.id)));
}
