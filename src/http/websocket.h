/* SPDX-License-Identifier: Apache-2.0
 * WebSocket (RFC 6455), the server's side: the handshake, and a proxy between a browser and a byte stream, as consoles
 * need it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request;

/* For 'answer' of a request that decide sent to HTTP_UPGRADE. Sets the response to 101, or to 400 or 426 with a JSON
 * error when the request is no WebSocket handshake (then false). 'protocol' is chosen when the client offers it. The
 * caller sets request->upgraded, and checks Origin and token. */
bool websocket_accept(struct http_request *request, const char *protocol);

/* Connects to "unix:PATH" or "HOST:PORT" within 'timeout_ms'. The descriptor does not block; -1 on failure. */
int websocket_connect(const char *address, int timeout_ms);

/* Passes bytes both ways until a side ends or the client stays silent to pings for 90 s: payloads of the client's
 * binary frames to 'backend_fd', bytes of 'backend_fd' as binary frames to 'client_fd'. Memory is bounded: who reads
 * slowly makes the other side wait. Blocks; for request->upgraded. Closes neither descriptor. */
void websocket_proxy(int client_fd, const void *extra, size_t extra_size, int backend_fd);

/* The reader of the client's frames, apart from sockets. */
struct websocket_reader {
    uint8_t head[14];
    size_t head_size;           /* bytes of the head read */
    bool in_payload, in_message;
    uint64_t left;              /* bytes of the payload to come */
    uint32_t masked;            /* position in the mask */
    char control[125];          /* payload of a control frame */
    size_t control_size;
};

enum websocket_event {
    WEBSOCKET_MORE,             /* all bytes are read, or there is no room for data */
    WEBSOCKET_PING,             /* answer with reader->control */
    WEBSOCKET_PONG,
    WEBSOCKET_CLOSE,            /* the client ends; reader->control holds its code */
    WEBSOCKET_PROTOCOL_ERROR,   /* close with 1002 */
    WEBSOCKET_UNSUPPORTED,      /* close with 1003: a text frame */
};

/* Reads frames from 'bytes' up to an event. *ret_used says how many bytes were read; payload of data frames is unmasked
 * into 'data', at most 'room' bytes, *ret_data of them. */
enum websocket_event websocket_read(struct websocket_reader *reader, const char *bytes, size_t size, size_t *ret_used,
                                    char *data, size_t room, size_t *ret_data);
