/* SPDX-License-Identifier: Apache-2.0
 * Patterns of policies and CORS rules: '*' stands for any characters, '?' for one.
 *
 * What is in front of the first star and behind the last must stand there; what is between two stars may stand wherever it
 * comes first. It is looked for at 64 places at once: each character of the text has a row with a bit for every place where
 * it stands, and a place stays possible while the rows of all characters of the pattern say so. So a pattern costs its
 * length times a 64th of the text's at most, whatever it is, and the rows are made once for all patterns of a text. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "object_store/s3.h"

enum { BITS = 64 };

static unsigned char plain(const struct s3_text *text, char c) {
    return (unsigned char)(text->fold ? tolower((unsigned char)c) : c);
}

void s3_text_begin(struct s3_text *ret, const char *text, bool fold) {
    *ret = (struct s3_text){.at = text, .size = strlen(text), .fold = fold};
}

void s3_text_end(struct s3_text *text) {
    free(text->rows);
    text->rows = NULL;
}

/* Row 0, of characters that the text has not, is empty; the last word of each is, too. */
static void make_rows(struct s3_text *text) {
    size_t count = 1;

    memset(text->row_of, 0, sizeof text->row_of);
    for (size_t i = 0; i < text->size; i++) {
        unsigned char c = plain(text, text->at[i]);

        if (!text->row_of[c]) {
            text->row_of[c] = (unsigned short)count++;
        }
    }
    text->words = text->size / BITS + 2;
    text->rows = calloc(count * text->words, sizeof *text->rows);
    if (!text->rows) {
        abort();
    }
    for (size_t i = 0; i < text->size; i++) {
        text->rows[text->row_of[plain(text, text->at[i])] * text->words + i / BITS] |= 1ULL << i % BITS;
    }
    text->steps += text->size;
}

/* Whether the 'size' characters at 'pattern', none a star, stand at 'place' of the text. */
static bool stands(struct s3_text *text, const char *pattern, size_t size, size_t place) {
    size_t i = 0;

    while (i < size && (pattern[i] == '?' || plain(text, pattern[i]) == plain(text, text->at[place + i]))) {
        i++;
    }
    text->steps += i + 1;
    return i == size;
}

/* Of the 64 places from 'first' on, those that are in 'possible' and where the characters at 'pattern' stand. */
static uint64_t places(struct s3_text *text, const char *pattern, size_t size, size_t first, uint64_t possible) {
    for (size_t i = 0; i < size && possible; i++) {
        const uint64_t *word = &text->rows[text->row_of[plain(text, pattern[i])] * text->words + (first + i) / BITS];
        size_t shift = (first + i) % BITS;

        if (pattern[i] != '?') {
            possible &= shift ? word[0] >> shift | word[1] << (BITS - shift) : word[0];
        }
        text->steps++;
    }
    return possible;
}

/* The first place in [from, last] where they stand; -1: none. */
static ssize_t find(struct s3_text *text, const char *pattern, size_t size, size_t from, size_t last) {
    if (!text->rows) {
        make_rows(text);
    }
    for (size_t first = from; first <= last; first += BITS) {
        uint64_t possible = last - first >= BITS - 1 ? UINT64_MAX : (2ULL << (last - first)) - 1;

        possible = places(text, pattern, size, first, possible);
        if (possible) {
            return (ssize_t)first + __builtin_ctzll(possible);
        }
    }
    return -1;
}

bool s3_text_fits(struct s3_text *text, const char *pattern) {
    size_t size = strcspn(pattern, "*"), at = size, end;
    const char *last = strrchr(pattern, '*');

    if (!last) {
        return size == text->size && stands(text, pattern, size, 0);
    }
    end = strlen(last + 1);
    if (size + end > text->size || !stands(text, pattern, size, 0) || !stands(text, last + 1, end, text->size - end)) {
        return false;
    }
    end = text->size - end;
    for (pattern += size; pattern < last; pattern += size) {
        ssize_t place;

        size = strcspn(++pattern, "*");
        place = size > end - at ? -1 : size ? find(text, pattern, size, at, end - size) : (ssize_t)at;
        if (place < 0) {
            return false;
        }
        at = (size_t)place + size;
    }
    return true;
}

bool s3_glob(const char *pattern, const char *text, bool fold) {
    struct s3_text once;
    bool fits;

    s3_text_begin(&once, text, fold);
    fits = s3_text_fits(&once, pattern);
    s3_text_end(&once);
    return fits;
}
