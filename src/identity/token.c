/* SPDX-License-Identifier: Apache-2.0
 * Tokens: their two forms, revocations, and validation from memory. Where several API processes share a database, each
 * change of identity's data moves a number on there, which the others look at. */
#include "identity/token.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/map.h"
#include "http/http.h"
#include "identity/application_credential.h"
#include "identity/certificate.h"
#include "identity/identity.h"
#include "identity/token_cache.h"
#include "identity/token_form.h"
#include "identity/types.h"
#include "rest/cloud.h"

#define LOOK_EVERY (SECOND / 2)
#define OVERLAP (60 * SECOND)       /* revocations are read again from so long before: clocks differ */

const char *const token_method_names[] = {"password", "token", "application_credential", "ec2credential", "totp", "oauth1",
                                          "external", "mapped", "openid", "saml2", "oauth2_credential", NULL};

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

/* ---- revocations ---- */

static pthread_once_t revoked_once = PTHREAD_ONCE_INIT;
static pthread_rwlock_t revoked_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct map *revoked;         /* audit id to the second from when on nobody asks any more */

static void revoked_make(void) {
    revoked = map_new();
}

static void revoke(const char *audit_id, int64_t until) {
    pthread_once(&revoked_once, revoked_make);
    pthread_rwlock_wrlock(&revoked_lock);
    map_set(revoked, audit_id, (void *)(uintptr_t)(until / SECOND + 1));
    pthread_rwlock_unlock(&revoked_lock);
}

static bool is_revoked(const char *audit_id) {
    bool found;

    pthread_once(&revoked_once, revoked_make);
    pthread_rwlock_rdlock(&revoked_lock);
    found = audit_id && map_get(revoked, audit_id);
    pthread_rwlock_unlock(&revoked_lock);
    return found;
}

/* Expired tokens stay revoked for who asks for expired ones. */
static int64_t asked_until(int64_t expires) {
    return expires + conf_int(cloud.conf, "token", "allow_expired_window", 48 * 3600) * SECOND;
}

static void revoke_after(void *token) {
    revoke(((const struct token *)token)->audit_id, asked_until(((const struct token *)token)->expires));
}

bool token_revoke(struct call *call, const struct token *token) {
    identity_changed(call);
    call_after_commit(call, revoke_after, (void *)(uintptr_t)token);
    return row_insert(call, &resource_identity_revocation,
                      &(struct identity_revocation){.id = id_hex(call->arena), .audit_id = token->audit_id,
                                                    .purge_at = asked_until(token->expires), .issued_before = clock_now(),
                                                    .revoked_at = clock_now()});
}

bool token_revoked_by(struct call *call, const char *kind, const char *id) {
    struct identity_revocation event = {.id = id_hex(call->arena), .issued_before = clock_now(), .revoked_at = clock_now()};
    const struct {
        const char *kind, **id;
    } kinds[] = {{"user", &event.user_id},         {"project", &event.project_id},
                 {"domain", &event.domain_id},     {"role", &event.role_id},
                 {"trust", &event.trust_id},       {"consumer", &event.consumer_id},
                 {"access_token", &event.access_token_id}};

    event.purge_at = clock_now() + conf_int(cloud.conf, "identity", "token_seconds", 3600) * SECOND;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcmp(kinds[i].kind, kind)) {
            *kinds[i].id = id;
            return row_insert(call, &resource_identity_revocation, &event);
        }
    }
    return true;
}

void token_forget_revoked(void) {
    int64_t now = clock_now() / SECOND;
    struct map *kept = map_new();
    size_t cursor = 0;
    const char *key;
    void *value;

    pthread_once(&revoked_once, revoked_make);
    pthread_rwlock_wrlock(&revoked_lock);
    while ((key = map_next(revoked, &cursor, &value))) {
        if ((int64_t)(uintptr_t)value > now) {
            map_set(kept, key, value);
        }
    }
    map_free(revoked, NULL);
    revoked = kept;
    pthread_rwlock_unlock(&revoked_lock);
    cache_sweep(clock_now());
}

bool token_load_revoked(struct call *call, int64_t since) {
    struct rows *rows = db_query(call->db, "SELECT audit_id, purge_at FROM identity_revocation_event"
                                           " WHERE audit_id IS NOT NULL AND revoked_at >= ?", SQL_ARGS(sql_int(since)));

    while (rows_next(rows)) {
        revoke(rows_text(rows, 0), rows_int(rows, 1));
    }
    rows_end(rows);
    return db_failure(call->db) == DB_OK;
}

/* ---- what changed: in this process, and in others ---- */

static _Atomic uint64_t generation = 1;
static _Atomic int64_t looked, seen = -1, seen_at;

static bool is_shared(void) {
    return !strncmp(conf_text(cloud.conf, "database", "url", ""), "postgresql:", 11);
}

