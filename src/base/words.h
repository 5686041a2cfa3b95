/* SPDX-License-Identifier: Apache-2.0
 * Lists in a text, with commas or spaces between their words. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The next word of a list: moves '*list' behind it. False at the end. */
bool words_next(const char **list, const char **ret_word, size_t *ret_size);

/* Whether the list has the word. */
bool words_have(const char *list, const char *word);
