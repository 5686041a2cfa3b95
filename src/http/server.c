/* SPDX-License-Identifier: Apache-2.0
 * Starting and stopping the HTTP server. */
#include "http/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

LOG_MODULE("http.server");

enum { MANY_CONNECTIONS = 256, BACKLOG = 4096, MAX_PEM = 1024 * 1024, RESERVED_DESCRIPTORS = 128 };

static void set_defaults(struct http_server_options *options) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    options->threads = options->threads > 0 ? options->threads : (int)cores;
    options->workers = options->workers > 0 ? options->workers : (int)cores * 2 + 2;
    options->max_connections = options->max_connections ? options->max_connections : 20000;
    options->idle_seconds = options->idle_seconds > 0 ? options->idle_seconds : 75;
    options->max_header = options->max_header ? options->max_header : 32 * 1024;
    options->max_arena = options->max_arena ? options->max_arena : 64 * 1024 * 1024;
}

/* Raises the limit of descriptors as far as allowed, and keeps connections below it: accept must not run into it. */
static void fit_descriptors(struct http_server_options *options) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        return;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur > 2 * RESERVED_DESCRIPTORS && options->max_connections > limit.rlim_cur - RESERVED_DESCRIPTORS) {
        options->max_connections = limit.rlim_cur - RESERVED_DESCRIPTORS;
    }
    if (options->max_connections < (size_t)options->threads) {
        options->max_connections = (size_t)options->threads;
    }
}

/* The contents of a small file on the heap; null on failure. */
static char *file_read(const char *path) {
    FILE *file = fopen(path, "re");
    struct buf text = {0};
    size_t got;

    while (file && text.size < MAX_PEM && (got = fread(buf_reserve(&text, 4096), 1, 4096, file)) > 0) {
        text.size += got;
        text.at[text.size] = 0;
    }
    if (file) {
        fclose(file);
    }
    return text.at;
}

/* Splits "host:port" and "[host]:port". */
static bool address_split(struct arena *arena, const char *address, char **ret_host, char **ret_port) {
    const char *colon = strrchr(address, ':');
    size_t size = colon ? (size_t)(colon - address) : 0;

    if (!colon) {
        return false;
    }
    if (size >= 2 && address[0] == '[' && address[size - 1] == ']') {
        address++;
        size -= 2;
    }
    *ret_host = arena_text_size(arena, address, size);
    *ret_port = arena_text(arena, colon + 1);
    return true;
}

static int socket_listen(const struct addrinfo *at) {
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool server_listen(struct http_server *server, struct arena *arena, const char **ret_error) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *address = server->options.address;
    struct sockaddr_storage bound;
    char *host, *port;
    int error;

    if (!address || !address_split(arena, address, &host, &port)) {
        *ret_error = arena_printf(arena, "\"%s\" is no address:port to listen on", address ? address : "");
        return false;
    }
    error = getaddrinfo(*host ? host : NULL, port, &hints, &found);
    if (error) {
        *ret_error = arena_printf(arena, "cannot listen on %s: %s", address, gai_strerror(error));
        return false;
    }
    server->listen_fd = socket_listen(found);
    freeaddrinfo(found);
    if (server->listen_fd < 0 ||
        getsockname(server->listen_fd, (struct sockaddr *)&bound, &(socklen_t){sizeof bound}) < 0) {
        *ret_error = arena_printf(arena, "cannot listen on %s: %s", address, strerror(errno));
        return false;
    }
    server->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                     : ((struct sockaddr_in *)&bound)->sin_port);
    return true;
}

static bool read_certificate(struct http_server *server, struct arena *arena, const char **ret_error) {
    const struct http_server_options *options = &server->options;

    if (!options->certificate) {
        return true;
    }
    server->certificate = file_read(options->certificate);
    server->key = options->key ? file_read(options->key) : NULL;
    if (!server->certificate || !server->key) {
        *ret_error = arena_printf(arena, "cannot read %s", server->certificate ? options->key ? options->key : "the key"
                                                                               : options->certificate);
        return false;
    }
    server->client_ca = options->client_ca ? file_read(options->client_ca) : NULL;
    if (options->client_ca && !server->client_ca) {
        *ret_error = arena_printf(arena, "cannot read %s", options->client_ca);
        return false;
    }
    return true;
}

/* What many connections took stays with malloc, in pieces, until it is asked to give back what is free. */
static void give_memory_back(struct http_server *server, uint64_t open) {
    uint_fast64_t most = atomic_load(&server->most_connections);

    if (most >= MANY_CONNECTIONS && open <= most / 16 &&
        atomic_compare_exchange_strong(&server->most_connections, &most, open)) {
        malloc_trim(0);
    }
}

