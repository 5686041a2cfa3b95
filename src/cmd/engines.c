/* SPDX-License-Identifier: Apache-2.0
 * The life of our own engines: a table of daemons, started in its order, found again by pid files, restarted when they
 * die. */
#include "cmd/engines.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/run.h"
#include "cmd/engine_process.h"
#include "cmd/engines_private.h"

LOG_MODULE("host.engines");

enum { MOST_LOG = 16 * 1024 * 1024 };

/* In all texts '@' is the directory of the engines, DATA/engines: only root writes there. */
static const struct engine {
    const char *name;
    enum group group;
    const char *answers;            /* socket that accepts connections when it is up; null: none */
    const char *argv[10];
} engines[] = {
    {"ovn-nb", CENTRAL, "@/run/ovn/nb.sock",
     {"ovsdb-server", "@/ovn/nb.db", "--remote=punix:@/run/ovn/nb.sock", "--unixctl=@/run/ovn/nb.ctl",
      "-vconsole:warn", "-vsyslog:off"}},
    {"ovn-sb", CENTRAL, "@/run/ovn/sb.sock",
     {"ovsdb-server", "@/ovn/sb.db", "--remote=punix:@/run/ovn/sb.sock", "--unixctl=@/run/ovn/sb.ctl",
      "-vconsole:warn", "-vsyslog:off"}},
    {"ovn-northd", CENTRAL, "@/run/ovn/northd.ctl",
     {"ovn-northd", "--ovnnb-db=unix:@/run/ovn/nb.sock", "--ovnsb-db=unix:@/run/ovn/sb.sock",
      "--unixctl=@/run/ovn/northd.ctl", "-vconsole:warn", "-vsyslog:off"}},
    {"ovsdb", SWITCH, "@/run/ovs/db.sock",
     {"ovsdb-server", "@/ovs/conf.db", "--remote=punix:@/run/ovs/db.sock", "--unixctl=@/run/ovs/ovsdb.ctl",
      "-vconsole:warn", "-vsyslog:off"}},
    {"ovs-vswitchd", SWITCH, "@/run/ovs/vswitchd.ctl",
     {"ovs-vswitchd", "unix:@/run/ovs/db.sock", "--unixctl=@/run/ovs/vswitchd.ctl", "-vconsole:warn", "-vsyslog:off"}},
    {"ovn-controller", CONTROLLER, NULL,
     {"ovn-controller", "@ovs", "-vconsole:warn", "-vsyslog:off"}},
    {"virtlogd", LIBVIRT, "@/run/libvirt/virtlogd-sock", {"virtlogd", "-p", "@/run/virtlogd.lock"}},
    {"libvirtd", LIBVIRT, "@/run/libvirt/libvirt-sock", {"libvirtd", "-p", "@/run/libvirtd.lock"}},
};
#define COUNT (sizeof engines / sizeof *engines)

/* State of the one host of this process, set by engines_start. */
static struct {
    const struct host *host;
    struct place place;
    unsigned external_index;        /* of the external bridge's device: a new one needs its address again */
    int64_t next_try[COUNT];        /* clock_monotonic */
    int delay[COUNT];               /* seconds to the try after that */
} state;

static bool switch_is_free(struct arena *arena, const struct host *host, const char **ret_error);
static bool engines_up(struct arena *arena, const struct host *host, enum group group, const char **ret_error);

bool engines_start(struct arena *arena, struct host *host, const char **ret_error) {
    state.host = host;
    host->bridge = conf_text(host->conf, "host", "bridge", "br-int");
    host->bridge_external = conf_text(host->conf, "host", "external_bridge", "br-ex");
    host->userspace_datapath = !kernel_has_openvswitch();
    if (!place_choose(arena, host, &state.place, ret_error) || !place_make(arena, state.place.base, ret_error)) {
        return false;
    }
    if ((state.place.own[CENTRAL] || state.place.own[SWITCH]) && !databases_make(arena, state.place.base, ret_error)) {
        return false;
    }
    if (state.place.own[LIBVIRT] && !libvirt_prepare(arena, state.place.base, ret_error)) {
        return false;
    }
    for (enum group group = CENTRAL; group < GROUPS; group++) {
        if (group == SWITCH && state.place.own[SWITCH] && !switch_is_free(arena, host, ret_error)) {
            return false;
        }
        if (state.place.own[group] && !engines_up(arena, host, group, ret_error)) {
            return false;
        }
        if (group == SWITCH && !network_prepare(arena, host, state.place.own[SWITCH], ret_error)) {
            return false;
        }
    }
    state.external_index = if_nametoindex(host->bridge_external);
    host->kvm = kvm_boots(arena, host->conf, host->data);
    log_info("libvirt %s, OVN %s, %s datapath, guests run with %s", host->libvirt_uri, host->ovn_nb,
             host->userspace_datapath ? "userspace" : "kernel", host->kvm ? "KVM" : "TCG");
    return true;
}

