/* SPDX-License-Identifier: Apache-2.0
 * Answers in Swift's form: headers of all, errors as small HTML pages or plain lines, times. */
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include "base/clock.h"
#include "object_store/swift_parts.h"
#include "rest/cloud.h"

void swift_header(struct swift *sw, const char *name, const char *format, ...) {
    va_list args;

    va_start(args, format);
    http_respond_header(sw->http, name, strcmp(format, "%s") ? arena_vprintf(sw->arena, format, args) : va_arg(args, char *));
    va_end(args);
}

static bool has_header(const struct http_request *http, const char *name) {
    for (size_t i = 0; i < http->response.header_count; i++) {
        if (!strcmp(http->response.headers[i].name, name)) {
            return true;
        }
    }
    return false;
}

void swift_common_headers(struct swift *sw) {
    if (!has_header(sw->http, "Content-Type")) {
        http_respond_header(sw->http, "Content-Type", "text/html; charset=UTF-8");
    }
    if (sw->http->response.status == 401 && sw->account) {
        swift_header(sw, "WWW-Authenticate", "Swift realm=\"%s\", Keystone uri=\"%s/identity\"",
                     http_encoded(sw->arena, sw->account, "/"), cloud.url);
    }
    if (sw->container) {
        swift_cors_headers(sw);
    }
    http_respond_header(sw->http, "X-Trans-Id", sw->trans_id);
    http_respond_header(sw->http, "X-Openstack-Request-Id", sw->trans_id);
}

static const char *explain(int status) {
    switch (status) {
    case 400: return "The server could not understand what was asked.";
    case 401: return "This needs a valid token, and the one given (if any) is not.";
    case 403: return "Access was denied to this resource.";
    case 404: return "The resource could not be found.";
    case 405: return "The method is not allowed for this resource.";
    case 409: return "There was a conflict when trying to complete your request.";
    case 411: return "Content-Length header required.";
    case 412: return "A precondition for this request was not met.";
    case 413: return "The body of your request was too large for this server.";
    case 416: return "The Range requested is not available.";
    case 422: return "The body is not what its ETag says, or cannot be processed.";
    case 498: return "There were too many requests, try again later.";
    case 500: return "The server failed; its log has the cause.";
    case 501: return "The requested method is not implemented by this server.";
    case 503: return "The server is currently unavailable. Please try again at a later time.";
    case 507: return "There is not enough space to save the resource.";
    default: return "";
    }
}

bool swift_status(struct swift *sw, int status) {
    struct http_request *http = sw->http;

    buf_clear(&http->response.body);
    http->response.status = status;
    if (status >= 400 && http->method != HTTP_HEAD) {
        buf_printf(&http->response.body, "<html><h1>%s</h1><p>%s</p></html>", status_title(status), explain(status));
    }
    return true;
}

bool swift_error(struct swift *sw, int status, const char *format, ...) {
    struct http_request *http = sw->http;
    va_list args;

    buf_clear(&http->response.body);
    http->response.status = status;
    http_respond_header(http, "Content-Type", "text/plain");
    va_start(args, format);
    buf_text(&http->response.body, arena_vprintf(sw->arena, format, args));
    va_end(args);
    return true;
}

bool swift_failed(struct swift *sw, enum store_result result) {
    switch (result) {
    case STORE_MISSING:
    case STORE_NO_CONTAINER:
        return swift_status(sw, 404);
    case STORE_NOT_EMPTY:
        return swift_status(sw, 409);
    case STORE_PRECONDITION:
        return swift_status(sw, 412);
    case STORE_OVER_QUOTA:
        return swift_error(sw, 413, "Upload exceeds quota.");
    case STORE_HELD:
        return swift_status(sw, 403);
    case STORE_FULL:
        return swift_status(sw, 507);
    default:
        return swift_status(sw, 503);
    }
}

bool swift_denied(struct swift *sw) {
    return swift_status(sw, sw->call->caller.user_id ? 403 : 401);
}

const char *swift_timestamp(struct arena *arena, int64_t time) {
    char text[] = "0000000000.00000";
    int64_t seconds = time / SECOND, rest = time % SECOND / 10;

    if (time < 0 || seconds > 9999999999) {
        return arena_printf(arena, "%010lld.%05lld", (long long)seconds, (long long)rest);
    }
    for (char *at = text + 9; seconds; seconds /= 10) {
        *at-- = (char)('0' + seconds % 10);
    }
    for (char *at = text + 15; rest; rest /= 10) {
        *at-- = (char)('0' + rest % 10);
    }
    return arena_text_size(arena, text, sizeof text - 1);
}

void swift_last_modified(struct swift *sw, int64_t time) {
    char text[TIME_TEXT_SIZE];

    /* Rounded up: nothing that was modified since may look as old. */
    http_respond_header(sw->http, "Last-Modified", time_print((time + SECOND - 1) / SECOND * SECOND, TIME_HTTP, text));
}

int64_t swift_version_of(const char *text) {
    int64_t seconds = strtoll(text, NULL, 10), fraction = 0, unit = SECOND / 10;
    const char *at = strchr(text, '.');

    for (at = at ? at + 1 : ""; *at >= '0' && *at <= '9' && unit; at++, unit /= 10) {
        fraction += (*at - '0') * unit;
    }
    return seconds * SECOND + fraction;
}

bool swift_version_read(const char *text, int64_t *ret) {
    char *end;
    double seconds = strtod(text, &end);
    bool is_time = *text && !*end && strspn(text, "0123456789.") == strlen(text) && seconds > 0 && seconds < 1e11;

    *ret = is_time ? swift_version_of(text) : 0;
    return is_time || !strcmp(text, "null");
}

const char *swift_version_text(struct arena *arena, int64_t version) {
    return version ? arena_printf(arena, "%010lld.%06lld", (long long)(version / SECOND), (long long)(version % SECOND))
                   : "null";
}
