/* SPDX-License-Identifier: Apache-2.0
 * The bus on one machine: frames over a Unix stream socket, each behind its size (4 bytes, network order).
 *
 * One thread per endpoint accepts, reads and writes what a full socket left over. Senders write to the socket
 * themselves as long as nothing waits before them, which saves a thread switch per message. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/local.h"
#include "base/log.h"
#include "bus/frame.h"
#include "bus/transport.h"

LOG_MODULE("bus.unix");

enum {
    MAX_LINKS = 1024,
    MAX_WAITING = 64 * 1024 * 1024,     /* bytes that wait for a peer that does not read */
    READ_SIZE = 128 * 1024,
    KEEP_SIZE = 1024 * 1024,            /* an empty buffer larger than this is given back */
    PREFIX = sizeof(uint32_t),
};

struct bus_link {
    struct bus_link *next;
    struct bus_endpoint *endpoint;
    int fd;
    struct buf in;              /* only the endpoint's thread */
    pthread_mutex_t lock;       /* of what follows */
    struct buf out;             /* bytes from 'sent' on wait for the socket */
    size_t sent;
    bool broken;
};

struct bus_endpoint {
    const struct bus_events *events;
    void *user;
    char *path;                 /* of the listening socket; null when we connected */
    int epoll, listener, wake;  /* listener: -1 when we connected */
    struct bus_link *links;
    size_t link_count;
    atomic_bool stop;
    pthread_t thread;
};

static void *loop(void *argument);

static bool watch(const struct bus_endpoint *endpoint, int fd, void *what) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

    return !epoll_ctl(endpoint->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void watch_output(struct bus_link *link, bool wanted) {
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = link};

    epoll_ctl(link->endpoint->epoll, EPOLL_CTL_MOD, link->fd, &event);
}

static void link_add(struct bus_endpoint *endpoint, int fd) {
    struct bus_link *link = calloc(1, sizeof *link);

    if (!link) {
        abort();
    }
    *link = (struct bus_link){.next = endpoint->links, .endpoint = endpoint, .fd = fd};
    pthread_mutex_init(&link->lock, NULL);
    endpoint->links = link;
    endpoint->link_count++;
    watch(endpoint, fd, link);
    endpoint->events->opened(endpoint->user, link);
}

static void link_remove(struct bus_link *link) {
    struct bus_endpoint *endpoint = link->endpoint;
    struct bus_link **at = &endpoint->links;

    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    endpoint->link_count--;
    endpoint->events->closed(endpoint->user, link);
    close(link->fd);
    pthread_mutex_destroy(&link->lock);
    buf_release(&link->in);
    buf_release(&link->out);
    free(link);
}

static void endpoint_free(struct bus_endpoint *endpoint) {
    int fds[] = {endpoint->epoll, endpoint->listener, endpoint->wake};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    free(endpoint->path);
    free(endpoint);
}

