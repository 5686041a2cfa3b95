/* SPDX-License-Identifier: Apache-2.0
 * S3's API: what its parts share.
 *
 * A request is taken from its head (s3_take): the bucket and key that its path or host names, who signed it, then its
 * operation, declared in s3.def and chosen by method, by what the path names and by the subresource of the query. A
 * handler asks for the right that it needs (s3_allow_*), then answers, or fills s3->change and calls s3_change, which
 * answers by 'finish' once the change is durable.
 *
 * Buckets are containers of the account AUTH_PROJECT of the keys' project, so that Swift's API has them too. Somebody
 * else's bucket is found by the name under which it was made first (s3_names.c). What S3 alone knows is kept in pairs
 * "sys-s3-...". */
#pragma once
#include "http/http.h"
#include "object_store/s3_sign.h"
#include "object_store/s3_sum.h"
#include "object_store/store.h"
#include "rest/call.h"
#include "rest/service.h"

enum {
    S3_MAX_KEY = 1024, S3_MAX_META = 2048, S3_MAX_LIST = 1000, S3_MAX_XML = 2 * 1024 * 1024, S3_MAX_PARTS = 10000, S3_OBJECT_TAGS = 10,
    S3_MAX_MANIFEST = 8 * 1024 * 1024,
};
#define S3_MAX_SIZE (5LL * 1024 * 1024 * 1024)
#define S3_NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"
#define S3_SEGMENTS "+segments"         /* behind a bucket's name: the container of its parts */

enum s3_depth { S3_SERVICE, S3_BUCKET, S3_OBJECT };

struct json;
struct s3_body;
struct seal;
struct swift;

/* A key that the customer gives: s3_customer.h. */
struct s3_customer {
    const uint8_t *key;             /* null: none */
    const char *md5;                /* as it was given */
};

struct s3 {
    struct call *call;
    struct http_request *http;
    struct arena *arena;
    enum s3_depth depth;
    const char *bucket, *key;       /* decoded; null below the depth */
    const char *host_bucket;        /* the bucket, when the host names it */
    const char *account;            /* the bucket's, or (none was found) the caller's; null: nobody's */
    const char *request_id;
    struct s3_signature signature;
    unsigned rights;                /* enum swift_right, in the bucket */
    bool over;                      /* answered already */
    bool hashes;                    /* the body's SHA-256 is to be what was signed */
    struct store_found found;       /* the bucket, and for reads the object */
    enum store_result looked;       /* how that went */
    int64_t version;                /* ?versionId=; STORE_CURRENT */
    struct s3_body *body;           /* of a streamed body */
    enum s3_sum_kind sum_kind;      /* that a part's body is to have; S3_SUM_NONE: what the client says */
    struct store_upload *upload;
    struct s3_customer customer;    /* for what is written, or read */
    const struct seal *cipher;      /* encrypts what is uploaded with that key; null: it is not */
    char *block;                    /* where it encrypts; null until there are bytes */
    struct digest *md5;             /* of what is uploaded, before it is encrypted */
    const char *plain_md5;          /* that, in the end */
    struct store_change change;
    enum store_result (*operation)(struct store_change *change);
    void (*finish)(struct s3 *s3);
    void *extra;                    /* of the handler */
    struct s3_policy *policy;       /* s3_judge.c's: the bucket policy read last */
    struct s3_tags_seen *tags_seen; /* s3_condition.c's: the tags that the request gives; null: not asked for yet */
    uint64_t policy_steps;          /* that judging by policies took so far; see s3_text */
};

static inline struct s3 *s3_of(struct call *call) {
    return call->input;
}

/* ---- s3.c ---- */
void s3_prepare(const struct resource *resource);
enum http_body s3_take(struct call *call);
void s3_answer(struct call *call);
/* Gives s3->change to 'operation' and answers by 'finish' afterwards. Always true. */
bool s3_change(struct s3 *s3, enum store_result (*operation)(struct store_change *change), void (*finish)(struct s3 *s3));
void s3_changed(struct s3 *s3);     /* finishes what has nothing to tell: 200, or 204 of a DELETE; or the error */
const char *s3_argument(const struct s3 *s3, const char *name);     /* null when absent; "" when empty */
const char *s3_header(const struct s3 *s3, const char *name);
/* The object that the request names as it is now, with its bucket, into s3->found. False: answered. */
bool s3_find_object(struct s3 *s3, bool want_bytes);

