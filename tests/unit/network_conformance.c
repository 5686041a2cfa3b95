/* SPDX-License-Identifier: Apache-2.0
 * The life of a network, for every driver. */
#include "network_conformance.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "bus/agent.h"
#include "bus/bus.h"
#include "network/agent.h"
#include "test.h"

#define NETWORK "a1000000-0000-4000-8000-000000000001"
#define SUBNET "a1000000-0000-4000-8000-000000000002"
#define PORT "a1000000-0000-4000-8000-000000000003"
#define ROUTER_PORT "a1000000-0000-4000-8000-000000000004"
#define ROUTER "a1000000-0000-4000-8000-000000000005"
#define GROUP "a1000000-0000-4000-8000-000000000006"
#define ADDRESSES "a1000000-0000-4000-8000-0000000000a9"
#define RULE "a1000000-0000-4000-8000-000000000007"
#define OTHER "a1000000-0000-4000-8000-000000000008"

static const struct host *host;
static struct arena *arena, *bus_arena;
static struct bus *bus;
static struct agent *agent;
static const char *last_error, *want;
static const char *apply_in_ask;        /* document of network OTHER that is applied while the API answers */
static struct map *statuses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void on_report(const char *kind, const char *id, const struct json *doc) {
    const char *status = json_get_text(doc, "status");

    if (!strcmp(kind, "network.port") && status) {
        pthread_mutex_lock(&lock);
        free(map_set(statuses, id, strdup(status)));
        pthread_mutex_unlock(&lock);
    }
}

static void on_told(void *user, const char *from, struct bus_told *told, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (told[i].kind) {
            on_report(told[i].kind, told[i].id, told[i].doc);
        }
    }
}

static bool on_ask(void *user, const char *from, const char *kind, const char *id, struct json_out *answer) {
    if (!want || strcmp(kind, "network.wanted") != 0) {
        return false;
    }
    json_raw(answer, want);
    if (apply_in_ask) {
        check(network_test_run("network.network", OTHER, apply_in_ask));
        apply_in_ask = NULL;
    }
    return true;
}

void network_test_want(const char *json) {
    want = json;
}

void network_test_start(const struct host *of, const char *directory) {
    static const struct bus_handlers handlers = {.told = on_told, .ask = on_ask};
    static const struct agent_service *const services[] = {&network_agent_service, NULL};
    const char *error = NULL, *url;

    host = of;
    statuses = map_new();
    bus_arena = arena_new(0);
    url = arena_printf(bus_arena, "unix:%s/bus", directory);
    bus = bus_listen(url, &handlers, NULL, bus_arena, &error);
    check(bus);
    agent = agent_start(&(struct agent_options){.url = url, .hosts = host, .host_count = 1, .services = services},
                        bus_arena, &error);
    check(agent);
    for (int i = 0; i < 100 && !agent_is_connected(agent); i++) {
        usleep(20000);
    }
    check(agent_is_connected(agent));
}

void network_test_stop(void) {
    check(agent_stop(agent, 10));
    bus_close(bus);
    arena_free(bus_arena);
    arena_free(arena);
    arena = NULL;
    map_free(statuses, free);
    want = NULL;
}

const char *network_test_error(void) {
    return last_error ? last_error : "";
}

static const struct work_kind *kind_find(const char *name) {
    for (const struct work_kind *kind = network_agent_service.work; kind->name; kind++) {
        if (!strcmp(kind->name, name)) {
            return kind;
        }
    }
    return NULL;
}

const struct json *network_test_run(const char *name, const char *id, const char *doc) {
    const struct work_kind *kind = kind_find(name);
    const struct json *result = NULL;
    const char *error = NULL;
    struct buf buf = {0};

    arena_free(arena);
    arena = arena_new(0);
    struct work work = {
        .host = host,
        .arena = arena,
        .kind = name,
        .id = id,
        .doc = doc ? json_parse(arena, doc, strlen(doc), &error) : NULL,
        .result = {.buf = &buf},
        .deadline = clock_monotonic() + kind->seconds * SECOND,
    };

    check(!error);
    json_map(&work.result);
    if (kind->run(&work)) {
        json_map_end(&work.result);
        result = json_parse(arena, arena_text_size(arena, buf.at, buf.size), buf.size, &error);
        check(result && !error);
    }
    last_error = work.error;
    check(result || work.error);
    buf_release(&buf);
    return result;
}

