/* SPDX-License-Identifier: Apache-2.0
 * WebSocket handshake and frames (RFC 6455 sections 4.2 and 5). */
#include "http/websocket.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "http/internal.h"

enum { OP_CONTINUE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

/* True when the comma-separated header has 'token' (without case). */
static bool header_has(const struct http_request *request, const char *name, const char *token) {
    const char *at = http_header(request, name);

    while (at && *at) {
        size_t size;

        at += strspn(at, ", \t");
        size = strcspn(at, ", \t");
        if (size == strlen(token) && strncasecmp(at, token, size) == 0) {
            return true;
        }
        at += size;
    }
    return false;
}

static const char *accept_key(struct arena *arena, const char *key) {
    const char *text = arena_printf(arena, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    uint8_t bytes[20];

    hex_read(digest_of(arena, "sha1", text, strlen(text)), bytes, sizeof bytes);
    return base64_encode(arena, bytes, sizeof bytes);
}

static bool key_is_valid(struct arena *arena, const char *key) {
    size_t size = 0;

    return key && strlen(key) == 24 && base64_decode(arena, key, &size) && size == 16;
}

bool websocket_accept(struct http_request *request, const char *protocol) {
    const char *key = http_header(request, "Sec-WebSocket-Key");
    const char *version = http_header(request, "Sec-WebSocket-Version");

    if (request->method != HTTP_GET || !header_has(request, "Upgrade", "websocket") ||
        !header_has(request, "Connection", "upgrade") || !key_is_valid(request->arena, key)) {
        response_error(request, 400, "Bad Request", "A WebSocket handshake is expected here.");
        return false;
    }
    if (!version || strcmp(version, "13") != 0) {
        http_respond_header(request, "Sec-WebSocket-Version", "13");
        response_error(request, 426, "Upgrade Required", "Only version 13 of WebSocket is spoken here.");
        return false;
    }
    request->response.status = 101;
    http_respond_header(request, "Upgrade", "websocket");
    http_respond_header(request, "Sec-WebSocket-Accept", accept_key(request->arena, key));
    if (protocol && header_has(request, "Sec-WebSocket-Protocol", protocol)) {
        http_respond_header(request, "Sec-WebSocket-Protocol", protocol);
    }
    return true;
}

/* Bytes of the whole head, as far as it is known. */
static size_t head_wanted(const struct websocket_reader *reader) {
    size_t length = reader->head_size < 2 ? 0 : reader->head[1] & 0x7f;

    return reader->head_size < 2 ? 2 : length == 126 ? 8 : length == 127 ? 14 : 6;
}

static uint64_t payload_size(const struct websocket_reader *reader, size_t head_size) {
    uint64_t size = 0;

    if (head_size == 6) {
        return reader->head[1] & 0x7f;
    }
    for (size_t i = 2; i < head_size - 4; i++) {
        size = size << 8 | reader->head[i];
    }
    return size;
}

static int opcode(const struct websocket_reader *reader) {
    return reader->head[0] & 15;
}

static bool is_final(const struct websocket_reader *reader) {
    return reader->head[0] & 0x80;
}

/* Judges a whole head. */
static enum websocket_event head_check(struct websocket_reader *reader) {
    int op = opcode(reader);

    reader->left = payload_size(reader, reader->head_size);
    reader->masked = 0;
    reader->control_size = 0;
    reader->in_payload = true;
    if (op == OP_TEXT) {
        return WEBSOCKET_UNSUPPORTED;
    }
    if (op >= OP_CLOSE) {
        return op > OP_PONG || !is_final(reader) || reader->left > sizeof reader->control ? WEBSOCKET_PROTOCOL_ERROR
                                                                                          : WEBSOCKET_MORE;
    }
    if (op > OP_BINARY || (op == OP_BINARY) == reader->in_message || reader->left >> 63) {
        return WEBSOCKET_PROTOCOL_ERROR;
    }
    reader->in_message = !is_final(reader);
    return WEBSOCKET_MORE;
}

static enum websocket_event head_read(struct websocket_reader *reader, const char *bytes, size_t size, size_t *used) {
    while (*used < size && reader->head_size < head_wanted(reader)) {
        reader->head[reader->head_size++] = (uint8_t)bytes[(*used)++];
        /* Reserved bits are of extensions, which we do not offer; a client must mask. */
        if ((reader->head[0] & 0x70) || (reader->head_size == 2 && !(reader->head[1] & 0x80))) {
            return WEBSOCKET_PROTOCOL_ERROR;
        }
    }
    return reader->head_size == head_wanted(reader) ? head_check(reader) : WEBSOCKET_MORE;
}

static void payload_read(struct websocket_reader *reader, const char *bytes, size_t size, char *to) {
    const uint8_t *mask = reader->head + reader->head_size - 4;

    for (size_t i = 0; i < size; i++) {
        to[i] = (char)((uint8_t)bytes[i] ^ mask[reader->masked++ & 3]);
    }
    reader->left -= size;
}

static size_t least(size_t a, size_t b, uint64_t c) {
    size_t least = a < b ? a : b;

    return least < c ? least : (size_t)c;
}

static enum websocket_event frame_end(struct websocket_reader *reader) {
    int op = opcode(reader);

    reader->in_payload = false;
    reader->head_size = 0;
    return op == OP_PING ? WEBSOCKET_PING : op == OP_PONG ? WEBSOCKET_PONG : op == OP_CLOSE ? WEBSOCKET_CLOSE
                                                                                            : WEBSOCKET_MORE;
}

enum websocket_event websocket_read(struct websocket_reader *reader, const char *bytes, size_t size, size_t *ret_used,
                                    char *data, size_t room, size_t *ret_data) {
    enum websocket_event event = WEBSOCKET_MORE;
    bool stuck = false;

    *ret_used = *ret_data = 0;
    while (event == WEBSOCKET_MORE && !stuck && (*ret_used < size || (reader->in_payload && !reader->left))) {
        bool control = reader->in_payload && opcode(reader) >= OP_CLOSE;
        size_t *filled = control ? &reader->control_size : ret_data;
        size_t taken = least(size - *ret_used, (control ? sizeof reader->control : room) - *filled, reader->left);

        if (!reader->in_payload) {
            event = head_read(reader, bytes, size, ret_used);
            continue;
        }
        payload_read(reader, bytes + *ret_used, taken, (control ? reader->control : data) + *filled);
        *filled += taken;
        *ret_used += taken;
        stuck = taken == 0 && reader->left > 0;
        if (reader->left == 0) {
            event = frame_end(reader);
        }
    }
    return event;
}