/* ---- s3_names.c: buckets by name ---- */
/* Finds s3->bucket: the caller's own, else the one that was made first under this name. Sets account, found, looked. */
void s3_find_bucket(struct s3 *s3, const char *key, bool want_bytes);
/* The account that has the bucket of this name: the caller's, else the first one's; null: nobody. */
const char *s3_account_of(struct s3 *s3, const char *bucket);
void s3_name_take(struct s3 *s3);       /* notes that s3->account has s3->bucket, unless another has it */
void s3_name_leave(struct s3 *s3);
bool s3_bucket_name_valid(const char *name);

/* ---- s3_answer.c ---- */
void s3_put_header(struct s3 *s3, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* An error by its code ("NoSuchKey"), with pairs of further elements, ended by null. Always true. */
bool s3_error(struct s3 *s3, const char *code, ...) __attribute__((sentinel));
/* The same with a sentence of its own. */
bool s3_error_because(struct s3 *s3, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool s3_failed(struct s3 *s3, enum store_result result);
bool s3_status(struct s3 *s3, int status);          /* without a body */
void s3_common_headers(struct s3 *s3);
void s3_last_modified(struct s3 *s3, int64_t time);
const char *s3_time(struct arena *arena, int64_t time);             /* 2026-01-31T10:20:30.000Z */
/* Begins the answer 200 with <name xmlns="...">; returns where it is written. Without a name: with no element yet. */
struct buf *s3_xml(struct s3 *s3, const char *name);
/* "<ID>...</ID><DisplayName>...</DisplayName>" of a project. */
void s3_write_person(struct s3 *s3, struct buf *out, const char *project);
/* As listings write it when they were asked for encoding-type=url. */
void s3_write_name(struct buf *out, const char *element, const char *text, bool encode);

/* ---- s3_auth.c ---- */
/* Who calls: fills call->caller and signature. False: answered. */
bool s3_authenticate(struct s3 *s3);
/* The body is what was signed (SHA-256) and what Content-MD5 and the checksum headers say. False: answered. */
bool s3_check_body(struct s3 *s3, bool must);

/* ---- s3_glob.c ---- */
/* Whether a text is as a pattern with '*' and '?' says; 'fold': without case. */
bool s3_glob(const char *pattern, const char *text, bool fold);

/* The same for a text and many patterns. */
struct s3_text {
    const char *at;
    size_t size;
    bool fold;
    uint64_t steps;                 /* that were done for it: characters and words looked at */
    uint64_t *rows;                 /* its own */
    size_t words;
    unsigned short row_of[256];
};
void s3_text_begin(struct s3_text *ret, const char *text, bool fold);      /* 'text' stays the caller's */
bool s3_text_fits(struct s3_text *text, const char *pattern);
void s3_text_end(struct s3_text *text);

/* ---- s3_rights.c ---- */
enum s3_permission { S3_READ = 1, S3_WRITE = 2, S3_READ_ACP = 4, S3_WRITE_ACP = 8, S3_FULL = 15 };
void s3_find_rights(struct s3 *s3);
/* Is there such a bucket, and may the caller? False: answered. */
bool s3_allow_bucket(struct s3 *s3, enum s3_permission permission);
/* The same for the object in s3->found. */
bool s3_allow_object(struct s3 *s3, enum s3_permission permission);
/* The caller owns the bucket's account. False: answered. */
bool s3_allow_owner(struct s3 *s3);
/* The same without an answer; 'version': one that was named. */
bool s3_may_read_object(struct s3 *s3, const char *account, const struct store_found *found, bool version);
bool s3_may_delete(struct s3 *s3, const char *key, bool version);
bool s3_may(struct s3 *s3, const char *action, const char *key);   /* the owner, and whom the policy allows it */

/* ---- s3_acl.c ---- */
/* The list (null: none) grants the caller the permission in that bucket. */
bool s3_acl_grants(struct s3 *s3, const struct store_container *container, const char *list, enum s3_permission permission);
bool s3_acl_public(struct s3 *s3, const struct store_found *found);     /* the bucket's gives something to everybody */
bool s3_acl_private(struct s3 *s3, const char *list);                   /* it gives nothing but to the bucket's owner */
/* The list of grants that x-amz-acl and x-amz-grant-* ask for a new bucket or object; null in *ret: none. False:
 * answered. */
bool s3_read_grants(struct s3 *s3, const char *owner, const char **ret);
const char *s3_project_of(const char *account);     /* the owner of what is in the account, as S3 names it */
const char *s3_object_owner(const char *account, const struct store_object *object);

/* ---- s3_body.c: bodies that stream in ---- */
/* Prepares s3->upload and the sink for the body. False: answered. */
bool s3_body_begin(struct s3 *s3);
/* The body is whole: ends the upload after all its checks. False: answered. */
bool s3_body_end(struct s3 *s3);
/* Pair "sys-s3-sum" of what was checked, and the headers of the answer. */
void s3_body_keep_sum(struct s3 *s3, struct store_meta *meta);
/* The headers of a sum that is kept: s3_upload_sum.c. */
void s3_write_sum(struct s3 *s3, const struct store_meta *meta);
void s3_write_part_sum(struct s3 *s3, const struct store_meta *object, const struct store_meta *part);
/* Content-MD5 as hex; null in *ret when absent. False: answered. */
bool s3_read_md5(struct s3 *s3, const char **ret);

/* ---- s3_object.c ---- */
/* The headers that an object keeps into 'object'. False: answered. */
bool s3_read_object_headers(struct s3 *s3, struct store_object *object);
const char *s3_etag(struct arena *arena, const struct store_object *object);        /* with quotes */
const char *s3_version_text(struct arena *arena, int64_t version);
/* If-Match and If-None-Match of a change into s3->change. False: answered. */
bool s3_write_conditions(struct s3 *s3);
/* The quotas of the bucket and its account into s3->change. */
void s3_read_quotas(struct s3 *s3);
/* PREFIXif-match and so on of a read: 0 (go on), 304 or 412. */
int s3_conditions(struct s3 *s3, const char *prefix, const char *etag, int64_t modified);
/* The answer to a put or copy: its headers. False: it failed, and was answered. */
bool s3_put_done(struct s3 *s3);
/* What an object is made of, links followed, opened with the key; '*account' is whose. False: answered. */
struct swift_pieces;
bool s3_gather(struct s3 *s3, const struct s3_customer *customer, const char **account, struct store_found *found,
               struct swift_pieces *ret);

/* ---- s3_tags.c: as text they are of the form of a query ---- */
/* The tags of the body; those of x-amz-tagging (null in *ret: none). False: answered. */
bool s3_read_tags(struct s3 *s3, size_t most, const char **ret);
bool s3_parse_tags(struct s3 *s3, const char *bytes, size_t size, size_t most, const char **ret);     /* of a document */
bool s3_header_tags(struct s3 *s3, const char **ret);
bool s3_write_tags(struct s3 *s3, const char *text);    /* the answer; null: none */
int s3_count_tags(struct s3 *s3, const char *text);
/* Calls fn for each tag of a text; false when it is malformed or fn says so. */
bool s3_each_tag(struct s3 *s3, const char *text, bool (*fn)(void *user, const char *name, const char *value), void *user);

/* ---- s3_copy.c ---- */
struct s3_source {
    const char *account;
    struct store_found found;
    int64_t first, size;            /* the bytes wanted */
    struct s3_customer customer;    /* that it is encrypted with */
    struct store_upload *upload;
};
/* The object that x-amz-copy-source names, its rights and conditions looked at. False: answered. */
bool s3_copy_source(struct s3 *s3, struct s3_source *ret);
/* Makes s3->upload of the source's bytes. False: answered. */
bool s3_copy_bytes(struct s3 *s3, struct s3_source *source);
/* The answer: <name> with the time and tag of what was made. */
bool s3_copy_result(struct s3 *s3, const char *name, const struct s3_source *source);
bool s3_copy(struct s3 *s3);

/* ---- s3_upload.c ---- */

/* A 'struct swift' for the parts of Swift's door that S3's uses: pieces, ranges, manifests, access lists. */
struct swift *s3_swift(struct s3 *s3, const char *account, const struct store_found *found);
