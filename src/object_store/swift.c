/* SPDX-License-Identifier: Apache-2.0
 * The way of a request of Swift's API: path, caller, rights, operation, answer. */
#include "object_store/swift.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "base/id.h"
#include "base/clock.h"
#include "object_store/swift_ratelimit.h"
#include "object_store/swift_sync.h"
#include "rest/cloud.h"
#include "rest/dispatch.h"

#define METHODS HTTP_OTHER

enum { SMALL_BODY = 1024 * 1024 };

/* The declared operations by depth and method. */
static const struct operation *operations[DEPTH_OBJECT + 1][METHODS];

void swift_prepare(const struct resource *resource) {
    for (size_t i = 0; i < resource->runtime->operation_count; i++) {
        const struct operation *op = &resource->runtime->operations[i];
        int depth = 0;

        for (const char *at = op->path; *at; at++) {
            depth += *at == '{';
        }
        operations[depth][op->method] = op;
    }
}

int64_t swift_setting(const char *name, int64_t otherwise) {
    return conf_int(cloud.conf, "object_store", name, otherwise);
}

const char *swift_request_header(const struct swift *sw, const char *name) {
    return http_header(sw->http, name);
}

const char *swift_argument(const struct swift *sw, const char *name) {
    const struct http_arguments *arguments = *sw->http->query ? http_arguments(sw->http) : NULL;

    /* Of several the last counts. */
    for (size_t i = arguments ? arguments->count : 0; i > 0; i--) {
        if (!strcmp(arguments->at[i - 1].name, name)) {
            return arguments->at[i - 1].value;
        }
    }
    return NULL;
}

/* ---- the path ---- */

/* One segment at *at; *at moves behind the slash that ends it, or is null at the path's end. */
static const char *segment(struct arena *arena, const char **at) {
    size_t size = strcspn(*at, "/");
    const char *text = arena_text_size(arena, *at, size);

    *at = (*at)[size] ? *at + size + 1 : NULL;
    return text;
}

/* Nothing can be there that is called so, nor be put there. */
static bool too_long(struct swift *sw, const char *what, const char *name, int most) {
    if (sw->http->method != HTTP_PUT && sw->http->method != HTTP_COPY && sw->depth == DEPTH_OBJECT) {
        return swift_status(sw, 404), false;
    }
    if (name == sw->object) {
        return swift_error(sw, 400, "%s name length of %zu longer than %d", what, strlen(name), most), false;
    }
    swift_status(sw, 400);                  /* whose answer is called HTML by Swift */
    buf_clear(&sw->http->response.body);
    buf_printf(&sw->http->response.body, "%s name length of %zu longer than %d", what, strlen(name), most);
    return false;
}

static bool read_path(struct swift *sw) {
    const char *at = sw->http->raw_path + strlen(sw->call->service->prefix);

    if (!strncmp(at, "/v1/", 4)) {
        at += 4;
    } else if (!strncmp(at, "/v1.0/", 6)) {
        at += 6;
    } else if (!strcmp(at, "/v1") || !strcmp(at, "/v1.0")) {
        return swift_error(sw, 412, "Bad URL"), false;
    } else {
        return swift_status(sw, 404), false;
    }
    /* A slash divides though it comes escaped: some clients escape the whole path. */
    at = sw->http->malformed ? NULL : http_decode(sw->arena, at, strlen(at), false);
    if (!at) {
        return swift_error(sw, 412, "The path holds NUL, or is no UTF-8"), false;
    }
    sw->account = segment(sw->arena, &at);
    sw->depth = DEPTH_ACCOUNT;
    if (at && *at) {
        sw->container = segment(sw->arena, &at);
        sw->depth = DEPTH_CONTAINER;
        if (at && *at) {
            sw->object = at;
            sw->depth = DEPTH_OBJECT;
        }
    }
    if (!*sw->account || (sw->container && !*sw->container)) {
        return swift_error(sw, 412, "The path names no account and container."), false;
    }
    if (strlen(sw->account) > MAX_ACCOUNT_NAME) {
        return too_long(sw, "Account", sw->account, MAX_ACCOUNT_NAME);
    }
    if (sw->container && strlen(sw->container) > MAX_CONTAINER_NAME) {
        return too_long(sw, "Container", sw->container, MAX_CONTAINER_NAME);
    }
    if (sw->object && strlen(sw->object) > MAX_OBJECT_NAME) {
        return too_long(sw, "Object", sw->object, MAX_OBJECT_NAME);
    }
    return true;
}

