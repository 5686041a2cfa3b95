/* SPDX-License-Identifier: Apache-2.0
 * Who may what through S3. What the bucket's policy denies nobody may. Else the owner of a bucket, the project of its
 * account, may everything (whoever has one of Swift's operator roles there). Others may what the policy allows, what the
 * access list of the bucket or object grants, and what Swift's lists of the container give. */
#include <string.h>

#include "object_store/s3.h"
#include "object_store/s3_policy_doc.h"
#include "object_store/swift_parts.h"

struct swift *s3_swift(struct s3 *s3, const char *account, const struct store_found *found) {
    struct swift *sw = ARENA_NEW(s3->arena, struct swift);

    *sw = (struct swift){.call = s3->call, .http = s3->http, .arena = s3->arena, .depth = DEPTH_OBJECT, .account = account,
                         .container = found->container.name, .object = s3->key, .trans_id = s3->request_id, .found = *found,
                         .version = STORE_CURRENT};
    return sw;
}

static unsigned rights_in(struct s3 *s3, const char *account, const struct store_found *found) {
    return account ? swift_rights(s3_swift(s3, account, found), account, &found->container) : 0;
}

void s3_find_rights(struct s3 *s3) {
    s3->rights = rights_in(s3, s3->account, &s3->found);
}

static bool denied(struct s3 *s3) {
    return s3_error(s3, "AccessDenied", NULL), false;
}

/* ---- what the policy says ---- */

/* The operation's action; of a version that is named it is one of its own. */
static const char *action_of(struct s3 *s3) {
    static const char *const of_versions[] = {"s3:DeleteObject", "s3:DeleteObjectTagging", "s3:GetObject", "s3:GetObjectAcl",
                                              "s3:GetObjectAttributes", "s3:GetObjectTagging", "s3:PutObjectAcl",
                                              "s3:PutObjectTagging"};
    const char *action = s3->call->operation->policy;

    for (size_t i = 0; i < sizeof of_versions / sizeof *of_versions && s3_argument(s3, "versionId"); i++) {
        if (!strcmp(action, of_versions[i])) {
            size_t size = (size_t)(strstr(action, "Object") - action) + strlen("Object");

            return arena_printf(s3->arena, "%.*sVersion%s", (int)size, action, action + size);
        }
    }
    return action;
}

/* Of the operation, on the bucket or object that the request names. */
static enum s3_verdict verdict(struct s3 *s3, const char *action, const char *key, const char *prefix) {
    struct s3_asked asked = {.s3 = s3, .action = action, .account = s3->account, .container = &s3->found.container,
                             .key = key, .prefix = prefix, .object = key && s3->found.object.name ? &s3->found.object : NULL};

    return s3_judge(&asked);
}

/* ---- buckets ---- */

static bool bucket_allows(struct s3 *s3, enum s3_permission permission) {
    return (s3->rights & SWIFT_OWNS) || (permission == S3_READ && (s3->rights & SWIFT_LISTS)) ||
           (permission == S3_WRITE && (s3->rights & SWIFT_WRITES)) ||
           s3_acl_grants(s3, &s3->found.container, store_meta_get(&s3->found.container.meta, "sys-s3-acl"), permission);
}

static bool missing_bucket(struct s3 *s3) {
    return s3->looked == STORE_NO_CONTAINER && s3_failed(s3, s3->looked);
}

bool s3_allow_bucket(struct s3 *s3, enum s3_permission permission) {
    enum s3_verdict said;

    if (missing_bucket(s3)) {
        return false;
    }
    said = verdict(s3, action_of(s3), s3->key, NULL);
    return said == S3_ALLOWED || (said == S3_SILENT && bucket_allows(s3, permission)) || denied(s3);
}

bool s3_allow_owner(struct s3 *s3) {
    const char *action = s3->call->operation->policy, *project = s3->call->caller.project_id;
    bool own = s3->rights & SWIFT_OWNS;
    enum s3_verdict said;

    if (missing_bucket(s3)) {
        return false;
    }
    /* Its policy is for the bucket's project to change, whatever it says, and for nobody else. */
    if (strstr(action, "BucketPolicy") && !strstr(action, "Status")) {
        return own || denied(s3);
    }
    said = verdict(s3, action, NULL, NULL);
    return (project && said == S3_ALLOWED) || (said == S3_SILENT && own) || denied(s3);
}

bool s3_may_delete(struct s3 *s3, const char *key, bool version) {
    enum s3_verdict said = verdict(s3, version ? "s3:DeleteObjectVersion" : "s3:DeleteObject", key, NULL);

    return said == S3_ALLOWED || (said == S3_SILENT && bucket_allows(s3, S3_WRITE));
}

bool s3_may(struct s3 *s3, const char *action, const char *key) {
    enum s3_verdict said = verdict(s3, action, key, NULL);

    return said == S3_ALLOWED || (said == S3_SILENT && (s3->rights & SWIFT_OWNS));
}

/* ---- objects ---- */

static bool object_allows(struct s3 *s3, unsigned rights, const char *account, const struct store_found *found,
                          enum s3_permission permission) {
    const char *owner = s3_object_owner(account, &found->object), *project = s3->call->caller.project_id;

    return (rights & SWIFT_OWNS) || (permission == S3_READ && (rights & SWIFT_READS)) ||
           (project && strcmp(account + 5, project) != 0 && !strcmp(owner, project)) ||
           s3_acl_grants(s3, &found->container, store_meta_get(&found->object.meta, "sys-s3-acl"), permission);
}

bool s3_allow_object(struct s3 *s3, enum s3_permission permission) {
    enum s3_verdict said;

    if (missing_bucket(s3)) {
        return false;
    }
    if (s3->looked != STORE_OK) {       /* whether there is such an object is for who may list them */
        said = verdict(s3, "s3:ListBucket", NULL, s3->key);
        return said == S3_ALLOWED || (said == S3_SILENT && bucket_allows(s3, S3_READ)) ? (s3_failed(s3, s3->looked), false)
                                                                                       : denied(s3);
    }
    said = verdict(s3, action_of(s3), s3->key, NULL);
    return said == S3_ALLOWED || (said == S3_SILENT && object_allows(s3, s3->rights, s3->account, &s3->found, permission)) ||
           denied(s3);
}

bool s3_may_read_object(struct s3 *s3, const char *account, const struct store_found *found, bool version) {
    struct s3_asked asked = {.s3 = s3, .action = version ? "s3:GetObjectVersion" : "s3:GetObject", .account = account,
                             .container = &found->container, .key = found->object.name, .object = &found->object};
    enum s3_verdict said = s3_judge(&asked);

    return said == S3_ALLOWED || (said == S3_SILENT && object_allows(s3, rights_in(s3, account, found), account, found, S3_READ));
}
