/* SPDX-License-Identifier: Apache-2.0
 * What a writer sees of a shard whose index the driver keeps: the pairs, and over them what it changed since the begin.
 *
 * What was read one by one is remembered. It holds as long as commits succeed, since a commit proves that nobody else
 * changed the shard; the first that does not drops it all. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/bytes.h"
#include "object_store/ordered.h"

enum { MAX_SHARDS = 256, MAX_REMEMBERED = 8192, FIRST_PAGE = 8, LAST_PAGE = 1024 };

struct entry {
    struct ordered_pair pair;       /* value null: there is none */
    bool changed;
    char bytes[];
};

struct ordered_view {
    const struct ordered_driver *driver;
    int shard;
    bool writing, knows_generation, away;
    int64_t generation;
    struct entry **entries;         /* by key */
    size_t count, room;
};

struct ordered_walk {
    struct ordered_view *view;
    struct buf prefix, last;        /* 'last': the key that was given last, or what the walk begins behind */
    struct buf page;                /* of the driver's pairs: sizes and bytes */
    size_t at;                      /* of the next one in the page */
    int page_count, page_limit;
    bool page_is_last;
};

static void *must(void *memory) {
    if (!memory) {
        abort();
    }
    return memory;
}

/* ---- asking the driver ----
 *
 * A shard that let somebody wait in vain is asked again only some seconds later: those who wait for it meanwhile fail at
 * once, so that many do not take as many times as long as one. */

#define LONG SECOND
#define PAUSE (3 * SECOND)

static _Atomic int64_t pause_until[MAX_SHARDS];

/* When it began; -1: not now. */
static int64_t ask(struct ordered_view *view) {
    int64_t now = clock_monotonic();

    if (now < atomic_load(&pause_until[view->shard % MAX_SHARDS])) {
        view->away = true;
        return -1;
    }
    return now;
}

static bool answered(struct ordered_view *view, int64_t began, bool ok) {
    int64_t now = ok ? 0 : clock_monotonic();

    if (!ok && now - began >= LONG) {
        atomic_store(&pause_until[view->shard % MAX_SHARDS], now + PAUSE);
    }
    view->away = view->away || !ok;
    return ok;
}

static bool ask_generation(struct ordered_view *view) {
    int64_t began = ask(view);

    return began >= 0 && answered(view, began, view->driver->generation(view->shard, &view->generation));
}

static bool ask_get(struct ordered_view *view, const char *key, size_t key_size, struct buf *ret, bool *ret_found) {
    int64_t began = ask(view);

    return began >= 0 && answered(view, began, view->driver->get(view->shard, key, key_size, ret, ret_found));
}

static enum ordered_result ask_commit(struct ordered_view *view, const struct ordered_pair *changes, size_t count) {
    int64_t began = ask(view);
    enum ordered_result result = began >= 0 ? view->driver->commit(view->shard, view->generation, changes, count) : ORDERED_FAILED;

    if (began >= 0) {
        answered(view, began, result != ORDERED_FAILED);
    }
    return result;
}

bool ordered_is_away(const struct ordered_view *view) {
    return view->away;
}

struct ordered_view *ordered_view_new(const struct ordered_driver *driver, int shard) {
    struct ordered_view *view = must(calloc(1, sizeof *view));

    view->driver = driver;
    view->shard = shard;
    return view;
}

static void forget(struct ordered_view *view) {
    for (size_t i = 0; i < view->count; i++) {
        free(view->entries[i]);
    }
    view->count = 0;
}

void ordered_view_free(struct ordered_view *view) {
    if (view) {
        forget(view);
        free(view->entries);
        free(view);
    }
}

