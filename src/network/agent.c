/* SPDX-License-Identifier: Apache-2.0
 * The network service's effects on a host: kinds of documents and the driver that applies them. */
#include "network/agent.h"

#include <string.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/log.h"
#include "network/driver.h"

LOG_MODULE("network.agent");

enum { ASK_MS = 30000 };

static const struct network_driver *const drivers[] = {&network_driver_ovn, &network_driver_fake};
static const struct network_driver *driver;

static bool start(const struct host *host) {
    const char *name = conf_text(host->conf, "network", "driver", "ovn");

    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++) {
        if (!strcmp(drivers[i]->name, name)) {
            driver = drivers[i];
            driver->start(host);
            return true;
        }
    }
    log_error("[network] driver = %s: there is no such driver", name);
    return false;
}

static void stop(void) {
    if (driver) {
        driver->stop();
        driver = NULL;
    }
}

static bool run_network(struct work *work) {
    return driver->apply_network(work);
}

static bool run_port(struct work *work) {
    return driver->apply_port(work);
}

static bool run_router(struct work *work) {
    return driver->apply_router(work);
}

static bool run_security_group(struct work *work) {
    return driver->apply_security_group(work);
}

static bool run_plug(struct work *work) {
    return driver->plug(work);
}

static bool run_list(struct work *work) {
    return driver->list(work);
}

bool network_plug(struct work *work, const char *port_id, const struct json *plug) {
    struct work own = *work;
    bool good;

    own.id = port_id;
    own.doc = plug;
    own.error = NULL;
    good = !driver || driver->plug(&own);
    return good || work_fail(work, "%s", own.error ? own.error : "the port could not be plugged");
}

static const struct work_kind work_kinds[] = {
    {"network.network", run_network, 60},
    {"network.port", run_port, 60},
    {"network.router", run_router, 60},
    {"network.security_group", run_security_group, 60},
    {"network.plug", run_plug, 60},
    {"network.list", run_list, 60},
    {0},
};

/* The members of "network.wanted" and of what list gives, with what applies them: groups before the ports that are in
 * them, so that no port is without its rules for longer than needed. */
static const struct part {
    const char *name;
    bool (*run)(struct work *work);
} parts[] = {
    {"security_groups", run_security_group}, {"networks", run_network}, {"ports", run_port},
    {"routers", run_router},                 {"plugs", run_plug},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

/* Applies one document in an arena of its own. */
static bool apply_one(const struct host *host, const struct part *part, const char *id, const struct json *doc) {
    struct arena *arena = arena_new(0);
    struct buf result = {0};
    struct work work = {.host = host, .arena = arena, .kind = part->name, .id = id, .doc = doc, .result.buf = &result};
    bool good = part->run(&work);

    if (!good) {
        log_warn("%s %s: %s", part->name, id, work.error);
    }
    buf_release(&result);
    arena_free(arena);
    return good;
}

static bool apply_wanted(const struct host *host, const struct json *wanted) {
    bool good = true;

    for (int i = 0; i < PARTS; i++) {
        for (JSON_EACH(doc, json_get(wanted, parts[i].name))) {
            const char *id = json_get_text(doc, "id");

            good = id && apply_one(host, &parts[i], id, doc) && good;
        }
    }
    return good;
}

static bool is_wanted(const struct json *documents, const char *id) {
    for (JSON_EACH(doc, documents)) {
        const char *is = json_get_text(doc, "id");

        if (is && !strcmp(is, id)) {
            return true;
        }
    }
    return false;
}

/* Takes away what exists and is not wanted, those that hold others last. */
static bool remove_unwanted(const struct host *host, struct arena *arena, const struct json *wanted,
                            const struct json *exists) {
    bool good = true;

    for (int i = PARTS; i-- > 0;) {
        for (JSON_EACH(item, json_get(exists, parts[i].name))) {
            const char *id = item->key ? item->key : item->text;

            if (json_get(wanted, parts[i].name) && !is_wanted(json_get(wanted, parts[i].name), id)) {
                log_info("%s: %s is not wanted any more", parts[i].name, id);
                good = apply_one(host, &parts[i], id, NULL) && good;
            }
        }
    }
    return good;
}

/* What exists, as list says it; null: it could not. */
static const struct json *list_all(const struct host *host, struct arena *arena) {
    struct buf buf = {0};
    struct work work = {.host = host, .arena = arena, .kind = "network.list", .id = "", .result.buf = &buf};
    const struct json *all = NULL;

    json_map(&work.result);
    if (driver->list(&work)) {
        json_map_end(&work.result);
        all = json_parse(arena, arena_text_size(arena, buf.at, buf.size), buf.size, NULL);
    } else {
        log_warn("%s", work.error);
    }
    buf_release(&buf);
    return all;
}

static bool reconcile(const struct host *host) {
    struct arena *arena = arena_new(0);
    const struct json *exists = list_all(host, arena);
    const struct json *wanted = exists ? work_ask(arena, "network.wanted", host->name, ASK_MS) : NULL;
    bool good = wanted && apply_wanted(host, wanted);

    driver->report();
    if (wanted && json_get_bool(wanted, "complete")) {
        good = remove_unwanted(host, arena, wanted, exists) && good;
    }
    arena_free(arena);
    return good;
}

static bool facts(const struct host *host, struct json_out *out) {
    json_put_text(out, "driver", driver->name);
    json_put_text(out, "bridge", host->bridge);
    json_put_text(out, "bridge_external", host->bridge_external);
    json_put_bool(out, "userspace_datapath", host->userspace_datapath);
    return true;
}

const struct agent_service network_agent_service = {
    .name = "network",
    .work = work_kinds,
    .start = start,
    .stop = stop,
    .facts = facts,
    .reconcile = reconcile,
};
