/* SPDX-License-Identifier: Apache-2.0
 * Objects: upload, download, metadata, deletion. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/words.h"
#include "object_store/swift_parts.h"
#include "rest/dispatch.h"

/* Headers that an object keeps and gives back, beside X-Object-Meta-*. */
static const char *const kept[] = {"Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control",
                                   "Expires", "X-Robots-Tag", "X-Object-Manifest"};
enum { KEPT = sizeof kept / sizeof *kept };

/* ---- headers of PUT and POST ---- */

#define LAST_SECOND 9999999999LL        /* ten digits: nothing expires later */

static bool is_number(const char *text) {
    text += *text == '-';
    return *text && strspn(text, "0123456789") == strlen(text);
}

static int64_t seconds_of(const char *text) {
    int64_t seconds = strtoll(text, NULL, 10);      /* saturates */

    return seconds < LAST_SECOND ? seconds : LAST_SECOND;
}

/* X-Delete-At and X-Delete-After as seconds since 1970; 0: never. */
static bool read_expiry(struct swift *sw, int64_t *ret) {
    const char *at = swift_request_header(sw, "X-Delete-At"), *after = swift_request_header(sw, "X-Delete-After");
    int64_t now = clock_now() / SECOND;

    *ret = 0;
    if (after) {
        if (!is_number(after)) {
            return swift_error(sw, 400, "Non-integer X-Delete-After"), false;
        }
        *ret = now + seconds_of(after);
        *ret = *ret < LAST_SECOND ? *ret : LAST_SECOND;
        return *ret > now || (swift_error(sw, 400, "X-Delete-After in past"), false);
    }
    if (!at || (!*at && sw->http->method == HTTP_POST)) {
        return true;
    }
    if (!is_number(at)) {
        return swift_error(sw, 400, "Non-integer X-Delete-At"), false;
    }
    *ret = seconds_of(at);
    return *ret > now || (swift_error(sw, 400, "X-Delete-At in past"), false);
}

static bool read_type(struct swift *sw, bool post) {
    const char *type = swift_request_header(sw, "Content-Type"), *detect = swift_request_header(sw, "X-Detect-Content-Type");

    if (detect && !strcasecmp(detect, "true")) {
        type = NULL;
    }
    if (post) {
        sw->change.object.type = type && *type ? type : NULL;
    } else {
        sw->change.object.type = type && *type ? type : swift_guess_type(sw->arena, sw->object);
    }
    return true;
}

/* "container/prefix", as it stands in the header. */
static bool is_prefix(const char *text) {
    const char *slash = strchr(text, '/');

    return slash && slash > text && slash[1] && slash[1] != '/' && !strpbrk(text, "?&");
}

static bool check_large(struct swift *sw, bool post) {
    const char *dynamic = swift_request_header(sw, "X-Object-Manifest");

    if (swift_request_header(sw, "X-Static-Large-Object") && !sw->stamp && !swift_manifest_is(sw, "put")) {
        return swift_error(sw, 400, "X-Static-Large-Object is not for clients to set: ?multipart-manifest=put makes such an object."), false;
    }
    return post || !dynamic || is_prefix(dynamic) ||
           (swift_error(sw, 400, "X-Object-Manifest must be of the form <container name>/<prefix>."), false);
}

bool swift_read_object_headers(struct swift *sw, bool post) {
    struct store_meta *meta = post ? &sw->change.set : &sw->change.object.meta;

    if (!check_large(sw, post)) {
        return false;
    }
    if (!swift_read_meta(sw, "object", meta) || !read_expiry(sw, &sw->change.object.expires) || !read_type(sw, post)) {
        return false;
    }
    for (int i = 0; i < KEPT; i++) {
        const char *value = swift_request_header(sw, kept[i]);
        char *name = arena_text(sw->arena, kept[i]);

        if (value && *value) {
            for (char *at = name; *at; at++) {
                *at = (char)tolower((unsigned char)*at);
            }
            store_meta_set(sw->arena, meta, name, value);
        }
    }
    return true;
}

static const char *meta_of(const struct store_meta *meta, const char *header) {
    for (size_t i = 0; i < meta->count; i++) {
        if (!strcasecmp(meta->at[i].name, header)) {
            return meta->at[i].value;
        }
    }
    return NULL;
}

