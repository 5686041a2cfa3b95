/* SPDX-License-Identifier: Apache-2.0
 * The bus, both sides in one process: tasks, order, duplicates, questions, reconnects, many hosts, bad bytes, speed. */
#include "test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/control.h"
#include "base/local.h"
#include "base/log.h"
#include "bus/agent.h"
#include "bus/bus.h"
#include "bus/frame.h"

enum { PATIENCE_MS = 10 * 1000 };

/* What the API's side saw. */
static struct seen {
    atomic_int hellos, gone, results, failures, heartbeats, reports, refuse;
    pthread_mutex_t lock;
    char last_error[256], last_result[256], last_facts[512], last_report[256], last_host[64];
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void keep_text(char *into, size_t size, const char *text) {
    pthread_mutex_lock(&seen.lock);
    snprintf(into, size, "%s", text ? text : "(null)");
    pthread_mutex_unlock(&seen.lock);
}

static void keep_json(char *into, size_t size, const struct json *node) {
    struct arena *arena = arena_new(0);

    keep_text(into, size, node ? json_print(arena, node) : NULL);
    arena_free(arena);
}

static void on_hello(void *user, const char *host, const struct json *facts) {
    keep_json(seen.last_facts, sizeof seen.last_facts, facts);
    seen.hellos++;
}

static void on_gone(void *user, const char *host) {
    seen.gone++;
}

static void on_result(const char *host, struct bus_told *told) {
    if (seen.refuse > 0) {
        seen.refuse--;
        return;
    }
    if (!told->ok) {
        keep_text(seen.last_error, sizeof seen.last_error, told->error);
        seen.failures++;
    }
    keep_json(seen.last_result, sizeof seen.last_result, told->doc);
    keep_text(seen.last_host, sizeof seen.last_host, host);
    told->recorded = true;
    seen.results++;
}

static void on_told(void *user, const char *host, struct bus_told *told, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!told[i].kind) {
            on_result(host, &told[i]);
        } else if (!strcmp(told[i].kind, "host.heartbeat")) {
            seen.heartbeats++;
        } else {
            keep_json(seen.last_report, sizeof seen.last_report, told[i].doc);
            seen.reports++;
        }
    }
}

static bool on_ask(void *user, const char *host, const char *kind, const char *id, struct json_out *answer) {
    if (strcmp(kind, "wanted") != 0) {
        return false;
    }
    json_map(answer);
    json_put_text(answer, "host", host);
    json_put_text(answer, "id", id);
    json_map_end(answer);
    return true;
}

static const struct bus_handlers handlers = {on_hello, on_gone, on_told, on_ask};

/* What the agent's side does. */
static atomic_int runs, running_same, overlaps, reconciles, ticks;
static atomic_int order_at, order_broken;

static bool run_echo(struct work *work) {
    runs++;
    json_put_text(&work->result, "id", work->id);
    json_put_raw(&work->result, "doc", work->doc ? json_print(work->arena, work->doc) : NULL);
    return true;
}

static bool run_fail(struct work *work) {
    runs++;
    work_fail(work, "server %s: the disk \xff is full", work->id);
    return work_fail(work, "a later error");
}

static bool run_ordered(struct work *work) {
    int number = (int)json_get_int(work->doc, "number", -1);

    if (running_same++) {
        overlaps++;
    }
    if (order_at++ != number) {
        order_broken++;
    }
    usleep(500);
    running_same--;
    return true;
}

static bool run_slow(struct work *work) {
    runs++;
    usleep(300 * 1000);
    return true;
}

static bool run_ask(struct work *work) {
    const struct json *answer = work_ask(work->arena, json_get_text(work->doc, "kind"), "me", PATIENCE_MS);

    json_put_raw(&work->result, "answer", answer ? json_print(work->arena, answer) : NULL);
    work_report("compute.power", work->id, "{\"power\": 1}");
    return true;
}

static bool run_deadline(struct work *work) {
    json_put_int(&work->result, "seconds", (work->deadline - clock_monotonic() + SECOND / 2) / SECOND);
    return true;
}

static bool facts(const struct host *host, struct json_out *out) {
    json_put_int(out, "vcpus", 8);
    return true;
}

static bool no_facts(const struct host *host, struct json_out *out) {
    json_put_int(out, "half", 1);
    return false;
}

static bool reconcile(const struct host *host) {
    reconciles++;
    return true;
}

static void tick(const struct host *host) {
    ticks++;
}

