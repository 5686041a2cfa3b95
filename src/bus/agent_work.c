/* SPDX-License-Identifier: Apache-2.0
 * Tasks and questions in the agent: taken in, done once, their results kept until acknowledged. And what handlers call:
 * work_fail, work_report, work_ask. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/arena_top.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/map.h"
#include "bus/agent_private.h"
#include "bus/calls.h"
#include "bus/lanes.h"
#include "bus/transport.h"

LOG_MODULE("bus.agent.work");

enum {
    DEFAULT_SECONDS = 300,
    WORK_ARENA = 256 * 1024 * 1024,
    NUMBER_SIZE = 24,
    PAST_TASKS = 4096,
};

#define FIRST_PAUSE (5 * SECOND)        /* before a result is sent again; doubles */
#define LONGEST_PAUSE (60 * SECOND)

static _Thread_local const struct host *speaking_for;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t list_changed = PTHREAD_COND_INITIALIZER;
static struct agent *agents;            /* oldest first */

static char *number_text(int64_t number, char text[NUMBER_SIZE]) {
    snprintf(text, NUMBER_SIZE, "%lld", (long long)number);
    return text;
}

static struct agent_task *task_new(struct agent *agent, const struct frame *frame, const char *bytes, size_t size) {
    struct agent_task *task = calloc(1, sizeof *task);

    if (!task) {
        abort();
    }
    task->agent = agent;
    task->host = map_get(agent->hosts, frame->host);
    task->number = frame->number;
    task->attempt = frame->attempt;
    task->question = frame->type == FRAME_ASK;
    buf_put(&task->frame, bytes, size);
    return task;
}

void agent_task_free(void *argument) {
    struct agent_task *task = argument;

    if (task) {
        buf_release(&task->frame);
        free(task);
    }
}

static void result_send(struct agent *agent, struct agent_task *task) {
    task->pause = task->pause ? task->pause * 2 : FIRST_PAUSE;
    if (task->pause > LONGEST_PAUSE) {
        task->pause = LONGEST_PAUSE;
    }
    task->send_at = clock_monotonic() + task->pause;
    if (agent->link) {
        agent->transport->send(agent->link, task->frame.at, task->frame.size);
    }
}

/* Tasks whose results were acknowledged: a message about one that comes late, or twice, is none of the present. */
struct agent_past {
    struct map *known;                  /* number to struct past_task */
    size_t next;
    struct past_task {
        int64_t number;                 /* 0: none yet */
        int attempt;                    /* INT_MAX: it was done, so every message about it is old */
    } tasks[PAST_TASKS];                /* a ring */
};

struct agent_past *agent_past_new(void) {
    struct agent_past *past = calloc(1, sizeof *past);

    if (!past) {
        abort();
    }
    past->known = map_new();
    return past;
}

void agent_past_free(struct agent_past *past) {
    map_free(past->known, NULL);
    free(past);
}

static void past_add(struct agent_past *past, const struct agent_task *task) {
    char text[NUMBER_SIZE];
    struct past_task *slot = map_get(past->known, number_text(task->number, text));

    if (!slot) {
        slot = &past->tasks[past->next++ % PAST_TASKS];
        if (slot->number) {
            map_set(past->known, number_text(slot->number, text), NULL);
        }
        slot->number = task->number;
        map_set(past->known, number_text(task->number, text), slot);
    }
    slot->attempt = task->ok ? INT_MAX : task->attempt;
}

static bool past_has(const struct agent_past *past, const struct frame *frame) {
    char text[NUMBER_SIZE];
    const struct past_task *slot = frame->attempt ? map_get(past->known, number_text(frame->number, text)) : NULL;

    return slot && slot->attempt >= frame->attempt;
}

/* A task that is in hand comes again: true when that needs nothing but, where it is done, to tell the result again. One
 * that failed is to be tried anew, and the old failure is of no interest any more. */
static bool known_task(struct agent *agent, struct agent_task *known, const struct frame *frame) {
    char text[NUMBER_SIZE];

    if (known->done && !known->ok && frame->attempt > known->attempt) {
        map_set(agent->tasks, number_text(known->number, text), NULL);
        agent_task_free(known);
        return false;
    }
    if (known->done) {
        result_send(agent, known);
    } else if (frame->attempt > known->attempt) {
        known->attempt = frame->attempt;
    }
    return true;
}

