/* SPDX-License-Identifier: Apache-2.0
 * OAuth 1.0a: signed requests of consumers, the steps from a request token to an access token, and method oauth1. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "http/http.h"
#include "identity/application_credential.h"
#include "identity/auth.h"
#include "identity/credential.h"
#include "identity/forget.h"
#include "identity/identity.h"
#include "identity/keys.h"
#include "identity/target.h"

enum { MAX_PAIRS = 64 };
#define REQUEST_TOKEN_LIFE (8 * 3600 * SECOND)
#define ACCESS_TOKEN_LIFE (24 * 3600 * SECOND)

/* ---- secrets ---- */

static const char *seal(struct call *call, const char *secret) {
    return keys_seal(KEYS_CREDENTIAL, call->arena, secret, strlen(secret), clock_now() / SECOND);
}

static const char *unseal(struct call *call, const char *sealed) {
    size_t size;
    int64_t created;
    const uint8_t *bytes = keys_open(KEYS_CREDENTIAL, call->arena, sealed, &size, &created);

    return bytes ? arena_text_size(call->arena, (const char *)bytes, size) : "";
}

bool identity_consumer_create(struct call *call, void *pointer) {
    struct identity_consumer *consumer = pointer;

    consumer->secret = id_hex(call->arena);
    consumer->secret_kept = seal(call, consumer->secret);
    return true;
}

bool identity_consumer_delete(struct call *call, void *consumer) {
    return forget(call, "consumer", "?", ((const struct identity_consumer *)consumer)->id);
}

/* ---- signatures: RFC 5849, section 3 ---- */

struct pair {
    const char *name, *value;       /* decoded */
};

struct oauth {
    struct pair pairs[MAX_PAIRS];   /* of the header, then of the query */
    size_t count, of_header;
};

/* 'Authorization: OAuth name="value", ...' */
static void read_header(struct call *call, struct oauth *oauth) {
    const char *at = http_header(call->http, "Authorization");

    if (!at || strncmp(at, "OAuth ", 6) != 0) {
        return;
    }
    for (at += 6; *at && oauth->count < MAX_PAIRS;) {
        size_t name, value;

        at += strspn(at, ", \t");
        name = strcspn(at, "=");
        if (!name || at[name] != '=' || at[name + 1] != '"') {
            return;
        }
        value = strcspn(at + name + 2, "\"");
        oauth->pairs[oauth->count].name = http_decode(call->arena, at, name, false);
        oauth->pairs[oauth->count].value = http_decode(call->arena, at + name + 2, value, false);
        oauth->count += oauth->pairs[oauth->count].name && oauth->pairs[oauth->count].value;
        at += name + 2 + value;
        at += *at == '"';
    }
}

static void oauth_read(struct call *call, struct oauth *oauth) {
    const struct http_arguments *arguments = http_arguments(call->http);

    read_header(call, oauth);
    oauth->of_header = oauth->count;
    for (size_t i = 0; arguments && i < arguments->count && oauth->count < MAX_PAIRS; i++) {
        oauth->pairs[oauth->count++] = (struct pair){arguments->at[i].name, arguments->at[i].value};
    }
}

static const char *oauth_get(const struct oauth *oauth, const char *name) {
    for (size_t i = 0; i < oauth->of_header; i++) {
        if (!strcmp(oauth->pairs[i].name, name)) {
            return oauth->pairs[i].value;
        }
    }
    return NULL;
}

static const char *escaped(struct arena *arena, const char *text) {
    return http_encoded(arena, text ? text : "", "");
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The parameters but the signature, encoded, in order. */
static const char *parameters(struct arena *arena, const struct oauth *oauth) {
    const char *parts[MAX_PAIRS], *text;
    struct buf buf = {0};
    size_t count = 0;

    for (size_t i = 0; i < oauth->count; i++) {
        if (strcmp(oauth->pairs[i].name, "oauth_signature") != 0 && strcmp(oauth->pairs[i].name, "realm") != 0) {
            parts[count++] = arena_printf(arena, "%s=%s", escaped(arena, oauth->pairs[i].name),
                                          escaped(arena, oauth->pairs[i].value));
        }
    }
    qsort(parts, count, sizeof *parts, by_text);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&buf, "%s%s", i ? "&" : "", parts[i]);
    }
    text = buf_taken(&buf, arena);
    return text;
}

