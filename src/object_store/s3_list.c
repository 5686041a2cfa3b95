/* SPDX-License-Identifier: Apache-2.0
 * Listings: buckets of the caller, objects of a bucket (both versions of the operation), versions of its objects. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "object_store/s3.h"
#include "object_store/swift_parts.h"
#include "object_store/xml.h"

/* ---- what listings of a bucket have in common ---- */

struct listing {
    struct s3 *s3;
    struct buf *out;
    bool encode;                    /* names as in URLs */
    bool owner;                     /* write each object's */
    bool versions;
    int64_t count, most;
    bool more;                      /* of buckets: the limit ended it */
    const char *last;               /* name of the last object or common prefix that was written */
    bool last_is_common;
    int64_t last_version;
    const char *marker;
    struct buf common;              /* prefixes, which stand behind the objects */
    const char *person_id;          /* the last owner looked up, and as XML */
    const char *person;
};

static bool read_limit(struct s3 *s3, const char *name, int64_t *ret) {
    const char *text = s3_argument(s3, name);
    int64_t value = S3_MAX_LIST;

    if (text && *text) {
        if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 18 || strtoll(text, NULL, 10) > INT32_MAX) {
            return s3_error_because(s3, "InvalidArgument", "Argument %s must be an integer between 0 and 2147483647", name),
                   false;
        }
        value = strtoll(text, NULL, 10);
    }
    *ret = value < S3_MAX_LIST ? value : S3_MAX_LIST;
    return true;
}

static bool read_encoding(struct s3 *s3, bool *ret) {
    const char *text = s3_argument(s3, "encoding-type");

    *ret = text != NULL;
    return !text || !strcmp(text, "url") ||
           (s3_error(s3, "InvalidArgument", "ArgumentName", "encoding-type", "ArgumentValue", text, NULL), false);
}

static const char *or_empty(const char *text) {
    return text ? text : "";
}

static void write_owner(struct listing *listing, const char *project) {
    struct s3 *s3 = listing->s3;

    if (!listing->person_id || strcmp(listing->person_id, project) != 0) {
        struct buf person = {0};

        s3_write_person(s3, &person, project);
        listing->person_id = arena_text(s3->arena, project);
        listing->person = buf_taken(&person, s3->arena);
    }
    buf_printf(listing->out, "<Owner>%s</Owner>", listing->person);
}

static void write_entry(struct listing *listing, const struct store_object *object) {
    struct s3 *s3 = listing->s3;
    struct buf *out = listing->out;
    bool marker = object->kind == STORE_MARKER;

    buf_text(out, !listing->versions ? "<Contents>" : marker ? "<DeleteMarker>" : "<Version>");
    s3_write_name(out, "Key", object->name, listing->encode);
    if (listing->versions) {
        xml_member(out, "VersionId", s3_version_text(s3->arena, object->version));
        xml_member(out, "IsLatest", object->current ? "true" : "false");
    }
    xml_member(out, "LastModified", s3_time(s3->arena, object->modified));
    if (!marker) {
        xml_member(out, "ETag", s3_etag(s3->arena, object));
        BUF_LITERAL(out, "<Size>");
        buf_int(out, swift_size(object));
        BUF_LITERAL(out, "</Size>");
    }
    if (listing->owner) {
        write_owner(listing, s3_object_owner(s3->account, object));
    }
    if (!marker) {
        BUF_LITERAL(out, "<StorageClass>STANDARD</StorageClass>");
    }
    buf_text(out, !listing->versions ? "</Contents>" : marker ? "</DeleteMarker>" : "</Version>");
}

static bool add_common(void *user, const char *name) {
    struct listing *listing = user;

    listing->count++;
    listing->last = name;
    listing->last_is_common = true;
    BUF_LITERAL(&listing->common, "<CommonPrefixes>");
    s3_write_name(&listing->common, "Prefix", name, listing->encode);
    BUF_LITERAL(&listing->common, "</CommonPrefixes>");
    return true;
}

