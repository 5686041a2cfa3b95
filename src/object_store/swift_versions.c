/* SPDX-License-Identifier: Apache-2.0
 * The older ways of keeping versions: in a container of their own that X-Versions-Location (a stack: deleting brings the
 * one before back) or X-History-Location (a history: deleting is noted) names. */
#include <string.h>

#include "base/clock.h"
#include "object_store/swift_parts.h"

static const char *given_location(const struct swift *sw) {
    const char *stack = store_meta_get(&sw->found.container.meta, "sys-versions-location");

    return stack ? stack : store_meta_get(&sw->found.container.meta, "sys-history-location");
}

/* The container's name; the header has it escaped, and may name more behind a slash. */
static const char *location(struct swift *sw) {
    const char *given = given_location(sw), *name = http_decode(sw->arena, given, strlen(given), false);

    name = name ? name : given;
    return arena_text_size(sw->arena, name, strcspn(name, "/"));
}

bool swift_keeps_old(const struct swift *sw) {
    return sw->depth == DEPTH_OBJECT && given_location(sw);
}

static const char *old_prefix(struct swift *sw) {
    return arena_printf(sw->arena, "%03zx%s/", strlen(sw->object), sw->object);
}

static enum store_result keep_as(struct swift *sw, const char *name, const struct store_object *object,
                                 struct store_upload *upload) {
    struct store_change change = {.arena = sw->arena, .account = sw->account, .container = location(sw), .name = name,
                                  .upload = upload};

    change.object = (struct store_object){.type = object->type, .kind = object->kind, .meta = object->meta};
    if (object->kind != STORE_DATA) {
        change.object.etag = object->etag;
    }
    return store_put_object(&change);
}

/* Answers what keeping failed with. */
static bool kept(struct swift *sw, enum store_result result) {
    if (result == STORE_CREATED || result == STORE_OK) {
        return true;
    }
    if (result == STORE_NO_CONTAINER) {
        return swift_error(sw, 412, "The container for old versions does not exist."), false;
    }
    return swift_failed(sw, result), false;
}

static enum store_result find_current(struct swift *sw, struct store_found *found) {
    struct store_find find = {.account = sw->account, .container = sw->container, .name = sw->object,
                              .version = STORE_CURRENT, .want_bytes = true};

    return store_find(sw->arena, &find, found);
}

bool swift_keep_old(struct swift *sw) {
    struct store_found found;
    enum store_result result = find_current(sw, &found);
    struct store_upload *upload;

    if (result != STORE_OK) {
        return result == STORE_MISSING || (swift_failed(sw, result), false);
    }
    upload = store_upload_copy(sw->arena, sw->account, sw->container, &found.object);
    if (upload->failed != STORE_OK) {
        return kept(sw, upload->failed);
    }
    return kept(sw, keep_as(sw, arena_printf(sw->arena, "%s%s", old_prefix(sw),
                                             swift_timestamp(sw->arena, found.object.modified)),
                            &found.object, upload));
}

/* ---- deleting ---- */

static bool delete_current(struct swift *sw) {
    enum store_result result = store_delete_object(&sw->change);

    return result == STORE_OK ? swift_status(sw, 204) : swift_failed(sw, result);
}

/* The history gets the current object and a note that it was deleted. */
static bool delete_with_note(struct swift *sw) {
    struct store_object note = {.type = SWIFT_DELETED_TYPE};
    struct store_upload *empty = store_upload_new(sw->arena);

    if (!swift_keep_old(sw)) {
        return true;
    }
    store_upload_end(empty);
    if (!kept(sw, keep_as(sw, arena_printf(sw->arena, "%s%s", old_prefix(sw), swift_timestamp(sw->arena, clock_now())),
                          &note, empty))) {
        return true;
    }
    return delete_current(sw);
}

/* The newest old versions, the newest first. */
struct newest {
    struct arena *arena;
    size_t count;
    const char *names[2];
    bool markers[2];                /* a note that it was deleted */
};

static bool take_newest(void *user, const struct store_object *object) {
    struct newest *newest = user;

    newest->markers[newest->count] = object->type && !strcmp(object->type, SWIFT_DELETED_TYPE);
    newest->names[newest->count++] = arena_text(newest->arena, object->name);
    return newest->count < 2;
}

static bool remove_old(struct swift *sw, const char *name) {
    struct store_change remove = {.arena = sw->arena, .account = sw->account, .container = location(sw), .name = name,
                                  .version = STORE_CURRENT};
    enum store_result result = store_delete_object(&remove);

    return result == STORE_OK || result == STORE_MISSING ? swift_status(sw, 204) : (swift_failed(sw, result), false);
}

/* Puts an old version back in its place, and takes it from the stack. False: it failed, and was answered. */
static bool restore(struct swift *sw, const char *name) {
    struct store_find find = {.account = sw->account, .container = location(sw), .name = name, .version = STORE_CURRENT,
                              .want_bytes = true};
    struct store_found found;
    enum store_result result = store_find(sw->arena, &find, &found);

    if (result != STORE_OK) {
        return swift_failed(sw, result), false;
    }
    sw->change.upload = store_upload_copy(sw->arena, sw->account, found.container.name, &found.object);
    if (sw->change.upload->failed != STORE_OK) {
        return swift_failed(sw, sw->change.upload->failed), false;
    }
    sw->change.object = (struct store_object){.type = found.object.type, .kind = found.object.kind, .meta = found.object.meta,
                                              .etag = found.object.kind != STORE_DATA ? found.object.etag : NULL};
    result = store_put_object(&sw->change);
    return result == STORE_CREATED ? remove_old(sw, name) : (swift_failed(sw, result), false);
}

/* The newest of the stack is a note of a time when the container kept a history: with an object there the state is as the
 * note says when that goes; without one, the note is undone. */
static bool delete_noted(struct swift *sw, const struct newest *newest, bool there) {
    if (there) {
        return delete_current(sw);
    }
    if (newest->count > 1 && !newest->markers[1] && !restore(sw, newest->names[1])) {
        return true;
    }
    remove_old(sw, newest->names[0]);
    return true;
}

bool swift_delete_old(struct swift *sw) {
    struct newest newest = {.arena = sw->arena};
    struct store_list list = {.account = sw->account, .container = location(sw), .prefix = old_prefix(sw), .reverse = true,
                              .limit = 2, .on_object = take_newest, .user = &newest};
    struct store_found found;
    enum store_result result;

    if (!store_meta_get(&sw->found.container.meta, "sys-versions-location")) {
        return delete_with_note(sw);
    }
    result = store_list(sw->arena, &list, NULL);
    if (result != STORE_OK && result != STORE_NO_CONTAINER) {
        return swift_failed(sw, result);
    }
    if (!newest.count) {
        return delete_current(sw);
    }
    result = find_current(sw, &found);
    if (result != STORE_OK && result != STORE_MISSING) {
        return swift_failed(sw, result);
    }
    if (newest.markers[0]) {
        return delete_noted(sw, &newest, result == STORE_OK);
    }
    restore(sw, newest.names[0]);
    return true;
}