/* 'text' with '@' replaced: "@ovs" by the switch's database, any other by the directory of the engines. */
static const char *expand(struct arena *arena, const char *text, const char *base, const char *ovs) {
    const char *at = strchr(text, '@');

    if (!at) {
        return text;
    }
    if (!strcmp(text, "@ovs")) {
        return ovs;
    }
    return arena_printf(arena, "%.*s%s%s", (int)(at - text), text, base, at + 1);
}

static const char *pid_file(struct arena *arena, const char *base, const struct engine *engine) {
    return arena_printf(arena, "%s/run/%s.pid", base, engine->name);
}

/* Two ovs-vswitchd cannot share a network namespace: both would own the one userspace datapath. */
static bool switch_is_free(struct arena *arena, const struct host *host, const char **ret_error) {
    if (!host->userspace_datapath || process_find(arena_printf(arena, "%s/run/ovs-vswitchd.pid", state.place.base))
        || !switch_is_taken()) {
        return true;
    }
    *ret_error = "another Open vSwitch has the userspace datapath (device ovs-netdev): stop it, or run this cloud in a "
                 "network namespace of its own (ip netns add NAME; ip netns exec NAME haneul serve)";
    return false;
}

static bool engine_runs(struct arena *arena, const char *base, const struct engine *engine) {
    return process_find(pid_file(arena, base, engine)) != 0;
}

static bool engine_answers(struct arena *arena, const char *base, const struct engine *engine) {
    return engine_runs(arena, base, engine)
           && (!engine->answers || socket_answers(expand(arena, engine->answers, base, "")));
}

/* Our libvirt sees our directories where libvirt's paths are compiled in. */
static const struct bind *libvirt_binds(struct arena *arena, const char *base) {
    static const char *const paths[][2] = {{"@/run/libvirt", "/run/libvirt"}, {"@/libvirt/etc", "/etc/libvirt"},
                                           {"@/libvirt/lib", "/var/lib/libvirt"},
                                           {"@/libvirt/cache", "/var/cache/libvirt"},
                                           {"@/log/libvirt", "/var/log/libvirt"}};
    size_t count = sizeof paths / sizeof *paths;
    struct bind *binds = ARENA_ARRAY(arena, struct bind, count + 1);

    for (size_t i = 0; i < count; i++) {
        binds[i] = (struct bind){expand(arena, paths[i][0], base, ""), paths[i][1]};
        mkdir(binds[i].to, 0755);
    }
    return binds;
}

static bool engine_start(struct arena *arena, const struct host *host, const struct engine *engine) {
    const char *base = state.place.base, *argv[sizeof engine->argv / sizeof *engine->argv + 1] = {NULL};
    const char *env[] = {arena_printf(arena, "OVS_RUNDIR=%s/run/ovs", base),
                         arena_printf(arena, "OVN_RUNDIR=%s/run/ovn", base),
                         arena_printf(arena, "OVS_LOGDIR=%s/log", base), arena_printf(arena, "OVN_LOGDIR=%s/log", base),
                         arena_printf(arena, "OVS_DBDIR=%s/ovs", base), NULL};
    /* A switch of the system's has its control sockets where they are compiled in. */
    const char *const *use_env = engine->group == CONTROLLER && !state.place.own[SWITCH] ? env + 1 : env;

    for (size_t i = 0; i < sizeof engine->argv / sizeof *engine->argv && engine->argv[i]; i++) {
        argv[i] = expand(arena, engine->argv[i], base, host->ovs);
    }
    if (engine->answers) {
        unlink(expand(arena, engine->answers, base, ""));
    }
    return process_start(argv, use_env, engine->group == LIBVIRT ? libvirt_binds(arena, base) : NULL,
                         arena_printf(arena, "%s/log/%s.log", base, engine->name), pid_file(arena, base, engine));
}

/* Waits until a started engine answers, or has ended, or 10 s are over. */
static bool engine_wait(struct arena *arena, const struct host *host, const struct engine *engine,
                        const char **ret_error) {
    for (int i = 0; i < 1000; i++) {
        if (engine_answers(arena, state.place.base, engine)) {
            return true;
        }
        if (!engine_runs(arena, state.place.base, engine)) {
            break;
        }
        usleep(10000);
    }
    *ret_error = arena_printf(arena, "%s did not start: see %s/log/%s.log", engine->name, state.place.base,
                              engine->name);
    return false;
}

