/* SPDX-License-Identifier: Apache-2.0
 * Sending what objects hold: pieces one after the other, whole or by ranges, and the conditions before it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/words.h"
#include "object_store/seal.h"
#include "object_store/swift_parts.h"

enum { MAX_RANGES = 50, MAX_OVERLAPS = 2, MAX_UNORDERED = 8 };

/* ---- conditions ---- */

/* A date of HTTP as microseconds; -1: it is none. */
static int64_t date_of(const char *text) {
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%A, %d-%b-%y %H:%M:%S", "%a %b %d %H:%M:%S %Y"};
    static const char zones[] = " GMT UTC +0000 -0000";

    for (int i = 0; i < 4; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);

        if (end && (!*end || (*end == ' ' && words_have(zones, end + 1)))) {
            int day = tm.tm_mday;
            int64_t seconds = timegm(&tm);

            return day == tm.tm_mday ? seconds * SECOND : -1;      /* there is no February 31st */
        }
    }
    return -1;
}

const char *swift_plain_etag(struct arena *arena, const char *etag) {
    size_t size = strlen(etag);

    return size > 1 && *etag == '"' && etag[size - 1] == '"' ? arena_text_size(arena, etag + 1, size - 2) : etag;
}

/* True when the list of tags has this one (or is "*"). */
static bool tag_listed(const char *list, const char *etag) {
    size_t size = strlen(etag);

    while (*list) {
        size_t item;

        list += strspn(list, ", \t");
        item = strcspn(list, ",");
        if (item >= 1 && *list == '*') {
            return true;
        }
        if (!strncmp(list, "W/", 2)) {
            list += 2;
            item -= 2;
        }
        if (*list == '"' && *etag != '"') {
            list++;
            item--;
        }
        if (item >= size && !strncmp(list, etag, size) && (item == size || strchr("\" \t", list[size]))) {
            return true;
        }
        list += item;
    }
    return false;
}

bool swift_conditions(struct swift *sw, const char *etag, int64_t modified) {
    const char *match = swift_request_header(sw, "If-Match"), *none = swift_request_header(sw, "If-None-Match");
    const char *since = swift_request_header(sw, "If-Modified-Since");
    const char *unless = swift_request_header(sw, "If-Unmodified-Since");
    int64_t second = (modified + SECOND - 1) / SECOND * SECOND, date;

    if (match && !tag_listed(match, etag)) {
        return swift_status(sw, 412), false;
    }
    if (none && tag_listed(none, etag)) {
        return swift_status(sw, 304), false;
    }
    date = since ? date_of(since) : -1;
    if (date >= 0 && !none && second <= date) {
        return swift_status(sw, 304), false;
    }
    date = unless ? date_of(unless) : -1;
    if (date >= 0 && second > date) {
        return swift_status(sw, 412), false;
    }
    return true;
}

/* ---- streaming pieces ---- */

struct stream {
    struct swift_piece *pieces;
    size_t count, at;
    int64_t given;                  /* of the piece */
    struct store_reader *reader;    /* of the piece, once it was begun */
};

static void stream_end(void *user) {
    struct stream *stream = user;

    store_reader_close(stream->reader);
    stream->reader = NULL;
}

ssize_t swift_piece_read(const struct swift_piece *piece, struct store_reader **reader, int64_t given, void *bytes, size_t size) {
    ssize_t got;

    if (piece->text) {
        size = piece->size - given < (int64_t)size ? (size_t)(piece->size - given) : size;
        memcpy(bytes, piece->text + piece->first + given, size);
        return (ssize_t)size;
    }
    if (!*reader) {
        *reader = store_reader_open(piece->account, piece->container, piece->object, piece->first, piece->size);
    }
    got = *reader ? store_reader_read(*reader, bytes, size) : -1;
    if (got > 0 && piece->cipher) {
        seal_bytes(piece->cipher, piece->first + given, bytes, bytes, (size_t)got);
    }
    return got;
}

static ssize_t stream_read(void *user, uint64_t position, char *bytes, size_t size) {
    struct stream *stream = user;

    while (stream->at < stream->count) {
        const struct swift_piece *piece = &stream->pieces[stream->at];
        ssize_t got = stream->given < piece->size ? swift_piece_read(piece, &stream->reader, stream->given, bytes, size) : 0;

        if (got < 0 || (!got && stream->given < piece->size)) {
            return -1;
        }
        if (got) {
            stream->given += got;
            return got;
        }
        stream_end(stream);
        stream->at++;
        stream->given = 0;
    }
    return 0;
}

static void add_text(struct swift *sw, struct stream *stream, const char *text) {
    stream->pieces = arena_grow(sw->arena, stream->pieces, stream->count, sizeof *stream->pieces);
    stream->pieces[stream->count++] = (struct swift_piece){.text = text, .size = (int64_t)strlen(text)};
}

