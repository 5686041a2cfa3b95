/* SPDX-License-Identifier: Apache-2.0
 * The domain that a server document stands for (libvirt's "Domain XML format"). Every text goes through the XML writer;
 * what selects a feature is looked up in a table here, so that an image property can only ask for what is listed. */
#include "compute/driver_libvirt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/json.h"
#include "compute/disks.h"
#include "compute/files.h"
#include "compute/xml.h"

enum { HOTPLUG_PORTS = 16, MAX_TOPOLOGY = 1024 };

static const char *const video_models[] = {"vga", "cirrus", "virtio", "bochs", "qxl", "vmvga", "none", NULL};
static const char *const watchdog_actions[] = {"reset", "poweroff", "pause", "none", NULL};

static const char *allowed(const char *const *words, const char *text) {
    for (int i = 0; text && words[i]; i++) {
        if (!strcmp(words[i], text)) {
            return words[i];
        }
    }
    return NULL;
}

/* "pc", "q35" or one of their versions; nothing else. */
static const char *machine(const struct server *server) {
    const char *type = server_property(server, "hw_machine_type", "pc");
    bool known = !strcmp(type, "q35") || !strncmp(type, "pc-q35-", 7) || !strncmp(type, "pc-i440fx-", 10);

    return known && strlen(type) < 32 ? type : "pc";
}

static bool is_q35(const struct server *server) {
    return strstr(machine(server), "q35");
}

static void write_metadata(struct xml *xml, struct work *work, const struct server *server) {
    xml_begin(xml, "metadata");
    xml_begin(xml, "haneul:instance");
    xml_attribute(xml, "xmlns:haneul", LIBVIRT_NAMESPACE);
    xml_attribute(xml, "data", work->host->data);
    xml_element(xml, "haneul:name", server->display_name);
    xml_element(xml, "haneul:created", server->created_at);
    xml_element(xml, "haneul:flavor", server->flavor);
    xml_begin(xml, "haneul:owner");
    XML_LEAF(xml, "haneul:project", "id", server->project_id, "name", server->project_name);
    XML_LEAF(xml, "haneul:user", "id", server->user_id, "name", server->user_name);
    xml_end(xml);
    XML_LEAF(xml, "haneul:image", "id", server->image.id);
    xml_end(xml);
    xml_end(xml);
}

/* Guests take the product name as the sign that they run in such a cloud (cloud-init's ds-identify). */
static void write_sysinfo(struct xml *xml, const struct server *server) {
    static const char *const entries[][2] = {
        {"manufacturer", "Haneul"}, {"product", "OpenStack Compute"}, {"family", "Virtual Machine"}};

    xml_begin(xml, "sysinfo");
    xml_attribute(xml, "type", "smbios");
    xml_begin(xml, "system");
    for (size_t i = 0; i <= sizeof entries / sizeof *entries; i++) {
        bool last = i == sizeof entries / sizeof *entries;

        xml_begin(xml, "entry");
        xml_attribute(xml, "name", last ? "uuid" : entries[i][0]);
        xml_text(xml, last ? server->id : entries[i][1]);
        xml_end(xml);
    }
    xml_end(xml);
    xml_end(xml);
}

static void write_os(struct xml *xml, const struct server *server) {
    xml_begin(xml, "os");
    if (!strcmp(server_property(server, "hw_firmware_type", "bios"), "uefi")) {
        xml_attribute(xml, "firmware", "efi");
    }
    xml_begin(xml, "type");
    xml_attribute(xml, "arch", "x86_64");
    xml_attribute(xml, "machine", machine(server));
    xml_text(xml, "hvm");
    xml_end(xml);
    XML_LEAF(xml, "smbios", "mode", "sysinfo");
    xml_end(xml);
}

