/* SPDX-License-Identifier: Apache-2.0
 * WebSocket frames, and the proxy through a server. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/run.h"
#include "http/http.h"
#include "http/websocket.h"
#include "http_fixture.h"
#include "test.h"

#define HANDSHAKE \
    "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Protocol: base64, binary\r\n\r\n"

/* A masked frame of the client. */
static void frame_put(struct buf *buf, int first, const char *bytes, size_t size) {
    static const char mask[4] = {0x12, 0x34, 0x56, 0x78};

    buf_char(buf, (char)first);
    if (size < 126) {
        buf_char(buf, (char)(0x80 | size));
    } else {
        buf_put(buf, (const char[]){(char)(0x80 | 126), (char)(size >> 8), (char)size}, 3);
    }
    buf_put(buf, mask, 4);
    for (size_t i = 0; i < size; i++) {
        buf_char(buf, (char)(bytes[i] ^ mask[i & 3]));
    }
}

/* Feeds 'bytes' by 'step'; returns the first event and appends the data. */
static enum websocket_event feed(struct websocket_reader *reader, const struct buf *bytes, size_t step,
                                 struct buf *data) {
    enum websocket_event event = WEBSOCKET_MORE;

    for (size_t at = 0; at < bytes->size && event == WEBSOCKET_MORE;) {
        size_t size = bytes->size - at < step ? bytes->size - at : step, used, got;
        char room[7];

        event = websocket_read(reader, bytes->at + at, size, &used, room, sizeof room, &got);
        buf_put(data, room, got);
        at += used;
    }
    return event;
}

TEST(frames_are_read_whatever_their_pieces) {
    struct buf bytes = {0}, data = {0};

    frame_put(&bytes, 0x02, "abc", 3);
    frame_put(&bytes, 0x00, "", 0);
    frame_put(&bytes, 0x80, "defghijklmnop", 13);
    frame_put(&bytes, 0x89, "ping", 4);
    for (size_t step = 1; step < 40; step++) {
        struct websocket_reader reader = {0};

        buf_clear(&data);
        check(feed(&reader, &bytes, step, &data) == WEBSOCKET_PING);
        check_text(data.at, "abcdefghijklmnop");
        check(reader.control_size == 4 && memcmp(reader.control, "ping", 4) == 0);
    }
    buf_release(&bytes);
    buf_release(&data);
}

TEST(frames_against_the_rules_are_refused) {
    static const struct {
        const char *bytes;
        size_t size;
        enum websocket_event event;
    } cases[] = {
        {"\x82\x01x", 3, WEBSOCKET_PROTOCOL_ERROR},                                     /* not masked */
        {"\xc2\x81mmmmx", 7, WEBSOCKET_PROTOCOL_ERROR},                                 /* reserved bit */
        {"\x83\x81mmmmx", 7, WEBSOCKET_PROTOCOL_ERROR},                                 /* unknown opcode */
        {"\x80\x81mmmmx", 7, WEBSOCKET_PROTOCOL_ERROR},                                 /* continues nothing */
        {"\x09\x80mmmm", 6, WEBSOCKET_PROTOCOL_ERROR},                                  /* control in pieces */
        {"\x89\xfe\x00\x7emmmm", 8, WEBSOCKET_PROTOCOL_ERROR},                          /* control too long */
        {"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00mmmm", 14, WEBSOCKET_PROTOCOL_ERROR}, /* length of 64 bits */
        {"\x02\x80mmmm\x82\x80mmmm", 12, WEBSOCKET_PROTOCOL_ERROR},                     /* message in a message */
        {"\x81\x80mmmm", 6, WEBSOCKET_UNSUPPORTED},                                     /* text */
        {"\x88\x80mmmm", 6, WEBSOCKET_CLOSE},
        {"\x8a\x80mmmm", 6, WEBSOCKET_PONG},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct websocket_reader reader = {0};
        struct buf bytes = {0}, data = {0};

        buf_put(&bytes, cases[i].bytes, cases[i].size);
        check_int(feed(&reader, &bytes, 3, &data), cases[i].event);
        buf_release(&bytes);
        buf_release(&data);
    }
}