void agent_task_came(struct agent *agent, const struct frame *frame, const char *bytes, size_t size) {
    char number[NUMBER_SIZE], lane[2 * FRAME_MAX_NAME + 2];
    struct agent_task *task, *known = map_get(agent->tasks, number_text(frame->number, number));

    if (frame->type == FRAME_TASK && (known ? known_task(agent, known, frame) : past_has(agent->past, frame))) {
        return;
    }
    if (agent->stopping) {
        return;
    }
    task = task_new(agent, frame, bytes, size);
    if (task->question) {
        lanes_add(agent->questions, NULL, task);
        return;
    }
    map_set(agent->tasks, number, task);
    crash_point("task received");
    snprintf(lane, sizeof lane, "%s/%s", frame->host, frame->id ? frame->id : "");
    lanes_add(agent->work, frame->id && *frame->id ? lane : NULL, task);
}

void agent_task_acknowledged(struct agent *agent, int64_t number) {
    char text[NUMBER_SIZE];
    struct agent_task *task = map_get(agent->tasks, number_text(number, text));

    if (task && task->done) {
        map_set(agent->tasks, text, NULL);
        past_add(agent->past, task);
        agent_task_free(task);
        crash_point("acknowledgement received");
        pthread_cond_broadcast(&agent->changed);
    }
}

void agent_results_send(struct agent *agent, bool all) {
    int64_t now = clock_monotonic();
    size_t cursor = 0;
    void *value;

    while (map_next(agent->tasks, &cursor, &value)) {
        struct agent_task *task = value;

        if (task->done && (all || task->send_at <= now)) {
            task->pause = all ? 0 : task->pause;
            result_send(agent, task);
        }
    }
}

void agent_tasks_tell(struct agent *agent, const struct host *host, struct json_out *out) {
    size_t cursor = 0;
    void *value;

    json_key(out, "tasks");
    json_list(out);
    while (map_next(agent->tasks, &cursor, &value)) {
        const struct agent_task *task = value;

        if (task->host == host) {
            json_int(out, task->number);
        }
    }
    json_list_end(out);
}

void agent_task_drop(void *argument) {
    struct agent_task *task = argument;

    if (task->question) {
        agent_task_free(task);
    }
}

static const struct work_kind *kind_find(const struct agent *agent, const char *name) {
    for (const struct agent_service *const *s = agent->options.services; name && s && *s; s++) {
        for (const struct work_kind *kind = (*s)->work; kind && kind->name; kind++) {
            if (!strcmp(kind->name, name)) {
                return kind;
            }
        }
    }
    return NULL;
}

/* Runs the handler. True: done; else work->error is set. "agent.reconcile" is the agent's own. */
static bool work_run(struct agent *agent, struct work *work, const struct frame *frame) {
    const struct work_kind *kind = kind_find(agent, frame->kind);
    const char *malformed;
    int seconds = frame->seconds;

    if (frame->kind && !strcmp(frame->kind, "agent.reconcile")) {
        agent_reconcile_now(agent);
        return true;
    }
    if (!kind) {
        return work_fail(work, "host %s cannot do %s", work->host->name, frame->kind ? frame->kind : "this");
    }
    if (!frame_payload(work->arena, frame, &work->doc, &malformed)) {
        return work_fail(work, "the document of %s %s cannot be read: %s", kind->name, work->id, malformed);
    }
    seconds = seconds ? seconds : kind->seconds ? kind->seconds : DEFAULT_SECONDS;
    work->deadline = clock_monotonic() + seconds * SECOND;
    if (!kind->run(work)) {
        return work_fail(work, "%s %s failed without saying why", kind->name, work->id);
    }
    return arena_exhausted(work->arena) ? work_fail(work, "%s %s took too much memory", kind->name, work->id) : true;
}

/* Prints the message that tells how it ended. */
static void result_print(struct buf *into, const struct agent_task *task, const struct work *work, bool ok) {
    struct frame frame = {
        .type = task->question ? FRAME_ANSWER : FRAME_RESULT,
        .host = task->host->name,
        .number = task->number,
        .attempt = task->attempt,
        .ok = ok,
        .error = ok ? NULL : work->error,
        .payload = work->result.buf->at,
        .payload_size = work->result.buf->size,
    };

    if (frame.payload_size > FRAME_MAX - FRAME_MAX_HEADER) {
        frame.ok = false;
        frame.error = "the result is too large";
        frame.payload = NULL;
    }
    frame_print(into, &frame);
}

/* Questions only look. */
static void boundary(const struct agent_task *task, const char *where) {
    if (!task->question) {
        crash_point(where);
    }
}

