/* SPDX-License-Identifier: Apache-2.0
 * The index in Ceph: for each shard an object index.N whose omap is the pairs and whose attribute "generation" every change
 * compares and sets together with them, so that Ceph decides which of two writers was first. The object "shards" says how
 * many there are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "object_store/ordered.h"
#include "object_store/rados.h"

LOG_MODULE("object_store.rados");

enum { NAME_SIZE = 32 };

static bool failed(const char *what, int result) {
    log_error("the index in Ceph: %s: %s", what, strerror(-result));
    return false;
}

static const char *object_name(char name[NAME_SIZE], int shard) {
    snprintf(name, NAME_SIZE, "index.%d", shard);
    return name;
}

/* librados takes where to begin as a text without NUL: NUL becomes 1 1, and 1 becomes 1 2, which keeps the order. */
static void escape(struct buf *to, const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)bytes[i] <= 1) {
            buf_char(to, 1);
            buf_char(to, bytes[i] + 1);
        } else {
            buf_char(to, bytes[i]);
        }
    }
    buf_char(to, 0);
    to->size--;
}

static void unescape(struct buf *to, const char *bytes, size_t size) {
    buf_clear(to);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == 1 && i + 1 < size) {
            buf_char(to, bytes[++i] - 1);
        } else {
            buf_char(to, bytes[i]);
        }
    }
}

/* ---- the shards ---- */

static bool make_object(const char *name, const char *text, const char *attribute) {
    void *op = rados.create_write_op();
    int result;

    rados.write_op_create(op, RADOS_CREATE_EXCLUSIVE, NULL);
    if (attribute) {
        rados.write_op_setxattr(op, attribute, text, strlen(text));
    } else {
        rados.write_op_write_full(op, text, strlen(text));
    }
    result = rados.write_op_operate(op, rados.io, name, NULL, 0);
    rados.release_write_op(op);
    return result >= 0 || result == -EEXIST || failed(name, result);
}

static int shards(int wanted) {
    char text[16] = "", name[NAME_SIZE];
    int result = rados.read(rados.io, "shards", text, sizeof text - 1, 0), count;

    if (result == -ENOENT && wanted > 0 && wanted <= 256) {
        snprintf(text, sizeof text, "%d", wanted);
        if (!make_object("shards", text, NULL)) {
            return 0;
        }
        memset(text, 0, sizeof text);       /* another machine's may have been first */
        result = rados.read(rados.io, "shards", text, sizeof text - 1, 0);
    }
    if (result < 0) {
        failed("shards", result);
        return 0;
    }
    count = atoi(text);
    for (int i = 0; i < count && i < 256; i++) {
        if (!make_object(object_name(name, i), "0", "generation")) {
            return 0;
        }
    }
    return count;
}

static bool generation(int shard, int64_t *ret) {
    char name[NAME_SIZE], text[24] = "";
    int result = rados.getxattr(rados.io, object_name(name, shard), "generation", text, sizeof text - 1);

    *ret = strtoll(text, NULL, 10);
    return result > 0 || failed(name, result);
}

/* ---- reading ---- */

static bool get(int shard, const char *key, size_t key_size, struct buf *ret, bool *ret_found) {
    struct buf escaped = {0};
    void *op = rados.create_read_op(), *iterator = NULL;
    char name[NAME_SIZE], *found = NULL, *value = NULL;
    size_t found_size = 0, size = 0;
    int result, inner = 0;

    escape(&escaped, key, key_size);
    rados.read_op_omap_get_vals_by_keys2(op, (char const *const *)&escaped.at, 1, &escaped.size, &iterator, &inner);
    result = rados.read_op_operate(op, rados.io, object_name(name, shard), 0);
    result = result < 0 ? result : inner;
    if (result >= 0) {
        rados.omap_get_next2(iterator, &found, &value, &found_size, &size);
        *ret_found = found != NULL;
        if (found) {
            buf_put(ret, value, size);
        }
    }
    if (iterator) {
        rados.omap_get_end(iterator);
    }
    rados.release_read_op(op);
    buf_release(&escaped);
    return result >= 0 || failed(name, result);
}

struct page {
    void (*fn)(void *user, const struct ordered_pair *pair);
    void *user;
    struct buf after;               /* escaped: the last key of the page */
    int left;
    bool more;
};