/* Sockets, cores or threads from the extra spec, else from the image. */
static long topology(const struct server *server, const char *spec, const char *property) {
    const char *text = server_extra_spec(server, spec, server_property(server, property, "0"));
    long count = strtol(text, NULL, 10);

    return count < 0 || count > MAX_TOPOLOGY ? 0 : count;
}

static void write_topology(struct xml *xml, const struct server *server) {
    long sockets = topology(server, "hw:cpu_sockets", "hw_cpu_sockets");
    long cores = topology(server, "hw:cpu_cores", "hw_cpu_cores");
    long threads = topology(server, "hw:cpu_threads", "hw_cpu_threads");

    threads = threads ? threads : 1;
    cores = cores ? cores : 1;
    sockets = sockets ? sockets : server->vcpus / (cores * threads);
    if (sockets * cores * threads != server->vcpus) {
        sockets = server->vcpus;
        cores = threads = 1;
    }
    xml_begin(xml, "topology");
    xml_attribute_int(xml, "sockets", sockets);
    xml_attribute_int(xml, "cores", cores);
    xml_attribute_int(xml, "threads", threads);
    xml_end(xml);
}

/* [compute] cpu_mode as libvirt names it, or "custom" with cpu_model. */
static void write_cpu(struct xml *xml, struct work *work, const struct server *server) {
    const char *mode = conf_text(work->host->conf, "compute", "cpu_mode", work->host->kvm ? "host-model" : "maximum");
    bool custom = !strcmp(mode, "custom");

    xml_begin(xml, "cpu");
    xml_attribute(xml, "mode", mode);
    xml_attribute(xml, "match", custom ? "exact" : NULL);
    if (custom) {
        xml_element(xml, "model", conf_text(work->host->conf, "compute", "cpu_model", "qemu64"));
    }
    write_topology(xml, server);
    xml_end(xml);
}

static void write_clock(struct xml *xml, const struct server *server) {
    bool windows = !strcmp(server_property(server, "os_type", "linux"), "windows");

    xml_begin(xml, "clock");
    xml_attribute(xml, "offset", windows ? "localtime" : "utc");
    XML_LEAF(xml, "timer", "name", "pit", "tickpolicy", "delay");
    XML_LEAF(xml, "timer", "name", "rtc", "tickpolicy", "catchup");
    XML_LEAF(xml, "timer", "name", "hpet", "present", "no");
    xml_end(xml);
}

static void write_nbd(struct xml *xml, const struct server_disk *disk) {
    xml_begin(xml, "source");
    xml_attribute(xml, "protocol", "nbd");
    xml_attribute(xml, "name", disk->nbd_name);
    xml_begin(xml, "host");
    if (disk->nbd_host) {
        xml_attribute(xml, "name", disk->nbd_host);
        xml_attribute_int(xml, "port", disk->nbd_port);
    } else {
        xml_attribute(xml, "transport", "unix");
        xml_attribute(xml, "socket", disk->nbd_socket);
    }
    xml_end(xml);
    XML_LEAF(xml, "reconnect", "delay", "60");
    xml_end(xml);
}

/* The backing files of a disk are said, not guessed: a guest could write a header that names others. */
static void write_backing(struct xml *xml, struct work *work, const struct server_disk *disk, const char *base) {
    xml_begin(xml, "backingStore");
    if (base) {
        xml_attribute(xml, "type", "file");
        XML_LEAF(xml, "format", "type", "raw");
        XML_LEAF(xml, "source", "file", server_path(work->arena, work->host, work->id, base));
        XML_LEAF(xml, "backingStore", "type", NULL);
    }
    xml_end(xml);
}

static bool is_block_device(const char *path) {
    struct stat st;

    return path && !stat(path, &st) && S_ISBLK(st.st_mode);
}

