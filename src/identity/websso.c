/* SPDX-License-Identifier: Apache-2.0
 * Single sign-on for dashboards: a browser comes with the dashboard's address ("origin"), is sent to the provider and comes
 * back with a code, and takes the token to the dashboard in a form. Only dashboards of [federation] trusted_dashboard get
 * one. What has to be remembered between the two visits is sealed in a cookie of that browser. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/escape.h"
#include "base/id.h"
#include "base/words.h"
#include "http/http.h"
#include "identity/federation.h"
#include "identity/keys.h"
#include "identity/mapping.h"
#include "identity/oidc.h"
#include "rest/cloud.h"

enum { VISIT_SECONDS = 600, MAX_TEMPLATE = 65536 };

/* One visit to a provider. */
struct visit {
    const char *state, *nonce, *verifier, *origin;
};

/* ---- dashboards ---- */

/* The name of a host has no case, the path behind it has. */
static bool same_address(const char *a, const char *b) {
    const char *path = strstr(a, "://");
    size_t host;

    path = path ? strchr(path + 3, '/') : NULL;
    host = path ? (size_t)(path - a) : strlen(a);
    return !strncasecmp(a, b, host) && !strcmp(a + host, b + host);
}

static bool is_dashboard(struct call *call, const char *origin) {
    const char *list = conf_text(cloud.conf, "federation", "trusted_dashboard", ""), *one;
    size_t size;

    while (words_next(&list, &one, &size)) {
        if (strlen(origin) == size && same_address(arena_text_size(call->arena, one, size), origin)) {
            return true;
        }
    }
    return false;
}

static bool check_origin(struct call *call, const char *origin) {
    if (!origin || !*origin) {
        return fail(call, 400, "The request needs the argument origin, the address of the dashboard.");
    }
    return is_dashboard(call, origin) || fail(call, 401, "%.255s is not a trusted dashboard.", origin);
}

/* ---- the page that takes the token there ---- */

static const char page[] =
    "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Signing in</title></head>\n"
    "<body onload=\"document.forms[0].submit()\">\n"
    "<form method=\"post\" action=\"$host\">\n<input type=\"hidden\" name=\"token\" value=\"$token\">\n"
    "<noscript><button type=\"submit\">Go on</button></noscript>\n</form></body></html>\n";

/* The operator's own page, which has $host and $token too. */
static const char *template_of(struct call *call) {
    const char *path = conf_text(cloud.conf, "federation", "sso_callback_template", "");
    char *text = arena_alloc(call->arena, MAX_TEMPLATE + 1);
    FILE *file = *path ? fopen(path, "re") : NULL;
    size_t size;

    if (!file) {
        return page;
    }
    size = fread(text, 1, MAX_TEMPLATE, file);
    fclose(file);
    return size ? text : page;
}

static void write_page(struct call *call, const char *origin, const char *token) {
    static const struct {
        const char *name;
        size_t size;
    } names[] = {{"$host", 5}, {"$token", 6}, {"${host}", 7}, {"${token}", 8}};
    const char *values[] = {origin, token, origin, token};

    call->response->size = 0;
    call->out = (struct json_out){.buf = call->response};
    for (const char *at = template_of(call); *at;) {
        size_t i = 0;

        while (i < 4 && strncmp(at, names[i].name, names[i].size) != 0) {
            i++;
        }
        if (i < 4) {
            xml_escape(call->response, values[i]);
            at += names[i].size;
        } else {
            buf_char(call->response, *at++);
        }
    }
    call->content_type = true;
    call_header(call, "Content-Type", "text/html; charset=utf-8");
    call_header(call, "Cache-Control", "no-store");
    call_header(call, "Content-Security-Policy", "frame-ancestors 'none'");
    call_header(call, "Referrer-Policy", "no-referrer");
}

static bool finish(struct call *call, const char *idp_id, const char *protocol_id, const char *origin,
                   const struct json *assertion) {
    struct authentication auth = {.assertion = assertion};

    if (!federation_authenticate(call, &auth, idp_id, protocol_id)) {
        return false;
    }
    if (auth.receipt) {
        call->response->size = 0;
        return auth_refused(call);      /* a form cannot ask for a second method */
    }
    write_page(call, origin, token_seal(call->arena, &auth.token));
    return true;
}

/* ---- to the provider ---- */

