/* SPDX-License-Identifier: Apache-2.0
 * Copying an object or a part of one: x-amz-copy-source, its rights and conditions. A multipart object becomes one. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "object_store/s3_config.h"
#include "object_store/s3_customer.h"
#include "object_store/swift_parts.h"
#include "object_store/xml.h"

/* Some clients escape all but the percent sign, or nothing: one that begins no escape stands for itself. */
static const char *decode(struct s3 *s3, const char *text, size_t size) {
    struct buf escaped = {0};
    const char *decoded;

    for (const char *end = text + size; text < end; text++) {
        if (*text == '%' && !(end - text > 2 && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2]))) {
            BUF_LITERAL(&escaped, "%25");
        } else {
            buf_char(&escaped, *text);
        }
    }
    decoded = http_decode(s3->arena, escaped.at ? escaped.at : "", escaped.size, false);
    buf_release(&escaped);
    return decoded;
}

/* "/bucket/key?versionId=...", escaped. False: answered. */
static bool read_source(struct s3 *s3, struct store_find *find) {
    const char *text = s3_header(s3, "x-amz-copy-source"), *slash, *version;
    bool valid = true;
    size_t size;

    text += *text == '/';
    slash = strchr(text, '/');
    version = strstr(text, "?versionId=");
    size = version ? (size_t)(version - text) : strcspn(text, "?");
    find->version = STORE_CURRENT;
    if (version && version[strlen("?versionId=")]) {
        valid = swift_version_read(version + strlen("?versionId="), &find->version);
    }
    if (slash && slash > text && slash + 1 < text + size) {
        find->container = decode(s3, text, (size_t)(slash - text));
        find->name = decode(s3, slash + 1, (size_t)(text + size - slash - 1));
    }
    return (valid && (version || !text[size]) && find->container && find->name && !strpbrk(find->container, "+/") &&
            strlen(find->name) <= S3_MAX_KEY) ||
           (s3_error(s3, "InvalidArgument", "ArgumentName", "x-amz-copy-source", "ArgumentValue", text, NULL), false);
}

/* "bytes=FIRST-LAST", within the object. False: answered. */
static bool read_range(struct s3 *s3, const char *text, int64_t size, struct s3_source *ret) {
    const char *at = strncmp(text, "bytes=", 6) ? "" : text + 6;
    char *end;
    int64_t first, last;

    if (*at < '0' || *at > '9' || strlen(at) > 40) {
        at = "";
    }
    first = strtoll(at, &end, 10);
    if (*at && *end == '-' && end[1] >= '0' && end[1] <= '9') {
        last = strtoll(end + 1, &end, 10);
        if (!*end && first <= last && last < size) {
            ret->first = first;
            ret->size = last - first + 1;
            return true;
        }
        if (!*end && first <= last) {
            return s3_error_because(s3, "InvalidArgument", "Range specified is not valid for source object of size: %" PRId64,
                                    size), false;
        }
    }
    return s3_error_because(s3, "InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last "
                                                   "where first and last are the zero-based offsets of the first and last "
                                                   "bytes to copy"), false;
}

static bool find_source(struct s3 *s3, struct store_find *find, struct s3_source *ret) {
    const char *owner = s3_header(s3, "x-amz-source-expected-bucket-owner");
    enum store_result result;

    ret->account = find->account = s3_account_of(s3, find->container);
    if (!find->account) {
        return s3_error(s3, "AccessDenied", NULL), false;
    }
    result = store_find(s3->arena, find, &ret->found);
    if (result == STORE_NO_CONTAINER) {
        return s3_error(s3, "NoSuchBucket", "BucketName", find->container, NULL), false;
    }
    if (result == STORE_FAILED) {
        return s3_failed(s3, result), false;
    }
    if (owner && strcmp(owner, s3_project_of(find->account)) != 0) {
        return s3_error(s3, "AccessDenied", NULL), false;
    }
    if (result != STORE_OK) {
        /* Who may not list that bucket does not learn what is in it. */
        bool lists = swift_rights(s3_swift(s3, find->account, &ret->found), find->account, &ret->found.container) & SWIFT_LISTS;

        return (!lists ? s3_error(s3, "AccessDenied", NULL)
                       : find->version != STORE_CURRENT ? s3_error(s3, "NoSuchVersion", "Key", find->name, NULL)
                                                        : s3_error(s3, "NoSuchKey", "Key", find->name, NULL)), false;
    }
    if (!s3_may_read_object(s3, find->account, &ret->found, find->version != STORE_CURRENT)) {
        return s3_error(s3, "AccessDenied", NULL), false;
    }
    if (ret->found.object.kind == STORE_MARKER) {
        return s3_error_because(s3, "InvalidRequest", "The source of a copy request may not specifically refer to a delete "
                                                      "marker by version id."), false;
    }
    return true;
}

bool s3_copy_source(struct s3 *s3, struct s3_source *ret) {
    const char *range = s3_header(s3, "x-amz-copy-source-range");
    struct store_find find = {.want_bytes = true};
    int status;

    *ret = (struct s3_source){0};
    if (s3->http->body.size) {
        return s3_error_because(s3, "InvalidRequest", "A copy has no body."), false;
    }
    if (!read_source(s3, &find) || !find_source(s3, &find, ret) || !s3_customer_read(s3, "x-amz-copy-source-", &ret->customer) ||
        !s3_customer_fits(s3, &ret->customer, &ret->found.object.meta)) {
        return false;
    }
    status = s3_conditions(s3, "x-amz-copy-source-", s3_etag(s3->arena, &ret->found.object), ret->found.object.modified);
    if (status) {
        return s3_error(s3, "PreconditionFailed", NULL), false;
    }
    ret->size = swift_size(&ret->found.object);
    return !range || read_range(s3, range, ret->size, ret);
}

