/* SPDX-License-Identifier: Apache-2.0
 * What can be asked: the host's facts, a server's console, display and figures, and the list of servers. */
#include <dirent.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/id.h"
#include "base/json.h"
#include "compute/console.h"
#include "compute/driver_libvirt.h"
#include "compute/files.h"
#include "compute/tap.h"
#include "compute/xml.h"

static const char *const compute_traits[] = {
    "COMPUTE_NODE",
    "COMPUTE_ACCELERATORS",
    "COMPUTE_DEVICE_TAGGING",
    "COMPUTE_IMAGE_TYPE_ISO",
    "COMPUTE_IMAGE_TYPE_QCOW2",
    "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_NET_ATTACH_INTERFACE",
    "COMPUTE_NET_VIF_MODEL_E1000",
    "COMPUTE_NET_VIF_MODEL_E1000E",
    "COMPUTE_NET_VIF_MODEL_NE2K_PCI",
    "COMPUTE_NET_VIF_MODEL_RTL8139",
    "COMPUTE_NET_VIF_MODEL_VIRTIO",
    "COMPUTE_NET_VIF_MODEL_VMXNET3",
    "COMPUTE_RESCUE_BFV",
    "COMPUTE_STORAGE_BUS_IDE",
    "COMPUTE_STORAGE_BUS_SATA",
    "COMPUTE_STORAGE_BUS_SCSI",
    "COMPUTE_STORAGE_BUS_USB",
    "COMPUTE_STORAGE_BUS_VIRTIO",
    "COMPUTE_GRAPHICS_MODEL_BOCHS",
    "COMPUTE_GRAPHICS_MODEL_CIRRUS",
    "COMPUTE_GRAPHICS_MODEL_NONE",
    "COMPUTE_GRAPHICS_MODEL_VGA",
    "COMPUTE_GRAPHICS_MODEL_VIRTIO",
    "COMPUTE_VOLUME_ATTACH_WITH_TAG",
    NULL,
};

/* CPU features as libvirt names them and the standard traits that they are. */
static const char *const cpu_traits[][2] = {
    {"aes", "HW_CPU_X86_AESNI"},     {"avx", "HW_CPU_X86_AVX"},           {"avx2", "HW_CPU_X86_AVX2"},
    {"avx512f", "HW_CPU_X86_AVX512F"}, {"bmi1", "HW_CPU_X86_BMI"},        {"bmi2", "HW_CPU_X86_BMI2"},
    {"f16c", "HW_CPU_X86_F16C"},     {"fma", "HW_CPU_X86_FMA3"},          {"mmx", "HW_CPU_X86_MMX"},
    {"pclmuldq", "HW_CPU_X86_CLMUL"}, {"sha-ni", "HW_CPU_X86_SHA"},       {"sse", "HW_CPU_X86_SSE"},
    {"sse2", "HW_CPU_X86_SSE2"},     {"pni", "HW_CPU_X86_SSE3"},          {"ssse3", "HW_CPU_X86_SSSE3"},
    {"sse4.1", "HW_CPU_X86_SSE41"},  {"sse4.2", "HW_CPU_X86_SSE42"},      {"sse4a", "HW_CPU_X86_SSE4A"},
    {"svm", "HW_CPU_X86_SVM"},       {"vmx", "HW_CPU_X86_VMX"},
};

static void features_put(struct arena *arena, struct json_out *out, const char *cpu) {
    const char *at = NULL, *feature;

    json_key(out, "features");
    json_list(out);
    while ((feature = xml_find(arena, cpu, "feature", NULL, &at))) {
        json_text(out, xml_find_attribute(arena, feature, "feature", "name"));
    }
    json_list_end(out);
}

/* Text inside an element that holds nothing else. */
static const char *text_of(struct arena *arena, const char *xml, const char *name) {
    const char *element = xml_find(arena, xml, name, NULL, NULL);
    const char *start = element ? strchr(element, '>') : NULL;

    return start ? arena_text_size(arena, start + 1, strcspn(start + 1, "<")) : "";
}