static const char *random_text(struct call *call) {
    return arena_printf(call->arena, "%s%s", id_hex(call->arena), id_hex(call->arena));
}

static const char *redirect_uri(struct call *call, const struct oidc *oidc, const char *idp_id, const char *protocol_id) {
    const char *made = arena_printf(call->arena, "%s/identity/v3/auth/OS-FEDERATION/identity_providers/%s/protocols/%s/websso",
                                    call_base_url(call), idp_id, protocol_id);

    return conf_text(cloud.conf, oidc->section, "redirect_uri", made);
}

static void set_cookie(struct call *call, const char *state, const char *value, int seconds) {
    bool secure = !strncmp(call_base_url(call), "https:", 6);

    call_header(call, "Set-Cookie", arena_printf(call->arena, "haneul_sso_%.16s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s",
                                                 state, value, seconds, secure ? "; Secure" : ""));
}

static const char *seal_visit(struct call *call, const struct visit *visit, const char *idp_id, const char *protocol_id) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *sealed;

    json_map(&out);
    json_put_text(&out, "state", visit->state);
    json_put_text(&out, "nonce", visit->nonce);
    json_put_text(&out, "verifier", visit->verifier);
    json_put_text(&out, "origin", visit->origin);
    json_put_text(&out, "idp", idp_id);
    json_put_text(&out, "protocol", protocol_id);
    json_map_end(&out);
    sealed = keys_seal(KEYS_RECEIPT, call->arena, buf.at, buf.size, clock_now() / SECOND);
    buf_release(&buf);
    return sealed;
}

static void put_argument(struct buf *url, const char *name, const char *value) {
    buf_printf(url, "%c%s=", strchr(url->at, '?') ? '&' : '?', name);
    http_encode(url, value, "");
}

/* SHA-256 of the verifier in base64url (RFC 7636). */
static const char *challenge(struct call *call, const char *verifier) {
    uint8_t bytes[32];
    char *text;

    hex_read(digest_of(call->arena, "sha256", verifier, strlen(verifier)), bytes, sizeof bytes);
    text = base64url_encode(call->arena, bytes, sizeof bytes);
    text[strcspn(text, "=")] = 0;
    return text;
}

static bool leave(struct call *call, const struct oidc *oidc, const char *idp_id, const char *protocol_id) {
    struct visit visit = {.state = random_text(call), .nonce = random_text(call), .verifier = random_text(call),
                          .origin = call_argument(call, "origin")};
    const char *endpoint = oidc_endpoint(call, oidc, "authorization_endpoint");
    struct buf url = {0};

    if (!endpoint) {
        return false;
    }
    buf_text(&url, endpoint);
    put_argument(&url, "response_type", "code");
    put_argument(&url, "client_id", oidc->client_id);
    put_argument(&url, "scope", oidc->scope);
    put_argument(&url, "redirect_uri", redirect_uri(call, oidc, idp_id, protocol_id));
    put_argument(&url, "state", visit.state);
    put_argument(&url, "nonce", visit.nonce);
    put_argument(&url, "code_challenge", challenge(call, visit.verifier));
    put_argument(&url, "code_challenge_method", "S256");
    set_cookie(call, visit.state, seal_visit(call, &visit, idp_id, protocol_id), VISIT_SECONDS);
    call_header(call, "Location", url.at);
    call_header(call, "Cache-Control", "no-store");
    buf_release(&url);
    call->status = 302;
    return true;
}

/* ---- and back ---- */

static const char *cookie(struct call *call, const char *name) {
    const char *at = http_header(call->http, "Cookie");
    size_t size = strlen(name);

    while (at && *(at += strspn(at, "; "))) {
        size_t here = strcspn(at, ";");

        if (here > size && !strncmp(at, name, size) && at[size] == '=') {
            return arena_text_size(call->arena, at + size + 1, here - size - 1);
        }
        at += here;
    }
    return NULL;
}

