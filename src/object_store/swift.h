/* SPDX-License-Identifier: Apache-2.0
 * Swift's API: what its parts share.
 *
 * A request is taken from its head (swift_take): path, caller, rights, then its operation is declared in swift.def and
 * chosen by what the path names and the method. A handler answers, or fills sw->change and calls swift_change, which
 * answers by 'finish' once the change is durable. */
#pragma once
#include "http/http.h"
#include "object_store/store.h"
#include "rest/call.h"
#include "rest/service.h"

enum {
    MAX_META_NAME = 128, MAX_META_VALUE = 256, MAX_META_COUNT = 90, MAX_META_SIZE = 4096, MAX_HEADER = 8192,
    MAX_OBJECT_NAME = 1024, MAX_CONTAINER_NAME = 256, MAX_ACCOUNT_NAME = 256, LISTING_LIMIT = 10000,
};
#define MAX_FILE_SIZE 5368709122LL

enum depth { DEPTH_ACCOUNT = 1, DEPTH_CONTAINER, DEPTH_OBJECT };

struct swift {
    struct call *call;
    struct http_request *http;
    struct arena *arena;
    enum depth depth;
    const char *account, *container, *object;   /* decoded; null below the depth */
    const char *trans_id;
    bool owner;                     /* the caller owns the account: sees and sets what only an owner may */
    bool reseller;                  /* the caller administers all accounts */
    bool over;                      /* answered already, before the body */
    bool allowed;                   /* something else than the caller's rights permits it (a signature) */
    bool temporary;                 /* that is a temporary URL */
    bool opens;                     /* the door has keys for objects that are locked */
    bool lends;                     /* signed with the account's key: good for reading in all its containers */
    bool (*special)(struct swift *sw);  /* answers instead of the operation */
    struct store_found found;       /* container, and for reads the object */
    enum store_result looked;       /* how that went */
    struct store_upload *upload;
    struct store_change change;
    enum store_result (*operation)(struct store_change *change);
    void (*finish)(struct swift *sw);
    int64_t version;                /* ?version-id=; STORE_CURRENT */
    int64_t wait;                   /* microseconds before it is answered: there is a limit on how often */
    int64_t stamp;                  /* another cluster sends what was done there then; 0: it does not */
    void *extra;                    /* of the handler */
};

static inline struct swift *swift_of(struct call *call) {
    return call->input;
}

/* ---- swift.c ---- */
/* Gives sw->change to 'operation' and answers by 'finish' afterwards. Always true. */
bool swift_change(struct swift *sw, enum store_result (*operation)(struct store_change *change),
                  void (*finish)(struct swift *sw));
const char *swift_request_header(const struct swift *sw, const char *name);    /* null when absent; "" when empty */
const char *swift_argument(const struct swift *sw, const char *name);
int64_t swift_setting(const char *name, int64_t otherwise);

/* ---- swift_answer.c ---- */
void swift_header(struct swift *sw, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* An answer without a body of its own: errors say what the status means. Always true, so that handlers may return it. */
bool swift_status(struct swift *sw, int status);
/* An error in plain words. */
bool swift_error(struct swift *sw, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The answer to what the store said: 404, 409, 412, 413, 507, 503. */
bool swift_failed(struct swift *sw, enum store_result result);
/* 401 or 403. */
bool swift_denied(struct swift *sw);
bool swift_wants_bytes(const struct swift *sw);     /* the request gives or copies what objects have */
const char *swift_timestamp(struct arena *arena, int64_t time);     /* "1400000000.12345" */
void swift_last_modified(struct swift *sw, int64_t time);

/* ---- swift_meta.c ---- */
/* Reads X-KIND-Meta-* (and X-Remove-KIND-Meta-*) headers into pairs "meta-name". Answers 400 and returns false when they
 * break a limit. */
bool swift_read_meta(struct swift *sw, const char *kind, struct store_meta *ret);
/* Writes the pairs "meta-name" as X-KIND-Meta-Name. */
void swift_write_meta(struct swift *sw, const char *kind, const struct store_meta *meta);

/* ---- swift_acl.c ---- */
/* May the caller do what sw asks? Sets sw->owner. Answers 401, 403 when not. */
bool swift_authorize(struct swift *sw);
/* May the caller read (or write) in another container, as copies and manifests do? */
bool swift_may(struct swift *sw, const char *account, const struct store_container *container, bool write);
/* What the caller may in a container by roles and by Swift's lists, for other APIs to the same accounts. */
enum swift_right { SWIFT_OWNS = 1, SWIFT_READS = 2, SWIFT_LISTS = 4, SWIFT_WRITES = 8 };
unsigned swift_rights(struct swift *sw, const char *account, const struct store_container *container);
/* The ACL header's value in its clean form; null: it is wrong, '*ret_error' says how. */
const char *swift_clean_acl(struct arena *arena, const char *value, bool write, const char **ret_error);
bool swift_account_acl_valid(struct arena *arena, const char *json);
bool swift_account_acl_names(struct arena *arena, const char *json);        /* anybody at all */

/* ---- swift_body.c: what is sent: pieces of objects and of memory ---- */
struct swift_piece {
    const char *text;               /* bytes in memory; or: */
    const char *account, *container;
    const struct store_object *object;
    int64_t first, size;
    const struct seal *cipher;        /* of an object's bytes, when they are encrypted with a key that the request gave; or null */
};
/* Up to 'size' of its bytes from the number 'given' on, which is where '*reader' stands (null before the first time; the
 * caller closes it); 0 at the end, -1 when they cannot be read. */
ssize_t swift_piece_read(const struct swift_piece *piece, struct store_reader **reader, int64_t given, void *bytes, size_t size);
/* Answers with the pieces, which are 'size' bytes together, or with the ranges of them that the request asks for. Headers
 * were set before. */
bool swift_respond_pieces(struct swift *sw, const struct swift_piece *pieces, size_t count, int64_t size,
                          const char *content_type);
/* Sends bytes [first, first + size) of the pieces; status and headers are the caller's. */
void swift_send_pieces(struct swift *sw, const struct swift_piece *pieces, size_t count, int64_t first, int64_t size);
/* Checks If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since. False: answered with 304 or 412, which have
 * the headers that were set before. */
bool swift_conditions(struct swift *sw, const char *etag, int64_t modified);

/* ---- swift_object.c ---- */
/* Reads the headers that an object keeps (metadata, type, expiry) into sw->change. False: answered. */
bool swift_read_object_headers(struct swift *sw, bool post);
void swift_write_object_headers(struct swift *sw, const struct store_object *object);
/* Ends sw->upload as the object that sw->change says. */
bool swift_put_upload(struct swift *sw);
/* ---- swift_types.c ---- */
const char *swift_guess_type(struct arena *arena, const char *name);

/* ---- swift_list.c ---- */
bool swift_list_objects(struct swift *sw);
bool swift_list_containers(struct swift *sw);
/* Reads a query that is malformed but for NUL at the end of a list's bounds. False: it is malformed otherwise. */
bool swift_list_bounds(struct swift *sw);
