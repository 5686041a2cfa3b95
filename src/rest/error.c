/* SPDX-License-Identifier: Apache-2.0
 * Errors: the one slot in the call, and the bodies in which each API family says them. Also the links between pages. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "http/http.h"
#include "rest/resource.h"
#include "rest/service.h"

static bool record(struct call *call, int status, const char *type, const char *format, va_list args) {
    if (!call->error) {
        call->error = status;
        call->error_type = type;
        call->error_message = arena_vprintf(call->arena, format, args);
    }
    return false;
}

bool fail(struct call *call, int status, const char *format, ...) {
    va_list args;

    va_start(args, format);
    record(call, status, NULL, format, args);
    va_end(args);
    return false;
}

bool fail_type(struct call *call, int status, const char *type, const char *format, ...) {
    va_list args;

    va_start(args, format);
    record(call, status, type, format, args);
    va_end(args);
    return false;
}

static const char *resource_word(struct call *call, const struct resource *resource) {
    char *word;

    if (resource->what) {
        return resource->what;
    }
    word = arena_text(call->arena, resource->singular ? resource->singular : resource->name);
    word[0] = (char)toupper((unsigned char)word[0]);
    for (char *at = word; *at; at++) {
        *at = *at == '_' ? ' ' : *at;
    }
    return word;
}

bool fail_not_found(struct call *call, const struct resource *resource, const char *id) {
    return fail_type(call, 404, resource->not_found, "%s %.255s could not be found.", resource_word(call, resource), id);
}

bool fail_database(struct call *call) {
    switch (db_failure(call->db)) {
    case DB_UNIQUE:
        return fail(call, call->service->style->conflict_status ? call->service->style->conflict_status : 409,
                    "Another one with the same unique values exists (%s).", db_message(call->db));
    case DB_FULL:
        return fail(call, 507, "The disk of the database is full.");
    case DB_RETRY:
        return fail(call, 503, "The database is busy, try again.");
    default:
        return fail(call, 500, "The database failed; the log has the cause.");
    }
}

const char *status_title(int status) {
    switch (status) {
    case 300: return "Multiple Choices";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Request Entity Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 422: return "Unprocessable Entity";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return "Error";
    }
}

static const char *keyed_word(int status) {
    switch (status) {
    case 400: return "badRequest";
    case 401: return "unauthorized";
    case 403: return "forbidden";
    case 404: return "itemNotFound";
    case 405: return "badMethod";
    case 406: return "notAcceptable";
    case 409: return "conflictingRequest";
    case 413: return "overLimit";
    case 415: return "badMediaType";
    case 429: return "overLimit";
    case 501: return "notImplemented";
    case 503: return "serviceUnavailable";
    default: return status >= 500 ? "computeFault" : "badRequest";
    }
}

void error_keyed(struct call *call, struct json_out *out) {
    json_map(out);
    json_key(out, call->error_type ? call->error_type : keyed_word(call->error));
    json_map(out);
    json_put_int(out, "code", call->error);
    json_put_text(out, "message", call->error_message);
    json_map_end(out);
    json_map_end(out);
}

void error_plain(struct call *call, struct json_out *out) {
    json_map(out);
    json_key(out, "error");
    json_map(out);
    json_put_int(out, "code", call->error);
    json_put_text(out, "message", call->error_message);
    json_put_text(out, "title", status_title(call->error));
    json_map_end(out);
    json_map_end(out);
}

static const char *neutron_word(int status) {
    switch (status) {
    case 400: return "HTTPBadRequest";
    case 401: return "HTTPUnauthorized";
    case 403: return "PolicyNotAuthorized";
    case 404: return "HTTPNotFound";
    case 409: return "Conflict";
    case 501: return "HTTPNotImplemented";
    default: return status >= 500 ? "HTTPInternalServerError" : "HTTPBadRequest";
    }
}

void error_neutron(struct call *call, struct json_out *out) {
    json_map(out);
    json_key(out, "NeutronError");
    json_map(out);
    json_put_text(out, "type", call->error_type ? call->error_type : neutron_word(call->error));
    json_put_text(out, "message", call->error_message);
    json_put_text(out, "detail", "");
    json_map_end(out);
    json_map_end(out);
}

void error_list(struct call *call, struct json_out *out) {
    json_map(out);
    json_key(out, "errors");
    json_list(out);
    json_map(out);
    json_put_int(out, "status", call->error);
    json_put_text(out, "title", status_title(call->error));
    json_put_text(out, "detail", call->error_message);
    json_put_text(out, "code", call->error_type ? call->error_type : "placement.undefined_code");
    json_put_text(out, "request_id", call->request_id);
    json_map_end(out);
    json_list_end(out);
    json_map_end(out);
}

void error_glance(struct call *call, struct json_out *out) {
    json_map(out);
    json_put_text(out, "message", call->error_message);
    json_put_text(out, "code", arena_printf(call->arena, "%d %s", call->error, status_title(call->error)));
    json_put_text(out, "title", status_title(call->error));
    json_map_end(out);
}

/* ---- pages ---- */

