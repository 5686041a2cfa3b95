/* SPDX-License-Identifier: Apache-2.0
 * The life of a domain: made, started, stopped, changed, removed. Every function first looks at what libvirt has and
 * does what is missing. */
#include <libvirt/virterror.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "compute/disks.h"
#include "compute/driver_libvirt.h"
#include "compute/tap.h"
#include "compute/xml.h"

enum { POLL_MICROSECONDS = 50000, ASK_AGAIN_SECONDS = 10, STOP_MS = 60000 };

static bool out_of_time(struct work *work) {
    return work->deadline && clock_monotonic() >= work->deadline;
}

static bool taps_plug(struct work *work, const struct server *server) {
    for (int i = 0; i < server->nic_count; i++) {
        if (!tap_plug(work, &server->nics[i])) {
            return false;
        }
    }
    return true;
}

/* Unplugs the taps that the domain's own description names. */
static bool taps_unplug(struct work *work, const char *xml) {
    const char *at = NULL, *nic;

    while ((nic = xml_find(work->arena, xml, "interface", NULL, &at))) {
        const char *device = xml_find_attribute(work->arena, nic, "target", "dev");
        const char *alias = xml_find_attribute(work->arena, nic, "alias", "name");
        const char *port_id = alias && !strncmp(alias, "ua-", 3) ? alias + 3 : NULL;

        if (device && !tap_unplug(work, port_id, device)) {
            return false;
        }
    }
    return true;
}

/* Makes files and the lasting definition. The domain is not active. */
static bool define(struct work *work, const struct server *server, virDomainPtr *ret_domain) {
    virConnectPtr connection = libvirt_connection(work);

    if (!connection || !disks_make(work, server)) {
        return false;
    }
    if (!(*ret_domain = virDomainDefineXMLFlags(connection, domain_xml(work, server), 0))) {
        return libvirt_fail(work, "define its domain");
    }
    libvirt_keep(work, *ret_domain);
    return true;
}

/* True when 'result' (of a libvirt call) is success or the domain is as wanted anyway. The reason is read first: asking
 * libvirt anything else forgets it. */
static bool settled(struct work *work, virDomainPtr domain, int result, bool active, const char *what) {
    const char *reason = result ? arena_text(work->arena, virGetLastErrorMessage()) : NULL;

    return !result || libvirt_is_active(domain) == active
           || work_fail(work, "server %s: cannot %s: %s", work->id, what, reason);
}

/* Starts a defined domain from its boot disk, paused when 'paused'. */
static bool launch(struct work *work, const struct server *server, virDomainPtr domain, bool paused) {
    unsigned flags = VIR_DOMAIN_START_FORCE_BOOT | (paused ? VIR_DOMAIN_START_PAUSED : 0);

    return taps_plug(work, server)
           && settled(work, domain, virDomainCreateWithFlags(domain, flags), true, "start");
}

static bool cut_off(struct work *work, virDomainPtr domain) {
    return settled(work, domain, virDomainDestroy(domain), false, "stop");
}

/* Asks the guest to shut down, again from time to time for it may still be booting, and cuts it off in the end. */
static bool stop(struct work *work, virDomainPtr domain, int timeout_ms) {
    int64_t now = clock_monotonic(), end = now + timeout_ms * 1000LL, ask = now;
    bool can_answer = libvirt_power_state(domain) == POWER_RUNNING;

    while (can_answer && libvirt_is_active(domain) && now < end && !out_of_time(work)) {
        if (now >= ask) {
            virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
            ask = now + ASK_AGAIN_SECONDS * SECOND;
        }
        usleep(POLL_MICROSECONDS);
        now = clock_monotonic();
    }
    return !libvirt_is_active(domain) || cut_off(work, domain);
}

static bool settle(struct work *work, virDomainPtr domain) {
    json_put_int(&work->result, "power_state", libvirt_power_state(domain));
    return true;
}

/* Defines anew and starts; the domain is not active. */
static bool boot(struct work *work, const struct server *server, bool paused) {
    virDomainPtr domain;

    return define(work, server, &domain) && launch(work, server, domain, paused) && settle(work, domain);
}

/* Defines anew and brings the inactive domain to the power that the document wants. */
static bool boot_as_wanted(struct work *work, const struct server *server) {
    virDomainPtr domain;

    if (server->power == POWER_RUNNING || server->power == POWER_PAUSED) {
        return boot(work, server, server->power == POWER_PAUSED);
    }
    return define(work, server, &domain) && taps_plug(work, server) && settle(work, domain);
}

static bool pause_guest(struct work *work, virDomainPtr domain) {
    return libvirt_power_state(domain) == POWER_PAUSED || !virDomainSuspend(domain) || libvirt_fail(work, "pause");
}

static bool unpause_guest(struct work *work, virDomainPtr domain) {
    return libvirt_power_state(domain) == POWER_RUNNING || !virDomainResume(domain)
           || libvirt_fail(work, "unpause");
}

static bool suspend_guest(struct work *work, virDomainPtr domain) {
    return libvirt_power_state(domain) == POWER_SUSPENDED || !virDomainManagedSave(domain, 0)
           || libvirt_fail(work, "suspend");
}

/* From the saved memory when there is some, else from the boot disk. */
static bool resume_guest(struct work *work, const struct server *server, virDomainPtr domain) {
    if (libvirt_is_active(domain)) {
        return unpause_guest(work, domain);
    }
    return taps_plug(work, server) && settled(work, domain, virDomainCreate(domain), true, "resume");
}