/* Keeps the result and sends it. */
static void task_finish(struct agent_task *task, const struct work *work, bool ok) {
    struct agent *agent = task->agent;
    struct buf result = {0};

    pthread_mutex_lock(&agent->lock);
    result_print(&result, task, work, ok);
    buf_release(&task->frame);
    task->frame = result;
    task->ok = ok;
    task->done = true;
    result_send(agent, task);
    boundary(task, "result sent");
    if (task->question) {
        agent_task_free(task);
    }
    pthread_mutex_unlock(&agent->lock);
}

void agent_task_run(void *const *tasks, size_t count) {
    struct agent_task *task = tasks[0];
    struct arena *arena = arena_new(WORK_ARENA);
    struct buf details = {0};
    struct work work = {.host = task->host, .arena = arena, .result = {.buf = &details}};
    struct frame frame;
    const char *error;
    int64_t start = clock_monotonic();
    bool ok;

    if (!frame_parse(arena, task->frame.at, task->frame.size, &frame, &error)) {
        abort();        /* it was read before */
    }
    work.kind = frame.kind ? frame.kind : "";
    work.id = frame.id ? frame.id : "";
    work.request_id = frame.request_id;
    agent_speak_for(task->host);
    log_request(frame.request_id);
    json_map(&work.result);
    boundary(task, "effect about to begin");
    ok = work_run(task->agent, &work, &frame);
    boundary(task, "effect over");
    json_map_end(&work.result);
    if (ok) {
        log_debug("%s %s: done in %lld us", work.kind, work.id, (long long)(clock_monotonic() - start));
    } else {
        log_warn("%s %s: %s", work.kind, work.id, work.error);
    }
    log_request(NULL);
    arena_seen(arena, work.kind, work.id, work.request_id);
    task_finish(task, &work, ok);
    buf_release(&details);
    arena_free(arena);
}

bool work_fail(struct work *work, const char *format, ...) {
    va_list args;

    if (!work->error) {
        va_start(args, format);
        work->error = arena_vprintf(work->arena, format, args);
        va_end(args);
    }
    return false;
}

/* The agents of this process. */

void agent_speak_for(const struct host *host) {
    speaking_for = host;
}

void agent_enlist(struct agent *agent) {
    struct agent **at = &agents;

    pthread_mutex_lock(&list_lock);
    while (*at) {
        at = &(*at)->next;
    }
    *at = agent;
    pthread_mutex_unlock(&list_lock);
}

void agent_delist(struct agent *agent) {
    struct agent **at = &agents;

    pthread_mutex_lock(&list_lock);
    while (*at && *at != agent) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = agent->next;
    }
    while (agent->users) {
        pthread_cond_wait(&list_changed, &list_lock);
    }
    pthread_mutex_unlock(&list_lock);
}

static bool speaks(const struct agent *agent, const struct host *host) {
    return host >= agent->options.hosts && host < agent->options.hosts + agent->options.host_count;
}

/* The agent that the calling thread speaks through, and for which host. */
static struct agent *agent_use(const struct host **ret_host) {
    struct agent *agent;

    pthread_mutex_lock(&list_lock);
    agent = agents;
    while (agent && speaking_for && !speaks(agent, speaking_for)) {
        agent = agent->next;
    }
    if (agent) {
        agent->users++;
        *ret_host = speaking_for ? speaking_for : agent->options.hosts;
    }
    pthread_mutex_unlock(&list_lock);
    return agent;
}

static void agent_unuse(struct agent *agent) {
    pthread_mutex_lock(&list_lock);
    agent->users--;
    pthread_cond_broadcast(&list_changed);
    pthread_mutex_unlock(&list_lock);
}

void work_report(const char *kind, const char *id, const char *json) {
    const struct host *host;
    struct agent *agent = agent_use(&host);

    if (agent) {
        agent_send(agent, &(struct frame){.type = FRAME_REPORT, .host = host->name, .kind = kind, .id = id,
                                          .payload = json, .payload_size = json ? strlen(json) : 0});
        agent_unuse(agent);
    }
}

static bool send_question(void *user, const struct frame *frame) {
    struct agent *agent = user;

    return !agent->ending && agent_send(agent, frame);
}

const struct json *work_ask(struct arena *arena, const char *kind, const char *id, int timeout_ms) {
    const struct host *host;
    struct agent *agent = agent_use(&host);
    const struct json *answer = NULL;
    const char *error;

    if (!agent) {
        return NULL;
    }
    struct frame frame = {.type = FRAME_ASK, .host = host->name, .kind = kind, .id = id};

    if (!calls_ask(agent->calls, arena, &frame, NULL, send_question, agent, timeout_ms, &answer, &error)) {
        log_warn("%s %s: %s", kind, id ? id : "", error);
        answer = NULL;
    }
    agent_unuse(agent);
    return answer;
}