static bool add_object(void *user, const struct store_object *object) {
    struct listing *listing = user;

    listing->count++;
    listing->last = arena_text(listing->s3->arena, object->name);
    listing->last_is_common = false;
    write_entry(listing, object);
    return true;
}

/* What stands in front of the entries of all of them. */
static void begin(struct listing *listing, const char *root) {
    struct s3 *s3 = listing->s3;

    listing->out = s3_xml(s3, root);
    xml_member(listing->out, "Name", s3->bucket);
    s3_write_name(listing->out, "Prefix", or_empty(s3_argument(s3, "prefix")), listing->encode);
}

static void write_delimiter(struct listing *listing) {
    const char *delimiter = s3_argument(listing->s3, "delimiter");

    /* Versions are listed with what was given, empty or not. */
    if (delimiter && (*delimiter || listing->versions)) {
        s3_write_name(listing->out, "Delimiter", delimiter, listing->encode);
    }
    if (listing->encode) {
        xml_member(listing->out, "EncodingType", "url");
    }
}

static bool read_common(struct listing *listing, struct store_list *list) {
    struct s3 *s3 = listing->s3;
    const char *delimiter = s3_argument(s3, "delimiter");

    *list = (struct store_list){.account = s3->account, .container = s3->bucket, .prefix = s3_argument(s3, "prefix"),
                                .delimiter = delimiter && *delimiter ? delimiter : NULL, .shown_only = true,
                                .on_object = add_object, .on_common = add_common, .user = listing};
    return read_limit(s3, "max-keys", &listing->most) && read_encoding(s3, &listing->encode);
}

/* What every listing ends with; the error instead of all of it when the walk failed. */
static bool end(struct listing *listing, const char *root, struct buf *entries, bool more, enum store_result result) {
    struct arena *arena = listing->s3->arena;
    const char *objects = buf_taken(entries, arena), *common = buf_taken(&listing->common, arena);

    if (result != STORE_OK) {
        return s3_failed(listing->s3, result);
    }
    write_delimiter(listing);
    xml_member(listing->out, "IsTruncated", more ? "true" : "false");
    buf_printf(listing->out, "%s%s</%s>", objects, common, root);
    return true;
}

/* The entries into a buffer of their own, since what stands in front tells of them. */
static enum store_result walk(struct listing *listing, struct store_list *list, struct buf *entries, bool *ret_more) {
    enum store_result result;

    listing->out = entries;
    list->limit = listing->most;
    *ret_more = false;
    if (!listing->most) {
        return STORE_OK;
    }
    result = store_list(listing->s3->arena, list, ret_more);
    listing->out = NULL;
    return result;
}

/* A token is the name behind which to go on; clients shall not look into it. */
static bool read_token(struct s3 *s3, const char **ret) {
    const char *token = s3_argument(s3, "continuation-token");
    const uint8_t *bytes;
    size_t size;

    *ret = NULL;
    if (!token || !*token) {
        return true;
    }
    bytes = base64_decode(s3->arena, token, &size);
    *ret = bytes ? http_decode(s3->arena, (const char *)bytes, size, false) : NULL;
    return *ret || (s3_error_because(s3, "InvalidArgument", "The continuation token provided is incorrect"), false);
}

static const char *make_token(struct s3 *s3, const char *name) {
    struct buf text = {0};
    const char *token;

    http_encode(&text, name, "/");
    token = base64_encode(s3->arena, text.at ? text.at : "", text.size);
    buf_release(&text);
    return token;
}

/* ---- buckets ---- */

static bool add_bucket(void *user, const struct store_container *container) {
    struct listing *listing = user;
    struct s3 *s3 = listing->s3;

    if (strchr(container->name, '+')) {
        return true;            /* uploads and parts of a bucket */
    }
    if (listing->count == listing->most) {
        listing->more = true;
        return false;
    }
    listing->count++;
    listing->last = arena_text(s3->arena, container->name);
    BUF_LITERAL(listing->out, "<Bucket>");
    xml_member(listing->out, "Name", container->name);
    xml_member(listing->out, "CreationDate", s3_time(s3->arena, container->created));
    BUF_LITERAL(listing->out, "</Bucket>");
    return true;
}