static bool engines_up(struct arena *arena, const struct host *host, enum group group, const char **ret_error) {
    for (size_t i = 0; i < COUNT; i++) {
        const struct engine *engine = &engines[i];

        if (engine->group != group || engine_answers(arena, state.place.base, engine)) {
            continue;
        }
        if (!engine_runs(arena, state.place.base, engine) && !engine_start(arena, host, engine)) {
            *ret_error = arena_printf(arena, "cannot start %s: %s", engine->name, strerror(errno));
            return false;
        }
        if (!engine_wait(arena, host, engine, ret_error)) {
            return false;
        }
        log_info("%s started", engine->name);
    }
    return true;
}

/* Starts engine 'i' when its time has come: at once, then after 1, 2, 4 ... 32 s while it keeps dying. */
static void engine_revive(struct arena *arena, size_t i) {
    int64_t now = clock_monotonic();

    if (now < state.next_try[i]) {
        return;
    }
    if (now > state.next_try[i] + 60 * 1000000LL) {
        state.delay[i] = 1;
    }
    state.next_try[i] = now + state.delay[i] * 1000000LL;
    state.delay[i] = state.delay[i] < 32 ? state.delay[i] * 2 : 32;
    log_warn("%s ended and is started again: see %s/log/%s.log", engines[i].name, state.place.base, engines[i].name);
    if (!engine_start(arena, state.host, &engines[i])) {
        log_error("cannot start %s", engines[i].name);
    }
}

/* In userspace the bridges' devices, and with them the addresses, are gone with the ovs-vswitchd that made them. */
static void network_watch(struct arena *arena) {
    unsigned index = if_nametoindex(state.host->bridge_external);
    const char *error = NULL;

    if (index && index != state.external_index) {
        state.external_index = index;
        if (!network_prepare(arena, state.host, state.place.own[SWITCH], &error)) {
            log_error("%s", error);
        }
    }
}

/* Engines append to their logs, so that cutting one off is safe while it runs. */
static void log_watch(struct arena *arena, const struct engine *engine) {
    const char *path = arena_printf(arena, "%s/log/%s.log", state.place.base, engine->name);
    struct stat info;

    if (!stat(path, &info) && info.st_size > MOST_LOG && truncate(path, 0)) {
        log_warn("cannot cut off %s: %s", path, strerror(errno));
    }
}

void engines_watch(void) {
    struct arena *arena;

    if (!state.host) {
        return;
    }
    arena = arena_new(0);
    for (size_t i = 0; i < COUNT; i++) {
        if (state.place.own[engines[i].group]) {
            if (!engine_runs(arena, state.place.base, &engines[i])) {
                engine_revive(arena, i);
            }
            log_watch(arena, &engines[i]);
        }
    }
    network_watch(arena);
    arena_free(arena);
}

/* ovs-vswitchd leaves its tap devices behind. */
static void devices_remove(struct arena *arena, const struct conf *conf) {
    const char *devices[] = {conf_text(conf, "host", "bridge", "br-int"),
                             conf_text(conf, "host", "external_bridge", "br-ex"), "ovs-netdev"};
    struct run_result result;

    for (size_t i = 0; i < 3; i++) {
        if (if_nametoindex(devices[i]) && !tap_busy(devices[i])) {
            RUN(arena, &result, "ip", "link", "delete", devices[i]);
        }
    }
}

/* Stops all own engines, last first. True when the switch was one of them. */
static bool daemons_stop(struct arena *arena, const char *base) {
    struct run_result result;
    bool own_switch = false;

    for (size_t i = COUNT; i-- > 0;) {
        own_switch = own_switch || (engines[i].group == SWITCH && engine_runs(arena, base, &engines[i]));
        if (!strcmp(engines[i].name, "ovs-vswitchd") && engine_answers(arena, base, &engines[i])) {
            /* Takes its devices along and, where it is the kernel's, the datapath. */
            RUN(arena, &result, "ovs-appctl", "-t", expand(arena, engines[i].answers, base, ""), "exit", "--cleanup");
        }
        process_stop(pid_file(arena, base, &engines[i]), 5);
    }
    return own_switch;
}

void engines_stop(const struct conf *conf, const char *data, int guest_seconds, bool remove) {
    struct arena *arena = arena_new(0);
    struct host host = {.conf = conf, .data = data};
    const char *error = NULL;

    if (place_choose(arena, &host, &state.place, &error)) {
        guests_stop(host.libvirt_uri, data, guest_seconds, remove);
        if (remove) {
            network_remove(arena, &host, state.place.own[SWITCH]);
        }
    }
    if (daemons_stop(arena, place_base(arena, data))) {
        devices_remove(arena, conf);
    }
    arena_free(arena);
}

void engines_print(const char *data) {
    struct arena *arena = arena_new(0);
    const char *base = place_base(arena, data);

    for (size_t i = 0; i < COUNT; i++) {
        pid_t pid = process_find(pid_file(arena, base, &engines[i]));

        printf("%-15s %s\n", engines[i].name, pid ? arena_printf(arena, "%d", (int)pid) : "-");
    }
    arena_free(arena);
}
