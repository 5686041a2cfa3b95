/* SPDX-License-Identifier: Apache-2.0
 * AWS signatures of kind 0, 1, 2 and 4: the text to sign is made again from the request's parts. */
#include "identity/ec2_signature.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "http/http.h"

enum { MAX_PAIRS = 512 };

static const char *text_of(const struct json *map, const char *key) {
    const char *text = json_get_text(map, key);

    return text ? text : "";
}

static char *base64_sha1(struct arena *arena, const char *secret, const struct buf *text) {
    uint8_t mac[20];

    hmac_sha1(secret, strlen(secret), text->at, text->size, mac);
    return base64_encode(arena, mac, sizeof mac);
}

static char *hex(struct arena *arena, const uint8_t mac[32]) {
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, 65);

    for (int i = 0; i < 32; i++) {
        text[i * 2] = digits[mac[i] >> 4];
        text[i * 2 + 1] = digits[mac[i] & 15];
    }
    text[64] = 0;
    return text;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp((*(const struct json *const *)a)->key, (*(const struct json *const *)b)->key);
}

static int by_letters(const void *a, const void *b) {
    return strcasecmp((*(const struct json *const *)a)->key, (*(const struct json *const *)b)->key);
}

static size_t sorted(const struct json *map, int (*order)(const void *, const void *), const struct json **pairs) {
    size_t count = 0;

    for (JSON_EACH(pair, map)) {
        if (pair->type == JSON_TEXT && count < MAX_PAIRS) {
            pairs[count++] = pair;
        }
    }
    qsort(pairs, count, sizeof *pairs, order);
    return count;
}

static void put_query(struct buf *buf, const struct json *params) {
    const struct json *pairs[MAX_PAIRS];
    size_t count = sorted(params, by_bytes, pairs);

    for (size_t i = 0; i < count; i++) {
        buf_text(buf, i ? "&" : "");
        http_encode(buf, pairs[i]->key, "");
        buf_char(buf, '=');
        http_encode(buf, pairs[i]->text, "");
    }
}

static char *signature_0(struct arena *arena, const char *secret, const struct json *params) {
    struct buf text = {0};
    char *made;

    buf_printf(&text, "%s%s", text_of(params, "Action"), text_of(params, "Timestamp"));
    made = base64_sha1(arena, secret, &text);
    buf_release(&text);
    return made;
}

static char *signature_1(struct arena *arena, const char *secret, const struct json *params) {
    const struct json *pairs[MAX_PAIRS];
    size_t count = sorted(params, by_letters, pairs);
    struct buf text = {0};
    char *made;

    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%s", pairs[i]->key, pairs[i]->text);
    }
    made = base64_sha1(arena, secret, &text);
    buf_release(&text);
    return made;
}

static char *signature_2(struct arena *arena, const char *secret, const struct json *given, const char *host) {
    struct buf text = {0};
    uint8_t mac[32];

    buf_printf(&text, "%s\n%s\n%s\n", text_of(given, "verb"), host, text_of(given, "path"));
    put_query(&text, json_get(given, "params"));
    hmac_sha256(secret, strlen(secret), text.at, text.size, mac);
    buf_release(&text);
    return base64_encode(arena, mac, sizeof mac);
}

/* ---- kind 4 ---- */

/* A part of the Authorization header ("SignedHeaders=..."), or the parameter X-Amz-NAME. */
static const char *auth_part(struct arena *arena, const struct json *given, const char *name) {
    const char *header = json_get_text(json_get(given, "headers"), "Authorization"), *at;

    if (!header) {
        return text_of(json_get(given, "params"), arena_printf(arena, "X-Amz-%s", name));
    }
    at = strstr(header, arena_printf(arena, "%s=", name));
    at = at ? at + strlen(name) + 1 : "";
    return arena_text_size(arena, at, strcspn(at, ","));
}

static const char *date_of(const struct json *given) {
    const char *header = json_get_text(json_get(given, "headers"), "X-Amz-Date");

    return header ? header : text_of(json_get(given, "params"), "X-Amz-Date");
}

static const char *header_value(struct arena *arena, const struct json *headers, const char *name, size_t size) {
    for (JSON_EACH(header, headers)) {
        if (header->type == JSON_TEXT && strlen(header->key) == size && !strncasecmp(header->key, name, size)) {
            const char *value = header->text + strspn(header->text, " \t");
            size_t length = strlen(value);

            while (length && isspace((unsigned char)value[length - 1])) {
                length--;
            }
            return arena_text_size(arena, value, length);
        }
    }
    return NULL;
}