/* Where this version stays when another becomes current. */
static void write_location(struct swift *sw, int64_t version) {
    const char *path = arena_printf(sw->arena, "/v1/%s/%s/%s", sw->account, sw->container, sw->object);

    swift_header(sw, "Content-Location", "%s?version-id=%s", http_encoded(sw->arena, path, "/"),
                 swift_version_text(sw->arena, version));
}

void swift_write_object_headers(struct swift *sw, const struct store_object *object) {
    swift_last_modified(sw, object->modified);
    swift_header(sw, "X-Timestamp", "%s", swift_timestamp(sw->arena, object->modified));
    http_respond_header(sw->http, "Accept-Ranges", "bytes");
    if (object->expires) {
        swift_header(sw, "X-Delete-At", "%" PRId64, object->expires);
    }
    if (sw->found.container.versions != VERSIONS_OFF) {
        swift_header(sw, "X-Object-Version-Id", "%s", swift_version_text(sw->arena, object->version));
        if (object->version && sw->version == STORE_CURRENT && !swift_argument(sw, "symlink")) {
            write_location(sw, object->version);
        }
    }
    swift_write_meta(sw, "object", &object->meta);
    for (int i = 0; i < KEPT && object->meta.count; i++) {
        const char *value = meta_of(&object->meta, kept[i]);
        bool replaced = sw->temporary && (!strcmp(kept[i], "Content-Disposition") || !strcmp(kept[i], "Expires"));

        if (value && !replaced) {
            swift_header(sw, kept[i], "%s", value);
        }
    }
    if (sw->temporary) {
        swift_tempurl_headers(sw, meta_of(&object->meta, "Content-Disposition"));
    }
}

/* ---- PUT ---- */

static bool sink(struct http_request *http, const void *bytes, size_t size) {
    struct swift *sw = swift_of(dispatch_call(http));

    return sw->upload->size + (int64_t)size <= MAX_FILE_SIZE && store_upload_add(sw->upload, bytes, size);
}

/* Quotas that the container's and the account's owner or reseller set. */
void swift_read_quotas(struct swift *sw) {
    const char *bytes = store_meta_get(&sw->found.container.meta, "meta-quota-bytes");
    const char *count = store_meta_get(&sw->found.container.meta, "meta-quota-count");
    const char *account = store_meta_get(&sw->found.account.meta, "meta-quota-bytes");
    const char *objects = store_meta_get(&sw->found.account.meta, "meta-quota-count");

    /* A quota of 0 takes nothing; in a change, 0 means that there is none. */
    sw->change.quota_bytes = bytes ? strtoll(bytes, NULL, 10) + 1 : 0;
    sw->change.quota_objects = count ? strtoll(count, NULL, 10) + 1 : 0;
    sw->change.account_bytes = account && !sw->reseller ? strtoll(account, NULL, 10) + 1 : 0;
    sw->change.account_objects = objects && !sw->reseller ? strtoll(objects, NULL, 10) + 1 : 0;
}

static bool check_length(struct swift *sw) {
    int64_t length = sw->http->content_length;

    if (length < 0 && !swift_request_header(sw, "Transfer-Encoding")) {
        return swift_status(sw, 411), false;
    }
    if (length > MAX_FILE_SIZE) {
        return swift_error(sw, 413, "An object has at most %lld bytes.", MAX_FILE_SIZE), false;
    }
    if (sw->change.quota_bytes && length >= sw->change.quota_bytes) {
        return swift_failed(sw, STORE_OVER_QUOTA), false;
    }
    return true;
}

static bool copies(const struct swift *sw) {
    const char *from = swift_request_header(sw, "X-Copy-From");

    return from && *from;
}

bool swift_put_begin(struct swift *sw) {
    const char *none = swift_request_header(sw, "If-None-Match");
    struct http_request *http = sw->http;

    /* A copy looks at its source first. */
    if (sw->looked != STORE_OK && !(sw->looked == STORE_NO_CONTAINER && copies(sw))) {
        return swift_failed(sw, sw->looked), false;
    }
    swift_read_quotas(sw);
    if (!check_length(sw) || !swift_read_object_headers(sw, false)) {
        return false;
    }
    if (none && !words_have(none, "*")) {
        return swift_error(sw, 400, "If-None-Match of a PUT can only be *"), false;
    }
    sw->change.if_absent = none != NULL;
    http->max_body = STORE_INLINE;
    http->on_worker = swift_keeps_old(sw);
    if (copies(sw)) {
        http->on_worker = true;
        return true;
    }
    if (!swift_symlink_read(sw)) {
        return false;
    }
    if (http->content_length < 0 || http->content_length > STORE_INLINE) {
        sw->upload = store_upload_new(sw->arena);
        sw->upload->expected = http->content_length;
        http->sink = sink;
        http->on_worker = true;
    }
    return true;
}

