/* SPDX-License-Identifier: Apache-2.0
 * POST ?delete: up to 1,000 objects at once, each with its own outcome. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "object_store/s3.h"
#include "object_store/swift_parts.h"
#include "object_store/xml.h"

enum { MAX_OBJECTS = 1000 };

struct many {
    struct s3 *s3;
    struct buf *out;
    bool quiet;
};

static void write_failure(struct many *many, const char *key, const char *version, const char *code, const char *message) {
    BUF_LITERAL(many->out, "<Error>");
    xml_member(many->out, "Key", key);
    if (version) {
        xml_member(many->out, "VersionId", version);
    }
    xml_member(many->out, "Code", code);
    xml_member(many->out, "Message", message);
    BUF_LITERAL(many->out, "</Error>");
}

static void write_success(struct many *many, const char *version, const struct store_change *change) {
    struct s3 *s3 = many->s3;
    bool versioned = s3->found.container.versions != VERSIONS_OFF;

    if (many->quiet) {
        return;
    }
    BUF_LITERAL(many->out, "<Deleted>");
    xml_member(many->out, "Key", change->name);
    if (version) {
        xml_member(many->out, "VersionId", version);
    }
    if ((versioned && !version) || change->was.kind == STORE_MARKER) {
        xml_member(many->out, "DeleteMarker", "true");
        xml_member(many->out, "DeleteMarkerVersionId",
                   version ? version : s3_version_text(s3->arena, change->made_version));
    }
    BUF_LITERAL(many->out, "</Deleted>");
}

static void delete_one(struct many *many, const char *key, const char *version) {
    struct s3 *s3 = many->s3;
    struct store_change change = {.arena = s3->arena, .account = s3->account, .container = s3->bucket, .name = key,
                                  .version = STORE_CURRENT, .restore = true, .policy = -1};
    enum store_result result;

    if (version && strcmp(version, "null") != 0 && strspn(version, "0123456789.") != strlen(version)) {
        write_failure(many, key, version, "NoSuchVersion", "The specified version does not exist.");
        return;
    }
    if (version) {
        change.version = !strcmp(version, "null") ? 0 : swift_version_of(version);
    }
    result = store_delete_object(&change);
    if (result != STORE_OK && result != STORE_MISSING) {
        write_failure(many, key, version, "InternalError", "The object could not be deleted. Try again.");
        return;
    }
    s3_drop_parts(&change, s3->found.container.versions);
    write_success(many, version, &change);
}

/* Every entry has a key, and there are not too many. */
static bool is_whole(const struct xml_node *root) {
    int count = 0;

    for (const struct xml_node *child = root->first; child; child = child->next) {
        if (!strcmp(child->name, "Object")) {
            const char *key = xml_child_text(child, "Key");

            count++;
            if (!key || !*key) {
                return false;
            }
        } else if (strcmp(child->name, "Quiet") != 0) {
            return false;
        }
    }
    return count && count <= MAX_OBJECTS;
}

bool s3_delete_many(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct xml_node *root;
    const char *quiet;
    struct many many = {.s3 = s3};

    if (s3->looked == STORE_NO_CONTAINER) {
        return s3_failed(s3, s3->looked);
    }
    if (!s3_check_body(s3, true) || !s3_allow_bucket(s3, S3_WRITE)) {
        return true;
    }
    root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);
    if (!root || strcmp(root->name, "Delete") != 0 || !is_whole(root)) {
        return s3_error(s3, "MalformedXML", NULL);
    }
    quiet = xml_child_text(root, "Quiet");
    many.quiet = quiet && !strcasecmp(quiet, "true");
    many.out = s3_xml(s3, "DeleteResult");
    for (const struct xml_node *child = root->first; child; child = child->next) {
        const char *key = xml_child_text(child, "Key"), *version = xml_child_text(child, "VersionId");

        if (key && strlen(key) > S3_MAX_KEY) {
            write_failure(&many, key, version, "KeyTooLongError", "Your key is too long.");
        } else if (key) {
            delete_one(&many, key, version && *version ? version : NULL);
        }
    }
    BUF_LITERAL(many.out, "</DeleteResult>");
    return true;
}
