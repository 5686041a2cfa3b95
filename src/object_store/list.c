/* SPDX-License-Identifier: Apache-2.0
 * Walks over names: several ordered cursors (the shards of an account; current objects and old versions) merged into one
 * order. Names that share what stands before a delimiter are stepped over by seeking behind them, never by reading them. */
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "object_store/index.h"

enum { MAX_CURSORS = 256 };

struct cursor {
    struct shard *shard;
    struct index *index;
    sqlite3_stmt *rows;
    int64_t container;              /* of objects */
    const char *name;               /* of the row it stands on; null: at its end */
    size_t size;
};

struct walk {
    const struct store_list *list;
    struct arena *arena;
    size_t prefix, delimiter;       /* their bytes; 0: none */
    const char *end;                /* null: none */
    size_t end_size;
    int64_t told;                   /* of so many */
    struct cursor cursors[MAX_CURSORS];
    int count;
    char *bound;                    /* room for a name to seek to */
    size_t bound_room;
    bool failed;
};

static bool is_objects(const struct store_list *list) {
    return list->container != NULL;
}

/* What is walked the most is walked by SQLite itself: its statement has a condition that tells of the row (list_told_name,
 * list_told_shown), so that only those rows come out with which 'run' has more to do. One that does comes as a name. */
static bool names_only(const struct store_list *list) {
    return is_objects(list) && list->names_only && !list->versions && !list->reverse;
}

static bool shown_only(const struct store_list *list) {
    return is_objects(list) && list->shown_only && !list->versions && !list->reverse;
}

static void step(struct walk *walk, struct cursor *cursor) {
    if (sqlite3_step(cursor->rows) != SQLITE_ROW) {
        cursor->name = NULL;
        walk->failed = walk->failed || index_failed(cursor->index);
        return;
    }
    cursor->name = (const char *)sqlite3_column_text(cursor->rows, is_objects(walk->list) ? 0 : 1);
    cursor->size = strlen(cursor->name);
}

/* Places a cursor at the first name >= 'size' bytes of 'bound' (backwards: the last one below). */
static void seek(struct walk *walk, struct cursor *cursor, const char *bound, size_t size) {
    sqlite3_reset(cursor->rows);
    if (is_objects(walk->list)) {
        sqlite3_bind_int64(cursor->rows, 1, cursor->container);
    } else {
        index_bind_text(cursor->rows, 1, walk->list->account);
    }
    sqlite3_bind_text(cursor->rows, 2, bound, (int)size, SQLITE_TRANSIENT);
    step(walk, cursor);
}

static void seek_all(struct walk *walk, const char *bound, size_t size) {
    for (int i = 0; i < walk->count; i++) {
        seek(walk, &walk->cursors[i], bound, size);
    }
}

/* When a version was written. */
static int64_t version_time(const struct cursor *cursor) {
    int64_t version = sqlite3_column_int64(cursor->rows, 1);

    return version ? version : sqlite3_column_int64(cursor->rows, 3);
}

static int order_of(const struct walk *walk, const struct cursor *cursor, const struct cursor *other) {
    int order = bytes_compare(cursor->name, cursor->size, other->name, other->size);
    int64_t a, b;

    if (order || !walk->list->versions) {
        return order;
    }
    a = version_time(cursor);
    b = version_time(other);
    return a > b ? -1 : a < b;
}

/* The cursor whose name comes next; of equal names the first cursor's, with versions the newest (backwards: the oldest). */
static struct cursor *next_cursor(struct walk *walk) {
    struct cursor *best = NULL;

    for (int i = 0; i < walk->count; i++) {
        struct cursor *cursor = &walk->cursors[i];

        if (cursor->name) {
            int order = best ? order_of(walk, cursor, best) : -1;

            if (!best || (walk->list->reverse ? order > 0 : order < 0)) {
                best = cursor;
            }
        }
    }
    return best;
}

