/* SPDX-License-Identifier: Apache-2.0
 * The metadata proxy's sockets: one thread reads requests and writes answers of all networks without ever waiting for a
 * guest; a few workers carry whole requests to the API. One request a connection. */
#include "network/metadata_proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/http.h"
#include "network/metadata_network.h"

LOG_MODULE("network.metadata");

enum {
    WORKERS = 4,
    MAX_CLIENTS = 2048,             /* of all networks */
    MAX_NETWORK_CLIENTS = 64,
    MAX_HEAD = 16 * 1024,
    MAX_ANSWER = 4 * 1024 * 1024,
    READ_SECONDS = 15,              /* for a whole request */
    WRITE_SECONDS = 30,
    DRAIN_SECONDS = 2,
    API_MS = 20000,
};

enum kind { WAKE, LISTENER, CLIENT };

struct listener {
    enum kind kind;
    struct listener *next;
    char *network;
    int fd;
    size_t clients;
    bool removed;                   /* freed when its last client is gone */
};

enum state { READING, WORKING, WRITING, DRAINING, ENDED };

struct client {
    enum kind kind;
    struct client *next, **link;    /* all clients */
    struct client *queued;          /* in the queue to the workers, or from them */
    struct listener *listener;
    enum state state;
    int fd;
    int64_t deadline;
    char peer[INET_ADDRSTRLEN];
    struct buf in, out;
    size_t scanned, sent;
};

struct queue {
    struct client *first, **tail;
};

static struct {
    char *api_url, *secret, *ca_file;
    int epoll, wake;
    pthread_t thread, workers[WORKERS];
    struct client *clients;         /* the loop's own, as all clients are that do not work */
    size_t client_count;

    pthread_mutex_t lock;           /* the members below, and the listeners' */
    pthread_cond_t event;
    bool running, stopping;
    struct listener *listeners;
    struct queue todo, done;
} proxy = {.lock = PTHREAD_MUTEX_INITIALIZER, .event = PTHREAD_COND_INITIALIZER};

static enum kind wake_kind = WAKE;

static void queue_put(struct queue *queue, struct client *client) {
    client->queued = NULL;
    if (!queue->first) {
        queue->tail = &queue->first;
    }
    *queue->tail = client;
    queue->tail = &client->queued;
}

static struct client *queue_take(struct queue *queue) {
    struct client *client = queue->first;

    if (client) {
        queue->first = client->queued;
    }
    return client;
}

static void wake(void) {
    uint64_t one = 1;

    if (write(proxy.wake, &one, sizeof one) < 0) {
        log_error("cannot wake the metadata proxy: %s", strerror(errno));
    }
}

static void watch_fd(int operation, int fd, uint32_t events, void *source) {
    struct epoll_event event = {.events = events, .data.ptr = source};

    if (epoll_ctl(proxy.epoll, operation, fd, &event) != 0) {
        log_error("metadata proxy: epoll: %s", strerror(errno));
    }
}

/* The caller holds the lock. */
static void listener_free_if_unused(struct listener *listener) {
    if (!listener->removed || listener->clients) {
        return;
    }
    for (struct listener **at = &proxy.listeners; *at; at = &(*at)->next) {
        if (*at == listener) {
            *at = listener->next;
            break;
        }
    }
    free(listener->network);
    free(listener);
}

/* Takes the socket out of epoll before closing it: a child that was just forked may keep it open a little longer, and
 * epoll would go on telling of it. A client that works, or never came that far, is not there: no error. */
static void client_free(struct client *client) {
    epoll_ctl(proxy.epoll, EPOLL_CTL_DEL, client->fd, NULL);
    close(client->fd);
    buf_release(&client->in);
    buf_release(&client->out);
    *client->link = client->next;
    if (client->next) {
        client->next->link = client->link;
    }
    proxy.client_count--;
    pthread_mutex_lock(&proxy.lock);
    client->listener->clients--;
    listener_free_if_unused(client->listener);
    pthread_mutex_unlock(&proxy.lock);
    free(client);
}

