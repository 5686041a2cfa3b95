/* SPDX-License-Identifier: Apache-2.0
 * The policy of a bucket as its owner sets it. The bucket's own project may always change it, so that none locks itself
 * out. */
#include <string.h>

#include "object_store/s3_config.h"
#include "object_store/s3_policy_doc.h"

static void changed(struct s3 *s3) {
    if (s3->change.result == STORE_OK) {
        s3_status(s3, 204);
    } else {
        s3_failed(s3, s3->change.result);
    }
}

bool s3_bucket_policy_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *text = store_meta_get(&s3->found.container.meta, "sys-s3-policy");

    if (!s3_allow_owner(s3)) {
        return true;
    }
    if (!text) {
        return s3_error(s3, "NoSuchBucketPolicy", "BucketName", s3->bucket, NULL);
    }
    s3_put_header(s3, "Content-Type", "application/json");
    buf_text(&s3->http->response.body, text);
    s3->http->response.status = 200;
    return true;
}

bool s3_bucket_policy_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct buf *body = &s3->http->body;
    const struct json *root;
    const char *why;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    root = s3_policy_read(s3->arena, body->at ? body->at : "", body->size, s3->bucket, &why);
    if (!root) {
        return s3_error_because(s3, "MalformedPolicy", "%s", why);
    }
    if (s3_policy_public(root) && s3_public_block(s3->arena, &s3->found.container, S3_BLOCK_POLICY)) {
        return s3_error(s3, "AccessDenied", NULL);
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-policy", arena_text_size(s3->arena, body->at, body->size));
    return s3_change(s3, store_post_container, changed);
}

bool s3_bucket_policy_delete(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (!s3_allow_owner(s3)) {
        return true;
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-policy", NULL);
    return s3_change(s3, store_post_container, changed);
}

bool s3_bucket_policy_status(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *text = store_meta_get(&s3->found.container.meta, "sys-s3-policy"), *why;
    const struct json *root;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    root = text ? s3_policy_read(s3->arena, text, strlen(text), s3->bucket, &why) : NULL;
    buf_printf(s3_xml(s3, "PolicyStatus"), "<IsPublic>%s</IsPublic></PolicyStatus>",
               (root && s3_policy_public(root)) || s3_acl_public(s3, &s3->found) ? "true" : "false");
    return true;
}
