/* SPDX-License-Identifier: Apache-2.0
 * Connections that left HTTP: each has a thread of its own until its function returns. */
#include "http/internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"

LOG_MODULE("http.upgrade");

enum { MAX_UPGRADED = 1024, STACK_SIZE = 256 * 1024 };

static void list_add(struct http_server *server, struct exchange *exchange) {
    pthread_mutex_lock(&server->mutex);
    exchange->upgraded_next = server->upgraded;
    if (server->upgraded) {
        server->upgraded->upgraded_previous = exchange;
    }
    server->upgraded = exchange;
    pthread_mutex_unlock(&server->mutex);
}

static void list_remove(struct http_server *server, struct exchange *exchange) {
    pthread_mutex_lock(&server->mutex);
    if (exchange->upgraded_previous) {
        exchange->upgraded_previous->upgraded_next = exchange->upgraded_next;
    } else {
        server->upgraded = exchange->upgraded_next;
    }
    if (exchange->upgraded_next) {
        exchange->upgraded_next->upgraded_previous = exchange->upgraded_previous;
    }
    pthread_mutex_unlock(&server->mutex);
}

/* The network's socket where TLS stands between it and us; else -1. */
static int network_socket(const struct exchange *exchange) {
    const union MHD_ConnectionInfo *info =
        exchange->request.tls ? MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD) : NULL;

    return info ? fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0) : -1;
}

/* The exchange may be gone as soon as the connection is closed. With TLS, libmicrohttpd may look at our end before it
 * knows that we are done, and then not again until the network stirs; so we stir it. */
static void leave(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    int network = network_socket(exchange);

    list_remove(server, exchange);
    MHD_upgrade_action(exchange->upgrade, MHD_UPGRADE_ACTION_CLOSE);
    if (network >= 0) {
        shutdown(network, SHUT_RD);
        close(network);
    }
    atomic_fetch_sub(&server->upgraded_count, 1);
}

static void *run(void *argument) {
    struct exchange *exchange = argument;

    exchange->request.upgraded(&exchange->request, exchange->upgrade_fd, exchange->extra, exchange->extra_size);
    leave(exchange);
    return NULL;
}

static void taken_over(void *argument, struct MHD_Connection *connection, void *context, const char *extra,
                       size_t extra_size, MHD_socket socket_fd, struct MHD_UpgradeResponseHandle *upgrade) {
    struct exchange *exchange = argument;
    pthread_attr_t attributes;
    pthread_t thread;

    exchange->upgrade = upgrade;
    exchange->upgrade_fd = socket_fd;
    exchange->extra = arena_text_size(exchange->request.arena, extra, extra_size);
    exchange->extra_size = extra_size;
    list_add(exchange->server, exchange);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (pthread_create(&thread, &attributes, run, exchange)) {
        log_warn("no thread for an upgraded connection");
        leave(exchange);
    }
    pthread_attr_destroy(&attributes);
}

struct MHD_Response *upgrade_response(struct exchange *exchange) {
    struct http_server *server = exchange->server;
    struct MHD_Response *response;

    if (atomic_fetch_add(&server->upgraded_count, 1) >= MAX_UPGRADED || atomic_load(&server->stopping)) {
        atomic_fetch_sub(&server->upgraded_count, 1);
        return NULL;
    }
    response = MHD_create_response_for_upgrade(taken_over, exchange);
    if (!response) {
        atomic_fetch_sub(&server->upgraded_count, 1);
    }
    return response;
}

void upgrades_shut_down(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    for (struct exchange *exchange = server->upgraded; exchange; exchange = exchange->upgraded_next) {
        shutdown(exchange->upgrade_fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->mutex);
}