static void topology_put(struct json_out *out, const virNodeInfo *node) {
    json_key(out, "topology");
    json_map(out);
    json_put_int(out, "cells", node->nodes);
    json_put_int(out, "sockets", node->sockets);
    json_put_int(out, "cores", node->cores);
    json_put_int(out, "threads", node->threads);
    json_map_end(out);
}

static void traits_put(struct arena *arena, struct json_out *out, const char *cpu) {
    json_key(out, "traits");
    json_list(out);
    for (int i = 0; compute_traits[i]; i++) {
        json_text(out, compute_traits[i]);
    }
    for (size_t i = 0; i < sizeof cpu_traits / sizeof *cpu_traits; i++) {
        if (strstr(cpu, arena_printf(arena, "<feature name='%s'/>", cpu_traits[i][0]))) {
            json_text(out, cpu_traits[i][1]);
        }
    }
    json_list_end(out);
}

static void cpu_put(struct arena *arena, struct json_out *out, const char *cpu, const virNodeInfo *node) {
    json_key(out, "cpu_info");
    json_map(out);
    json_put_text(out, "arch", text_of(arena, cpu, "arch"));
    json_put_text(out, "model", text_of(arena, cpu, "model"));
    json_put_text(out, "vendor", text_of(arena, cpu, "vendor"));
    features_put(arena, out, cpu);
    topology_put(out, node);
    json_map_end(out);
    traits_put(arena, out, cpu);
}

static bool facts_put(struct arena *arena, const struct host *host, virConnectPtr connection, struct json_out *out) {
    char *capabilities = virConnectGetCapabilities(connection);
    const char *cpu = capabilities ? xml_find(arena, capabilities, "cpu", "<arch>", NULL) : NULL;
    unsigned long version = 0;
    struct statvfs disk;
    virNodeInfo node;

    free(capabilities);
    if (!cpu || virNodeGetInfo(connection, &node) || virConnectGetVersion(connection, &version)
        || statvfs(arena_printf(arena, "%s/instances", host->data), &disk)) {
        return false;
    }
    json_put_int(out, "vcpus", node.cpus);
    json_put_int(out, "memory_mb", (int64_t)(node.memory / 1024));
    json_put_int(out, "disk_gb", (int64_t)((uint64_t)disk.f_blocks * disk.f_frsize >> 30));
    json_put_int(out, "disk_free_gb", (int64_t)((uint64_t)disk.f_bavail * disk.f_frsize >> 30));
    json_put_text(out, "hypervisor_type", "QEMU");
    json_put_int(out, "hypervisor_version", (int64_t)version);
    json_put_text(out, "hypervisor_hostname", host->name);
    json_put_text(out, "host_ip", conf_text(host->conf, "compute", "my_ip", "127.0.0.1"));
    json_put_raw(out, "supported_instances",
                 host->kvm ? "[[\"x86_64\", \"kvm\", \"hvm\"], [\"x86_64\", \"qemu\", \"hvm\"]]"
                           : "[[\"x86_64\", \"qemu\", \"hvm\"]]");
    cpu_put(arena, out, cpu, &node);
    return true;
}

bool libvirt_facts(const struct host *host, struct json_out *out) {
    virConnectPtr connection = libvirt_connection_ref();
    struct arena *arena = arena_new(0);
    bool ok = connection && facts_put(arena, host, connection, out);

    if (connection) {
        virConnectClose(connection);
    }
    arena_free(arena);
    return ok;
}

bool libvirt_console_log(struct work *work, int64_t lines) {
    if (!libvirt_domain(work)) {
        return false;
    }
    console_put_file(work, server_path(work->arena, work->host, work->id, "console.log"), lines);
    return true;
}

bool libvirt_vnc(struct work *work) {
    virDomainPtr domain = libvirt_domain(work);
    const char *xml = domain ? libvirt_xml(work, domain, 0) : NULL;
    const char *graphics = xml ? xml_find(work->arena, xml, "graphics", "type='vnc'", NULL) : NULL;
    const char *port = graphics ? xml_find_attribute(work->arena, graphics, "graphics", "port") : NULL;

    if (!xml) {
        return false;
    }
    if (!port || atoi(port) <= 0) {
        return work_fail(work, "server %s is not running", work->id);
    }
    json_put_text(&work->result, "host", xml_find_attribute(work->arena, graphics, "graphics", "listen"));
    json_put_int(&work->result, "port", atoi(port));
    return true;
}

