/* SPDX-License-Identifier: Apache-2.0
 * Patterns of policies and CORS rules: '*' stands for any characters, '?' for one. */
#include <ctype.h>

#include "object_store/s3.h"

bool s3_glob(const char *pattern, const char *text, bool fold) {
    const char *star = NULL, *mark = NULL;

    while (*text) {
        bool same = fold ? tolower((unsigned char)*pattern) == tolower((unsigned char)*text) : *pattern == *text;

        if (*pattern == '*') {
            star = ++pattern;
            mark = text;
        } else if (*pattern && (same || *pattern == '?')) {
            pattern++;
            text++;
        } else if (star) {          /* the last star takes one more */
            pattern = star;
            text = ++mark;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return !*pattern;
}
