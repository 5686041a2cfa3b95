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
#include "rest/transaction.h"

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

#define API_ADDRESS "127.0.0.1:8470"

const char *cloud_listen(struct arena *arena, const struct service *service) {
    const char *address = service->listen_option ? conf_text(cloud.conf, service_folder(service), service->listen_option, NULL)
                                                 : "off";
    const char *api = conf_text(cloud.conf, "api", "listen", API_ADDRESS), *colon = strrchr(api, ':');
    int port = colon ? atoi(colon + 1) : 0;

    if (address || !service->port_after) {
        return address && strcmp(address, "off") != 0 ? address : NULL;
    }
    return arena_printf(arena, "%.*s:%d", colon ? (int)(colon - api) : (int)strlen(api), api, port ? port + service->port_after : 0);
}

const char *cloud_service_url(struct arena *arena, const struct service *service) {
    bool tls = conf_text(cloud.conf, "api", "certificate", NULL);

    return !service->listen_option ? cloud.url
                                   : conf_text(cloud.conf, service_folder(service), service->url_option,
                                               arena_printf(arena, "http%s://%s", tls ? "s" : "", cloud_listen(arena, service)));
}

/* ---- transactions of the cloud itself ---- */

static bool run_internal(const struct service *service, const char *request_id, const enum db_mode *mode,
                         bool (*body)(struct call *call, void *user), void *user) {
    struct arena *arena = arena_new(0);
    struct buf out = {0};
    struct call *call = task_call(arena, service, request_id, &out);
    bool ok = mode ? transaction_run(call, *mode, body, user) : body(call, user) && !call->error;

    if (!ok) {
        log_error("%s: %s", service ? service->type : "rest", call->error_message ? call->error_message : "failed");
    }
    buf_release(&out);
    arena_free(arena);
    return ok;
}

bool cloud_transaction(const struct service *service, enum db_mode mode, const char *request_id,
                       bool (*body)(struct call *call, void *user), void *user) {
    return run_internal(service, request_id, &mode, body, user);
}

bool cloud_run(const struct service *service, const char *request_id, bool (*body)(struct call *call, void *user),
               void *user) {
    return run_internal(service, request_id, NULL, body, user);
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

const struct service *cloud_service_of_kind(const char *kind) {
    for (size_t i = 0; cloud.services[i]; i++) {
        const char *folder = service_folder(cloud.services[i]);
        size_t size = strlen(folder);

        if (!strncmp(kind, folder, size) && kind[size] == '.') {
            return cloud.services[i];
        }
    }
    return NULL;
}

/* A heartbeat is for all services that listen; it tells of the time after what was told before. */
static void bus_told(void *user, const char *host, struct bus_told *told, size_t count) {
    size_t done = 0;

    for (size_t i = 0; i < count; i++) {
        if (told[i].kind && !strcmp(told[i].kind, "host.heartbeat")) {
            tasks_told(host, told + done, i - done);
            host_changed(host, told[i].doc, true);
            tasks_host_has(host, json_get(told[i].doc, "tasks"));
            done = i + 1;
        }
    }
    tasks_told(host, told + done, count - done);
}

static bool answer_ask(struct call *call, void *user) {
    const struct told *told = user;

    call->out = *told->answer;
    return call->service->ask(call, told->host, told->kind, told->id);
}

static bool bus_ask(void *user, const char *host, const char *kind, const char *id, struct json_out *answer) {
    const struct service *service = cloud_service_of_kind(kind);
    struct told told = {.host = host, .kind = kind, .id = id, .answer = answer};

    return service && service->ask && cloud_transaction(service, DB_READ, NULL, answer_ask, &told);
}

static const struct bus_handlers bus_handlers = {
    .hello = bus_hello, .gone = bus_gone, .told = bus_told, .ask = bus_ask};

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

static bool run_start(struct call *call, void *user) {
    return call->service->start(call);
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
                          arena_printf(arena, "http://%s", conf_text(conf, "api", "listen", API_ADDRESS)));
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
        if ((services[s]->bootstrap && !cloud_transaction(services[s], DB_WRITE, NULL, run_bootstrap, NULL)) ||
            (services[s]->start && !cloud_run(services[s], NULL, run_start, NULL))) {
            *ret_error = arena_printf(arena, "the %s service could not be set up; the log has the cause", services[s]->type);
            return false;
        }
    }
    return true;
}

