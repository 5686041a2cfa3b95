/* SPDX-License-Identifier: Apache-2.0
 * The libvirt driver: its connection and what it tells unasked. One thread runs libvirt's event loop, another connects
 * and connects again; the members of the driver use the connection of the moment. */
#include "compute/driver_libvirt.h"

#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "compute/disks.h"
#include "compute/image_cache.h"
#include "compute/xml.h"

LOG_MODULE("compute.libvirt");

enum { KEEPALIVE_SECONDS = 5, KEEPALIVE_MISSES = 3, RETRY_SECONDS = 1, PRUNE_SECONDS = 3600, DAY = 86400 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static virConnectPtr current;           /* null while libvirt is away */
static const struct host *this_host;

static void connection_release(void *connection) {
    virConnectClose(connection);
}

virConnectPtr libvirt_connection_ref(void) {
    virConnectPtr connection = NULL;

    pthread_mutex_lock(&lock);
    if (current && !virConnectRef(current)) {
        connection = current;
    }
    pthread_mutex_unlock(&lock);
    return connection;
}

virConnectPtr libvirt_connection(struct work *work) {
    virConnectPtr connection = libvirt_connection_ref();

    if (connection) {
        arena_defer(work->arena, connection_release, connection);
    } else {
        work_fail(work, "the hypervisor of host %s does not answer", work->host->name);
    }
    return connection;
}

bool libvirt_fail(struct work *work, const char *what) {
    const char *message = virGetLastErrorMessage();

    return work_fail(work, "server %s: cannot %s: %s", work->id, what, message ? message : "no reason given");
}

static void domain_release(void *domain) {
    virDomainFree(domain);
}

void libvirt_keep(struct work *work, virDomainPtr domain) {
    arena_defer(work->arena, domain_release, domain);
}

bool libvirt_find(struct work *work, virDomainPtr *ret_domain) {
    virConnectPtr connection = libvirt_connection(work);
    virDomainPtr domain = connection ? virDomainLookupByUUIDString(connection, work->id) : NULL;

    if (!connection || (!domain && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN)) {
        return libvirt_fail(work, "find it");
    }
    if (domain) {
        libvirt_keep(work, domain);
    }
    *ret_domain = domain;
    return true;
}

virDomainPtr libvirt_domain(struct work *work) {
    virDomainPtr domain = NULL;

    if (libvirt_find(work, &domain) && !domain) {
        work_fail(work, "server %s does not exist on host %s", work->id, work->host->name);
    }
    return domain;
}

const char *libvirt_xml(struct work *work, virDomainPtr domain, unsigned flags) {
    char *text = virDomainGetXMLDesc(domain, flags);

    if (!text) {
        libvirt_fail(work, "read its domain");
        return NULL;
    }
    arena_defer(work->arena, free, text);
    return text;
}

enum power_state libvirt_power_state(virDomainPtr domain) {
    int state = VIR_DOMAIN_NOSTATE;

    if (virDomainGetState(domain, &state, NULL, 0)) {
        return POWER_NONE;
    }
    switch (state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_SHUTDOWN:           /* on its way, not there */
        return POWER_RUNNING;
    case VIR_DOMAIN_PAUSED:
        return POWER_PAUSED;
    case VIR_DOMAIN_PMSUSPENDED:
        return POWER_SUSPENDED;
    case VIR_DOMAIN_CRASHED:
        return POWER_CRASHED;
    case VIR_DOMAIN_SHUTOFF:
        return virDomainHasManagedSaveImage(domain, 0) == 1 ? POWER_SUSPENDED : POWER_SHUTDOWN;
    default:
        return POWER_NONE;
    }
}

/* libvirt forgets the reason when it is restarted, and blames the guest when that vanished together with the machine. */
bool libvirt_is_lost(virDomainPtr domain) {
    int state = VIR_DOMAIN_NOSTATE, reason = 0;

    if (virDomainGetState(domain, &state, &reason, 0) || state != VIR_DOMAIN_SHUTOFF
        || virDomainHasManagedSaveImage(domain, 0) == 1) {
        return false;
    }
    return reason == VIR_DOMAIN_SHUTOFF_UNKNOWN || reason == VIR_DOMAIN_SHUTOFF_CRASHED
           || reason == VIR_DOMAIN_SHUTOFF_FAILED || reason == VIR_DOMAIN_SHUTOFF_DAEMON;
}

bool libvirt_is_active(virDomainPtr domain) {
    return virDomainIsActive(domain) == 1;
}

bool libvirt_is_ours(const struct host *host, virDomainPtr domain) {
    char *text = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, LIBVIRT_NAMESPACE, 0);
    struct arena *arena = arena_new(0);
    const char *data = text ? xml_find_attribute(arena, text, "instance", "data") : NULL;
    bool ours = data && !strcmp(data, host->data);

    free(text);
    arena_free(arena);
    return ours;
}

static void power_report(virDomainPtr domain, enum power_state power, const char *reason) {
    char id[VIR_UUID_STRING_BUFLEN];
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    if (virDomainGetUUIDString(domain, id)) {
        return;
    }
    json_map(&out);
    json_put_int(&out, "power_state", power);
    json_put_text(&out, "reason", reason);
    json_map_end(&out);
    work_report("compute.power", id, buf.at);
    buf_release(&buf);
}