/* ---- what is there ---- */

static bool reads(const struct swift *sw) {
    return sw->http->method == HTTP_GET || sw->http->method == HTTP_HEAD;
}

/* The operation needs to know the object, beside the container. */
static bool names_object(enum http_method method) {
    return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_COPY || method == HTTP_POST;
}

bool swift_wants_bytes(const struct swift *sw) {
    return sw->http->method == HTTP_GET || sw->http->method == HTTP_COPY || sw->http->method == HTTP_PUT;
}

static void look(struct swift *sw) {
    struct store_find find = {.account = sw->account, .container = sw->container, .version = sw->version,
                              .name = names_object(sw->http->method) ? sw->object : NULL,
                              .want_bytes = swift_wants_bytes(sw),
                              .want_expired = sw->version > 0, .no_counts = sw->depth == DEPTH_OBJECT && !swift_ratelimit_counts()};

    if (sw->depth == DEPTH_ACCOUNT) {
        find.want_account = ACCOUNT_ALL;
    } else if (sw->http->method == HTTP_PUT) {
        find.want_account = ACCOUNT_META;       /* its quotas */
    }
    sw->looked = store_find(sw->arena, &find, &sw->found);
}

/* ?version-id=null, a timestamp, or nothing. */
static bool read_version(struct swift *sw) {
    const char *text = swift_argument(sw, "version-id");

    sw->version = STORE_CURRENT;
    /* A temporary URL is for what is there now. */
    if (!text || !*text || sw->depth != DEPTH_OBJECT || swift_argument(sw, "temp_url_sig")) {
        return true;
    }
    return swift_version_read(text, &sw->version) || (swift_error(sw, 400, "Invalid version_id parameter"), false);
}

/* ---- taking a request ---- */

/* "tx", 21 random hexadecimal digits, and the time in ten of them. */
static const char *make_trans_id(struct arena *arena) {
    static const char hex[] = "0123456789abcdef";
    char text[] = "tx000000000000000000000-0000000000", *at = text + sizeof text - 1;

    memcpy(text + 2, id_hex(arena), 21);
    for (int64_t seconds = clock_now() / SECOND; seconds > 0 && at[-1] != '-'; seconds >>= 4) {
        *--at = hex[seconds & 15];
    }
    return arena_text_size(arena, text, sizeof text - 1);
}

static struct swift *swift_new(struct call *call) {
    struct swift *sw = ARENA_NEW(call->arena, struct swift);

    call->input = sw;
    sw->call = call;
    sw->http = call->http;
    sw->arena = call->arena;
    sw->trans_id = make_trans_id(sw->arena);
    call->request_id = sw->trans_id;
    return sw;
}

/* ---- what is no plain operation ---- */

struct special {
    bool (*begin)(struct swift *sw);    /* false: answered */
    bool (*run)(struct swift *sw);
    bool stream;                        /* the body goes to a sink */
    bool put;                           /* an object's PUT in other ways */
    bool signature;                     /* brings its own right */
};

static bool begin_worker(struct swift *sw) {
    sw->http->on_worker = true;
    return true;
}

static bool is_form(const struct swift *sw) {
    const char *type = swift_request_header(sw, "Content-Type");

    return sw->http->method == HTTP_POST && sw->depth >= DEPTH_CONTAINER && type &&
           !strncasecmp(type, "multipart/form-data", 19) && strcasestr(type, "boundary=");
}

bool swift_manifest_is(const struct swift *sw, const char *what) {
    const char *value = swift_argument(sw, "multipart-manifest");

    return sw->depth == DEPTH_OBJECT && value && !strcmp(value, what);
}

