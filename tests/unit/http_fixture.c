/* SPDX-License-Identifier: Apache-2.0
 * See http_fixture.h. */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "http/http.h"
#include "http/websocket.h"
#include "test.h"

enum { FILE_SIZE = 1000, MAX_BODY = 1024 * 1024 };

/* What /sink counts. */
struct sunk {
    struct fixture *fixture;
    uint64_t size;
    bool wrong;
};

static void wait_at(struct fixture *fixture, struct http_request *request, const char *place) {
    const char *where = http_argument(request, "wait");

    if (where && !strcmp(where, place)) {
        atomic_fetch_add(&fixture->waiting, 1);
        while (atomic_load(&fixture->shut)) {
            usleep(1000);
        }
        atomic_fetch_sub(&fixture->waiting, 1);
    }
}

static bool sink(struct http_request *request, const void *bytes, size_t size) {
    struct sunk *sunk = request->user;

    wait_at(sunk->fixture, request, "sink");
    for (size_t i = 0; i < size; i += 997) {
        sunk->wrong = sunk->wrong || ((const char *)bytes)[i] != pattern(sunk->size + i);
    }
    sunk->size += size;
    return !http_argument(request, "stop");
}

static ssize_t stream(void *user, uint64_t position, char *bytes, size_t size) {
    struct http_request *request = user;
    uint64_t all = strtoull(http_argument(request, "size"), NULL, 10);
    const char *broken = http_argument(request, "break");

    wait_at(request->user, request, "stream");
    if (broken && position >= strtoull(broken, NULL, 10)) {
        return -1;
    }
    size = all - position < size ? (size_t)(all - position) : size;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(position + i);
    }
    return (ssize_t)size;
}

static struct fixture *fixture_of(struct http_request *request) {
    return request->user;
}

static void stream_end(void *user) {
    atomic_fetch_add(&fixture_of(user)->ended, 1);
}

static void upgraded(struct http_request *request, int fd, const void *extra, size_t extra_size) {
    websocket_proxy(fd, extra, extra_size, fixture_of(request)->backend);
}

static enum http_body decide(struct http_request *request, void *user) {
    if (http_argument(request, "apart") && !request->apart) {
        return HTTP_APART;
    }
    atomic_fetch_add(&((struct fixture *)user)->decided, 1);
    wait_at(user, request, "decide");
    request->user = user;
    request->on_worker = http_argument(request, "worker") != NULL;
    request->max_body = strcmp(request->path, "/small") == 0 ? 10 : MAX_BODY;
    if (strcmp(request->path, "/sink") == 0) {
        request->user = ARENA_NEW(request->arena, struct sunk);
        *(struct sunk *)request->user = (struct sunk){.fixture = user};
        request->sink = sink;
        return HTTP_STREAM;
    }
    if (strcmp(request->path, "/ws") == 0) {
        request->upgraded = upgraded;
        return HTTP_UPGRADE;
    }
    return strcmp(request->path, "/refuse") == 0 ? HTTP_IGNORE : HTTP_BUFFER;
}

static void answer_stream(struct http_request *request) {
    request->response.stream = stream;
    request->response.stream_user = request;
    request->response.stream_end = stream_end;
    request->response.stream_size =
        http_argument(request, "chunked") ? -1 : strtoll(http_argument(request, "size"), NULL, 10);
}

static void answer_file(struct http_request *request) {
    int fd = memfd_create("file", 0);

    for (int i = 0; i < FILE_SIZE; i++) {
        check(write(fd, &(char){pattern((uint64_t)i)}, 1) == 1);
    }
    http_respond_header(request, "ETag", "\"v1\"");
    http_respond_file(request, fd, FILE_SIZE, "text/plain");
}

static void answer_sunk(struct http_request *request) {
    struct sunk *sunk = request->user;

    buf_printf(&request->response.body, "%s %llu", sunk->wrong ? "wrong" : "right", (unsigned long long)sunk->size);
}

static void answer_text(struct http_request *request) {
    const char *header = http_argument(request, "header");

    if (http_argument(request, "sleep")) {
        usleep(200000);
    }
    if (header) {
        http_respond_header(request, "X-Given", header);
    }
    http_respond_header(request, "Content-Length", "99999");
    buf_printf(&request->response.body, "%s %s|%s|%s|", request->method_name, request->path, request->raw_path,
               request->query);
    if (request->body.size) {
        buf_put(&request->response.body, request->body.at, request->body.size);
    }
}

static void answer(struct http_request *request, void *user) {
    atomic_fetch_add(&((struct fixture *)user)->answered, 1);
    wait_at(user, request, "answer");
    request->response.status = 200;
    if (strcmp(request->path, "/sink") == 0) {
        answer_sunk(request);
    } else if (strcmp(request->path, "/stream") == 0) {
        answer_stream(request);
    } else if (strcmp(request->path, "/file") == 0) {
        answer_file(request);
    } else if (strcmp(request->path, "/ws") == 0) {
        websocket_accept(request, "binary");
    } else if (strcmp(request->path, "/refuse") == 0) {
        request->response.status = 401;
    } else {
        answer_text(request);
    }
}

static void done(struct http_request *request, void *user) {
    atomic_fetch_add(&((struct fixture *)user)->done, 1);
}

void fixture_start(struct fixture *fixture, const char *certificate) {
    struct http_server_options options = {
        .address = "127.0.0.1:0",
        .certificate = certificate,
        .key = certificate,
        .threads = 2,
        .workers = 3,
        .max_header = 32 * 1024,
        .idle_seconds = 20,
        .decide = decide,
        .answer = answer,
        .done = done,
        .user = fixture,
    };
    const char *error = NULL;

    *fixture = (struct fixture){.arena = arena_new(0), .backend = -1};
    fixture->server = http_server_start(fixture->arena, &options, &error);
    if (!fixture->server) {
        test_fail(__FILE__, __LINE__, "%s", error);
        abort();
    }
    fixture->port = http_server_port(fixture->server);
}

void fixture_stop(struct fixture *fixture) {
    http_server_stop(fixture->server, 1);
    check_int(fixture->done, fixture->decided);
    arena_free(fixture->arena);
}

const char *fixture_url(struct fixture *fixture, const char *path) {
    return arena_printf(fixture->arena, "http://127.0.0.1:%d%s", fixture->port, path);
}

int raw_connect(const struct fixture *fixture) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)fixture->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

void raw_send(int fd, const char *bytes, size_t size) {
    check(send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size);
}

const char *raw_read(struct fixture *fixture, int fd, int ms) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    struct buf got = {0};
    const char *text;
    ssize_t size = 1;

    while (size > 0 && poll(&ready, 1, ms) == 1) {
        size = recv(fd, buf_reserve(&got, 65536), 65536, 0);
        got.size += size > 0 ? (size_t)size : 0;
    }
    text = arena_text_size(fixture->arena, got.at ? got.at : "", got.size);
    buf_release(&got);
    return text;
}

const char *raw_talk(struct fixture *fixture, const char *text, size_t size) {
    int fd = raw_connect(fixture);
    const char *answer;

    raw_send(fd, text, size);
    answer = raw_read(fixture, fd, 150);
    close(fd);
    return answer;
}

int count_of(const char *text, const char *part) {
    int count = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        count++;
    }
    return count;
}