uint64_t identity_generation(void) {
    return generation;
}

static void move_on(void *unused) {
    generation++;
}

void identity_changed(struct call *call) {
    call_after_commit(call, move_on, NULL);
    if (is_shared()) {
        call_exec(call, "UPDATE identity_state SET changes = changes + 1 WHERE id = 'tokens'", SQL_NO_ARGS);
    }
}

/* Where others may have changed something, memory is not enough all the time. */
static bool must_look(void) {
    return is_shared() && clock_monotonic() - looked >= LOOK_EVERY;
}

/* In a transaction. */
static void look_around(struct call *call) {
    int64_t changes;

    if (!must_look()) {
        return;
    }
    looked = clock_monotonic();
    changes = db_query_int(call->db, "SELECT changes FROM identity_state WHERE id = 'tokens'", SQL_NO_ARGS, -1);
    if (changes != seen && token_load_revoked(call, seen_at - OVERLAP)) {
        seen_at = clock_now();
        seen = changes;
        generation++;
    }
}

/* ---- the two forms ---- */

char *token_seal(struct arena *arena, const struct token *token) {
    return !strcmp(conf_text(cloud.conf, "token", "provider", "fernet"), "jws") ? token_seal_jws(arena, token)
                                                                               : token_seal_fernet(arena, token);
}

/* Both forms are good at any time, so that the provider can be changed while tokens are out. */
struct token *token_open(struct arena *arena, const char *sealed, bool allow_expired) {
    struct token *token = strchr(sealed, '.') ? token_open_jws(arena, sealed) : token_open_fernet(arena, sealed);

    return token && (allow_expired || token->expires > clock_now()) && !is_revoked(token->audit_id) ? token : NULL;
}

/* ---- validation ---- */

static struct cached *validate(struct call *call, const char *sealed) {
    uint64_t now = generation;
    struct token *token = token_open(call->arena, sealed, false);
    struct caller caller;

    return token && caller_load(call, token, &caller) ? cache_put(sealed, now, token, &caller) : NULL;
}

static bool is_current(struct call *call, struct cached *cached) {
    arena_defer(call->http ? call->http->arena : call->arena, cached_unref, cached);
    return cached->token.expires > clock_now() && (!cached->token.until || cached->token.until > clock_now()) &&
           !is_revoked(cached->token.audit_id) && !cached->token.secret;
}

/* The token validated, from memory or anew; null when it is not valid. Lives as long as the request. In a transaction. */
static const struct cached *find_valid(struct call *call, const char *sealed) {
    struct cached *cached;

    look_around(call);
    cached = cache_get(sealed, generation);
    if (cached && is_current(call, cached)) {
        return cached;
    }
    cached = validate(call, sealed);
    return cached && is_current(call, cached) ? cached : NULL;
}

bool token_find(struct call *call, const char *sealed, struct token *ret_token, struct caller *ret_caller) {
    const struct cached *cached = find_valid(call, sealed);

    if (cached) {
        *ret_token = cached->token;
        *ret_caller = cached->caller;
    }
    return cached != NULL;
}

static bool authenticate(struct call *call, const struct cached *cached) {
    if (!cached || !certificate_allows(call, &cached->token) ||
        (cached->token.access_rules && !access_rules_allow(call, cached->token.access_rules))) {
        return false;
    }
    call->caller = cached->caller;
    return true;
}

bool token_authenticate(struct call *call, const char *sealed) {
    return authenticate(call, find_valid(call, sealed));
}

bool token_recall(struct call *call, const char *sealed) {
    struct cached *cached = must_look() ? NULL : cache_get(sealed, generation);

    return authenticate(call, cached && is_current(call, cached) ? cached : NULL);
}

/* ---- EC2 keys ---- */

/* No token looks like this, and keys are never taken for one (is_current). */
static const char *keys_name(struct call *call, const char *access) {
    return arena_printf(call->arena, "ec2 %s", access);
}

const char *token_recall_keys(struct call *call, const char *access) {
    struct cached *cached = must_look() ? NULL : cache_get(keys_name(call, access), generation);

    if (!cached) {
        return NULL;
    }
    arena_defer(call->arena, cached_unref, cached);
    return cached->token.expires > clock_now() && authenticate(call, cached) ? cached->token.secret : NULL;
}

const char *token_load_keys(struct call *call, const char *access, token_loader *load) {
    uint64_t now;
    struct token token = {0};
    struct caller caller;
    struct cached *cached;

    look_around(call);
    now = generation;
    if (!load(call, access, &token, &caller)) {
        return NULL;
    }
    cached = cache_put(keys_name(call, access), now, &token, &caller);
    arena_defer(call->arena, cached_unref, cached);
    return authenticate(call, cached) ? cached->token.secret : NULL;
}
