/* SPDX-License-Identifier: Apache-2.0
 * Memory that lives as long as one request, message or pass, and is freed whole.
 *
 * An arena has a ceiling. Crossing it does not stop the program: allocation goes on, and `arena_exhausted` tells the
 * owner, who must then fail the request instead of committing it. Bodies and lists are bounded before they get here. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Makes an arena that reports exhaustion past 'ceiling' bytes (0: no ceiling). */
struct arena *arena_new(size_t ceiling);

/* Runs the deferred calls, last first, and frees everything. Null is fine. */
void arena_free(struct arena *arena);

/* As arena_free, but keeps the first block for reuse. */
void arena_reset(struct arena *arena);

/* 'size' zeroed bytes, aligned for any type; never null. */
void *arena_alloc(struct arena *arena, size_t size);

/* A larger copy of an array of 'count' items of 'size' bytes, or the same one while it has room (capacities are powers
 * of two); room for at least count + 1. For building arrays one by one. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t size);

char *arena_text(struct arena *arena, const char *text);                 /* copy; null stays null */
char *arena_text_size(struct arena *arena, const char *text, size_t size);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args);

/* Calls fn(argument) when the arena is reset or freed. */
void arena_defer(struct arena *arena, void (*fn)(void *), void *argument);

size_t arena_used(const struct arena *arena);      /* bytes handed out since the last reset */
bool arena_exhausted(const struct arena *arena);   /* the ceiling was crossed */

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))
