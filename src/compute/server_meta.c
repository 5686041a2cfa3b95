/* SPDX-License-Identifier: Apache-2.0
 * A server's metadata and tags. */
#include <string.h>

#include "compute/compute.h"
#include "compute/server.h"

enum { MAX_TAGS = 50 };

static const struct json *parsed(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

/* ---- metadata ---- */

/* 'old' with the members of 'fresh' over it, and without the member 'without'. */
static const char *merged(struct call *call, const char *old, const char *fresh, const char *without) {
    const struct json *over = parsed(call, fresh);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    for (JSON_EACH(item, parsed(call, old))) {
        if (!json_get(over, item->key) && (!without || strcmp(without, item->key) != 0)) {
            json_put_text(&out, item->key, item->text);
        }
    }
    for (JSON_EACH(item, over)) {
        json_put_text(&out, item->key, item->text);
    }
    json_map_end(&out);
    return buf_taken(&buf, call->arena);
}

static bool metadata_set(struct call *call, const char *metadata, const char *action) {
    struct compute_server *server = call->row;
    const struct json *map = parsed(call, metadata);
    int64_t limit = quota_limit(call, &compute, server->project_id, "metadata_items");

    if (!server_ready(call, server, action, "active|paused|suspended|stopped", "*")) {
        return false;
    }
    if (limit >= 0 && map && map->count > limit) {
        return fail(call, 403, "Maximum number of metadata items exceeds %lld", (long long)limit);
    }
    server->metadata = metadata;
    return server_save(call, server);
}

static bool metadata_answer(struct call *call) {
    const struct compute_server *server = call->row;

    json_map(&call->out);
    json_put_raw(&call->out, "metadata", server->metadata);
    json_map_end(&call->out);
    return true;
}

bool compute_metadata_show(struct call *call) {
    return metadata_answer(call);
}

bool compute_metadata_add(struct call *call) {
    const struct compute_metadata_new *input = call->input;
    const struct compute_server *server = call->row;

    return metadata_set(call, merged(call, server->metadata, input->metadata, NULL), "update metadata") &&
           metadata_answer(call);
}

bool compute_metadata_replace(struct call *call) {
    const struct compute_metadata_new *input = call->input;

    return metadata_set(call, input->metadata, "update metadata") && metadata_answer(call);
}

static const struct json *item_named(struct call *call) {
    const struct compute_server *server = call->row;
    const struct json *item = json_get(parsed(call, server->metadata), call_parameter(call, "key"));

    if (!item) {
        fail(call, 404, "Metadata item was not found");
    }
    return item;
}

static bool item_answer(struct call *call, const char *key, const char *value) {
    json_map(&call->out);
    json_key(&call->out, "meta");
    json_map(&call->out);
    json_put_text(&call->out, key, value);
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_metadata_item_show(struct call *call) {
    const struct json *item = item_named(call);

    return item && item_answer(call, item->key, item->text);
}

bool compute_metadata_item_set(struct call *call) {
    const struct compute_meta_item *input = call->input;
    const struct compute_server *server = call->row;
    const struct json *meta = parsed(call, input->meta);
    const char *key = call_parameter(call, "key");

    if (meta->count != 1) {
        return fail(call, 400, "Request body contains too many items");
    }
    if (strcmp(meta->first->key, key) != 0) {
        return fail(call, 400, "Request body and URI mismatch");
    }
    return metadata_set(call, merged(call, server->metadata, input->meta, NULL), "update metadata") &&
           item_answer(call, key, meta->first->text);
}

bool compute_metadata_item_remove(struct call *call) {
    const struct compute_server *server = call->row;
    const struct json *item = item_named(call);

    return item && metadata_set(call, merged(call, server->metadata, "{}", item->key), "delete metadata");
}

/* ---- tags ---- */

static bool tags_set(struct call *call, const char *tags) {
    struct compute_server *server = call->row;

    if (!server_ready(call, server, "update tags",
                      "active|paused|suspended|stopped|rescued|resized|shelved|shelved_offloaded|error", "*")) {
        return false;
    }
    server->tags = tags;
    return server_save(call, server);
}

static bool tags_answer(struct call *call) {
    const struct compute_server *server = call->row;

    json_map(&call->out);
    json_put_raw(&call->out, "tags", server->tags);
    json_map_end(&call->out);
    return true;
}

/* The tags without 'tag', and with it at the end when 'add'. */
static const char *tags_with(struct call *call, const char *tags, const char *tag, bool add, bool *ret_had) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    *ret_had = false;
    json_list(&out);
    for (JSON_EACH(item, parsed(call, tags))) {
        if (!strcmp(item->text, tag)) {
            *ret_had = true;
        } else {
            json_text(&out, item->text);
        }
    }
    if (add) {
        json_text(&out, tag);
    }
    json_list_end(&out);
    return buf_taken(&buf, call->arena);
}

bool compute_tags_show(struct call *call) {
    return tags_answer(call);
}

bool compute_tags_replace(struct call *call) {
    const struct compute_tags_new *input = call->input;

    return tags_set(call, input->tags) && tags_answer(call);
}

bool compute_tags_clear(struct call *call) {
    return tags_set(call, "[]");
}

static bool tag_missing(struct call *call, const char *tag) {
    const struct compute_server *server = call->row;

    return fail(call, 404, "Server %s has no tag '%.60s'", server->id, tag);
}

bool compute_tag_check(struct call *call) {
    const struct compute_server *server = call->row;
    const char *tag = call_parameter(call, "tag");
    bool had;

    tags_with(call, server->tags, tag, false, &had);
    return had || tag_missing(call, tag);
}

bool compute_tag_add(struct call *call) {
    const struct compute_server *server = call->row;
    const char *tag = call_parameter(call, "tag"), *tags;
    const struct json *list;
    bool had;

    if (!*tag || utf8_length(tag) > 60 || strpbrk(tag, "/,")) {
        return fail(call, 400, "Tag '%.80s' is invalid. It has 1 to 60 characters without / and ,", tag);
    }
    tags = tags_with(call, server->tags, tag, true, &had);
    list = parsed(call, tags);
    if (had) {
        call->status = 204;
        return true;
    }
    if (list->count > MAX_TAGS) {
        return fail(call, 400, "The number of tags exceeded the per-server limit %d", MAX_TAGS);
    }
    call_header(call, "Location", arena_printf(call->arena, "%s%s/v2.1/servers/%s/tags/%s", call_base_url(call),
                                               call->service->prefix, server->id, tag));
    return tags_set(call, tags);
}

bool compute_tag_remove(struct call *call) {
    const struct compute_server *server = call->row;
    const char *tag = call_parameter(call, "tag"), *tags;
    bool had;

    tags = tags_with(call, server->tags, tag, false, &had);
    return had ? tags_set(call, tags) : tag_missing(call, tag);
}
