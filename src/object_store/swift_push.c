/* SPDX-License-Identifier: Apache-2.0
 * Sends the changes of containers to others: every [object_store] container_sync_interval seconds a task looks which
 * containers have changes, and adds a task for each. What fails stays listed; the container says why to its owner. */
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "object_store/swift_sync.h"

LOG_MODULE("object_store.sync");

enum { AT_ONCE = 100, RUN_SECONDS = 60, LEAST_RATE = 100 * 1000 };      /* bytes a second under which a push is given up */

#define LOOK "object_store.sync_look"
#define PUSH "object_store.sync"

/* ---- which containers ---- */

static bool look_later(struct call *call, int64_t seconds) {
    return call_count(call, "SELECT count(*) FROM rest_task WHERE kind = ? AND running = 0", SQL_ARGS(sql_text(LOOK))) > 0 ||
           task_add_later(call, LOOK, "containers", NULL, NULL, seconds * SECOND);
}

bool swift_push_begin(struct call *call) {
    return swift_sync_on() ? look_later(call, 0) : task_cancel(call, "containers", LOOK);
}

static void add_container(void *user, const char *account, const char *container) {
    struct json_out *out = user;

    json_map(out);
    json_put_text(out, "account", account);
    json_put_text(out, "container", container);
    json_map_end(out);
}

bool swift_push_look(struct call *call, const struct task *task, struct json_out *result) {
    bool ok;

    json_key(result, "containers");
    json_list(result);
    ok = store_each_synced(call->arena, add_container, result);
    json_list_end(result);
    return ok || fail(call, 503, "The containers that have changes cannot be found.");
}

bool swift_push_looked(struct call *call, const struct task *task, const struct json *result) {
    for (JSON_EACH(pair, json_get(result, "containers"))) {
        const char *path = arena_printf(call->arena, "%s/%s", json_get_text(pair, "account"), json_get_text(pair, "container"));

        if (!task_add_once(call, PUSH, path, NULL, NULL)) {
            return false;
        }
    }
    return look_later(call, swift_setting("container_sync_interval", 300));
}

bool swift_push_not_looked(struct call *call, const struct task *task, const char *cause) {
    return look_later(call, swift_setting("container_sync_interval", 300));
}

/* ---- one container ---- */

struct push {
    struct arena *arena;            /* of one object */
    const char *account, *container, *key;
    const struct swift_sync_target *target;
    struct http_header headers[128];
    size_t header_count;
    const char *error;              /* null: done */
    bool unreachable;
};

static void add_header(struct push *push, const char *name, const char *value) {
    if (push->header_count < sizeof push->headers / sizeof *push->headers - 1) {
        push->headers[push->header_count++] = (struct http_header){name, value};
    }
}

static const char *object_url(struct push *push, const char *name) {
    struct buf url = {0};
    const char *text;

    buf_printf(&url, "%s/", push->target->url);
    http_encode(&url, name, "/");
    text = arena_text(push->arena, url.at);
    buf_release(&url);
    return text;
}

static void add_rights(struct push *push, const char *method, const char *url, int64_t stamp) {
    const char *time = swift_version_text(push->arena, stamp), *nonce;
    const char *path = strchr(strstr(url, "://") + 3, '/');

    add_header(push, "X-Timestamp", time);
    if (!push->target->realm) {
        add_header(push, "X-Container-Sync-Key", push->key);
        return;
    }
    nonce = id_hex(push->arena);
    add_header(push, "X-Container-Sync-Auth",
               arena_printf(push->arena, "%s %s %s", push->target->realm, nonce,
                            swift_sync_signature(push->arena, method, path, time, nonce, push->target->key, push->key)));
}

static void send(struct push *push, struct http_call *call, const char *name) {
    struct http_reply reply;

    call->headers = push->headers;
    call->path_as_is = true;
    call->max_response = 64 * 1024;
    if (!http_call(push->arena, call, &reply)) {
        push->unreachable = true;
        push->error = arena_printf(push->arena, "%s", reply.error);
    } else if (reply.status / 100 != 2 && !(!strcmp(call->method, "DELETE") && (reply.status == 404 || reply.status == 409))) {
        push->error = arena_printf(push->arena, "%s of %s was answered with %d", call->method, name, reply.status);
    }
}

static void push_delete(struct push *push, const struct store_sync *change) {
    struct http_call call = {.method = "DELETE", .url = object_url(push, change->name)};

    add_rights(push, call.method, call.url, change->stamp);
    send(push, &call, change->name);
}

/* What a link stands for: "account/container/name". */
static void add_link(struct push *push, const struct store_object *object) {
    const char *target = store_meta_get(&object->meta, "sys-symlink"), *etag = store_meta_get(&object->meta, "sys-symlink-etag");
    const char *slash = target ? strchr(target, '/') : NULL, *bytes = store_meta_get(&object->meta, "sys-symlink-bytes");

    if (!slash) {
        return;
    }
    add_header(push, "X-Symlink-Target", http_encoded(push->arena, slash + 1, "/"));
    if (slash > target && (strncmp(target, push->account, strlen(push->account)) != 0 || target[strlen(push->account)] != '/')) {
        add_header(push, "X-Symlink-Target-Account", arena_text_size(push->arena, target, (size_t)(slash - target)));
    }
    if (etag) {
        add_header(push, "X-Symlink-Target-Etag", etag);
    }
    if (bytes) {
        add_header(push, "X-Symlink-Target-Bytes", bytes);
    }
}

