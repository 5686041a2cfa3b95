/* SPDX-License-Identifier: Apache-2.0
 * Accounts, containers and objects, below every API: Swift's and S3's doors are built on this header alone.
 *
 * Who uses it: an API parses its request, tells who calls, decides whether they may, and calls these functions. Nothing
 * here knows of rights, headers or status codes.
 *
 * Reading: store_find gives account, container and object as they are in one snapshot (a small object with its bytes);
 * store_list walks names in byte order. Both may be called where a request was received: they touch only the index, which
 * is memory or the page cache. Bytes of a large object come from store_reader_*, verified block by block.
 *
 * Writing: bytes pass through an upload (store_upload_*), which holds up to STORE_INLINE bytes in memory and the rest in a
 * file of its own; ending it makes them durable, but nobody sees them. What is seen changes by a 'struct store_change',
 * filled with what the operation says it takes and given to one of store_put_account ... store_delete_object. Changes of
 * one shard are applied one by one in the order they came and become durable together, so that many share one fsync.
 * With 'done' set the function returns at once and 'done' is called on another thread when the change is durable or
 * refused; without it the function waits. Until then the change and all it points to must stay as they are.
 *
 *     struct store_upload *upload = store_upload_new(arena);
 *     store_upload_add(upload, bytes, size);                      // as often as wanted
 *     result = store_upload_end(upload);                          // upload->size and upload->etag are known
 *     change = (struct store_change){.arena = arena, .account = "AUTH_x", .container = "c", .name = "o",
 *                                    .upload = upload, .object = {.type = "text/plain", .meta = meta}};
 *     result = store_put_object(&change);
 *
 * Metadata are pairs of lower-case names and values. "meta-NAME" is the user's (X-Object-Meta-NAME, x-amz-meta-name);
 * "sys-NAME" belongs to an API, is kept when the user replaces the metadata, and is never shown; other names are headers
 * of the answer ("content-encoding"). Times are microseconds since 1970 unless said otherwise. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct blob;
struct seal;
struct shard;
struct conf;

enum { STORE_INLINE = 64 * 1024, STORE_BLOCK = 64 * 1024 };

enum store_result {
    STORE_OK,
    STORE_CREATED,          /* done, and it was not there before */
    STORE_MISSING,          /* the object (or the account or container that the operation names) is not there */
    STORE_NO_CONTAINER,
    STORE_NOT_EMPTY,
    STORE_PRECONDITION,     /* if_absent or if_etag did not hold */
    STORE_OVER_QUOTA,       /* the container's or account's bytes or objects */
    STORE_HELD,             /* the object is held (hold.c) */
    STORE_FULL,             /* the disk */
    STORE_FAILED,           /* the log has the cause */
};

/* ---- metadata ---- */
struct store_pair {
    const char *name, *value;       /* value null in a change: remove it */
};
struct store_meta {
    struct store_pair *at;          /* in an arena */
    size_t count;
};
const char *store_meta_find(const struct store_meta *meta, const char *name);
/* The value, or null. Most objects have no metadata. */
static inline const char *store_meta_get(const struct store_meta *meta, const char *name) {
    return meta->count ? store_meta_find(meta, name) : NULL;
}
/* Sets or adds a pair, both texts as they are (not copied). A null value is kept as "remove" in changes. */
void store_meta_set(struct arena *arena, struct store_meta *meta, const char *name, const char *value);

/* ---- what there is ---- */
struct store_account {
    bool exists;                    /* it was made; containers make it too */
    int64_t created, containers, objects, bytes;
    struct store_meta meta;
};

enum store_versions { VERSIONS_OFF, VERSIONS_ON, VERSIONS_SUSPENDED };

struct store_container {
    int64_t id;                     /* within its shard */
    const char *name;
    int64_t created, modified, objects, bytes;
    int64_t old_objects, old_bytes; /* of versions that are not current */
    int policy;                     /* number of the storage policy */
    enum store_versions versions;
    struct store_meta meta;
};

enum store_kind {
    STORE_DATA,
    STORE_MANIFEST,                 /* its bytes are a list of segments, in the words of the API that wrote it */
    STORE_LINK,                     /* stands for another object; the API follows it */
    STORE_MARKER,                   /* a version that says: deleted */
};

struct store_object {
    const char *name;
    int64_t version;                /* when it was written, unique in its container; 0: written without versioning */
    int64_t size, modified;
    int64_t expires;                /* seconds since 1970; 0: never. Expired objects are as if they were gone. */
    const char *etag;               /* MD5 of the bytes in hex, or what the API says */
    const char *type;               /* Content-Type */
    enum store_kind kind;
    struct store_meta meta;
    bool current;                   /* in lists of versions: the one that its name stands for */
    bool latest;                    /* in them: that, or the marker that says that the name is gone */
    /* the store's own: */
    const char *place;              /* name of the blob; null: bytes are in the index */
    int64_t data;                   /* row of the bytes; 0: none */
    uint32_t sum;                   /* CRC-32C of bytes in the index */
    const struct seal *seal;        /* keys of one that is encrypted; null: it is not */
    bool shut;                      /* it is, and its keys cannot be had: nothing of it can be read */
    /* with 'want_bytes' of store_find, in its arena: what can be read though the object is replaced meanwhile */
    const char *bytes;              /* of an object in the index, verified */
    struct blob *blob;              /* open */
};