static const struct work_kind kinds[] = {
    {"echo", run_echo}, {"fail", run_fail}, {"ordered", run_ordered}, {"slow", run_slow},
    {"ask", run_ask},   {"deadline", run_deadline, 77}, {0},
};
static const struct agent_service test_service = {
    .name = "test", .work = kinds, .facts = facts, .reconcile = reconcile, .tick = tick,
};
static const struct agent_service broken_service = {.name = "broken", .facts = no_facts};
static const struct agent_service *const services[] = {&test_service, &broken_service, NULL};
static const struct host host_a = {.name = "a"};

static bool wait_for(atomic_int *value, int least) {
    int64_t until = clock_monotonic() + PATIENCE_MS * 1000LL;

    while (*value < least && clock_monotonic() < until) {
        usleep(200);
    }
    return *value >= least;
}

/* A bus and an agent for 'count' hosts. */
struct rig {
    struct arena *arena;
    const char *url;
    struct bus *bus;
    struct agent *agent;
};

static struct bus *listen_at(struct rig *rig) {
    const char *error = NULL;
    struct bus *bus = bus_listen(rig->url, &handlers, NULL, rig->arena, &error);

    if (!bus) {
        test_fail(__FILE__, __LINE__, "%s", error);
        exit(1);
    }
    return bus;
}

static struct agent *agent_for(struct rig *rig, const struct host *hosts, size_t count) {
    const char *error;

    struct agent_options options = {.url = rig->url, .hosts = hosts, .host_count = count, .services = services};

    return agent_start(&options, rig->arena, &error);
}

static struct rig rig_start(const struct host *hosts, size_t count) {
    struct rig rig = {.arena = arena_new(0)};

    log_set("bus", LOG_ERROR);
    seen.hellos = seen.gone = seen.results = seen.failures = seen.heartbeats = seen.reports = seen.refuse = 0;
    runs = overlaps = order_at = order_broken = reconciles = ticks = 0;
    rig.url = arena_printf(rig.arena, "unix:%s/bus", test_directory());
    rig.bus = listen_at(&rig);
    rig.agent = agent_for(&rig, hosts, count);
    check(wait_for(&seen.hellos, (int)count));
    return rig;
}

static void rig_stop(struct rig *rig) {
    check(agent_stop(rig->agent, 5));
    bus_close(rig->bus);
    arena_free(rig->arena);
}

TEST(a_task_runs_and_its_result_comes_back) {
    struct rig rig = rig_start(&host_a, 1);

    check(bus_connected(rig.bus, "a"));
    check(bus_send_task(rig.bus, "a", 1, 0, "echo", "s1", "req-1", 0, "{\"x\": [1, \"\\n\"]}"));
    check(wait_for(&seen.results, 1));
    check_text(seen.last_result, "{\"id\": \"s1\", \"doc\": {\"x\": [1, \"\\n\"]}}");
    check(bus_send_task(rig.bus, "a", 2, 0, "echo", "s1", NULL, 0, NULL));
    check(wait_for(&seen.results, 2));
    check_text(seen.last_result, "{\"id\": \"s1\", \"doc\": null}");
    check(!bus_send_task(rig.bus, "b", 3, 0, "echo", "s1", NULL, 0, NULL));
    check_int(seen.failures, 0);
    check_text(seen.last_facts, "{\"test\": {\"vcpus\": 8}, \"tasks\": []}");
    rig_stop(&rig);
}

TEST(a_failed_task_tells_the_first_cause) {
    struct rig rig = rig_start(&host_a, 1);

    bus_send_task(rig.bus, "a", 1, 0, "fail", "s1", NULL, 0, NULL);
    check(wait_for(&seen.failures, 1));
    check_text(seen.last_error, "server s1: the disk ? is full");
    bus_send_task(rig.bus, "a", 2, 0, "unknown", "s1", NULL, 0, NULL);
    check(wait_for(&seen.failures, 2));
    check_text(seen.last_error, "host a cannot do unknown");
    bus_send_task(rig.bus, "a", 3, 0, "echo", "s1", NULL, 0, "{broken");
    check(wait_for(&seen.failures, 3));
    check(strstr(seen.last_error, "the document of echo s1 cannot be read"));
    rig_stop(&rig);
}

TEST(a_task_has_the_deadline_of_its_kind_or_its_own) {
    struct rig rig = rig_start(&host_a, 1);

    bus_send_task(rig.bus, "a", 1, 0, "deadline", "s1", NULL, 0, NULL);
    check(wait_for(&seen.results, 1));
    check_text(seen.last_result, "{\"seconds\": 77}");
    bus_send_task(rig.bus, "a", 2, 0, "deadline", "s1", NULL, 5, NULL);
    check(wait_for(&seen.results, 2));
    check_text(seen.last_result, "{\"seconds\": 5}");
    rig_stop(&rig);
}