/* One disk from file 'path' (null: NBD) in 'format' over the file 'base' of the server's directory. */
static void write_disk(struct xml *xml, struct work *work, const struct server_disk *disk, const char *path,
                       const char *format, const char *base) {
    bool block = is_block_device(path);

    xml_begin(xml, "disk");
    xml_attribute(xml, "type", !path ? "network" : block ? "block" : "file");
    xml_attribute(xml, "device", disk->cdrom ? "cdrom" : "disk");
    XML_LEAF(xml, "driver", "name", "qemu", "type", format, "cache",
             conf_text(work->host->conf, "compute", "disk_cache", "writeback"), "discard",
             disk->cdrom || disk->readonly ? NULL : "unmap");
    if (path) {
        XML_LEAF(xml, "source", block ? "dev" : "file", path);
    } else {
        write_nbd(xml, disk);
    }
    if (disk->source != DISK_VOLUME) {
        write_backing(xml, work, disk, base);
    }
    XML_LEAF(xml, "target", "dev", disk->device, "bus", disk->bus);
    xml_element(xml, "serial", disk->serial);
    if (disk->readonly || disk->cdrom) {
        XML_LEAF(xml, "readonly", "type", NULL);
    }
    if (disk->boot_index >= 0) {
        xml_begin(xml, "boot");
        xml_attribute_int(xml, "order", disk->boot_index + 1);
        xml_end(xml);
    }
    xml_end(xml);
}

static void write_server_disk(struct xml *xml, struct work *work, const struct server_disk *disk) {
    const char *path = disk->source == DISK_VOLUME ? disk->path : disk_path(work, disk);
    bool overlay = disk->source == DISK_IMAGE && !disk->cdrom;
    const char *format = disk->source == DISK_VOLUME ? disk->format : disk->cdrom ? "raw" : "qcow2";

    write_disk(xml, work, disk, path, format, overlay ? "base" : NULL);
}

/* The rescue disk boots; the disk that booted before is the second one. */
static void write_rescue_disks(struct xml *xml, struct work *work, const struct server *server) {
    const char *wanted = json_get_text(server->rescue.properties, "hw_rescue_bus");
    bool sata = wanted && (!strcmp(wanted, "scsi") || !strcmp(wanted, "sata") || !strcmp(wanted, "usb"));
    bool ide = wanted && !strcmp(wanted, "ide");
    const char *prefix = sata ? "sd" : ide ? "hd" : "vd";
    struct server_disk rescue = {
        .source = DISK_IMAGE,
        .device = arena_printf(work->arena, "%sa", prefix),
        .bus = sata || ide ? wanted : "virtio",
    };

    write_disk(xml, work, &rescue, server_path(work->arena, work->host, work->id, "disk.rescue"), "qcow2",
               "base.rescue");
    for (int i = 0; i < server->disk_count; i++) {
        if (server->disks[i].boot_index == 0) {
            struct server_disk root = server->disks[i];

            root.device = arena_printf(work->arena, "%sb", prefix);
            root.bus = rescue.bus;
            root.boot_index = -1;
            write_server_disk(xml, work, &root);
            return;
        }
    }
}

/* The first device name with 'prefix' that no disk has. */
static const char *device_free(struct work *work, const struct server *server, const char *prefix) {
    for (char letter = 'a'; letter <= 'z'; letter++) {
        char *name = arena_printf(work->arena, "%s%c", prefix, letter);
        bool taken = false;

        for (int i = 0; i < server->disk_count; i++) {
            taken = taken || !strcmp(server->disks[i].device, name);
        }
        if (!taken) {
            return name;
        }
    }
    return NULL;
}

/* An IDE CD-ROM, or SATA where there is no IDE, unless the image asks for another bus. */
static void write_config_drive(struct xml *xml, struct work *work, const struct server *server) {
    static const char *const buses[] = {"virtio", "scsi", "ide", "sata", "usb", NULL};
    const char *wanted = allowed(buses, server_property(server, "hw_cdrom_bus", NULL));
    const char *bus = wanted ? wanted : is_q35(server) ? "sata" : "ide";
    const char *prefix = !strcmp(bus, "ide") ? "hd" : !strcmp(bus, "virtio") ? "vd" : "sd";
    struct server_disk disk = {
        .source = DISK_BLANK,
        .device = device_free(work, server, prefix),
        .bus = bus,
        .boot_index = -1,
        .cdrom = strcmp(bus, "virtio") != 0,
        .readonly = true,
    };

    if (disk.device) {
        write_disk(xml, work, &disk, server_path(work->arena, work->host, work->id, "disk.config"), "raw", NULL);
    }
}

