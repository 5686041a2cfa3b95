/* SPDX-License-Identifier: Apache-2.0
 * Asking the other services' APIs within a request, and the images among the older names. */
#include "compute/proxy.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "compute/types.h"
#include "http/http.h"
#include "rest/service.h"

const char *proxy_encode(struct call *call, const char *text) {
    return http_encoded(call->arena, text, "");
}

const struct json *proxy_text(struct call *call, const char *text) {
    struct json *json = ARENA_NEW(call->arena, struct json);

    *json =
        (struct json){.type = text ? JSON_TEXT : JSON_NULL, .text = text, .count = text ? (uint32_t)strlen(text) : 0};
    return json;
}

const struct json *proxy_get(struct call *call, const char *type, const char *path, const char *key) {
    const struct json *answer, *member;

    if (!call_service(call, type, HTTP_GET, path, NULL, &answer)) {
        return NULL;
    }
    member = key ? json_get(answer, key) : answer;
    if (!member) {
        fail(call, 500, "The %s service did not answer as expected.", type);
    }
    return member;
}

const struct json *proxy_send(struct call *call, enum http_method method, const char *path, const char *key,
                              const char *const *names, const struct json *const *values, size_t count) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const struct json *body, *answer, *member;

    json_map(&out);
    json_key(&out, key);
    json_map(&out);
    for (size_t i = 0; i < count; i++) {
        json_key(&out, names[i]);
        json_tree(&out, values[i]);
    }
    json_map_end(&out);
    json_map_end(&out);
    body = json_parse(call->arena, buf.at, buf.size, NULL);
    buf_release(&buf);
    if (!call_service(call, "network", method, path, body, &answer)) {
        return NULL;
    }
    member = json_get(answer, key);
    if (!member) {
        fail(call, 500, "The network service did not answer as expected.");
    }
    return member;
}

/* ---- images ---- */

/* Members of an image of the image service that are not its properties. */
static bool is_own(const char *name) {
    static const char *const own[] = {
        "id",           "name",           "status",           "visibility",    "protected", "checksum",
        "owner",        "size",           "created_at",       "updated_at",    "tags",      "self",
        "file",         "schema",         "container_format", "disk_format",   "min_disk",  "min_ram",
        "virtual_size", "os_hidden",      "os_hash_algo",     "os_hash_value", "locations", "direct_url",
        "stores",       "owner_specified"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!strcmp(own[i], name)) {
            return true;
        }
    }
    return false;
}

static const char *old_status(const struct json *image, int64_t *ret_progress) {
    const char *status = json_get_text(image, "status");

    *ret_progress = 0;
    if (status && !strcmp(status, "active")) {
        *ret_progress = 100;
        return "ACTIVE";
    }
    if (status && (!strcmp(status, "queued") || !strcmp(status, "saving") || !strcmp(status, "importing"))) {
        *ret_progress = strcmp(status, "queued") ? 50 : 25;
        return "SAVING";
    }
    return status && !strcmp(status, "deleted") ? "DELETED" : "ERROR";
}

static void put_link(struct call *call, const char *rel, const char *path, const char *id) {
    json_map(&call->out);
    json_put_text(&call->out, "rel", rel);
    json_put_text(&call->out, "href", arena_printf(call->arena, "%s%s/%s", call_base_url(call), path, id));
    if (!strcmp(rel, "alternate")) {
        json_put_text(&call->out, "type", "application/vnd.openstack.image");
    }
    json_map_end(&call->out);
}

static void put_links(struct call *call, const char *id) {
    json_key(&call->out, "links");
    json_list(&call->out);
    put_link(call, "self", "/compute/v2.1/images", id);
    put_link(call, "bookmark", "/compute/images", id);
    put_link(call, "alternate", "/image/v2/images", id);
    json_list_end(&call->out);
}