static void put_done(struct swift *sw) {
    const struct store_change *change = &sw->change;

    if (change->stamp && change->result == STORE_PRECONDITION) {
        swift_status(sw, 202);
        return;
    }
    if (change->result != STORE_CREATED) {
        swift_failed(sw, change->result);
        return;
    }
    swift_header(sw, "ETag", "%s", change->object.etag ? change->object.etag : sw->upload->etag);
    swift_last_modified(sw, change->modified);
    if (change->made_version) {
        swift_header(sw, "X-Object-Version-Id", "%s", swift_version_text(sw->arena, change->made_version));
    }
    swift_status(sw, 201);
}

bool swift_put_upload(struct swift *sw) {
    const char *etag = swift_request_header(sw, "ETag");
    enum store_result result = store_upload_end(sw->upload);

    if (sw->upload->size > MAX_FILE_SIZE) {
        return swift_status(sw, 413);
    }
    if (result != STORE_OK) {
        return swift_failed(sw, result);
    }
    if (etag && *etag && sw->http->method == HTTP_PUT) {
        size_t quoted = *etag == '"', size = strlen(etag);

        if (size < 2 * quoted || size - 2 * quoted != strlen(sw->upload->etag) ||
            strncasecmp(etag + quoted, sw->upload->etag, size - 2 * quoted) != 0) {
            return swift_status(sw, 422);
        }
    }
    if (swift_keeps_old(sw) && !swift_keep_old(sw)) {
        return true;
    }
    sw->change.upload = sw->upload;
    return swift_change(sw, store_put_object, put_done);
}

bool swift_object_put(struct call *call) {
    struct swift *sw = swift_of(call);

    if (copies(sw)) {
        return swift_copy_here(sw);
    }
    if (!sw->upload) {
        sw->upload = store_upload_new(sw->arena);
        store_upload_whole(sw->upload, call->http->body.at, call->http->body.size);
    }
    return swift_put_upload(sw);
}

static void made_current(struct swift *sw) {
    if (sw->change.result != STORE_CREATED) {
        swift_failed(sw, sw->change.result);
        return;
    }
    swift_header(sw, "X-Object-Version-Id", "%s", swift_version_text(sw->arena, sw->version));
    swift_status(sw, 201);
}

bool swift_make_current(struct swift *sw) {
    if (sw->http->body.size) {
        return swift_error(sw, 400, "A PUT of a version-id takes no bytes.");
    }
    return swift_change(sw, store_make_current, made_current);
}

/* ---- GET and HEAD ---- */

static bool respond_plain(struct swift *sw, const char *account, const struct store_found *found) {
    const struct store_object *object = &found->object;
    struct swift_piece piece = {.text = found->object.bytes, .account = account, .container = found->container.name,
                                .object = object, .size = object->size};

    if (found->damaged) {
        return swift_error(sw, 503, "The object's bytes are damaged; they are not given out.");
    }
    if (found->object.bytes && !swift_request_header(sw, "Range")) {
        swift_header(sw, "Content-Type", "%s", object->type);
        sw->http->response.lasting = found->object.bytes;
        sw->http->response.lasting_size = (size_t)object->size;
        sw->http->response.status = 200;
        return true;
    }
    return swift_respond_pieces(sw, &piece, 1, object->size, object->type);
}

/* If-Match: * - whatever it is, but it must be there. */
static bool wants_any(const struct swift *sw) {
    const char *match = swift_request_header(sw, "If-Match");

    return match && !strcmp(match, "*");
}

