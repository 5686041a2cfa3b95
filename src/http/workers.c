/* SPDX-License-Identifier: Apache-2.0
 * The worker pool of the HTTP server, and the threads of requests that may wait long: each one queue, first come first
 * served. */
#include "http/internal.h"

#include <stdlib.h>

enum { MOST_APART = 32 };

static struct exchange *pop(struct crew *crew) {
    struct http_server *server = crew->server;
    struct exchange *exchange;

    pthread_mutex_lock(&server->mutex);
    crew->idle++;
    while (!crew->first && !server->workers_end) {
        pthread_cond_wait(&crew->work, &server->mutex);
    }
    crew->idle--;
    exchange = crew->first;
    if (exchange) {
        crew->first = exchange->next;
        crew->last = crew->first ? crew->last : &crew->first;
    }
    pthread_mutex_unlock(&server->mutex);
    return exchange;
}

static void *work(void *argument) {
    struct crew *crew = argument;
    struct http_server *server = crew->server;
    struct exchange *exchange;

    while ((exchange = pop(crew)) != NULL) {
        atomic_fetch_sub(&server->queued, 1);
        atomic_fetch_add(&server->busy_workers, 1);
        exchange_work(exchange);
        atomic_fetch_sub(&server->busy_workers, 1);
    }
    return NULL;
}

static bool add_thread(struct crew *crew) {
    bool added = !pthread_create(&crew->threads[crew->count], NULL, work, crew);

    crew->count += added;
    return added;
}

static void crew_begin(struct http_server *server, struct crew *crew, int most) {
    *crew = (struct crew){.server = server, .last = &crew->first, .most = most,
                          .threads = calloc((size_t)most, sizeof *crew->threads)};
    pthread_cond_init(&crew->work, NULL);
    if (!crew->threads) {
        abort();
    }
}

bool workers_start(struct http_server *server) {
    crew_begin(server, &server->workers, server->options.workers);
    crew_begin(server, &server->apart, MOST_APART);
    while (server->workers.count < server->workers.most) {
        if (!add_thread(&server->workers)) {
            return false;
        }
    }
    return true;
}

void workers_push(struct http_server *server, struct exchange *exchange) {
    struct crew *crew = exchange->request.apart ? &server->apart : &server->workers;

    exchange->next = NULL;
    atomic_fetch_add(&server->queued, 1);
    pthread_mutex_lock(&server->mutex);
    /* Another thread when those that are idle have something to take already; one is needed at least. */
    if (crew->count < crew->most && (!crew->idle || crew->first) && !add_thread(crew) && !crew->count) {
        abort();
    }
    *crew->last = exchange;
    crew->last = &exchange->next;
    pthread_cond_signal(&crew->work);
    pthread_mutex_unlock(&server->mutex);
}

static void crew_end(struct crew *crew) {
    for (int i = 0; i < crew->count; i++) {
        pthread_join(crew->threads[i], NULL);
    }
    pthread_cond_destroy(&crew->work);
    free(crew->threads);
}

void workers_stop(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    server->workers_end = true;
    pthread_cond_broadcast(&server->workers.work);
    pthread_cond_broadcast(&server->apart.work);
    pthread_mutex_unlock(&server->mutex);
    crew_end(&server->workers);
    crew_end(&server->apart);
}
