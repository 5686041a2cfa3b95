/* SPDX-License-Identifier: Apache-2.0
 * The index: SQLite files, one a shard; or what the driver keeps, which SQLite sees as its tables. A container and all its objects are in the shard that the hash of its name says, so
 * that a change is one transaction of one file. What an account has is counted in each shard for the containers there; the
 * sum is the account's. Its metadata are in the shard of its own name.
 *
 * Each shard has one writer (writer.c) and as many readers as ask at once. */
#pragma once
#include <pthread.h>
#include <sqlite3.h>

#include "base/arena.h"
#include "object_store/driver.h"
#include "object_store/ordered.h"
#include "object_store/store.h"

enum statement {
    S_BEGIN_READ, S_BEGIN_WRITE, S_COMMIT, S_ROLLBACK,
    S_ACCOUNT, S_ACCOUNT_PUT, S_ACCOUNT_COUNT, S_ACCOUNT_DELETE,
    S_CONTAINER, S_CONTAINER_INSERT, S_CONTAINER_UPDATE, S_CONTAINER_COUNT, S_CONTAINER_DELETE, S_CONTAINER_USED,
    S_OBJECT, S_OBJECT_BYTES, S_OBJECT_PUT, S_OBJECT_DELETE, S_OBJECT_UPDATE,
    S_VERSION, S_VERSION_NEWEST, S_VERSION_KEEP, S_VERSION_MARKER, S_VERSION_DELETE, S_VERSION_UPDATE, S_VERSION_RESTORE,
    S_DATA, S_DATA_PUT, S_DATA_DELETE, S_GARBAGE_PUT, S_GARBAGE_DELETE, S_GARBAGE_LIST,
    S_LIST_OBJECTS, S_LIST_SHOWN, S_LIST_NAMES, S_LIST_OBJECTS_BACK, S_LIST_CONTAINERS, S_LIST_CONTAINERS_BACK, S_LIST_VERSIONS,
    S_LIST_VERSIONS_BACK,
    S_EXPIRED, S_ANY_OBJECT, S_PLACE_USED, S_PLACES, S_DAMAGED_PUT, S_DAMAGED_CLEAR, S_DAMAGED, S_CONTAINER_NEXT, S_MISCOUNTED, S_RECOUNT,
    S_ACCOUNT_MISCOUNTED, S_ACCOUNT_RECOUNT,
    S_SYNC_PUT, S_SYNC_GET, S_SYNC_LIST, S_SYNC_DONE, S_SYNC_DROP, S_SYNC_LAST, S_SYNC_FILL, S_SYNCED,
    S_POLICY_COUNTS,
    S_DROPPED, S_DROPPED_PUT, S_DROPPED_DELETE, S_PART_CONTAINERS,
    STATEMENTS
};

/* A connection: one thread at a time. */
struct index {
    sqlite3 *handle;
    sqlite3_stmt *statements[STATEMENTS];
    struct ordered_view *view;      /* with a driver that keeps the index; null: 'handle' does */
    struct walk *walk;              /* list.c's own, while a list is read */
    struct index *next;
};

struct shard {
    int number;
    char *target;                   /* file */
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct store_change *first, **last;
    struct index *readers;          /* idle ones */
    struct index *writer;
    int64_t newest;                 /* the last version given */
    bool containers_change;         /* the batch under way changes a container or account */
    _Atomic int64_t generation;     /* of what is known */
    pthread_mutex_t known_lock;
    struct known *known[512];
    char garbage[64][40];           /* places of blobs that the batch under way leaves */
    int garbage_count;
    int64_t next_complaint;         /* of blobs that cannot be removed; on the monotonic clock */
};

extern struct store {
    struct arena *arena;            /* lives as long as the program */
    struct shard *shards;
    int shard_count;
    const struct object_driver *driver;
    int default_policy;             /* of containers that ask for none */
} store;

/* index.c */
bool index_open_all(struct arena *arena, const char *root, int shards, const char **ret_error);
struct shard *index_shard(const char *account, const char *container);      /* container null: the account's own */
struct index *index_reader(struct shard *shard);        /* null: it cannot be opened (logged) */
void index_reader_release(struct shard *shard, struct index *index);
struct index *index_connect(struct shard *shard);
/* The statement, ready to be bound and stepped; it must be reset. */
sqlite3_stmt *index_statement(struct index *index, enum statement which);
bool index_run(struct index *index, sqlite3_stmt *statement);       /* steps to the end and resets; false after an error */
bool index_failed(struct index *index);                 /* the last statement ended with an error */
enum store_result index_error(struct index *index);     /* which; logs it */
enum store_result index_no_container(struct index *index);      /* after index_find_container found none */

/* A writer's transaction. What comes between begin and commit is undone together when the commit is not done. */
bool index_begin(struct index *index);
enum ordered_result index_commit(struct index *index);
void index_rollback(struct index *index);
bool index_is_away(const struct index *index);           /* what keeps it did not answer; a commit may have been done */
bool index_is_overtaken(struct index *index);           /* within: another machine changed the shard since the begin */

uint64_t index_hash(const char *account, const char *container);

