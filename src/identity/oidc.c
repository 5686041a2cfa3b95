/* SPDX-License-Identifier: Apache-2.0
 * Discovery documents and key sets, kept for an hour; tokens verified with them; codes exchanged. */
#include "identity/oidc.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/map.h"
#include "http/http.h"
#include "identity/auth.h"
#include "identity/jwt.h"
#include "rest/cloud.h"

LOG_MODULE("identity.oidc");

#define KEEP (3600 * SECOND)            /* a document is asked for again after that */
#define NOT_AGAIN (10 * SECOND)         /* and never sooner, whatever tokens come: after a failure, for an unknown key */

enum { TIMEOUT_MS = 5000, MAX_DOCUMENT = 256 * 1024 };

/* ---- settings ---- */

bool oidc_find(struct call *call, const char *idp_id, const char *protocol_id, struct oidc *ret) {
    static const char usual[] = "openid";
    const char *section = arena_printf(call->arena, "oidc.%s", idp_id);
    const char *issuer = conf_text(cloud.conf, section, "issuer", NULL);

    if (!issuer || strcmp(conf_text(cloud.conf, section, "protocol", usual), protocol_id) != 0) {
        return false;
    }
    *ret = (struct oidc){
        .section = section,
        .issuer = issuer,
        .client_id = conf_text(cloud.conf, section, "client_id", ""),
        .client_secret = conf_text(cloud.conf, section, "client_secret", NULL),
        .scope = conf_text(cloud.conf, section, "scope", "openid profile email"),
        .ca_file = conf_text(cloud.conf, section, "ca_file", NULL),
        .userinfo = conf_bool(cloud.conf, section, "userinfo", false),
        .skew = conf_int(cloud.conf, section, "skew", 60),
    };
    ret->audiences = conf_text(cloud.conf, section, "audience", ret->client_id);
    ret->clients = conf_text(cloud.conf, section, "clients", ret->client_id);
    return true;
}

/* ---- documents ---- */

struct kept {
    char *text;
    int64_t fetched, tried;             /* clock_monotonic */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *documents;           /* URL to struct kept */

static struct kept *entry_of(const char *url) {
    struct kept *kept;

    documents = documents ? documents : map_new();
    kept = map_get(documents, url);
    if (!kept) {
        kept = calloc(1, sizeof *kept);
        if (!kept) {
            abort();
        }
        kept->tried = -NOT_AGAIN;
        map_set(documents, url, kept);
    }
    return kept;
}

/* A copy of what is kept, and whether it has to be asked for (again), by us. */
static const char *look(struct call *call, const char *url, bool newer, bool *ret_ask) {
    int64_t now = clock_monotonic();
    struct kept *kept;
    const char *text;

    pthread_mutex_lock(&lock);
    kept = entry_of(url);
    text = arena_text(call->arena, kept->text);
    *ret_ask = (newer || !text || now - kept->fetched > KEEP) && now - kept->tried >= NOT_AGAIN;
    if (*ret_ask) {
        kept->tried = now;              /* others live with what there is meanwhile */
    }
    pthread_mutex_unlock(&lock);
    return text;
}

static void keep(const char *url, const char *text) {
    struct kept *kept;

    pthread_mutex_lock(&lock);
    kept = entry_of(url);
    free(kept->text);
    kept->text = strdup(text);
    kept->fetched = clock_monotonic();
    pthread_mutex_unlock(&lock);
}

static const struct json *parse_map(struct call *call, const char *text) {
    const struct json *node = text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;

    return node && node->type == JSON_MAP ? node : NULL;
}

/* The answer of the provider as a map; null when there is none, or another than 200. */
static const struct json *ask(struct call *call, const struct oidc *oidc, struct http_call *request, const char **ret_text) {
    struct http_reply reply;
    const struct json *node;

    request->ca_file = oidc->ca_file;
    request->timeout_ms = TIMEOUT_MS;
    request->max_response = MAX_DOCUMENT;
    http_call(call->arena, request, &reply);
    node = reply.status == 200 ? parse_map(call, reply.body) : NULL;
    if (!node) {
        log_warn("%s: %s answered %d%s%s", oidc->section, request->url, reply.status, reply.error ? ": " : "",
                 reply.error ? reply.error : "");
    }
    if (ret_text) {
        *ret_text = reply.body;
    }
    return node;
}

/* 'newer': what is kept did not do. Null after fail(). */
static const struct json *document(struct call *call, const struct oidc *oidc, const char *url, bool newer) {
    struct http_call request = {.method = "GET", .url = url};
    const char *text, *fresh = NULL;
    const struct json *node = NULL;
    bool wanted;

    text = look(call, url, newer, &wanted);
    if (wanted && (node = ask(call, oidc, &request, &fresh))) {
        keep(url, fresh);
    }
    node = node ? node : parse_map(call, text);
    if (!node) {
        fail(call, 503, "The identity provider does not answer.");
    }
    return node;
}

static const struct json *discover(struct call *call, const struct oidc *oidc) {
    size_t size = strlen(oidc->issuer);
    const char *issuer, *url = conf_text(cloud.conf, oidc->section, "discovery", NULL);
    const struct json *node;

    if (!url) {
        url = arena_printf(call->arena, "%s%s.well-known/openid-configuration", oidc->issuer,
                           size && oidc->issuer[size - 1] == '/' ? "" : "/");
    }
    node = document(call, oidc, url, false);
    issuer = json_get_text(node, "issuer");
    if (node && (!issuer || strcmp(issuer, oidc->issuer) != 0)) {
        log_error("%s: %s is of the issuer '%s', not of '%s'", oidc->section, url, issuer ? issuer : "", oidc->issuer);
        fail(call, 503, "The identity provider does not answer.");
        return NULL;
    }
    return node;
}

const char *oidc_endpoint(struct call *call, const struct oidc *oidc, const char *member) {
    const struct json *node = discover(call, oidc);
    const char *url = json_get_text(node, member);

    if (node && (!url || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))) {
        log_error("%s: the provider does not say its %s", oidc->section, member);
        fail(call, 503, "The identity provider does not answer.");
        return NULL;
    }
    return url;
}