static void write_disks(struct xml *xml, struct work *work, const struct server *server) {
    if (server->rescue.id) {
        write_rescue_disks(xml, work, server);
    }
    for (int i = 0; !server->rescue.id && i < server->disk_count; i++) {
        write_server_disk(xml, work, &server->disks[i]);
    }
    if (server->config_drive) {
        write_config_drive(xml, work, server);
    }
}

/* Without a kernel datapath nobody fills in what the guest leaves out, so the guest must leave nothing out. */
static void write_offloads(struct xml *xml) {
    xml_begin(xml, "driver");
    XML_LEAF(xml, "host", "csum", "off", "gso", "off", "tso4", "off", "tso6", "off", "ecn", "off", "ufo", "off");
    XML_LEAF(xml, "guest", "csum", "off", "tso4", "off", "tso6", "off", "ecn", "off", "ufo", "off");
    xml_end(xml);
}

static void write_nic(struct xml *xml, struct work *work, const struct server_nic *nic) {
    bool virtio = !strcmp(nic->model, "virtio");

    xml_begin(xml, "interface");
    xml_attribute(xml, "type", "ethernet");
    XML_LEAF(xml, "mac", "address", nic->mac);
    XML_LEAF(xml, "target", "dev", nic->device, "managed", "no");
    XML_LEAF(xml, "model", "type", nic->model);
    if (virtio && work->host->userspace_datapath) {
        write_offloads(xml);
    }
    if (virtio && nic->mtu) {
        xml_begin(xml, "mtu");
        xml_attribute_int(xml, "size", nic->mtu);
        xml_end(xml);
    }
    XML_LEAF(xml, "rom", "enabled", "no");
    XML_LEAF(xml, "alias", "name", arena_printf(work->arena, "ua-%s", nic->port_id));
    xml_end(xml);
}

/* Controllers that libvirt would choose otherwise. */
static void write_controllers(struct xml *xml, struct work *work, const struct server *server) {
    bool scsi = !strcmp(server_property(server, "hw_disk_bus", ""), "scsi")
                || server_property(server, "hw_scsi_model", NULL);
    bool usb = work->host->kvm || server_property(server, "hw_pointer_model", NULL);

    for (int i = 0; i < server->disk_count; i++) {
        scsi = scsi || !strcmp(server->disks[i].bus, "scsi");
        usb = usb || !strcmp(server->disks[i].bus, "usb");
    }
    if (scsi) {
        XML_LEAF(xml, "controller", "type", "scsi", "model", "virtio-scsi");
    }
    if (!usb) {
        XML_LEAF(xml, "controller", "type", "usb", "model", "none");
    } else {
        XML_LEAF(xml, "input", "type", "tablet", "bus", "usb");
    }
    for (int i = 0; is_q35(server) && i <= HOTPLUG_PORTS; i++) {
        XML_LEAF(xml, "controller", "type", "pci", "model", i ? "pcie-root-port" : "pcie-root");
    }
}

static void write_console(struct xml *xml, struct work *work) {
    xml_begin(xml, "serial");
    xml_attribute(xml, "type", "pty");
    XML_LEAF(xml, "log", "file", server_path(work->arena, work->host, work->id, "console.log"), "append", "off");
    XML_LEAF(xml, "target", "port", "0");
    xml_end(xml);
}

