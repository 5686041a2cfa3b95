/* SPDX-License-Identifier: Apache-2.0
 * What a hypervisor can do for a host. One const struct per driver; tests/unit/test_compute_driver.c holds every driver
 * to this contract.
 *
 * All members but 'start' may be called from several threads at once, for one server by one thread at a time. They may
 * block. They are called again after any failure or restart, so each first looks at what is there. On failure they
 * return false after work_fail. What the API should know goes into work->result, as document.h says. */
#pragma once
#include <stdbool.h>

#include "bus/work.h"
#include "compute/document.h"

struct agent_service;

enum power_action {
    ACTION_START,
    ACTION_STOP,
    ACTION_REBOOT_SOFT,
    ACTION_REBOOT_HARD,
    ACTION_PAUSE,
    ACTION_UNPAUSE,
    ACTION_SUSPEND,
    ACTION_RESUME,
};

struct compute_driver {
    const char *name;

    /* Connects to the hypervisor and keeps connected from then on: a hypervisor that is away now is no failure. Called
     * once, before all others; 'host' outlives the driver. False when the driver can never work here. */
    bool (*start)(const struct host *host);

    /* Writes members of an open map: "vcpus", "memory_mb", "disk_gb", "disk_free_gb", "hypervisor_type",
     * "hypervisor_version" (as 7002022), "hypervisor_hostname", "host_ip", "cpu_info" (map: arch, model, vendor, features,
     * topology), "traits" (list), "supported_instances" (list of [arch, type, mode]). False when it cannot tell now. */
    bool (*facts)(const struct host *host, struct json_out *out);

    /* Makes the server be as its document says: directory, disks (those that exist are kept), config drive, taps
     * plugged, domain, power. */
    bool (*spawn)(struct work *work, const struct server *server);

    /* Ends the server and removes all that it has on this host but volumes. An absent server is success. */
    bool (*destroy)(struct work *work);

    /* Changes the power of an existing server; the state being so already is success. 'timeout_ms' is how long a guest
     * may take to shut down before it is cut off. start and reboot_hard take the document into account anew. */
    bool (*power)(struct work *work, const struct server *server, enum power_action action, int timeout_ms);

    /* Adds or removes a volume, now and for later starts. Detaching succeeds when the guest has let go of the device, or
     * when it was not there. */
    bool (*attach_disk)(struct work *work, const struct server_disk *disk);
    bool (*detach_disk)(struct work *work, const struct server_disk *disk);

    /* The same for a network interface, plugged and unplugged through compute_plug. */
    bool (*attach_nic)(struct work *work, const struct server_nic *nic);
    bool (*detach_nic)(struct work *work, const struct server_nic *nic);

    /* Gives an interface of the server a device again when it has none; null: removes the device work->id, which no server
     * should have. */
    bool (*mend_nic)(struct work *work, const struct server_nic *nic);

    /* Stops the server, keeps its local disks as they are for a revert, grows them to the new flavor and brings it to the
     * document's power. */
    bool (*resize)(struct work *work, const struct server *server, int timeout_ms);

    /* Ends a resize: drops what was kept, or goes back to it ('server' then has the old flavor). Without a resize under
     * way, nothing to drop is success and nothing to go back to leaves the disks alone. */
    bool (*resize_confirm)(struct work *work, const struct server *server);
    bool (*resize_revert)(struct work *work, const struct server *server);

    /* Cuts the server off and makes its local disks anew from the document. */
    bool (*rebuild)(struct work *work, const struct server *server);

    /* Writes the root disk as it is at this moment to the file 'path', in 'format' "qcow2" or "raw", without depending on
     * any other file. The file belongs to the owner of its directory. The server goes on as it was. */
    bool (*snapshot)(struct work *work, const char *path, const char *format);

    /* The last 'lines' lines (0: all kept) of the serial console, at most 100 KiB, as valid UTF-8. */
    bool (*console_log)(struct work *work, int64_t lines);

    /* Where the server's display answers. Fails when the server is not running. */
    bool (*vnc)(struct work *work);

    bool (*diagnostics)(struct work *work);

    /* All servers that this cloud has on this host. "lost" says of one that is shut down that nobody shut it down: the
     * machine or the hypervisor was restarted. */
    bool (*list)(struct work *work);
};

extern const struct compute_driver compute_driver_fake;
extern const struct compute_driver compute_driver_libvirt;

/* How a tap gets onto its network: makes the port's device nic["device"], which exists and is up, part of the network of
 * port 'port_id'; a null 'nic' takes it off, one that was never on is success. Called again and again. Set once at the
 * agent's start by who knows both services; null: taps stay unconnected. */
extern bool (*compute_plug)(struct work *work, const char *port_id, const struct json *nic);

/* The compute service on a host; [compute] driver = libvirt|fake chooses how. Its reconcile asks
 *   "compute.wanted", the host's name -> {"servers": [{"id", "power": as in the document}]}: those that should be here
 *                                        and have no task under way
 *   "compute.server", a server's id   -> its document; null when it has a task under way or should not be here
 *   "compute.deleted", a server's id  -> {"deleted": true} when it was deleted and nothing is left to do about it
 * and mends what only the host can have caused: brings back servers that were lost, stops those that should not run,
 * removes those that were deleted while the host was away, and
 * reports the power of all others that differ. */
extern const struct agent_service compute_agent_service;

/* Starts the driver that the configuration names; once, before the agent. False when it cannot work. */
bool compute_agent_start(const struct host *host);