TEST(tasks_of_one_resource_run_in_order_one_at_a_time) {
    struct rig rig = rig_start(&host_a, 1);
    char doc[64];

    for (int i = 0; i < 200; i++) {
        snprintf(doc, sizeof doc, "{\"number\": %d}", i);
        check(bus_send_task(rig.bus, "a", i + 1, 0, "ordered", "s1", NULL, 0, doc));
    }
    check(wait_for(&seen.results, 200));
    check_int(overlaps, 0);
    check_int(order_broken, 0);
    rig_stop(&rig);
}

TEST(a_task_in_hand_is_not_run_twice) {
    struct rig rig = rig_start(&host_a, 1);

    for (int i = 0; i < 10; i++) {
        check(bus_send_task(rig.bus, "a", 7, 0, "slow", "s1", NULL, 0, NULL));
    }
    check(wait_for(&seen.results, 1));
    usleep(100 * 1000);
    check_int(runs, 1);
    rig_stop(&rig);
}

TEST(a_result_that_is_not_recorded_comes_again) {
    struct rig rig = rig_start(&host_a, 1);

    seen.refuse = 2;
    bus_send_task(rig.bus, "a", 7, 0, "echo", "s1", NULL, 0, NULL);
    while (seen.refuse > 1) {
        usleep(1000);
    }
    bus_send_task(rig.bus, "a", 7, 0, "echo", "s1", NULL, 0, NULL);
    while (seen.refuse > 0) {
        usleep(1000);
    }
    bus_send_task(rig.bus, "a", 7, 0, "echo", "s1", NULL, 0, NULL);
    check(wait_for(&seen.results, 1));
    check_int(runs, 1);
    rig_stop(&rig);
}

TEST(what_comes_late_or_twice_is_not_done_again) {
    struct rig rig = rig_start(&host_a, 1);

    bus_send_task(rig.bus, "a", 7, 1, "fail", "s1", NULL, 0, NULL);
    check(wait_for(&seen.results, 1));
    usleep(20 * 1000);          /* the acknowledgement is on its way */
    bus_send_task(rig.bus, "a", 7, 1, "fail", "s1", NULL, 0, NULL);
    bus_send_task(rig.bus, "a", 7, 2, "echo", "s1", NULL, 0, NULL);
    check(wait_for(&seen.results, 2));
    check_int(runs, 2);
    check_int(seen.failures, 1);
    usleep(20 * 1000);
    bus_send_task(rig.bus, "a", 7, 2, "echo", "s1", NULL, 0, NULL);
    bus_send_task(rig.bus, "a", 7, 3, "echo", "s1", NULL, 0, NULL);
    bus_send_task(rig.bus, "a", 8, 1, "echo", "s1", NULL, 0, NULL);
    check(wait_for(&seen.results, 3));
    check_int(runs, 3);
    rig_stop(&rig);
}

TEST(results_survive_a_restart_of_the_api) {
    struct rig rig = rig_start(&host_a, 1);

    bus_send_task(rig.bus, "a", 7, 0, "slow", "s1", NULL, 0, NULL);
    check(wait_for(&runs, 1));
    bus_close(rig.bus);
    check_int(seen.results, 0);
    usleep(400 * 1000);
    rig.bus = listen_at(&rig);
    check(wait_for(&seen.hellos, 2));
    check(wait_for(&seen.results, 1));
    check_text(seen.last_facts, "{\"test\": {\"vcpus\": 8}, \"tasks\": [7]}");
    check(wait_for(&reconciles, 2));
    check_int(seen.gone, 0);
    rig_stop(&rig);
}

TEST(a_host_that_leaves_is_gone) {
    struct rig rig = rig_start(&host_a, 1);

    check(wait_for(&ticks, 1));
    check(agent_stop(rig.agent, 5));
    check(wait_for(&seen.gone, 1));
    check(!bus_connected(rig.bus, "a"));
    rig.agent = agent_for(&rig, &host_a, 1);
    check(wait_for(&seen.hellos, 2));
    check_int(seen.gone, 1);
    rig_stop(&rig);
}