/* ---- claims as an assertion ---- */

static struct json *new_node(struct call *call, enum json_type type, const char *key) {
    struct json *node = ARENA_NEW(call->arena, struct json);

    node->type = type;
    node->key = key;
    return node;
}

/* One value as a text; null for what has no text. */
static const char *as_text(struct call *call, const struct json *value) {
    switch (value->type) {
    case JSON_TEXT:
        return value->text;
    case JSON_INT:
        return arena_printf(call->arena, "%lld", (long long)value->integer);
    case JSON_TRUE:
        return "1";
    case JSON_FALSE:
        return "0";
    case JSON_MAP:
        return json_print(call->arena, value);
    default:
        return NULL;
    }
}

static struct json *as_list(struct call *call, const char *name, const struct json *claim) {
    struct json *list = new_node(call, JSON_LIST, name);

    for (const struct json *item = claim->type == JSON_LIST ? claim->first : claim; item;
         item = claim->type == JSON_LIST ? item->next : NULL) {
        const char *text = as_text(call, item);

        if (text) {
            struct json *node = new_node(call, JSON_TEXT, NULL);

            node->text = text;
            json_append(list, node);
        }
    }
    return list;
}

/* Each claim twice: by its name, and as mod_auth_openidc would hand it to Keystone, so that mappings made for that fit. */
static void add_claims(struct call *call, struct json *assertion, const struct json *claims) {
    static const char prefix[] = "HTTP_OIDC_";

    for (JSON_EACH(claim, claims)) {
        char *name = arena_printf(call->arena, "%s%s", prefix, claim->key);

        if (!strncasecmp(claim->key, prefix, strlen(prefix)) || json_get(assertion, claim->key)) {
            continue;
        }
        for (char *c = name; *c; c++) {
            *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
        }
        json_append(assertion, as_list(call, claim->key, claim));
        json_append(assertion, as_list(call, name, claim));
    }
}

/* ---- tokens ---- */

static const struct json *refuse(struct call *call, const struct oidc *oidc, const char *why) {
    log_info("%s: a token was refused: %s", oidc->section, why);
    auth_refused(call);
    return NULL;
}

/* The claims, once the signature is good; newer keys are asked for when the token's is not known. */
static const struct json *open_token(struct call *call, const struct oidc *oidc, const char *token) {
    const char *url = oidc_endpoint(call, oidc, "jwks_uri"), *error = NULL;
    enum jwt_result result = JWT_UNKNOWN_KEY;
    const struct json *claims = NULL;

    for (int i = 0; url && result == JWT_UNKNOWN_KEY && i < 2; i++) {
        const struct json *keys = document(call, oidc, url, i > 0);

        if (!keys) {
            return NULL;
        }
        result = jwt_open(call->arena, token, keys, &claims, &error);
    }
    return !url ? NULL : result == JWT_GOOD ? claims : refuse(call, oidc, error);
}

