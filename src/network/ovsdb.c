/* SPDX-License-Identifier: Apache-2.0
 * The connection to an OVSDB server: one thread that connects, reads and keeps the replica; callers write their
 * transactions themselves and wait for the thread to bring the result. */
#include "network/ovsdb.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "network/ovsdb_wire.h"

LOG_MODULE("network.ovsdb");

enum {
    MONITOR_ID = 1,                 /* JSON-RPC ids: transactions count up from above these */
    ECHO_ID = 2,
    IDLE_MS = 5000,                 /* silence after which we send an echo */
    DEAD_MS = 15000,                /* silence after which the connection is given up */
    CONNECT_MS = 5000,
    MIN_PAUSE_MS = 50,              /* between attempts to connect: doubles while connections do not last */
    MAX_PAUSE_MS = 1000,
    MAX_MESSAGE = 256 * 1024 * 1024,
};

/* A transaction whose result is awaited. */
struct pending {
    struct pending *next;
    int64_t id;
    bool done;
    char *reply;                    /* the message, or null when the connection broke */
    size_t size;
};

struct ovsdb {
    struct ovsdb_options options;
    pthread_t thread;
    int wake;                       /* eventfd: stop */
    pthread_mutex_t write_lock;     /* around the socket's writing and closing; taken before 'lock', never after it */
    int fd;

    pthread_mutex_t lock;           /* the members below */
    pthread_cond_t event;
    bool stopping, ready;
    uint64_t session;               /* counts connections */
    int64_t next_id;
    struct pending *pending;
    struct ovsdb_replica *replica;
};

static int unix_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool connected(int fd) {
    struct pollfd poll_fd = {fd, POLLOUT, 0};
    socklen_t size = sizeof(int);
    int error = ETIMEDOUT;

    if (poll(&poll_fd, 1, CONNECT_MS) == 1) {
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    errno = error;
    return error == 0;
}

static int tcp_socket(const char *remote) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
    const char *colon = strrchr(remote, ':');
    char host[64];
    int fd;

    snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - remote) : 0, remote);
    if (host[0] == '[') {
        memmove(host, host + 1, strlen(host));
        host[strcspn(host, "]")] = 0;
    }
    if (!colon || getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        errno = EINVAL;
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0 && (errno != EINPROGRESS || !connected(fd))) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static int open_socket(const char *remote) {
    if (!strncmp(remote, "unix:", 5)) {
        return unix_socket(remote + 5);
    }
    if (!strncmp(remote, "tcp:", 4)) {
        return tcp_socket(remote + 4);
    }
    errno = EPROTONOSUPPORT;
    return -1;
}

/* Writes all of 'bytes'; the caller holds write_lock. False: the connection is of no more use. */
static bool send_all(struct ovsdb *db, const char *bytes, size_t size) {
    int64_t end = clock_monotonic() + DEAD_MS * 1000LL;

    while (size && db->fd >= 0) {
        ssize_t sent = send(db->fd, bytes, size, MSG_NOSIGNAL);
        struct pollfd poll_fd = {db->fd, POLLOUT, 0};

        if (sent > 0) {
            bytes += sent;
            size -= (size_t)sent;
        } else if (errno != EINTR && (errno != EAGAIN || clock_monotonic() > end || poll(&poll_fd, 1, 1000) < 0)) {
            shutdown(db->fd, SHUT_RDWR);
            return false;
        }
    }
    return size == 0;
}

static bool send_locked(struct ovsdb *db, const char *bytes, size_t size) {
    bool sent;

    pthread_mutex_lock(&db->write_lock);
    sent = send_all(db, bytes, size);
    pthread_mutex_unlock(&db->write_lock);
    return sent;
}

static bool send_monitor(struct ovsdb *db) {
    struct buf buf = {0};
    bool sent;

    buf_printf(&buf, "{\"id\": %d, \"method\": \"monitor\", \"params\": [\"%s\", null, {", MONITOR_ID,
               db->options.database);
    for (const struct ovsdb_table *t = db->options.tables; t && t->name; t++) {
        buf_printf(&buf, "%s\"%s\": {\"columns\": [", t == db->options.tables ? "" : ", ", t->name);
        for (int i = 0; t->columns[i]; i++) {
            buf_printf(&buf, "%s\"%s\"", i ? ", " : "", t->columns[i]);
        }
        buf_text(&buf, "]}");
    }
    buf_text(&buf, "}]}");
    sent = send_locked(db, buf.at, buf.size);
    buf_release(&buf);
    return sent;
}

