/* SPDX-License-Identifier: Apache-2.0
 * What the metadata proxy understands of a guest's request (RFC 9112), and how it signs it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "network/metadata_proxy.h"

enum { MAX_TARGET = 2048, MAX_BODY = 64 * 1024 };

static bool is_token(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c)) {
            return false;
        }
    }
    return size > 0;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The next character of a path, %XX decoded; -1: bad escape. Moves *at past it. */
static int path_char(const char **at) {
    int high, low;

    if (**at != '%') {
        return (unsigned char)*(*at)++;
    }
    high = hex_value((*at)[1]);
    low = high < 0 ? -1 : hex_value((*at)[2]);
    *at += 3;
    return low < 0 ? -1 : high << 4 | low;
}

/* True for an absolute path that names something below itself however it is decoded: no segment is "." or "..", also
 * not escaped, nothing decodes to '/', '\', '%' or a control character. */
static bool target_is_good(const char *target) {
    const char *end = target + strcspn(target, "?");
    size_t dots = 0, others = 0;

    if (target[0] != '/' || strlen(target) > MAX_TARGET) {
        return false;
    }
    for (const char *at = target; at < end;) {
        bool plain = *at != '%';
        int c = !plain && end - at < 3 ? -1 : path_char(&at);

        if (c < 0x21 || c == 0x7f || (plain && c > 0x7e) || c == '\\' || c == '#' ||
            (!plain && (c == '/' || c == '%'))) {
            return false;
        }
        if (c == '/') {
            if (dots && dots <= 2 && !others) {
                return false;
            }
            dots = others = 0;
        }
        dots += c == '.';
        others += c != '.' && c != '/';
    }
    if (dots && dots <= 2 && !others) {
        return false;
    }
    for (const char *at = end; *at; at++) {
        if ((unsigned char)*at < 0x21 || (unsigned char)*at > 0x7e || *at == '#') {
            return false;
        }
    }
    return true;
}

static int parse_request_line(struct arena *arena, const char *line, size_t size, struct metadata_request *request) {
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT"};
    const char *first = memchr(line, ' ', size);
    const char *second = first ? memchr(first + 1, ' ', size - (size_t)(first + 1 - line)) : NULL;

    if (!second || !is_token(line, (size_t)(first - line)) || memchr(line, 0, size) ||
        size - (size_t)(second + 1 - line) != 8 || memcmp(second + 1, "HTTP/1.", 7) != 0) {
        return 400;
    }
    request->target = arena_text_size(arena, first + 1, (size_t)(second - first - 1));
    if (!target_is_good(request->target)) {
        return strlen(request->target) > MAX_TARGET ? 414 : 400;
    }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strlen(methods[i]) == (size_t)(first - line) && !memcmp(line, methods[i], (size_t)(first - line))) {
            request->method = methods[i];
            return 1;
        }
    }
    return 405;
}

static int take_length(const char *value, bool *seen, struct metadata_request *request) {
    size_t size = strlen(value);

    if (*seen || !size || strspn(value, "0123456789") != size) {
        return 400;
    }
    *seen = true;
    request->body_size = size > 6 ? SIZE_MAX : (size_t)atol(value);
    return request->body_size > MAX_BODY ? 413 : 1;
}

static void keep_header(struct metadata_request *request, const char *name, const char *value) {
    static const char *const kept[] = {"Accept", "User-Agent", "Content-Type"};
    size_t count = 0;

    while (request->headers[count]) {
        if (!strcasecmp(request->headers[count], name)) {
            return;
        }
        count += 2;
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (!strcasecmp(kept[i], name)) {
            request->headers[count] = kept[i];
            request->headers[count + 1] = value;
        }
    }
}

static int parse_header(struct arena *arena, const char *line, size_t size, bool *seen_length,
                        struct metadata_request *request) {
    const char *colon = memchr(line, ':', size), *from, *end = line + size, *name, *value;

    if (!colon || !is_token(line, (size_t)(colon - line))) {
        return 400;
    }
    for (from = colon + 1; from < end && (*from == ' ' || *from == '\t'); from++) {
    }
    while (end > from && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    for (const char *at = from; at < end; at++) {
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f) {
            return 400;
        }
    }
    name = arena_text_size(arena, line, (size_t)(colon - line));
    value = arena_text_size(arena, from, (size_t)(end - from));
    if (!strcasecmp(name, "Transfer-Encoding")) {
        return 411;
    }
    if (!strcasecmp(name, "Content-Length")) {
        return take_length(value, seen_length, request);
    }
    keep_header(request, name, value);
    return 1;
}

int metadata_request_parse(struct arena *arena, const char *bytes, size_t size, struct metadata_request *ret_request) {
    const char *end = memmem(bytes, size, "\r\n\r\n", 4), *line = bytes;
    struct metadata_request request = {0};
    bool seen_length = false;
    int status = 1;

    if (!end) {
        return 0;
    }
    while (status == 1 && line <= end) {
        const char *stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        size_t length = (size_t)(stop - line);

        status = line == bytes ? parse_request_line(arena, line, length, &request)
                               : parse_header(arena, line, length, &seen_length, &request);
        line = stop + 2;
    }
    request.head_size = (size_t)(end + 4 - bytes);
    if (status == 1) {
        *ret_request = request;
    }
    return status;
}

const char *metadata_signature(struct arena *arena, const char *secret, const char *network, const char *address) {
    static const char hex[] = "0123456789abcdef";
    const char *text = arena_printf(arena, "%s%s", network, address);
    char *digits = arena_alloc(arena, 65);
    uint8_t mac[32];

    hmac_sha256(secret, strlen(secret), text, strlen(text), mac);
    for (int i = 0; i < 32; i++) {
        digits[i * 2] = hex[mac[i] >> 4];
        digits[i * 2 + 1] = hex[mac[i] & 15];
    }
    return digits;
}
