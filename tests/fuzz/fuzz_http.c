/* SPDX-License-Identifier: Apache-2.0
 * Fuzzes what reads a client's bytes itself: percent-decoding, query arguments, ranges and WebSocket frames. The first
 * byte chooses. What is decoded must be text and come back from its encoding; ranges must lie inside; frames must read
 * the same whatever their pieces. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "http/http.h"
#include "http/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { FILE_SIZE = 1000, RANGES = 4 };

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void try_decode(struct arena *arena, const char *text, size_t size) {
    const char *decoded = http_decode(arena, text, size, true);
    struct buf encoded = {0};

    if (decoded) {
        require(utf8_valid(decoded, strlen(decoded)));
        http_encode(&encoded, decoded, "");
        require(encoded.size == 0 || strcmp(http_decode(arena, encoded.at, encoded.size, false), decoded) == 0);
    }
    buf_release(&encoded);
}

static void try_query(struct arena *arena, const char *text) {
    struct http_request request = {.arena = arena, .query = text};
    const struct http_arguments *arguments = http_arguments(&request);

    for (size_t i = 0; arguments && i < arguments->count; i++) {
        require(http_argument(&request, arguments->at[i].name) != NULL);
    }
}

static void try_ranges(struct arena *arena, const char *text) {
    struct http_header header = {"Range", arena_printf(arena, "bytes=%s", text)};
    struct http_request request = {.arena = arena, .headers = &header, .header_count = 1};
    struct http_range ranges[RANGES];
    int count = http_ranges(&request, FILE_SIZE, ranges, RANGES);

    require(count >= -1 && count <= RANGES);
    for (int i = 0; i < count; i++) {
        require(ranges[i].first >= 0 && ranges[i].size > 0 && ranges[i].first <= FILE_SIZE - ranges[i].size);
    }
}

/* Reads all frames in pieces of 'step'; returns how many bytes of data, and the last event. */
static size_t read_all(const char *bytes, size_t size, size_t step, enum websocket_event *ret_last) {
    struct websocket_reader reader = {0};
    size_t total = 0, used, got;
    char data[64];

    *ret_last = WEBSOCKET_MORE;
    for (size_t at = 0; at < size && *ret_last != WEBSOCKET_PROTOCOL_ERROR && *ret_last != WEBSOCKET_UNSUPPORTED;) {
        size_t piece = size - at < step ? size - at : step;

        *ret_last = websocket_read(&reader, bytes + at, piece, &used, data, sizeof data, &got);
        require(used <= piece && got <= sizeof data && reader.control_size <= sizeof reader.control);
        require(used > 0);
        at += used;
        total += got;
    }
    return total;
}

static void try_frames(const char *bytes, size_t size) {
    enum websocket_event whole, pieces;
    size_t total = read_all(bytes, size, size, &whole);

    require(read_all(bytes, size, 1, &pieces) == total && (pieces == whole || whole != WEBSOCKET_PROTOCOL_ERROR));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena;
    const char *text;

    if (size < 1) {
        return 0;
    }
    arena = arena_new(0);
    text = arena_text_size(arena, (const char *)bytes + 1, size - 1);
    switch (bytes[0] & 3) {
    case 0:
        try_decode(arena, text, size - 1);
        break;
    case 1:
        try_query(arena, text);
        break;
    case 2:
        try_ranges(arena, text);
        break;
    default:
        try_frames(text, size - 1);
    }
    arena_free(arena);
    return 0;
}