static void write_display(struct xml *xml, struct work *work, const struct server *server) {
    const char *model = allowed(video_models, server_property(server, "hw_video_model", "vga"));

    XML_LEAF(xml, "graphics", "type", "vnc", "port", "-1", "autoport", "yes", "listen",
             conf_text(work->host->conf, "compute", "vnc_listen", "127.0.0.1"));
    xml_begin(xml, "video");
    XML_LEAF(xml, "model", "type", model ? model : "vga");
    xml_end(xml);
}

static void write_extras(struct xml *xml, const struct server *server) {
    const char *watchdog = server_extra_spec(server, "hw:watchdog_action",
                                             server_property(server, "hw_watchdog_action", NULL));
    const char *agent = server_property(server, "hw_qemu_guest_agent", "no");

    if (allowed(watchdog_actions, watchdog)) {
        XML_LEAF(xml, "watchdog", "model", "i6300esb", "action", watchdog);
    }
    if (!strcmp(agent, "yes") || !strcmp(agent, "true")) {
        xml_begin(xml, "channel");
        xml_attribute(xml, "type", "unix");
        XML_LEAF(xml, "target", "type", "virtio", "name", "org.qemu.guest_agent.0");
        xml_end(xml);
    }
    xml_begin(xml, "rng");
    xml_attribute(xml, "model", "virtio");
    xml_begin(xml, "backend");
    xml_attribute(xml, "model", "random");
    xml_text(xml, "/dev/urandom");
    xml_end(xml);
    xml_end(xml);
    xml_begin(xml, "memballoon");
    xml_attribute(xml, "model", "virtio");
    XML_LEAF(xml, "stats", "period", "10");
    xml_end(xml);
}

static void write_devices(struct xml *xml, struct work *work, const struct server *server) {
    xml_begin(xml, "devices");
    write_controllers(xml, work, server);
    write_disks(xml, work, server);
    for (int i = 0; i < server->nic_count; i++) {
        write_nic(xml, work, &server->nics[i]);
    }
    write_console(xml, work);
    write_display(xml, work, server);
    write_extras(xml, server);
    xml_end(xml);
}

static void write_domain(struct xml *xml, struct work *work, const struct server *server) {
    xml_begin(xml, "domain");
    xml_attribute(xml, "type", work->host->kvm ? "kvm" : "qemu");
    xml_element(xml, "name", server->name);
    xml_element(xml, "uuid", server->id);
    write_metadata(xml, work, server);
    xml_begin(xml, "memory");
    xml_attribute(xml, "unit", "MiB");
    xml_text(xml, arena_printf(work->arena, "%lld", (long long)server->ram));
    xml_end(xml);
    xml_element_int(xml, "vcpu", server->vcpus);
    write_sysinfo(xml, server);
    write_os(xml, server);
    xml_begin(xml, "features");
    XML_LEAF(xml, "acpi", "state", NULL);
    XML_LEAF(xml, "apic", "eoi", NULL);
    xml_end(xml);
    write_cpu(xml, work, server);
    write_clock(xml, server);
    xml_element(xml, "on_poweroff", "destroy");
    xml_element(xml, "on_reboot", "restart");
    xml_element(xml, "on_crash", "destroy");
    write_devices(xml, work, server);
    xml_end(xml);
}

static const char *text_take(struct work *work, struct buf *buf) {
    const char *text = arena_text_size(work->arena, buf->at, buf->size);

    buf_release(buf);
    return text;
}

const char *domain_xml(struct work *work, const struct server *server) {
    struct buf buf = {0};

    write_domain(&(struct xml){.buf = &buf}, work, server);
    return text_take(work, &buf);
}

const char *disk_xml(struct work *work, const struct server_disk *disk) {
    struct buf buf = {0};

    write_server_disk(&(struct xml){.buf = &buf}, work, disk);
    return text_take(work, &buf);
}

const char *nic_xml(struct work *work, const struct server_nic *nic) {
    struct buf buf = {0};

    write_nic(&(struct xml){.buf = &buf}, work, nic);
    return text_take(work, &buf);
}