bool network_test_status(const char *port, const char *status, int seconds) {
    const char *is = NULL;

    for (int i = 0; i < seconds * 50 + 1; i++) {
        bool same;

        pthread_mutex_lock(&lock);
        is = map_get(statuses, port);
        same = is && !strcmp(is, status);
        pthread_mutex_unlock(&lock);
        if (same) {
            return true;
        }
        usleep(20000);
    }
    test_fail(__FILE__, __LINE__, "port %s is reported %s, not %s", port, is ? is : "never", status);
    return false;
}

static bool apply(const char *kind, const char *id, const char *doc) {
    bool good = network_test_run(kind, id, doc) && network_test_run(kind, id, doc);

    if (!good) {
        test_fail(__FILE__, __LINE__, "%s %s: %s", kind, id, network_test_error());
    }
    return good;
}

static bool lists(const char *part, const char *id) {
    const struct json *all = json_get(network_test_run("network.list", host->name, NULL), part);

    check(all);
    for (JSON_EACH(item, all)) {
        if (!strcmp(item->key ? item->key : item->text, id)) {
            return true;
        }
    }
    return false;
}

static const char network[] =
    "{\"id\": \"" NETWORK "\", \"name\": \"one\", \"mtu\": 1442, \"provider:network_type\": \"geneve\","
    " \"subnets\": [{\"id\": \"" SUBNET "\", \"ip_version\": 4, \"cidr\": \"10.7.0.0/24\","
    "   \"gateway_ip\": \"10.7.0.1\", \"enable_dhcp\": true, \"dns_nameservers\": [\"9.9.9.9\"]}]}";
static const char port[] =
    "{\"id\": \"" PORT "\", \"network_id\": \"" NETWORK "\", \"mac_address\": \"fa:16:3e:00:07:05\","
    " \"device_owner\": \"compute:nova\", \"binding:host_id\": \"nowhere\", \"security_groups\": [\"" GROUP "\"],"
    " \"fixed_ips\": [{\"subnet_id\": \"" SUBNET "\", \"ip_address\": \"10.7.0.5\", \"cidr\": \"10.7.0.0/24\"}],"
    " \"extra_dhcp_opts\": [{\"opt_name\": \"mtu\", \"opt_value\": \"1300\"},"
    "   {\"opt_name\": \"dns-server\", \"opt_value\": \"1.1.1.1); drop; next(\"}]}";
static const char router_port[] =
    "{\"id\": \"" ROUTER_PORT "\", \"network_id\": \"" NETWORK "\", \"mac_address\": \"fa:16:3e:00:07:01\","
    " \"device_owner\": \"network:router_interface\","
    " \"fixed_ips\": [{\"subnet_id\": \"" SUBNET "\", \"ip_address\": \"10.7.0.1\", \"cidr\": \"10.7.0.0/24\"}]}";
static const char router[] =
    "{\"id\": \"" ROUTER "\", \"name\": \"r\", \"external_gateway_info\": null,"
    " \"interfaces\": [{\"port_id\": \"" ROUTER_PORT "\", \"network_id\": \"" NETWORK "\","
    "   \"mac_address\": \"fa:16:3e:00:07:01\", \"fixed_ips\": [{\"subnet_id\": \"" SUBNET "\","
    "   \"ip_address\": \"10.7.0.1\", \"cidr\": \"10.7.0.0/24\"}]}],"
    " \"routes\": [{\"destination\": \"10.9.0.0/16\", \"nexthop\": \"10.7.0.7\"}, {\"destination\": \"x\"}]}";
static const char group[] =
    "{\"id\": \"" GROUP "\", \"name\": \"g\", \"stateful\": true, \"security_group_rules\": ["
    "  {\"id\": \"" RULE "\", \"direction\": \"ingress\", \"ethertype\": \"IPv4\", \"protocol\": \"tcp\","
    "   \"port_range_min\": 22, \"port_range_max\": 22, \"remote_ip_prefix\": \"0.0.0.0/0\"},"
    "  {\"id\": \"" OTHER "\", \"direction\": \"ingress\", \"ethertype\": \"IPv4\", \"protocol\": \"tcp || ip\"}]}";