TEST(a_handshake_is_judged) {
    struct fixture fixture;
    const char *answer;

    fixture_start(&fixture, NULL);
    answer = RAW(&fixture, "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n");
    check(strncmp(answer, "HTTP/1.1 400", 12) == 0);
    answer = RAW(&fixture, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n");
    check(strncmp(answer, "HTTP/1.1 426", 12) == 0 && strstr(answer, "Sec-WebSocket-Version: 13\r\n"));
    fixture_stop(&fixture);
}

static void read_until(int fd, struct buf *got, size_t size) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    while (got->size < size && poll(&ready, 1, 2000) == 1) {
        ssize_t some = recv(fd, buf_reserve(got, 4096), 4096, 0);

        if (some <= 0) {
            break;
        }
        got->size += (size_t)some;
    }
}

TEST(a_console_is_proxied_both_ways) {
    struct fixture fixture;
    struct buf frames = {0}, got = {0};
    int pair[2], fd;

    fixture_start(&fixture, NULL);
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    fixture.backend = pair[1];
    fd = raw_connect(&fixture);
    buf_text(&frames, HANDSHAKE);
    frame_put(&frames, 0x82, "early", 5);
    raw_send(fd, frames.at, frames.size);
    read_until(pair[0], &got, 5);
    check(got.size == 5 && memcmp(got.at, "early", 5) == 0);
    buf_clear(&got);
    got.size = 0;
    check(send(pair[0], "RFB 003", 7, 0) == 7);
    read_until(fd, &got, 200);
    buf_put(&got, "", 1);
    check(strncmp(got.at, "HTTP/1.1 101", 12) == 0);
    check(strstr(got.at, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    check(strstr(got.at, "Sec-WebSocket-Protocol: binary\r\n"));
    check(strstr(got.at, "\r\n\r\n\x82\x07RFB 003"));
    frames.size = got.size = 0;
    frame_put(&frames, 0x89, "p", 1);
    frame_put(&frames, 0x88, "\x03\xe8", 2);
    raw_send(fd, frames.at, frames.size);
    read_until(fd, &got, 100);
    check(got.size == 7 && memcmp(got.at, "\x8a\x01p\x88\x02\x03\xe8", 7) == 0);
    close(fd);
    fixture_stop(&fixture);
    close(pair[0]);
    close(pair[1]);
    buf_release(&frames);
    buf_release(&got);
}

TEST(stopping_ends_an_open_console) {
    struct fixture fixture;
    int pair[2], fd;

    fixture_start(&fixture, NULL);
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    fixture.backend = pair[1];
    fd = raw_connect(&fixture);
    raw_send(fd, HANDSHAKE, sizeof HANDSHAKE - 1);
    check(strstr(raw_read(&fixture, fd, 100), " 101 "));
    fixture_stop(&fixture);
    close(fd);
    close(pair[0]);
    close(pair[1]);
}

TEST(https_serves_requests_and_consoles) {
    struct arena *arena = arena_new(0);
    const char *pem = arena_printf(arena, "%s/server.pem", test_directory());
    struct run_result result;
    struct http_reply reply;
    struct fixture fixture;
    int pair[2];

    if (!RUN(arena, &result, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pem, "-out",
             arena_printf(arena, "%s.crt", pem), "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1") ||
        !RUN(arena, &result, "sed", "-i", arena_printf(arena, "$r %s.crt", pem), pem)) {
        test_skip("no openssl program");
        arena_free(arena);
        return;
    }
    fixture_start(&fixture, pem);
    check(http_call(arena,
                    &(struct http_call){.url = arena_printf(arena, "https://127.0.0.1:%d/stream?size=300000&worker=1",
                                                            fixture.port),
                                        .ca_file = pem},
                    &reply));
    check_int((int64_t)reply.body_size, 300000);
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    fixture.backend = pair[1];
    check(send(pair[0], "hello", 5, 0) == 5);
    run_program(arena,
                &(struct run){.argv = (const char *const[]){"openssl", "s_client", "-quiet", "-connect",
                                                            arena_printf(arena, "127.0.0.1:%d", fixture.port), NULL},
                              .input = HANDSHAKE "\x88\x80mmmm",
                              .input_size = sizeof HANDSHAKE - 1 + 6,
                              .timeout_ms = 5000},
                &result);
    check(strstr(result.output, "HTTP/1.1 101"));
    check_int(result.status, 0);
    fixture_stop(&fixture);
    close(pair[0]);
    close(pair[1]);
    arena_free(arena);
}