/* The first bytes that sort behind everything that begins with 'text'; 0 bytes: nothing does. */
static size_t behind(struct walk *walk, const char *text, size_t size) {
    if (walk->bound_room < size + 1) {
        walk->bound_room = size * 2 + 64;
        walk->bound = arena_alloc(walk->arena, walk->bound_room);
    }
    memcpy(walk->bound, text, size);
    while (size && (unsigned char)walk->bound[size - 1] == 0xff) {
        size--;
    }
    if (size) {
        walk->bound[size - 1]++;
    }
    return size;
}

/* Of equal ones the first. */
static const char *greater(const char *a, const char *b) {
    return !a || !*a ? b : !b || !*b ? a : strcmp(a, b) >= 0 ? a : b;
}

/* Forwards: behind the marker, and not before the prefix. */
static void begin_forwards(struct walk *walk) {
    const struct store_list *list = walk->list;
    const char *from = greater(list->marker, list->prefix);

    from = from ? from : "";
    /* Names behind the marker are those >= the marker with a NUL. Old versions of the marker's own name may follow it. */
    seek_all(walk, from, strlen(from) + (list->marker && from == list->marker && !list->marker_version));
}

/* Backwards: below the marker, and not behind what has the prefix. */
static void begin_backwards(struct walk *walk) {
    const struct store_list *list = walk->list;
    size_t size = list->prefix && *list->prefix ? behind(walk, list->prefix, strlen(list->prefix)) : 0;
    const char *marker = list->marker && *list->marker ? list->marker : NULL;
    static const char last[] = "\xff\xff\xff\xff";

    if (marker && (!size || bytes_compare(marker, strlen(marker), walk->bound, size) < 0)) {
        seek_all(walk, marker, strlen(marker) + (list->marker_version != 0));
    } else if (size) {
        seek_all(walk, walk->bound, size);
    } else {
        seek_all(walk, last, 4);
    }
}

static bool is_over(const struct walk *walk, const struct cursor *at) {
    int order = walk->end ? bytes_compare(at->name, at->size, walk->end, walk->end_size) : 0;

    return (walk->end && (walk->list->reverse ? order <= 0 : order >= 0)) || at->size < walk->prefix ||
           (walk->prefix && memcmp(at->name, walk->list->prefix, walk->prefix) != 0);
}

/* Bytes of the name up to and with the delimiter behind the prefix, which others may share; 0: it is told of as itself.
 * Without a word for shared names so is one that ends with the delimiter. */
static size_t common_size(const struct walk *walk, const struct cursor *at) {
    const struct store_list *list = walk->list;
    const char *found = walk->delimiter
                            ? memmem(at->name + walk->prefix, at->size - walk->prefix, list->delimiter, walk->delimiter)
                            : NULL;
    size_t size = found ? (size_t)(found - at->name) + walk->delimiter : 0;

    return list->on_common || size < at->size ? size : 0;
}

/* Tells of the shared name, unless it is the lower bound itself, and seeks behind it, which may tell of what comes next. False:
 * the walk ends. */
static bool tell_common(struct walk *walk, const struct cursor *at, size_t size) {
    const struct store_list *list = walk->list;
    char *name = arena_text_size(walk->arena, at->name, size);
    const char *lower = list->reverse ? list->end_marker : list->marker;
    bool told = !lower || strcmp(lower, name) != 0;

    if (list->on_common && told) {
        walk->told++;
        if (!list->on_common(list->user, name)) {
            return false;
        }
    }
    if (list->reverse) {
        seek_all(walk, name, size);
    } else {
        size = behind(walk, name, size);
        if (!size) {
            return false;
        }
        seek_all(walk, walk->bound, size);
    }
    return true;
}

static bool is_before_marker(const struct store_list *list, const struct cursor *at, const struct store_object *object) {
    int64_t time = object->version ? object->version : object->modified;

    return list->marker_version && list->marker && !strcmp(at->name, list->marker) &&
           (list->reverse ? time <= list->marker_version : time >= list->marker_version);
}

