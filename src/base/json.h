/* SPDX-License-Identifier: Apache-2.0
 * JSON (RFC 8259): a strict reader that makes a tree in an arena, and a small writer that makes no tree.
 *
 * The reader refuses what a tenant could use against us: depth over 64, duplicate members, invalid UTF-8, lone
 * surrogates and NUL in text. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"

struct arena;

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_INT, JSON_REAL, JSON_TEXT, JSON_LIST, JSON_MAP };

struct json {
    enum json_type type;
    uint32_t count;             /* items of a list, members of a map, bytes of a text */
    const char *key;            /* in a map */
    struct json *next;          /* sibling */
    union {
        struct json *first;     /* of a list or map */
        int64_t integer;
        double real;
        const char *text;
    };
};

/* Parses 'size' bytes. On an error returns null and sets *ret_error to a sentence that says where and what. */
struct json *json_parse(struct arena *arena, const char *bytes, size_t size, const char **ret_error);

/* The member 'key' of a map; null when it is absent or 'node' is null or no map. */
const struct json *json_get(const struct json *node, const char *key);

/* The text of member 'key', or null when it is absent or no text. */
const char *json_get_text(const struct json *node, const char *key);
/* The integer of member 'key', or 'otherwise' when it is absent or no integer. */
int64_t json_get_int(const struct json *node, const char *key, int64_t otherwise);
/* True when member 'key' is true. */
bool json_get_bool(const struct json *node, const char *key);

static inline bool json_is_bool(const struct json *node) {
    return node->type == JSON_TRUE || node->type == JSON_FALSE;
}

/* The first item of a list or member of a map; null of anything else. */
static inline const struct json *json_first(const struct json *of) {
    return of && of->type >= JSON_LIST ? of->first : NULL;
}

/* for (JSON_EACH(item, list_or_map)) */
#define JSON_EACH(item, of) const struct json *item = json_first(of); item; item = item->next

/* The writer. Commas are its own business: begin and end containers, give keys inside maps. */
struct json_out {
    struct buf *buf;
    bool follows;               /* the next value needs a comma before it */
};

void json_map(struct json_out *out);
void json_map_end(struct json_out *out);
void json_list(struct json_out *out);
void json_list_end(struct json_out *out);
void json_key(struct json_out *out, const char *key);
/* The same with a key made ready once by json_key_make. */
const char *json_key_make(struct arena *arena, const char *key);
void json_key_made(struct json_out *out, const char *made);
void json_text(struct json_out *out, const char *text);                     /* null becomes null */
void json_text_size(struct json_out *out, const char *text, size_t size);
void json_int(struct json_out *out, int64_t value);
void json_real(struct json_out *out, double value);                         /* shortest; null when not finite */
void json_time(struct json_out *out, int64_t time, enum time_format format);    /* 0, which is none, becomes null */
void json_bool(struct json_out *out, bool value);
void json_null(struct json_out *out);
void json_raw(struct json_out *out, const char *json);                      /* JSON text as it is; null becomes null */
void json_tree(struct json_out *out, const struct json *node);              /* null becomes null */

/* key and value at once */
void json_put_text(struct json_out *out, const char *key, const char *text);
void json_put_int(struct json_out *out, const char *key, int64_t value);
void json_put_bool(struct json_out *out, const char *key, bool value);
void json_put_null(struct json_out *out, const char *key);
void json_put_raw(struct json_out *out, const char *key, const char *json);

/* Puts 'node' behind the members of the list or map 'to'. */
void json_append(struct json *to, struct json *node);

/* 'node' as compact JSON text in the arena. */
const char *json_print(struct arena *arena, const struct json *node);

/* True when 'size' bytes are well-formed UTF-8 (RFC 3629). */
bool utf8_valid(const char *bytes, size_t size);
/* Number of characters of a valid UTF-8 text. */
size_t utf8_length(const char *text);