/* The first entry whose key is not less. */
static size_t find(const struct ordered_view *view, const char *key, size_t key_size) {
    size_t low = 0, high = view->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct ordered_pair *pair = &view->entries[middle]->pair;

        if (bytes_compare(pair->key, pair->key_size, key, key_size) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct entry *entry_of(const struct ordered_view *view, const char *key, size_t key_size) {
    size_t at = find(view, key, key_size);
    const struct entry *entry = at < view->count ? view->entries[at] : NULL;

    return entry && !bytes_compare(entry->pair.key, entry->pair.key_size, key, key_size) ? entry : NULL;
}

static void keep(struct ordered_view *view, const struct ordered_pair *pair, bool changed) {
    struct entry *entry = must(malloc(sizeof *entry + pair->key_size + pair->value_size));
    size_t at = find(view, pair->key, pair->key_size);

    memcpy(entry->bytes, pair->key, pair->key_size);
    if (pair->value_size) {
        memcpy(entry->bytes + pair->key_size, pair->value, pair->value_size);
    }
    entry->changed = changed;
    entry->pair = (struct ordered_pair){entry->bytes, pair->value ? entry->bytes + pair->key_size : NULL, pair->key_size,
                                        pair->value_size};
    if (at < view->count && !bytes_compare(view->entries[at]->pair.key, view->entries[at]->pair.key_size, pair->key,
                                     pair->key_size)) {
        free(view->entries[at]);
        view->entries[at] = entry;
        return;
    }
    if (view->count == view->room) {
        view->room = view->room ? view->room * 2 : 64;
        view->entries = must(realloc(view->entries, view->room * sizeof(struct entry *)));
    }
    memmove(view->entries + at + 1, view->entries + at, (view->count - at) * sizeof(struct entry *));
    view->entries[at] = entry;
    view->count++;
}

bool ordered_begin(struct ordered_view *view) {
    view->away = false;
    if (!view->knows_generation) {
        forget(view);
        view->knows_generation = ask_generation(view);
    }
    view->writing = view->knows_generation;
    return view->writing;
}

void ordered_rollback(struct ordered_view *view) {
    forget(view);
    view->writing = view->knows_generation = false;
}

bool ordered_is_overtaken(struct ordered_view *view) {
    return view->writing && ask_commit(view, NULL, 0) == ORDERED_AGAIN;
}

enum ordered_result ordered_commit(struct ordered_view *view) {
    struct ordered_pair *changes = must(malloc((view->count + 1) * sizeof *changes));
    enum ordered_result result;
    size_t count = 0;

    for (size_t i = 0; i < view->count; i++) {
        if (view->entries[i]->changed) {
            view->entries[i]->changed = false;
            changes[count++] = view->entries[i]->pair;
        }
    }
    result = ask_commit(view, changes, count);
    free(changes);
    if (result != ORDERED_DONE) {
        ordered_rollback(view);
        return result;
    }
    view->writing = false;
    view->generation += count > 0;
    if (view->count > MAX_REMEMBERED) {
        forget(view);
    }
    return ORDERED_DONE;
}

int ordered_get(struct ordered_view *view, const char *key, size_t key_size, struct buf *ret) {
    const struct entry *entry = view->writing ? entry_of(view, key, key_size) : NULL;
    struct ordered_pair pair = {.key = key, .key_size = key_size};
    size_t before = ret->size;
    bool found;

    if (entry) {
        if (entry->pair.value) {
            buf_put(ret, entry->pair.value, entry->pair.value_size);
        }
        return entry->pair.value != NULL;
    }
    if (!ask_get(view, key, key_size, ret, &found)) {
        return -1;
    }
    if (view->writing) {
        pair.value = found ? ret->at + before : NULL;
        pair.value_size = ret->size - before;
        keep(view, &pair, false);
    }
    return found;
}

void ordered_set(struct ordered_view *view, const struct ordered_pair *change) {
    keep(view, change, true);
}

/* ---- walks ---- */

struct ordered_walk *ordered_walk_new(struct ordered_view *view, const struct ordered_pair *after,
                                      const struct ordered_pair *prefix) {
    struct ordered_walk *walk = must(calloc(1, sizeof *walk));

    walk->view = view;
    walk->page_limit = FIRST_PAGE;
    buf_put(&walk->last, after->key, after->key_size);
    buf_put(&walk->prefix, prefix->key, prefix->key_size);
    return walk;
}

void ordered_walk_free(struct ordered_walk *walk) {
    if (walk) {
        buf_release(&walk->prefix);
        buf_release(&walk->last);
        buf_release(&walk->page);
        free(walk);
    }
}

static void add_to_page(void *user, const struct ordered_pair *pair) {
    struct ordered_walk *walk = user;
    size_t sizes[2] = {pair->key_size, pair->value_size};

    buf_put(&walk->page, sizes, sizeof sizes);
    buf_put(&walk->page, pair->key, pair->key_size);
    buf_put(&walk->page, pair->value, pair->value_size);
    walk->page_count++;
}

/* The driver's next pair; false at the end. */
static bool peek(const struct ordered_walk *walk, struct ordered_pair *ret) {
    size_t sizes[2];

    if (walk->at >= walk->page.size) {
        return false;
    }
    memcpy(sizes, walk->page.at + walk->at, sizeof sizes);
    ret->key = walk->page.at + walk->at + sizeof sizes;
    ret->key_size = sizes[0];
    ret->value = ret->key + sizes[0];
    ret->value_size = sizes[1];
    return true;
}

static bool fill(struct ordered_walk *walk) {
    struct ordered_pair after = {.key = walk->last.at, .key_size = walk->last.size};
    struct ordered_pair prefix = {.key = walk->prefix.at, .key_size = walk->prefix.size};
    int64_t began;

    if (walk->at < walk->page.size || walk->page_is_last) {
        return true;
    }
    buf_clear(&walk->page);
    walk->at = 0;
    walk->page_count = 0;
    began = ask(walk->view);
    if (began < 0 || !answered(walk->view, began, walk->view->driver->scan(walk->view->shard, &after, &prefix, walk->page_limit,
                                                                           add_to_page, walk))) {
        return false;
    }
    walk->page_is_last = walk->page_count < walk->page_limit;
    walk->page_limit = walk->page_limit * 4 < LAST_PAGE ? walk->page_limit * 4 : LAST_PAGE;
    return true;
}

/* The first change behind the last key that was given; null: none. */
static const struct entry *next_change(const struct ordered_walk *walk) {
    const struct ordered_view *view = walk->view;
    size_t at = view->writing ? find(view, walk->last.at, walk->last.size) : view->count;

    for (; at < view->count; at++) {
        const struct entry *entry = view->entries[at];

        if (entry->changed && bytes_compare(entry->pair.key, entry->pair.key_size, walk->last.at, walk->last.size) > 0) {
            bool is_in = entry->pair.key_size >= walk->prefix.size &&
                         !memcmp(entry->pair.key, walk->prefix.at, walk->prefix.size);

            if (is_in) {
                return entry;
            }
            if (bytes_compare(entry->pair.key, entry->pair.key_size, walk->prefix.at, walk->prefix.size) > 0) {
                return NULL;
            }
        }
    }
    return NULL;
}

int ordered_walk_next(struct ordered_walk *walk, struct ordered_pair *ret) {
    for (;;) {
        const struct entry *change;
        struct ordered_pair pair;
        bool there;
        int order;

        if (!fill(walk)) {
            return -1;
        }
        there = peek(walk, &pair);
        change = next_change(walk);
        if (!there && !change) {
            return 0;
        }
        order = !there ? 1 : !change ? -1 : bytes_compare(pair.key, pair.key_size, change->pair.key, change->pair.key_size);
        if (order <= 0) {
            walk->at = (size_t)(pair.value + pair.value_size - walk->page.at);
        }
        if (order >= 0) {
            pair = change->pair;
        }
        buf_clear(&walk->last);
        buf_put(&walk->last, pair.key, pair.key_size);
        if (pair.value) {
            *ret = pair;
            return 1;
        }
    }
}