TEST(a_stopping_agent_finishes_what_runs_and_delivers_it) {
    struct rig rig = rig_start(&host_a, 1);

    bus_send_task(rig.bus, "a", 7, 0, "slow", "s1", NULL, 0, NULL);
    bus_send_task(rig.bus, "a", 8, 0, "slow", "s1", NULL, 0, NULL);
    check(wait_for(&runs, 1));
    check(agent_stop(rig.agent, 5));
    check_int(seen.results, 1);
    check_int(runs, 1);
    rig.agent = NULL;
    rig_stop(&rig);
}

TEST(an_agent_asks_and_reports) {
    struct rig rig = rig_start(&host_a, 1);

    bus_send_task(rig.bus, "a", 1, 0, "ask", "s1", NULL, 0, "{\"kind\": \"wanted\"}");
    check(wait_for(&seen.results, 1));
    check_text(seen.last_result, "{\"answer\": {\"host\": \"a\", \"id\": \"me\"}}");
    check(wait_for(&seen.reports, 1));
    check_text(seen.last_report, "{\"power\": 1}");
    bus_send_task(rig.bus, "a", 2, 0, "ask", "s1", NULL, 0, "{\"kind\": \"something else\"}");
    check(wait_for(&seen.results, 2));
    check_text(seen.last_result, "{\"answer\": null}");
    rig_stop(&rig);
}

TEST(the_api_asks_a_host) {
    struct rig rig = rig_start(&host_a, 1);
    const struct json *result = NULL;
    const char *error = NULL;

    check(bus_call(rig.bus, rig.arena, "a", "echo", "s1", "[1]", PATIENCE_MS, &result, &error));
    check_text(json_get_text(result, "id"), "s1");
    check(!bus_call(rig.bus, rig.arena, "a", "fail", "s1", NULL, PATIENCE_MS, &result, &error));
    check_text(error, "host a, fail: server s1: the disk ? is full");
    check(!bus_call(rig.bus, rig.arena, "a", "slow", "s1", NULL, 20, &result, &error));
    check_text(error, "host a, slow: no answer came in time");
    check(!bus_call(rig.bus, rig.arena, "b", "echo", "s1", NULL, 20, &result, &error));
    check_text(error, "host b, echo: it is not connected");
    rig_stop(&rig);
}

TEST(one_agent_speaks_for_many_hosts) {
    enum { HOSTS = 1000 };
    struct host *hosts = calloc(HOSTS, sizeof *hosts);
    struct arena *arena = arena_new(0);
    const char *const *names;
    struct rig rig;

    for (int i = 0; i < HOSTS; i++) {
        hosts[i].name = arena_printf(arena, "host-%d", i);
    }
    rig = rig_start(hosts, HOSTS);
    check_int((int64_t)bus_hosts(rig.bus, arena, &names), HOSTS);
    for (int i = 0; i < HOSTS; i++) {
        bus_send_task(rig.bus, hosts[i].name, i + 1, 0, "echo", "same", NULL, 0, NULL);
    }
    check(wait_for(&seen.results, HOSTS));
    check(wait_for(&seen.heartbeats, HOSTS / 10));
    rig_stop(&rig);
    arena_free(arena);
    free(hosts);
}

TEST(two_agents_live_in_one_process) {
    struct rig rig = rig_start(&host_a, 1);
    struct host other = {.name = "b"};
    struct agent *agent = agent_for(&rig, &other, 1);

    check(wait_for(&seen.hellos, 2));
    bus_send_task(rig.bus, "b", 1, 0, "ask", "s1", NULL, 0, "{\"kind\": \"wanted\"}");
    check(wait_for(&seen.results, 1));
    check_text(seen.last_result, "{\"answer\": {\"host\": \"b\", \"id\": \"me\"}}");
    check(agent_stop(agent, 5));
    check(wait_for(&seen.gone, 1));
    check(bus_connected(rig.bus, "a"));
    rig_stop(&rig);
}

TEST(a_large_document_goes_through_and_a_too_large_one_is_refused) {
    struct rig rig = rig_start(&host_a, 1);
    size_t size = FRAME_MAX - 1024;
    char *doc = malloc(size + 4096);

    memset(doc, 'x', size);
    doc[0] = doc[size - 1] = '"';
    doc[size] = 0;
    check(bus_send_task(rig.bus, "a", 1, 0, "deadline", "s1", NULL, 9, doc));
    check(wait_for(&seen.results, 1));
    memset(doc, 'x', size + 4000);
    doc[size + 4000] = 0;
    check(!bus_send_task(rig.bus, "a", 2, 0, "deadline", "s1", NULL, 9, doc));
    free(doc);
    rig_stop(&rig);
}