static void note_open(struct http_server *server, uint64_t open) {
    if (open > atomic_load(&server->most_connections)) {
        atomic_store(&server->most_connections, open);
    }
}

static void connection_notify(void *argument, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode code) {
    struct http_server *server = argument;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = peer_new(connection);
        atomic_fetch_add(&server->connections, 1);
        note_open(server, atomic_fetch_add(&server->open_connections, 1) + 1);
    } else {
        peer_free(*context);
        *context = NULL;
        give_memory_back(server, atomic_fetch_sub(&server->open_connections, 1) - 1);
    }
}

/* The query stays as it came; we decode it ourselves. */
static size_t keep_escaped(void *argument, struct MHD_Connection *connection, char *text) {
    return strlen(text);
}

static bool daemon_start(struct http_server *server) {
    const struct http_server_options *options = &server->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ITC |
                     (server->certificate ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {server->client_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, server->client_ca},
        {MHD_OPTION_END, 0, NULL},
    };

    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_handle, server, MHD_OPTION_LISTEN_SOCKET, server->listen_fd,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)options->threads, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)options->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)options->idle_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->max_header, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, exchange_end, server,
        MHD_OPTION_NOTIFY_CONNECTION, connection_notify, server, MHD_OPTION_ARRAY,
        server->certificate ? tls : &tls[3], MHD_OPTION_END);
    if (!server->daemon && fcntl(server->listen_fd, F_GETFD) < 0) {
        server->listen_fd = -1;     /* libmicrohttpd closes it on some failures only */
    }
    return server->daemon != NULL;
}

static void server_free(struct http_server *server) {
    workers_stop(server);
    while (server->spare) {
        struct exchange *exchange = server->spare;

        server->spare = exchange->next;
        exchange_free(exchange);
    }
    if (server->listen_fd >= 0) {
        close(server->listen_fd);
    }
    free(server->certificate);
    free(server->key);
    free(server->client_ca);
    pthread_mutex_destroy(&server->mutex);
    pthread_cond_destroy(&server->drained);
    free(server);
}

struct http_server *http_server_start(struct arena *arena, const struct http_server_options *options,
                                      const char **ret_error) {
    struct http_server *server = calloc(1, sizeof *server);

    if (!server) {
        abort();
    }
    server->options = *options;
    server->listen_fd = -1;
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->drained, NULL);
    set_defaults(&server->options);
    fit_descriptors(&server->options);
    *ret_error = "cannot start the HTTP server: no threads, or the certificate and key do not fit";
    if (workers_start(server) && read_certificate(server, arena, ret_error) &&
        server_listen(server, arena, ret_error) && daemon_start(server)) {
        return server;
    }
    server_free(server);
    return NULL;
}

int http_server_port(const struct http_server *server) {
    return server->port;
}

/* Waits until 'count' is down to 'floor' (null: 0) or 'deadline'; tells whether it is. */
static bool wait_down(atomic_int *count, atomic_int *floor, int64_t deadline) {
    while (atomic_load(count) > (floor ? atomic_load(floor) : 0)) {
        if (clock_monotonic() >= deadline) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return true;
}

bool http_server_stop(struct http_server *server, int seconds) {
    int64_t deadline = clock_monotonic() + seconds * SECOND;
    const int64_t grace = 5 * SECOND;

    if (!server) {
        return true;
    }
    atomic_store(&server->stopping, true);
    MHD_quiesce_daemon(server->daemon);
    shutdown(server->listen_fd, SHUT_RDWR);
    wait_down(&server->active, &server->upgraded_count, deadline);
    upgrades_shut_down(server);
    atomic_store(&server->aborted, true);
    deadline = clock_monotonic() + grace;
    if (!wait_down(&server->upgraded_count, NULL, deadline) || !wait_down(&server->suspended, NULL, deadline)) {
        log_warn("%d answers and %d upgraded connections do not end", atomic_load(&server->suspended),
                 atomic_load(&server->upgraded_count));
        return false;
    }
    wait_down(&server->active, NULL, clock_monotonic() + SECOND);       /* what was answered is on its way */
    MHD_stop_daemon(server->daemon);
    server_free(server);
    return true;
}

void http_server_statistics(const struct http_server *server, struct http_statistics *ret) {
    *ret = (struct http_statistics){
        .requests = atomic_load(&server->requests),
        .connections = atomic_load(&server->connections),
        .open_connections = atomic_load(&server->open_connections),
        .bytes_in = atomic_load(&server->bytes_in),
        .bytes_out = atomic_load(&server->bytes_out),
        .busy_workers = atomic_load(&server->busy_workers),
        .queued = atomic_load(&server->queued),
    };
}
