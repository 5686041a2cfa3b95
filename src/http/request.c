/* SPDX-License-Identifier: Apache-2.0
 * Makes a request out of a parsed head, and refuses heads that two readers could understand differently (RFC 9112
 * sections 6.3 and 11.2) or that hold bytes no name or text of ours may have. */
#include "http/internal.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/json.h"

enum { MAX_HEADERS = 256 };

/* Names of headers are looked for many times a request, and mostly differ in their first letter. */
static bool is_name(const char *a, const char *b) {
    return !((*a ^ *b) & ~0x20) && strcasecmp(a, b) == 0;
}

const char *http_header(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (is_name(request->headers[i].name, name)) {
            return request->headers[i].value;
        }
    }
    return NULL;
}

void http_headers_each(const struct http_request *request, void (*fn)(void *user, const char *name, const char *value),
                       void *user) {
    for (size_t i = 0; i < request->header_count; i++) {
        fn(user, request->headers[i].name, request->headers[i].value);
    }
}

static enum http_method method_parse(const char *name) {
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "COPY"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum http_method)i;
        }
    }
    return HTTP_OTHER;
}

bool header_is_token(const char *name) {
    static const bool of_token[256] = {
        ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true,
        ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true,
        ['0' ... '9'] = true, ['a' ... 'z'] = true, ['A' ... 'Z'] = true,
    };
    const unsigned char *at = (const unsigned char *)name;

    while (of_token[*at]) {
        at++;
    }
    return *name && !*at;
}

static bool value_is_text(const char *value) {
    size_t size = strlen(value);

    if (bytes_are_plain(value, size)) {
        return true;
    }
    for (const char *at = value; *at; at++) {
        unsigned char c = (unsigned char)*at;

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return utf8_valid(value, size);
}

/* libmicrohttpd keeps spaces at the end of a value. */
static const char *value_trim(struct arena *arena, const char *value) {
    size_t size = strlen(value), kept = size;

    while (kept && (value[kept - 1] == ' ' || value[kept - 1] == '\t')) {
        kept--;
    }
    return kept == size ? value : arena_text_size(arena, value, kept);
}

static enum MHD_Result header_add(void *argument, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct http_request *request = argument;

    request->headers[request->header_count++] =
        (struct http_header){.name = name, .value = value_trim(request->arena, value ? value : "")};
    return request->header_count < MAX_HEADERS ? MHD_YES : MHD_NO;
}

/* True when 'name' came more than once with different values. */
static bool differs(const struct http_request *request, const char *name, const char *first) {
    for (size_t i = 0; first && i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];

        if (header->value != first && is_name(header->name, name) && strcmp(header->value, first) != 0) {
            return true;
        }
    }
    return false;
}

static const char *headers_read(struct exchange *exchange) {
    static const char *const single[] = {"Host", "X-Auth-Token", "X-Subject-Token", "X-Service-Token", "Authorization",
                                         "Content-Type", "Content-Length", "Transfer-Encoding", "Expect", "Range"};
    struct http_request *request = &exchange->request;
    int count = MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, NULL, NULL);

    if (count > MAX_HEADERS) {
        return "There are too many headers.";
    }
    request->headers = ARENA_ARRAY(request->arena, struct http_header, (size_t)count + 1);
    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, header_add, request);
    for (size_t i = 0; i < request->header_count; i++) {
        if (!header_is_token(request->headers[i].name)) {
            return "The name of a header is malformed.";
        }
        if (!value_is_text(request->headers[i].value)) {
            return "The value of a header is no UTF-8 text or holds control characters.";
        }
    }
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        if (differs(request, single[i], http_header(request, single[i]))) {
            return "A header that may come once came with different values.";
        }
    }
    return NULL;
}

static int64_t length_parse(const char *text) {
    int64_t length = 0;

    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9' || length > (INT64_MAX - 9) / 10) {
            return -1;
        }
        length = length * 10 + (*at - '0');
    }
    return *text ? length : -1;
}

static size_t header_count(const struct http_request *request, const char *name) {
    size_t count = 0;

    for (size_t i = 0; i < request->header_count; i++) {
        count += is_name(request->headers[i].name, name);
    }
    return count;
}

/* How long the body is. One of Content-Length and Transfer-Encoding only, and of the latter only "chunked": others that
 * stand alone are not implemented (RFC 9112 section 6.1). */
static const char *framing_read(struct exchange *exchange, const char *version, int *ret_status) {
    struct http_request *request = &exchange->request;
    const char *length = http_header(request, "Content-Length");
    const char *coding = http_header(request, "Transfer-Encoding");
    const char *expect = http_header(request, "Expect");

    request->content_length = -1;
    if (coding && (length || header_count(request, "Transfer-Encoding") != 1 || strcmp(version, "HTTP/1.1") != 0)) {
        return "The Transfer-Encoding of the request leaves open where its body ends.";
    }
    if (coding && strcasecmp(coding, "chunked") != 0) {
        *ret_status = 501;
        return "The only Transfer-Encoding that is understood is chunked.";
    }
    if (length) {
        request->content_length = length_parse(length);
        if (request->content_length < 0) {
            return "The Content-Length of the request is malformed.";
        }
    }
    exchange->has_body = coding || request->content_length > 0;
    exchange->expects_continue = expect && strcasecmp(expect, "100-continue") == 0;
    return NULL;
}

/* The path of a target in absolute form (RFC 9112 section 3.2.2); null when it is of no known form. */
static const char *target_path(const struct http_request *request) {
    const char *at = request->target;

    if (strncasecmp(at, "http://", 7) == 0 || strncasecmp(at, "https://", 8) == 0) {
        at = strchr(at, ':') + 3;
        at += strcspn(at, "/?");
        return *at == '/' ? at : *at ? NULL : "/";
    }
    return *at == '/' || (request->method == HTTP_OPTIONS && strcmp(at, "*") == 0) ? at : NULL;
}

static const char *target_read(struct exchange *exchange) {
    struct http_request *request = &exchange->request;
    const char *path = target_path(request);
    size_t size;

    for (const char *at = request->target; *at; at++) {
        if ((unsigned char)*at <= 0x20 || *at == 0x7f) {
            return "The request target holds control characters.";
        }
    }
    if (!path) {
        return "The request target is malformed.";
    }
    size = strcspn(path, "?");
    request->query = path[size] ? path + size + 1 : "";
    request->raw_path = arena_text_size(request->arena, path, size);
    request->path = http_decode(request->arena, path, size, false);
    if (!request->path) {
        request->path = "/";
        request->malformed = "The path is not well-formed: it holds NUL, invalid UTF-8 or an invalid escape.";
    }
    if (!http_arguments(request)) {
        request->malformed_query = "The query is not well-formed: it holds NUL, invalid UTF-8, an invalid escape or too many arguments.";
    }
    return exchange->server->options.malformed ? NULL : request->malformed ? request->malformed : request->malformed_query;
}

const char *request_read(struct exchange *exchange, const char *method, const char *version, int *ret_status) {
    struct http_request *request = &exchange->request;
    const char *error;

    *ret_status = 400;
    request->method_name = method;
    request->method = method_parse(method);
    /* The version follows the target and one separator, unless the target held a NUL. */
    if (!header_is_token(method) || !exchange->line || version != exchange->line + exchange->line_size + 1) {
        return "The request line is malformed.";
    }
    error = headers_read(exchange);
    if (!error && strcmp(version, "HTTP/1.0") != 0 && !http_header(request, "Host")) {
        error = "The Host header is missing.";
    }
    if (!error) {
        error = framing_read(exchange, version, ret_status);
    }
    return error ? error : target_read(exchange);
}
