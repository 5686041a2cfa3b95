/* SPDX-License-Identifier: Apache-2.0
 * The agent side of the compute service: reads each task's document and hands it to the driver of this host. What
 * changes a server runs alone for that server; what only looks runs at any time. */
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "bus/agent.h"
#include "compute/driver.h"

LOG_MODULE("compute.agent");

enum { LOCKS = 64, DEFAULT_TIMEOUT = 60, MAX_TIMEOUT = 3600, MAX_PATH = 4096, ASK_MS = 10000, RECONCILE_SECONDS = 600 };

bool (*compute_plug)(struct work *work, const char *port_id, const struct json *nic);

static const struct compute_driver *driver;
static pthread_mutex_t locks[LOCKS] = {[0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER};

bool compute_agent_start(const struct host *host) {
    static const struct compute_driver *const drivers[] = {&compute_driver_libvirt, &compute_driver_fake};
    const char *name = conf_text(host->conf, "compute", "driver", "libvirt");

    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        if (!strcmp(drivers[i]->name, name)) {
            driver = drivers[i];
            return driver->start(host);
        }
    }
    log_error("[compute] driver: there is no \"%s\"; there are libvirt and fake", name);
    return false;
}

static int timeout_ms(struct work *work) {
    int64_t seconds = json_get_int(work->doc, "timeout", DEFAULT_TIMEOUT);

    return (int)(seconds < 0 ? 0 : seconds > MAX_TIMEOUT ? MAX_TIMEOUT : seconds) * 1000;
}

static bool spawn(struct work *work) {
    const struct server *server = server_read(work);

    return server && driver->spawn(work, server);
}

static bool destroy(struct work *work) {
    return driver->destroy(work);
}

static bool power(struct work *work) {
    static const char *const names[] = {
        [ACTION_START] = "start",
        [ACTION_STOP] = "stop",
        [ACTION_REBOOT_SOFT] = "reboot_soft",
        [ACTION_REBOOT_HARD] = "reboot_hard",
        [ACTION_PAUSE] = "pause",
        [ACTION_UNPAUSE] = "unpause",
        [ACTION_SUSPEND] = "suspend",
        [ACTION_RESUME] = "resume",
    };
    const struct server *server = server_read(work);
    const char *action = json_get_text(work->doc, "action");

    for (unsigned i = 0; server && action && i < sizeof names / sizeof *names; i++) {
        if (!strcmp(names[i], action)) {
            return driver->power(work, server, (enum power_action)i, timeout_ms(work));
        }
    }
    return work_fail(work, "server %s: unknown power action", work->id);
}

static bool attach_volume(struct work *work) {
    const struct server_disk *disk = server_disk_read(work);

    return disk && driver->attach_disk(work, disk);
}

static bool detach_volume(struct work *work) {
    const struct server_disk *disk = server_disk_read(work);

    return disk && driver->detach_disk(work, disk);
}

static bool attach_interface(struct work *work) {
    const struct server_nic *nic = server_nic_read(work);

    return nic && driver->attach_nic(work, nic);
}

static bool detach_interface(struct work *work) {
    const struct server_nic *nic = server_nic_read(work);

    return nic && driver->detach_nic(work, nic);
}

static bool tap(struct work *work) {
    const struct server_nic *nic = work->doc ? server_nic_read(work) : NULL;

    return work->doc && !nic ? false : driver->mend_nic(work, nic);
}

static bool resize(struct work *work) {
    const struct server *server = server_read(work);

    return server && driver->resize(work, server, timeout_ms(work));
}

static bool resize_confirm(struct work *work) {
    const struct server *server = server_read(work);

    return server && driver->resize_confirm(work, server);
}

static bool resize_revert(struct work *work) {
    const struct server *server = server_read(work);

    return server && driver->resize_revert(work, server);
}

static bool rebuild(struct work *work) {
    const struct server *server = server_read(work);

    return server && driver->rebuild(work, server);
}

static bool snapshot(struct work *work) {
    const char *path = json_get_text(work->doc, "path"), *format = json_get_text(work->doc, "format");

    if (!path || path[0] != '/' || strlen(path) >= MAX_PATH || !format
        || (strcmp(format, "qcow2") != 0 && strcmp(format, "raw") != 0)) {
        return work_fail(work, "server %s: snapshot: path or format is malformed", work->id);
    }
    return driver->snapshot(work, path, format);
}