static const char *reason_of(int status) {
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"}, {201, "Created"}, {204, "No Content"}, {300, "Multiple Choices"}, {400, "Bad Request"},
        {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"}, {409, "Conflict"},
        {411, "Length Required"}, {413, "Content Too Large"}, {414, "URI Too Long"},
        {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Status";
}

static void put_answer(struct client *client, int status, const char *type, const char *body, size_t size,
                       bool head_only) {
    buf_printf(&client->out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
               status, reason_of(status), type, size);
    if (!head_only) {
        buf_put(&client->out, body, size);
    }
}

static void refuse(struct client *client, int status) {
    char body[80];
    int size = snprintf(body, sizeof body, "%d %s\n", status, reason_of(status));

    put_answer(client, status, "text/plain", body, (size_t)size, false);
}

static void client_enter(struct client *client, enum state state, int seconds) {
    client->state = state;
    client->deadline = clock_monotonic() + seconds * SECOND;
}

static bool would_wait(ssize_t done) {
    return done < 0 && (errno == EAGAIN || errno == EINTR);
}

static void client_write(struct client *client) {
    while (client->sent < client->out.size) {
        ssize_t sent = send(client->fd, client->out.at + client->sent, client->out.size - client->sent, MSG_NOSIGNAL);

        if (would_wait(sent)) {
            return;
        }
        if (sent <= 0) {
            client->state = ENDED;
            return;
        }
        client->sent += (size_t)sent;
    }
    shutdown(client->fd, SHUT_WR);
    watch_fd(EPOLL_CTL_MOD, client->fd, EPOLLIN, client);
    client_enter(client, DRAINING, DRAIN_SECONDS);
}

/* Reads to the end what the guest still sends, so that closing does not reset the answer away. */
static void client_drain(struct client *client) {
    char bytes[16384];
    ssize_t got = recv(client->fd, bytes, sizeof bytes, 0);

    if (got == 0 || (got < 0 && !would_wait(got))) {
        client->state = ENDED;
    }
}

static void client_answer_now(struct client *client, int status) {
    refuse(client, status);
    watch_fd(EPOLL_CTL_MOD, client->fd, EPOLLOUT, client);
    client_enter(client, WRITING, WRITE_SECONDS);
}

static void client_work(struct client *client) {
    watch_fd(EPOLL_CTL_DEL, client->fd, 0, NULL);
    client->state = WORKING;
    pthread_mutex_lock(&proxy.lock);
    queue_put(&proxy.todo, client);
    pthread_cond_signal(&proxy.event);
    pthread_mutex_unlock(&proxy.lock);
}

/* Looks whether the request is whole. */
static void client_look(struct client *client) {
    size_t from = client->scanned > 3 ? client->scanned - 3 : 0;
    struct metadata_request request;
    struct arena *arena;
    int status;

    client->scanned = client->in.size;
    if (!client->in.size || !memmem(client->in.at + from, client->in.size - from, "\r\n\r\n", 4)) {
        if (client->in.size > MAX_HEAD) {
            client_answer_now(client, 431);
        }
        return;
    }
    client->scanned = 0;
    arena = arena_new(0);
    status = metadata_request_parse(arena, client->in.at, client->in.size, &request);
    if (status > 1) {
        client_answer_now(client, status);
    } else if (client->in.size >= request.head_size + request.body_size) {
        client_work(client);
    }
    arena_free(arena);
}

static void client_read(struct client *client) {
    char *to = buf_reserve(&client->in, 8192);
    ssize_t got = recv(client->fd, to, 8192, 0);

    if (would_wait(got)) {
        return;
    }
    if (got <= 0) {
        client->state = ENDED;
        return;
    }
    client->in.size += (size_t)got;
    client_look(client);
}

static void client_ready(struct client *client) {
    switch (client->state) {
    case READING:
        client_read(client);
        break;
    case WRITING:
        client_write(client);
        break;
    case DRAINING:
        client_drain(client);
        break;
    case WORKING:
    case ENDED:
        break;
    }
}

static void client_new(struct listener *listener, int fd, const struct sockaddr_in *peer) {
    struct client *client = calloc(1, sizeof *client);

    if (!client) {
        abort();
    }
    client->kind = CLIENT;
    client->listener = listener;
    client->fd = fd;
    inet_ntop(AF_INET, &peer->sin_addr, client->peer, sizeof client->peer);
    client->next = proxy.clients;
    client->link = &proxy.clients;
    if (client->next) {
        client->next->link = &client->next;
    }
    proxy.clients = client;
    proxy.client_count++;
    listener->clients++;
    client_enter(client, READING, READ_SECONDS);
    watch_fd(EPOLL_CTL_ADD, fd, EPOLLIN, client);
}

static void listener_accept(struct listener *listener) {
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd;

    pthread_mutex_lock(&proxy.lock);
    fd = listener->removed ? -1
                           : accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && (proxy.client_count >= MAX_CLIENTS || listener->clients >= MAX_NETWORK_CLIENTS)) {
        close(fd);
    } else if (fd >= 0) {
        client_new(listener, fd, &peer);
    }
    pthread_mutex_unlock(&proxy.lock);
}

/* Starts writing the answers that workers made. */
static void take_done(void) {
    struct client *client;
    uint64_t count;

    if (read(proxy.wake, &count, sizeof count) < 0 && errno != EAGAIN) {
        log_error("metadata proxy: eventfd: %s", strerror(errno));
    }
    do {
        pthread_mutex_lock(&proxy.lock);
        client = queue_take(&proxy.done);
        pthread_mutex_unlock(&proxy.lock);
        if (client) {
            watch_fd(EPOLL_CTL_ADD, client->fd, EPOLLOUT, client);
            client_enter(client, WRITING, WRITE_SECONDS);
        }
    } while (client);
}

/* Frees clients that ended, took too long or whose network went, and listeners that nobody uses. */
static void sweep(void) {
    int64_t now = clock_monotonic();

    for (struct client *client = proxy.clients, *next; client; client = next) {
        next = client->next;
        if (client->state == ENDED || (client->state != WORKING && client->deadline < now)) {
            client_free(client);
        }
    }
    pthread_mutex_lock(&proxy.lock);
    for (struct listener *listener = proxy.listeners, *next; listener; listener = next) {
        next = listener->next;
        listener_free_if_unused(listener);
    }
    pthread_mutex_unlock(&proxy.lock);
}

static bool is_stopping(void) {
    bool stopping;

    pthread_mutex_lock(&proxy.lock);
    stopping = proxy.stopping;
    pthread_mutex_unlock(&proxy.lock);
    return stopping;
}

static void *loop(void *argument) {
    struct epoll_event events[64];

    while (!is_stopping()) {
        int count = epoll_wait(proxy.epoll, events, 64, 1000);

        for (int i = 0; i < count; i++) {
            enum kind kind = *(enum kind *)events[i].data.ptr;

            if (kind == WAKE) {
                take_done();
            } else if (kind == LISTENER) {
                listener_accept(events[i].data.ptr);
            } else {
                client_ready(events[i].data.ptr);
            }
        }
        sweep();
    }
    return NULL;
}

static const char *answer_type(const struct http_reply *reply) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (!strcasecmp(reply->headers[i].name, "Content-Type") && !strpbrk(reply->headers[i].value, "\r\n")) {
            return reply->headers[i].value;
        }
    }
    return "text/plain; charset=UTF-8";
}

