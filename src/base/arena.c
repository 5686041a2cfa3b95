/* SPDX-License-Identifier: Apache-2.0
 * Arena: a chain of blocks, each twice as large as the last up to 1 MiB. */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocation.h"

enum { FIRST_BLOCK = 16 * 1024, LARGEST_BLOCK = 1024 * 1024, ALIGNMENT = 16 };

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(ALIGNMENT) char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *argument;
};

struct arena {
    struct block *current;      /* newest first */
    struct deferred *deferred;  /* newest first */
    size_t used, ceiling;
};

static struct block *block_new(size_t size, struct block *next) {
    struct block *block = allocation_fails() ? NULL : malloc(sizeof *block + size);

    if (!block) {
        abort();
    }
    *block = (struct block){.next = next, .size = size};
    return block;
}

struct arena *arena_new(size_t ceiling) {
    struct arena *arena = calloc(1, sizeof *arena);

    if (!arena) {
        abort();
    }
    arena->ceiling = ceiling;
    arena->current = block_new(FIRST_BLOCK, NULL);
    return arena;
}

void arena_reset(struct arena *arena) {
    for (struct deferred *d = arena->deferred; d; d = d->next) {
        d->fn(d->argument);
    }
    while (arena->current->next) {
        struct block *block = arena->current;

        arena->current = block->next;
        free(block);
    }
    arena->current->used = 0;
    arena->deferred = NULL;
    arena->used = 0;
}

void arena_free(struct arena *arena) {
    if (arena) {
        arena_reset(arena);
        free(arena->current);
        free(arena);
    }
}

static void *take(struct arena *arena, size_t size) {
    size_t need = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct block *block = arena->current;

    assert(need >= size);
    arena->used += need;
    if (block->size - block->used < need) {
        size_t next = block->size * 2 > LARGEST_BLOCK ? LARGEST_BLOCK : block->size * 2;

        block = arena->current = block_new(need > next ? need : next, block);
    }
    block->used += need;
    return block->bytes + block->used - need;
}

void *arena_alloc(struct arena *arena, size_t size) {
    return memset(take(arena, size), 0, size);
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t size) {
    if (count >= 4 ? (count & (count - 1)) != 0 : count != 0) {
        return items;
    }
    assert(count < SIZE_MAX / 2 / size);

    void *grown = take(arena, size * (count < 4 ? 4 : count * 2));

    memset(grown, 0, size * (count < 4 ? 4 : count * 2));
    if (count) {
        memcpy(grown, items, count * size);
    }
    return grown;
}

char *arena_text_size(struct arena *arena, const char *text, size_t size) {
    char *copy = take(arena, size + 1);

    if (size) {
        memcpy(copy, text, size);
    }
    copy[size] = 0;
    return copy;
}

char *arena_text(struct arena *arena, const char *text) {
    return text ? arena_text_size(arena, text, strlen(text)) : NULL;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args) {
    char most[512], *text;
    va_list again;
    int size;

    va_copy(again, args);
    size = vsnprintf(most, sizeof most, format, again);
    va_end(again);
    assert(size >= 0);
    if ((size_t)size < sizeof most) {
        return arena_text_size(arena, most, (size_t)size);
    }
    text = take(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, args);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list args;
    char *text;

    va_start(args, format);
    text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void arena_defer(struct arena *arena, void (*fn)(void *), void *argument) {
    struct deferred *d = take(arena, sizeof *d);

    *d = (struct deferred){.next = arena->deferred, .fn = fn, .argument = argument};
    arena->deferred = d;
}

size_t arena_used(const struct arena *arena) {
    return arena->used;
}

bool arena_exhausted(const struct arena *arena) {
    return arena->ceiling && arena->used > arena->ceiling;
}