static bool console_log(struct work *work) {
    return driver->console_log(work, json_get_int(work->doc, "lines", 0));
}

static bool vnc(struct work *work) {
    return driver->vnc(work);
}

static bool diagnostics(struct work *work) {
    return driver->diagnostics(work);
}

static bool list(struct work *work) {
    return driver->list(work);
}

/* An id becomes a file name before anything else is read, so it is looked at first. */
static bool id_fits(struct work *work) {
    return work->id && work->id[0] != '.' && !strchr(work->id, '/') && strlen(work->id) <= NAME_MAX - 16
               ? true
               : work_fail(work, "compute: the id of a task is malformed");
}

static bool alone(struct work *work, bool (*effect)(struct work *)) {
    pthread_mutex_t *mine;
    bool ok;

    if (!id_fits(work)) {
        return false;
    }
    mine = &locks[map_hash(work->id, strlen(work->id)) % LOCKS];
    pthread_mutex_lock(mine);
    ok = effect(work);
    pthread_mutex_unlock(mine);
    return ok;
}

/* Kinds that change a server, and their deadline in seconds. */
#define EFFECTS(E)                                                                                                     \
    E(spawn, 1800)                                                                                                     \
    E(destroy, 600)                                                                                                    \
    E(power, 1200)                                                                                                     \
    E(attach_volume, 300)                                                                                              \
    E(detach_volume, 300)                                                                                              \
    E(attach_interface, 300)                                                                                           \
    E(detach_interface, 300)                                                                                           \
    E(tap, 300)                                                                                                        \
    E(resize, 1800)                                                                                                    \
    E(resize_confirm, 600)                                                                                             \
    E(resize_revert, 600)                                                                                              \
    E(rebuild, 1800)                                                                                                   \
    E(snapshot, 3600)

/* Kinds that only look. */
#define LOOKS(E)                                                                                                       \
    E(console_log, 30)                                                                                                 \
    E(vnc, 30)                                                                                                         \
    E(diagnostics, 30)                                                                                                 \
    E(list, 60)

/* spawn_alone() and so on: the handler of "compute.spawn". */
#define E(NAME, SECONDS)                                                                                               \
    static bool NAME##_alone(struct work *work) {                                                                      \
        return alone(work, NAME);                                                                                      \
    }
EFFECTS(E)
#undef E

/* console_log_look() and so on: the handler of "compute.console_log". */
#define E(NAME, SECONDS)                                                                                               \
    static bool NAME##_look(struct work *work) {                                                                       \
        return id_fits(work) && NAME(work);                                                                            \
    }
LOOKS(E)
#undef E

static const struct work_kind compute_work[] = {
#define E(NAME, SECONDS) {"compute." #NAME, NAME##_alone, SECONDS},
    EFFECTS(E)
#undef E
#define E(NAME, SECONDS) {"compute." #NAME, NAME##_look, SECONDS},
    LOOKS(E)
#undef E
    {NULL, NULL, 0},
};

static bool facts(const struct host *host, struct json_out *out) {
    return driver && driver->facts(host, out);
}

/* What to do about a server whose power is not what it should be. */
enum remedy { REMEDY_NONE, REMEDY_APPLY, REMEDY_REPORT };

static enum remedy remedy_for(const char *wanted, const struct json *seen) {
    static const struct {
        const char *wanted;
        enum power_state power;
    } same[] = {{"running", POWER_RUNNING}, {"shutdown", POWER_SHUTDOWN}, {"paused", POWER_PAUSED},
                {"suspended", POWER_SUSPENDED}, {"shutdown", POWER_CRASHED}};
    enum power_state power = (enum power_state)json_get_int(seen, "power_state", POWER_NONE);

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (seen && same[i].power == power && !strcmp(same[i].wanted, wanted)) {
            return REMEDY_NONE;
        }
    }
    return !seen || json_get_bool(seen, "lost") || !strcmp(wanted, "shutdown") ? REMEDY_APPLY : REMEDY_REPORT;
}

