/* SPDX-License-Identifier: Apache-2.0
 * What an agent's handlers get: the host they drive, and one effect to bring about. Handlers are idempotent: they are
 * called again after any failure or restart. They may block. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

struct arena;
struct conf;

/* The host that an agent drives: made once at its start, then only read. */
struct host {
    const struct conf *conf;
    const char *name;               /* host name, unique in the cloud */
    const char *data;               /* data directory */
    const char *libvirt_uri;        /* "qemu+unix:///system?socket=..." */
    const char *ovn_nb, *ovn_sb;    /* "unix:/path" or "tcp:addr:port" */
    const char *ovs;                /* OVSDB of Open vSwitch on this host */
    const char *bridge;             /* integration bridge: br-int */
    const char *bridge_external;    /* bridge of physnet1: br-ex */
    bool userspace_datapath;        /* the kernel has no openvswitch: guests' offloads must be off */
    bool kvm;                       /* a guest was seen to boot with KVM */
    const char *api_url;            /* where the API answers, for the metadata proxy */
    const char *metadata_secret;    /* signs the identity that the metadata proxy passes on */
};

struct work {
    const struct host *host;
    struct arena *arena;
    const char *kind;               /* "compute.spawn" */
    const char *id;                 /* of the resource */
    const char *request_id;
    const struct json *doc;         /* what should be, or the arguments; null when the resource must not exist */
    struct json_out result;         /* an open map: the handler adds what the API should know */
    const char *error;              /* the first one; a sentence that names the object and the cause */
    int64_t deadline;               /* clock_monotonic, microseconds */
};

/* Records why the effect failed and returns false. The first cause stays. */
bool work_fail(struct work *work, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The table of kinds that a service's agent side can do; ends with a null name. */
struct work_kind {
    const char *name;
    bool (*run)(struct work *work);
    int seconds;                    /* deadline; 0: 300 */
};

/* Tells the API something that happened on this host without being asked ("compute.power", id, JSON text). May be
 * called from any thread. */
void work_report(const char *kind, const char *id, const char *json);

/* Asks the API for the wanted state; the answer ("what should exist on this host") comes as JSON in the arena, null when
 * the API cannot be reached. Blocks up to 'timeout_ms'. */
const struct json *work_ask(struct arena *arena, const char *kind, const char *id, int timeout_ms);