static bool add_userinfo(struct call *call, const struct oidc *oidc, struct json *assertion, const struct json *claims,
                         const char *access_token) {
    const char *url = oidc_endpoint(call, oidc, "userinfo_endpoint"), *subject = json_get_text(claims, "sub"), *other;
    const struct http_header headers[] = {
        {"Authorization", arena_printf(call->arena, "Bearer %s", access_token)}, {"Accept", "application/json"}, {NULL, NULL}};
    struct http_call request = {.method = "GET", .url = url, .headers = headers};
    const struct json *info;

    if (!url) {
        return false;
    }
    info = ask(call, oidc, &request, NULL);
    other = json_get_text(info, "sub");
    if (!info || !subject || !other || strcmp(subject, other) != 0) {
        return refuse(call, oidc, "its provider does not say who that is") != NULL;
    }
    add_claims(call, assertion, info);
    return true;
}

const struct json *oidc_verify(struct call *call, const struct oidc *oidc, const char *token, const char *nonce,
                               const char *access_token) {
    struct jwt_wanted wanted = {.issuer = oidc->issuer, .audiences = nonce ? oidc->client_id : oidc->audiences,
                                .parties = nonce ? oidc->client_id : oidc->clients, .nonce = nonce,
                                .now = clock_now() / SECOND, .skew = oidc->skew};
    const struct json *claims = open_token(call, oidc, token);
    struct json *assertion = new_node(call, JSON_MAP, NULL);
    const char *wrong = claims ? jwt_wrong(call->arena, claims, &wanted) : NULL;

    if (!claims || wrong) {
        return claims ? refuse(call, oidc, wrong) : NULL;
    }
    add_claims(call, assertion, claims);
    return !oidc->userinfo || !access_token || add_userinfo(call, oidc, assertion, claims, access_token) ? assertion : NULL;
}

/* ---- codes ---- */

static void put_pair(struct buf *form, const char *name, const char *value) {
    buf_printf(form, "%s%s=", form->size ? "&" : "", name);
    http_encode(form, value, "");
}

/* The client's name and secret go into the header (RFC 6749 section 2.3.1) unless the provider takes them in the form
 * only; without a secret the verifier alone says that it is us. */
static bool in_form(const struct json *discovered) {
    const struct json *methods = json_get(discovered, "token_endpoint_auth_methods_supported");
    bool basic = !methods, form = false;

    for (JSON_EACH(method, methods)) {
        basic = basic || (method->type == JSON_TEXT && !strcmp(method->text, "client_secret_basic"));
        form = form || (method->type == JSON_TEXT && !strcmp(method->text, "client_secret_post"));
    }
    return form && !basic;
}

const struct json *oidc_exchange(struct call *call, const struct oidc *oidc, const char *code, const char *redirect_uri,
                                 const char *verifier) {
    const char *url = oidc_endpoint(call, oidc, "token_endpoint"), *pair;
    struct http_header headers[] = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"},
                                    {NULL, NULL}, {NULL, NULL}};
    struct http_call request = {.method = "POST", .url = url, .headers = headers};
    const struct json *tokens;
    struct buf form = {0};

    if (!url) {
        return NULL;
    }
    put_pair(&form, "grant_type", "authorization_code");
    put_pair(&form, "code", code);
    put_pair(&form, "redirect_uri", redirect_uri);
    put_pair(&form, "client_id", oidc->client_id);
    put_pair(&form, "code_verifier", verifier);
    if (oidc->client_secret && in_form(discover(call, oidc))) {
        put_pair(&form, "client_secret", oidc->client_secret);
    } else if (oidc->client_secret) {
        pair = arena_printf(call->arena, "%s:%s", http_encoded(call->arena, oidc->client_id, ""),
                            http_encoded(call->arena, oidc->client_secret, ""));
        headers[2] = (struct http_header){
            "Authorization", arena_printf(call->arena, "Basic %s", base64_encode(call->arena, pair, strlen(pair)))};
    }
    request.body = form.at;
    request.body_size = form.size;
    tokens = ask(call, oidc, &request, NULL);
    buf_release(&form);
    return tokens ? tokens : refuse(call, oidc, "the provider gives nothing for the code");
}
