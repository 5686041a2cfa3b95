/* SPDX-License-Identifier: Apache-2.0
 * What connects the parts of Swift's API with each other, and nobody else needs. */
#pragma once
#include "object_store/swift.h"

void swift_prepare(const struct resource *resource);
enum http_body swift_take(struct call *call);
void swift_answer(struct call *call);

/* A tag without its quotes. */
const char *swift_plain_etag(struct arena *arena, const char *etag);

/* Words that Swift takes for yes. */
bool swift_is_true(const char *text);          /* null is not */

/* Headers that every answer has. */
void swift_common_headers(struct swift *sw);

/* Checks the head of an object's PUT and decides where its body goes: to sw->upload by the sink, or (null) to the
 * request's buffer. False: answered. */
bool swift_put_begin(struct swift *sw);

/* Sets the quotas of sw->change from what container and account say. */
void swift_read_quotas(struct swift *sw);

/* PUT with X-Copy-From. */
bool swift_copy_here(struct swift *sw);

/* A version as clients write it: seconds with a fraction. */
bool swift_version_read(const char *text, int64_t *ret);    /* false: neither "null" (0) nor what swift_version_text writes */
int64_t swift_version_of(const char *text);
const char *swift_version_text(struct arena *arena, int64_t version);

/* ---- swift_accept.c: forms of listings and reports ---- */
enum swift_format { SWIFT_PLAIN, SWIFT_JSON, SWIFT_XML, SWIFT_TEXT_XML };    /* the last two are written alike */
enum { SWIFT_NO_FORMAT = -1, SWIFT_BAD_ACCEPT = -2 };
const char *swift_format_type(enum swift_format format);
/* The best by the Accept header (plain without one); SWIFT_NO_FORMAT, SWIFT_BAD_ACCEPT: there is none. */
int swift_format_accepted(const struct swift *sw);
/* Answers 406, or 400, for such. Always true. */
bool swift_refuse_format(struct swift *sw, int chosen);
/* By ?format=, else by the Accept header, on which the answer varies then. False: answered. */
bool swift_choose_format(struct swift *sw, bool versions, enum swift_format *ret);

/* ---- signatures: swift_tempurl.c ---- */
enum { SWIFT_KEYS = 4 };
/* The account's keys, then the container's; returns how many. */
size_t swift_signing_keys(struct swift *sw, const char *keys[SWIFT_KEYS], size_t *ret_of_account);
/* The digest of a signature, by its length or as "sha256:base64", which becomes hexadecimal. Null: none of ours. */
const char *swift_digest_of(struct swift *sw, const char **signature);
/* The number of the key (from 1) that signs 'text' so; 0: none. */
size_t swift_signature_fits(struct swift *sw, const char *digest, const char *signature, const char *const *keys,
                            size_t key_count, const char *text);
/* The request has a signature of a temporary URL: allows it. False: answered with 401 or 400. */
bool swift_tempurl(struct swift *sw);
/* Headers of an answer by temporary URL. 'kept_disposition' is the object's own, or null. */
void swift_tempurl_headers(struct swift *sw, const char *kept_disposition);
/* POST of a signed HTML form into a container. */
bool swift_formpost_begin(struct swift *sw);
bool swift_formpost(struct swift *sw);

/* ---- large objects: swift_large.c, swift_slo.c ---- */
struct swift_pieces {
    struct swift_piece *at;
    size_t count;
    int64_t size, modified;
    const char *etag;               /* without quotes */
};
/* "/container/object" (decoded) in its parts. */
bool swift_split_path(struct arena *arena, const char *path, const char **container, const char **object);
/* ?multipart-manifest= is this. */
bool swift_manifest_is(const struct swift *sw, const char *what);
bool swift_is_large(const struct store_object *object);
int64_t swift_size(const struct store_object *object);      /* of a static manifest that of its segments together */
/* What a large object is made of. False: answered with what is wrong. */
bool swift_gather(struct swift *sw, const char *account, const struct store_found *found, struct swift_pieces *ret);
/* Cuts the pieces from the number 'from' on to the bytes [first, first + size) of them. */
void swift_cut(struct swift_pieces *pieces, size_t from, int64_t first, int64_t size);
bool swift_large_get(struct swift *sw, const char *account, const struct store_found *found);
/* Gives all bytes of the pieces to 'add'; false when it returned false or they cannot be read. */
bool swift_read_pieces(const struct swift_pieces *pieces, bool (*add)(void *user, const void *bytes, size_t size), void *user);
/* An upload (ended) with the bytes of the pieces. */
struct store_upload *swift_flatten(struct swift *sw, const struct swift_pieces *pieces);
/* The object's bytes are not encrypted with a key that only its owner has. False: answered. */
bool swift_unlocked(struct swift *sw, const struct store_object *object);
/* The bytes of a small object as a text; null when they cannot be read. */
const char *swift_object_text(struct swift *sw, const char *account, const char *container, const struct store_object *object);
bool swift_segment_range(const char *text, int64_t size, int64_t *first, int64_t *count);
bool swift_slo_begin(struct swift *sw);
bool swift_slo_put(struct swift *sw);
/* Puts the manifest that the list (as a client sends it) says; answers by 'finish', or with what is wrong with it. */
bool swift_slo_put_list(struct swift *sw, const struct json *list, void (*finish)(struct swift *sw));
/* The manifest in the form in which a client may send it; null: it cannot be read. */
const char *swift_raw_manifest(struct swift *sw, const char *account, const struct store_found *found);
bool swift_slo_sent(struct swift *sw);    /* by another cluster */
bool swift_slo_delete(struct swift *sw);