static bool send_echo(struct ovsdb *db) {
    char text[80];
    int size = snprintf(text, sizeof text, "{\"id\": %d, \"method\": \"echo\", \"params\": []}", ECHO_ID);

    return send_locked(db, text, (size_t)size);
}

static bool answer_echo(struct ovsdb *db, struct arena *arena, const struct json *message) {
    const char *id = json_print(arena, json_get(message, "id"));
    const char *params = json_print(arena, json_get(message, "params"));
    const char *text = arena_printf(arena, "{\"id\": %s, \"result\": %s, \"error\": null}", id, params);

    return send_locked(db, text, strlen(text));
}

/* Brings the rows of an "update" or of the answer to "monitor". */
static bool take_rows(struct ovsdb *db, struct arena *arena, const struct json *rows, bool initial) {
    const char *error = NULL;
    bool taken;

    pthread_mutex_lock(&db->lock);
    taken = ovsdb_replica_update(db->replica, arena, rows, initial, &error);
    db->ready = db->ready || (taken && initial);
    pthread_cond_broadcast(&db->event);
    pthread_mutex_unlock(&db->lock);
    if (!taken) {
        log_error("%s of %s: %s", db->options.database, db->options.remote, error);
    } else if (db->options.settled) {
        db->options.settled(db->options.user);
    }
    return taken;
}

static void take_reply(struct ovsdb *db, int64_t id, const char *bytes, size_t size) {
    pthread_mutex_lock(&db->lock);
    for (struct pending *p = db->pending; p; p = p->next) {
        if (p->id == id && !p->done) {
            p->done = true;
            p->reply = malloc(size);
            p->size = size;
            assert(p->reply);
            memcpy(p->reply, bytes, size);
            pthread_cond_broadcast(&db->event);
        }
    }
    pthread_mutex_unlock(&db->lock);
}

static bool take_message(struct ovsdb *db, struct arena *arena, const char *bytes, size_t size) {
    const char *error = NULL, *method;
    const struct json *message = json_parse(arena, bytes, size, &error), *params, *problem;
    int64_t id;

    if (!message) {
        log_error("%s of %s: %s", db->options.database, db->options.remote, error);
        return false;
    }
    method = json_get_text(message, "method");
    params = json_get(message, "params");
    id = json_get_int(message, "id", 0);
    if (method && !strcmp(method, "echo")) {
        return answer_echo(db, arena, message);
    }
    if (method && !strcmp(method, "update")) {
        return params && params->type == JSON_LIST && params->count == 2 &&
               take_rows(db, arena, params->first->next, false);
    }
    if (method || id == ECHO_ID) {
        return true;
    }
    if (id != MONITOR_ID) {
        take_reply(db, id, bytes, size);
        return true;
    }
    problem = json_get(message, "error");
    if (problem && problem->type != JSON_NULL) {
        log_error("%s of %s cannot be watched: %s", db->options.database, db->options.remote,
                  json_print(arena, problem));
        return false;
    }
    return take_rows(db, arena, json_get(message, "result"), true);
}

/* Takes all whole messages off the front of 'buf'. */
static bool take_messages(struct ovsdb *db, struct ovsdb_frame *frame, struct buf *buf) {
    size_t taken = 0;
    bool good = true;
    long size;

    while (good && (size = ovsdb_frame_next(frame, buf->at + taken, buf->size - taken)) != 0) {
        struct arena *arena = arena_new(0);

        good = size > 0 && take_message(db, arena, buf->at + taken, (size_t)size);
        arena_free(arena);
        taken += size > 0 ? (size_t)size : 0;
    }
    memmove(buf->at, buf->at + taken, buf->size - taken);
    buf->size -= taken;
    if (!buf->size && buf->capacity > 1024 * 1024) {
        buf_release(buf);
    }
    return good && buf->size <= MAX_MESSAGE;
}

