/* SPDX-License-Identifier: Apache-2.0
 * The network service's effects on a host: kinds of documents and the driver that applies them. */
#include "network/agent.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "network/driver.h"
#include "network/turns.h"

LOG_MODULE("network.agent");

enum { ASK_MS = 30000 };

#define KEEP_TURNS (600 * SECOND)      /* longer than any pass takes */

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

static bool apply_network(struct work *work) {
    return driver->apply_network(work);
}

static bool apply_port(struct work *work) {
    return driver->apply_port(work);
}

static bool apply_router(struct work *work) {
    return driver->apply_router(work);
}

static bool apply_security_group(struct work *work) {
    return driver->apply_security_group(work);
}

static bool apply_address_group(struct work *work) {
    return driver->apply_address_group(work);
}

static bool apply_plug(struct work *work) {
    return driver->plug(work);
}

/* The parts of "network.wanted" and of what list gives, and what applies their documents: groups before the ports that
 * are in them, so that no port is without its rules for longer than needed. */
enum part { ADDRESS_GROUPS, SECURITY_GROUPS, NETWORKS, PORTS, ROUTERS, PLUGS, PARTS };

static const struct {
    const char *name;
    bool (*apply)(struct work *work);
} parts[] = {
    [ADDRESS_GROUPS] = {"address_groups", apply_address_group},
    [SECURITY_GROUPS] = {"security_groups", apply_security_group},
    [NETWORKS] = {"networks", apply_network},
    [PORTS] = {"ports", apply_port},
    [ROUTERS] = {"routers", apply_router},
    [PLUGS] = {"plugs", apply_plug},
};

static const char *turn_key(struct work *work, enum part part) {
    return arena_printf(work->arena, "%s/%s", parts[part].name, work->id);
}

static bool run(struct work *work, enum part part) {
    const char *key = turn_key(work, part);
    bool good;

    turn_begin(key);
    good = parts[part].apply(work);
    turn_end(key);
    return good;
}

static bool run_network(struct work *work) {
    return run(work, NETWORKS);
}

static bool run_port(struct work *work) {
    return run(work, PORTS);
}

static bool run_router(struct work *work) {
    return run(work, ROUTERS);
}

static bool run_security_group(struct work *work) {
    return run(work, SECURITY_GROUPS);
}

static bool run_address_group(struct work *work) {
    return run(work, ADDRESS_GROUPS);
}

static bool run_plug(struct work *work) {
    return run(work, PLUGS);
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
    good = !driver || run(&own, PLUGS);
    return good || work_fail(work, "%s", own.error ? own.error : "the port could not be plugged");
}

static const struct work_kind work_kinds[] = {
    {"network.network", run_network, 60},
    {"network.port", run_port, 60},
    {"network.router", run_router, 60},
    {"network.security_group", run_security_group, 60},
    {"network.address_group", run_address_group, 60},
    {"network.plug", run_plug, 60},
    {"network.list", run_list, 60},
    {0},
};

/* One pass over everything. */
struct pass {
    const struct host *host;
    int64_t since;                  /* when it began: before it asked */
    bool good;
};

/* Applies one document in an arena of its own. */
static void pass_apply(struct pass *pass, enum part part, const char *id, const struct json *doc) {
    struct arena *arena = arena_new(0);
    struct buf result = {0};
    struct work work = {.host = pass->host, .arena = arena, .kind = parts[part].name, .id = id, .doc = doc,
                        .result.buf = &result};
    const char *key = turn_key(&work, part);

    if (turn_begin_unless(key, pass->since)) {
        if (!parts[part].apply(&work)) {
            log_warn("%s %s: %s", parts[part].name, id, work.error);
            pass->good = false;
        }
        turn_end(key);
    }
    buf_release(&result);
    arena_free(arena);
}

/* What is busy is left as it is by this pass. */
static void apply_wanted(struct pass *pass, const struct json *wanted) {
    for (int part = 0; part < PARTS; part++) {
        for (JSON_EACH(doc, json_get(wanted, parts[part].name))) {
            const char *id = json_get_text(doc, "id");

            if (id && !json_get_bool(doc, "busy")) {
                pass_apply(pass, (enum part)part, id, doc);
            }
        }
    }
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

/* Takes away what exists and is not wanted, those that hold others last. A part that is not spoken of is left alone. */
static void remove_unwanted(struct pass *pass, const struct json *wanted, const struct json *exists) {
    for (int part = PARTS; part-- > 0;) {
        const struct json *documents = json_get(wanted, parts[part].name);

        for (JSON_EACH(item, documents ? json_get(exists, parts[part].name) : NULL)) {
            const char *id = item->key ? item->key : item->text;

            if (!is_wanted(documents, id)) {
                log_info("%s: %s is not wanted any more", parts[part].name, id);
                pass_apply(pass, (enum part)part, id, NULL);
            }
        }
    }
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
    struct pass pass = {.host = host, .since = clock_monotonic(), .good = true};
    struct arena *arena = arena_new(0);
    const struct json *exists = list_all(host, arena);
    const struct json *wanted = exists ? work_ask(arena, "network.wanted", host->name, ASK_MS) : NULL;

    apply_wanted(&pass, wanted);
    if (wanted && json_get_bool(wanted, "complete")) {
        remove_unwanted(&pass, wanted, exists);
    }
    driver->report();
    turns_forget(pass.since - KEEP_TURNS);
    arena_free(arena);
    return wanted && pass.good;
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