static void put_headers(struct arena *arena, struct buf *text, const struct json *given, const char *host) {
    const char *names = auth_part(arena, given, "SignedHeaders");

    while (*names) {
        size_t size = strcspn(names, ";");
        const char *value = header_value(arena, json_get(given, "headers"), names, size);

        if (value && size == 4 && !strncmp(names, "host", 4) && host != json_get_text(given, "host")) {
            value = host;
        }
        if (value) {
            buf_printf(text, "%.*s:%s\n", (int)size, names, value);
        }
        names += size + (names[size] == ';');
    }
}

/* HMAC over the parts of a scope "20260101/region/service/aws4_request", one under the other. */
static bool derive(struct arena *arena, const char *secret, const char *scope, uint8_t key[32]) {
    const char *first = arena_printf(arena, "AWS4%s", secret);
    int parts = 0;

    for (const char *at = scope; *at; parts++) {
        size_t size = strcspn(at, "/");

        hmac_sha256(parts ? (const void *)key : first, parts ? 32 : strlen(first), at, size, key);
        at += size + (at[size] == '/');
    }
    return parts == 4;
}

static char *sign_4(struct arena *arena, const char *secret, const char *scope, const char *text) {
    uint8_t key[32], mac[32];

    if (!derive(arena, secret, scope, key)) {
        return NULL;
    }
    hmac_sha256(key, sizeof key, text, strlen(text), mac);
    return hex(arena, mac);
}

static char *signature_4(struct arena *arena, const char *secret, const struct json *given, const char *host) {
    const char *credential = auth_part(arena, given, "Credential"), *scope = strchr(credential, '/');
    const char *date = date_of(given), *digest, *verb = text_of(given, "verb");
    struct buf text = {0};

    if (!scope || strlen(scope) < 9 || strncmp(scope + 1, date, 8) != 0) {
        return NULL;
    }
    buf_printf(&text, "%s\n%s\n", verb, text_of(given, "path"));
    if (strcasecmp(verb, "POST") != 0) {
        put_query(&text, json_get(given, "params"));
    }
    buf_char(&text, '\n');
    put_headers(arena, &text, given, host);
    buf_printf(&text, "\n%s\n%s", auth_part(arena, given, "SignedHeaders"), text_of(given, "body_hash"));
    digest = digest_of(arena, "sha256", text.at, text.size);
    buf_release(&text);
    return sign_4(arena, secret, scope + 1, arena_printf(arena, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope + 1, digest));
}

char *ec2_signature(struct arena *arena, const char *secret, const struct json *given, const char *host) {
    const struct json *params = json_get(given, "params");
    const char *kind = json_get_text(params, "SignatureVersion");
    const char *header = text_of(json_get(given, "headers"), "Authorization");

    if (params && params->count > MAX_PAIRS) {
        return NULL;
    }
    if (kind && !strcmp(kind, "0")) {
        return signature_0(arena, secret, params);
    }
    if (kind && !strcmp(kind, "1")) {
        return signature_1(arena, secret, params);
    }
    if (kind && !strcmp(kind, "2")) {
        return signature_2(arena, secret, given, host);
    }
    if (!strncmp(header, "AWS4-HMAC-SHA256", 16) || !strcmp(text_of(params, "X-Amz-Algorithm"), "AWS4-HMAC-SHA256")) {
        return signature_4(arena, secret, given, host);
    }
    return NULL;
}

/* "20260131/RegionOne/s3/aws4_request", of a service that asks in this way. */
static bool is_s3_scope(const char *scope) {
    static const char *const ends[] = {"/s3/aws4_request", "/iam/aws4_request", "/sts/aws4_request"};
    const char *slash = strchr(scope, '/'), *end = slash ? strchr(slash + 1, '/') : NULL;

    for (size_t i = 0; end && i < sizeof ends / sizeof *ends; i++) {
        if (!strcmp(end, ends[i])) {
            return true;
        }
    }
    return false;
}

const char *ec2_signed_time(const struct json *given) {
    const struct json *params = json_get(given, "params");

    return json_get(params, "SignatureVersion") ? json_get_text(params, "Timestamp") : date_of(given);
}

char *s3_signature(struct arena *arena, const char *secret, const char *text) {
    const char *lines[4] = {text};
    const char *scope;
    struct buf whole = {0};
    char *made;

    if (strncmp(text, "AWS4", 4) != 0) {
        buf_text(&whole, text);
        made = base64_sha1(arena, secret, &whole);
        buf_release(&whole);
        return made;
    }
    for (int i = 1; i < 4; i++) {
        const char *end = strchr(lines[i - 1], '\n');

        if (!end) {
            return NULL;
        }
        lines[i] = end + 1;
    }
    if (strncmp(text, "AWS4-HMAC-SHA256\n", 17) != 0) {
        return NULL;
    }
    scope = arena_text_size(arena, lines[2], strcspn(lines[2], "\n"));
    return is_s3_scope(scope) ? sign_4(arena, secret, scope, text) : NULL;
}
