/* SPDX-License-Identifier: Apache-2.0
 * The tables of the index as ordered pairs: their columns, the keys of their rows, and rows as bytes.
 *
 * Each table has paths: columns in whose order its rows can be found. The first holds the rows, the others name their keys.
 * A pair's key is the path's letter and its columns, each so that bytes sort as the values do: numbers in 8 bytes, highest
 * first, the sign turned; texts with a NUL behind them; a NUL at the end, so that "all but the end" sorts just before it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

enum { MAX_PATHS = 3, MAX_KEYS = 4, MAX_COLUMNS = 16 };

struct ordered_path {
    char letter;                    /* 0: no path */
    bool partial;                   /* has only rows whose first column is a text, or a number above 0 */
    const char *columns;            /* in order, a letter each as 'a' + number; capital: from high to low */
};

struct ordered_table {
    const char *name, *schema;
    const char *types;              /* of the columns: i number, t text, b bytes; n: a number that we give when there is none */
    struct ordered_path paths[MAX_PATHS];
};

extern const struct ordered_table ordered_tables[];     /* ends with a null name */

struct ordered_value {
    char type;                      /* i, t, b; 0: null */
    int64_t number;
    const char *bytes;
    size_t size;
};

struct ordered_row {
    struct ordered_value values[MAX_COLUMNS];
    struct buf bytes;               /* what the values point to */
};

static inline size_t ordered_columns(const struct ordered_table *table) {
    return strlen(table->types);
}

/* The number of the column that a path names by a letter. */
static inline int ordered_column(char letter) {
    return letter >= 'a' ? letter - 'a' : letter - 'A';
}

bool ordered_is_number(const struct ordered_table *table, int column);

/* Adds to a key: a number, 'turned' where it goes from high to low; a value of a column. */
void ordered_put_number(struct buf *key, int64_t number, bool turned);
void ordered_put_value(struct buf *key, const struct ordered_value *value, bool number, bool turned);
/* The row's key of that path. False: the row is none of the path's. */
bool ordered_make_key(const struct ordered_table *table, const struct ordered_path *path, const struct ordered_row *row,
                      struct buf *ret);

/* The row as bytes, and back; false: these are no bytes of ours. 'row->bytes' holds them. */
void ordered_pack(const struct ordered_table *table, const struct ordered_row *row, struct buf *ret);
bool ordered_unpack(const struct ordered_table *table, struct ordered_row *row);
