/* SPDX-License-Identifier: Apache-2.0
 * TempURL: a request that an owner signed beforehand with a key of the account or container, good for one path (or all
 * below a prefix), one method, a time, and perhaps a range of addresses. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/ip.h"
#include "object_store/swift_parts.h"

size_t swift_signing_keys(struct swift *sw, const char *keys[SWIFT_KEYS], size_t *ret_of_account) {
    static const char *const names[] = {"meta-temp-url-key", "meta-temp-url-key-2"};
    struct store_find find = {.account = sw->account, .want_account = ACCOUNT_META};
    struct store_found found;
    size_t count = 0;

    *ret_of_account = 0;
    if (store_find(sw->arena, &find, &found) != STORE_OK) {
        return 0;
    }
    for (int i = 0; i < SWIFT_KEYS; i++) {
        const char *key = store_meta_get(i < 2 ? &found.account.meta : &sw->found.container.meta, names[i % 2]);

        if (key && *key) {
            keys[count++] = key;
            *ret_of_account += i < 2;
        }
    }
    return count;
}

const char *swift_digest_of(struct swift *sw, const char **signature) {
    static const char *const names[] = {"sha1", "sha256", "sha512"};
    static const size_t sizes[] = {40, 64, 128};
    const char *colon = strchr(*signature, ':'), *given = colon ? arena_text_size(sw->arena, *signature,
                                                                                  (size_t)(colon - *signature)) : "";

    for (int i = 0; i < 3; i++) {
        if (!colon && strlen(*signature) == sizes[i]) {
            return names[i];
        }
        if (!strcmp(given, names[i])) {
            size_t bytes;
            const uint8_t *mac = base64_decode(sw->arena, colon + 1, &bytes);
            char *hex = arena_alloc(sw->arena, sizes[i] + 1);

            if (!mac || bytes * 2 != sizes[i]) {
                return NULL;
            }
            for (size_t k = 0; k < bytes; k++) {
                hex[k * 2] = "0123456789abcdef"[mac[k] >> 4];
                hex[k * 2 + 1] = "0123456789abcdef"[mac[k] & 15];
            }
            *signature = hex;
            return names[i];
        }
    }
    return NULL;
}

size_t swift_signature_fits(struct swift *sw, const char *digest, const char *signature, const char *const *keys,
                            size_t key_count, const char *text) {
    size_t fits = 0;

    for (size_t i = key_count; i > 0; i--) {
        const char *key = keys[i - 1];

        fits = equal_secret(hmac_hex(sw->arena, digest, key, strlen(key), text, strlen(text)), signature) ? i : fits;
    }
    return fits;
}

/* Seconds since 1970; 0: malformed or over. */
static int64_t read_expires(const char *text) {
    char *end;
    int64_t time = strtoll(text, &end, 10);

    if (end == text || *end) {
        if (!time_parse(text, &time)) {
            return 0;
        }
        time /= SECOND;
    }
    return time > clock_now() / SECOND ? time : 0;
}

static bool address_fits(struct swift *sw, const char *range) {
    struct ip_net net;
    struct ip ip;

    if (!ip_parse(sw->http->client, &ip)) {
        return false;
    }
    if (!ip_net_parse(range, &net)) {
        struct ip one;

        return ip_parse(range, &one) && ip_equal(one, ip);
    }
    return ip_net_contains(net, ip);
}

/* Which addresses may use it; null: all. */
static const char *addresses(struct swift *sw) {
    const char *range = swift_argument(sw, "temp_url_ip_range");

    return range && *range ? range : NULL;
}

/* Tries the text that was signed for a method; clients sign the path as they see it, or from /v1 on. Returns the number
 * of the key, from 1; 0: none. */
