/* SPDX-License-Identifier: Apache-2.0
 * Requests that may wait long (HTTP_APART): they have threads of their own, so that nobody else waits behind them. What waits
 * here waits for the test to go on, not for a time. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "http/http.h"
#include "http_fixture.h"
#include "test.h"

/* Threads of requests apart (src/http/workers.c); more requests than those. */
enum { MOST_APART = 32, MANY = 40, LEAVERS = 8, BODY = 8 << 20, FULL_PIPE = 200 * 1024 };

static struct http_reply ask(struct fixture *fixture, const char *method, const char *path, const char *body, size_t size) {
    struct http_reply reply;

    http_call(fixture->arena, &(struct http_call){.method = method, .url = fixture_url(fixture, path), .body = body,
                                                  .body_size = size, .max_response = 2 * BODY, .timeout_ms = 10000}, &reply);
    return reply;
}

static void check_quick_ones(struct fixture *fixture) {
    for (int i = 0; i < 8; i++) {
        check_int(ask(fixture, "GET", "/q", NULL, 0).status, 200);
        check_int(ask(fixture, "PUT", "/q?worker=1", "abc", 3).status, 200);
        check_text(ask(fixture, "PUT", "/sink?worker=1", "a", 1).body, "right 1");
    }
}

static void wait_for(atomic_int *count, int wanted) {
    int64_t until = clock_monotonic() + 10 * SECOND;

    while (atomic_load(count) != wanted && clock_monotonic() < until) {
        usleep(1000);
    }
    check_int(atomic_load(count), wanted);
}

static int begin(struct fixture *fixture, const char *path) {
    const char *text = arena_printf(fixture->arena, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", path);
    int fd = raw_connect(fixture);

    raw_send(fd, text, strlen(text));
    return fd;
}

static void wait_for_queued(struct fixture *fixture, uint64_t wanted) {
    struct http_statistics now = {0};

    for (int tries = 0; tries < 5000 && now.queued != wanted; tries++) {
        usleep(1000);
        http_server_statistics(fixture->server, &now);
    }
    check_int((int64_t)now.queued, (int64_t)wanted);
}

static void begin_many(struct fixture *fixture, const char *path, int fds[MANY]) {
    for (int i = 0; i < MANY; i++) {
        fds[i] = begin(fixture, path);
    }
    wait_for(&fixture->waiting, MOST_APART);
    wait_for_queued(fixture, MANY - MOST_APART);
}

static char *bytes_new(size_t size) {
    char *bytes = malloc(size);

    check(bytes != NULL);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(i);
    }
    return bytes;
}

TEST(requests_apart_hold_up_nobody_and_are_all_answered) {
    static const char *const paths[] = {"/x?apart=1&wait=decide", "/x?apart=1&wait=answer",
                                        "/stream?apart=1&wait=stream&size=5"};

    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
        struct fixture fixture;
        int fds[MANY];

        fixture_start(&fixture, NULL);
        fixture.shut = true;
        test_context(paths[k]);
        begin_many(&fixture, paths[k], fds);
        check_quick_ones(&fixture);
        check_int(fixture.waiting, MOST_APART);
        fixture.shut = false;
        for (int i = 0; i < MANY; i++) {
            check(!strncmp(raw_read(&fixture, fds[i], 5000), "HTTP/1.1 200 ", 13));
            close(fds[i]);
        }
        test_context(NULL);
        fixture_stop(&fixture);
    }
}

TEST(bodies_apart_stream_in_and_out) {
    char *bytes = bytes_new(BODY);
    struct fixture fixture;
    struct http_reply reply;

    fixture_start(&fixture, NULL);
    check_text(ask(&fixture, "PUT", "/sink?apart=1", bytes, BODY).body, "right 8388608");
    check_text(ask(&fixture, "PUT", "/sink?apart=1&stop=1", bytes, BODY).body, "right 131072");
    check_text(ask(&fixture, "PUT", "/b?apart=1", "hello", 5).body, "PUT /b|/b|apart=1|hello");
    check_int(ask(&fixture, "PUT", "/small?apart=1", "12345678901", 11).status, 413);
    reply = ask(&fixture, "GET", "/stream?apart=1&size=8388608", NULL, 0);
    check(reply.body_size == BODY && !memcmp(reply.body, bytes, BODY));
    reply = ask(&fixture, "GET", "/stream?apart=1&size=8388608&chunked=1", NULL, 0);
    check(reply.body_size == BODY && !memcmp(reply.body, bytes, BODY));
    check_int(ask(&fixture, "GET", "/stream?apart=1&size=500000&break=200000", NULL, 0).status, 0);
    fixture_stop(&fixture);
    check_int(fixture.ended, 3);
    free(bytes);
}

