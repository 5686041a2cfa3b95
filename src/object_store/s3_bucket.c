/* SPDX-License-Identifier: Apache-2.0
 * Buckets: made, deleted, looked at, and what can be set of them. */
#include <assert.h>
#include <string.h>

#include "object_store/s3_config.h"
#include "object_store/s3_upload.h"
#include "object_store/swift.h"
#include "rest/cloud.h"

/* ---- making ---- */

/* The region that the body asks for; null in *ret: none. False: answered. */
static bool read_location(struct s3 *s3, const char **ret) {
    const struct buf *body = &s3->http->body;
    const struct xml_node *root;
    const char *known[] = {"us-east-1", "EU", cloud.region, "default"};

    *ret = NULL;
    if (!body->size) {
        return true;
    }
    root = xml_parse(s3->arena, body->at, body->size);
    if (!root || strcmp(root->name, "CreateBucketConfiguration") != 0) {
        return s3_error(s3, "MalformedXML", NULL), false;
    }
    *ret = xml_child_text(root, "LocationConstraint");
    for (size_t i = 0; *ret && i < sizeof known / sizeof *known; i++) {
        if (!strcmp(*ret, known[i])) {
            return true;
        }
    }
    return !*ret || !**ret ||
           (s3_error(s3, "InvalidLocationConstraint", "LocationConstraint", *ret, NULL), false);
}

bool s3_bucket_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *own = call->caller.project_id, *location, *grants, *ownership;
    enum store_result result;

    if (!own) {
        return s3_error(s3, "AccessDenied", NULL);
    }
    if (s3->looked != STORE_NO_CONTAINER && strcmp(s3_project_of(s3->account), own) != 0) {
        s3->account = s3->change.account = arena_printf(s3->arena, "AUTH_%s", own);
        s3->found = (struct store_found){0};
        s3_find_rights(s3);         /* the name is somebody else's too; here it is one of our own */
    }
    if (!(s3->rights & SWIFT_OWNS)) {
        return s3_error(s3, "AccessDenied", NULL);
    }
    if (!s3_bucket_name_valid(s3->bucket)) {
        return s3_error(s3, "InvalidBucketName", "BucketName", s3->bucket, NULL);
    }
    if (!read_location(s3, &location) || !s3_read_grants(s3, own, &grants) || !s3_ownership_header(s3, &ownership) ||
        !s3_lock_header(s3)) {
        return true;
    }
    if (ownership && strstr(ownership, "Enforced") && !s3_acl_private(s3, grants)) {
        return s3_error(s3, "InvalidBucketAclWithObjectOwnership", NULL);
    }
    if (s3->found.container.name) {
        return s3_error(s3, "BucketAlreadyOwnedByYou", "BucketName", s3->bucket, NULL);
    }
    s3->change.name = NULL;
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-acl", grants);
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-ownership", ownership);
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-location", location && *location ? location : NULL);
    result = store_put_container(&s3->change);
    if (result != STORE_CREATED) {
        return result == STORE_OK ? s3_error(s3, "BucketAlreadyOwnedByYou", "BucketName", s3->bucket, NULL)
                                  : s3_failed(s3, result);
    }
    s3_name_take(s3);
    s3_put_header(s3, "Location", "/%s", s3->bucket);
    return s3_status(s3, 200);
}

/* ---- deleting ---- */

static bool delete_listed(void *user, const struct store_object *object) {
    struct store_change *change = user;
    struct store_change one = {.arena = change->arena, .account = change->account, .container = change->container,
                               .name = arena_text(change->arena, object->name), .version = STORE_CURRENT};

    return store_delete_object(&one) == STORE_OK;
}

/* Uploads that nobody completed, and their parts, go with the bucket. */
static void delete_with(struct s3 *s3, const char *container) {
    struct arena *arena = arena_new(0);
    struct store_change change = {.arena = arena, .account = s3->account, .container = container};
    bool more = true;

    while (more) {
        struct store_list list = {.account = s3->account, .container = change.container, .limit = 1000,
                                  .on_object = delete_listed, .user = &change};

        more = store_list(arena, &list, &more) == STORE_OK && more;
        arena_reset(arena);
    }
    store_delete_container(&change);
    arena_free(arena);
}

bool s3_bucket_delete(struct call *call) {
    struct s3 *s3 = s3_of(call);
    enum store_result result;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    result = store_delete_container(&s3->change);
    if (result != STORE_OK) {
        return s3_failed(s3, result);
    }
    delete_with(s3, s3_uploads(s3));
    delete_with(s3, s3_segments(s3));
    s3_name_leave(s3);
    return s3_status(s3, 204);
}

/* ---- looking ---- */

static const char *location_of(const struct s3 *s3) {
    const char *location = store_meta_get(&s3->found.container.meta, "sys-s3-location");

    return location ? location : "us-east-1";
}