/* A marker stands for its name when no object does and no version is newer. */
static bool is_latest_marker(const struct cursor *at, const struct store_object *marker) {
    sqlite3_stmt *find = index_statement(at->index, S_OBJECT);
    struct store_object newest;
    bool latest;

    sqlite3_bind_int64(find, 1, at->container);
    index_bind_text(find, 2, at->name);
    latest = sqlite3_step(find) != SQLITE_ROW;
    sqlite3_reset(find);
    if (!latest) {
        return false;
    }
    find = index_statement(at->index, S_VERSION_NEWEST);
    sqlite3_bind_int64(find, 1, at->container);
    index_bind_text(find, 2, at->name);
    if (sqlite3_step(find) == SQLITE_ROW) {
        index_read_object(NULL, find, &newest);
        latest = newest.version == marker->version && newest.modified == marker->modified;
    }
    sqlite3_reset(find);
    return latest;
}

static void read_row(struct walk *walk, const struct cursor *at, struct store_object *ret) {
    index_read_object(NULL, at->rows, ret);
    ret->current = at == walk->cursors;
    ret->latest = ret->current || (ret->kind == STORE_MARKER && is_latest_marker(at, ret));
    index_read_meta(walk->arena, sqlite3_column_blob(at->rows, 8), (size_t)sqlite3_column_bytes(at->rows, 8), ret);
}

/* 1: told, 0: passed over, -1: the walk ends. */
static int tell_object(const struct store_list *list, const struct store_object *object) {
    if (object->expires && !list->versions && object->expires <= clock_now() / SECOND) {
        return 0;
    }
    return list->on_object(list->user, object) ? 1 : -1;
}

/* The same of the row that the cursor stands on; then steps to the next. False: the walk ends. */
static bool tell_row(struct walk *walk, struct cursor *at) {
    const struct store_list *list = walk->list;
    int told;

    if (is_objects(list)) {
        struct store_object object;

        read_row(walk, at, &object);
        told = list->versions && is_before_marker(list, at, &object) ? 0 : tell_object(list, &object);
    } else {
        struct store_container container;

        index_read_container(NULL, at->rows, &container);
        told = list->on_container(list->user, &container) ? 1 : -1;
    }
    walk->told += told > 0;
    if (told >= 0) {
        step(walk, at);
    }
    return told >= 0;
}

/* Tells of a row that SQLite came to, unless there is more to do; that, or the walk's end, is for 'run'. */
static bool tell_in_passing(struct walk *walk, const struct store_object *object, size_t name_size) {
    const struct cursor at = {.name = object->name, .size = name_size};
    int told = -1;

    if (!is_over(walk, &at) && walk->told != walk->list->limit && !common_size(walk, &at)) {
        told = tell_object(walk->list, object);
        walk->told += told > 0;
    }
    return told >= 0;
}

void list_told_name(sqlite3_context *context, int count, sqlite3_value **row) {
    const struct index *index = sqlite3_user_data(context);
    struct store_object object = {.name = (const char *)sqlite3_value_text(row[0]), .expires = sqlite3_value_int64(row[1])};

    sqlite3_result_int(context, tell_in_passing(index->walk, &object, (size_t)sqlite3_value_bytes(row[0])));
}

void list_told_shown(sqlite3_context *context, int count, sqlite3_value **row) {
    const struct index *index = sqlite3_user_data(context);
    struct store_object object = {
        .name = (const char *)sqlite3_value_text(row[1]),
        .expires = sqlite3_value_int64(row[2]),
        .size = sqlite3_value_int64(row[3]),
        .modified = sqlite3_value_int64(row[4]),
        .etag = (const char *)sqlite3_value_text(row[5]),
        .type = (const char *)sqlite3_value_text(row[6]),
        .current = true,
        .latest = true,
    };
    size_t meta = (size_t)sqlite3_value_bytes(row[0]);

    if (meta) {
        index_read_meta(index->walk->arena, sqlite3_value_blob(row[0]), meta, &object);
    }
    sqlite3_result_int(context, tell_in_passing(index->walk, &object, (size_t)sqlite3_value_bytes(row[1])));
}