/* One domain's figures, by the names that libvirt gives them. */
struct figures {
    struct work *work;
    virDomainStatsRecordPtr record;
};

static int64_t figure(const struct figures *of, int64_t otherwise, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int64_t figure(const struct figures *of, int64_t otherwise, const char *format, ...) {
    unsigned long long large;
    const char *name;
    unsigned small;
    int number;
    va_list args;

    va_start(args, format);
    name = arena_vprintf(of->work->arena, format, args);
    va_end(args);
    if (virTypedParamsGetULLong(of->record->params, of->record->nparams, name, &large) == 1) {
        return (int64_t)large;
    }
    if (virTypedParamsGetUInt(of->record->params, of->record->nparams, name, &small) == 1) {
        return small;
    }
    if (virTypedParamsGetInt(of->record->params, of->record->nparams, name, &number) == 1) {
        return number;
    }
    virResetLastError();
    return otherwise;
}

static void cpus_put(struct json_out *out, const struct figures *of, int64_t count) {
    json_put_int(out, "num_cpus", count);
    json_key(out, "cpu_details");
    json_list(out);
    for (int64_t i = 0; i < count; i++) {
        json_map(out);
        json_put_int(out, "id", i);
        json_put_int(out, "time", figure(of, 0, "vcpu.%lld.time", (long long)i));
        json_put_null(out, "utilisation");
        json_map_end(out);
    }
    json_list_end(out);
}

/* A member of the API and the figure that it is. */
struct figure_name {
    const char *key, *name;
};

static void figures_put(struct json_out *out, const struct figures *of, const char *group, int64_t index,
                        const struct figure_name *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        json_put_int(out, names[i].key, figure(of, 0, "%s.%lld.%s", group, (long long)index, names[i].name));
    }
}

static void nics_put(struct json_out *out, const struct figures *of, const char *xml) {
    static const struct figure_name names[] = {
        {"rx_octets", "rx.bytes"},   {"rx_errors", "rx.errs"}, {"rx_drop", "rx.drop"},
        {"rx_packets", "rx.pkts"},   {"tx_octets", "tx.bytes"}, {"tx_errors", "tx.errs"},
        {"tx_drop", "tx.drop"},      {"tx_packets", "tx.pkts"},
    };
    int64_t count = figure(of, 0, "net.count");
    const char *at = NULL;

    json_put_int(out, "num_nics", count);
    json_key(out, "nic_details");
    json_list(out);
    for (int64_t i = 0; i < count; i++) {
        const char *nic = xml_find(of->work->arena, xml, "interface", NULL, &at);

        json_map(out);
        json_put_text(out, "mac_address", nic ? xml_find_attribute(of->work->arena, nic, "mac", "address") : NULL);
        figures_put(out, of, "net", i, names, sizeof names / sizeof *names);
        json_put_null(out, "rx_rate");
        json_put_null(out, "tx_rate");
        json_map_end(out);
    }
    json_list_end(out);
}

static void disks_put(struct json_out *out, const struct figures *of) {
    static const struct figure_name names[] = {
        {"read_bytes", "rd.bytes"},
        {"read_requests", "rd.reqs"},
        {"write_bytes", "wr.bytes"},
        {"write_requests", "wr.reqs"},
    };
    int64_t count = figure(of, 0, "block.count");

    json_put_int(out, "num_disks", count);
    json_key(out, "disk_details");
    json_list(out);
    for (int64_t i = 0; i < count; i++) {
        json_map(out);
        figures_put(out, of, "block", i, names, sizeof names / sizeof *names);
        json_put_int(out, "errors_count", 0);
        json_map_end(out);
    }
    json_list_end(out);
}

static void memory_put(struct json_out *out, const struct figures *of) {
    int64_t maximum = figure(of, 0, "balloon.maximum");

    json_key(out, "memory_details");
    json_map(out);
    json_put_int(out, "maximum", maximum / 1024);
    json_put_int(out, "used", (maximum - figure(of, maximum, "balloon.unused")) / 1024);
    json_map_end(out);
}