/* known.c: containers (without counters), and accounts (container null: their metadata, 'created', and as 'policy' whether
 * they exist) as they were read at the shard's generation, which is to be asked for before reading. */
int64_t known_generation(struct shard *shard);
void known_forget(struct shard *shard);
bool known_find(struct shard *shard, struct arena *arena, const char *account, const char *container,
                struct store_container *ret);
void known_keep(struct shard *shard, int64_t generation, const char *account, const char *container,
                const struct store_container *what);

/* rows.c: rows as structs. Texts are copied to the arena, or (null) point into the statement. */
void index_bind_text(sqlite3_stmt *statement, int at, const char *text);
struct store_meta index_unpack(struct arena *arena, const void *bytes, size_t size);
size_t index_packed_size(const struct store_meta *meta);
void index_pack(char *to, const struct store_meta *meta);
void index_bind_meta(sqlite3_stmt *statement, int at, struct arena *arena, const struct store_meta *meta);
/* Metadata and ETag of an object, sealed when there is a seal. */
void index_bind_object_meta(sqlite3_stmt *statement, int at, struct arena *arena, const struct store_meta *meta,
                            const struct seal *seal, const char *etag);
/* Without an arena metadata and seal are left out; index_read_meta reads them then, from the bytes of that column. */
void index_read_meta(struct arena *arena, const void *bytes, size_t size, struct store_object *ret);
void index_read_object(struct arena *arena, sqlite3_stmt *row, struct store_object *ret);
void index_read_container(struct arena *arena, sqlite3_stmt *row, struct store_container *ret);
/* True when it is there. */
bool index_find_container(struct index *index, struct arena *arena, const char *account, const char *container,
                          struct store_container *ret);
bool index_find_object(struct index *index, struct arena *arena, int64_t container, const char *name, int64_t version,
                       struct store_object *ret);

/* list.c: what S_LIST_NAMES and S_LIST_SHOWN tell of rows with. True: it was told of, or passed over. */
void list_told_name(sqlite3_context *context, int count, sqlite3_value **row);
void list_told_shown(sqlite3_context *context, int count, sqlite3_value **row);

/* sync.c, for changes: lists the name when the container's changes are to be done elsewhere; */
bool sync_note(struct shard *shard, const struct store_container *container, const char *name, int64_t stamp);
/* the container's metadata become 'meta'; */
bool sync_container(struct shard *shard, int64_t container, const struct store_meta *was, const struct store_meta *meta,
                    int64_t stamp);
/* the container goes; */
bool sync_drop(struct shard *shard, int64_t container);
/* the time at which the name changed that is still listed; 0: none. */
int64_t sync_listed(struct shard *shard, int64_t container, const char *name);

/* ---- what changes of objects and of containers share (change.c) ---- */
/* The metadata 'was' with what the change sets; in the change's arena. */
struct store_meta change_merged(const struct store_change *change, const struct store_meta *was);
bool change_count_account(struct shard *shard, const struct store_change *change, int64_t containers, int64_t objects,
                          int64_t bytes);
/* Deletes all objects of the container: they expired, and are as if they were gone, so they do not hold it. */
bool change_drop_expired(struct shard *shard, struct store_change *change, int64_t container);

/* writer.c */
bool writers_start(void);
/* Gives the change to the shard's writer, and waits unless it has 'done'. */
enum store_result writer_submit(struct shard *shard, struct store_change *change,
                                enum store_result (*apply)(struct shard *shard, struct store_change *change));
/* The blob is removed once the batch is durable. */
bool writer_garbage(struct shard *shard, const char *place);
int64_t writer_version(struct shard *shard);            /* a time that no other has in this shard */

/* bytes.c: what a change needs of its upload. */
struct upload_bytes {
    const char *place;              /* blob; null: */
    const void *bytes;              /* in memory */
    uint32_t sum;
    const struct seal *seal;
};
struct upload_bytes upload_bytes(const struct store_upload *upload);
void upload_taken(struct store_upload *upload, bool taken);         /* whether the blob belongs to the index now */
bool upload_under_way(const char *blob);                /* of this process: not in the index yet, or only just */

/* ---- hold.c: asked by the writer ---- */
/* The object may not be deleted; 'bypass': who asks may override governance. */
bool hold_keeps(const struct store_container *container, const struct store_object *object, bool bypass);
/* Gives a new object the container's default. False: it is to expire while it is held. */
bool hold_put(const struct store_container *container, struct store_change *change);
/* False: the change would free the object, or let it expire, before its time. */
bool hold_post(const struct store_container *container, const struct store_object *was, struct store_change *change);
/* False: the change would end the versions of a container whose objects may be held. */
bool hold_container(const struct store_container *was, const struct store_change *change);

/* ---- parts.c: parts of multipart uploads that nothing asks for ---- */
/* In the transaction in which 'gone' goes for good: its parts are to be looked at. */
bool parts_note(struct shard *shard, const struct store_change *change, const struct store_object *gone);
/* Begins to remove them; 'seconds': between looks at those that could not be removed. */
bool parts_start(int64_t seconds);
