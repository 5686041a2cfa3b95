/* SPDX-License-Identifier: Apache-2.0
 * Documents that are set on a bucket: one table, one way to get, put and delete them. */
#include "object_store/s3_config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"

static const struct config {
    const char *subresource, *root, *pair;
    const char *missing;            /* the error when there is none */
    bool (*check)(struct s3 *s3, const struct xml_node *root, struct buf *out);
} configs[] = {
    {"cors", "CORSConfiguration", "sys-s3-cors", "NoSuchCORSConfiguration", s3_check_cors},
    {"encryption", "ServerSideEncryptionConfiguration", "sys-s3-encryption", "ServerSideEncryptionConfigurationNotFoundError",
     s3_check_encryption},
    {"lifecycle", "LifecycleConfiguration", "sys-s3-lifecycle", "NoSuchLifecycleConfiguration", s3_check_lifecycle},
    {"object-lock", "ObjectLockConfiguration", "sys-s3-lock", "ObjectLockConfigurationNotFoundError", s3_check_lock},
    {"ownershipControls", "OwnershipControls", "sys-s3-ownership", "OwnershipControlsNotFoundError", s3_check_ownership},
    {"publicAccessBlock", "PublicAccessBlockConfiguration", "sys-s3-public", "NoSuchPublicAccessBlockConfiguration",
     s3_check_public_block},
};

static const struct config *find(const char *subresource) {
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        if (!strcmp(configs[i].subresource, subresource)) {
            return &configs[i];
        }
    }
    return NULL;
}

/* The one that the operation is declared for. */
static const struct config *config_of(struct s3 *s3) {
    const struct config *config = find(strchr(s3->call->operation->path, '?') + 1);

    assert(config);
    return config;
}

/* ---- reading documents ---- */

const struct xml_node *s3_config_of(struct arena *arena, const struct store_container *container, const char *subresource) {
    const char *text = store_meta_get(&container->meta, find(subresource)->pair);

    if (!text) {
        return NULL;
    }
    text = arena_printf(arena, "<x>%s</x>", text);
    return xml_parse(arena, text, strlen(text));
}

bool s3_only(const struct xml_node *node, const char *names) {
    for (const struct xml_node *child = node->first; child; child = child->next) {
        if (!words_have(names, child->name)) {
            return false;
        }
    }
    return true;
}

bool s3_child_true(const struct xml_node *node, const char *name, bool *ret_ok) {
    const char *text = xml_child_text(node, name);

    if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        *ret_ok = false;
    }
    return text && !strcmp(text, "true");
}

int64_t s3_child_number(const struct xml_node *node, const char *name, int64_t least, int64_t most) {
    const char *text = xml_child_text(node, name);
    int64_t number;

    if (!text) {
        return -1;
    }
    if (!*text || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text)) {
        return -2;
    }
    number = strtoll(text, NULL, 10);
    return number >= least && number <= most ? number : -2;
}

/* ---- the operations ---- */

bool s3_config_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct config *config = config_of(s3);
    const char *text = store_meta_get(&s3->found.container.meta, config->pair);

    if (!s3_allow_owner(s3)) {
        return true;
    }
    if (!text) {
        return s3_error(s3, config->missing, "BucketName", s3->bucket, NULL);
    }
    buf_printf(s3_xml(s3, config->root), "%s</%s>", text, config->root);
    return true;
}

bool s3_config_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct config *config = config_of(s3);
    const struct xml_node *root;
    struct buf out = {0};
    const char *text;
    bool ok;

    if (!s3_allow_owner(s3)) {
        return true;
    }
    root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);
    if (!root || strcmp(root->name, config->root) != 0) {
        return s3_error(s3, "MalformedXML", NULL);
    }
    ok = config->check(s3, root, &out);
    for (const struct xml_node *child = ok && !out.size ? root->first : NULL; child; child = child->next) {
        xml_write(&out, child);
    }
    text = buf_taken(&out, s3->arena);
    if (!ok) {
        return true;
    }
    if (strlen(text) > S3_MAX_CONFIG) {
        return s3_error(s3, "MaxMessageLengthExceeded", NULL);
    }
    store_meta_set(s3->arena, &s3->change.set, config->pair, text);
    return s3_change(s3, store_post_container, s3_changed);
}

bool s3_config_delete(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (!s3_allow_owner(s3)) {
        return true;
    }
    store_meta_set(s3->arena, &s3->change.set, config_of(s3)->pair, NULL);
    return s3_change(s3, store_post_container, s3_changed);
}