static bool remedy_apply(struct work *work) {
    work->doc = work_ask(work->arena, "compute.server", work->id, ASK_MS);
    return !work->doc || work->doc->type != JSON_MAP || spawn(work);
}

static void remedy_report(struct work *work, const struct json *seen) {
    work_report("compute.power", work->id,
                arena_printf(work->arena, "{\"power_state\": %lld, \"reason\": \"seen\"}",
                             (long long)json_get_int(seen, "power_state", POWER_NONE)));
}

static const struct json *seen_find(const struct json *servers, const char *id) {
    for (JSON_EACH(server, servers)) {
        const char *its = json_get_text(server, "id");

        if (its && !strcmp(its, id)) {
            return server;
        }
    }
    return NULL;
}

/* False: the server should be brought back and could not be. */
static bool server_reconcile(const struct host *host, const struct json *wanted, const struct json *seen) {
    struct buf buf = {0};
    struct work work = {
        .host = host,
        .arena = arena_new(0),
        .kind = "compute.spawn",
        .id = json_get_text(wanted, "id"),
        .result = {.buf = &buf},
        .deadline = clock_monotonic() + RECONCILE_SECONDS * SECOND,
    };
    const char *power = json_get_text(wanted, "power");
    enum remedy remedy = power ? remedy_for(power, seen) : REMEDY_NONE;
    bool ok = true;

    json_map(&work.result);
    if (remedy == REMEDY_REPORT) {
        remedy_report(&work, seen);
    } else if (remedy == REMEDY_APPLY && !(ok = alone(&work, remedy_apply))) {
        log_warn("cannot bring server %s back: %s", work.id, work.error);
    }
    buf_release(&buf);
    arena_free(work.arena);
    return ok;
}

static bool forget(struct work *work) {
    return !json_get_bool(work_ask(work->arena, "compute.deleted", work->id, ASK_MS), "deleted") || destroy(work);
}

/* Removes a server that was deleted while the host was away for so long that nobody waited for it any more. */
static bool server_forget(const struct host *host, const char *id) {
    struct buf buf = {0};
    struct work work = {
        .host = host,
        .arena = arena_new(0),
        .kind = "compute.destroy",
        .id = id,
        .result = {.buf = &buf},
        .deadline = clock_monotonic() + RECONCILE_SECONDS * SECOND,
    };
    bool ok;

    json_map(&work.result);
    ok = alone(&work, forget);
    if (!ok) {
        log_warn("cannot remove server %s: %s", work.id, work.error);
    }
    buf_release(&buf);
    arena_free(work.arena);
    return ok;
}

/* What is on the host, as "compute.list" tells; null when the driver cannot say. */
static const struct json *servers_seen(const struct host *host, struct arena *arena) {
    struct buf buf = {0};
    struct work work = {.host = host, .arena = arena, .kind = "compute.list", .id = host->name,
                        .result = {.buf = &buf}};
    const struct json *seen = NULL;
    const char *error;

    json_map(&work.result);
    if (driver->list(&work)) {
        json_map_end(&work.result);
        seen = json_parse(arena, buf.at, buf.size, &error);
    }
    buf_release(&buf);
    return json_get(seen, "servers");
}

/* Level-triggered: a message lost, a machine restarted, an agent killed half way cost one more pass. */
static bool reconcile(const struct host *host) {
    struct arena *arena = arena_new(0);
    const struct json *wanted = json_get(work_ask(arena, "compute.wanted", host->name, ASK_MS), "servers");
    const struct json *seen = wanted ? servers_seen(host, arena) : NULL;
    bool ok = seen;

    for (JSON_EACH(server, seen ? wanted : NULL)) {
        const char *id = json_get_text(server, "id");

        ok = (!id || server_reconcile(host, server, seen_find(seen, id))) && ok;
    }
    for (JSON_EACH(server, seen)) {
        const char *id = json_get_text(server, "id");

        ok = (!id || seen_find(wanted, id) || server_forget(host, id)) && ok;
    }
    arena_free(arena);
    return ok;
}

const struct agent_service compute_agent_service = {
    .name = "compute",
    .work = compute_work,
    .start = compute_agent_start,
    .facts = facts,
    .reconcile = reconcile,
};