static bool run(struct walk *walk) {
    const struct store_list *list = walk->list;
    bool in_passing = names_only(list) || shown_only(list);
    struct cursor *at;

    if (list->reverse) {
        begin_backwards(walk);
    } else {
        begin_forwards(walk);
    }
    while ((at = next_cursor(walk)) != NULL && !is_over(walk, at)) {
        size_t common = common_size(walk, at);

        if (walk->told == list->limit) {
            return true;
        }
        if (!(common ? tell_common(walk, at, common) : !in_passing && tell_row(walk, at))) {
            return false;
        }
    }
    return false;
}

static bool add_cursor(struct walk *walk, struct shard *shard, enum statement which, int64_t container) {
    struct cursor *cursor = &walk->cursors[walk->count];

    /* The cursors of one container share a connection and its snapshot. */
    cursor->index = container && walk->count ? walk->cursors[0].index : index_reader(shard);
    if (!cursor->index) {
        return false;
    }
    cursor->shard = shard;
    cursor->container = container;
    cursor->rows = index_statement(cursor->index, which);
    walk->count++;
    return true;
}

static void end(struct walk *walk) {
    for (int i = 0; i < walk->count; i++) {
        sqlite3_reset(walk->cursors[i].rows);
    }
    for (int i = 0; i < walk->count; i++) {
        struct cursor *cursor = &walk->cursors[i];

        if (!i || cursor->index != walk->cursors[0].index) {
            if (!sqlite3_get_autocommit(cursor->index->handle)) {
                index_run(cursor->index, index_statement(cursor->index, S_COMMIT));
            }
            index_reader_release(cursor->shard, cursor->index);
        }
    }
}

static enum store_result open_objects(struct walk *walk) {
    const struct store_list *list = walk->list;
    struct shard *shard = index_shard(list->account, list->container);
    struct store_container container;
    enum statement which = names_only(list)   ? S_LIST_NAMES
                           : shown_only(list) ? S_LIST_SHOWN
                           : list->reverse    ? S_LIST_OBJECTS_BACK
                                              : S_LIST_OBJECTS;
    struct index *index;

    if (!add_cursor(walk, shard, which, 0)) {
        return STORE_FAILED;
    }
    index = walk->cursors[0].index;
    index->walk = walk;
    index_run(index, index_statement(index, S_BEGIN_READ));
    if (!index_find_container(index, walk->arena, list->account, list->container, &container)) {
        return index_no_container(index);
    }
    walk->cursors[0].container = container.id;
    which = list->reverse ? S_LIST_VERSIONS_BACK : S_LIST_VERSIONS;
    return !list->versions || add_cursor(walk, shard, which, container.id) ? STORE_OK : STORE_FAILED;
}

static enum store_result open_containers(struct walk *walk) {
    for (int i = 0; i < store.shard_count; i++) {
        if (!add_cursor(walk, &store.shards[i], walk->list->reverse ? S_LIST_CONTAINERS_BACK : S_LIST_CONTAINERS, 0)) {
            return STORE_FAILED;
        }
    }
    return STORE_OK;
}

enum store_result store_list(struct arena *arena, const struct store_list *list, bool *ret_more) {
    struct walk *walk = ARENA_NEW(arena, struct walk);
    enum store_result result;
    bool more = false;

    walk->list = list;
    walk->arena = arena;
    walk->prefix = list->prefix ? strlen(list->prefix) : 0;
    walk->delimiter = list->delimiter ? strlen(list->delimiter) : 0;
    walk->end = list->end_marker && *list->end_marker ? list->end_marker : NULL;
    walk->end_size = walk->end ? strlen(walk->end) : 0;
    result = is_objects(list) ? open_objects(walk) : open_containers(walk);
    if (result == STORE_OK) {
        more = run(walk);
        result = walk->failed ? STORE_FAILED : STORE_OK;
    }
    end(walk);
    if (ret_more) {
        *ret_more = more;
    }
    return result;
}