/* The visit that this browser began with that state, at this provider and not long ago. */
static bool open_visit(struct call *call, const char *state, const char *idp_id, const char *protocol_id, struct visit *ret) {
    const char *sealed = cookie(call, arena_printf(call->arena, "haneul_sso_%.16s", state)), *idp, *protocol;
    size_t size;
    int64_t created;
    const uint8_t *bytes = sealed ? keys_open(KEYS_RECEIPT, call->arena, sealed, &size, &created) : NULL;
    const struct json *node = bytes ? json_parse(call->arena, (const char *)bytes, size, NULL) : NULL;

    ret->state = json_get_text(node, "state");
    ret->nonce = json_get_text(node, "nonce");
    ret->verifier = json_get_text(node, "verifier");
    ret->origin = json_get_text(node, "origin");
    idp = json_get_text(node, "idp");
    protocol = json_get_text(node, "protocol");
    return ret->state && ret->nonce && ret->verifier && ret->origin && idp && protocol && equal_secret(ret->state, state) &&
           !strcmp(idp, idp_id) && !strcmp(protocol, protocol_id) && created + VISIT_SECONDS > clock_now() / SECOND;
}

static bool come_back(struct call *call, const struct oidc *oidc, const char *idp_id, const char *protocol_id,
                      const char *state) {
    const char *code = call_argument(call, "code"), *id_token;
    const struct json *tokens, *assertion;
    struct visit visit;

    if (!open_visit(call, state, idp_id, protocol_id, &visit) || !check_origin(call, visit.origin) || !code) {
        return !call->error && auth_refused(call);
    }
    tokens = oidc_exchange(call, oidc, code, redirect_uri(call, oidc, idp_id, protocol_id), visit.verifier);
    id_token = json_get_text(tokens, "id_token");
    if (!id_token) {
        return !call->error && auth_refused(call);
    }
    assertion = oidc_verify(call, oidc, id_token, visit.nonce, json_get_text(tokens, "access_token"));
    if (!assertion || !finish(call, idp_id, protocol_id, visit.origin, assertion)) {
        return false;
    }
    set_cookie(call, visit.state, "", 0);
    return true;
}

/* ---- the operations ---- */

static bool sign_on(struct call *call, const char *idp_id, const char *protocol_id) {
    const char *state = call_argument(call, "state");
    struct oidc oidc;
    bool by_oidc = oidc_find(call, idp_id, protocol_id, &oidc);

    if (by_oidc && state) {
        return come_back(call, &oidc, idp_id, protocol_id, state);
    }
    if (!check_origin(call, call_argument(call, "origin"))) {
        return false;
    }
    return by_oidc ? leave(call, &oidc, idp_id, protocol_id)
                   : finish(call, idp_id, protocol_id, call_argument(call, "origin"), NULL);
}

bool identity_websso(struct call *call) {
    return sign_on(call, call_parameter(call, "idp_id"), call_parameter(call, "protocol_id"));
}

/* Which provider it is when the path does not say. */
struct search {
    const char *protocol_id;
    const struct json *assertion;
    const char *idp_id;
    size_t by_oidc;
};

/* By what a proxy says, or the only one that OpenID Connect is configured for. */
static bool find_provider(struct call *call, void *pointer) {
    struct search *s = pointer;
    struct identity_protocol *rows;
    size_t count;

    if (!rows_find(call, &resource_identity_protocol, "id = ? ORDER BY idp_id", SQL_ARGS(sql_text(s->protocol_id)), &rows, &count)) {
        return false;
    }
    s->by_oidc = 0;
    s->idp_id = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *name = protocol_remote_id(&rows[i], NULL);
        const struct json *given = s->assertion && name ? mapping_attribute(s->assertion, name) : NULL;
        struct identity_remote_id *known;
        struct oidc oidc;

        given = given && given->type == JSON_LIST ? given->first : given;
        if (given && given->type == JSON_TEXT && row_find(call, &resource_identity_remote_id, given->text, &known)) {
            s->idp_id = known->idp_id;
            s->by_oidc = 0;
            return true;
        }
        if (oidc_find(call, rows[i].idp_id, s->protocol_id, &oidc)) {
            s->idp_id = rows[i].idp_id;
            s->by_oidc++;
        }
    }
    return true;
}

bool identity_websso_any(struct call *call) {
    struct search s = {.protocol_id = call_parameter(call, "protocol_id"), .assertion = proxy_assertion(call)};

    if (!call_transaction(call, DB_READ, find_provider, &s)) {
        return false;
    }
    if (s.by_oidc > 1) {
        return fail(call, 400, "There are several identity providers for %.64s: the path has to name one.", s.protocol_id);
    }
    return s.idp_id ? sign_on(call, s.idp_id, s.protocol_id) : auth_refused(call);
}