static const char addresses[] =
    "{\"id\": \"" ADDRESSES "\", \"addresses\": [\"192.0.2.0/24\", \"2001:db8::1/128\", \"no address\"]}";

/* The guest's port comes before its network and group, as tasks may. */
static void conform_apply(void) {
    check(apply("network.port", PORT, port));
    check(apply("network.network", NETWORK, network));
    check(apply("network.security_group", GROUP, group));
    check(apply("network.address_group", ADDRESSES, addresses));
    check(apply("network.router", ROUTER, router));
    check(apply("network.port", ROUTER_PORT, router_port));
    check(lists("networks", NETWORK));
    check(lists("ports", PORT));
    check(lists("ports", ROUTER_PORT));
    check(lists("routers", ROUTER));
    check(lists("security_groups", GROUP));
    check(lists("address_groups", ADDRESSES));
    check(network_test_status(ROUTER_PORT, "ACTIVE", 10));
}

static void conform_plug(void) {
    const struct json *plugs;

    check(apply("network.plug", PORT, "{\"device\": \"tapconf-1\", \"mac_address\": \"fa:16:3e:00:07:05\"}"));
    check(apply("network.plug", PORT, "{\"device\": \"tapconf-2\", \"mac_address\": \"fa:16:3e:00:07:05\"}"));
    plugs = json_get(network_test_run("network.list", host->name, NULL), "plugs");
    check_text(json_get_text(plugs, PORT), "tapconf-2");
    check(!network_test_run("network.plug", PORT, "{\"device\": \"a device with spaces\"}"));
    check(!network_test_run("network.plug", PORT, "{}"));
    check(apply("network.plug", PORT, NULL));
    check(!lists("plugs", PORT));
}

static void conform_refuse(void) {
    check(!network_test_run("network.network", OTHER, network));
    check(strstr(network_test_error(), OTHER));
    check(!network_test_run("network.port", OTHER, "{\"id\": \"" OTHER "\", \"mac_address\": \"fa:16:3e:00:07:09\"}"));
    check(!lists("networks", OTHER));
    check(!lists("ports", OTHER));
}

/* What is wanted stays, what is not goes, and a part that is not spoken of is left alone. */
static void conform_reconcile(void) {
    char wanted[4096];

    check(apply("network.network", OTHER, "{\"id\": \"" OTHER "\", \"provider:network_type\": \"geneve\"}"));
    snprintf(wanted, sizeof wanted, "{\"networks\": [%s], \"ports\": [%s, %s], \"complete\": true}", network, port,
             router_port);
    network_test_want(wanted);
    check(network_agent_service.reconcile(host));
    network_test_want(NULL);
    check(!network_agent_service.reconcile(host));
    check(lists("networks", NETWORK));
    check(!lists("networks", OTHER));
    check(lists("ports", PORT));
    check(lists("routers", ROUTER));
}

/* A pass that asked before a document came by itself does not undo that. */
static void conform_overtake(void) {
    apply_in_ask = "{\"id\": \"" OTHER "\", \"provider:network_type\": \"geneve\"}";
    check(network_test_run("network.network", OTHER, apply_in_ask));
    network_test_want("{\"networks\": [{\"id\": \"" NETWORK "\", \"provider:network_type\": \"geneve\"}],"
                      " \"complete\": true}");
    check(network_agent_service.reconcile(host));
    network_test_want(NULL);
    check(!apply_in_ask);
    check(lists("networks", OTHER));
    check(apply("network.network", OTHER, NULL));
}

static void conform_remove(void) {
    check(apply("network.router", ROUTER, NULL));
    check(apply("network.port", ROUTER_PORT, NULL));
    check(apply("network.port", PORT, NULL));
    check(apply("network.security_group", GROUP, NULL));
    check(apply("network.address_group", ADDRESSES, NULL));
    check(apply("network.network", NETWORK, NULL));
    check(!lists("networks", NETWORK));
    check(!lists("ports", PORT));
    check(!lists("routers", ROUTER));
    check(!lists("security_groups", GROUP));
    check(!lists("address_groups", ADDRESSES));
}

void network_conformance(const struct host *of) {
    check(of == host);
    conform_apply();
    conform_plug();
    conform_refuse();
    conform_reconcile();
    conform_overtake();
    conform_remove();
}
