/* SPDX-License-Identifier: Apache-2.0
 * The memory of validated tokens: each in one piece, thousands of them, dropped when identity's data changed. */
#pragma once
#include "identity/token.h"

struct cached {
    struct caller caller;           /* its texts lie behind the struct */
    struct token token;
    uint64_t generation;
    _Atomic int users;
};

/* The entry of a sealed token that is of 'generation', held for the caller until cached_unref; null when there is none. */
struct cached *cache_get(const char *sealed, uint64_t generation);
/* Keeps copies; returns the entry, held. */
struct cached *cache_put(const char *sealed, uint64_t generation, const struct token *token, const struct caller *caller);
void cached_unref(void *cached);
/* Drops entries of tokens that have ended by 'now'. */
void cache_sweep(int64_t now);
