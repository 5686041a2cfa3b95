/* SPDX-License-Identifier: Apache-2.0
 * The way of a request of S3's API: bucket and key, operation, caller, answer. */
#include "object_store/s3.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/id.h"
#include "base/words.h"
#include "object_store/s3_config.h"
#include "object_store/swift_parts.h"
#include "rest/cloud.h"
#include "rest/dispatch.h"

static const struct operation *operations;
static size_t operation_count;

void s3_prepare(const struct resource *resource) {
    operations = resource->runtime->operations;
    operation_count = resource->runtime->operation_count;
}

const char *s3_header(const struct s3 *s3, const char *name) {
    return http_header(s3->http, name);
}

const char *s3_argument(const struct s3 *s3, const char *name) {
    return *s3->http->query ? http_argument(s3->http, name) : NULL;
}

/* ---- bucket and key ---- */

/* The bucket that the host names: "BUCKET.DOMAIN" with one of the domains of [object_store] s3_domains. */
static const char *bucket_of_host(struct s3 *s3) {
    const char *host = s3_header(s3, "Host"), *domain = conf_text(cloud.conf, "object_store", "s3_domains", "localhost");
    const char *name;
    size_t size = host ? strcspn(host, ":") : 0, length;

    if (!host || *host == '[') {
        return NULL;
    }
    while (words_next(&domain, &name, &length)) {
        if (size > length + 1 && host[size - length - 1] == '.' &&
            !strncasecmp(host + size - length, name, length)) {
            char *bucket = arena_text_size(s3->arena, host, size - length - 1);

            for (char *at = bucket; *at; at++) {
                *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
            }
            return bucket;
        }
    }
    return NULL;
}

static bool read_path(struct s3 *s3) {
    const char *at = s3->http->raw_path + 1;

    if (s3->http->malformed || s3->http->malformed_query) {
        return s3_error(s3, "InvalidURI", "URI", s3->http->path, NULL), false;
    }
    s3->host_bucket = bucket_of_host(s3);
    if (s3->host_bucket) {
        s3->bucket = s3->host_bucket;
    } else {
        size_t size = strcspn(at, "/");

        s3->bucket = size ? http_decode(s3->arena, at, size, false) : NULL;
        at += size + (at[size] == '/');
    }
    s3->key = s3->bucket && *at ? http_decode(s3->arena, at, strlen(at), false) : NULL;
    s3->depth = s3->key ? S3_OBJECT : s3->bucket ? S3_BUCKET : S3_SERVICE;
    if (!s3->bucket && *at) {
        return s3_error(s3, "InvalidURI", "URI", s3->http->path, NULL), false;
    }
    if (s3->key && strlen(s3->key) > S3_MAX_KEY) {
        return s3_error(s3, "KeyTooLongError", "Size", arena_printf(s3->arena, "%zu", strlen(s3->key)),
                        "MaxSizeAllowed", "1024", NULL), false;
    }
    return true;
}

/* ---- the operation ---- */

static enum s3_depth depth_of(const char *path) {
    return strstr(path, "{key*}") ? S3_OBJECT : strstr(path, "{bucket}") ? S3_BUCKET : S3_SERVICE;
}

/* All arguments that the declaration names stand in the query. */
static bool arguments_stand(const struct s3 *s3, const char *path) {
    const char *at = strchr(path, '?');

    while (at && *++at) {
        size_t size = strcspn(at, "&");

        if (!s3_argument(s3, arena_text_size(s3->arena, at, size))) {
            return false;
        }
        at += size;
        at = *at ? at : NULL;
    }
    return true;
}

/* Subresources that S3 has and that are not for this method, or not here at all. */
static bool is_other_subresource(const struct s3 *s3, const char *name) {
    static const char *const bucket[] = {
        "accelerate", "acl", "analytics", "cors", "delete", "encryption", "intelligent-tiering", "inventory", "lifecycle",
        "location", "logging", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus",
        "publicAccessBlock", "replication", "requestPayment", "tagging", "uploads", "versioning", "versions", "website", NULL};
    static const char *const object[] = {"acl", "attributes", "legal-hold", "restore", "retention", "select", "tagging",
                                         "torrent", "uploads", NULL};

    for (const char *const *at = s3->depth == S3_BUCKET ? bucket : object; s3->depth != S3_SERVICE && *at; at++) {
        if (!strcmp(*at, name)) {
            return true;
        }
    }
    return false;
}

static bool has_other_subresource(struct s3 *s3) {
    const struct http_arguments *arguments = http_arguments(s3->http);

    for (size_t i = 0; i < arguments->count; i++) {
        if (is_other_subresource(s3, arguments->at[i].name)) {
            return true;
        }
    }
    return false;
}

static bool choose(struct s3 *s3) {
    for (size_t i = 0; i < operation_count; i++) {
        const struct operation *op = &operations[i];

        if (op->method == s3->http->method && depth_of(op->path) == s3->depth && arguments_stand(s3, op->path)) {
            if (!strchr(op->path, '?') && *s3->http->query && has_other_subresource(s3)) {
                break;
            }
            s3->call->operation = op;
            return true;
        }
    }
    if (has_other_subresource(s3)) {
        return s3_error(s3, "NotImplemented", NULL), false;
    }
    return s3_error(s3, "MethodNotAllowed", "Method", s3->http->method_name, "ResourceType",
                    s3->depth == S3_OBJECT ? "OBJECT" : s3->depth == S3_BUCKET ? "BUCKET" : "SERVICE", NULL), false;
}