/* Carries the request to the API and puts its answer into client->out. */
static void forward(struct arena *arena, struct client *client) {
    struct metadata_request request;
    struct http_header headers[8] = {0};
    struct http_reply reply = {0};
    struct http_call call = {.headers = headers, .timeout_ms = API_MS, .max_response = MAX_ANSWER,
                             .ca_file = proxy.ca_file};
    int parsed = metadata_request_parse(arena, client->in.at, client->in.size, &request);
    size_t count = 0;

    assert(parsed == 1);
    headers[count++] = (struct http_header){"X-Forwarded-For", client->peer};
    headers[count++] = (struct http_header){"X-Neutron-Network-ID", client->listener->network};
    headers[count++] = (struct http_header){
        "X-Metadata-Signature", metadata_signature(arena, proxy.secret, client->listener->network, client->peer)};
    for (size_t i = 0; request.headers[i]; i += 2) {
        headers[count++] = (struct http_header){request.headers[i], request.headers[i + 1]};
    }
    call.method = request.method;
    call.url = arena_printf(arena, "%s/metadata%s", proxy.api_url, request.target);
    call.body = client->in.at + request.head_size;
    call.body_size = request.body_size;
    if (!http_call(arena, &call, &reply) || reply.status < 200 || reply.status > 599) {
        log_warn("network %s: metadata for %s: %s", client->listener->network, client->peer,
                 reply.error ? reply.error : "no answer");
        refuse(client, 503);
        return;
    }
    put_answer(client, reply.status, answer_type(&reply), reply.body, reply.body_size,
               !strcmp(request.method, "HEAD"));
}