static struct bus_endpoint *unix_open(struct arena *arena, const char *address, enum bus_side side,
                                      const struct bus_events *events, void *user, const char **ret_error) {
    int fd = side == BUS_LISTEN ? local_listen(arena, address, ret_error)
                                : local_connect(arena, address, false, ret_error);
    struct bus_endpoint *endpoint;

    if (fd < 0) {
        return NULL;
    }
    endpoint = calloc(1, sizeof *endpoint);
    if (!endpoint) {
        abort();
    }
    *endpoint = (struct bus_endpoint){
        .events = events,
        .user = user,
        .path = side == BUS_LISTEN ? strdup(address) : NULL,
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .listener = side == BUS_LISTEN ? fd : -1,
        .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    if (!watch(endpoint, endpoint->wake, &endpoint->wake) ||
        (side == BUS_LISTEN && !watch(endpoint, fd, &endpoint->listener))) {
        *ret_error = arena_printf(arena, "cannot wait for the bus at %s: %s", address, strerror(errno));
        if (side == BUS_CONNECT) {
            close(fd);
        }
        endpoint_free(endpoint);
        return NULL;
    }
    if (side == BUS_CONNECT) {
        link_add(endpoint, fd);
    }
    if (pthread_create(&endpoint->thread, NULL, loop, endpoint)) {
        abort();
    }
    return endpoint;
}

static void unix_close(struct bus_endpoint *endpoint) {
    endpoint->stop = true;
    eventfd_write(endpoint->wake, 1);
    pthread_join(endpoint->thread, NULL);
    while (endpoint->links) {
        link_remove(endpoint->links);
    }
    if (endpoint->path) {
        unlink(endpoint->path);
    }
    endpoint_free(endpoint);
}

/* Writes as much as the socket takes at once; returns how many bytes it took, and sets 'broken' after an error. */
static size_t write_now(struct bus_link *link, struct iovec *parts, size_t count) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent;

    do {
        sent = sendmsg(link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN) {
        link->broken = true;
    }
    return sent < 0 ? 0 : (size_t)sent;
}

static void keep_rest(struct bus_link *link, const uint32_t *prefix, const char *bytes, size_t size, size_t sent) {
    if (!link->out.size) {
        watch_output(link, true);
    }
    if (sent < PREFIX) {
        buf_put(&link->out, (const char *)prefix + sent, PREFIX - sent);
        sent = PREFIX;
    }
    buf_put(&link->out, bytes + (sent - PREFIX), size - (sent - PREFIX));
}

static bool unix_send(struct bus_link *link, const char *bytes, size_t size) {
    uint32_t prefix = htonl((uint32_t)size);
    struct iovec parts[] = {{&prefix, PREFIX}, {(void *)(uintptr_t)bytes, size}};
    bool ok;

    if (size > FRAME_MAX) {
        return false;
    }
    pthread_mutex_lock(&link->lock);
    ok = !link->broken && link->out.size - link->sent + size <= MAX_WAITING;
    if (ok) {
        size_t sent = link->out.size ? 0 : write_now(link, parts, 2);

        if (sent < PREFIX + size && !link->broken) {
            keep_rest(link, &prefix, bytes, size, sent);
        }
        ok = !link->broken;
    }
    pthread_mutex_unlock(&link->lock);
    return ok;
}

static void trim(struct buf *buf) {
    if (buf->capacity > KEEP_SIZE) {
        buf_release(buf);
    } else {
        buf_clear(buf);
    }
}

/* Writes what waits. False: the link broke. */
static bool flush(struct bus_link *link) {
    bool ok;

    pthread_mutex_lock(&link->lock);
    if (link->sent < link->out.size) {
        struct iovec part = {link->out.at + link->sent, link->out.size - link->sent};

        link->sent += write_now(link, &part, 1);
    }
    if (link->sent == link->out.size) {
        trim(&link->out);
        link->sent = 0;
        watch_output(link, false);
    } else if (link->sent > KEEP_SIZE) {
        memmove(link->out.at, link->out.at + link->sent, link->out.size - link->sent);
        link->out.size -= link->sent;
        link->sent = 0;
    }
    ok = !link->broken;
    pthread_mutex_unlock(&link->lock);
    return ok;
}

/* Hands over the whole frames that have arrived. False: the peer must go. */
static bool deliver(struct bus_link *link) {
    const struct bus_endpoint *endpoint = link->endpoint;
    size_t at = 0;

    while (link->in.size - at >= PREFIX && !endpoint->stop) {
        uint32_t size;

        memcpy(&size, link->in.at + at, PREFIX);
        size = ntohl(size);
        if (size > FRAME_MAX) {
            log_warn("a frame of %u bytes is too large", (unsigned)size);
            return false;
        }
        if (link->in.size - at - PREFIX < size) {
            buf_reserve(&link->in, size);
            break;
        }
        if (!endpoint->events->frame(endpoint->user, link, link->in.at + at + PREFIX, size)) {
            return false;
        }
        at += PREFIX + size;
    }
    if (at == link->in.size) {
        trim(&link->in);
    } else if (at) {
        memmove(link->in.at, link->in.at + at, link->in.size - at);
        link->in.size -= at;
    }
    return true;
}

static bool receive(struct bus_link *link) {
    ssize_t got = recv(link->fd, buf_reserve(&link->in, READ_SIZE), READ_SIZE, MSG_DONTWAIT);

    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    link->in.size += (size_t)got;
    return deliver(link);
}

static void accept_link(struct bus_endpoint *endpoint) {
    int fd = accept4(endpoint->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
            log_error("cannot accept: %s", strerror(errno));
            usleep(100 * 1000);
        }
    } else if (endpoint->link_count >= MAX_LINKS || !local_trusted(fd, (uid_t)-1)) {
        log_warn("refused a connection: %s", endpoint->link_count >= MAX_LINKS ? "too many" : "not our user");
        close(fd);
    } else {
        link_add(endpoint, fd);
    }
}

static void link_event(struct bus_link *link, uint32_t events) {
    bool ok = true;

    if (events & EPOLLOUT) {
        ok = flush(link);
    }
    if (ok && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ok = receive(link);
    }
    if (!ok) {
        link_remove(link);
    }
}

static void *loop(void *argument) {
    struct bus_endpoint *endpoint = argument;
    struct epoll_event events[64];

    while (!endpoint->stop) {
        int count = epoll_wait(endpoint->epoll, events, 64, -1);

        for (int i = 0; i < count && !endpoint->stop; i++) {
            if (events[i].data.ptr == &endpoint->listener) {
                accept_link(endpoint);
            } else if (events[i].data.ptr != &endpoint->wake) {
                link_event(events[i].data.ptr, events[i].events);
            }
        }
    }
    return NULL;
}

const struct bus_transport bus_transport_unix = {
    .scheme = "unix:",
    .open = unix_open,
    .send = unix_send,
    .close = unix_close,
};
