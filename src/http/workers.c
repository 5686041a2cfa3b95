/* SPDX-License-Identifier: Apache-2.0
 * The worker pool of the HTTP server: one queue, first come first served. */
#include "http/internal.h"

#include <stdlib.h>

static struct exchange *pop(struct http_server *server) {
    struct exchange *exchange;

    pthread_mutex_lock(&server->mutex);
    while (!server->queue_first && !server->workers_end) {
        pthread_cond_wait(&server->work, &server->mutex);
    }
    exchange = server->queue_first;
    if (exchange) {
        server->queue_first = exchange->next;
        if (!server->queue_first) {
            server->queue_last = &server->queue_first;
        }
    }
    pthread_mutex_unlock(&server->mutex);
    return exchange;
}

static void *work(void *argument) {
    struct http_server *server = argument;
    struct exchange *exchange;

    while ((exchange = pop(server)) != NULL) {
        atomic_fetch_sub(&server->queued, 1);
        atomic_fetch_add(&server->busy_workers, 1);
        exchange_work(exchange);
        atomic_fetch_sub(&server->busy_workers, 1);
    }
    return NULL;
}

bool workers_start(struct http_server *server) {
    int wanted = server->options.workers;

    server->queue_last = &server->queue_first;
    server->workers = calloc((size_t)wanted, sizeof *server->workers);
    if (!server->workers) {
        abort();
    }
    while (server->worker_count < wanted) {
        if (pthread_create(&server->workers[server->worker_count], NULL, work, server)) {
            return false;
        }
        server->worker_count++;
    }
    return true;
}

void workers_push(struct http_server *server, struct exchange *exchange) {
    exchange->next = NULL;
    atomic_fetch_add(&server->queued, 1);
    pthread_mutex_lock(&server->mutex);
    *server->queue_last = exchange;
    server->queue_last = &exchange->next;
    pthread_cond_signal(&server->work);
    pthread_mutex_unlock(&server->mutex);
}

void workers_stop(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    server->workers_end = true;
    pthread_cond_broadcast(&server->work);
    pthread_mutex_unlock(&server->mutex);
    for (int i = 0; i < server->worker_count; i++) {
        pthread_join(server->workers[i], NULL);
    }
    free(server->workers);
}