static void *work(void *argument) {
    pthread_mutex_lock(&proxy.lock);
    while (!proxy.stopping) {
        struct client *client = queue_take(&proxy.todo);
        struct arena *arena;

        if (!client) {
            pthread_cond_wait(&proxy.event, &proxy.lock);
            continue;
        }
        pthread_mutex_unlock(&proxy.lock);
        arena = arena_new(0);
        forward(arena, client);
        arena_free(arena);
        pthread_mutex_lock(&proxy.lock);
        queue_put(&proxy.done, client);
        wake();
    }
    pthread_mutex_unlock(&proxy.lock);
    return NULL;
}

static char *copy(const char *text) {
    char *made = strdup(text ? text : "");

    if (!made) {
        abort();
    }
    return made;
}

void metadata_proxy_start(const char *api_url, const char *secret, const char *ca_file) {
    bool started;

    proxy.api_url = copy(api_url);
    proxy.secret = copy(secret);
    proxy.ca_file = ca_file ? copy(ca_file) : NULL;
    proxy.stopping = false;
    proxy.epoll = epoll_create1(EPOLL_CLOEXEC);
    proxy.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    watch_fd(EPOLL_CTL_ADD, proxy.wake, EPOLLIN, &wake_kind);
    started = pthread_create(&proxy.thread, NULL, loop, NULL) == 0;
    for (int i = 0; i < WORKERS; i++) {
        started = started && pthread_create(&proxy.workers[i], NULL, work, NULL) == 0;
    }
    if (!started) {
        abort();
    }
    proxy.running = true;
}

void metadata_proxy_stop(void) {
    if (!proxy.running) {
        return;
    }
    pthread_mutex_lock(&proxy.lock);
    proxy.stopping = true;
    pthread_cond_broadcast(&proxy.event);
    pthread_mutex_unlock(&proxy.lock);
    wake();
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(proxy.workers[i], NULL);
    }
    pthread_join(proxy.thread, NULL);
    for (struct listener *listener = proxy.listeners; listener; listener = listener->next) {
        if (!listener->removed) {
            close(listener->fd);
            listener->removed = true;
        }
    }
    while (proxy.clients) {
        client_free(proxy.clients);
    }
    sweep();
    proxy.todo = proxy.done = (struct queue){0};
    close(proxy.epoll);
    close(proxy.wake);
    free(proxy.api_url);
    free(proxy.secret);
    free(proxy.ca_file);
    proxy.running = false;
}

static struct listener *listener_find(const char *network) {
    for (struct listener *at = proxy.listeners; at; at = at->next) {
        if (!at->removed && !strcmp(at->network, network)) {
            return at;
        }
    }
    return NULL;
}

bool metadata_proxy_add(const char *network, const char *name, const char **ret_error) {
    struct listener *listener;
    int fd;

    pthread_mutex_lock(&proxy.lock);
    listener = listener_find(network);
    pthread_mutex_unlock(&proxy.lock);
    if (listener) {
        return true;
    }
    fd = metadata_network_listen(name);
    if (fd < 0) {
        *ret_error = "cannot listen in its namespace";
        log_warn("namespace %s: %s", name, strerror(errno));
        return false;
    }
    listener = calloc(1, sizeof *listener);
    if (!listener) {
        abort();
    }
    *listener = (struct listener){.kind = LISTENER, .network = copy(network), .fd = fd};
    pthread_mutex_lock(&proxy.lock);
    listener->next = proxy.listeners;
    proxy.listeners = listener;
    watch_fd(EPOLL_CTL_ADD, fd, EPOLLIN, listener);
    pthread_mutex_unlock(&proxy.lock);
    return true;
}

void metadata_proxy_remove(const char *network) {
    struct listener *listener;

    pthread_mutex_lock(&proxy.lock);
    listener = listener_find(network);
    if (listener) {
        watch_fd(EPOLL_CTL_DEL, listener->fd, 0, NULL);
        close(listener->fd);
        listener->removed = true;
    }
    pthread_mutex_unlock(&proxy.lock);
}
