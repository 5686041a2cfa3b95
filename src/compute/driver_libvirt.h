/* SPDX-License-Identifier: Apache-2.0
 * What the files of the libvirt driver share. Everything that libvirt hands out lives until the end of the work: it is
 * released with the arena. */
#pragma once
#include <libvirt/libvirt.h>
#include <stdbool.h>

#include "compute/driver.h"

struct xml;

/* Metadata of a domain under this name tell that it is ours, and whose. */
#define LIBVIRT_NAMESPACE "https://haneul.cloud/xmlns/instance/1"

/* driver_libvirt.c: the connection, made again in the background whenever it breaks. */
virConnectPtr libvirt_connection(struct work *work);        /* null after work_fail */

/* The domain of work->id into *ret_domain, null when there is none. False after work_fail. */
bool libvirt_find(struct work *work, virDomainPtr *ret_domain);
virDomainPtr libvirt_domain(struct work *work);             /* null after work_fail, also when there is none */
void libvirt_keep(struct work *work, virDomainPtr domain);   /* released with the arena */
bool libvirt_fail(struct work *work, const char *what);     /* "server ID: cannot 'what': libvirt's message" */
const char *libvirt_xml(struct work *work, virDomainPtr domain, unsigned flags);        /* null after work_fail */
virConnectPtr libvirt_connection_ref(void);                  /* for virConnectClose; null when libvirt is away */
bool libvirt_is_lost(virDomainPtr domain);                   /* see driver.h, list */
enum power_state libvirt_power_state(virDomainPtr domain);
bool libvirt_is_active(virDomainPtr domain);
bool libvirt_is_ours(const struct host *host, virDomainPtr domain);

/* driver_libvirt_xml.c */
const char *domain_xml(struct work *work, const struct server *server);
const char *disk_xml(struct work *work, const struct server_disk *disk);
const char *nic_xml(struct work *work, const struct server_nic *nic);

/* driver_libvirt_power.c */
bool libvirt_spawn(struct work *work, const struct server *server);
bool libvirt_destroy(struct work *work);
bool libvirt_power(struct work *work, const struct server *server, enum power_action action, int timeout_ms);
bool libvirt_resize(struct work *work, const struct server *server, int timeout_ms);
bool libvirt_resize_confirm(struct work *work, const struct server *server);
bool libvirt_resize_revert(struct work *work, const struct server *server);
bool libvirt_rebuild(struct work *work, const struct server *server);

/* driver_libvirt_devices.c */
bool libvirt_attach_disk(struct work *work, const struct server_disk *disk);
bool libvirt_detach_disk(struct work *work, const struct server_disk *disk);
bool libvirt_attach_nic(struct work *work, const struct server_nic *nic);
bool libvirt_mend_nic(struct work *work, const struct server_nic *nic);
bool libvirt_detach_nic(struct work *work, const struct server_nic *nic);

/* driver_libvirt_snapshot.c */
bool libvirt_snapshot(struct work *work, const char *path, const char *format);
bool libvirt_forget_kept(struct work *work, const struct server *server, virDomainPtr domain);  /* while it runs */

/* driver_libvirt_info.c */
bool libvirt_facts(const struct host *host, struct json_out *out);
bool libvirt_console_log(struct work *work, int64_t lines);
bool libvirt_vnc(struct work *work);
bool libvirt_diagnostics(struct work *work);
bool libvirt_list(struct work *work);