/* ---- bulk: swift_bulk.c, swift_archive.c ---- */
struct swift_bulk {
    size_t done, missing, error_count;
    struct swift_bulk_error {
        const char *path, *status;
    } *errors;
    const char *status, *body;      /* of the whole, when it was given up; null: by what was done */
    int denied;                     /* 401 or 403 among the errors */
    const char *given;              /* the path under way as the client wrote it, or null */
};
/* What is said of the whole, in the order of the keys, ended by a null key; a null 'text' is a number. */
struct swift_report_line {
    const char *key, *text;
    int64_t number;
};
struct swift_report {
    const char *name;               /* of the XML document */
    const struct swift_report_line *lines;
    const struct swift_bulk *bulk;  /* its errors */
};
/* Adds the report to 'out' in the form that the request accepts, and sets Content-Type: swift_report.c. */
void swift_write_report(struct swift *sw, struct buf *out, const struct swift_report *report);
void swift_bulk_error(struct swift *sw, struct swift_bulk *bulk, const char *path, int status, const char *what);
void swift_bulk_delete_object(struct swift *sw, struct swift_bulk *bulk, const char *container, const char *name,
                              int64_t version);
bool swift_bulk_respond(struct swift *sw, const struct swift_bulk *bulk, const char *word);
bool swift_bulk_delete_begin(struct swift *sw);
bool swift_bulk_delete(struct swift *sw);
bool swift_archive_begin(struct swift *sw);
bool swift_archive(struct swift *sw);

/* ---- links: swift_symlink.c ---- */
/* Reads X-Symlink-* of a PUT into sw->change. False: answered. */
bool swift_symlink_read(struct swift *sw);
/* How following a link ended. */
struct swift_link {
    int status;                     /* 0: well; else what to answer */
    const char *why;                /* a sentence, or null */
    const char *location;           /* the last target's path, escaped; null: it was no link */
};
/* Follows links from *account and *found; with 'dynamic' false only static ones. What is there at the end must have the
 * ETag 'etag' (null: any), and the caller must be allowed to read all on the way. Answers nothing. */
bool swift_symlink_resolve(struct swift *sw, const char **account, struct store_found *found, const char *etag, bool dynamic,
                           struct swift_link *ret);
/* Follows links from *account and *found to what they stand for. False: answered. */
bool swift_symlink_follow(struct swift *sw, const char **account, struct store_found *found);
/* 307 to the target of the link. */
bool swift_symlink_redirect(struct swift *sw);
/* A copied link may be told another account for its target. */
void swift_symlink_move(struct swift *sw, struct store_meta *meta);
void swift_symlink_headers(struct swift *sw, const struct store_object *object);

/* ---- the older way of versions: swift_versions.c ---- */
#define SWIFT_DELETED_TYPE "application/x-deleted;swift_versions_deleted=1"     /* of what notes that an object was deleted */
bool swift_keeps_old(const struct swift *sw);
/* Before a PUT: keeps the current object in the container for old versions. False: answered. */
bool swift_keep_old(struct swift *sw);
bool swift_delete_old(struct swift *sw);

bool swift_object_get(struct call *call);
/* PUT?version-id=: that version is the current one from now on. */
bool swift_make_current(struct swift *sw);
/* Beside accounts: also below the service's own address (swift_info.c, swift_auth.c). */
bool swift_info(struct call *call);
bool swift_healthcheck(struct call *call);
bool swift_crossdomain(struct call *call);
bool swift_auth(struct call *call);
bool swift_endpoints(struct call *call);     /* swift_endpoints.c */

/* ---- web: swift_web.c ---- */
/* True: the request is one for a web site, and was answered. */
bool swift_web(struct swift *sw);
/* The site has a page of its own for who may not read it: answered with it. */
bool swift_web_denied(struct swift *sw);
/* Cross-origin headers (swift_cors.c). */
bool swift_cors_preflight(struct swift *sw);
const char *swift_methods(const struct swift *sw);      /* of what the path names */
void swift_cors_headers(struct swift *sw);