/* A pair of objects whose bytes a door encrypted with a key that is kept nowhere: others must not give them out. */
#define STORE_CUSTOMER_KEY "sys-s3-customer-key"

/* A pair of containers that are web sites: the object that stands for all errors. */
#define STORE_WEB_ERROR "sys-web-error"

enum { STORE_CURRENT = -1 };        /* as a version: the current one */

/* Before store_start: reads the root keys of encryption at rest, from 'keys' unless the configuration names another file. */
bool store_start_encryption(struct arena *arena, const struct conf *conf, const char *keys, const char **ret_error);

/* Opens (or makes) the store below 'root' with the driver that the configuration names. Once. */
bool store_start(struct arena *arena, const struct conf *conf, const char *root, const char **ret_error);

bool store_waits(void);             /* what is asked of it may have to wait for something outside */

/* ---- reading ---- */
struct store_found {
    struct store_account account;   /* with 'want_account' */
    struct store_container container;
    struct store_object object;
    bool damaged;                   /* with 'want_bytes': those in the index are not what was written */
};
struct store_find {
    const char *account, *container, *name;     /* container or name null: not asked for */
    int64_t version;                            /* STORE_CURRENT, or one */
    enum { ACCOUNT_NOT, ACCOUNT_META, ACCOUNT_ALL } want_account;       /* its metadata; also its counts */
    bool no_counts;                             /* the container's counters and times may be old */
    bool want_bytes;
    bool want_expired;                          /* finds objects that expired too */
};
/* STORE_OK, STORE_NO_CONTAINER, STORE_MISSING (the object; a version that is a marker is found), STORE_FAILED. */
enum store_result store_find(struct arena *arena, const struct store_find *find, struct store_found *ret);

/* What an account has in containers of each storage policy: calls fn up to once a shard and policy. It counts the account's
 * containers. False when it could not be looked at. */
bool store_policy_counts(const char *account, void (*fn)(void *user, int policy, int64_t containers, int64_t objects,
                                                         int64_t bytes), void *user);
/* The number that new containers get which ask for none; before anything is written. */
void store_set_default_policy(int policy);

/* A walk over names in byte order. 'container' null: the account's containers. */
struct store_list {
    const char *account, *container;
    const char *prefix, *marker, *end_marker, *delimiter;       /* null: none */
    bool reverse;
    bool names_only;                /* of objects nothing but names is wanted */
    bool shown_only;                /* of objects neither what is the store's own is wanted, nor version and kind */
    bool versions;                  /* of objects: also those that are not current, newest first per name */
    int64_t marker_version;         /* with versions: after this one of the marker's name (version 0: its time); 0: after
                                       all of them */
    int64_t limit;
    /* For each in order; what it points to lives until it returns. 'common': a name up to the delimiter that others
     * share; with null such names are passed over. False ends the walk. */
    bool (*on_object)(void *user, const struct store_object *object);
    bool (*on_container)(void *user, const struct store_container *container);
    bool (*on_common)(void *user, const char *name);
    void *user;
};
/* STORE_OK, STORE_NO_CONTAINER, STORE_FAILED. '*ret_more' (may be null): the limit ended it. */
enum store_result store_list(struct arena *arena, const struct store_list *list, bool *ret_more);

/* Bytes [first, first + size) of an object, whatever its place; null (STORE_FAILED logged) when they cannot be opened. */
struct store_reader;
struct store_reader *store_reader_open(const char *account, const char *container, const struct store_object *object,
                                       int64_t first, int64_t size);
/* Up to 'size' bytes; 0 at the end; -1 when the bytes are not what was written (logged, and noted for the scrubber). */
ssize_t store_reader_read(struct store_reader *reader, void *bytes, size_t size);
void store_reader_close(struct store_reader *reader);           /* null is fine */

/* ---- writing ---- */
struct store_upload {
    int64_t size;                   /* so far */
    int64_t expected;               /* may be set before the first byte: how many will come; 0 or less: unknown */
    const char *etag;               /* after store_upload_end: MD5 in hex */
    enum store_result failed;       /* what went wrong first */
};
/* Given up by itself with the arena unless a change took it. */
struct store_upload *store_upload_new(struct arena *arena);
bool store_upload_add(struct store_upload *upload, const void *bytes, size_t size);
/* For a body that is whole in memory already: the bytes stay the caller's until the change is done. */
bool store_upload_whole(struct store_upload *upload, const void *bytes, size_t size);
enum store_result store_upload_end(struct store_upload *upload);
/* An upload that has the bytes of 'object' (shared where the driver can). Ended already. */
struct store_upload *store_upload_copy(struct arena *arena, const char *account, const char *container,
                                       const struct store_object *object);

