/* SPDX-License-Identifier: Apache-2.0
 * The HTTP server as a well-behaved client sees it. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "http/http.h"
#include "http_fixture.h"
#include "test.h"

static struct http_reply call(struct fixture *fixture, const char *method, const char *path, const char *body,
                              size_t size) {
    struct http_reply reply;

    http_call(fixture->arena,
              &(struct http_call){.method = method,
                                  .url = fixture_url(fixture, path),
                                  .body = body,
                                  .body_size = size,
                                  .max_response = 128 << 20},
              &reply);
    return reply;
}

static const char *reply_header(const struct http_reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcasecmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return NULL;
}

static char *pattern_new(size_t size) {
    char *bytes = malloc(size);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(i);
    }
    return bytes;
}

static bool is_pattern(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != pattern(i)) {
            return false;
        }
    }
    return true;
}

TEST(a_body_is_collected_and_answered_here_and_on_a_worker) {
    struct fixture fixture;
    struct http_reply reply;

    fixture_start(&fixture, NULL);
    reply = call(&fixture, "POST", "/a%2Fb/c?x=1", "hello", 5);
    check_int(reply.status, 200);
    check_text(reply.body, "POST /a/b/c|/a%2Fb/c|x=1|hello");
    reply = call(&fixture, "PATCH", "/w?worker=1", "hello", 5);
    check_text(reply.body, "PATCH /w|/w|worker=1|hello");
    reply = call(&fixture, "DELETE", "/w?worker=1", NULL, 0);
    check_text(reply.body, "DELETE /w|/w|worker=1|");
    fixture_stop(&fixture);
    check_int(fixture.answered, 3);
}

TEST(a_stream_of_64_mib_goes_in_and_out) {
    static const char *const in[] = {"/sink", "/sink?worker=1"};
    static const char *const out[] = {"/stream?size=67108864", "/stream?size=67108864&worker=1",
                                      "/stream?size=67108864&chunked=1", "/stream?size=67108864&chunked=1&worker=1"};
    const size_t size = 64 << 20;
    char *bytes = pattern_new(size);
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < 2; i++) {
        check_text(call(&fixture, "PUT", in[i], bytes, size).body, "right 67108864");
    }
    for (size_t i = 0; i < 4; i++) {
        struct http_reply reply = call(&fixture, "GET", out[i], NULL, 0);

        check_int((int64_t)reply.body_size, (int64_t)size);
        check(reply.body_size == size && memcmp(reply.body, bytes, size) == 0);
        check((reply_header(&reply, "Content-Length") == NULL) == (i >= 2));
    }
    fixture_stop(&fixture);
    check_int(fixture.ended, 4);
    free(bytes);
}

TEST(chunks_of_a_request_are_joined) {
    struct fixture fixture;
    const char *answer;

    fixture_start(&fixture, NULL);
    answer = RAW(&fixture, "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n");
    check(strstr(answer, "PUT /c|/c||abcdefg"));
    answer = RAW(&fixture, "PUT /sink?worker=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "1\r\na\r\n0\r\n\r\n");
    check(strstr(answer, "right 1"));
    answer = RAW(&fixture, "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n");
    check(strstr(answer, "HTTP/1.1 400"));
    fixture_stop(&fixture);
}

TEST(a_sink_that_stops_is_answered_when_the_rest_was_thrown_away) {
    char *bytes = pattern_new(4 << 20);
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    check(strncmp(call(&fixture, "PUT", "/sink?stop=1", bytes, 4 << 20).body, "right ", 6) == 0);
    check_text(call(&fixture, "PUT", "/sink?stop=1&worker=1", bytes, 4 << 20).body, "right 131072");
    fixture_stop(&fixture);
    free(bytes);
}

TEST(a_response_that_breaks_off_is_seen_as_broken) {
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    check_int(call(&fixture, "GET", "/stream?size=500000&break=200000", NULL, 0).status, 0);
    check_int(call(&fixture, "GET", "/stream?size=500000&break=200000&worker=1&chunked=1", NULL, 0).status, 0);
    fixture_stop(&fixture);
    check_int(fixture.ended, 2);
}

TEST(head_has_the_length_and_no_body) {
    struct fixture fixture;
    const char *answer;

    fixture_start(&fixture, NULL);
    answer = RAW(&fixture, "HEAD /stream?size=12345 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
    check(strstr(answer, "Content-Length: 12345\r\n"));
    check(strstr(answer, "Content-Length: 12\r\n"));
    check_int(count_of(answer, "HTTP/1.1 200"), 2);
    check(!strstr(answer, "|/h"));
    fixture_stop(&fixture);
}

TEST(a_body_over_the_limit_is_413_and_the_connection_goes_on) {
    struct fixture fixture;
    const char *answer;

    fixture_start(&fixture, NULL);
    answer = RAW(&fixture, "PUT /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n12345678901"
                           "PUT /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "b\r\n12345678901\r\n0\r\n\r\n"
                           "PUT /small HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234567890");
    check_int(count_of(answer, "HTTP/1.1 413"), 2);
    check_int(count_of(answer, "HTTP/1.1 200"), 1);
    check(strstr(answer, "{\"error\": {\"code\": 413, \"title\": \"Request Entity Too Large\""));
    fixture_stop(&fixture);
    check_int(fixture.answered, 1);
}

TEST(a_hundred_comes_only_when_the_body_is_wanted) {
    struct fixture fixture;
    const char *answer;
    int fd;

    fixture_start(&fixture, NULL);
    fd = raw_connect(&fixture);
    RAW_SEND(fd, "PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    check_text(raw_read(&fixture, fd, 150), "HTTP/1.1 100 Continue\r\n\r\n");
    RAW_SEND(fd, "abc");
    check(strstr(raw_read(&fixture, fd, 150), "PUT /x|/x||abc"));
    close(fd);
    answer = RAW(&fixture, "PUT /small HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
    check(strncmp(answer, "HTTP/1.1 413", 12) == 0 && strstr(answer, "Connection: close"));
    answer = RAW(&fixture, "PUT /refuse?worker=1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                           "Content-Length: 11\r\n\r\n");
    check(strncmp(answer, "HTTP/1.1 401", 12) == 0);
    fixture_stop(&fixture);
}

TEST(pipelined_requests_are_answered_in_order) {
    static const char text[] = "GET /1?worker=1&sleep=1 HTTP/1.1\r\nHost: a\r\n\r\n"
                               "PUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy"
                               "GET /3?worker=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct fixture fixture;
    const char *answer, *at;
    int fd;

    fixture_start(&fixture, NULL);
    fd = raw_connect(&fixture);
    raw_send(fd, text, sizeof text - 1);
    answer = raw_read(&fixture, fd, 2000);
    close(fd);
    at = strstr(answer, "GET /1|");
    at = at ? strstr(at, "PUT /2|/2||xy") : NULL;
    check(at && strstr(at, "GET /3|"));
    fixture_stop(&fixture);
}

TEST(ranges_of_a_file) {
    static const struct {
        const char *range, *status, *says;
    } cases[] = {
        {"bytes=0-9", "206", "Content-Range: bytes 0-9/1000\r\n"},
        {"bytes=990-", "206", "Content-Range: bytes 990-999/1000\r\n"},
        {"bytes=-10", "206", "Content-Range: bytes 990-999/1000\r\n"},
        {"bytes=-5000", "206", "Content-Range: bytes 0-999/1000\r\n"},
        {"bytes=5-99999999999999999999", "206", "Content-Range: bytes 5-999/1000\r\n"},
        {"bytes=1000-", "416", "Content-Range: bytes */1000\r\n"},
        {"bytes=-0", "416", "Content-Range: bytes */1000\r\n"},
        {"bytes=9-5", "200", "Content-Length: 1000\r\n"},
        {"bytes=a-b", "200", "Content-Length: 1000\r\n"},
        {"bytes=1", "200", "Content-Length: 1000\r\n"},
        {"lines=1-2", "200", "Content-Length: 1000\r\n"},
        {"bytes=0-999,0-999", "200", "Content-Length: 1000\r\n"},
        {"bytes=0-0, 5-6", "206", "Content-Range: bytes 5-6/1000\r\n\r\n"},
        {"bytes=0-1\r\nIf-Range: \"v1\"", "206", "Content-Range: bytes 0-1/1000\r\n"},
        {"bytes=0-1\r\nIf-Range: \"v0\"", "200", "Content-Length: 1000\r\n"},
    };
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = arena_printf(
            fixture.arena, "GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\nRange: %s\r\n\r\n", cases[i].range);
        const char *answer = raw_talk(&fixture, text, strlen(text));

        test_context(cases[i].range);
        check(strlen(answer) > 12 && strncmp(answer + 9, cases[i].status, 3) == 0);
        check(strstr(answer, cases[i].says));
    }
    test_context(NULL);
    fixture_stop(&fixture);
}

