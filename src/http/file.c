/* SPDX-License-Identifier: Apache-2.0
 * Answering with a file or with ranges of it (RFC 9110 section 14). */
#include "http/http.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/id.h"

enum { MAX_RANGES = 32 };

/* A part of a multipart/byteranges answer: its head, then bytes of the file. */
struct part {
    const char *head;
    int64_t head_size, first, size;
};

struct parts {
    int fd, count;
    struct part at[MAX_RANGES + 1];         /* the last one is the closing line, without bytes */
};

static const char *response_header(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < request->response.header_count; i++) {
        if (strcasecmp(request->response.headers[i].name, name) == 0) {
            return request->response.headers[i].value;
        }
    }
    return NULL;
}

/* The same tag, though one of them may lack its quotes, as Swift's do; a weak tag never is. */
static bool same_tag(const char *a, const char *b) {
    size_t a_quoted = *a == '"', b_quoted = *b == '"', size = strlen(a) - 2 * a_quoted;

    return size && strlen(b) - 2 * b_quoted == size && memcmp(a + a_quoted, b + b_quoted, size) == 0;
}

/* If-Range: the ranges count only when the file is still the one the client knows. */
static bool is_unchanged(const struct http_request *request) {
    const char *wanted = http_header(request, "If-Range");
    const char *modified = wanted ? response_header(request, "Last-Modified") : NULL;
    const char *tag = wanted ? response_header(request, "ETag") : NULL;

    return !wanted || (modified && strcmp(wanted, modified) == 0) || (tag && same_tag(wanted, tag));
}

/* Digits at *at, which moves behind them; -1 when there are none. Too large a number becomes INT64_MAX. */
static int64_t number_read(const char **at) {
    int64_t number = 0;

    if (**at < '0' || **at > '9') {
        return -1;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        number = number > (INT64_MAX - 9) / 10 ? INT64_MAX : number * 10 + (**at - '0');
        if (number == INT64_MAX) {
            *at += strspn(*at, "0123456789");
            break;
        }
    }
    return number;
}

/* Reads "first-last", "first-" or "-suffix" of 'size' bytes; ret->size 0 when it lies outside. */
static bool range_read(const char **at, int64_t size, struct http_range *ret) {
    int64_t first = number_read(at);
    int64_t last;

    if (*(*at)++ != '-') {
        return false;
    }
    last = number_read(at);
    if (first < 0) {
        first = last > size ? 0 : size - last;
        *ret = (struct http_range){.first = first, .size = size - first};
        return last >= 0;
    }
    if (last >= 0 && last < first) {
        return false;
    }
    if (last < 0 || last >= size) {
        last = size - 1;
    }
    *ret = (struct http_range){.first = first, .size = first < size ? last - first + 1 : 0};
    return true;
}

int http_ranges(const struct http_request *request, int64_t size, struct http_range *ret_ranges, int max) {
    const char *at = request->method == HTTP_GET ? http_header(request, "Range") : NULL;
    int64_t total = 0;
    int count = 0;

    if (!at || strncasecmp(at, "bytes=", 6) != 0 || !is_unchanged(request)) {
        return 0;
    }
    at += 6;
    do {
        struct http_range range;

        at += strspn(at, ", \t");
        if (!range_read(&at, size, &range)) {
            return 0;
        }
        at += strspn(at, " \t");
        if (*at && *at != ',') {
            return 0;
        }
        if (range.size > 0) {
            total += range.size;
            if (count == max || (count > 0 && total > size)) {
                return 0;
            }
            ret_ranges[count++] = range;
        }
    } while (*at && at[strspn(at, ", \t")]);
    return count ? count : -1;
}

static void parts_end(void *user) {
    struct parts *parts = user;

    close(parts->fd);
}

static ssize_t parts_stream(void *user, uint64_t position, char *bytes, size_t size) {
    const struct parts *parts = user;
    int64_t at = (int64_t)position;

    for (int i = 0; i < parts->count; i++) {
        const struct part *part = &parts->at[i];
        int64_t left = part->head_size - at;

        if (left > 0) {
            size = (int64_t)size < left ? size : (size_t)left;
            memcpy(bytes, part->head + at, size);
            return (ssize_t)size;
        }
        left += part->size;
        if (left > 0) {
            ssize_t got = pread(parts->fd, bytes, (int64_t)size < left ? size : (size_t)left,
                                part->first + part->size - left);

            return got > 0 ? got : -1;
        }
        at -= part->head_size + part->size;
    }
    return 0;
}

static const char *content_range(struct http_request *request, struct http_range range, int64_t size) {
    return arena_printf(request->arena, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, range.first,
                        range.first + range.size - 1, size);
}

static const char *part_head(struct http_request *request, struct http_range range, int64_t size, const char *boundary,
                             const char *content_type) {
    return arena_printf(request->arena, "\r\n--%s\r\n%s%s%sContent-Range: %s\r\n\r\n", boundary,
                        content_type ? "Content-Type: " : "", content_type ? content_type : "",
                        content_type ? "\r\n" : "", content_range(request, range, size));
}

static void respond_parts(struct http_request *request, int fd, int64_t size, const char *content_type,
                          const struct http_range *ranges, int count) {
    struct parts *parts = ARENA_NEW(request->arena, struct parts);
    const char *boundary = id_hex(request->arena);
    int64_t total = 0;

    parts->fd = fd;
    parts->count = count + 1;
    for (int i = 0; i < count; i++) {
        parts->at[i] = (struct part){.head = part_head(request, ranges[i], size, boundary, content_type),
                                     .first = ranges[i].first,
                                     .size = ranges[i].size};
    }
    parts->at[count].head = arena_printf(request->arena, "\r\n--%s--\r\n", boundary);
    for (int i = 0; i <= count; i++) {
        parts->at[i].head_size = (int64_t)strlen(parts->at[i].head);
        total += parts->at[i].head_size + parts->at[i].size;
    }
    http_respond_header(request, "Content-Type",
                        arena_printf(request->arena, "multipart/byteranges; boundary=%s", boundary));
    request->response.stream = parts_stream;
    request->response.stream_end = parts_end;
    request->response.stream_user = parts;
    request->response.stream_size = total;
}

static void respond_one(struct http_request *request, int fd, struct http_range range, const char *content_type) {
    if (content_type) {
        http_respond_header(request, "Content-Type", content_type);
    }
    request->response.file = fd;
    request->response.file_offset = range.first;
    request->response.file_size = range.size;
}

void http_respond_file(struct http_request *request, int fd, int64_t size, const char *content_type) {
    struct http_range ranges[MAX_RANGES];
    int count = http_ranges(request, size, ranges, MAX_RANGES);

    http_respond_header(request, "Accept-Ranges", "bytes");
    request->response.status = count == 0 ? 200 : count < 0 ? 416 : 206;
    if (count < 0) {
        close(fd);
        http_respond_header(request, "Content-Range", arena_printf(request->arena, "bytes */%" PRId64, size));
    } else if (count == 0) {
        respond_one(request, fd, (struct http_range){.size = size}, content_type);
    } else if (count == 1) {
        http_respond_header(request, "Content-Range", content_range(request, ranges[0], size));
        respond_one(request, fd, ranges[0], content_type);
    } else {
        respond_parts(request, fd, size, content_type, ranges, count);
    }
}