static const char *state_name(enum power_state power) {
    switch (power) {
    case POWER_RUNNING:
        return "running";
    case POWER_PAUSED:
        return "paused";
    case POWER_SHUTDOWN:
        return "shutdown";
    case POWER_CRASHED:
        return "crashed";
    case POWER_SUSPENDED:
        return "suspended";
    case POWER_NONE:
        break;
    }
    return "pending";
}

bool libvirt_diagnostics(struct work *work) {
    virDomainPtr domain = libvirt_domain(work);
    const char *xml = domain ? libvirt_xml(work, domain, 0) : NULL;
    virDomainStatsRecordPtr *records = NULL;
    struct json_out *out = &work->result;

    if (!xml) {
        return false;
    }
    if (virDomainListGetStats((virDomainPtr[]){domain, NULL}, 0, &records, 0) < 1) {
        return libvirt_fail(work, "read its figures");
    }

    struct figures of = {.work = work, .record = records[0]};

    json_put_text(out, "state", state_name(libvirt_power_state(domain)));
    json_put_text(out, "driver", "libvirt");
    json_put_text(out, "hypervisor", work->host->kvm ? "kvm" : "qemu");
    json_put_text(out, "hypervisor_os", "linux");
    json_put_null(out, "uptime");       /* the compute service knows when it was started */
    json_put_bool(out, "config_drive", strstr(xml, "/disk.config'") != NULL);
    cpus_put(out, &of, figure(&of, 0, "vcpu.current"));
    nics_put(out, &of, xml);
    disks_put(out, &of);
    memory_put(out, &of);
    virDomainStatsRecordListFree(records);
    return true;
}

static void one_put(struct json_out *out, virDomainPtr domain) {
    char id[VIR_UUID_STRING_BUFLEN];

    if (!virDomainGetUUIDString(domain, id)) {
        json_map(out);
        json_put_text(out, "id", id);
        json_put_text(out, "name", virDomainGetName(domain));
        json_put_int(out, "power_state", libvirt_power_state(domain));
        json_put_bool(out, "lost", libvirt_is_lost(domain));
        json_map_end(out);
    }
}

/* "SERVER/VOLUME" of each disk that has a volume's id as its serial number. */
static void attached_put(struct work *work, virDomainPtr domain) {
    char id[VIR_UUID_STRING_BUFLEN];
    const char *xml = virDomainGetUUIDString(domain, id) ? NULL : libvirt_xml(work, domain, 0), *at = xml, *disk;

    while (at && (disk = xml_find(work->arena, xml, "disk", "<serial>", &at))) {
        const char *serial = strstr(disk, "<serial>") + strlen("<serial>");

        json_text(&work->result, arena_printf(work->arena, "%s/%.*s", id, (int)strcspn(serial, "<"), serial));
    }
}

/* The directories of servers, whether they have a domain or not. */
static void directories_put(struct work *work) {
    DIR *parent = opendir(arena_printf(work->arena, "%s/instances", work->host->data));
    const struct dirent *entry;

    json_key(&work->result, "directories");
    json_list(&work->result);
    while (parent && (entry = readdir(parent))) {
        if (id_is_uuid(entry->d_name)) {
            json_text(&work->result, entry->d_name);
        }
    }
    json_list_end(&work->result);
    if (parent) {
        closedir(parent);
    }
}

bool libvirt_list(struct work *work) {
    virConnectPtr connection = libvirt_connection(work);
    virDomainPtr *domains = NULL;
    int count = connection ? virConnectListAllDomains(connection, &domains, 0) : -1;

    if (count < 0) {
        return work_fail(work, "cannot list the servers of host %s", work->host->name);
    }
    json_key(&work->result, "servers");
    json_list(&work->result);
    for (int i = 0; i < count; i++) {
        if (libvirt_is_ours(work->host, domains[i])) {
            one_put(&work->result, domains[i]);
        }
    }
    json_list_end(&work->result);
    json_key(&work->result, "attached");
    json_list(&work->result);
    for (int i = 0; i < count; i++) {
        if (libvirt_is_ours(work->host, domains[i])) {
            attached_put(work, domains[i]);
        }
        virDomainFree(domains[i]);
    }
    json_list_end(&work->result);
    free(domains);
    directories_put(work);
    return tap_list(work);
}