TEST(the_bytes_of_ranges_are_right) {
    struct fixture fixture;
    struct http_reply reply;
    const char *boundary;
    struct http_call call = {.headers = (struct http_header[]){{"Range", "bytes=10-12,20-21"}, {NULL, NULL}}};

    fixture_start(&fixture, NULL);
    call.url = fixture_url(&fixture, "/file");
    check(http_call(fixture.arena, &call, &reply));
    boundary = reply_header(&reply, "Content-Type");
    boundary = boundary ? strstr(boundary, "boundary=") : NULL;
    check(boundary && reply.status == 206);
    check_text(reply.body,
               arena_printf(fixture.arena,
                            "\r\n--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes 10-12/1000\r\n\r\n%c%c%c"
                            "\r\n--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes 20-21/1000\r\n\r\n%c%c"
                            "\r\n--%s--\r\n",
                            boundary + 9, pattern(10), pattern(11), pattern(12), boundary + 9, pattern(20), pattern(21),
                            boundary + 9));
    call.headers = NULL;
    check(http_call(fixture.arena, &call, &reply));
    check(reply.body_size == 1000 && is_pattern(reply.body, 1000));
    fixture_stop(&fixture);
}

TEST(a_slow_client_does_not_hold_up_others) {
    struct fixture fixture;
    int slow[40];
    int64_t began;

    fixture_start(&fixture, NULL);
    for (int i = 0; i < 40; i++) {
        slow[i] = raw_connect(&fixture);
        if (i % 2) {
            RAW_SEND(slow[i], "GET /stream?size=99999999&worker=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        } else {
            RAW_SEND(slow[i], "PUT /sink?worker=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
        }
    }
    usleep(100000);
    began = clock_monotonic();
    for (int i = 0; i < 50; i++) {
        check_int(call(&fixture, "GET", i % 2 ? "/q?worker=1" : "/q", NULL, 0).status, 200);
    }
    check(clock_monotonic() - began < 3 * SECOND);
    for (int i = 0; i < 40; i++) {
        close(slow[i]);
    }
    fixture_stop(&fixture);
}

static void *stop_later(void *argument) {
    usleep(50000);
    http_server_stop(((struct fixture *)argument)->server, 5);
    return NULL;
}

TEST(stopping_finishes_what_is_under_way) {
    struct fixture fixture;
    pthread_t thread;
    const char *answer;
    int fd;

    fixture_start(&fixture, NULL);
    fd = raw_connect(&fixture);
    RAW_SEND(fd, "GET /x?worker=1&sleep=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    pthread_create(&thread, NULL, stop_later, &fixture);
    answer = raw_read(&fixture, fd, 2000);
    check(strstr(answer, "GET /x|") && strstr(answer, "Connection: close"));
    pthread_join(thread, NULL);
    close(fd);
    check_int(fixture.done, 1);
    arena_free(fixture.arena);
}

TEST(stopping_does_not_wait_for_what_has_not_begun) {
    enum { CLIENTS = 200 };     /* 13 s of work */
    struct fixture fixture;
    int fd[CLIENTS];
    int64_t began;

    fixture_start(&fixture, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        fd[i] = raw_connect(&fixture);
        RAW_SEND(fd[i], "GET /x?worker=1&sleep=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    while (fixture.decided < CLIENTS) {
        usleep(1000);
    }
    began = clock_monotonic();
    check(http_server_stop(fixture.server, 1));
    check(clock_monotonic() - began < 5 * SECOND);
    check_int(fixture.done, CLIENTS);
    check(fixture.answered < CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        close(fd[i]);
    }
    arena_free(fixture.arena);
}

TEST(the_client_keeps_its_limits) {
    struct fixture fixture;
    struct http_reply reply;
    struct http_call limited = {0};

    fixture_start(&fixture, NULL);
    limited.url = fixture_url(&fixture, "/stream?size=1000000");
    limited.max_response = 1000;
    check(!http_call(fixture.arena, &limited, &reply));
    check_text(reply.error, "the response is too large");
    check_int(call(&fixture, "GET", "/x", NULL, 0).status, 200);
    limited = (struct http_call){.url = fixture_url(&fixture, "/x"), .refuse_private = true};
    check(!http_call(fixture.arena, &limited, &reply));
    check_text(reply.error, "the address is not public");
    limited = (struct http_call){.url = "file:///etc/hostname"};
    check(!http_call(fixture.arena, &limited, &reply));
    limited = (struct http_call){.url = fixture_url(&fixture, "/x?worker=1&sleep=1"), .timeout_ms = 50};
    check(!http_call(fixture.arena, &limited, &reply));
    limited = (struct http_call){.url = fixture_url(&fixture, "/x"),
                                 .headers = (struct http_header[]){{"A", "b\r\nC: d"}, {NULL, NULL}}};
    check(!http_call(fixture.arena, &limited, &reply));
    fixture_stop(&fixture);
}
