/* SPDX-License-Identifier: Apache-2.0
 * What keeps a bucket from being open to all by mistake: its public access block, and its ownership controls, by which
 * access lists may count for nothing. */
#include <string.h>

#include "object_store/s3_config.h"
#include "object_store/s3_policy_doc.h"

static const char *const blocks[] = {
    [S3_BLOCK_ACLS] = "BlockPublicAcls", [S3_IGNORE_ACLS] = "IgnorePublicAcls", [S3_BLOCK_POLICY] = "BlockPublicPolicy",
    [S3_RESTRICT_PUBLIC] = "RestrictPublicBuckets"};

bool s3_public_block(struct arena *arena, const struct store_container *container, enum s3_public_block what) {
    const struct xml_node *node = s3_config_of(arena, container, "publicAccessBlock");
    bool ok = true;

    return node && s3_child_true(node, blocks[what], &ok);
}

bool s3_check_public_block(struct s3 *s3, const struct xml_node *root, struct buf *out) {
    bool ok = s3_only(root, "BlockPublicAcls IgnorePublicAcls BlockPublicPolicy RestrictPublicBuckets");

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        xml_member(out, blocks[i], s3_child_true(root, blocks[i], &ok) ? "true" : "false");
    }
    return ok || (s3_error(s3, "MalformedXML", NULL), false);
}

/* ---- ownership ---- */

static const char *const ownerships[] = {
    [S3_OBJECT_WRITER] = "ObjectWriter", [S3_OWNER_PREFERRED] = "BucketOwnerPreferred",
    [S3_OWNER_ENFORCED] = "BucketOwnerEnforced"};

/* S3_OWNERSHIPS: it is none. */
static enum s3_ownership read_ownership(const char *text) {
    enum s3_ownership which = 0;

    while (which < S3_OWNERSHIPS && strcmp(ownerships[which], text) != 0) {
        which++;
    }
    return which;
}

enum s3_ownership s3_ownership(struct arena *arena, const struct store_container *container) {
    const struct xml_node *rule = xml_child(s3_config_of(arena, container, "ownershipControls"), "Rule");
    const char *text = xml_child_text(rule, "ObjectOwnership");

    return text ? read_ownership(text) : S3_OBJECT_WRITER;
}

bool s3_ownership_header(struct s3 *s3, const char **ret) {
    const char *text = s3_header(s3, "x-amz-object-ownership");

    *ret = NULL;
    if (!text) {
        return true;
    }
    if (read_ownership(text) == S3_OWNERSHIPS) {
        return s3_error(s3, "InvalidArgument", "ArgumentName", "x-amz-object-ownership", "ArgumentValue", text, NULL), false;
    }
    *ret = arena_printf(s3->arena, "<Rule><ObjectOwnership>%s</ObjectOwnership></Rule>", text);
    return true;
}

/* Lists that give something to others cannot be made void. */
bool s3_check_ownership(struct s3 *s3, const struct xml_node *root, struct buf *out) {
    const struct xml_node *rule = xml_child(root, "Rule");
    const char *text = xml_child_text(rule, "ObjectOwnership");
    enum s3_ownership which = text ? read_ownership(text) : S3_OWNERSHIPS;

    if (which == S3_OWNERSHIPS || rule->next || !s3_only(root, "Rule") || !s3_only(rule, "ObjectOwnership")) {
        return s3_error(s3, "MalformedXML", NULL), false;
    }
    if (which == S3_OWNER_ENFORCED && !s3_acl_private(s3, store_meta_get(&s3->found.container.meta, "sys-s3-acl"))) {
        return s3_error(s3, "InvalidBucketAclWithObjectOwnership", NULL), false;
    }
    return true;
}
