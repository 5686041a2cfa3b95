/* SPDX-License-Identifier: Apache-2.0
 * Tasks and questions in the agent: taken in, done once, their results kept until acknowledged. And what handlers call:
 * work_fail, work_report, work_ask. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
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

void agent_task_came(struct agent *agent, const struct frame *frame, const char *bytes, size_t size) {
    char number[NUMBER_SIZE], lane[2 * FRAME_MAX_NAME + 2];
    struct agent_task *task, *known = map_get(agent->tasks, number_text(frame->number, number));

    if (frame->type == FRAME_TASK && known) {
        if (known->done) {
            result_send(agent, known);
        }
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
    snprintf(lane, sizeof lane, "%s/%s", frame->host, frame->id ? frame->id : "");
    lanes_add(agent->work, frame->id && *frame->id ? lane : NULL, task);
}

void agent_task_acknowledged(struct agent *agent, int64_t number) {
    char text[NUMBER_SIZE];
    struct agent_task *task = map_get(agent->tasks, number_text(number, text));

    if (task && task->done) {
        map_set(agent->tasks, text, NULL);
        agent_task_free(task);
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

static void task_finish(struct agent_task *task, struct buf *result) {
    struct agent *agent = task->agent;

    pthread_mutex_lock(&agent->lock);
    buf_release(&task->frame);
    task->frame = *result;
    task->done = true;
    result_send(agent, task);
    if (task->question) {
        agent_task_free(task);
    }
    pthread_mutex_unlock(&agent->lock);
}

void agent_task_run(void *argument) {
    struct agent_task *task = argument;
    struct arena *arena = arena_new(WORK_ARENA);
    struct buf details = {0}, result = {0};
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
    ok = work_run(task->agent, &work, &frame);
    json_map_end(&work.result);
    if (ok) {
        log_debug("%s %s: done in %lld us", work.kind, work.id, (long long)(clock_monotonic() - start));
    } else {
        log_warn("%s %s: %s", work.kind, work.id, work.error);
    }
    log_request(NULL);
    result_print(&result, task, &work, ok);
    task_finish(task, &result);
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
