/* SPDX-License-Identifier: Apache-2.0
 * What the store says of itself to everybody: what is on and its limits, that it is well, and Flash's policy file. */
#include <inttypes.h>
#include <unistd.h>

#include "base/conf.h"
#include "object_store/object_store.h"
#include "object_store/s3.h"
#include "object_store/swift_policies.h"
#include "object_store/swift_ratelimit.h"
#include "object_store/swift_sync.h"
#include "rest/cloud.h"

static void put_map(struct json_out *out, const char *key) {
    json_key(out, key);
    json_map(out);
}

static void write_limits(struct json_out *out) {
    put_map(out, "swift");
    json_put_text(out, "version", "2.30.1");
    json_put_bool(out, "strict_cors_mode", true);
    json_put_int(out, "max_file_size", MAX_FILE_SIZE);
    json_put_int(out, "max_meta_name_length", MAX_META_NAME);
    json_put_int(out, "max_meta_value_length", MAX_META_VALUE);
    json_put_int(out, "max_meta_count", MAX_META_COUNT);
    json_put_int(out, "max_meta_overall_size", MAX_META_SIZE);
    json_put_int(out, "max_header_size", MAX_HEADER);
    json_put_int(out, "max_object_name_length", MAX_OBJECT_NAME);
    json_put_int(out, "container_listing_limit", LISTING_LIMIT);
    json_put_int(out, "account_listing_limit", LISTING_LIMIT);
    json_put_int(out, "max_account_name_length", MAX_ACCOUNT_NAME);
    json_put_int(out, "max_container_name_length", MAX_CONTAINER_NAME);
    json_put_int(out, "extra_header_count", 0);
    json_put_bool(out, "allow_account_management", true);
    json_put_bool(out, "account_autocreate", true);
    json_key(out, "policies");
    swift_policies_info(out);
    json_map_end(out);
}

static void put_texts(struct json_out *out, const char *key, const char *const *texts) {
    json_key(out, key);
    json_list(out);
    for (; *texts; texts++) {
        json_text(out, *texts);
    }
    json_list_end(out);
}

static void write_s3(struct json_out *out) {
    put_map(out, "s3api");
    json_put_int(out, "max_bucket_listing", S3_MAX_LIST);
    json_put_int(out, "max_parts_listing", S3_MAX_LIST);
    json_put_int(out, "max_upload_part_num", S3_MAX_PARTS);
    json_put_int(out, "max_multi_delete_objects", 1000);
    json_put_bool(out, "allow_multipart_uploads", true);
    json_put_int(out, "min_segment_size", 5 * 1024 * 1024);
    json_put_bool(out, "s3_acl", true);
    json_map_end(out);
}

static void write_features(struct arena *arena, struct json_out *out) {
    static const char *const empty[] = {"account_quotas", "container_quotas", "object_versioning", "staticweb",
                                        "crossdomain"};
    static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "DELETE", NULL};
    static const char *const digests[] = {"sha1", "sha256", "sha512", NULL};
    static const char *const weak[] = {"sha1", NULL}, *const none[] = {NULL}, *const removed[] = {"x-timestamp", NULL};
    static const char *const hidden[] = {"x-object-meta-*", NULL}, *const shown[] = {"x-object-meta-public-*", NULL};
    static const char *const old[] = {"x-versions-location", "x-history-location", NULL};

    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        put_map(out, empty[i]);
        json_map_end(out);
    }
    put_map(out, "tempurl");
    put_texts(out, "methods", methods);
    put_texts(out, "allowed_digests", digests);
    put_texts(out, "deprecated_digests", weak);
    put_texts(out, "incoming_remove_headers", removed);
    put_texts(out, "incoming_allow_headers", none);
    put_texts(out, "outgoing_remove_headers", hidden);
    put_texts(out, "outgoing_allow_headers", shown);
    json_map_end(out);
    put_map(out, "formpost");
    put_texts(out, "allowed_digests", digests);
    put_texts(out, "deprecated_digests", weak);
    json_map_end(out);
    put_map(out, "slo");
    json_put_int(out, "max_manifest_segments", 1000);
    json_put_int(out, "max_manifest_size", 8 * 1024 * 1024);
    json_put_int(out, "yield_frequency", 10);
    json_put_int(out, "min_segment_size", 1);
    json_put_bool(out, "allow_async_delete", false);
    json_map_end(out);
    put_map(out, "dlo");
    json_put_int(out, "max_segments", 100000);
    json_map_end(out);
    put_map(out, "symlink");
    json_put_int(out, "symloop_max", 2);
    json_put_bool(out, "static_links", true);
    json_map_end(out);
    put_map(out, "versioned_writes");
    put_texts(out, "allowed_flags", old);
    json_map_end(out);
    put_map(out, "bulk_upload");
    json_put_int(out, "max_containers_per_extraction", 10000);
    json_put_int(out, "max_failed_extractions", 1000);
    json_map_end(out);
    put_map(out, "bulk_delete");
    json_put_int(out, "max_deletes_per_request", 10000);
    json_put_int(out, "max_failed_deletes", 1000);
    json_map_end(out);
    put_map(out, "tempauth");
    json_put_bool(out, "account_acls", true);
    json_map_end(out);
    if (cloud_listen(arena, &object_store_s3)) {
        write_s3(out);
    }
    swift_ratelimit_info(out);
    swift_sync_info(out);
}

/* Answers at the server's root have the headers of Swift's as well. */
static void root_headers(struct call *call) {
    if (!call->service->take) {
        call_header(call, "X-Trans-Id", call->request_id);
    }
}

bool swift_info(struct call *call) {
    struct json_out *out = &call->out;

    root_headers(call);
    json_map(out);
    write_limits(out);
    write_features(call->arena, out);
    json_map_end(out);
    return true;
}

static bool answer_text(struct call *call, const char *type, const char *text) {
    root_headers(call);
    buf_text(call->response, text);
    call_header(call, "Content-Type", type);
    call->content_type = true;
    return true;
}

bool swift_healthcheck(struct call *call) {
    const char *file = conf_text(cloud.conf, "object_store", "healthcheck_disable_path", "");

    if (*file && !access(file, F_OK)) {
        call->status = call->http->response.status = 503;
        return answer_text(call, "text/plain", "The operator took this server out of service.");
    }
    return answer_text(call, "text/plain", "OK");
}

bool swift_crossdomain(struct call *call) {
    return answer_text(call, "application/xml",
                       arena_printf(call->arena, "<?xml version=\"1.0\"?>\n"
                                    "<!DOCTYPE cross-domain-policy SYSTEM"
                                    " \"http://www.adobe.com/xml/dtds/cross-domain-policy.dtd\" >\n"
                                    "<cross-domain-policy>\n%s\n</cross-domain-policy>",
                                    conf_text(cloud.conf, "object_store", "cross_domain_policy",
                                              "<allow-access-from domain=\"*\" secure=\"false\" />")));
}
