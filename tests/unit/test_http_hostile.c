/* SPDX-License-Identifier: Apache-2.0
 * What the HTTP server refuses, and what clients may not smuggle past it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "http/http.h"
#include "http_fixture.h"
#include "test.h"

#define HEAD_HOST " HTTP/1.1\r\nHost: a\r\n"
#define SECOND_REQUEST "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
#define CASE(text) {text, sizeof(text) - 1}

struct raw_case {
    const char *text;
    size_t size;
};

/* Each must be answered 400 once, and what follows must not be taken for a request. */
TEST(ambiguous_requests_are_refused_and_the_connection_closed) {
    static const struct raw_case cases[] = {
        CASE("POST /x" HEAD_HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Content-Length: 0\r\nContent-Length: 36\r\n\r\n" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Content-Length: 36\r\nContent-Length: 0\r\n\r\n" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Content-Length: +3\r\n\r\nabc" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Content-Length: 3, 3\r\n\r\nabc" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Content-Length: -1\r\n\r\n" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Content-Length : 3\r\n\r\nabc" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Transfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"
             "0\r\n\r\n" SECOND_REQUEST),
        CASE("POST /x" HEAD_HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
             "0\r\n\r\n" SECOND_REQUEST),
        CASE("POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
             "0\r\n\r\n" SECOND_REQUEST),
        CASE("GET /x" HEAD_HOST "Host: b\r\n\r\n" SECOND_REQUEST),
        CASE("GET /x" HEAD_HOST "X-Auth-Token: a\r\nx-auth-token: b\r\n\r\n" SECOND_REQUEST),
        CASE("GET /x" HEAD_HOST "X-A: a\x01" "b\r\n\r\n" SECOND_REQUEST),
        CASE("GET /x" HEAD_HOST "X-A: a\rb\r\n\r\n" SECOND_REQUEST),
        CASE("GET /x" HEAD_HOST "X-A: \xff\r\n\r\n" SECOND_REQUEST),
        CASE("GET /x" HEAD_HOST "X(A: a\r\n\r\n" SECOND_REQUEST),
        CASE("GET /x HTTP/1.1\r\n X-A: a\r\nHost: a\r\n\r\n" SECOND_REQUEST),
        CASE("GET /x HTTP/1.1\r\n\r\n" SECOND_REQUEST),
        CASE("GET /a%00b" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a%zz" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a%4" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a%ff" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a%c0%af" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /\xff" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a?b=%00" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a?b=%f" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a?%ed%a0%80=b" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a\0b" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a\tb" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET /a b" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET a" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("G{T /a" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("GET ftp://h/a" HEAD_HOST "\r\n" SECOND_REQUEST),
        CASE("CONNECT h:80" HEAD_HOST "\r\n" SECOND_REQUEST),
    };
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *answer = raw_talk(&fixture, cases[i].text, cases[i].size);

        test_context(cases[i].text);
        check(strncmp(answer, "HTTP/1.1 400", 12) == 0 || strncmp(answer, "HTTP/1.0 400", 12) == 0);
        check(!strstr(answer, " 200 "));
        check(!strstr(answer, "smuggled"));
    }
    test_context(NULL);
    fixture_stop(&fixture);
    check_int(fixture.decided, 0);
}

TEST(an_unknown_transfer_coding_is_not_implemented_and_the_connection_closed) {
    static const char *const codings[] = {"gzip, chunked", "xchunked", "identity", "chunked, identity", "gzip"};
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        const char *text = arena_printf(fixture.arena, "POST /x" HEAD_HOST "Transfer-Encoding: %s\r\n\r\n0\r\n\r\n"
                                        SECOND_REQUEST, codings[i]);
        const char *answer = raw_talk(&fixture, text, strlen(text));

        test_context(codings[i]);
        check(strncmp(answer, "HTTP/1.1 501", 12) == 0 && strstr(answer, "\"code\": 501"));
        check(!strstr(answer, " 200 ") && !strstr(answer, "smuggled"));
    }
    test_context(NULL);
    fixture_stop(&fixture);
    check_int(fixture.decided, 0);
}

TEST(a_malformed_path_is_told_in_json) {
    struct fixture fixture;
    const char *answer;

    fixture_start(&fixture, NULL);
    answer = RAW(&fixture, "GET /a%00b" HEAD_HOST "\r\n");
    check(strstr(answer, "Content-Type: application/json\r\n"));
    check(strstr(answer, "\r\n\r\n{\"error\": {\"code\": 400, \"title\": \"Bad Request\", \"message\": \"The path"));
    fixture_stop(&fixture);
}

TEST(what_looks_odd_but_is_right_is_answered) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"GET /%C3%A9%2f" HEAD_HOST "\r\n", "GET /é/|/%C3%A9%2f||"},
        {"GET /\xc3\xa9" HEAD_HOST "\r\n", "GET /é|/\xc3\xa9||"},
        {"GET http://other/p?q=1" HEAD_HOST "\r\n", "GET /p|/p|q=1|"},
        {"GET http://other" HEAD_HOST "\r\n", "GET /|/||"},
        {"OPTIONS *" HEAD_HOST "\r\n", "OPTIONS *|*||"},
        {"COPY /a+b?c+d" HEAD_HOST "\r\n", "COPY /a+b|/a+b|c+d|"},
        {"PUT /x" HEAD_HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "PUT /x|/x||abc"},
        {"GET /x" HEAD_HOST "X-Auth-Token: a\r\nX-Auth-Token: a\r\n\r\n", "GET /x|/x||"},
        {"GET /x HTTP/1.0\r\n\r\n", "GET /x|/x||"},
        {"GET /x?&&a=&b" HEAD_HOST "\r\n", "GET /x|/x|&&a=&b|"},
    };
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_context(cases[i].text);
        check(strstr(raw_talk(&fixture, cases[i].text, strlen(cases[i].text)), cases[i].says));
    }
    test_context(NULL);
    fixture_stop(&fixture);
}

