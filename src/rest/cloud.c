/* SPDX-License-Identifier: Apache-2.0
 * Putting the API role together: store, tables, policies, routes, bootstrap, bus, tasks, HTTP. */
#include "rest/cloud.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/control.h"
#include "bus/bus.h"
#include "rest/commands.h"
#include "rest/dispatch.h"
#include "rest/policy.h"
#include "rest/resource.h"
#include "rest/route.h"
#include "rest/service.h"
#include "rest/tasks.h"

LOG_MODULE("rest.cloud");

struct cloud cloud;
bool (*cloud_authenticate)(struct call *call, const char *token);
bool (*cloud_recall)(struct call *call, const char *token);

static pthread_mutex_t stop_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stop_asked = PTHREAD_COND_INITIALIZER;
static bool stopping;

const struct service *cloud_service(const char *type) {
    for (size_t i = 0; cloud.services[i]; i++) {
        if (!strcmp(cloud.services[i]->type, type) || !strcmp(service_folder(cloud.services[i]), type)) {
            return cloud.services[i];
        }
    }
    return NULL;
}

/* ---- transactions of the cloud itself ---- */

struct internal {
    bool (*body)(struct call *call, void *user);
    void *user;
};

bool cloud_transaction(const struct service *service, enum db_mode mode, const char *request_id,
                       bool (*body)(struct call *call, void *user), void *user) {
    struct arena *arena = arena_new(0);
    struct buf out = {0};
    struct call *call = ARENA_NEW(arena, struct call);
    bool ok;

    *call = (struct call){.arena = arena, .service = service, .request_id = request_id, .response = &out,
                          .caller = {.internal = true, .admin = true}};
    call->out = (struct json_out){.buf = &out};
    ok = transaction_run(call, mode, body, user);
    if (!ok) {
        log_error("%s: %s", service ? service->type : "rest", call->error_message ? call->error_message : "failed");
    }
    buf_release(&out);
    arena_free(arena);
    return ok;
}

/* ---- the bus ---- */

struct told {
    const char *host, *kind, *id;
    const struct json *doc;
    struct json_out *answer;
    bool up;
};

static bool tell_host(struct call *call, void *user) {
    const struct told *told = user;
    const struct service *service = call->service;

    return told->up ? service->host_up(call, told->host, told->doc) : service->host_down(call, told->host);
}

static void host_changed(const char *host, const struct json *facts, bool up) {
    struct told told = {.host = host, .doc = facts, .up = up};

    for (size_t i = 0; cloud.services[i]; i++) {
        const struct service *service = cloud.services[i];

        if (up ? service->host_up != NULL : service->host_down != NULL) {
            cloud_transaction(service, DB_WRITE, NULL, tell_host, &told);
        }
    }
}

static void bus_hello(void *user, const char *host, const struct json *facts) {
    host_changed(host, facts, true);
    tasks_host_up(host);
    log_info("host %s connected", host);
}

static void bus_gone(void *user, const char *host) {
    log_warn("host %s is gone", host);
    host_changed(host, NULL, false);
}

static bool bus_result(void *user, const char *host, int64_t task, int attempt, bool ok, const char *error,
                       const struct json *result) {
    return tasks_result(task, attempt, ok, error, result);
}

static bool tell_report(struct call *call, void *user) {
    const struct told *told = user;

    return call->service->report(call, told->host, told->kind, told->id, told->doc);
}

/* "network.port" is for the service whose folder is "network"; "host.heartbeat" for all that listen. */
static const struct service *service_of_kind(const char *kind) {
    for (size_t i = 0; cloud.services[i]; i++) {
        const char *folder = service_folder(cloud.services[i]);
        size_t size = strlen(folder);

        if (!strncmp(kind, folder, size) && kind[size] == '.') {
            return cloud.services[i];
        }
    }
    return NULL;
}

static void bus_report(void *user, const char *host, const char *kind, const char *id, const struct json *doc) {
    const struct service *service = service_of_kind(kind);
    struct told told = {.host = host, .kind = kind, .id = id, .doc = doc};

    if (!strcmp(kind, "host.heartbeat")) {
        host_changed(host, doc, true);
        tasks_host_has(host, json_get(doc, "tasks"));
    } else if (service && service->report) {
        cloud_transaction(service, DB_WRITE, NULL, tell_report, &told);
    }
}

static bool answer_ask(struct call *call, void *user) {
    const struct told *told = user;

    call->out = *told->answer;
    return call->service->ask(call, told->host, told->kind, told->id);
}

static bool bus_ask(void *user, const char *host, const char *kind, const char *id, struct json_out *answer) {
    const struct service *service = service_of_kind(kind);
    struct told told = {.host = host, .kind = kind, .id = id, .answer = answer};

    return service && service->ask && cloud_transaction(service, DB_READ, NULL, answer_ask, &told);
}

static const struct bus_handlers bus_handlers = {
    .hello = bus_hello, .gone = bus_gone, .result = bus_result, .report = bus_report, .ask = bus_ask};

int64_t cloud_heard_since(void) {
    return clock_now() - conf_int(cloud.conf, "bus", "away_seconds", 60) * SECOND;
}

bool cloud_ask_host(struct call *call, const char *host, const char *kind, const char *id, const char *doc,
                    int timeout_ms, const struct json **ret_result) {
    const char *error = NULL;

    if (!cloud.bus || !host || !bus_connected(cloud.bus, host)) {
        return fail(call, 503, "Host %s is not connected, try again later.", host ? host : "(none)");
    }
    return bus_call(cloud.bus, call->arena, host, kind, id, doc, timeout_ms, ret_result, &error) ||
           fail(call, 409, "%s", error);
}

