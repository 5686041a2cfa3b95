/* SPDX-License-Identifier: Apache-2.0
 * What of the object store reads a tenant's bytes itself: archives (plain, gzip, bzip2), access lists of containers and
 * accounts; and what it reads from its disk: metadata, plain and sealed. The first byte chooses. A list that was cleaned is
 * clean; an archive gives objects of the size that it says or none. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/conf.h"
#include "object_store/index.h"
#include "object_store/seal.h"
#include "object_store/swift_parts.h"
#include "rest/cloud.h"
#include "rest/dispatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* As the engine keeps a request: the call comes first. */
struct request {
    struct call call;
    struct http_request http;
    struct swift swift;
};

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void start(void) {
    static bool started;
    struct arena *arena;
    char text[128];
    struct conf *conf;
    const char *error = NULL;

    if (started) {
        return;
    }
    started = true;
    arena = arena_new(0);
    conf = conf_read("/dev/null", text, sizeof text);
    conf_set(conf, "object_store", "driver", "fake");
    conf_set(conf, "object_store", "shards", "1");
    cloud.conf = conf;
    require(store_start(arena, conf, "/nonexistent", &error));
    require(store_put_container(&(struct store_change){.arena = arena, .account = "AUTH_a", .container = "c", .policy = -1}) ==
            STORE_CREATED);
    arena_free(arena);
}

static void try_list(struct arena *arena, const char *text, bool write) {
    const char *error = NULL, *clean = swift_clean_acl(arena, text, write, &error), *again;

    require(clean || error);
    if (clean) {
        again = swift_clean_acl(arena, clean, write, &error);
        require(again && !strcmp(again, clean));
    }
}

static void try_metadata(struct arena *arena, const uint8_t *bytes, size_t size) {
    void *plain;

    if (seal_is(bytes, size)) {
        require(!seal_open(arena, bytes, size, &plain, &size));      /* nobody has its key */
    } else {
        struct store_meta meta = index_unpack(arena, bytes, size);

        require(index_packed_size(&meta) <= size + 1);
    }
}

static bool count(void *user, const struct store_object *object) {
    require(object->size >= 0 && *object->name);
    *(int64_t *)user += 1;
    return true;
}

static bool same(void *user, const char *name) {
    return true;
}

static void try_archive(struct arena *arena, const char *format, const uint8_t *bytes, size_t size) {
    struct request *request = ARENA_NEW(arena, struct request);
    struct swift *sw = &request->swift;
    int64_t objects = 0;
    struct store_list list = {.account = "AUTH_a", .container = "c", .limit = INT64_MAX, .on_object = count,
                              .on_common = same, .user = &objects};
    struct store_found found;

    request->http = (struct http_request){.arena = arena, .method = HTTP_PUT, .query = format, .raw_path = "", .path = "",
                                          .user = request, .response = {.file = -1}};
    request->call.http = &request->http;
    request->call.arena = arena;
    request->call.input = sw;
    *sw = (struct swift){.call = &request->call, .http = &request->http, .arena = arena, .depth = DEPTH_CONTAINER,
                         .account = "AUTH_a", .container = "c", .trans_id = "tx", .version = STORE_CURRENT};
    require(swift_archive_begin(sw));
    for (size_t at = 0, part; at < size; at += part) {
        part = size - at < 700 ? size - at : 700;
        if (!request->http.sink(&request->http, bytes + at, part)) {
            break;
        }
    }
    swift_archive(sw);
    require(store_list(arena, &list, NULL) == STORE_OK);
    require(store_find(arena, &(struct store_find){.account = "AUTH_a", .container = "c"}, &found) == STORE_OK);
    require(found.container.objects == objects);
    buf_release(&request->http.response.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const char *const formats[] = {"extract-archive=tar", "extract-archive=tar.gz", "extract-archive=tar.bz2"};
    struct arena *arena = arena_new(0);

    start();
    if (size) {
        const char *text = arena_text_size(arena, (const char *)bytes + 1, size - 1);

        switch (*bytes % 7) {
        case 0: try_list(arena, text, false); break;
        case 1: try_list(arena, text, true); break;
        case 2: swift_account_acl_valid(arena, text); break;
        case 3: try_metadata(arena, bytes + 1, size - 1); break;
        default: try_archive(arena, formats[*bytes % 7 - 4], bytes + 1, size - 1);
        }
    }
    arena_free(arena);
    return 0;
}