/* Reads what is there. False: the connection ended. */
static bool read_some(struct ovsdb *db, struct ovsdb_frame *frame, struct buf *buf) {
    char *to = buf_reserve(buf, 65536);
    ssize_t got = recv(db->fd, to, 65536, 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (got <= 0) {
        return false;
    }
    buf->size += (size_t)got;
    return take_messages(db, frame, buf);
}

static bool is_stopping(struct ovsdb *db) {
    bool stopping;

    pthread_mutex_lock(&db->lock);
    stopping = db->stopping;
    pthread_mutex_unlock(&db->lock);
    return stopping;
}

/* Serves the connection until it ends. */
static void serve(struct ovsdb *db) {
    struct pollfd fds[2] = {{db->fd, POLLIN, 0}, {db->wake, POLLIN, 0}};
    struct ovsdb_frame frame = {0};
    struct buf buf = {0};
    int64_t heard = clock_monotonic();
    bool good = send_monitor(db);

    while (good && !is_stopping(db)) {
        int ready = poll(fds, 2, IDLE_MS);

        if (ready > 0 && fds[0].revents) {
            heard = clock_monotonic();
            good = read_some(db, &frame, &buf);
        } else if (ready == 0) {
            good = clock_monotonic() - heard < DEAD_MS * 1000LL && send_echo(db);
        }
    }
    buf_release(&buf);
}

static void session_end(struct ovsdb *db) {
    pthread_mutex_lock(&db->write_lock);
    close(db->fd);
    db->fd = -1;
    pthread_mutex_lock(&db->lock);
    db->ready = false;
    db->session++;
    for (struct pending *p = db->pending; p; p = p->next) {
        p->done = true;
    }
    pthread_cond_broadcast(&db->event);
    pthread_mutex_unlock(&db->lock);
    pthread_mutex_unlock(&db->write_lock);
}

/* Connects and serves the connection. True when it lasted. */
static bool connect_and_serve(struct ovsdb *db) {
    int64_t start = clock_monotonic();
    int fd = open_socket(db->options.remote);

    if (fd < 0) {
        log_debug("%s at %s: %s", db->options.database, db->options.remote, strerror(errno));
        return false;
    }
    log_debug("%s at %s: connected", db->options.database, db->options.remote);
    pthread_mutex_lock(&db->write_lock);
    db->fd = fd;
    pthread_mutex_unlock(&db->write_lock);
    serve(db);
    session_end(db);
    log_debug("%s at %s: disconnected", db->options.database, db->options.remote);
    return clock_monotonic() - start > SECOND;
}

static void *run(void *argument) {
    struct ovsdb *db = argument;
    struct pollfd wake = {db->wake, POLLIN, 0};
    int pause_ms = MIN_PAUSE_MS;

    while (!is_stopping(db)) {
        if (connect_and_serve(db)) {
            pause_ms = MIN_PAUSE_MS;
        }
        if (!is_stopping(db)) {
            poll(&wake, 1, pause_ms);
            pause_ms = pause_ms * 2 > MAX_PAUSE_MS ? MAX_PAUSE_MS : pause_ms * 2;
        }
    }
    return NULL;
}

struct ovsdb *ovsdb_open(const struct ovsdb_options *options) {
    struct ovsdb *db = calloc(1, sizeof *db);
    pthread_condattr_t attributes;

    if (!db) {
        abort();
    }
    db->options = *options;
    db->fd = -1;
    db->next_id = ECHO_ID + 1;
    db->replica = ovsdb_replica_new(options);
    db->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&db->write_lock, NULL);
    pthread_mutex_init(&db->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&db->event, &attributes);
    pthread_condattr_destroy(&attributes);
    if (db->wake < 0 || pthread_create(&db->thread, NULL, run, db) != 0) {
        abort();
    }
    return db;
}

void ovsdb_close(struct ovsdb *db) {
    uint64_t one = 1;

    if (!db) {
        return;
    }
    pthread_mutex_lock(&db->lock);
    db->stopping = true;
    pthread_cond_broadcast(&db->event);
    pthread_mutex_unlock(&db->lock);
    if (write(db->wake, &one, sizeof one) < 0) {
        log_warn("cannot wake the thread of %s", db->options.remote);
    }
    pthread_join(db->thread, NULL);
    close(db->wake);
    ovsdb_replica_free(db->replica);
    pthread_cond_destroy(&db->event);
    pthread_mutex_destroy(&db->lock);
    pthread_mutex_destroy(&db->write_lock);
    free(db);
}

static struct timespec deadline_in(int timeout_ms) {
    int64_t at = clock_monotonic() + timeout_ms * 1000LL;

    return (struct timespec){at / SECOND, at % SECOND * 1000};
}

/* The caller holds the lock. */
static bool wait_ready(struct ovsdb *db, const struct timespec *end) {
    while (!db->ready && !db->stopping && pthread_cond_timedwait(&db->event, &db->lock, end) == 0) {
    }
    return db->ready && !db->stopping;
}

bool ovsdb_ready(struct ovsdb *db, int timeout_ms) {
    struct timespec end = deadline_in(timeout_ms);
    bool ready;

    pthread_mutex_lock(&db->lock);
    ready = wait_ready(db, &end);
    pthread_mutex_unlock(&db->lock);
    return ready;
}