/* ---- start ---- */

static bool make_tables(struct call *call, void *user) {
    for (size_t s = 0; cloud.services[s]; s++) {
        for (size_t r = 0; cloud.services[s]->resources[r]; r++) {
            const struct resource *resource = cloud.services[s]->resources[r];

            if (resource->table && !resource_table(resource, call->db, call->arena)) {
                return fail_database(call);
            }
        }
    }
    return true;
}

static bool run_bootstrap(struct call *call, void *user) {
    return call->service->bootstrap(call);
}

static bool load_policies(struct arena *arena, const char **ret_error) {
    size_t count = 0;

    while (cloud.services[count]) {
        count++;
    }
    cloud.policies = ARENA_ARRAY(arena, struct policy *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct service *service = cloud.services[i];
        char path[512];

        snprintf(path, sizeof path, "%s/policy/%s.yaml", cloud.data, service_folder(service));
        cloud.policies[i] = policy_new(arena, service->policies, service->policy_count,
                                       conf_bool(cloud.conf, service_folder(service), "enforce_new_defaults", false),
                                       access(path, R_OK) == 0 ? path : NULL, ret_error);
        if (!cloud.policies[i]) {
            return false;
        }
    }
    return true;
}

static const char *default_database(struct arena *arena) {
    return arena_printf(arena, "sqlite:%s/haneul.db", cloud.state);
}

bool cloud_start(const struct conf *conf, const struct service *const *services, struct arena *arena,
                 const char **ret_error) {
    char host[256] = "localhost";

    gethostname(host, sizeof host - 1);
    cloud.conf = conf;
    cloud.services = services;
    cloud.data = conf_text(conf, "DEFAULT", "data", "/var/lib/haneul");
    cloud.region = conf_text(conf, "DEFAULT", "region", "RegionOne");
    cloud.host = arena_text(arena, conf_text(conf, "DEFAULT", "host", host));
    cloud.url = conf_text(conf, "api", "url",
                          arena_printf(arena, "http://%s", conf_text(conf, "api", "listen", "127.0.0.1:8470")));
    cloud.state = arena_printf(arena, "%s/api", cloud.data);
    mkdir(cloud.data, 0755);
    mkdir(cloud.state, 0700);
    cloud.store = store_open(arena, conf_text(conf, "database", "url", default_database(arena)), ret_error);
    if (!cloud.store) {
        return false;
    }
    for (size_t s = 0; services[s]; s++) {
        for (size_t r = 0; services[s]->resources[r]; r++) {
            resource_prepare(services[s]->resources[r], services[s], arena);
        }
    }
    routes_build(services, arena);
    if (!load_policies(arena, ret_error)) {
        return false;
    }
    *ret_error = "the database's tables could not be made; the log has the cause";
    if (!cloud_transaction(services[0], DB_WRITE, NULL, make_tables, NULL)) {
        return false;
    }
    for (size_t s = 0; services[s]; s++) {
        if (services[s]->bootstrap && !cloud_transaction(services[s], DB_WRITE, NULL, run_bootstrap, NULL)) {
            *ret_error = arena_printf(arena, "the %s service could not be set up; the log has the cause", services[s]->type);
            return false;
        }
    }
    return true;
}

static struct http_server *listen_http(struct arena *arena, const char **ret_error) {
    struct http_server_options options = {
        .address = conf_text(cloud.conf, "api", "listen", "127.0.0.1:8470"),
        .certificate = conf_text(cloud.conf, "api", "certificate", NULL),
        .key = conf_text(cloud.conf, "api", "key", NULL),
        .threads = (int)conf_int(cloud.conf, "api", "threads", 0),
        .workers = (int)conf_int(cloud.conf, "api", "workers", 0),
        .decide = dispatch_decide,
        .answer = dispatch_answer,
        .done = dispatch_done,
    };

    return http_server_start(arena, &options, ret_error);
}

static const char *bus_url(struct arena *arena) {
    char run[512];

    snprintf(run, sizeof run, "%s/run", cloud.data);
    mkdir(run, 0755);
    return conf_text(cloud.conf, "bus", "url", arena_printf(arena, "unix:%s/bus.sock", run));
}

bool cloud_serve(struct arena *arena, const char **ret_error) {
    struct http_server *server;

    cloud.bus = bus_listen(bus_url(arena), &bus_handlers, NULL, arena, ret_error);
    if (!cloud.bus) {
        return false;
    }
    tasks_start();
    commands_register();
    server = listen_http(arena, ret_error);
    if (server) {
        log_info("serving at %s", cloud.url);
        pthread_mutex_lock(&stop_lock);
        while (!stopping) {
            pthread_cond_wait(&stop_asked, &stop_lock);
        }
        pthread_mutex_unlock(&stop_lock);
        if (!http_server_stop(server, 10)) {
            _exit(1);       /* as if killed: nothing is lost by it, and what still runs must not lose what it uses */
        }
    }
    control_forget(&cloud);
    tasks_stop(10);
    bus_close(cloud.bus);
    store_close(cloud.store);
    return server != NULL;
}

void cloud_stop(void) {
    pthread_mutex_lock(&stop_lock);
    stopping = true;
    pthread_cond_broadcast(&stop_asked);
    pthread_mutex_unlock(&stop_lock);
}