/* Whether the request is signed by the consumer and (null: none) the holder of a token's secret. */
static bool oauth_signed(struct call *call, const struct oauth *oauth, const char *consumer_secret, const char *token_secret) {
    const char *given = oauth_get(oauth, "oauth_signature"), *method = oauth_get(oauth, "oauth_signature_method");
    char *url = arena_printf(call->arena, "%s%s", call_base_url(call), call->http->raw_path);
    const char *text, *key;
    uint8_t mac[20];

    if (!given || !method || strcmp(method, "HMAC-SHA1") != 0) {
        return false;
    }
    for (char *at = url; *at && (at < url + 8 || *at != '/'); at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    text = arena_printf(call->arena, "%s&%s&%s", call->http->method_name, escaped(call->arena, url),
                        escaped(call->arena, parameters(call->arena, oauth)));
    key = arena_printf(call->arena, "%s&%s", escaped(call->arena, consumer_secret), escaped(call->arena, token_secret));
    hmac_sha1(key, strlen(key), text, strlen(text), mac);
    return equal_secret(base64_encode(call->arena, mac, sizeof mac), given);
}

/* ---- the steps ---- */

static bool find_consumer(struct call *call, const struct oauth *oauth, struct identity_consumer **ret_consumer) {
    const char *id = oauth_get(oauth, "oauth_consumer_key");

    if (!id) {
        return fail(call, 400, "Expecting to find oauth_consumer_key in request.");
    }
    return row_find(call, &resource_identity_consumer, id, ret_consumer) ||
           fail_not_found(call, &resource_identity_consumer, id);
}

static void respond_form(struct call *call, const char *id, const char *secret, int64_t expires) {
    char text[TIME_TEXT_SIZE];

    buf_printf(call->response, "oauth_token=%s&oauth_token_secret=%s&oauth_expires_at=%s", id, secret,
               time_print(expires, TIME_MICRO_Z, text));
    call->content_type = true;
    call_header(call, "Content-Type", "application/x-www-form-urlencoded");
}

bool oauth1_request_token(struct call *call) {
    const char *project = http_header(call->http, "Requested-Project-Id"), *secret = id_hex(call->arena);
    struct identity_request_token row = {0};
    struct identity_consumer *consumer;
    struct oauth oauth = {0};

    oauth_read(call, &oauth);
    if (!find_consumer(call, &oauth, &consumer)) {
        return false;
    }
    if (!project || !identity_project_exists(call, project)) {
        return fail(call, project ? 404 : 400, "Expecting to find a project by Requested-Project-Id.");
    }
    if (!oauth_signed(call, &oauth, unseal(call, consumer->secret_kept), NULL)) {
        return fail(call, 401, "Invalid signature");
    }
    row_defaults(call, &resource_identity_request_token, &row);
    row.secret_kept = seal(call, secret);
    row.consumer_id = consumer->id;
    row.project_id = project;
    row.expires_at = clock_now() + REQUEST_TOKEN_LIFE;
    if (!row_insert(call, &resource_identity_request_token, &row)) {
        return false;
    }
    respond_form(call, row.id, secret, row.expires_at);
    return true;
}

/* The roles that the user grants must be its own in the project, now. */
static bool held_by_caller(struct call *call, const char *project, const char *role_ids) {
    struct token token = {.user_id = call->caller.user_id, .scope = SCOPE_PROJECT, .scope_id = project, .issued = INT64_MAX};
    const struct json *ids = json_parse(call->arena, role_ids, strlen(role_ids), NULL);
    struct caller user;

    if (!caller_load(call, &token, &user)) {
        return false;
    }
    for (JSON_EACH(id, ids)) {
        bool held = false;

        for (size_t i = 0; i < user.role_count; i++) {
            held = held || !strcmp(user.role_ids[i], id->text);
        }
        if (!held) {
            return false;
        }
    }
    return true;
}

bool oauth1_authorize(struct call *call) {
    const struct oauth1_authorization *input = call->input;
    struct identity_request_token *row = call->row;

    if (!primary_only(call)) {
        return false;
    }
    if (row->expires_at <= clock_now()) {
        return fail(call, 401, "Request token is expired");
    }
    if (!roles_given(call, &input->roles, &row->role_ids)) {
        return false;
    }
    if (!held_by_caller(call, row->project_id, row->role_ids)) {
        return fail(call, 401, "authorizing user does not have role required");
    }
    row->user_id = call->caller.user_id;
    row->verifier = arena_text_size(call->arena, id_hex(call->arena), 8);
    if (!row_update(call, &resource_identity_request_token, row)) {
        return false;
    }
    json_raw(&call->out, arena_printf(call->arena, "{\"token\": {\"oauth_verifier\": \"%s\"}}", row->verifier));
    return true;
}

static bool verified(const struct identity_request_token *from, const struct identity_consumer *consumer, const char *verifier) {
    return from->user_id && from->verifier && !strcmp(from->consumer_id, consumer->id) &&
           from->expires_at > clock_now() && equal_secret(from->verifier, verifier);
}

bool oauth1_access_token(struct call *call) {
    struct identity_access_token row = {0};
    struct identity_request_token *from;
    struct identity_consumer *consumer;
    struct oauth oauth = {0};
    const char *id, *verifier, *secret = id_hex(call->arena);

    oauth_read(call, &oauth);
    id = oauth_get(&oauth, "oauth_token");
    verifier = oauth_get(&oauth, "oauth_verifier");
    if (!find_consumer(call, &oauth, &consumer)) {
        return false;
    }
    if (!id || !verifier) {
        return fail(call, 400, "Expecting to find oauth_token and oauth_verifier in request.");
    }
    if (!row_find(call, &resource_identity_request_token, id, &from)) {
        return fail_not_found(call, &resource_identity_request_token, id);
    }
    if (!verified(from, consumer, verifier) ||
        !oauth_signed(call, &oauth, unseal(call, consumer->secret_kept), unseal(call, from->secret_kept))) {
        return fail(call, 401, "Invalid signature, verifier or request token");
    }
    row_defaults(call, &resource_identity_access_token, &row);
    row.secret_kept = seal(call, secret);
    row.consumer_id = consumer->id;
    row.project_id = from->project_id;
    row.user_id = from->user_id;
    row.role_ids = from->role_ids;
    row.expires_at = clock_now() + ACCESS_TOKEN_LIFE;
    if (!row_delete(call, &resource_identity_request_token, from) ||
        !resource_create(call, &resource_identity_access_token, &row)) {
        return false;
    }
    respond_form(call, row.id, secret, row.expires_at);
    return true;
}

/* ---- access tokens of a user ---- */

void identity_access_token_links(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct identity_access_token *row = pointer;
    const char *self = arena_printf(call->arena, "%s/identity/v3/users/%s/OS-OAUTH1/access_tokens/%s", call_base_url(call),
                                    row->user_id, row->id);

    json_map(out);
    json_put_text(out, "self", self);
    json_put_text(out, "roles", arena_printf(call->arena, "%s/roles", self));
    json_map_end(out);
}

bool identity_access_token_list(struct call *call, struct query *query) {
    return primary_only(call);
}

bool identity_access_token_delete(struct call *call, void *row) {
    identity_changed(call);
    return primary_only(call) && token_revoked_by(call, "access_token", ((struct identity_access_token *)row)->id);
}

static bool of_user(struct call *call, struct identity_access_token **ret_row) {
    *ret_row = call->row;
    return !strcmp((*ret_row)->user_id, call_parameter(call, "user_id")) ||
           fail_not_found(call, &resource_identity_access_token, (*ret_row)->id);
}

bool identity_access_token_roles(struct call *call) {
    struct identity_access_token *row;
    const char *roles;

    if (!of_user(call, &row)) {
        return false;
    }
    roles = row->role_ids;
    if (!roles_shown(call, &roles, 1, true)) {
        return false;
    }
    json_map(&call->out);
    json_put_raw(&call->out, "roles", roles);
    json_map_end(&call->out);
    return true;
}

bool identity_access_token_role(struct call *call) {
    struct identity_access_token *row;
    struct identity_role *role;

    if (!of_user(call, &row) || !path_row(call, "role", &role)) {
        return false;
    }
    if (!strstr(row->role_ids, arena_printf(call->arena, "\"%s\"", role->id))) {
        return fail(call, 404, "Could not find role: %s.", role->id);
    }
    return row_respond(call, &resource_identity_role, role);
}

/* ---- method oauth1: a request for a token, signed with an access token ---- */

struct search {
    struct oauth oauth;
    struct identity_access_token *row;
    struct identity_user *user;
    bool is_signed;
};

static bool find(struct call *call, void *pointer) {
    struct search *s = pointer;
    struct identity_consumer *consumer;
    const char *id = oauth_get(&s->oauth, "oauth_token"), *key = oauth_get(&s->oauth, "oauth_consumer_key");

    s->is_signed = id && key && row_find(call, &resource_identity_access_token, id, &s->row) &&
                   !strcmp(s->row->consumer_id, key) && row_find(call, &resource_identity_consumer, key, &consumer) &&
                   row_find(call, &resource_identity_user, s->row->user_id, &s->user) &&
                   oauth_signed(call, &s->oauth, unseal(call, consumer->secret_kept), unseal(call, s->row->secret_kept));
    return true;
}

static bool run(struct call *call, struct authentication *auth) {
    struct search s = {0};

    oauth_read(call, &s.oauth);
    if (!call_transaction(call, DB_READ, find, &s)) {
        return false;
    }
    if (!s.is_signed || s.row->expires_at <= clock_now() || auth->request->scope) {
        return auth_refused(call);
    }
    auth_delegate(auth, s.user, DELEGATION_OAUTH1, s.row->id, s.row->project_id, s.row->expires_at);
    return true;
}

const struct auth_method auth_method_oauth1 = {"oauth1", METHOD_OAUTH1, run};
