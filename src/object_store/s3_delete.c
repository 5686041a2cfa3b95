/* SPDX-License-Identifier: Apache-2.0
 * POST ?delete: up to 1,000 objects at once, each with its own outcome. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "object_store/s3_config.h"
#include "object_store/swift_parts.h"
#include "object_store/xml.h"

enum { MAX_OBJECTS = 1000 };

/* One object of the request. */
struct one {
    struct store_change change;
    struct many *many;
    const char *version;            /* as it was named; null: the current one */
    const char *code, *message;     /* it failed before it was tried */
};

struct many {
    struct s3 *s3;
    struct buf *out;
    bool quiet;
    struct one *all;
    size_t count, left;             /* left: not done yet */
    pthread_mutex_t lock;
    pthread_cond_t over;
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

static void done(struct store_change *change) {
    struct many *many = ((struct one *)change->user)->many;

    pthread_mutex_lock(&many->lock);
    if (!--many->left) {
        pthread_cond_signal(&many->over);
    }
    pthread_mutex_unlock(&many->lock);
}

static void read_one(struct many *many, const struct xml_node *node, struct one *one) {
    struct s3 *s3 = many->s3;
    const char *key = xml_child_text(node, "Key"), *version = xml_child_text(node, "VersionId");

    one->many = many;
    one->version = version && *version ? version : NULL;
    one->change = (struct store_change){.arena = s3->arena, .account = s3->account, .container = s3->bucket, .name = key,
                                        .version = STORE_CURRENT, .restore = true, .policy = -1, .done = done, .user = one};
    one->change.bypass = s3_lock_bypasses(s3, key);
    if (strlen(key) > S3_MAX_KEY) {
        one->code = "KeyTooLongError";
        one->message = "Your key is too long.";
    } else if (one->version && !swift_version_read(version, &one->change.version)) {
        one->code = "NoSuchVersion";
        one->message = "The specified version does not exist.";
    } else if (!s3_may_delete(s3, key, one->version != NULL)) {
        one->code = "AccessDenied";
        one->message = "Access Denied";
    }
}

/* All at once, so that they share a commit; waits for the last. The arena is each change's in turn: one shard has one
 * writer, and nobody else uses it meanwhile. */
static void delete_all(struct many *many) {
    for (size_t i = 0; i < many->count; i++) {
        many->left += !many->all[i].code;
    }
    if (!many->left) {
        return;
    }
    for (size_t i = 0; i < many->count; i++) {
        if (!many->all[i].code) {
            store_delete_object(&many->all[i].change);
        }
    }
    pthread_mutex_lock(&many->lock);
    while (many->left) {
        pthread_cond_wait(&many->over, &many->lock);
    }
    pthread_mutex_unlock(&many->lock);
}

static void write_one(struct many *many, struct one *one) {
    enum store_result result = one->change.result;

    if (one->code) {
        write_failure(many, one->change.name, one->version, one->code, one->message);
    } else if (result == STORE_HELD) {
        write_failure(many, one->change.name, one->version, "AccessDenied", "Access Denied because object protected by object lock.");
    } else if (result != STORE_OK && result != STORE_MISSING) {
        write_failure(many, one->change.name, one->version, "InternalError", "The object could not be deleted. Try again.");
    } else {
        write_success(many, one->version, &one->change);
    }
}

/* Every entry has a key, and there are not too many: how many; 0: it is not so, and '*ret_code' says what. */
static size_t count_objects(const struct xml_node *root, const char **ret_code) {
    size_t count = 0;

    for (const struct xml_node *child = root->first; child; child = child->next) {
        if (!strcmp(child->name, "Object")) {
            const char *key = xml_child_text(child, "Key");

            count++;
            if (!key || !*key) {
                *ret_code = "UserKeyMustBeSpecified";
                return 0;
            }
        } else if (strcmp(child->name, "Quiet") != 0) {
            return 0;
        }
    }
    return count <= MAX_OBJECTS ? count : 0;
}

bool s3_delete_many(struct call *call) {
    struct s3 *s3 = s3_of(call);
    struct many many = {.s3 = s3, .lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
    const struct xml_node *root;
    const char *quiet, *wrong = "MalformedXML";
    size_t count = 0;

    if (s3->looked == STORE_NO_CONTAINER) {
        return s3_failed(s3, s3->looked);
    }
    if (!s3_check_body(s3, true)) {
        return true;
    }
    root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);
    many.count = root && !strcmp(root->name, "Delete") ? count_objects(root, &wrong) : 0;
    if (!many.count) {
        return s3_error(s3, wrong, NULL);
    }
    quiet = xml_child_text(root, "Quiet");
    many.quiet = quiet && !strcasecmp(quiet, "true");
    many.all = ARENA_ARRAY(s3->arena, struct one, many.count);
    for (const struct xml_node *child = root->first; child; child = child->next) {
        if (!strcmp(child->name, "Object")) {
            read_one(&many, child, &many.all[count++]);
        }
    }
    delete_all(&many);
    many.out = s3_xml(s3, "DeleteResult");
    for (size_t i = 0; i < many.count; i++) {
        write_one(&many, &many.all[i]);
    }
    BUF_LITERAL(many.out, "</DeleteResult>");
    return true;
}
