/* SPDX-License-Identifier: Apache-2.0
 * Tokens: a short binary record, sealed with Fernet; validated from memory. */
#include "identity/token.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/map.h"
#include "identity/application_credential.h"
#include "identity/identity.h"
#include "http/http.h"
#include "identity/keys.h"

enum { RECORD_VERSION = 2, MAX_CACHED = 200000, SHARDS = 16 };

/* ---- the record ---- */

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

char *token_seal(struct arena *arena, const struct token *token) {
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
    sealed = keys_seal(KEYS_TOKEN, arena, buf.at, buf.size, token->issued / SECOND);
    buf_release(&buf);
    return sealed;
}

const char *const token_method_names[] = {"password", "token", "application_credential", "ec2credential", "totp", "oauth1",
                                          "external", NULL};

void token_methods_write(struct json_out *out, unsigned methods) {
    json_list(out);
    for (unsigned i = 0; token_method_names[i]; i++) {
        if (methods & 1u << i) {
            json_text(out, token_method_names[i]);
        }
    }
    json_list_end(out);
}

char *token_audit_id(struct arena *arena) {
    uint8_t bytes[16];
    char *text;

    random_bytes(bytes, sizeof bytes);
    text = base64url_encode(arena, bytes, sizeof bytes);
    text[strcspn(text, "=")] = 0;
    return text;
}

/* ---- revocations and the cache ---- */

/* A validated token; freed when the last call that uses it ends. */
struct cached {
    struct arena *arena;
    struct caller caller;
    struct token token;
    uint64_t generation;
    _Atomic int users;
};

static struct {
    pthread_rwlock_t lock;
    struct map *map;
} shards[SHARDS];
static pthread_once_t shards_once = PTHREAD_ONCE_INIT;
static pthread_rwlock_t revoked_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct map *revoked;
static _Atomic uint64_t generation = 1;

static void shards_make(void) {
    for (int i = 0; i < SHARDS; i++) {
        pthread_rwlock_init(&shards[i].lock, NULL);
        shards[i].map = map_new();
    }
    revoked = map_new();
}

static void cached_unref(void *pointer) {
    struct cached *cached = pointer;

    if (--cached->users == 0) {
        arena_free(cached->arena);
    }
}

void token_revoke(const char *audit_id) {
    pthread_once(&shards_once, shards_make);
    pthread_rwlock_wrlock(&revoked_lock);
    map_set(revoked, audit_id, &revoked);
    pthread_rwlock_unlock(&revoked_lock);
}

static bool is_revoked(const char *audit_id) {
    bool found;

    if (!audit_id) {
        return false;
    }
    pthread_rwlock_rdlock(&revoked_lock);
    found = map_get(revoked, audit_id) != NULL;
    pthread_rwlock_unlock(&revoked_lock);
    return found;
}

static void move_on(void *unused) {
    generation++;
}

void identity_changed(struct call *call) {
    call_after_commit(call, move_on, NULL);
}

struct token *token_open(struct arena *arena, const char *sealed, bool allow_expired) {
    struct token *token = ARENA_NEW(arena, struct token);
    struct record r;
    size_t size;
    int64_t created;
    const uint8_t *bytes = keys_open(KEYS_TOKEN, arena, sealed, &size, &created);

    pthread_once(&shards_once, shards_make);
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
    if (r.bad || (!allow_expired && token->expires <= clock_now()) || is_revoked(token->audit_id)) {
        return NULL;
    }
    return token;
}

static struct cached *cache_find(const char *sealed, unsigned shard) {
    struct cached *cached;

    pthread_rwlock_rdlock(&shards[shard].lock);
    cached = map_get(shards[shard].map, sealed);
    if (cached) {
        cached->users++;
    }
    pthread_rwlock_unlock(&shards[shard].lock);
    return cached;
}

static void cache_put(const char *sealed, unsigned shard, struct cached *cached) {
    struct cached *old;

    pthread_rwlock_wrlock(&shards[shard].lock);
    if (map_count(shards[shard].map) > MAX_CACHED / SHARDS) {
        map_free(shards[shard].map, cached_unref);
        shards[shard].map = map_new();
    }
    old = map_set(shards[shard].map, sealed, cached);
    pthread_rwlock_unlock(&shards[shard].lock);
    if (old) {
        cached_unref(old);
    }
}

static struct cached *validate(struct call *call, const char *sealed) {
    struct arena *arena = arena_new(0), *keep = call->arena;
    struct cached *cached = ARENA_NEW(arena, struct cached);
    struct token *token = token_open(arena, sealed, false);
    bool ok;

    if (!token) {
        arena_free(arena);
        return NULL;
    }
    *cached = (struct cached){.arena = arena, .generation = generation, .users = 2, .token = *token};
    call->arena = arena;
    ok = caller_load(call, &cached->token, &cached->caller);
    call->arena = keep;
    if (!ok) {
        call->error_message = arena_text(keep, call->error_message);
        arena_free(arena);
        return NULL;
    }
    cached->caller.token = &cached->token;
    return cached;
}

static bool is_current(struct call *call, struct cached *cached) {
    arena_defer(call->http ? call->http->arena : call->arena, cached_unref, cached);
    return cached->token.expires > clock_now() && !is_revoked(cached->token.audit_id);
}

/* The token validated, from memory or (unless 'known_only') anew; null when it is not valid. Lives as long as the
 * request. */
static const struct cached *find_valid(struct call *call, const char *sealed, bool known_only) {
    unsigned shard = (unsigned)(map_hash(sealed, strlen(sealed)) % SHARDS);
    struct cached *cached;

    pthread_once(&shards_once, shards_make);
    cached = cache_find(sealed, shard);
    if (!cached || cached->generation != generation) {
        if (cached) {
            cached_unref(cached);
        }
        cached = known_only ? NULL : validate(call, sealed);
        if (!cached) {
            return NULL;
        }
        cache_put(sealed, shard, cached);
    }
    return is_current(call, cached) ? cached : NULL;
}

bool token_find(struct call *call, const char *sealed, struct token *ret_token, struct caller *ret_caller) {
    const struct cached *cached = find_valid(call, sealed, false);

    if (cached) {
        *ret_token = cached->token;
        *ret_caller = cached->caller;
    }
    return cached != NULL;
}

static bool authenticate(struct call *call, const char *sealed, bool known_only) {
    const struct cached *cached = find_valid(call, sealed, known_only);

    if (!cached || (cached->token.access_rules && !access_rules_allow(call, cached->token.access_rules))) {
        return false;
    }
    call->caller = cached->caller;
    return true;
}

bool token_authenticate(struct call *call, const char *sealed) {
    return authenticate(call, sealed, false);
}

bool token_recall(struct call *call, const char *sealed) {
    return authenticate(call, sealed, true);
}