/* Adds what the range takes of the pieces. */
static void add_range(struct swift *sw, struct stream *stream, const struct swift_piece *pieces, size_t count,
                      struct http_range range) {
    for (size_t i = 0; i < count && range.size > 0; i++) {
        struct swift_piece piece = pieces[i];

        if (range.first >= piece.size) {
            range.first -= piece.size;
            continue;
        }
        piece.first += range.first;
        piece.size -= range.first;
        piece.size = piece.size < range.size ? piece.size : range.size;
        range.first = 0;
        range.size -= piece.size;
        stream->pieces = arena_grow(sw->arena, stream->pieces, stream->count, sizeof *stream->pieces);
        stream->pieces[stream->count++] = piece;
    }
}

static void respond_stream(struct swift *sw, struct stream *stream, int64_t size) {
    struct http_request *http = sw->http;

    if (http->method == HTTP_HEAD || !size) {
        http->response.stream_size = size;
        return;
    }
    http->response.stream = stream_read;
    http->response.stream_end = stream_end;
    http->response.stream_user = stream;
    http->response.stream_size = size;
}

static const char *content_range(struct swift *sw, struct http_range range, int64_t size) {
    return arena_printf(sw->arena, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, range.first, range.first + range.size - 1, size);
}

static void respond_parts(struct swift *sw, struct stream *stream, const struct swift_piece *pieces, size_t count,
                          int64_t size, const char *type, const struct http_range *ranges, int range_count) {
    const char *boundary = id_hex(sw->arena);
    int64_t total = 0;

    for (int i = 0; i < range_count; i++) {
        add_text(sw, stream, arena_printf(sw->arena, "%s--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n",
                                          i ? "\r\n" : "", boundary, type, content_range(sw, ranges[i], size)));
        add_range(sw, stream, pieces, count, ranges[i]);
    }
    add_text(sw, stream, arena_printf(sw->arena, "\r\n--%s--", boundary));
    for (size_t i = 0; i < stream->count; i++) {
        total += stream->pieces[i].size;
    }
    swift_header(sw, "Content-Type", "multipart/byteranges;boundary=%s", boundary);
    sw->http->response.status = 206;
    respond_stream(sw, stream, total);
}

void swift_send_pieces(struct swift *sw, const struct swift_piece *pieces, size_t count, int64_t first, int64_t size) {
    struct stream *stream = ARENA_NEW(sw->arena, struct stream);

    add_range(sw, stream, pieces, count, (struct http_range){first, size});
    respond_stream(sw, stream, size);
}

/* Clients may put blanks into a Range. */
static void tidy_range(struct swift *sw) {
    for (size_t i = 0; i < sw->http->header_count; i++) {
        struct http_header *header = &sw->http->headers[i];

        if (!strcasecmp(header->name, "Range") && strpbrk(header->value, " \t")) {
            char *tidy = arena_text(sw->arena, header->value), *to = tidy;

            for (const char *at = header->value; *at; at++) {
                if (*at != ' ' && *at != '\t') {
                    *to++ = *at;
                }
            }
            *to = 0;
            header->value = tidy;
        }
    }
}

static bool overlap(struct http_range a, struct http_range b) {
    return a.first < b.first + b.size && b.first < a.first + a.size && (a.first != b.first || a.size != b.size);
}

/* Ranges that nobody asks for in earnest, by Swift's measure (RFC 9110, 14.2): over and over the same, or here and there. */
static bool excessive(const struct http_range *ranges, int count) {
    bool ascending = true;
    int overlaps = 0;

    for (int i = 0; i < count; i++) {
        for (int k = 0; k < i; k++) {
            overlaps += overlap(ranges[k], ranges[i]);
        }
        ascending = ascending && (!i || ranges[i - 1].first < ranges[i].first ||
                                  (ranges[i - 1].first == ranges[i].first && ranges[i - 1].size <= ranges[i].size));
    }
    return overlaps > MAX_OVERLAPS || (!ascending && count >= MAX_UNORDERED);
}

bool swift_respond_pieces(struct swift *sw, const struct swift_piece *pieces, size_t count, int64_t size,
                          const char *content_type) {
    struct stream *stream = ARENA_NEW(sw->arena, struct stream);
    struct http_range ranges[MAX_RANGES];
    int range_count = 0;

    if (swift_request_header(sw, "Range")) {
        tidy_range(sw);
        range_count = http_ranges(sw->http, size, ranges, MAX_RANGES);
    }
    if (range_count < 0 || excessive(ranges, range_count)) {
        swift_header(sw, "Content-Range", "bytes */%" PRId64, size);
        return swift_status(sw, 416);
    }
    if (range_count > 1) {
        respond_parts(sw, stream, pieces, count, size, content_type, ranges, range_count);
        return true;
    }
    swift_header(sw, "Content-Type", "%s", content_type);
    if (range_count) {
        swift_header(sw, "Content-Range", "%s", content_range(sw, ranges[0], size));
    } else {
        ranges[0] = (struct http_range){0, size};
    }
    add_range(sw, stream, pieces, count, ranges[0]);
    sw->http->response.status = range_count ? 206 : 200;
    respond_stream(sw, stream, ranges[0].size);
    return true;
}