static int scan_page(int shard, struct page *page, const char *prefix) {
    void *op = rados.create_read_op(), *iterator = NULL;
    char name[NAME_SIZE], *key, *value;
    size_t key_size, size;
    struct buf plain = {0};
    unsigned char more = 0;
    int result, inner = 0;

    rados.read_op_omap_get_vals2(op, page->after.at, prefix, (uint64_t)page->left, &iterator, &more, &inner);
    result = rados.read_op_operate(op, rados.io, object_name(name, shard), 0);
    result = result < 0 ? result : inner;
    while (result >= 0 && (result = rados.omap_get_next2(iterator, &key, &value, &key_size, &size)) >= 0 && key) {
        struct ordered_pair pair = {.value = value ? value : "", .value_size = size};

        buf_clear(&page->after);
        buf_put(&page->after, key, key_size);
        unescape(&plain, key, key_size);
        pair.key = plain.at;
        pair.key_size = plain.size;
        page->fn(page->user, &pair);
        page->left--;
    }
    page->more = more;
    if (iterator) {
        rados.omap_get_end(iterator);
    }
    rados.release_read_op(op);
    buf_release(&plain);
    return result;
}

static bool scan(int shard, const struct ordered_pair *after, const struct ordered_pair *prefix, int limit,
                 void (*fn)(void *user, const struct ordered_pair *pair), void *user) {
    struct page page = {.fn = fn, .user = user, .left = limit, .more = true};
    struct buf begin = {0};
    int result = 0;

    escape(&page.after, after->key, after->key_size);
    escape(&begin, prefix->key, prefix->key_size);
    while (result >= 0 && page.more && page.left > 0) {
        result = scan_page(shard, &page, begin.at);     /* Ceph may give less than was asked for */
    }
    buf_release(&page.after);
    buf_release(&begin);
    return result >= 0 || failed("listing", result);
}

/* ---- changing ---- */

struct lists {
    char const **keys, **values;
    size_t *key_sizes, *value_sizes, count;
};

static struct lists lists_new(size_t room) {
    struct lists lists = {calloc(room + 1, sizeof(char *)), calloc(room + 1, sizeof(char *)), calloc(room + 1, sizeof(size_t)),
                          calloc(room + 1, sizeof(size_t))};

    if (!lists.keys || !lists.values || !lists.key_sizes || !lists.value_sizes) {
        abort();
    }
    return lists;
}

static void lists_free(struct lists *lists) {
    free(lists->keys);
    free(lists->values);
    free(lists->key_sizes);
    free(lists->value_sizes);
}

static void add_changes(void *op, const struct ordered_pair *changes, size_t count) {
    struct lists set = lists_new(count), gone = lists_new(count);
    struct buf keys = {0};
    size_t *begins = calloc(count + 1, sizeof *begins);

    if (!begins) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        begins[i] = keys.size;
        escape(&keys, changes[i].key, changes[i].key_size);
    }
    begins[count] = keys.size;
    for (size_t i = 0; i < count; i++) {
        struct lists *list = changes[i].value ? &set : &gone;

        list->keys[list->count] = keys.at + begins[i];
        list->key_sizes[list->count] = begins[i + 1] - begins[i];
        list->values[list->count] = changes[i].value;
        list->value_sizes[list->count++] = changes[i].value_size;
    }
    if (set.count) {
        rados.write_op_omap_set2(op, set.keys, set.values, set.key_sizes, set.value_sizes, set.count);
    }
    if (gone.count) {
        rados.write_op_omap_rm_keys2(op, gone.keys, gone.key_sizes, gone.count);
    }
    lists_free(&set);
    lists_free(&gone);
    free(begins);
    buf_release(&keys);
}

static int compare_generation(const char *object, const char *was) {
    void *op = rados.create_read_op();
    int result;

    rados.read_op_cmpxattr(op, "generation", RADOS_EQUAL, was, strlen(was));
    result = rados.read_op_operate(op, rados.io, object, 0);
    rados.release_read_op(op);
    return result;
}

static enum ordered_result commit(int shard, int64_t generation, const struct ordered_pair *changes, size_t count) {
    char object[NAME_SIZE], was[24], is[24];
    int result;

    object_name(object, shard);
    snprintf(was, sizeof was, "%lld", (long long)generation);
    snprintf(is, sizeof is, "%lld", (long long)generation + 1);
    if (count) {
        void *op = rados.create_write_op();

        rados.write_op_cmpxattr(op, "generation", RADOS_EQUAL, was, strlen(was));
        rados.write_op_setxattr(op, "generation", is, strlen(is));
        add_changes(op, changes, count);
        result = rados.write_op_operate(op, rados.io, object, NULL, 0);
        rados.release_write_op(op);
    } else {
        result = compare_generation(object, was);
    }
    if (result == -ECANCELED) {
        return ORDERED_AGAIN;
    }
    return result >= 0 || failed(object, result) ? ORDERED_DONE : ORDERED_FAILED;
}

const struct ordered_driver ordered_rados = {
    .shards = shards, .generation = generation, .get = get, .scan = scan, .commit = commit};