/* An active domain to the document's power, without starting it anew. */
static bool active_as_wanted(struct work *work, const struct server *server, virDomainPtr domain) {
    switch (server->power) {
    case POWER_RUNNING:
        return taps_plug(work, server) && unpause_guest(work, domain);
    case POWER_PAUSED:
        return taps_plug(work, server) && pause_guest(work, domain);
    case POWER_SUSPENDED:
        return suspend_guest(work, domain);
    default:
        return stop(work, domain, STOP_MS);
    }
}

bool libvirt_spawn(struct work *work, const struct server *server) {
    virDomainPtr domain;

    if (!libvirt_find(work, &domain)) {
        return false;
    }
    if (domain && libvirt_is_active(domain)) {
        return active_as_wanted(work, server, domain) && settle(work, domain);
    }
    if (domain && server->power == POWER_SUSPENDED && libvirt_power_state(domain) == POWER_SUSPENDED) {
        return taps_plug(work, server) && settle(work, domain);
    }
    return boot_as_wanted(work, server);
}

/* Unplugs what the document names, for a domain that is gone or never was. */
static bool document_unplug(struct work *work) {
    const struct server *server = json_get(work->doc, "nics") ? server_read(work) : NULL;

    for (int i = 0; server && i < server->nic_count; i++) {
        if (!tap_unplug(work, server->nics[i].port_id, server->nics[i].device)) {
            return false;
        }
    }
    return !json_get(work->doc, "nics") || server;
}

bool libvirt_destroy(struct work *work) {
    const unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                           | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
    virDomainPtr domain;
    const char *xml;

    if (!libvirt_find(work, &domain)) {
        return false;
    }
    if (!domain) {
        return document_unplug(work) && disks_remove(work);
    }
    if (!libvirt_is_ours(work->host, domain)) {
        return work_fail(work, "server %s: its domain belongs to somebody else", work->id);
    }
    if (!(xml = libvirt_xml(work, domain, 0)) || !cut_off(work, domain) || !taps_unplug(work, xml)
        || !document_unplug(work) || !disks_remove(work)) {
        return false;
    }
    return !virDomainUndefineFlags(domain, flags) || virGetLastErrorCode() == VIR_ERR_NO_DOMAIN
           || libvirt_fail(work, "undefine its domain");
}

/* Ends what runs, by the guest when it is soft, and boots anew from the document. */
static bool reboot(struct work *work, const struct server *server, virDomainPtr domain, int timeout_ms) {
    return (!libvirt_is_active(domain) || stop(work, domain, timeout_ms)) && boot(work, server, false);
}

static bool act(struct work *work, const struct server *server, virDomainPtr domain, enum power_action action,
                int timeout_ms) {
    switch (action) {
    case ACTION_START:
        return libvirt_is_active(domain) ? unpause_guest(work, domain) : boot(work, server, false);
    case ACTION_STOP:
        return !libvirt_is_active(domain) || stop(work, domain, timeout_ms);
    case ACTION_REBOOT_SOFT:
        return reboot(work, server, domain, timeout_ms);
    case ACTION_REBOOT_HARD:
        return reboot(work, server, domain, 0);
    case ACTION_PAUSE:
        return pause_guest(work, domain);
    case ACTION_UNPAUSE:
        return unpause_guest(work, domain);
    case ACTION_SUSPEND:
        return suspend_guest(work, domain);
    case ACTION_RESUME:
        return resume_guest(work, server, domain);
    }
    return work_fail(work, "server %s: unknown power action", work->id);
}

/* Actions that boot tell the power themselves. */
static bool boots(enum power_action action) {
    return action == ACTION_REBOOT_SOFT || action == ACTION_REBOOT_HARD;
}

bool libvirt_power(struct work *work, const struct server *server, enum power_action action, int timeout_ms) {
    virDomainPtr domain;
    bool told;

    if (!libvirt_find(work, &domain)) {
        return false;
    }
    if (!domain) {
        bool may_make = action == ACTION_START || boots(action);

        return may_make ? boot(work, server, false)
                        : work_fail(work, "server %s does not exist on host %s", work->id, work->host->name);
    }
    told = boots(action) || (action == ACTION_START && !libvirt_is_active(domain));
    return act(work, server, domain, action, timeout_ms) && (told || settle(work, domain));
}

/* Stops the server if it is there and runs. */
static bool rest(struct work *work, int timeout_ms) {
    virDomainPtr domain;

    return libvirt_find(work, &domain)
           && (!domain || !libvirt_is_active(domain) || stop(work, domain, timeout_ms));
}

bool libvirt_resize(struct work *work, const struct server *server, int timeout_ms) {
    return rest(work, timeout_ms) && disks_keep(work, server) && disks_grow(work, server)
           && boot_as_wanted(work, server);
}

bool libvirt_resize_confirm(struct work *work, const struct server *server) {
    virDomainPtr domain = libvirt_domain(work);

    if (!domain) {
        return false;
    }
    return libvirt_is_active(domain) ? libvirt_forget_kept(work, server, domain) : disks_forget(work, server, false);
}

bool libvirt_resize_revert(struct work *work, const struct server *server) {
    return rest(work, 0) && disks_forget(work, server, true) && boot_as_wanted(work, server);
}

bool libvirt_rebuild(struct work *work, const struct server *server) {
    return rest(work, 0) && disks_discard(work, server) && boot_as_wanted(work, server);
}