static size_t method_fits(struct swift *sw, const char *method, const char *digest, const char *signature, int64_t expires,
                        const char *const *keys, size_t count) {
    const char *prefix = swift_argument(sw, "temp_url_prefix"), *range = addresses(sw);
    const char *const roots[] = {sw->call->service->prefix, ""};

    for (int i = 0; i < 2; i++) {
        const char *path = arena_printf(sw->arena, "%s%s/v1/%s/%s/%s", prefix ? "prefix:" : "", roots[i], sw->account,
                                        sw->container, prefix ? prefix : sw->object);
        const char *text = arena_printf(sw->arena, "%s%s%s%s\n%" PRId64 "\n%s", range ? "ip=" : "", range ? range : "",
                                        range ? "\n" : "", method, expires, path);

        size_t key = swift_signature_fits(sw, digest, signature, keys, count, text);

        if (key) {
            return key;
        }
    }
    return 0;
}

static bool is_valid(struct swift *sw) {
    const char *signature = swift_argument(sw, "temp_url_sig"), *expires = swift_argument(sw, "temp_url_expires");
    const char *prefix = swift_argument(sw, "temp_url_prefix"), *range = addresses(sw);
    const char *digest = signature ? swift_digest_of(sw, &signature) : NULL, *keys[SWIFT_KEYS];
    static const char *const methods[] = {"HEAD", "GET", "POST", "PUT"};
    int64_t time = expires ? read_expires(expires) : 0;
    size_t count, of_account, key = 0;

    if (!digest || !time || sw->depth != DEPTH_OBJECT || (range && !address_fits(sw, range)) ||
        (prefix && strncmp(sw->object, prefix, strlen(prefix)) != 0)) {
        return false;
    }
    count = swift_signing_keys(sw, keys, &of_account);
    if (sw->http->method != HTTP_HEAD) {
        key = method_fits(sw, sw->http->method_name, digest, signature, time, keys, count);
    }
    /* Who may read or write may look. */
    for (int i = 0; i < 4 && !key && sw->http->method == HTTP_HEAD; i++) {
        key = method_fits(sw, methods[i], digest, signature, time, keys, count);
    }
    sw->lends = key && key <= of_account;
    return key;
}

bool swift_tempurl(struct swift *sw) {
    static const char *const refused[] = {"X-Object-Manifest", "X-Symlink-Target", "X-Copy-From"};

    if (!is_valid(sw)) {
        return swift_error(sw, 401, "401 Unauthorized: Temp URL invalid\n"), false;
    }
    for (int i = 0; i < 3 && sw->http->method != HTTP_GET && sw->http->method != HTTP_HEAD; i++) {
        if (swift_request_header(sw, refused[i])) {
            return swift_error(sw, 400, "The header %s is not allowed in a temporary URL.", refused[i]), false;
        }
    }
    sw->allowed = sw->temporary = true;
    return true;
}

static const char *disposition(struct swift *sw, const char *how, const char *name) {
    return arena_printf(sw->arena, "%s; filename=\"%s\"; filename*=UTF-8''%s", how, http_encoded(sw->arena, name, "/ "),
                        http_encoded(sw->arena, name, "/"));
}

/* The last part of a name, without slashes at its end. */
static const char *base_name(struct arena *arena, const char *name) {
    size_t size = strlen(name), from;

    while (size && name[size - 1] == '/') {
        size--;
    }
    for (from = size; from && name[from - 1] != '/'; from--) {
    }
    return arena_text_size(arena, name + from, size - from);
}

void swift_tempurl_headers(struct swift *sw, const char *kept_disposition) {
    const char *name = swift_argument(sw, "filename"), *expires = swift_argument(sw, "temp_url_expires");
    char time[TIME_TEXT_SIZE];

    if (swift_argument(sw, "inline")) {
        swift_header(sw, "Content-Disposition", "%s", name ? disposition(sw, "inline", name) : "inline");
    } else if (name) {
        swift_header(sw, "Content-Disposition", "%s", disposition(sw, "attachment", name));
    } else {
        swift_header(sw, "Content-Disposition", "%s", kept_disposition ? kept_disposition
                     : disposition(sw, "attachment", base_name(sw->arena, sw->object)));
    }
    http_respond_header(sw->http, "Expires", time_print(read_expires(expires) * SECOND, TIME_HTTP, time));
}