static void put_argument(struct buf *url, char sep, const char *name, const char *value) {
    buf_char(url, sep);
    http_encode(url, name, "");
    buf_char(url, '=');
    http_encode(url, value, "");
}

/* The request's own URL with marker (and without page_reverse) set to 'marker'. */
static const char *page_url(struct call *call, const char *marker, bool absolute) {
    const struct http_arguments *arguments = http_arguments(call->http);
    struct buf url = {0};
    const char *text;
    char sep = '?';

    buf_printf(&url, "%s%s", absolute ? call_base_url(call) : "", call->http->raw_path);
    for (size_t i = 0; arguments && i < arguments->count; i++) {
        const struct http_header *a = &arguments->at[i];

        if (strcmp(a->name, "marker") != 0 && strcmp(a->name, "page_reverse") != 0) {
            put_argument(&url, sep, a->name, a->value);
            sep = '&';
        }
    }
    if (marker) {
        put_argument(&url, sep, "marker", marker);
    }
    text = arena_text(call->arena, url.at);
    buf_release(&url);
    return text;
}

void page_named(struct call *call, const struct resource *resource, const struct page *page, struct json_out *out) {
    if (!page->more || !page->last) {
        return;
    }
    link_put(out, arena_printf(call->arena, "%s_links", resource->plural), "next", page_url(call, page->last, true));
}

/* A full page may have neighbours; one that was asked for from behind has a next one, and every other one a previous. */
void page_neutron(struct call *call, const struct resource *resource, const struct page *page, struct json_out *out) {
    bool full = page->count >= (size_t)page->limit;
    const char *back;

    if (page->limit <= 0) {
        return;
    }
    json_key(out, arena_printf(call->arena, "%s_links", resource->plural));
    json_list(out);
    if (full || page->reverse) {
        link_write(out, "next", page_url(call, page->last, true));
    }
    if (full || !page->reverse) {
        back = page_url(call, page->first, true);
        link_write(out, "previous", arena_printf(call->arena, "%s%cpage_reverse=True", back, strchr(back, '?') ? '&' : '?'));
    }
    json_list_end(out);
}

void page_identity(struct call *call, const struct resource *resource, const struct page *page, struct json_out *out) {
    json_key(out, "links");
    json_map(out);
    json_put_text(out, "next", page->more ? page_url(call, page->last, true) : NULL);
    json_put_text(out, "self", arena_printf(call->arena, "%s%s%s%s", call_base_url(call), call->http->raw_path,
                                            *call->http->query ? "?" : "", call->http->query));
    json_put_null(out, "previous");
    json_map_end(out);
    if (page->more) {
        json_put_bool(out, "truncated", true);
    }
}

static const char *below_prefix(struct call *call, const char *url) {
    size_t size = strlen(call->service->prefix);

    return strncmp(url, call->service->prefix, size) ? url : url + size;
}

void page_glance(struct call *call, const struct resource *resource, const struct page *page, struct json_out *out) {
    bool whole = call->operation->flags & OP_WHOLE;

    if (!whole) {
        json_put_text(out, "first", below_prefix(call, page_url(call, NULL, false)));
    }
    if (!whole && page->more) {
        json_put_text(out, "next", below_prefix(call, page_url(call, page->last, false)));
    }
    if (!whole || resource_field(resource, "schema")) {
        json_put_text(out, "schema", arena_printf(call->arena, "/v2/schemas/%s%s%s", resource->family ? resource->family : "",
                                                  resource->family ? "/" : "", resource->plural));
    }
}
