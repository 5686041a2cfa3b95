/* SPDX-License-Identifier: Apache-2.0
 * Which networks need a metadata proxy on this host: those that a plugged device belongs to. A thread makes it so again
 * whenever devices or ports changed. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/map.h"
#include "network/metadata_network.h"
#include "network/metadata_proxy.h"
#include "network/ovn.h"

LOG_MODULE("network.metadata");

enum {
    SETTLE_MS = 20,                 /* waits this long for more changes before it looks */
    RETRY_SECONDS = 5,              /* after a failure, and to look anyway */
    LOOK_SECONDS = 60,
    READY_MS = 1000,
};

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t event;
    bool running, stopping, woken;
    struct map *done;               /* network id -> what was made, as text; the thread's own */
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER, .event = PTHREAD_COND_INITIALIZER};

void ovn_metadata_wake(void) {
    pthread_mutex_lock(&watch.lock);
    watch.woken = true;
    pthread_cond_signal(&watch.event);
    pthread_mutex_unlock(&watch.lock);
}

/* The networks of the devices that are plugged here: a map from id to something. */
static struct map *wanted_networks(struct arena *arena) {
    size_t count, found;
    const struct ovsdb_row *const *devices = ovsdb_rows(ovn.ovs, arena, "Interface", NULL, NULL, &count);
    struct map *wanted = map_new();

    for (size_t i = 0; i < count; i++) {
        const char *port = ovsdb_pair(arena, devices[i], "external_ids", "haneul:port");
        const struct ovsdb_row *const *rows =
            port ? ovsdb_rows(ovn.nb, arena, "Logical_Switch_Port", "haneul:id", port, &found) : NULL;
        const char *network = rows && found ? ovsdb_pair(arena, rows[0], "external_ids", "haneul:network") : NULL;

        if (network) {
            map_set(wanted, network, wanted);
        }
    }
    return wanted;
}

static bool make(struct arena *arena, const struct ovsdb_row *port, const char *network) {
    const char *error = NULL, *id = ovsdb_text(arena, port, "name"), *device;
    const char *cidrs = ovsdb_pair(arena, port, "external_ids", "neutron:cidrs"), *name;
    const char *addresses = ovsdb_text(arena, port, "addresses");
    const char *mac = addresses ? ovn_mac(arena, arena_text_size(arena, addresses, strcspn(addresses, " "))) : NULL;
    const char *sign = arena_printf(arena, "%s %s %s", id, mac ? mac : "", cidrs ? cidrs : ""), *before;

    before = map_get(watch.done, network);
    if (before && !strcmp(before, sign)) {
        return true;
    }
    device = metadata_network_device(arena, network);
    name = metadata_network_name(arena, network);
    if (!mac || !metadata_network_up(arena, network, mac, cidrs ? cidrs : "", &error) ||
        !metadata_proxy_add(network, name, &error) ||
        !ovs_attach(arena, device,
                    (const char *const[]){"iface-id", id, "haneul:metadata", network, NULL}, &error)) {
        log_warn("network %s: no metadata proxy: %s", network, error ? error : "its metadata port has no MAC");
        return false;
    }
    log_info("network %s: metadata proxy is up", network);
    free(map_set(watch.done, network, strdup(sign)));
    return true;
}

/* The metadata port of a network; null: it has none. */
static const struct ovsdb_row *metadata_port(struct arena *arena, const char *network) {
    size_t count;
    const struct ovsdb_row *const *ports =
        ovsdb_rows(ovn.nb, arena, "Logical_Switch_Port", "haneul:network", network, &count);

    for (size_t i = 0; i < count; i++) {
        const char *type = ovsdb_text(arena, ports[i], "type");

        if (type && !strcmp(type, "localport")) {
            return ports[i];
        }
    }
    return NULL;
}

static bool make_all(struct arena *arena, const struct map *wanted) {
    const char *network;
    size_t cursor = 0;
    bool good = true;
    void *value;

    while ((network = map_next(wanted, &cursor, &value)) != NULL) {
        const struct ovsdb_row *port = metadata_port(arena, network);

        good = (!port || make(arena, port, network)) && good;
    }
    return good;
}

/* Takes down what is there, from now or from before a restart, and not wanted. */
static bool remove_rest(struct arena *arena, const struct map *wanted) {
    size_t count;
    const struct ovsdb_row *const *devices = ovsdb_rows(ovn.ovs, arena, "Interface", NULL, NULL, &count);
    const char *error = NULL;
    bool good = true;

    for (size_t i = 0; i < count; i++) {
        const char *network = ovsdb_pair(arena, devices[i], "external_ids", "haneul:metadata");

        if (network && !map_get(wanted, network)) {
            metadata_proxy_remove(network);
            free(map_set(watch.done, network, NULL));
            if (!metadata_network_down(arena, network, &error) ||
                !ovs_detach(arena, ovsdb_text(arena, devices[i], "name"), &error)) {
                log_warn("network %s: its metadata proxy stays: %s", network, error);
                good = false;
            }
        }
    }
    return good;
}

static bool look(void) {
    struct arena *arena;
    struct map *wanted;
    bool good;

    if (!ovsdb_ready(ovn.nb, READY_MS) || !ovsdb_ready(ovn.ovs, READY_MS)) {
        return false;
    }
    arena = arena_new(0);
    wanted = wanted_networks(arena);
    good = make_all(arena, wanted);
    good = remove_rest(arena, wanted) && good;
    map_free(wanted, NULL);
    arena_free(arena);
    return good;
}

/* Waits for a change or for 'seconds' to pass, then for things to settle. False: it is time to end. */
static bool wait_wake(int seconds) {
    struct timespec end;
    bool stopping;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += seconds;
    pthread_mutex_lock(&watch.lock);
    while (!watch.woken && !watch.stopping && pthread_cond_timedwait(&watch.event, &watch.lock, &end) == 0) {
    }
    pthread_mutex_unlock(&watch.lock);
    nanosleep(&(struct timespec){0, SETTLE_MS * 1000000L}, NULL);
    pthread_mutex_lock(&watch.lock);
    watch.woken = false;
    stopping = watch.stopping;
    pthread_mutex_unlock(&watch.lock);
    return !stopping;
}

static void *run(void *argument) {
    int seconds = 0;

    while (wait_wake(seconds)) {
        seconds = look() ? LOOK_SECONDS : RETRY_SECONDS;
    }
    return NULL;
}

/* Whoever made the certificate of an API of one's own is believed without being asked again. */
static const char *ca_file(void) {
    return conf_text(ovn.host->conf, "metadata", "ca_file", conf_text(ovn.host->conf, "api", "certificate", NULL));
}

void ovn_metadata_start(void) {
    if (!conf_bool(ovn.host->conf, "network", "metadata", true)) {
        return;
    }
    watch.done = map_new();
    watch.stopping = false;
    watch.running = true;
    metadata_proxy_start(ovn.host->api_url, ovn.host->metadata_secret, ca_file());
    if (pthread_create(&watch.thread, NULL, run, NULL) != 0) {
        abort();
    }
}

void ovn_metadata_stop(void) {
    if (!watch.running) {
        return;
    }
    pthread_mutex_lock(&watch.lock);
    watch.stopping = true;
    pthread_cond_signal(&watch.event);
    pthread_mutex_unlock(&watch.lock);
    pthread_join(watch.thread, NULL);
    metadata_proxy_stop();
    map_free(watch.done, free);
    watch.running = false;
}
