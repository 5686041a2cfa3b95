/* SPDX-License-Identifier: Apache-2.0
 * Certificates of clients: from our own TLS, or from a proxy's header. */
#include "identity/certificate.h"

#include <ctype.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "http/http.h"
#include "identity/auth.h"
#include "rest/cloud.h"

enum { MAX_HEADER = 16384 };

/* ---- where it comes from ---- */

struct header {
    const char *name, *value;
    unsigned count;
};

static void count_header(void *user, const char *name, const char *value) {
    struct header *header = user;

    if (!strcasecmp(name, header->name)) {
        header->value = value;
        header->count++;
    }
}

/* Base64 between colons (RFC 9440), or PEM whose lines are escaped (%0A) or joined with blanks, as web servers write it. */
static bool read_header(struct call *call, const char *value, struct certificate *ret_certificate) {
    char *text = strlen(value) <= MAX_HEADER ? http_decode(call->arena, value, strlen(value), false) : NULL;
    const char *begin = text ? strstr(text, "-----BEGIN CERTIFICATE-----") : NULL;
    char *end = begin ? strstr(begin, "-----END CERTIFICATE-----") : NULL, *to = text;
    const char *from = begin ? begin + strlen("-----BEGIN CERTIFICATE-----") : text;

    if (!text || (begin && !end)) {
        return false;
    }
    for (; *from && from != end; from++) {
        if (!isspace((unsigned char)*from) && *from != ':') {
            *to++ = *from;
        }
    }
    *to = 0;
    ret_certificate->bytes = *text ? base64_decode(call->arena, text, &ret_certificate->size) : NULL;
    return ret_certificate->bytes != NULL;
}

/* A header that comes twice may be the client's: neither is believed. */
bool certificate_find(struct call *call, struct certificate *ret_certificate) {
    struct header header = {.name = conf_text(cloud.conf, "oauth2", "certificate_header", "")};
    const char *proxies = conf_text(cloud.conf, "oauth2", "trusted_proxies", "");

    if (!call->http) {
        return false;
    }
    if (*header.name && call->http->client && auth_address_in(call, proxies, call->http->client)) {
        http_headers_each(call->http, count_header, &header);
        return header.count == 1 && read_header(call, header.value, ret_certificate);
    }
    *ret_certificate = (struct certificate){call->http->certificate, call->http->certificate_size};
    return ret_certificate->bytes != NULL;
}

/* ---- what it says ---- */

const char *certificate_thumbprint(struct arena *arena, struct certificate certificate) {
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char *text;

    SHA256(certificate.bytes, certificate.size, digest);
    text = base64url_encode(arena, digest, sizeof digest);
    text[strcspn(text, "=")] = 0;
    return text;
}

/* An attribute as text; null when it is none, or would read otherwise as a C string. */
static const char *value_text(struct arena *arena, const X509_NAME_ENTRY *entry) {
    unsigned char *utf8 = NULL;
    int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    const char *text = size >= 0 && !memchr(utf8, 0, (size_t)size) && utf8_valid((const char *)utf8, (size_t)size)
                           ? arena_text_size(arena, (const char *)utf8, (size_t)size)
                           : NULL;

    if (size >= 0) {
        OPENSSL_free(utf8);
    }
    return text;
}

static void put_attribute(struct arena *arena, struct json *map, const char *key, const char *text) {
    struct json *node = ARENA_NEW(arena, struct json);

    for (JSON_EACH(item, map)) {
        if (!strcmp(item->key, key)) {
            ((struct json *)(uintptr_t)item)->text = text;
            ((struct json *)(uintptr_t)item)->count = (uint32_t)strlen(text);
            return;
        }
    }
    *node = (struct json){.type = JSON_TEXT, .key = key, .count = (uint32_t)strlen(text), .text = text};
    json_append(map, node);
}

static bool add_name(struct arena *arena, struct json *map, const char *prefix, const X509_NAME *name) {
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
        const char *text = value_text(arena, entry);
        int nid = OBJ_obj2nid(object);
        char *key, number[128];

        if (!text) {
            return false;
        }
        OBJ_obj2txt(number, sizeof number, object, 1);
        key = arena_printf(arena, "%s%s", prefix, nid == NID_undef ? number : OBJ_nid2sn(nid));
        for (char *c = key; *c; c++) {
            *c = (char)toupper((unsigned char)*c);
        }
        put_attribute(arena, map, key, text);
    }
    return true;
}

const struct json *certificate_assertion(struct arena *arena, struct certificate certificate) {
    const unsigned char *at = certificate.bytes;
    X509 *x509 = d2i_X509(NULL, &at, (long)certificate.size);
    struct json *map = ARENA_NEW(arena, struct json);
    bool ok;

    map->type = JSON_MAP;
    ok = x509 && at == (const unsigned char *)certificate.bytes + certificate.size &&
         add_name(arena, map, "SSL_CLIENT_SUBJECT_DN_", X509_get_subject_name(x509)) &&
         add_name(arena, map, "SSL_CLIENT_ISSUER_DN_", X509_get_issuer_name(x509));
    X509_free(x509);
    return ok ? map : NULL;
}

/* ---- tokens that are bound to one ---- */

bool certificate_allows(struct call *call, const struct token *token) {
    struct certificate certificate;

    return !(token->methods & METHOD_OAUTH2) ||
           (token->thumbprint && certificate_find(call, &certificate) &&
            !strcmp(certificate_thumbprint(call->arena, certificate), token->thumbprint));
}