static void stopped_report(virDomainPtr domain, int detail) {
    if (detail == VIR_DOMAIN_EVENT_STOPPED_SAVED) {
        power_report(domain, POWER_SUSPENDED, "saved");
    } else if (detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED || detail == VIR_DOMAIN_EVENT_STOPPED_FAILED) {
        power_report(domain, POWER_CRASHED, "crashed");
    } else {
        power_report(domain, POWER_SHUTDOWN, "stopped");
    }
}

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *unused) {
    switch (event) {
    case VIR_DOMAIN_EVENT_STARTED:
        power_report(domain, POWER_RUNNING, "started");
        break;
    case VIR_DOMAIN_EVENT_RESUMED:
        power_report(domain, POWER_RUNNING, "resumed");
        break;
    case VIR_DOMAIN_EVENT_SUSPENDED:
        power_report(domain, POWER_PAUSED, detail == VIR_DOMAIN_EVENT_SUSPENDED_IOERROR ? "disk error" : "paused");
        break;
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
        power_report(domain, POWER_SUSPENDED, "suspended by the guest");
        break;
    case VIR_DOMAIN_EVENT_CRASHED:
        power_report(domain, POWER_CRASHED, "crashed");
        break;
    case VIR_DOMAIN_EVENT_STOPPED:
        stopped_report(domain, detail);
        break;
    }
    return 0;
}

static void on_close(virConnectPtr connection, int reason, void *unused) {
    pthread_mutex_lock(&lock);
    if (current == connection) {
        current = NULL;
        virConnectClose(connection);
        log_warn("libvirt is gone (reason %d): connecting again", reason);
    }
    pthread_mutex_unlock(&lock);
}

/* Tells the power of our domains, for what happened while nobody listened. Lost ones are for reconcile to mend. */
static void powers_report(virConnectPtr connection) {
    virDomainPtr *domains = NULL;
    int count = virConnectListAllDomains(connection, &domains, 0);

    for (int i = 0; i < count; i++) {
        if (libvirt_is_ours(this_host, domains[i]) && !libvirt_is_lost(domains[i])) {
            power_report(domains[i], libvirt_power_state(domains[i]), "seen on connecting");
        }
        virDomainFree(domains[i]);
    }
    free(domains);
}

static virConnectPtr connect_once(void) {
    virConnectPtr connection = virConnectOpen(this_host->libvirt_uri);

    if (!connection) {
        return NULL;
    }
    if (virConnectRegisterCloseCallback(connection, on_close, NULL, NULL)
        || virConnectSetKeepAlive(connection, KEEPALIVE_SECONDS, KEEPALIVE_MISSES) < 0
        || virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                            VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), NULL, NULL)
               < 0) {
        virConnectClose(connection);
        return NULL;
    }
    return connection;
}

static void connection_keep(void) {
    virConnectPtr connection;
    bool away;

    pthread_mutex_lock(&lock);
    away = !current;
    pthread_mutex_unlock(&lock);
    if (away && (connection = connect_once())) {
        pthread_mutex_lock(&lock);
        current = connection;
        pthread_mutex_unlock(&lock);
        log_info("connected to %s", this_host->libvirt_uri);
        powers_report(connection);
    }
}

static void *keep_connected(void *unused) {
    int64_t unused_seconds = conf_int(this_host->conf, "compute", "image_cache_seconds", DAY);

    for (unsigned seconds = 0;; seconds += RETRY_SECONDS) {
        connection_keep();
        if (seconds % PRUNE_SECONDS == 0) {
            image_cache_prune(this_host, unused_seconds);
        }
        sleep(RETRY_SECONDS);
    }
    return NULL;
}

static void *run_events(void *unused) {
    while (true) {
        if (virEventRunDefaultImpl()) {
            log_error("libvirt's event loop: %s", virGetLastErrorMessage());
            sleep(RETRY_SECONDS);
        }
    }
    return NULL;
}

/* libvirt prints its errors unless told not to; ours say them where they are handled. */
static void on_error(void *unused, virErrorPtr error) {
    log_debug("libvirt: %s", error->message ? error->message : "error");
}

static void wake_up(int timer, void *unused) {
}

static bool thread_start(void *(*run)(void *)) {
    pthread_t thread;

    return !pthread_create(&thread, NULL, run, NULL) && !pthread_detach(thread);
}

static bool libvirt_start(const struct host *host) {
    this_host = host;
    virSetErrorFunc(NULL, on_error);
    if (!disks_prepare(host)) {
        log_error("cannot make %s/instances", host->data);
        return false;
    }
    if (virInitialize() || virEventRegisterDefaultImpl() || virEventAddTimeout(1000, wake_up, NULL, NULL) < 0) {
        log_error("libvirt: %s", virGetLastErrorMessage());
        return false;
    }
    connection_keep();
    return thread_start(run_events) && thread_start(keep_connected);
}

const struct compute_driver compute_driver_libvirt = {
    .name = "libvirt",
    .start = libvirt_start,
    .facts = libvirt_facts,
    .spawn = libvirt_spawn,
    .destroy = libvirt_destroy,
    .power = libvirt_power,
    .attach_disk = libvirt_attach_disk,
    .detach_disk = libvirt_detach_disk,
    .attach_nic = libvirt_attach_nic,
    .mend_nic = libvirt_mend_nic,
    .detach_nic = libvirt_detach_nic,
    .resize = libvirt_resize,
    .resize_confirm = libvirt_resize_confirm,
    .resize_revert = libvirt_resize_revert,
    .rebuild = libvirt_rebuild,
    .snapshot = libvirt_snapshot,
    .console_log = libvirt_console_log,
    .vnc = libvirt_vnc,
    .diagnostics = libvirt_diagnostics,
    .list = libvirt_list,
};
