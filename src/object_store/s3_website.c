/* SPDX-License-Identifier: Apache-2.0
 * ?website: the index and error documents of a bucket. They are settings of the web sites that Swift's door serves at
 * /v1/AUTH_PROJECT/BUCKET/ (swift_web.c); this door serves none. The index is the one that Swift's
 * X-Container-Meta-Web-Index sets too. Redirects are not there. */
#include <string.h>

#include "object_store/s3_config.h"
#include "object_store/store.h"

#define INDEX "meta-web-index"
enum { MAX_SUFFIX = 256 };

bool s3_website_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct store_meta *meta = &s3->found.container.meta;
    const char *index, *error;
    struct buf *out;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    index = store_meta_get(meta, INDEX);
    error = store_meta_get(meta, STORE_WEB_ERROR);
    if (!index || !*index) {
        return s3_error(s3, "NoSuchWebsiteConfiguration", "BucketName", s3->bucket, NULL);
    }
    out = s3_xml(s3, "WebsiteConfiguration");
    BUF_LITERAL(out, "<IndexDocument>");
    xml_member(out, "Suffix", index);
    BUF_LITERAL(out, "</IndexDocument>");
    if (error) {
        BUF_LITERAL(out, "<ErrorDocument>");
        xml_member(out, "Key", error);
        BUF_LITERAL(out, "</ErrorDocument>");
    }
    BUF_LITERAL(out, "</WebsiteConfiguration>");
    return true;
}

/* It is told in headers by Swift's door. */
static bool is_line(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

/* The documents that are named; null: none. False: answered. */
static bool read_documents(struct s3 *s3, const struct xml_node *root, const char **ret_index, const char **ret_error) {
    const struct xml_node *index = xml_child(root, "IndexDocument"), *error = xml_child(root, "ErrorDocument");

    if (xml_child(root, "RedirectAllRequestsTo") || xml_child(root, "RoutingRules")) {
        return s3_error_because(s3, "NotImplemented", "A web site of a bucket has an index and an error document; redirects are not "
                                                      "implemented."), false;
    }
    *ret_index = xml_child_text(index, "Suffix");
    *ret_error = xml_child_text(error, "Key");
    if (!s3_only(root, "IndexDocument ErrorDocument") || !index || !*ret_index || (error && !*ret_error)) {
        return s3_error(s3, "MalformedXML", NULL), false;
    }
    if (!**ret_index || strchr(*ret_index, '/') || strlen(*ret_index) > MAX_SUFFIX || !is_line(*ret_index)) {
        return s3_error(s3, "InvalidArgument", "ArgumentName", "IndexDocument", "ArgumentValue", *ret_index, NULL), false;
    }
    if (*ret_error && (!**ret_error || strlen(*ret_error) > S3_MAX_KEY)) {
        return s3_error(s3, "InvalidArgument", "ArgumentName", "ErrorDocument", "ArgumentValue", *ret_error, NULL), false;
    }
    return true;
}

static bool change(struct s3 *s3, const char *index, const char *error) {
    store_meta_set(s3->arena, &s3->change.set, INDEX, index);
    store_meta_set(s3->arena, &s3->change.set, STORE_WEB_ERROR, error);
    return s3_change(s3, store_post_container, s3_changed);
}

bool s3_website_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct xml_node *root;
    const char *index, *error;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);
    if (!root || strcmp(root->name, "WebsiteConfiguration") != 0) {
        return s3_error(s3, "MalformedXML", NULL);
    }
    return !read_documents(s3, root, &index, &error) || change(s3, index, error);
}

bool s3_website_delete(struct call *call) {
    struct s3 *s3 = s3_of(call);

    return !s3_allow_owner(s3) || change(s3, NULL, NULL);
}