static void put_properties(struct call *call, const struct json *image) {
    const char *server = json_get_text(image, "instance_uuid"), *disk = json_get_text(image, "auto_disk_config");

    json_key(&call->out, "metadata");
    json_map(&call->out);
    for (JSON_EACH(member, image)) {
        if (!is_own(member->key) && member->type == JSON_TEXT) {
            json_put_text(&call->out, member->key, member->text);
        }
    }
    json_map_end(&call->out);
    if (server) {
        json_key(&call->out, "server");
        json_map(&call->out);
        json_put_text(&call->out, "id", server);
        json_key(&call->out, "links");
        json_list(&call->out);
        put_link(call, "self", "/compute/v2.1/servers", server);
        put_link(call, "bookmark", "/compute/servers", server);
        json_list_end(&call->out);
        json_map_end(&call->out);
    }
    if (disk) {
        json_put_text(&call->out, "OS-DCF:diskConfig", !strcmp(disk, "True") ? "AUTO" : "MANUAL");
    }
}

static void put_image(struct call *call, const struct json *image, bool detail) {
    const struct json *size = json_get(image, "size");
    const char *id = json_get_text(image, "id"), *name = json_get_text(image, "name"), *status;
    int64_t progress;

    json_map(&call->out);
    json_put_text(&call->out, "id", id);
    json_put_text(&call->out, "name", name);
    put_links(call, id);
    if (detail) {
        status = old_status(image, &progress);
        json_put_text(&call->out, "status", status);
        json_put_int(&call->out, "progress", progress);
        json_put_text(&call->out, "created", json_get_text(image, "created_at"));
        json_put_text(&call->out, "updated", json_get_text(image, "updated_at"));
        json_put_int(&call->out, "minDisk", json_get_int(image, "min_disk", 0));
        json_put_int(&call->out, "minRam", json_get_int(image, "min_ram", 0));
        json_put_int(&call->out, "OS-EXT-IMG-SIZE:size", size && size->type == JSON_INT ? size->integer : 0);
        put_properties(call, image);
    }
    json_map_end(&call->out);
}

/* The query of a list in the image service's words. */
static const char *image_query(struct call *call) {
    static const char *const same[] = {"name", "limit", "marker", "visibility"};
    const char *query = "/v2/images?", *status = call_argument(call, "status"), *server = call_argument(call, "server");
    const char *type = call_argument(call, "type"), *slash = server ? strrchr(server, '/') : NULL;

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const char *value = call_argument(call, same[i]);

        query = value ? arena_printf(call->arena, "%s%s=%s&", query, same[i], proxy_encode(call, value)) : query;
    }
    if (status) {
        query = arena_printf(call->arena, "%sstatus=%s&", query,
                             !strcasecmp(status, "SAVING")   ? "saving"
                             : !strcasecmp(status, "ACTIVE") ? "active"
                                                             : "killed");
    }
    if (server) {
        query = arena_printf(call->arena, "%sinstance_uuid=%s&", query, proxy_encode(call, slash ? slash + 1 : server));
    }
    return type ? arena_printf(call->arena, "%simage_type=%s", query, proxy_encode(call, type)) : query;
}

static bool changed_since(struct call *call, const struct json *image, int64_t since) {
    const char *text = json_get_text(image, "updated_at");
    int64_t time;

    return !since || !text || !time_parse(text, &time) || time >= since;
}

static bool list_images(struct call *call, bool detail) {
    const char *since = call_argument(call, "changes-since");
    const struct json *images;
    int64_t from = 0;

    if (since && !time_parse(since, &from)) {
        return fail(call, 400, "Invalid filter field: changes-since.");
    }
    images = proxy_get(call, "image", image_query(call), "images");
    if (!images) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "images");
    json_list(&call->out);
    for (JSON_EACH(image, images)) {
        if (changed_since(call, image, from)) {
            put_image(call, image, detail);
        }
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_images_list(struct call *call) {
    return list_images(call, false);
}

bool compute_images_detail(struct call *call) {
    return list_images(call, true);
}

static const char *image_path(struct call *call) {
    return arena_printf(call->arena, "/v2/images/%s", proxy_encode(call, call_parameter(call, "id")));
}

bool compute_images_show(struct call *call) {
    const struct json *image = proxy_get(call, "image", image_path(call), NULL);

    if (!image) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "image");
    put_image(call, image, true);
    json_map_end(&call->out);
    return true;
}

bool compute_images_delete(struct call *call) {
    const struct json *answer;

    return call_service(call, "image", HTTP_DELETE, image_path(call), NULL, &answer);
}
