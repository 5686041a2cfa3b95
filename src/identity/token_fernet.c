/* SPDX-License-Identifier: Apache-2.0
 * Fernet tokens: a short binary record, sealed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "identity/keys.h"
#include "identity/token_form.h"

enum { RECORD_VERSION = 2 };

/* Ids of 32 hexadecimal digits take 17 bytes, others their text. */
static void put_id(struct buf *buf, const char *id) {
    size_t size = id ? strlen(id) : 0;

    if (size == 32 && id_is_hex(id)) {
        buf_char(buf, (char)0xff);
        for (int i = 0; i < 32; i += 2) {
            char digits[3] = {id[i], id[i + 1], 0};

            buf_char(buf, (char)strtol(digits, NULL, 16));
        }
        return;
    }
    assert(size < 255);
    buf_char(buf, (char)size);
    buf_put(buf, id, size);
}

static void put_int(struct buf *buf, int64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        buf_char(buf, (char)(value >> shift));
    }
}

struct record {
    const uint8_t *at, *end;
    bool bad;
};

static unsigned get_byte(struct record *r) {
    if (r->at >= r->end) {
        r->bad = true;
        return 0;
    }
    return *r->at++;
}

static int64_t get_int(struct record *r) {
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | get_byte(r);
    }
    return (int64_t)value;
}

static const char *get_id(struct record *r, struct arena *arena) {
    static const char hex[] = "0123456789abcdef";
    unsigned size = get_byte(r);
    bool packed = size == 0xff;
    char *id;

    size = packed ? 16 : size;
    if ((size_t)(r->end - r->at) < size) {
        r->bad = true;
        return NULL;
    }
    id = arena_alloc(arena, size * 2 + 1);
    for (unsigned i = 0; i < size; i++) {
        unsigned byte = get_byte(r);

        if (packed) {
            id[i * 2] = hex[byte >> 4];
            id[i * 2 + 1] = hex[byte & 15];
        } else {
            id[i] = (char)byte;
        }
    }
    return size ? id : NULL;
}

/* Only tokens of federated users have this part, at the end of the record. */
static void put_federation(struct buf *buf, struct arena *arena, const struct token *token) {
    const char *text = token->group_ids ? token->group_ids : "[]";
    const struct json *groups = json_parse(arena, text, strlen(text), NULL);

    put_id(buf, token->idp_id);
    put_id(buf, token->protocol_id);
    buf_char(buf, (char)groups->count);
    for (JSON_EACH(group, groups)) {
        put_id(buf, group->text);
    }
}

static void get_federation(struct record *r, struct arena *arena, struct token *token) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    unsigned count;

    token->idp_id = get_id(r, arena);
    token->protocol_id = get_id(r, arena);
    count = get_byte(r);
    json_list(&out);
    while (count-- && !r->bad) {
        json_text(&out, get_id(r, arena));
    }
    json_list_end(&out);
    token->group_ids = buf_taken(&buf, arena);
}

char *token_seal_fernet(struct arena *arena, const struct token *token) {
    struct buf buf = {0};
    char *sealed;

    buf_char(&buf, RECORD_VERSION);
    buf_char(&buf, (char)(token->methods >> 8));
    buf_char(&buf, (char)token->methods);
    buf_char(&buf, (char)token->scope);
    put_id(&buf, token->user_id);
    put_id(&buf, token->scope_id);
    buf_char(&buf, (char)token->delegation);
    put_id(&buf, token->delegation_id);
    put_int(&buf, token->issued);
    put_int(&buf, token->expires);
    put_id(&buf, token->audit_id);
    put_id(&buf, token->parent_audit_id);
    if (token->methods & METHOD_OAUTH2) {
        put_id(&buf, token->thumbprint);
    }
    if (token->idp_id) {
        put_federation(&buf, arena, token);
    }
    sealed = keys_seal(KEYS_TOKEN, arena, buf.at, buf.size, token->issued / SECOND);
    buf_release(&buf);
    return sealed;
}

struct token *token_open_fernet(struct arena *arena, const char *sealed) {
    struct token *token = ARENA_NEW(arena, struct token);
    struct record r;
    size_t size;
    int64_t created;
    const uint8_t *bytes = keys_open(KEYS_TOKEN, arena, sealed, &size, &created);

    if (!bytes) {
        return NULL;
    }
    r = (struct record){.at = bytes, .end = bytes + size};
    if (get_byte(&r) != RECORD_VERSION) {
        return NULL;
    }
    token->methods = get_byte(&r) << 8;
    token->methods |= get_byte(&r);
    token->scope = get_byte(&r);
    token->user_id = get_id(&r, arena);
    token->scope_id = get_id(&r, arena);
    token->delegation = get_byte(&r);
    token->delegation_id = get_id(&r, arena);
    token->issued = get_int(&r);
    token->expires = get_int(&r);
    token->audit_id = get_id(&r, arena);
    token->parent_audit_id = get_id(&r, arena);
    if (token->methods & METHOD_OAUTH2) {
        token->thumbprint = get_id(&r, arena);
    }
    if (r.at < r.end) {
        get_federation(&r, arena, token);
    }
    return r.bad || !token->user_id ? NULL : token;
}
