/* SPDX-License-Identifier: Apache-2.0
 * Volumes, snapshots and networks in this API's old words: the other service's own operations, run within, and their
 * answers put into the old shape. */
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "compute/proxy.h"
#include "compute/types.h"
#include "http/http.h"
#include "rest/service.h"

typedef void put_function(struct call *call, const struct json *item);

/* ---- what they have in common ---- */

static bool answer_one(struct call *call, const char *key, const struct json *item, put_function *put) {
    if (!item) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, key);
    put(call, item);
    json_map_end(&call->out);
    return true;
}

/* ?limit= and ?offset= count items of the other's list. */
static bool answer_list(struct call *call, const char *service, const char *path, const char *key, put_function *put) {
    int64_t skip = 0, left = 1000;
    const struct json *items;

    if (!call_argument_count(call, "limit", 0, &left) || !call_argument_count(call, "offset", 0, &skip)) {
        return false;
    }
    items = proxy_get(call, service, path, key);
    if (!items) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, key);
    json_list(&call->out);
    for (JSON_EACH(item, items)) {
        if (skip-- <= 0 && left-- > 0) {
            put(call, item);
        }
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static const char *one_path(struct call *call, const char *collection) {
    return arena_printf(call->arena, "%s/%s", collection, proxy_encode(call, call_parameter(call, "id")));
}

/* Sends a body that was built in 'buf'; being over quota is 403 here. */
static const struct json *send_body(struct call *call, const char *path, const char *key, struct buf *buf) {
    const struct json *body = json_parse(call->arena, buf->at, buf->size, NULL), *answer = NULL;

    buf_release(buf);
    if (!call_service(call, "volume", HTTP_POST, path, body, &answer)) {
        call->error = call->error == 413 ? 403 : call->error;
        return NULL;
    }
    return json_get(answer, key);
}

static bool remove_one(struct call *call, const char *collection) {
    const struct json *answer;

    return call_service(call, "volume", HTTP_DELETE, one_path(call, collection), NULL, &answer);
}

static void put_given(struct json_out *out, const char *key, const char *text) {
    if (text) {
        json_put_text(out, key, text);
    }
}

/* ---- volumes ---- */

static void put_attachments(struct json_out *out, const struct json *volume) {
    const struct json *attachments = json_get(volume, "attachments"), *first = attachments ? attachments->first : NULL;

    json_key(out, "attachments");
    json_list(out);
    json_map(out);
    if (first) {
        json_put_text(out, "id", json_get_text(volume, "id"));
        json_put_text(out, "volumeId", json_get_text(volume, "id"));
        json_put_text(out, "serverId", json_get_text(first, "server_id"));
        put_given(out, "device", json_get_text(first, "device"));
    }
    json_map_end(out);
    json_list_end(out);
}

static void put_volume(struct call *call, const struct json *volume) {
    const struct json *metadata = json_get(volume, "metadata");
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", json_get_text(volume, "id"));
    json_put_text(out, "status", json_get_text(volume, "status"));
    json_put_int(out, "size", json_get_int(volume, "size", 0));
    json_put_text(out, "availabilityZone", json_get_text(volume, "availability_zone"));
    json_put_text(out, "createdAt", json_get_text(volume, "created_at"));
    put_attachments(out, volume);
    json_put_text(out, "displayName", json_get_text(volume, "name"));
    json_put_text(out, "displayDescription", json_get_text(volume, "description"));
    json_put_text(out, "volumeType", json_get_text(volume, "volume_type"));
    json_put_text(out, "snapshotId", json_get_text(volume, "snapshot_id"));
    json_put_raw(out, "metadata", metadata ? json_print(call->arena, metadata) : "{}");
    json_map_end(out);
}

bool compute_old_volume_list(struct call *call) {
    return answer_list(call, "volume", "/v3/volumes/detail", "volumes", put_volume);
}

bool compute_old_volume_show(struct call *call) {
    return answer_one(call, "volume", proxy_get(call, "volume", one_path(call, "/v3/volumes"), "volume"), put_volume);
}

bool compute_old_volume_create(struct call *call) {
    const struct compute_old_volume *input = call->input;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    json_key(&out, "volume");
    json_map(&out);
    json_put_int(&out, "size", input->size);
    put_given(&out, "volume_type", input->volume_type);
    put_given(&out, "snapshot_id", input->snapshot_id);
    put_given(&out, "availability_zone", input->availability_zone);
    put_given(&out, "name", input->display_name);
    put_given(&out, "description", input->display_description);
    json_put_raw(&out, "metadata", input->metadata);
    json_map_end(&out);
    json_map_end(&out);
    return answer_one(call, "volume", send_body(call, "/v3/volumes", "volume", &buf), put_volume);
}

bool compute_old_volume_delete(struct call *call) {
    return remove_one(call, "/v3/volumes");
}

/* ---- snapshots ---- */

static void put_snapshot(struct call *call, const struct json *snapshot) {
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", json_get_text(snapshot, "id"));
    json_put_text(out, "volumeId", json_get_text(snapshot, "volume_id"));
    json_put_text(out, "status", json_get_text(snapshot, "status"));
    json_put_int(out, "size", json_get_int(snapshot, "size", 0));
    json_put_text(out, "createdAt", json_get_text(snapshot, "created_at"));
    json_put_text(out, "displayName", json_get_text(snapshot, "name"));
    json_put_text(out, "displayDescription", json_get_text(snapshot, "description"));
    json_map_end(out);
}

bool compute_old_snapshot_list(struct call *call) {
    return answer_list(call, "volume", "/v3/snapshots/detail", "snapshots", put_snapshot);
}

bool compute_old_snapshot_show(struct call *call) {
    return answer_one(call, "snapshot", proxy_get(call, "volume", one_path(call, "/v3/snapshots"), "snapshot"),
                      put_snapshot);
}

bool compute_old_snapshot_create(struct call *call) {
    const struct compute_old_snapshot *input = call->input;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    json_key(&out, "snapshot");
    json_map(&out);
    json_put_text(&out, "volume_id", input->volume_id);
    put_given(&out, "name", input->display_name);
    put_given(&out, "description", input->display_description);
    if (input->force) {
        json_put_bool(&out, "force", true);
    }
    json_map_end(&out);
    json_map_end(&out);
    return answer_one(call, "snapshot", send_body(call, "/v3/snapshots", "snapshot", &buf), put_snapshot);
}

bool compute_old_snapshot_delete(struct call *call) {
    return remove_one(call, "/v3/snapshots");
}

/* ---- networks ---- */

/* Most of what networks had here once reads as null. */
static void put_network(struct call *call, const struct json *network) {
    static const char *const nulls[] = {"cidr", "netmask", "gateway",    "broadcast", "dns1",
                                        "dns2", "cidr_v6", "gateway_v6", "netmask_v6"};
    bool tenant = strstr(call->operation->path, "tenant") != NULL;
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", json_get_text(network, "id"));
    json_put_text(out, "label", json_get_text(network, "name"));
    if (tenant) {
        json_put_text(out, "cidr", "None");
    }
    for (size_t i = 0; !tenant && i < sizeof nulls / sizeof *nulls; i++) {
        json_put_null(out, nulls[i]);
    }
    json_map_end(out);
}

bool compute_old_network_list(struct call *call) {
    return answer_list(call, "network", "/v2.0/networks", "networks", put_network);
}

bool compute_old_network_show(struct call *call) {
    return answer_one(call, "network", proxy_get(call, "network", one_path(call, "/v2.0/networks"), "network"),
                      put_network);
}