/* ?max-buckets=; INT64_MAX without. False: answered. */
static bool read_most(struct s3 *s3, int64_t *ret) {
    const char *text = s3_argument(s3, "max-buckets");

    *ret = text && strlen(text) < 6 && strspn(text, "0123456789") == strlen(text) ? strtoll(text, NULL, 10) : 0;
    if (!text) {
        *ret = INT64_MAX;
    }
    return (*ret && (!text || *ret <= 10000)) ||
           (s3_error(s3, "InvalidArgument", "ArgumentName", "max-buckets", "ArgumentValue", text, NULL), false);
}

bool s3_service_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    struct listing listing = {.s3 = s3};
    struct store_list list = {.account = s3->account, .prefix = s3_argument(s3, "prefix"), .limit = INT64_MAX,
                              .on_container = add_bucket, .user = &listing};

    s3_find_rights(s3);
    if (!(s3->rights & (SWIFT_OWNS | SWIFT_LISTS))) {
        return s3_error(s3, "AccessDenied", NULL);
    }
    if (!read_most(s3, &listing.most) || !read_token(s3, &list.marker)) {
        return true;
    }
    listing.out = s3_xml(s3, "ListAllMyBucketsResult");
    BUF_LITERAL(listing.out, "<Owner>");
    s3_write_person(s3, listing.out, s3_project_of(s3->account));
    BUF_LITERAL(listing.out, "</Owner><Buckets>");
    if (store_list(s3->arena, &list, NULL) != STORE_OK) {
        return s3_failed(s3, STORE_FAILED);
    }
    BUF_LITERAL(listing.out, "</Buckets>");
    if (listing.more && listing.last) {
        xml_member(listing.out, "ContinuationToken", make_token(s3, listing.last));
    }
    if (list.prefix) {
        xml_member(listing.out, "Prefix", list.prefix);
    }
    BUF_LITERAL(listing.out, "</ListAllMyBucketsResult>");
    return true;
}

/* ---- objects ---- */

static bool list_v1(struct s3 *s3) {
    struct listing listing = {.s3 = s3, .owner = true};
    struct store_list list;
    struct buf entries = {0};
    enum store_result result;
    bool more;

    if (!read_common(&listing, &list)) {
        return true;
    }
    list.marker = s3_argument(s3, "marker");
    result = walk(&listing, &list, &entries, &more);
    begin(&listing, "ListBucketResult");
    s3_write_name(listing.out, "Marker", or_empty(s3_argument(s3, "marker")), listing.encode);
    if (more && list.delimiter && listing.last) {
        s3_write_name(listing.out, "NextMarker", listing.last, listing.encode);
    }
    buf_printf(listing.out, "<MaxKeys>%" PRId64 "</MaxKeys>", listing.most);
    return end(&listing, "ListBucketResult", &entries, more, result);
}

static bool list_v2(struct s3 *s3) {
    const char *token, *after = s3_argument(s3, "start-after"), *owner = s3_argument(s3, "fetch-owner");
    struct listing listing = {.s3 = s3, .owner = owner && !strcmp(owner, "true")};
    struct store_list list;
    struct buf entries = {0};
    enum store_result result;
    bool more;

    if (!read_common(&listing, &list) || !read_token(s3, &token)) {
        return true;
    }
    list.marker = token ? token : after;
    result = walk(&listing, &list, &entries, &more);
    begin(&listing, "ListBucketResult");
    if (s3_argument(s3, "continuation-token")) {
        xml_member(listing.out, "ContinuationToken", s3_argument(s3, "continuation-token"));
    }
    if (more && listing.last) {
        xml_member(listing.out, "NextContinuationToken", make_token(s3, listing.last));
    }
    if (after) {
        s3_write_name(listing.out, "StartAfter", after, listing.encode);
    }
    buf_printf(listing.out, "<KeyCount>%" PRId64 "</KeyCount><MaxKeys>%" PRId64 "</MaxKeys>", listing.count, listing.most);
    return end(&listing, "ListBucketResult", &entries, more, result);
}