/* 'service': the one that is alone at this address; null: all the others. */
static struct http_server *listen_http(struct arena *arena, const char *address, const struct service *service,
                                       const char **ret_error) {
    struct http_server_options options = {
        .address = address,
        .certificate = conf_text(cloud.conf, "api", "certificate", NULL),
        .key = conf_text(cloud.conf, "api", "key", NULL),
        .client_ca = conf_text(cloud.conf, "api", "client_ca", NULL),
        .threads = (int)conf_int(cloud.conf, "api", "threads", 0),
        .workers = (int)conf_int(cloud.conf, "api", "workers", 0),
        .malformed = true,
        .decide = dispatch_decide,
        .answer = dispatch_answer,
        .done = dispatch_done,
        .user = (void *)(uintptr_t)service,
    };

    return http_server_start(arena, &options, ret_error);
}

static const char *bus_url(struct arena *arena) {
    char run[512];

    snprintf(run, sizeof run, "%s/run", cloud.data);
    mkdir(run, 0755);
    return conf_text(cloud.conf, "bus", "url", arena_printf(arena, "unix:%s/bus.sock", run));
}

enum { MAX_SERVERS = 8 };

/* False when requests still run after their time. */
static bool stop_servers(struct http_server *const *servers, size_t count) {
    bool stopped = true;

    for (size_t i = 0; i < count; i++) {
        stopped = http_server_stop(servers[i], 10) && stopped;
    }
    return stopped;
}

/* The ports of single services, then the one of all others. Returns how many; 0: one of them could not be had. */
static size_t listen_all(struct arena *arena, struct http_server *servers[MAX_SERVERS], const char **ret_error) {
    size_t count = 0;

    for (size_t i = 0; cloud.services[i]; i++) {
        const char *address = cloud_listen(arena, cloud.services[i]);

        if (address && count < MAX_SERVERS - 1) {
            servers[count] = listen_http(arena, address, cloud.services[i], ret_error);
            if (!servers[count]) {
                stop_servers(servers, count);
                return 0;
            }
            count++;
        }
    }
    servers[count] = listen_http(arena, conf_text(cloud.conf, "api", "listen", API_ADDRESS), NULL, ret_error);
    if (!servers[count]) {
        stop_servers(servers, count);
        return 0;
    }
    return count + 1;
}

bool cloud_serve(struct arena *arena, const char **ret_error) {
    struct http_server *servers[MAX_SERVERS];
    size_t count;

    cloud.bus = bus_listen(bus_url(arena), &bus_handlers, NULL, arena, ret_error);
    if (!cloud.bus) {
        return false;
    }
    tasks_start();
    commands_register();
    count = listen_all(arena, servers, ret_error);
    if (count) {
        log_info("serving at %s", cloud.url);
        pthread_mutex_lock(&stop_lock);
        while (!stopping) {
            pthread_cond_wait(&stop_asked, &stop_lock);
        }
        pthread_mutex_unlock(&stop_lock);
        if (!stop_servers(servers, count)) {
            _exit(1);       /* as if killed: nothing is lost by it, and what still runs must not lose what it uses */
        }
    }
    control_forget(&cloud);
    tasks_stop(10);
    bus_close(cloud.bus);
    store_close(cloud.store);
    return count != 0;
}

void cloud_stop(void) {
    pthread_mutex_lock(&stop_lock);
    stopping = true;
    pthread_cond_broadcast(&stop_asked);
    pthread_mutex_unlock(&stop_lock);
}
