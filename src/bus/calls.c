/* SPDX-License-Identifier: Apache-2.0
 * Waiting for answers. Each question lies on the stack of the thread that waits for it. */
#include "bus/calls.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "bus/frame.h"

struct question {
    struct question *next;
    int64_t number;
    const void *peer;
    pthread_cond_t answered;
    bool done, ok;
    const char *error;          /* static text when nobody answered */
    struct buf payload, cause;
};

struct calls {
    pthread_mutex_t lock;
    struct question *waiting;
    int64_t last;
};

struct calls *calls_new(void) {
    struct calls *calls = calloc(1, sizeof *calls);
    uint32_t start;

    if (!calls) {
        abort();
    }
    random_bytes(&start, sizeof start);
    calls->last = (int64_t)start << 16;     /* an answer to an earlier process finds nobody */
    pthread_mutex_init(&calls->lock, NULL);
    return calls;
}

void calls_free(struct calls *calls) {
    if (calls) {
        pthread_mutex_destroy(&calls->lock);
        free(calls);
    }
}

static void question_begin(struct calls *calls, struct question *question) {
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&question->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_lock(&calls->lock);
    question->number = ++calls->last;
    question->next = calls->waiting;
    calls->waiting = question;
    pthread_mutex_unlock(&calls->lock);
}

static void question_wait(struct calls *calls, struct question *question, int64_t until) {
    struct timespec end = {.tv_sec = until / SECOND, .tv_nsec = until % SECOND * 1000};
    struct question **at = &calls->waiting;

    pthread_mutex_lock(&calls->lock);
    while (!question->done && !pthread_cond_timedwait(&question->answered, &calls->lock, &end)) {
    }
    while (*at != question) {
        at = &(*at)->next;
    }
    *at = question->next;
    pthread_mutex_unlock(&calls->lock);
    pthread_cond_destroy(&question->answered);
}

static bool question_read(struct question *question, struct arena *arena, const struct json **ret_result,
                          const char **ret_error) {
    if (!question->done || question->error) {
        *ret_error = question->done ? question->error : "no answer came in time";
        return false;
    }
    if (!question->ok) {
        *ret_error = arena_text(arena, question->cause.at ? question->cause.at : "it failed without saying why");
        return false;
    }
    return frame_payload(arena,
                         &(struct frame){.payload = question->payload.at, .payload_size = question->payload.size},
                         ret_result, ret_error);
}

bool calls_ask(struct calls *calls, struct arena *arena, struct frame *frame, const void *peer,
               bool (*send)(void *user, const struct frame *frame), void *user, int timeout_ms,
               const struct json **ret_result, const char **ret_error) {
    struct question question = {.peer = peer};
    int64_t until = clock_monotonic() + timeout_ms * 1000LL;
    bool ok;

    question_begin(calls, &question);
    frame->number = question.number;
    if (!send(user, frame)) {
        question.error = "it is not connected";
        question.done = true;
    }
    question_wait(calls, &question, until);
    ok = question_read(&question, arena, ret_result, ret_error);
    buf_release(&question.payload);
    buf_release(&question.cause);
    return ok;
}

static void question_end(struct question *question) {
    question->done = true;
    pthread_cond_signal(&question->answered);
}

void calls_answer(struct calls *calls, const struct frame *answer) {
    pthread_mutex_lock(&calls->lock);
    for (struct question *q = calls->waiting; q; q = q->next) {
        if (q->number == answer->number && !q->done) {
            q->ok = answer->ok;
            if (answer->payload) {
                buf_put(&q->payload, answer->payload, answer->payload_size);
            }
            if (answer->error) {
                buf_text(&q->cause, answer->error);
            }
            question_end(q);
        }
    }
    pthread_mutex_unlock(&calls->lock);
}

void calls_fail(struct calls *calls, const void *peer) {
    pthread_mutex_lock(&calls->lock);
    for (struct question *q = calls->waiting; q; q = q->next) {
        if ((!peer || q->peer == peer) && !q->done) {
            q->error = "the connection broke";
            question_end(q);
        }
    }
    pthread_mutex_unlock(&calls->lock);
}