struct upload {
    struct fixture *fixture;
    const char *bytes;
    struct http_reply reply;
};

static void *send_upload(void *argument) {
    struct upload *upload = argument;
    struct arena *arena = arena_new(0);

    http_call(arena, &(struct http_call){.method = "PUT", .url = fixture_url(upload->fixture, "/sink?apart=1&wait=sink"),
                                         .body = upload->bytes, .body_size = BODY}, &upload->reply);
    check_int(upload->reply.status, 200);
    check_text(upload->reply.body, "right 8388608");
    arena_free(arena);
    return NULL;
}

TEST(a_sink_apart_that_waits_holds_up_nobody_and_loses_no_byte) {
    char *bytes = bytes_new(BODY);
    struct fixture fixture;
    struct upload upload = {.fixture = &fixture, .bytes = bytes};
    pthread_t thread;

    fixture_start(&fixture, NULL);
    fixture.shut = true;
    check(!pthread_create(&thread, NULL, send_upload, &upload));
    wait_for(&fixture.waiting, 1);
    check_quick_ones(&fixture);
    fixture.shut = false;
    pthread_join(thread, NULL);
    fixture_stop(&fixture);
    free(bytes);
}

/* Those who leave in the middle of their bodies, too: the connections' threads have others to serve. */
TEST(clients_that_leave_while_they_wait_apart_hold_up_nobody_and_leave_nothing) {
    static const char head[] = "PUT /sink?apart=1&wait=sink HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n";
    static const char *const paths[] = {"/x?apart=1&wait=decide", "/x?apart=1&wait=answer",
                                        "/stream?apart=1&wait=stream&size=9999999"};
    char *bytes = bytes_new(FULL_PIPE);
    struct fixture fixture;
    int fds[LEAVERS];

    fixture_start(&fixture, NULL);
    fixture.shut = true;
    for (int i = 0; i < LEAVERS; i++) {
        if (i % 2) {
            fds[i] = begin(&fixture, paths[i / 2 % 3]);
        } else {
            fds[i] = raw_connect(&fixture);
            raw_send(fds[i], head, sizeof head - 1);
            raw_send(fds[i], bytes, FULL_PIPE);
        }
    }
    wait_for(&fixture.waiting, LEAVERS);
    for (int i = 0; i < LEAVERS; i++) {
        close(fds[i]);
    }
    usleep(100000);
    check_quick_ones(&fixture);
    check_int(fixture.waiting, LEAVERS);
    fixture.shut = false;
    wait_for(&fixture.waiting, 0);
    check_quick_ones(&fixture);
    fixture_stop(&fixture);
    free(bytes);
}

static void *open_later(void *argument) {
    usleep(300000);
    ((struct fixture *)argument)->shut = false;
    return NULL;
}

/* 'seconds' to stop in: those that run are answered in any case, and those that are queued if there is time. */
static void stop_while_they_wait(const char *path, int seconds) {
    struct fixture fixture;
    pthread_t thread;
    int fds[MANY], well = 0, given_up = 0;

    fixture_start(&fixture, NULL);
    fixture.shut = true;
    begin_many(&fixture, path, fds);
    check(!pthread_create(&thread, NULL, open_later, &fixture));
    check(http_server_stop(fixture.server, seconds));
    pthread_join(thread, NULL);
    check_int(fixture.done, fixture.decided);
    for (int i = 0; i < MANY; i++) {
        const char *answer = raw_read(&fixture, fds[i], 5000);

        well += !strncmp(answer, "HTTP/1.1 200 ", 13);
        given_up += !strncmp(answer, "HTTP/1.1 503 ", 13);
        close(fds[i]);
    }
    check_int(well, seconds ? MANY : MOST_APART);
    check_int(given_up, seconds ? 0 : MANY - MOST_APART);
    arena_free(fixture.arena);
}

TEST(a_server_that_stops_waits_for_those_apart) {
    stop_while_they_wait("/x?apart=1&wait=answer", 5);
    stop_while_they_wait("/x?apart=1&wait=decide", 5);
}

TEST(a_server_that_stops_at_once_gives_up_those_apart_that_have_not_begun) {
    stop_while_they_wait("/x?apart=1&wait=answer", 0);
}