const struct ovsdb_row *ovsdb_find(struct ovsdb *db, struct arena *arena, const char *table, const char *index) {
    const struct ovsdb_row *row;

    pthread_mutex_lock(&db->lock);
    row = ovsdb_replica_find(db->replica, arena, table, index);
    pthread_mutex_unlock(&db->lock);
    return row;
}

const struct ovsdb_row *ovsdb_get(struct ovsdb *db, struct arena *arena, const char *table, const char *uuid) {
    const struct ovsdb_row *row;

    pthread_mutex_lock(&db->lock);
    row = ovsdb_replica_get(db->replica, arena, table, uuid);
    pthread_mutex_unlock(&db->lock);
    return row;
}

const struct ovsdb_row *const *ovsdb_rows(struct ovsdb *db, struct arena *arena, const char *table, const char *key,
                                          const char *value, size_t *ret_count) {
    const struct ovsdb_row *const *rows;

    pthread_mutex_lock(&db->lock);
    rows = ovsdb_replica_rows(db->replica, arena, table, key, value, ret_count);
    pthread_mutex_unlock(&db->lock);
    return rows;
}

static void pending_remove(struct ovsdb *db, const struct pending *pending) {
    for (struct pending **at = &db->pending; *at; at = &(*at)->next) {
        if (*at == pending) {
            *at = pending->next;
            return;
        }
    }
}

/* Gives the transaction an id and a place among those awaited. False: not connected until 'end'. */
static bool pending_add(struct ovsdb *db, struct pending *pending, const struct timespec *end, uint64_t *ret_session) {
    bool ready;

    pthread_mutex_lock(&db->lock);
    ready = wait_ready(db, end);
    if (ready) {
        pending->id = db->next_id++;
        pending->next = db->pending;
        db->pending = pending;
        *ret_session = db->session;
    }
    pthread_mutex_unlock(&db->lock);
    return ready;
}

static void send_transaction(struct ovsdb *db, const struct ovsdb_txn *txn, const struct pending *pending,
                             uint64_t session) {
    struct buf buf = {0};

    buf_printf(&buf, "{\"id\": %lld, \"method\": \"transact\", \"params\": [\"%s\"", (long long)pending->id,
               db->options.database);
    if (ovsdb_txn_count(txn)) {
        buf_text(&buf, ", ");
        buf_text(&buf, ovsdb_txn_text(txn));
    }
    buf_text(&buf, "]}");
    pthread_mutex_lock(&db->write_lock);
    if (db->session == session) {
        send_all(db, buf.at, buf.size);
    }
    pthread_mutex_unlock(&db->write_lock);
    buf_release(&buf);
}

static void pending_wait(struct ovsdb *db, struct pending *pending, const struct timespec *end) {
    pthread_mutex_lock(&db->lock);
    while (!pending->done && !db->stopping && pthread_cond_timedwait(&db->event, &db->lock, end) == 0) {
    }
    pending_remove(db, pending);
    pthread_mutex_unlock(&db->lock);
}

static bool read_reply(struct arena *arena, const struct pending *pending, size_t count,
                       const struct json **ret_results, const char **ret_error) {
    const struct json *message = json_parse(arena, pending->reply, pending->size, ret_error);
    const struct json *result = json_get(message, "result"), *error = json_get(message, "error");

    if (error && error->type != JSON_NULL) {
        *ret_error = arena_printf(arena, "the database refused: %s", json_print(arena, error));
        return false;
    }
    if (!message || !ovsdb_result_good(arena, result, count, ret_error)) {
        return false;
    }
    if (ret_results) {
        *ret_results = result;
    }
    return true;
}

bool ovsdb_commit(struct ovsdb *db, struct ovsdb_txn *txn, int timeout_ms, const struct json **ret_results,
                  const char **ret_error) {
    struct arena *arena = ovsdb_txn_arena(txn);
    struct timespec end = deadline_in(timeout_ms);
    struct pending pending = {0};
    uint64_t session;
    bool good;

    if (!pending_add(db, &pending, &end, &session)) {
        *ret_error = arena_printf(arena, "%s at %s does not answer", db->options.database, db->options.remote);
        return false;
    }
    send_transaction(db, txn, &pending, session);
    pending_wait(db, &pending, &end);
    if (!pending.reply) {
        *ret_error = arena_printf(arena, "the connection to %s at %s %s", db->options.database, db->options.remote,
                                  pending.done ? "broke" : "timed out");
        return false;
    }
    good = read_reply(arena, &pending, ovsdb_txn_count(txn), ret_results, ret_error);
    free(pending.reply);
    return good;
}