/* ?versionId=null, or a version as it was told. */
static bool read_version(struct s3 *s3) {
    const char *text = s3_argument(s3, "versionId");

    s3->version = STORE_CURRENT;
    return !text || s3->depth != S3_OBJECT || swift_version_read(text, &s3->version) ||
           (s3_error(s3, "InvalidArgument", "ArgumentName", "versionId", "ArgumentValue", text, NULL), false);
}

/* ---- taking it ---- */

static struct s3 *s3_new(struct call *call) {
    struct s3 *s3 = ARENA_NEW(call->arena, struct s3);

    call->input = s3;
    s3->call = call;
    s3->http = call->http;
    s3->arena = call->arena;
    s3->request_id = arena_printf(s3->arena, "tx%.21s-%010llx", id_hex(s3->arena), (long long)(clock_now() / SECOND));
    call->request_id = s3->request_id;
    return s3;
}

static enum http_body refuse(struct s3 *s3) {
    s3->over = true;
    return HTTP_IGNORE;
}

/* Where the object is read anyway, it is looked up with its bucket. */
static bool wants_object(const struct s3 *s3) {
    return s3->depth == S3_OBJECT && (s3->http->method == HTTP_GET || s3->http->method == HTTP_HEAD) &&
           !s3_argument(s3, "uploadId");
}

static bool find_bucket(struct s3 *s3) {
    const char *owner;

    if (s3->depth == S3_SERVICE) {
        return true;
    }
    if (strchr(s3->bucket, '+') || strchr(s3->bucket, '/')) {
        return s3_error(s3, "InvalidBucketName", "BucketName", s3->bucket, NULL), false;
    }
    s3_find_bucket(s3, wants_object(s3) ? s3->key : NULL, s3->http->method == HTTP_GET);
    if (s3->looked == STORE_FAILED) {
        return s3_failed(s3, s3->looked), false;
    }
    /* Containers that Swift's API made may have other names. */
    if (s3->looked == STORE_NO_CONTAINER && !s3_bucket_name_valid(s3->bucket)) {
        return s3_error(s3, "InvalidBucketName", "BucketName", s3->bucket, NULL), false;
    }
    s3_find_rights(s3);
    owner = s3_header(s3, "x-amz-expected-bucket-owner");
    return !owner || s3->looked == STORE_NO_CONTAINER || !strcmp(owner, s3_project_of(s3->account)) ||
           (s3_error(s3, "AccessDenied", NULL), false);
}

enum http_body s3_take(struct call *call) {
    struct s3 *s3 = s3_new(call);
    const struct operation *op;

    if (!read_path(s3) || !choose(s3) || !read_version(s3)) {
        return refuse(s3);
    }
    op = call->operation;
    if (op->method != HTTP_OPTIONS && (!s3_authenticate(s3) || !find_bucket(s3))) {
        return refuse(s3);
    }
    s3->change = (struct store_change){.arena = s3->arena, .account = s3->account, .container = s3->bucket, .name = s3->key,
                                       .version = s3->version, .policy = -1};
    s3->http->on_worker = op->flags & OP_BLOCKING;
    s3->http->max_body = S3_MAX_XML;
    if (op->flags & OP_STREAM) {
        if (!op->begin(call)) {
            return refuse(s3);
        }
        return s3->http->sink ? HTTP_STREAM : HTTP_BUFFER;
    }
    if (s3->http->content_length > S3_MAX_XML) {
        s3_error(s3, "MaxMessageLengthExceeded", NULL);
        return refuse(s3);
    }
    return HTTP_BUFFER;
}

void s3_answer(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (!s3->over && (s3->body || s3->http->sink || s3_check_body(s3, false))) {
        call->operation->run(call);
    }
    if (!call->http->later) {
        s3_common_headers(s3);
        s3_cors_headers(s3);
    }
}

/* ---- changes ---- */

static void changed(struct store_change *change) {
    struct s3 *s3 = change->user;

    http_answered(s3->http);
}

static void hand_over(struct http_request *http) {
    struct s3 *s3 = s3_of(dispatch_call(http));

    s3->operation(&s3->change);
}

static void finish(struct http_request *http) {
    struct s3 *s3 = s3_of(dispatch_call(http));

    s3->finish(s3);
    s3_common_headers(s3);
    s3_cors_headers(s3);
}

bool s3_change(struct s3 *s3, enum store_result (*operation)(struct store_change *change), void (*finish_it)(struct s3 *s3)) {
    s3->change.done = changed;
    s3->change.user = s3;
    s3->operation = operation;
    s3->finish = finish_it;
    s3->http->later = hand_over;
    s3->http->finish = finish;
    return true;
}

void s3_changed(struct s3 *s3) {
    if (s3->change.result == STORE_OK) {
        s3_status(s3, s3->http->method == HTTP_DELETE ? 204 : 200);
    } else {
        s3_failed(s3, s3->change.result);
    }
}

bool s3_find_object(struct s3 *s3, bool want_bytes) {
    struct store_find find = {.account = s3->account, .container = s3->bucket, .name = s3->key, .version = s3->version,
                              .want_bytes = want_bytes};

    s3->looked = store_find(s3->arena, &find, &s3->found);
    return s3->looked == STORE_OK || (s3_failed(s3, s3->looked), false);
}
