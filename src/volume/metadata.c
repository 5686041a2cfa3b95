/* SPDX-License-Identifier: Apache-2.0
 * Metadata of volumes and snapshots, extra specs of types: maps of texts, changed whole or member by member. */
#include <assert.h>
#include <string.h>

#include "rest/resource.h"
#include "volume/parts.h"

const struct json *volume_map_read(struct call *call, const char *map) {
    map = map ? map : "{}";
    return json_parse(call->arena, map, strlen(map), NULL);
}

const char *volume_map_change(struct call *call, const char *map, const struct json *add, const char *remove) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_map(&out);
    for (JSON_EACH(item, volume_map_read(call, map))) {
        if (!json_get(add, item->key) && (!remove || strcmp(remove, item->key) != 0)) {
            json_key(&out, item->key);
            json_tree(&out, item);
        }
    }
    for (JSON_EACH(item, add)) {
        json_key(&out, item->key);
        json_tree(&out, item);
    }
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

/* The map of the row that the path names: metadata, extra_specs or group_specs. */
static const struct field *map_field(struct call *call) {
    static const char *const names[] = {"metadata", "extra_specs", "group_specs"};
    const struct field *field = NULL;

    for (size_t i = 0; !field; i++) {
        assert(i < sizeof names / sizeof *names);
        field = resource_field(call->resource, names[i]);
    }
    return field;
}

static const char **slot_of(struct call *call) {
    return field_slot(map_field(call), call->row);
}

static bool save(struct call *call, const char *map) {
    void *old = arena_alloc(call->arena, call->resource->size);

    memcpy(old, call->row, call->resource->size);
    *slot_of(call) = map;
    return (volume_map_read(call, map)->count <= 128 || fail(call, 400, "There may be at most 128 members.")) &&
           resource_update(call, call->resource, old, call->row);
}

static bool respond_whole(struct call *call, const char *key, const char *map) {
    json_map(&call->out);
    json_put_raw(&call->out, key, map);
    json_map_end(&call->out);
    return true;
}

static const struct json *member(struct call *call) {
    const char *key = call_parameter(call, "key");
    const struct json *value = json_get(volume_map_read(call, *slot_of(call)), key);

    if (!value) {
        fail(call, 404, "%s %.255s has no metadata with key %.255s.", call->resource->what,
             row_key(call->resource, call->row), key);
    }
    return value;
}

/* ---- metadata ---- */

bool volume_meta_list(struct call *call) {
    return respond_whole(call, "metadata", *slot_of(call));
}

bool volume_meta_add(struct call *call) {
    const struct volume_metadata_input *input = call->input;

    return save(call, volume_map_change(call, *slot_of(call), volume_map_read(call, input->metadata), NULL)) &&
           respond_whole(call, "metadata", *slot_of(call));
}

bool volume_meta_replace(struct call *call) {
    const struct volume_metadata_input *input = call->input;

    return save(call, input->metadata) && respond_whole(call, "metadata", *slot_of(call));
}

static bool respond_member(struct call *call, const struct json *value) {
    json_key(&call->out, value->key);
    json_tree(&call->out, value);
    return true;
}

bool volume_meta_show(struct call *call) {
    const struct json *value = member(call);

    if (!value) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "meta");
    json_map(&call->out);
    respond_member(call, value);
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

/* The single member that the body must have: that of the path. */
static bool same_key(struct call *call, const struct json *map) {
    if (map->count != 1) {
        return fail(call, 400, "Request body contains too many items");
    }
    return json_get(map, call_parameter(call, "key")) != NULL || fail(call, 400, "Request body and URI mismatch");
}

bool volume_meta_put(struct call *call) {
    const struct volume_meta_input *input = call->input;
    const struct json *meta = volume_map_read(call, input->meta);

    return same_key(call, meta) && save(call, volume_map_change(call, *slot_of(call), meta, NULL)) &&
           respond_whole(call, "meta", input->meta);
}

bool volume_meta_drop(struct call *call) {
    return member(call) && save(call, volume_map_change(call, *slot_of(call), NULL, call_parameter(call, "key")));
}

/* ---- extra specs ---- */

static bool good_specs(struct call *call, const struct json *specs) {
    for (JSON_EACH(item, specs)) {
        if (item->type != JSON_TEXT) {
            return fail(call, 400, "The value of extra spec '%.255s' is not of type 'string'", item->key);
        }
        if (!*item->key || strlen(item->key) > 255 ||
            strspn(item->key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-: ") != strlen(item->key)) {
            return fail(call, 400, "The name of extra spec '%.255s' is not valid", item->key);
        }
    }
    return true;
}

bool volume_specs_list(struct call *call) {
    return respond_whole(call, map_field(call)->name, *slot_of(call));
}

bool volume_specs_add(struct call *call) {
    const char *key = map_field(call)->name;
    const struct json *specs = json_get(call->body, key);

    if (!specs || specs->type != JSON_MAP) {
        return fail(call, 400, "'%s' is a required property", key);
    }
    return good_specs(call, specs) && save(call, volume_map_change(call, *slot_of(call), specs, NULL)) &&
           respond_whole(call, key, json_print(call->arena, specs));
}

bool volume_specs_show(struct call *call) {
    const struct json *value = member(call);

    if (value) {
        json_map(&call->out);
        respond_member(call, value);
        json_map_end(&call->out);
    }
    return value != NULL;
}

bool volume_specs_put(struct call *call) {
    const struct json *body = call->body;

    if (!body || body->type != JSON_MAP) {
        return fail(call, 400, "Invalid request body");
    }
    if (!same_key(call, body) || !good_specs(call, body) ||
        !save(call, volume_map_change(call, *slot_of(call), body, NULL))) {
        return false;
    }
    json_tree(&call->out, body);
    return true;
}

bool volume_specs_drop(struct call *call) {
    return member(call) && save(call, volume_map_change(call, *slot_of(call), NULL, call_parameter(call, "key")));
}