static bool add(void *user, const void *bytes, size_t size) {
    return s3_customer_add(user, bytes, size);
}

static void flatten(struct s3 *s3, const struct swift_pieces *pieces) {
    s3->upload = store_upload_new(s3->arena);
    if (!swift_read_pieces(pieces, add, s3) && s3->upload->failed == STORE_OK) {
        s3->upload->failed = STORE_FAILED;
    }
    s3_customer_end(s3);
}

bool s3_copy_bytes(struct s3 *s3, struct s3_source *source) {
    const char *account = source->account;
    struct store_found *found = &source->found;
    struct swift_pieces pieces;
    bool whole;

    if (!s3_gather(s3, &source->customer, &account, found, &pieces)) {
        return false;
    }
    if (found->object.kind == STORE_LINK || source->size > pieces.size) {
        source->size = pieces.size;
    }
    whole = !source->first && source->size == pieces.size;
    if (source->size > S3_MAX_SIZE) {
        return s3_error_because(s3, "InvalidRequest", "The specified copy source is larger than the maximum allowable size for a "
                                                      "copy source: %lld", S3_MAX_SIZE), false;
    }
    if (whole && !swift_is_large(&found->object) && (found->object.seal || !s3_encrypts()) && !source->customer.key && !s3->cipher) {
        s3->upload = store_upload_copy(s3->arena, account, found->container.name, &found->object);
    } else {
        swift_cut(&pieces, 0, source->first, source->size);
        flatten(s3, &pieces);
    }
    return s3->upload->failed == STORE_OK || (s3_failed(s3, s3->upload->failed), false);
}

/* ---- a whole object ---- */

/* What goes along with the bytes: metadata and type of the source, its tags; not its access list nor what it is made of. */
static void keep_meta(struct s3 *s3, const struct store_object *source, bool meta, bool tags) {
    struct store_meta *to = &s3->change.object.meta;

    for (size_t i = 0; i < source->meta.count; i++) {
        const struct store_pair *pair = &source->meta.at[i];
        bool own = !strncmp(pair->name, "sys-", 4);

        if ((meta && !own && strcmp(pair->name, "x-object-manifest") != 0) || (tags && !strcmp(pair->name, "sys-s3-tags"))) {
            store_meta_set(s3->arena, to, pair->name, pair->value);
        }
    }
    if (meta) {
        s3->change.object.type = source->type;
    }
}

static bool is_itself(const struct s3 *s3, const struct s3_source *source) {
    return !strcmp(source->account, s3->account) && !strcmp(source->found.container.name, s3->bucket) &&
           !strcmp(source->found.object.name, s3->key) && source->found.object.current;
}

bool s3_copy_result(struct s3 *s3, const char *name, const struct s3_source *source) {
    struct buf *out;

    if (source->found.container.versions != VERSIONS_OFF) {
        s3_put_header(s3, "x-amz-copy-source-version-id", "%s", s3_version_text(s3->arena, source->found.object.version));
    }
    out = s3_xml(s3, name);
    xml_member(out, "LastModified", s3_time(s3->arena, s3->change.modified));
    xml_member(out, "ETag", arena_printf(s3->arena, "\"%s\"", s3->upload->etag));
    buf_printf(out, "</%s>", name);
    return true;
}

static void copied(struct s3 *s3) {
    if (s3_put_done(s3)) {
        s3_copy_result(s3, "CopyObjectResult", s3->extra);
    }
}

/* "COPY" (or nothing) or "REPLACE". False: answered. */
static bool read_directive(struct s3 *s3, const char *header, bool *ret_replace) {
    const char *text = s3_header(s3, header);

    *ret_replace = text && !strcasecmp(text, "REPLACE");
    return !text || *ret_replace || !strcasecmp(text, "COPY") ||
           (s3_error(s3, "InvalidArgument", "ArgumentName", header, "ArgumentValue", text, NULL), false);
}

bool s3_copy(struct s3 *s3) {
    struct s3_source *source = ARENA_NEW(s3->arena, struct s3_source);
    struct store_object *object = &s3->change.object;
    bool replace, replace_tags;

    if (!read_directive(s3, "x-amz-metadata-directive", &replace) ||
        !read_directive(s3, "x-amz-tagging-directive", &replace_tags) || !s3_copy_source(s3, source)) {
        return true;
    }
    if (s3_header(s3, "x-amz-copy-source-range")) {
        return s3_error(s3, "InvalidArgument", "ArgumentName", "x-amz-copy-source-range", NULL);
    }
    if (is_itself(s3, source) && !replace && !s3_encryption_given(s3) && !source->customer.key) {
        return s3_error_because(s3, "InvalidRequest", "This copy request is illegal because it is trying to copy an object to "
                                                      "itself without changing the object's metadata, storage class, website "
                                                      "redirect location or encryption attributes.");
    }
    if (!s3_read_object_headers(s3, object)) {
        return true;
    }
    if (!replace) {
        for (size_t i = 0; i < object->meta.count; i++) {
            if (strncmp(object->meta.at[i].name, "sys-", 4) != 0) {
                object->meta.at[i].value = NULL;
            }
        }
    }
    if (!replace_tags) {
        store_meta_set(s3->arena, &object->meta, "sys-s3-tags", NULL);
    }
    if (!s3_copy_bytes(s3, source)) {
        return true;
    }
    keep_meta(s3, &source->found.object, !replace, !replace_tags);
    s3->extra = source;
    s3->change.upload = s3->upload;
    return s3_change(s3, store_put_object, copied);
}