bool swift_object_get(struct call *call) {
    struct swift *sw = swift_of(call);
    struct store_found *found = &sw->found;
    const struct store_object *object = &found->object;
    const char *account = sw->account, *how = swift_argument(sw, "symlink");
    bool link_itself = how && !strcmp(how, "get");

    if (sw->looked != STORE_OK) {
        return sw->looked == STORE_MISSING && wants_any(sw) ? swift_status(sw, 412) : swift_failed(sw, sw->looked);
    }
    if (object->kind == STORE_MARKER) {
        swift_header(sw, "Content-Type", SWIFT_DELETED_TYPE);
        swift_header(sw, "X-Object-Version-Id", "%s", swift_version_text(sw->arena, object->version));
        return swift_status(sw, 404);
    }
    if (!link_itself && object->kind == STORE_LINK && !swift_symlink_follow(sw, &account, found)) {
        return true;
    }
    if (!swift_unlocked(sw, object)) {
        return true;
    }
    if (swift_is_large(object) && !(object->kind != STORE_MANIFEST && swift_manifest_is(sw, "get"))) {
        return swift_large_get(sw, account, found);
    }
    swift_header(sw, "ETag", "%s", object->etag);
    swift_write_object_headers(sw, object);
    swift_symlink_headers(sw, object);
    return !swift_conditions(sw, object->etag, object->modified) || respond_plain(sw, account, found);
}

/* ---- POST ---- */

static void posted(struct swift *sw) {
    if (sw->change.result != STORE_OK) {
        swift_failed(sw, sw->change.result);
        return;
    }
    if (sw->found.object.kind == STORE_LINK) {
        swift_symlink_redirect(sw);
        return;
    }
    swift_header(sw, "X-Timestamp", "%s", swift_timestamp(sw->arena, sw->change.modified));
    swift_status(sw, 202);
}

bool swift_object_post(struct call *call) {
    struct swift *sw = swift_of(call);

    if (sw->looked != STORE_OK) {
        return swift_failed(sw, sw->looked);
    }
    if (swift_request_header(sw, "X-Symlink-Target")) {
        return swift_error(sw, 400, "A PUT request is required to set a symlink target");
    }
    if (!swift_read_object_headers(sw, true)) {
        return true;
    }
    sw->change.replace = true;
    return swift_change(sw, store_post_object, posted);
}

/* ---- DELETE ---- */

/* Deleting one version also says which is current then. */
static void write_deleted_version(struct swift *sw) {
    struct store_find find = {.account = sw->account, .container = sw->container, .name = sw->object, .version = STORE_CURRENT};
    struct store_found found;
    bool there = store_find(sw->arena, &find, &found) == STORE_OK;

    swift_header(sw, "X-Object-Version-Id", "%s", swift_version_text(sw->arena, sw->version));
    swift_header(sw, "X-Object-Current-Version-Id", "%s", swift_version_text(sw->arena, there ? found.object.version : 0));
}

static void deleted(struct swift *sw) {
    const struct store_change *change = &sw->change;

    if (change->stamp && change->result == STORE_PRECONDITION) {
        swift_status(sw, 409);
        return;
    }
    if (change->made_version) {
        swift_header(sw, "X-Object-Version-Id", "%s", swift_version_text(sw->arena, change->made_version));
    }
    if (change->result != STORE_OK) {
        swift_failed(sw, change->result);
        return;
    }
    if (sw->version > 0) {
        write_deleted_version(sw);
    }
    swift_status(sw, 204);
}

/* X-If-Delete-At: only when it expires then. False: answered. */
static bool expires_so(struct swift *sw) {
    const char *when = swift_request_header(sw, "X-If-Delete-At");
    struct store_find find = {.account = sw->account, .container = sw->container, .name = sw->object, .version = STORE_CURRENT,
                              .want_expired = true};
    struct store_found found;
    enum store_result result;

    if (!when) {
        return true;
    }
    if (!is_number(when)) {
        return swift_error(sw, 400, "Bad X-If-Delete-At header value"), false;
    }
    result = store_find(sw->arena, &find, &found);
    if (result != STORE_OK) {
        return swift_failed(sw, result), false;
    }
    return found.object.expires == strtoll(when, NULL, 10) || (swift_status(sw, 412), false);
}

bool swift_object_delete(struct call *call) {
    struct swift *sw = swift_of(call);

    if (!expires_so(sw)) {
        return true;
    }

    /* What is called null is the current object, whatever version it is: it goes and leaves no marker. */
    sw->change.detach = (sw->version == 0 && sw->found.container.versions != VERSIONS_OFF) ||
                        (sw->version == STORE_CURRENT && sw->found.container.versions == VERSIONS_SUSPENDED);
    return swift_change(sw, store_delete_object, deleted);
}