static const struct special *find_special(const struct swift *sw) {
    static const struct special archive = {swift_archive_begin, swift_archive, .stream = true};
    static const struct special bulk_delete = {swift_bulk_delete_begin, swift_bulk_delete};
    static const struct special form = {swift_formpost_begin, swift_formpost, .stream = true, .signature = true};
    static const struct special manifest = {swift_slo_begin, swift_slo_put, .put = true};
    static const struct special manifest_delete = {begin_worker, swift_slo_delete};
    static const struct special old_delete = {begin_worker, swift_delete_old};
    static const struct special make_current = {begin_worker, swift_make_current};
    const char *from = swift_request_header(sw, "X-Copy-From");
    enum http_method method = sw->http->method;

    /* Of a copy it is the source's. */
    if (method == HTTP_PUT && sw->version != STORE_CURRENT && !(from && *from)) {
        return &make_current;
    }
    if (method == HTTP_PUT) {
        return swift_argument(sw, "extract-archive") ? &archive : swift_manifest_is(sw, "put") ? &manifest : NULL;
    }
    if ((method == HTTP_POST || method == HTTP_DELETE) && swift_argument(sw, "bulk-delete")) {
        return &bulk_delete;
    }
    if (is_form(sw)) {
        return &form;
    }
    if (method == HTTP_DELETE && swift_manifest_is(sw, "delete")) {
        return &manifest_delete;
    }
    return method == HTTP_DELETE && swift_keeps_old(sw) && sw->version <= 0 ? &old_delete : NULL;
}

static enum http_body refuse(struct swift *sw) {
    sw->over = true;
    return HTTP_IGNORE;
}

static const struct operation *choose(struct swift *sw) {
    const struct operation *op = sw->http->method < METHODS ? operations[sw->depth][sw->http->method] : NULL;

    if (!op) {
        swift_header(sw, "Allow", "%s", swift_methods(sw));
        swift_status(sw, 405);
    }
    return op;
}

/* ---- what is not of an account ---- */

/* The same as at the server's root, for clients that look below the service's own address. */
static bool (*find_fixed(const struct swift *sw))(struct call *call) {
    static const struct {
        const char *path;
        bool (*run)(struct call *call);
    } fixed[] = {{"/info", swift_info}, {"/healthcheck", swift_healthcheck}, {"/crossdomain.xml", swift_crossdomain},
                 {"/auth/v1.0", swift_auth}};
    const char *path = sw->http->raw_path + strlen(sw->call->service->prefix);

    for (size_t i = 0; i < sizeof fixed / sizeof *fixed && (sw->http->method == HTTP_GET || sw->http->method == HTTP_HEAD); i++) {
        if (!strcmp(path, fixed[i].path)) {
            return fixed[i].run;
        }
    }
    return NULL;
}

static bool answer_fixed(struct swift *sw) {
    struct call *call = sw->call;

    sw->http->response.status = 200;
    if (!find_fixed(sw)(call)) {
        return swift_error(sw, call->error, "%s", call->error_message);
    }
    if (!call->content_type) {
        swift_header(sw, "Content-Type", "application/json; charset=UTF-8");
    }
    return true;
}

/* Single versions are for the owner. */
static bool check_version(struct swift *sw) {
    if (sw->version <= 0) {
        return sw->version == STORE_CURRENT || sw->http->method != HTTP_POST ||
               (swift_error(sw, 400, "A POST to a single version is not allowed."), false);
    }
    if (!sw->owner) {
        return swift_denied(sw), false;
    }
    if (sw->http->method == HTTP_POST) {
        return swift_error(sw, 400, "A POST to a single version is not allowed."), false;
    }
    return sw->looked == STORE_NO_CONTAINER || sw->found.container.versions != VERSIONS_OFF ||
           (swift_error(sw, 400, "The container does not keep versions."), false);
}

/* By signature, or by who calls. */
static bool permitted(struct swift *sw, const struct special *special) {
    enum swift_sync_verdict verdict = swift_sync_allows(sw);

    if (verdict != SYNC_NOT_ASKED) {
        return verdict == SYNC_ALLOWED;
    }
    if (special && special->signature) {
        return true;
    }
    if (sw->http->method != HTTP_OPTIONS && (swift_argument(sw, "temp_url_sig") || swift_argument(sw, "temp_url_expires"))) {
        return swift_tempurl(sw);
    }
    /* Bulk operations ask for each object, a preflight tells nothing secret. */
    sw->allowed = sw->http->method == HTTP_OPTIONS ||
                  (special && (special->run == swift_archive || special->run == swift_bulk_delete));
    return swift_authorize(sw) && check_version(sw);
}

