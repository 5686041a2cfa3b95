/* SPDX-License-Identifier: Apache-2.0
 * The tables of the index as ordered pairs; see ordered_rows.h. */
#include "object_store/ordered_rows.h"

/* Columns as in index.c. Containers, data and dropped share one sequence of numbers. */
const struct ordered_table ordered_tables[] = {
    {"account", "name, created, containers, objects, bytes, meta", "tiiiib", {{'a', .columns = "a"}}},
    {"container",
     "id, account, name, created, modified, objects, bytes, old_objects, old_bytes, policy, versions, meta",
     "nttiiiiiiiib", {{'c', .columns = "bc"}, {'i', .columns = "a"}}},
    {"object", "container, name, version, size, modified, expires, etag, type, kind, meta, place, data, sum",
     "itiiiittibtii", {{'o', .columns = "ab"}, {'e', true, "fab"}, {'p', true, "kab"}}},
    {"version", "container, name, version, size, modified, expires, etag, type, kind, meta, place, data, sum",
     "itiiiittibtii", {{'v', .columns = "abC"}, {'q', true, "kabC"}}},
    {"data", "id, bytes", "nb", {{'d', .columns = "a"}}},
    {"garbage", "place", "t", {{'g', .columns = "a"}}},
    {"damaged", "place, what", "tt", {{'m', .columns = "a"}}},
    {"sync", "container, name, stamp", "iti", {{'s', .columns = "ab"}}},
    {"dropped", "id, account, container, name, upload", "ntttt", {{'w', .columns = "a"}}},
    {0},
};

void ordered_put_number(struct buf *key, int64_t number, bool turned) {
    uint64_t bits = (uint64_t)number ^ (uint64_t)1 << 63;
    unsigned char bytes[8];

    bits = turned ? ~bits : bits;
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(bits >> (56 - 8 * i));
    }
    buf_put(key, bytes, sizeof bytes);
}

void ordered_put_value(struct buf *key, const struct ordered_value *value, bool number, bool turned) {
    if (number) {
        ordered_put_number(key, value->number, turned);
    } else {
        buf_put(key, value->bytes, value->size);
        buf_char(key, 0);
    }
}

bool ordered_is_number(const struct ordered_table *table, int column) {
    return table->types[column] == 'i' || table->types[column] == 'n';
}

bool ordered_make_key(const struct ordered_table *table, const struct ordered_path *path, const struct ordered_row *row, struct buf *ret) {
    const struct ordered_value *first = &row->values[ordered_column(path->columns[0])];

    buf_clear(ret);
    if (path->partial && (first->type == 'i' ? first->number <= 0 : !first->type)) {
        return false;
    }
    buf_char(ret, path->letter);
    for (const char *at = path->columns; *at; at++) {
        int column = ordered_column(*at);

        ordered_put_value(ret, &row->values[column], ordered_is_number(table, column), *at < 'a');
    }
    buf_char(ret, 0);
    return true;
}

/* ---- rows as bytes: for each column its type, then 8 bytes, or 4 of a size and so many ---- */

void ordered_pack(const struct ordered_table *table, const struct ordered_row *row, struct buf *ret) {
    buf_clear(ret);
    for (size_t i = 0; i < ordered_columns(table); i++) {
        const struct ordered_value *value = &row->values[i];
        uint32_t size = (uint32_t)value->size;

        buf_char(ret, value->type);
        if (value->type == 'i') {
            buf_put(ret, &value->number, sizeof value->number);
        } else if (value->type) {
            buf_put(ret, &size, sizeof size);
            buf_put(ret, value->bytes, value->size);
        }
    }
}

bool ordered_unpack(const struct ordered_table *table, struct ordered_row *row) {
    const char *at = row->bytes.at, *end = at + row->bytes.size;

    for (size_t i = 0; i < ordered_columns(table); i++) {
        struct ordered_value *value = &row->values[i];
        uint32_t size;

        *value = (struct ordered_value){0};
        if (at >= end) {
            return false;
        }
        value->type = *at++;
        if (value->type == 'i' && (size_t)(end - at) >= sizeof value->number) {
            memcpy(&value->number, at, sizeof value->number);
            at += sizeof value->number;
        } else if (value->type == 'i' || (value->type && (size_t)(end - at) < sizeof size)) {
            return false;
        } else if (value->type) {
            memcpy(&size, at, sizeof size);
            at += sizeof size;
            if ((size_t)(end - at) < size) {
                return false;
            }
            value->bytes = at;
            value->size = size;
            at += size;
        }
    }
    return true;
}