TEST(a_response_header_cannot_be_broken_out_of) {
    struct fixture fixture;
    const char *answer;

    fixture_start(&fixture, NULL);
    answer = RAW(&fixture, "GET /x?header=a%0d%0aX-Evil:+1%7f" HEAD_HOST "\r\n");
    check(strstr(answer, "X-Given: aX-Evil: 1\r\n"));
    check(!strstr(answer, "99999"));
    fixture_stop(&fixture);
}

TEST(a_head_over_the_limit_is_refused) {
    struct fixture fixture;
    char text[40000] = "GET /x HTTP/1.1\r\nHost: a\r\nX-A: ";
    size_t size = strlen(text);
    int fd;

    fixture_start(&fixture, NULL);
    memset(text + size, 'a', sizeof text - size);
    fd = raw_connect(&fixture);
    raw_send(fd, text, sizeof text);
    check(strncmp(raw_read(&fixture, fd, 300), "HTTP/1.1 431", 12) == 0);
    close(fd);
    fixture_stop(&fixture);
    check_int(fixture.decided, 0);
}

TEST(clients_that_leave_half_way_leave_nothing_behind) {
    static const struct raw_case cases[] = {
        CASE("GET /x HT"),
        CASE("GET /x HTTP/1.1\r\nHo"),
        CASE("PUT /x" HEAD_HOST "Content-Length: 100\r\n\r\nabc"),
        CASE("PUT /sink?worker=1" HEAD_HOST "Content-Length: 100\r\n\r\nabc"),
        CASE("PUT /sink" HEAD_HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
        CASE("GET /stream?size=9999999&worker=1" HEAD_HOST "\r\n"),
        CASE("GET /stream?size=9999999" HEAD_HOST "\r\n"),
        CASE("GET /x?worker=1&sleep=1" HEAD_HOST "\r\n"),
    };
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            int fd = raw_connect(&fixture);

            raw_send(fd, cases[i].text, cases[i].size);
            usleep(round * 500);
            close(fd);
        }
    }
    check(strstr(RAW(&fixture, "GET /x" HEAD_HOST "\r\n"), "GET /x|"));
    fixture_stop(&fixture);
    check_int(fixture.ended, 10);
}

/* Those that come at once with the end: nothing tells of the end any more once they were read. */
TEST(a_body_that_is_cut_off_ends_its_request_at_once) {
    static const char *const paths[] = {"/sink", "/sink?worker=1", "/x"};
    static const size_t sizes[] = {10, 5000, 70000, 200000, 800000};
    enum { TIMES = 20 };
    char *bytes = calloc(1, 800000);
    struct fixture fixture;
    int sent = 0;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof paths / sizeof *paths * sizeof sizes / sizeof *sizes * TIMES; i++) {
        const char *path = paths[i % 3];
        const char *head = arena_printf(fixture.arena, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n", path);
        int fd = raw_connect(&fixture);

        raw_send(fd, head, strlen(head));
        raw_send(fd, bytes, sizes[i / 3 % (sizeof sizes / sizeof *sizes)]);
        close(fd);
        sent++;
    }
    for (int tries = 0; tries < 500 && (fixture.decided < sent || fixture.done < sent); tries++) {
        usleep(20000);
    }
    check_int(fixture.decided, sent);
    check_int(fixture.done, sent);
    fixture_stop(&fixture);
    free(bytes);
}

TEST(thousands_of_query_arguments_are_answered_and_leave_nothing) {
    static const int counts[] = {1, 400, 500, 2000, 5000};
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct buf text = {0};
        const char *answer;

        buf_text(&text, "GET /q?a");
        for (int k = 0; k < counts[i]; k++) {
            buf_text(&text, "&k");
        }
        buf_text(&text, " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        answer = raw_talk(&fixture, text.at, text.size);
        if (counts[i] <= 500) {
            check(!strncmp(answer, "HTTP/1.1 200 ", 13));
            check_int(count_of(answer, "&k"), counts[i]);
        } else {
            check(!strncmp(answer, "HTTP/1.1 400 ", 13));
        }
        buf_release(&text);
    }
    fixture_stop(&fixture);
}

TEST(query_arguments_are_decoded_in_order) {
    struct arena *arena = arena_new(0);
    struct http_request request = {.arena = arena, .query = "a=1&b=x+y%26&a=2&c&=d&e=f=g&"};
    const struct http_arguments *arguments = http_arguments(&request);
    struct buf text = {0};

    check(arguments != NULL);
    check_int((int64_t)arguments->count, 6);
    check_text(http_argument(&request, "a"), "1");
    check_text(http_argument(&request, "b"), "x y&");
    check_text(http_argument(&request, "c"), "");
    check_text(http_argument(&request, "e"), "f=g");
    check(!http_argument(&request, "z"));
    request = (struct http_request){.arena = arena, .query = "a=%"};
    check(!http_arguments(&request));
    http_encode(&text, "a b/é~", "/");
    check_text(text.at, "a%20b/%C3%A9~");
    buf_release(&text);
    arena_free(arena);
}