static void add_object_headers(struct push *push, const struct store_object *object) {
    add_header(push, "Content-Type", object->type);
    if (object->kind != STORE_LINK) {
        add_header(push, "ETag", object->etag);
    }
    if (object->kind == STORE_MANIFEST) {
        add_header(push, "X-Static-Large-Object", "True");
    }
    if (object->expires) {
        add_header(push, "X-Delete-At", arena_printf(push->arena, "%lld", (long long)object->expires));
    }
    for (size_t i = 0; i < object->meta.count; i++) {
        const char *name = object->meta.at[i].name;

        if (!strncmp(name, "meta-", 5)) {
            add_header(push, arena_printf(push->arena, "X-Object-Meta-%s", name + 5), object->meta.at[i].value);
        } else if (strncmp(name, "sys-", 4) != 0) {
            add_header(push, name, object->meta.at[i].value);
        }
    }
    add_link(push, object);
}

static ssize_t read_piece(void *user, void *bytes, size_t size) {
    return store_reader_read(user, bytes, size);
}

static void push_object(struct push *push, const struct store_object *object) {
    struct http_call call = {.method = "PUT", .url = object_url(push, object->name), .stream = read_piece,
                             .stream_size = object->size};
    int64_t seconds = 30 + object->size / LEAST_RATE;

    if (store_meta_get(&object->meta, STORE_CUSTOMER_KEY)) {
        push->error = arena_printf(push->arena, "%s is encrypted with a key that only its owner has", object->name);
        return;
    }
    add_rights(push, call.method, call.url, object->modified);
    add_object_headers(push, object);
    call.timeout_ms = seconds < 24 * 3600 ? (int)seconds * 1000 : 24 * 3600 * 1000;
    call.stream_user = store_reader_open(push->account, push->container, object, 0, object->size);
    if (!call.stream_user) {
        push->error = arena_printf(push->arena, "%s cannot be read", object->name);
        return;
    }
    send(push, &call, object->name);
    store_reader_close(call.stream_user);
}

static void push_one(struct push *push, const struct store_sync *change) {
    struct store_find find = {.account = push->account, .container = push->container, .name = change->name,
                              .version = STORE_CURRENT, .want_bytes = true};
    struct store_found found;
    enum store_result result = store_find(push->arena, &find, &found);

    push->header_count = 0;
    memset(push->headers, 0, sizeof push->headers);
    push->error = NULL;
    if (result == STORE_MISSING) {
        push_delete(push, change);
    } else if (result == STORE_OK) {
        push_object(push, &found.object);
    } else {
        push->error = "the container cannot be read";
    }
    if (!push->error) {
        store_sync_done(push->arena, push->account, push->container, change);
    }
}

/* Returns the first error, in 'arena'; null: all was sent. */
static const char *push_all(struct arena *arena, struct push *push) {
    int64_t end = clock_monotonic() + RUN_SECONDS * SECOND;
    const char *after = "", *error = NULL;
    struct store_sync *changes;
    size_t count;

    while (!push->unreachable && clock_monotonic() < end &&
           store_sync_list(arena, push->account, push->container, after, AT_ONCE, &changes, &count) == STORE_OK && count) {
        for (size_t i = 0; i < count && !push->unreachable && clock_monotonic() < end; i++) {
            push->arena = arena_new(0);
            push_one(push, &changes[i]);
            if (push->error && !error) {
                error = arena_text(arena, push->error);
            }
            arena_free(push->arena);
        }
        after = changes[count - 1].name;
    }
    return error;
}

/* The owner sees what went wrong last. */
static void tell(struct call *call, const struct push *push, const struct store_meta *meta, const char *error) {
    const char *told = store_meta_get(meta, "sys-sync-error");
    struct store_change change = {.arena = call->arena, .account = push->account, .container = push->container, .policy = -1};

    if (error ? !told || strcmp(error, told) != 0 : told != NULL) {
        if (error) {
            log_warn("container %s/%s cannot be sent: %s", push->account, push->container, error);
        }
        store_meta_set(call->arena, &change.set, "sys-sync-error", error);
        store_post_container(&change);
    }
}

bool swift_push_run(struct call *call, const struct task *task, struct json_out *result) {
    const char *slash = strchr(task->resource_id, '/'), *to, *error;
    struct push push = {.account = arena_text_size(call->arena, task->resource_id, (size_t)(slash - task->resource_id)),
                        .container = slash + 1};
    struct store_find find = {.account = push.account, .container = push.container};
    struct store_found found;
    struct swift_sync_target target;

    if (store_find(call->arena, &find, &found) != STORE_OK || !(to = store_meta_get(&found.container.meta, "sys-sync-to"))) {
        return true;
    }
    push.target = &target;
    push.key = store_meta_get(&found.container.meta, "sys-sync-key");
    error = swift_sync_target(call->arena, to, &target);
    if (!error && !push.key) {
        error = "There is no X-Container-Sync-Key.";
    }
    if (!error) {
        error = push_all(call->arena, &push);
    }
    tell(call, &push, &found.container.meta, error);
    return !error || fail(call, 503, "%s: %s", task->resource_id, error);
}
