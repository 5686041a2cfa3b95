/* SPDX-License-Identifier: Apache-2.0
 * The server document: what one server should be on its host. The compute service writes it, the hypervisor drivers
 * make it so. Every task about a server carries the document as work->doc; arguments of the task (marked below) stand
 * in the same map. Unknown members are ignored; a member that is absent has the default in brackets.
 *
 * {
 *   "id": UUID                            also the directory instances/<id> and the domain's UUID
 *   "name": "instance-00000001"           the domain's name: letters, digits, - _ . (at most 63)
 *   "display_name", "hostname": text      the tenant's texts, only described in the domain's metadata
 *   "project_id", "project_name", "user_id", "user_name": text
 *   "created_at": text
 *   "flavor": {"name": text, "vcpus": n, "ram": MiB, "root": GiB [0: as large as the image], "ephemeral": GiB,
 *              "swap": MiB, "extra_specs": {"hw:watchdog_action": "reset", ...}}
 *   "image": {"id": UUID, "path": file, "format": "qcow2"|"raw"|"vmdk"|"vdi"|"vhd"|"vhdx"|"iso"|
 *             "ami"|"ari"|"aki", "properties": {"hw_disk_bus": "virtio", ...}}
 *                                         null for boot from volume, which may still give "properties"; "path" null for
 *                                         an image that was deleted after the disks were made
 *   "disks": [{
 *       "source": "image" | "blank" | "swap" | "volume"
 *                                         image: the root disk made of "image"; blank, swap: local, made here and
 *                                         empty; volume: made and connected by the volume service
 *       "device": "vda"                   without /dev/; unique in the server
 *       "bus": "virtio"|"scsi"|"ide"|"sata"|"usb" [by hw_disk_bus or hw_cdrom_bus, else by the name]
 *       "type": "disk" | "cdrom" [disk]
 *       "boot_index": n [-1: not booted from]
 *       "size": bytes                     of blank and swap; of image when it differs from the flavor's root
 *       "format": "qcow2" | "raw" [raw]   of a volume
 *       "path": file or block device      of a volume, or instead
 *       "nbd": {"socket": path} or {"host": text, "port": n}, with "name": export
 *       "serial": text                    what the guest sees as serial number: the volume's id
 *       "readonly": bool [false] }]
 *   "nics": [{
 *       "port_id": UUID, "mac_address": "fa:16:3e:..", "device": "tap0123456789a" (at most 15 bytes)
 *       "mtu": n [0: not told to the guest]
 *       "vif_model": "virtio"|"e1000"|"e1000e"|"rtl8139"|"ne2k_pci"|"vmxnet3" [by hw_vif_model, else virtio]
 *       ... }]                            the whole member is also the network's plug document
 *   "config_drive": {"openstack/latest/meta_data.json": text, ...} or null
 *                                         a file that is no text: {"base64": text}
 *   "rescue": {image as above} or null    boot this image, the root disk being the second disk
 *   "power": "running" | "shutdown" | "paused" | "suspended" [running]
 * }
 *
 * Image properties that have an effect (names and values as the image service's metadata definitions): hw_disk_bus,
 * hw_cdrom_bus, hw_rescue_bus, hw_vif_model, hw_scsi_model, hw_machine_type, hw_firmware_type, hw_video_model,
 * hw_qemu_guest_agent, hw_rng_model, hw_watchdog_action, hw_pointer_model, hw_cpu_sockets, hw_cpu_cores,
 * hw_cpu_threads, os_type. Extra specs: hw:watchdog_action, hw:cpu_sockets, hw:cpu_cores, hw:cpu_threads.
 *
 * Tasks (kind: arguments -> what work->result tells)
 *   compute.spawn: the document           -> "power_state"
 *   compute.destroy: doc may be null      -> nothing
 *   compute.power: the document, "action": "start"|"stop"|"reboot_soft"|"reboot_hard"|"pause"|"unpause"|"suspend"|
 *       "resume", "timeout": seconds for the guest to shut down [60; 0: at once] -> "power_state"
 *       rescue and unrescue are reboot_hard of a document with or without "rescue"
 *   compute.attach_volume, compute.detach_volume: "disk": a member of disks -> nothing
 *   compute.attach_interface, compute.detach_interface: "nic": a member of nics -> nothing
 *   compute.tap: "nic": a member of nics, whose device is missing; no doc: the device that is the id goes -> nothing
 *   compute.resize: the document with the new flavor, "timeout" -> "power_state"
 *   compute.resize_confirm: the document -> nothing
 *   compute.resize_revert: the document with the old flavor -> "power_state"
 *   compute.rebuild: the document with the new image -> "power_state"
 *   compute.snapshot: "path": file to make, "format": "qcow2"|"raw" -> "size": bytes, "virtual_size": bytes
 *   compute.console_log: "lines": n [0: all that is kept] -> "output": text
 *   compute.vnc:                          -> "host", "port"
 *   compute.diagnostics:                  -> as the API's microversion 2.48
 *   compute.list: id is the host's name   -> "servers": [{"id", "name", "power_state", "lost": bool}], and "attached":
 *       ["SERVER/VOLUME"] of the volumes that servers have; "directories": [ids] of servers that have files here;
 *       "taps": [names] of the devices that servers have here, or had
 * and unasked, by work_report: compute.power, id, {"power_state": n, "reason": text}. Reports also come while a task of
 * ours changes the state: the API ignores those of a server that has a task. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct json;
struct work;

enum power_state {              /* the numbers of the compute API */
    POWER_NONE = 0,
    POWER_RUNNING = 1,
    POWER_PAUSED = 3,
    POWER_SHUTDOWN = 4,
    POWER_CRASHED = 6,
    POWER_SUSPENDED = 7,
};

enum disk_source { DISK_IMAGE, DISK_BLANK, DISK_SWAP, DISK_VOLUME };

struct server_image {
    const char *id, *path, *format;     /* null id: no image */
    const struct json *properties;
};

struct server_disk {
    enum disk_source source;
    const char *device, *bus, *format, *path, *serial;
    const char *nbd_host, *nbd_socket, *nbd_name;
    int64_t nbd_port, size;
    int boot_index;
    bool cdrom, readonly;
};

struct server_nic {
    const char *port_id, *mac, *device, *model;
    int64_t mtu;
    const struct json *plug;            /* the whole member, for the network */
};

struct server {
    const char *id, *name, *display_name, *hostname, *project_id, *project_name, *user_id, *user_name, *created_at;
    const char *flavor;
    int64_t vcpus, ram, root, ephemeral, swap;      /* MiB, GiB, GiB, MiB */
    const struct json *extra_specs;
    struct server_image image, rescue;
    struct server_disk *disks;
    int disk_count;
    struct server_nic *nics;
    int nic_count;
    const struct json *config_drive;    /* null: none */
    enum power_state power;
};

/* Reads and checks the document of 'work'. Null after work_fail when something does not fit: names become paths and
 * device names, so nothing is taken on trust. */
struct server *server_read(struct work *work);

/* Reads the member "disk" or "nic" of the document of 'work'. */
struct server_disk *server_disk_read(struct work *work);
struct server_nic *server_nic_read(struct work *work);

/* The text of image property or extra spec 'name', or 'otherwise'. */
const char *server_property(const struct server *server, const char *name, const char *otherwise);
const char *server_extra_spec(const struct server *server, const char *name, const char *otherwise);
