/* SPDX-License-Identifier: Apache-2.0
 * A server whose paths each show one behaviour, and a client that sends raw bytes, for the tests of src/http. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct http_server;

struct fixture {
    struct arena *arena;
    struct http_server *server;
    int port;
    atomic_int decided, answered, done, ended;  /* calls of decide, answer, done, stream_end */
    int backend;                                /* where /ws leads */
    atomic_bool shut;                           /* ?wait=PLACE (decide, sink, answer, stream) waits there meanwhile */
    atomic_int waiting;                         /* how many do */
};

/* Starts the server on a free port. 'certificate' (with its key in the same file) may be null. */
void fixture_start(struct fixture *fixture, const char *certificate);
void fixture_stop(struct fixture *fixture);

/* "http://127.0.0.1:PORT" and 'path', in the arena. */
const char *fixture_url(struct fixture *fixture, const char *path);

/* A connection to the server; what it says until it ends or 'ms' of silence, NUL-terminated in the arena. */
int raw_connect(const struct fixture *fixture);
void raw_send(int fd, const char *bytes, size_t size);
#define RAW_SEND(fd, text) raw_send((fd), (text), sizeof(text) - 1)
const char *raw_read(struct fixture *fixture, int fd, int ms);

/* Sends 'text', returns the answer, closes. */
const char *raw_talk(struct fixture *fixture, const char *text, size_t size);
#define RAW(fixture, text) raw_talk((fixture), (text), sizeof(text) - 1)

/* How often 'part' occurs in 'text'. */
int count_of(const char *text, const char *part);

/* The byte at 'position' of /stream and of the file of /file. */
static inline char pattern(uint64_t position) {
    return (char)('a' + (position * 7 + position / 251) % 26);
}