bool s3_list_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *type = s3_argument(s3, "list-type");

    if (!s3_allow_bucket(s3, S3_READ)) {
        return true;
    }
    if (type && strcmp(type, "2") != 0) {
        return s3_error(s3, "InvalidArgument", "ArgumentName", "list-type", "ArgumentValue", type, NULL);
    }
    return type ? list_v2(s3) : list_v1(s3);
}

/* ---- versions ---- */

/* A marker is the latest of its name when no version is current, and the first one told then. */
static bool add_version(void *user, const struct store_object *object) {
    struct listing *listing = user;
    struct store_object shown = *object;

    if (object->kind == STORE_MARKER && !object->current && (!listing->last || listing->last_is_common ||
                                                            strcmp(listing->last, object->name) != 0) &&
        !(listing->marker && !strcmp(listing->marker, object->name))) {
        shown.current = true;
    }
    listing->count++;
    if (!listing->last || strcmp(listing->last, object->name) != 0) {
        listing->last = arena_text(listing->s3->arena, object->name);
    }
    listing->last_is_common = false;
    listing->last_version = object->version;
    write_entry(listing, &shown);
    return true;
}

static bool read_version_marker(struct s3 *s3, struct store_list *list) {
    const char *text = s3_argument(s3, "version-id-marker");

    if (!text || !*text) {
        return true;
    }
    if (!list->marker) {
        return s3_error_because(s3, "InvalidArgument", "A version-id marker cannot be specified without a key marker."), false;
    }
    if (!strcmp(text, "null")) {
        struct store_find find = {.account = s3->account, .container = s3->bucket, .name = list->marker,
                                  .version = 0, .want_expired = true};
        struct store_found found;

        list->marker_version = store_find(s3->arena, &find, &found) == STORE_OK ? found.object.modified : 0;
        return true;
    }
    return swift_version_read(text, &list->marker_version) ||
           (s3_error(s3, "InvalidArgument", "ArgumentName", "version-id-marker", "ArgumentValue", text, NULL), false);
}

bool s3_versions_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    struct listing listing = {.s3 = s3, .owner = true, .versions = true};
    const char *key_marker = s3_argument(s3, "key-marker"), *version_marker = s3_argument(s3, "version-id-marker");
    struct store_list list;
    struct buf entries = {0};
    enum store_result result;
    bool more;

    if (!s3_allow_bucket(s3, S3_READ) || !read_common(&listing, &list)) {
        return true;
    }
    list.versions = true;
    list.on_object = add_version;
    list.marker = key_marker && *key_marker ? key_marker : NULL;
    listing.marker = list.marker;
    if (!read_version_marker(s3, &list)) {
        return true;
    }
    if (!list.marker_version) {
        listing.marker = NULL;
    }
    result = walk(&listing, &list, &entries, &more);
    begin(&listing, "ListVersionsResult");
    s3_write_name(listing.out, "KeyMarker", or_empty(key_marker), listing.encode);
    xml_member(listing.out, "VersionIdMarker", or_empty(version_marker));
    if (more && listing.last) {
        s3_write_name(listing.out, "NextKeyMarker", listing.last, listing.encode);
        if (!listing.last_is_common) {
            xml_member(listing.out, "NextVersionIdMarker", s3_version_text(s3->arena, listing.last_version));
        }
    }
    buf_printf(listing.out, "<MaxKeys>%" PRId64 "</MaxKeys>", listing.most);
    return end(&listing, "ListVersionsResult", &entries, more, result);
}
