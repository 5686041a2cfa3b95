/* SPDX-License-Identifier: Apache-2.0
 * Hot plug: volumes and interfaces, in the running domain and in its lasting definition. */
#include <libvirt/virterror.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "compute/driver_libvirt.h"
#include "compute/tap.h"
#include "compute/xml.h"

enum { POLL_MICROSECONDS = 100000, ASK_AGAIN_SECONDS = 5, DETACH_SECONDS = 120 };

/* How a device is known in the domain's XML. */
struct device {
    const char *element;        /* "disk" */
    const char *mark;           /* text that only this device's element has */
    const char *name;           /* for messages */
    const char *xml;            /* to attach it */
};

static struct device disk_device(struct work *work, const struct server_disk *disk) {
    return (struct device){
        .element = "disk",
        .mark = disk->serial ? arena_printf(work->arena, "<serial>%s</serial>", disk->serial)
                             : arena_printf(work->arena, "<target dev='%s' ", disk->device),
        .name = disk->device,
        .xml = disk_xml(work, disk),
    };
}

static struct device nic_device(struct work *work, const struct server_nic *nic) {
    return (struct device){
        .element = "interface",
        .mark = arena_printf(work->arena, "<mac address='%s'/>", nic->mac),
        .name = nic->mac,
        .xml = nic_xml(work, nic),
    };
}

/* The device's element in the domain as it runs (flags 0) or as it is defined; null when it is not there. */
static bool device_find(struct work *work, virDomainPtr domain, const struct device *device, unsigned flags,
                        const char **ret_element) {
    const char *xml = libvirt_xml(work, domain, flags);

    *ret_element = xml ? xml_find(work->arena, xml, device->element, device->mark, NULL) : NULL;
    return xml;
}

static bool device_attach_in(struct work *work, virDomainPtr domain, const struct device *device, unsigned where) {
    unsigned flags = where == VIR_DOMAIN_AFFECT_CONFIG ? VIR_DOMAIN_XML_INACTIVE : 0;
    const char *there;

    if (!device_find(work, domain, device, flags, &there)) {
        return false;
    }
    return there || !virDomainAttachDeviceFlags(domain, device->xml, where)
           || libvirt_fail(work, arena_printf(work->arena, "attach %s", device->name));
}

static bool device_attach(struct work *work, virDomainPtr domain, const struct device *device) {
    return (!libvirt_is_active(domain) || device_attach_in(work, domain, device, VIR_DOMAIN_AFFECT_LIVE))
           && device_attach_in(work, domain, device, VIR_DOMAIN_AFFECT_CONFIG);
}

static bool device_detach_config(struct work *work, virDomainPtr domain, const struct device *device) {
    const char *there;

    if (!device_find(work, domain, device, VIR_DOMAIN_XML_INACTIVE, &there)) {
        return false;
    }
    return !there || !virDomainDetachDeviceFlags(domain, there, VIR_DOMAIN_AFFECT_CONFIG)
           || libvirt_fail(work, arena_printf(work->arena, "detach %s for later starts", device->name));
}

/* The guest lets go of a device when it likes; one that is still booting does not hear the question, so it is asked
 * again. */
static bool device_detach_live(struct work *work, virDomainPtr domain, const struct device *device) {
    int64_t now = clock_monotonic(), end = now + DETACH_SECONDS * SECOND, ask = now;
    const char *there, *cause = NULL;

    while (libvirt_is_active(domain)) {
        if (!device_find(work, domain, device, 0, &there)) {
            return !libvirt_is_active(domain);
        }
        if (!there) {
            return true;
        }
        if (now >= end || (work->deadline && now >= work->deadline)) {
            return work_fail(work, "server %s: the guest did not let go of %s%s%s", work->id, device->name,
                             cause ? ": " : "", cause ? cause : "");
        }
        if (now >= ask) {
            if (virDomainDetachDeviceFlags(domain, there, VIR_DOMAIN_AFFECT_LIVE)) {
                cause = arena_text(work->arena, virGetLastErrorMessage());
            }
            ask = clock_monotonic() + ASK_AGAIN_SECONDS * SECOND;
        } else {
            usleep(POLL_MICROSECONDS);
        }
        now = clock_monotonic();
    }
    return true;
}

static bool device_detach(struct work *work, virDomainPtr domain, const struct device *device) {
    return device_detach_config(work, domain, device) && device_detach_live(work, domain, device);
}

bool libvirt_attach_disk(struct work *work, const struct server_disk *disk) {
    virDomainPtr domain = libvirt_domain(work);
    struct device device = disk_device(work, disk);

    return domain && device_attach(work, domain, &device);
}

bool libvirt_detach_disk(struct work *work, const struct server_disk *disk) {
    struct device device = disk_device(work, disk);
    virDomainPtr domain;

    return libvirt_find(work, &domain) && (!domain || device_detach(work, domain, &device));
}

bool libvirt_attach_nic(struct work *work, const struct server_nic *nic) {
    virDomainPtr domain = libvirt_domain(work);
    struct device device = nic_device(work, nic);

    if (!domain) {
        return false;
    }
    if (!tap_plug(work, nic) || !device_attach(work, domain, &device)) {
        tap_unplug(work, nic->port_id, nic->device);    /* the first cause stays */
        return false;
    }
    return true;
}

bool libvirt_detach_nic(struct work *work, const struct server_nic *nic) {
    struct device device = nic_device(work, nic);
    virDomainPtr domain;

    return libvirt_find(work, &domain) && (!domain || device_detach(work, domain, &device))
           && tap_unplug(work, nic->port_id, nic->device);
}

/* A domain keeps a device that is gone until it is taken from it. */
bool libvirt_mend_nic(struct work *work, const struct server_nic *nic) {
    struct device device;
    virDomainPtr domain;

    if (!nic) {
        return !tap_is_ours(work, work->id) || tap_unplug(work, NULL, work->id);
    }
    if (if_nametoindex(nic->device)) {
        return tap_plug(work, nic);
    }
    device = nic_device(work, nic);
    domain = libvirt_domain(work);
    return domain && device_detach_live(work, domain, &device) && tap_plug(work, nic)
           && device_attach(work, domain, &device);
}
