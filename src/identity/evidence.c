/* SPDX-License-Identifier: Apache-2.0
 * What a request brings to show who its user is elsewhere: a provider's token, or the headers of a proxy that has asked the
 * provider itself (SAML 2 and whatever else web servers speak). Headers of anybody else are worth nothing. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "base/crypto.h"
#include "base/words.h"
#include "http/http.h"
#include "identity/federation.h"
#include "identity/oidc.h"
#include "rest/cloud.h"

LOG_MODULE("identity.federation");

/* ---- proxies ---- */

static bool is_trusted(struct call *call) {
    const char *addresses = conf_text(cloud.conf, "federation", "trusted_proxies", "");
    const char *secret = conf_text(cloud.conf, "federation", "proxy_secret", "");
    const char *given = http_header(call->http, "X-Haneul-Proxy-Secret");

    return *addresses && call->http->client && auth_address_in(call, addresses, call->http->client) &&
           (!*secret || (given && equal_secret(given, secret)));
}

struct headers {
    struct call *call;
    struct json *assertion;
    bool twice;
};

/* "Shib-Handler" and "Shib_Handler" are one name for who hands headers on as variables. */
static const char *as_variable(struct call *call, const char *name) {
    char *variable = arena_text(call->arena, name);

    for (char *c = variable; *c; c++) {
        *c = *c == '-' ? '_' : *c;
    }
    return variable;
}

static bool begins_with_one_of(struct call *call, const char *prefixes, const char *name) {
    const char *prefix;
    size_t size;

    while (words_next(&prefixes, &prefix, &size)) {
        if (!strncasecmp(name, as_variable(call, arena_text_size(call->arena, prefix, size)), size)) {
            return true;
        }
    }
    return false;
}

/* Several values stand in one header with semicolons between. */
static void add_header(struct headers *headers, const char *key, const char *value) {
    struct arena *arena = headers->call->arena;
    struct json *list = ARENA_NEW(arena, struct json);

    *list = (struct json){.type = JSON_LIST, .key = key};
    for (;;) {
        size_t size = strcspn(value, ";");
        struct json *node = ARENA_NEW(arena, struct json);

        *node = (struct json){.type = JSON_TEXT, .count = (uint32_t)size, .text = arena_text_size(arena, value, size)};
        json_append(list, node);
        if (!value[size]) {
            break;
        }
        value += size + 1;
    }
    json_append(headers->assertion, list);
}

/* A header goes by its own name, and as web servers name it for the programs behind them. */
static void take_header(void *user, const char *name, const char *value) {
    struct headers *headers = user;
    struct call *call = headers->call;
    const char *prefixes = conf_text(cloud.conf, "federation", "assertion_prefix", "");
    const char *variable = as_variable(call, name), *http;
    char *upper = arena_text(call->arena, variable);

    for (char *c = upper; *c; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    http = arena_printf(call->arena, "HTTP_%s", upper);
    if (!begins_with_one_of(call, prefixes, variable) && !begins_with_one_of(call, prefixes, http)) {
        return;
    }
    headers->twice = headers->twice || json_get(headers->assertion, http);
    add_header(headers, name, value);
    if (strcmp(variable, name) != 0) {
        add_header(headers, variable, value);
    }
    add_header(headers, http, value);
}

/* Two headers of one name are the proxy's and somebody else's: neither is believed. */
const struct json *proxy_assertion(struct call *call) {
    struct json *assertion = ARENA_NEW(call->arena, struct json);
    struct headers headers = {.call = call, .assertion = assertion};

    assertion->type = JSON_MAP;
    if (!is_trusted(call)) {
        return NULL;
    }
    http_headers_each(call->http, take_header, &headers);
    if (headers.twice) {
        log_warn("%s sent an assertion twice", call->http->client);
    }
    return headers.twice || !assertion->count ? NULL : assertion;
}

/* ---- either ---- */

bool evidence_read(struct call *call, struct evidence *evidence) {
    const char *header = http_header(call->http, "Authorization");
    bool bearer = header && !strncasecmp(header, "Bearer ", 7);
    struct oidc oidc;

    if (oidc_find(call, evidence->idp_id, evidence->protocol_id, &oidc)) {
        evidence->remote_id_attribute = "iss";
        evidence->assertion = bearer ? oidc_verify(call, &oidc, header + 7, NULL, header + 7) : NULL;
    } else {
        evidence->assertion = proxy_assertion(call);
        evidence->remote_user = auth_external_header(call, "external_header");
    }
    return evidence->assertion || (!call->error && auth_refused(call));
}
