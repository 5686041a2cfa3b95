/* SPDX-License-Identifier: Apache-2.0
 * Passes bytes between a WebSocket client and a stream socket. Each direction has one bounded buffer; a side is read
 * only while the buffer towards the other has room. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/websocket.h"

enum { BUFFER = 64 * 1024, CHUNK = 16 * 1024, HEAD = 4, CONTROL_ROOM = 256, PING_MS = 30 * 1000, LINGER_MS = 2000 };

struct queue {
    size_t start, size;
    char bytes[BUFFER];
};

struct proxy {
    int client, backend;
    struct websocket_reader reader;
    struct queue input;                     /* from the client, not yet read as frames */
    struct queue to_client, to_backend;
    int64_t heard, pinged, closed;          /* when; closed 0: open */
    bool over;
};

static size_t queue_room(struct queue *queue) {
    if (queue->start) {
        memmove(queue->bytes, queue->bytes + queue->start, queue->size);
        queue->start = 0;
    }
    return BUFFER - queue->size;
}

static void queue_drop(struct queue *queue, size_t size) {
    queue->start += size;
    queue->size -= size;
    if (queue->size == 0) {
        queue->start = 0;
    }
}

/* True when the peer is still there. */
static bool queue_send(struct queue *queue, int fd) {
    ssize_t sent = queue->size ? send(fd, queue->bytes + queue->start, queue->size, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

    if (sent > 0) {
        queue_drop(queue, (size_t)sent);
    }
    return sent >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool queue_receive(struct queue *queue, int fd, size_t most) {
    size_t room = queue_room(queue);
    ssize_t got = recv(fd, queue->bytes + queue->size, room < most ? room : most, MSG_DONTWAIT);

    if (got > 0) {
        queue->size += (size_t)got;
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Puts the head of a final frame of 'size' bytes at 'at'; returns its size. */
static size_t frame_head(char *at, int op, size_t size) {
    at[0] = (char)(0x80 | op);
    if (size < 126) {
        at[1] = (char)size;
        return 2;
    }
    at[1] = 126;
    at[2] = (char)(size >> 8);
    at[3] = (char)size;
    return 4;
}

/* The caller has seen that there is room. */
static void send_control(struct proxy *proxy, int op, const char *bytes, size_t size) {
    struct queue *queue = &proxy->to_client;

    if (queue_room(queue) >= HEAD + size) {
        queue->size += frame_head(queue->bytes + queue->size, op, size);
        memcpy(queue->bytes + queue->size, bytes, size);
        queue->size += size;
    }
}

static void send_close(struct proxy *proxy, int code) {
    if (!proxy->closed) {
        send_control(proxy, 8, (const char[]){(char)(code >> 8), (char)code}, 2);
        proxy->closed = clock_monotonic();
    }
}

static void take_event(struct proxy *proxy, enum websocket_event event) {
    switch (event) {
    case WEBSOCKET_PING:
        send_control(proxy, 10, proxy->reader.control, proxy->reader.control_size);
        break;
    case WEBSOCKET_CLOSE:
        send_close(proxy, 1000);
        break;
    case WEBSOCKET_PROTOCOL_ERROR:
        send_close(proxy, 1002);
        break;
    case WEBSOCKET_UNSUPPORTED:
        send_close(proxy, 1003);
        break;
    case WEBSOCKET_PONG:
    case WEBSOCKET_MORE:
        break;
    }
}

/* Reads what frames there is room for. */
static void read_frames(struct proxy *proxy) {
    size_t used = 1;

    while (proxy->input.size && used && !proxy->closed && queue_room(&proxy->to_client) >= CONTROL_ROOM) {
        size_t room = queue_room(&proxy->to_backend), data;
        enum websocket_event event =
            websocket_read(&proxy->reader, proxy->input.bytes + proxy->input.start, proxy->input.size, &used,
                           proxy->to_backend.bytes + proxy->to_backend.size, room, &data);

        proxy->to_backend.size += data;
        queue_drop(&proxy->input, used);
        take_event(proxy, event);
    }
}

static void take_from_client(struct proxy *proxy) {
    if (!queue_receive(&proxy->input, proxy->client, CHUNK)) {
        proxy->over = true;
    }
    proxy->heard = clock_monotonic();
}

static bool backend_fits(struct proxy *proxy) {
    return !proxy->closed && queue_room(&proxy->to_client) >= HEAD + CHUNK + CONTROL_ROOM;
}

/* Reads behind the room of the largest head, then moves the bytes up to the head they need. */
static void take_from_backend(struct proxy *proxy) {
    struct queue *queue = &proxy->to_client;
    char *at = queue->bytes + queue->size;
    ssize_t got = recv(proxy->backend, at + HEAD, CHUNK, MSG_DONTWAIT);

    if (got > 0) {
        size_t head = frame_head(at, 2, (size_t)got);

        memmove(at + head, at + HEAD, (size_t)got);
        queue->size += head + (size_t)got;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        send_close(proxy, 1000);
    }
}

static void keep_alive(struct proxy *proxy) {
    int64_t now = clock_monotonic();

    if (now - proxy->heard > 3 * PING_MS * 1000LL || (proxy->closed && now - proxy->closed > LINGER_MS * 1000LL)) {
        proxy->over = true;
    } else if (!proxy->closed && now - proxy->pinged > PING_MS * 1000LL) {
        send_control(proxy, 9, "", 0);
        proxy->pinged = now;
    }
}

static struct pollfd wanted(int fd, bool in, bool out) {
    short events = (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));

    return (struct pollfd){.fd = events ? fd : -1, .events = events};
}

static void turn(struct proxy *proxy) {
    struct pollfd fds[2];
    bool all_sent;

    read_frames(proxy);
    fds[0] = wanted(proxy->client, !proxy->input.size && !proxy->closed, proxy->to_client.size);
    fds[1] = wanted(proxy->backend, backend_fits(proxy), proxy->to_backend.size);
    if (poll(fds, 2, proxy->closed ? LINGER_MS : PING_MS) < 0 && errno != EINTR) {
        proxy->over = true;
        return;
    }
    if (fds[0].events & POLLIN && fds[0].revents & (POLLIN | POLLHUP | POLLERR)) {
        take_from_client(proxy);
    }
    if (fds[1].events & POLLIN && fds[1].revents & (POLLIN | POLLHUP | POLLERR)) {
        take_from_backend(proxy);
    }
    all_sent = queue_send(&proxy->to_client, proxy->client);
    if (!queue_send(&proxy->to_backend, proxy->backend)) {
        queue_drop(&proxy->to_backend, proxy->to_backend.size);
        send_close(proxy, 1000);
    }
    keep_alive(proxy);
    proxy->over = proxy->over || !all_sent || (proxy->closed && !proxy->to_client.size && !proxy->to_backend.size);
}

void websocket_proxy(int client_fd, const void *extra, size_t extra_size, int backend_fd) {
    struct proxy *proxy = calloc(1, sizeof *proxy);

    if (!proxy) {
        abort();
    }
    proxy->client = client_fd;
    proxy->backend = backend_fd;
    proxy->heard = proxy->pinged = clock_monotonic();
    if (extra_size <= BUFFER) {
        memcpy(proxy->input.bytes, extra, extra_size);
        proxy->input.size = extra_size;
        while (!proxy->over) {
            turn(proxy);
        }
    }
    free(proxy);
}

static int connect_within(const struct sockaddr *address, socklen_t size, int timeout_ms) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;
    bool connected;

    if (fd < 0) {
        return -1;
    }
    connected = connect(fd, address, size) == 0;
    if (!connected && errno == EINPROGRESS) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};

        connected = poll(&ready, 1, timeout_ms) == 1 &&
                    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error}) == 0 && error == 0;
    }
    if (!connected) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_host(const char *address, int timeout_ms) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(address, ':');
    char host[256];
    size_t size = colon ? (size_t)(colon - address) : 0;
    int fd = -1;

    if (size >= 2 && address[0] == '[' && address[size - 1] == ']') {
        address++;
        size -= 2;
    }
    if (!size || size >= sizeof host) {
        return -1;
    }
    memcpy(host, address, size);
    host[size] = 0;
    if (getaddrinfo(host, colon + 1, &hints, &found) == 0) {
        fd = connect_within(found->ai_addr, found->ai_addrlen, timeout_ms);
        freeaddrinfo(found);
    }
    return fd;
}

int websocket_connect(const char *address, int timeout_ms) {
    struct sockaddr_un path = {.sun_family = AF_UNIX};

    if (strncmp(address, "unix:", 5) != 0) {
        return connect_host(address, timeout_ms);
    }
    if (strlen(address + 5) >= sizeof path.sun_path) {
        return -1;
    }
    memcpy(path.sun_path, address + 5, strlen(address + 5) + 1);
    return connect_within((struct sockaddr *)&path, sizeof path, timeout_ms);
}