static enum http_body take_special(struct swift *sw, const struct special *special) {
    sw->special = special->run;
    if ((special->put && !swift_put_begin(sw)) || !special->begin(sw)) {
        return refuse(sw);
    }
    if (special->put) {
        sw->upload = NULL;
        sw->http->sink = NULL;
    }
    sw->http->on_worker |= sw->wait != 0;
    return special->stream ? HTTP_STREAM : HTTP_BUFFER;
}

static const struct special sent_manifest = {swift_slo_begin, swift_slo_sent, .put = true};

static bool sends_manifest(const struct swift *sw) {
    const char *large = swift_request_header(sw, "X-Static-Large-Object");

    return sw->stamp && sw->http->method == HTTP_PUT && swift_is_true(large);
}

enum http_body swift_take(struct call *call) {
    struct swift *sw = swift_new(call);
    struct http_request *http = call->http;
    const struct special *special;

    if (http->malformed_query && !swift_list_bounds(sw)) {
        swift_error(sw, 400, "%s", http->malformed_query);
        return refuse(sw);
    }
    if (find_fixed(sw)) {
        sw->special = answer_fixed;
        http->on_worker = true;
        return HTTP_BUFFER;
    }
    if (!read_path(sw) || !(call->operation = choose(sw)) || !read_version(sw)) {
        return refuse(sw);
    }
    look(sw);
    if (sw->looked == STORE_FAILED) {
        swift_failed(sw, sw->looked);
        return refuse(sw);
    }
    special = find_special(sw);
    if (!permitted(sw, special)) {
        return refuse(sw);
    }
    if (!swift_ratelimit(sw)) {
        return refuse(sw);
    }
    if (sends_manifest(sw)) {
        special = &sent_manifest;
    }
    sw->change = (struct store_change){.arena = sw->arena, .account = sw->account, .container = sw->container,
                                       .name = sw->object, .version = sw->version, .stamp = sw->stamp, .policy = -1};
    http->max_body = SMALL_BODY;
    if (special) {
        return take_special(sw, special);
    }
    if (call->operation->flags & OP_STREAM) {
        if (!swift_put_begin(sw)) {
            return refuse(sw);
        }
        http->on_worker |= sw->wait != 0;
        return sw->upload ? HTTP_STREAM : HTTP_BUFFER;
    }
    http->on_worker = (call->operation->flags & OP_BLOCKING) || sw->wait;
    return HTTP_BUFFER;
}

static void run(struct swift *sw) {
    if (sw->special) {
        sw->special(sw);
    } else if (!reads(sw) || !swift_web(sw)) {
        sw->call->operation->run(sw->call);
    }
}

bool swift_options(struct call *call) {
    return swift_cors_preflight(swift_of(call));
}

void swift_answer(struct call *call) {
    struct swift *sw = swift_of(call);

    if (!sw->over && (!sw->wait || swift_ratelimit_wait(sw))) {
        run(sw);
    }
    if (!call->http->later) {
        swift_common_headers(sw);
    }
}

/* ---- changes ---- */

static void changed(struct store_change *change) {
    struct swift *sw = change->user;

    http_answered(sw->http);
}

static void hand_over(struct http_request *http) {
    struct swift *sw = swift_of(dispatch_call(http));

    sw->operation(&sw->change);
}

static void finish(struct http_request *http) {
    struct swift *sw = swift_of(dispatch_call(http));

    sw->finish(sw);
    swift_common_headers(sw);
}

bool swift_change(struct swift *sw, enum store_result (*operation)(struct store_change *change),
                  void (*finish_it)(struct swift *sw)) {
    sw->change.done = changed;
    sw->change.user = sw;
    sw->operation = operation;
    sw->finish = finish_it;
    sw->http->later = hand_over;
    sw->http->finish = finish;
    return true;
}