/* Sends bytes as one frame and tells whether the other end hung up. */
static bool hangs_up(struct rig *rig, const char *bytes, size_t size, uint32_t claimed) {
    const char *error;
    int fd = local_connect(rig->arena, rig->url + 5, true, &error);
    uint32_t prefix = htonl(claimed);
    char c;
    bool hung;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_usec = 200 * 1000}, sizeof(struct timeval));
    send(fd, &prefix, sizeof prefix, MSG_NOSIGNAL);
    send(fd, bytes, size, MSG_NOSIGNAL);
    hung = recv(fd, &c, 1, 0) == 0;
    close(fd);
    return hung;
}

TEST(bad_bytes_end_the_connection_and_nothing_else) {
    static const char *const bad[] = {
        "", "{", "null", "[]", "{\"type\": \"hello\"}", "{\"type\": \"nothing\", \"host\": \"x\"}",
        "{\"type\": \"hello\", \"host\": \"\"}", "{\"type\": \"hello\", \"host\": 1}", "\n\n\n", "\xff",
    };
    static const char stranger[] = "{\"type\": \"result\", \"host\": \"a\", \"number\": 1, \"ok\": true}\n{}";
    struct rig rig = rig_start(&host_a, 1);

    log_set("bus", LOG_ERROR);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check(hangs_up(&rig, bad[i], strlen(bad[i]), (uint32_t)strlen(bad[i])));
    }
    check(hangs_up(&rig, "x", 1, FRAME_MAX + 1));
    check(!hangs_up(&rig, stranger, sizeof stranger - 1, sizeof stranger - 1));
    check_int(seen.results, 0);
    bus_send_task(rig.bus, "a", 1, 0, "echo", "s1", NULL, 0, NULL);
    check(wait_for(&seen.results, 1));
    rig_stop(&rig);
}

TEST(the_socket_is_ours_alone) {
    struct rig rig = rig_start(&host_a, 1);
    struct stat st;
    const char *error = NULL;

    check(!stat(rig.url + 5, &st) && (st.st_mode & 0777) == 0600);
    check(!bus_listen(rig.url, &handlers, NULL, rig.arena, &error));
    check(error && strstr(error, "Address already in use"));
    check(!bus_listen("tcp:1", &handlers, NULL, rig.arena, &error));
    check_text(error, "no bus speaks 'tcp:1': unix:/PATH was expected");
    rig_stop(&rig);

}

TEST(forty_thousand_small_tasks_all_come_back) {
    enum { TASKS = 40000, WINDOW = 512 };
    struct rig rig = rig_start(&host_a, 1);
    int64_t start = clock_monotonic();
    char id[32];

    for (int i = 0; i < TASKS; i++) {
        while (i - seen.results > WINDOW) {
            sched_yield();
        }
        snprintf(id, sizeof id, "server-%d", i % 5000);
        bus_send_task(rig.bus, "a", i + 1, 0, "echo", id, "req-0f3c", 60, "{\"name\": \"a server\", \"vcpus\": 2}");
    }
    check(wait_for(&seen.results, TASKS));
    printf("    %lld tasks a second\n", (long long)(TASKS * SECOND / (clock_monotonic() - start)));
    rig_stop(&rig);
}

static bool command_echo(void *user, int argc, const char *const *argv, struct buf *out) {
    buf_printf(out, "%d %s", argc, argc ? argv[0] : "");
    return argc;
}

TEST(the_control_socket_answers) {
    struct arena *arena = arena_new(0);
    const char *error = NULL, *path = arena_printf(arena, "%s/test.ctl", test_directory());
    struct buf out = {0};
    int user;

    log_set("control", LOG_ERROR);
    check(control_listen(arena, path, &error));
    control_register("test echo", "WORD: says it", command_echo, &user);
    check(control_ask(arena, path, "test echo  hi", &out, &error));
    check_text(out.at, "1 hi");
    buf_clear(&out);
    check(!control_ask(arena, path, "test echo", &out, &error) && !error);
    buf_clear(&out);
    check(control_ask(arena, path, "help", &out, &error) && strstr(out.at, "log set MODULE LEVEL"));
    buf_clear(&out);
    check(control_ask(arena, path, "log set control error", &out, &error));
    check(!control_ask(arena, path, "log set x", &out, &error) && !error);
    buf_clear(&out);
    control_forget(&user);
    check(!control_ask(arena, path, "test echo hi", &out, &error) && !error);
    check(!control_ask(arena, "/nowhere/x", "help", &out, &error) && error);
    buf_release(&out);
    arena_free(arena);
}
