/* SPDX-License-Identifier: Apache-2.0
 * OAuth 2.0, grant client_credentials (RFC 6749 section 4.4). The client is an application credential, and gets a token like
 * any other, also good as "Authorization: Bearer"; or a user with a certificate (RFC 8705), whose token is good with that
 * certificate alone. */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/words.h"
#include "http/http.h"
#include "identity/auth.h"
#include "identity/certificate.h"
#include "rest/cloud.h"

enum { MAX_FORM = 8192 };

/* The error body of RFC 6749 section 5.2. */
static bool refuse(struct call *call, int status, const char *error, const char *description) {
    call->status = status;
    call->response->size = 0;
    call->out.follows = false;
    json_map(&call->out);
    json_put_text(&call->out, "error", error);
    json_put_text(&call->out, "error_description", description);
    json_map_end(&call->out);
    if (status == 401) {
        call_header(call, "WWW-Authenticate", arena_printf(call->arena, "Keystone uri=\"%s/identity\"", cloud.url));
    }
    return true;
}

/* Splits "Basic base64(id:secret)". */
static bool read_client(struct call *call, const char *header, struct auth_application_credential *ret_client) {
    const uint8_t *bytes;
    const char *text, *colon;
    size_t size;

    if (strncasecmp(header, "Basic ", 6) != 0 || !(bytes = base64_decode(call->arena, header + 6, &size))) {
        return false;
    }
    text = arena_text_size(call->arena, (const char *)bytes, size);
    colon = strchr(text, ':');
    if (strlen(text) != size || !colon || colon == text || !colon[1] || !utf8_valid(text, size)) {
        return false;
    }
    ret_client->id = arena_text_size(call->arena, text, (size_t)(colon - text));
    ret_client->secret = colon + 1;
    return true;
}

/* A field of the form in the body (application/x-www-form-urlencoded), or null. */
static const char *form_get(struct call *call, const char *name) {
    const char *at = call->http->body.at, *end = at + call->http->body.size;

    while (at && at < end && call->http->body.size <= MAX_FORM) {
        const char *stop = memchr(at, '&', (size_t)(end - at)), *equals;

        stop = stop ? stop : end;
        equals = memchr(at, '=', (size_t)(stop - at));
        if (equals && (size_t)(equals - at) == strlen(name) && !strncmp(at, name, strlen(name))) {
            return http_decode(call->arena, equals + 1, (size_t)(stop - equals - 1), true);
        }
        at = stop + 1;
    }
    return NULL;
}

static const char *const unknown_client = "The client is not known, or what it shows of itself is wrong.";

/* The token for who 'auth' is about, by that method. */
static bool answer(struct call *call, struct authentication *auth) {
    const char *grant = form_get(call, "grant_type");

    if (!grant) {
        return refuse(call, 400, "invalid_request", "The parameter grant_type is required.");
    }
    if (strcmp(grant, "client_credentials") != 0) {
        return refuse(call, 400, "unsupported_grant_type", "The only grant_type is client_credentials.");
    }
    if (!auth_run(call, auth) || auth->receipt) {
        int status = auth->receipt ? 401 : call->error;

        call->error = 0;
        return refuse(call, status == 400 || status == 401 ? status : 500,
                      status == 401 ? "invalid_client" : status == 400 ? "invalid_request" : "other_error",
                      status == 401 ? unknown_client : status == 400 ? "The request is not understood." : "There is no token to be had.");
    }
    call->response->size = 0;
    call->out.follows = false;
    json_map(&call->out);
    json_put_text(&call->out, "access_token", token_seal(call->arena, &auth->token));
    json_put_text(&call->out, "token_type", "Bearer");
    json_put_int(&call->out, "expires_in", (auth->token.expires - auth->token.issued) / SECOND);
    json_map_end(&call->out);
    call_header(call, "Cache-Control", "no-store");
    return true;
}

static bool accepts(const char *method) {
    return words_have(conf_text(cloud.conf, "oauth2", "oauth2_authn_methods", "tls_client_auth,client_secret_basic"), method);
}

/* A client with a certificate is known by it, whatever else it sends: a secret beside it counts for nothing. */
bool identity_oauth2_token(struct call *call) {
    const char *header = http_header(call->http, "Authorization");
    struct auth_application_credential client = {0};
    struct auth_identity who = {.application_credential = &client};
    struct auth_request request = {.identity = &who};
    struct authentication auth = {.request = &request};
    struct certificate certificate;

    if (certificate_find(call, &certificate) && accepts("tls_client_auth")) {
        auth.client_id = form_get(call, "client_id");
        who.methods = "[\"oauth2_credential\"]";
    } else if (accepts("client_secret_basic") && header && read_client(call, header, &client)) {
        who.methods = "[\"application_credential\"]";
    }
    return who.methods ? answer(call, &auth) : refuse(call, 401, "invalid_client", unknown_client);
}