struct store_change {
    struct arena *arena;
    const char *account, *container, *name;

    struct store_meta set;          /* pairs to set, or (null value) to remove */
    bool replace;                   /* all pairs but "sys-" ones are dropped first */
    int policy;                     /* of a new container */
    int versions;                   /* of a container: enum store_versions + 1; 0: as it is */
    int64_t quota_bytes, quota_objects, account_bytes, account_objects;     /* of put_object: what
                                       there is afterwards must be less; 0: none */
    struct store_object object;     /* put_object: all but the store's own; etag null: the upload's. post_object: type
                                       (null: as it is) and expires (-1: as it is) */
    struct store_upload *upload;    /* put_object */
    bool if_absent;                 /* put_object: only when there is no current object */
    const char *if_etag;            /* only when the current object has this ETag */
    int64_t if_modified;            /* delete_object: only when the one that is there is of that time; 0: any */
    int64_t version;                /* delete_object, post_object: STORE_CURRENT or one */
    int64_t if_expired;             /* delete_object: only when it expired by then (seconds) */
    int64_t stamp;                  /* put_object, delete_object: when it was done elsewhere; refused (STORE_PRECONDITION) when
                                       what is there is newer. 0: now */
    bool keep_time;                 /* post_object: the object is as old as it was */
    bool detach;                    /* delete_object of the current version: it becomes an old one, and no marker is made
                                       ('version' 0: what is called version 0 goes when none is current) */
    bool bypass;                    /* delete_object, post_object: may override governance (hold.c) */
    bool restore;                   /* delete_object of the current version: the one before becomes current */

    void (*done)(struct store_change *change);      /* null: wait */
    void *user;

    enum store_result result;
    struct store_object was;        /* put_object, delete_object: the one that was there; 'name' null: none */
    int64_t made_version;           /* put_object: its version; delete_object: the marker's; 0: none */
    int64_t modified;               /* when */

    enum store_result (*apply)(struct shard *shard, struct store_change *change);   /* the store's own */
    struct store_change *next;
};

enum store_result store_put_account(struct store_change *change);       /* makes it, or changes its metadata */
enum store_result store_delete_account(struct store_change *change);    /* and all in it; waits always */
enum store_result store_put_container(struct store_change *change);     /* makes it, or changes its metadata */
enum store_result store_post_container(struct store_change *change);    /* changes the metadata of one that is there */
enum store_result store_delete_container(struct store_change *change);
enum store_result store_put_object(struct store_change *change);
enum store_result store_post_object(struct store_change *change);       /* changes metadata, type, expiry */
enum store_result store_make_current(struct store_change *change);      /* the old version 'version' */
enum store_result store_delete_object(struct store_change *change);

/* ---- the list of changes that are yet to be done elsewhere: sync.c ----
 *
 * A container whose metadata have "sys-sync-to" lists the names that changed, each once, with the time of the change. When
 * that pair gets another value, all names are listed. */
struct store_sync {
    const char *name;
    int64_t stamp;
};
/* Calls fn for each container with such a list; false when it could not be looked at. */
bool store_each_synced(struct arena *arena, void (*fn)(void *user, const char *account, const char *container), void *user);
/* Up to 'limit' names behind 'after'. */
enum store_result store_sync_list(struct arena *arena, const char *account, const char *container, const char *after,
                                  int limit, struct store_sync **ret, size_t *ret_count);
/* Takes a name from the list, unless it changed again. */
enum store_result store_sync_done(struct arena *arena, const char *account, const char *container,
                                  const struct store_sync *done);

/* ---- care: what the store does for itself, on a thread of its own (care.c) ---- */

/* Removes expired objects, verifies all blobs in turn, removes blobs that nobody refers to; from time to time. */
bool store_care_start(const struct conf *conf);

/* For the audit. Each calls fn with what is wrong; false when it could not be looked at. */
bool store_each_orphan(struct arena *arena, void (*fn)(void *user, const char *blob), void *user);
bool store_remove_orphan(struct arena *arena, const char *blob);        /* looks again before it does */
bool store_each_damaged(struct arena *arena, void (*fn)(void *user, const char *what), void *user);
/* Containers ("account/container") and accounts ("account", in one shard) whose counters are wrong. */
bool store_each_miscount(struct arena *arena, void (*fn)(void *user, const char *what), void *user);
bool store_recount(struct arena *arena, const char *what);

/* Parts of multipart uploads ("account/container/name") that no upload and no object asks for. */
bool store_each_unwanted_part(struct arena *arena, void (*fn)(void *user, const char *what), void *user);
bool store_remove_unwanted_part(struct arena *arena, const char *what);     /* looks again before it does */

/* Calls fn for up to 'limit' objects that expired by 'now' (seconds). For the expirer. */
bool store_each_expired(struct arena *arena, int64_t now, int64_t limit,
                        void (*fn)(void *user, const char *account, const char *container, const char *name), void *user);