bool s3_bucket_head(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (!s3_allow_bucket(s3, S3_READ)) {
        return true;
    }
    s3_put_header(s3, "x-amz-bucket-region", "%s", location_of(s3));
    s3_put_header(s3, "Content-Type", "application/xml");
    return s3_status(s3, 200);
}

bool s3_bucket_location_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *location = store_meta_get(&s3->found.container.meta, "sys-s3-location");
    struct buf *out;

    if (!s3_allow_bucket(s3, S3_READ)) {
        return true;
    }
    out = s3_xml(s3, "LocationConstraint");
    xml_escape(out, location && strcmp(location, "us-east-1") != 0 ? location : "");
    BUF_LITERAL(out, "</LocationConstraint>");
    return true;
}

/* ---- what is not configured here, in S3's own words for it ---- */

/* By subresource: the element that is empty, or the error that says there is none. */
static const struct {
    const char *subresource, *element, *error;
} unset[] = {
    {"accelerate", "AccelerateConfiguration", NULL},
    {"logging", "BucketLoggingStatus", NULL},
    {"notification", "NotificationConfiguration", NULL},
    {"replication", NULL, "ReplicationConfigurationNotFoundError"},
};

bool s3_bucket_unset_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *subresource = strchr(call->operation->path, '?') + 1;
    size_t i = 0;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    while (strcmp(unset[i].subresource, subresource) != 0) {
        i++;
        assert(i < sizeof unset / sizeof *unset);
    }
    if (unset[i].error) {
        return s3_error(s3, unset[i].error, "BucketName", s3->bucket, NULL);
    }
    buf_printf(s3_xml(s3, unset[i].element), "</%s>", unset[i].element);
    return true;
}

/* Accesses are not logged; who switches that off is told so. */
bool s3_logging_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct xml_node *root;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);
    if (!root || strcmp(root->name, "BucketLoggingStatus") != 0 || !s3_only(root, "LoggingEnabled")) {
        return s3_error(s3, "MalformedXML", NULL);
    }
    return root->first ? s3_error_because(s3, "NotImplemented", "Logging of accesses into a bucket is not implemented.")
                       : s3_status(s3, 200);
}

bool s3_bucket_payment_get(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (s3_allow_owner(s3)) {
        BUF_LITERAL(s3_xml(s3, "RequestPaymentConfiguration"), "<Payer>BucketOwner</Payer></RequestPaymentConfiguration>");
    }
    return true;
}

/* ---- versioning ---- */

bool s3_bucket_versioning_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    enum store_versions versions = s3->found.container.versions;
    struct buf *out;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    out = s3_xml(s3, "VersioningConfiguration");
    if (versions != VERSIONS_OFF) {
        xml_member(out, "Status", versions == VERSIONS_ON ? "Enabled" : "Suspended");
    }
    BUF_LITERAL(out, "</VersioningConfiguration>");
    return true;
}

bool s3_bucket_versioning_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct xml_node *root;
    const char *status, *mfa;
    bool on;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);
    status = xml_child_text(root, "Status");
    mfa = xml_child_text(root, "MfaDelete");
    if (!root || strcmp(root->name, "VersioningConfiguration") != 0 || !status) {
        return s3_error(s3, root && !status ? "IllegalVersioningConfigurationException" : "MalformedXML", NULL);
    }
    on = !strcmp(status, "Enabled");
    if (!on && strcmp(status, "Suspended") != 0) {
        return s3_error(s3, "MalformedXML", NULL);
    }
    if (mfa && !strcmp(mfa, "Enabled")) {
        return s3_error(s3, "NotImplemented", NULL);
    }
    if (store_meta_get(&s3->found.container.meta, "sys-versions-location") ||
        store_meta_get(&s3->found.container.meta, "sys-history-location")) {
        return s3_error_because(s3, "InvalidBucketState", "The container keeps versions in another one already.");
    }
    if (!on && store_meta_get(&s3->found.container.meta, "sys-s3-lock")) {
        return s3_error_because(s3, "InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning "
                                                          "state cannot be changed.");
    }
    s3->change.versions = 1 + (on ? VERSIONS_ON : VERSIONS_SUSPENDED);
    return s3_change(s3, store_post_container, s3_changed);
}

/* ---- tags ---- */

bool s3_bucket_tagging_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *tags = store_meta_get(&s3->found.container.meta, "sys-s3-tags");

    if (s3_allow_owner(s3)) {
        return tags ? s3_write_tags(s3, tags) : s3_error(s3, "NoSuchTagSet", "BucketName", s3->bucket, NULL);
    }
    return true;
}

bool s3_bucket_tagging_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *tags;

    if (!s3_allow_owner(s3) || !s3_read_tags(s3, 50, &tags)) {
        return true;
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-tags", tags);
    return s3_change(s3, store_post_container, s3_changed);
}

bool s3_bucket_tagging_delete(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (!s3_allow_owner(s3)) {
        return true;
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-tags", NULL);
    return s3_change(s3, store_post_container, s3_changed);
}
