/* SPDX-License-Identifier: Apache-2.0
 * Reading lists in a text. */
#include "base/words.h"

#include <string.h>

bool words_next(const char **list, const char **ret_word, size_t *ret_size) {
    *ret_word = *list + strspn(*list, ", ");
    *ret_size = strcspn(*ret_word, ", ");
    *list = *ret_word + *ret_size;
    return *ret_size > 0;
}

bool words_have(const char *list, const char *word) {
    const char *one;
    size_t size;

    while (words_next(&list, &one, &size)) {
        if (strlen(word) == size && !strncmp(one, word, size)) {
            return true;
        }
    }
    return false;
}
