/* SPDX-License-Identifier: Apache-2.0
 * Our own libvirt: its files, its guests' end; and whether KVM is one that guests boot with. */
#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/id.h"
#include "base/log.h"
#include "base/run.h"
#include "cmd/engines.h"
#include "cmd/engines_private.h"

LOG_MODULE("host.libvirt");

const char *file_line(struct arena *arena, const char *path) {
    char line[256] = "";
    FILE *file = fopen(path, "re");

    if (file) {
        if (!fgets(line, sizeof line, file)) {
            line[0] = 0;
        }
        fclose(file);
    }
    return arena_text_size(arena, line, strcspn(line, "\n"));
}

static bool file_says(const char *path, const char *text) {
    char bytes[2048];
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;

    if (file) {
        fclose(file);
    }
    return file && size == strlen(text) && !memcmp(bytes, text, size);
}

bool file_write(const char *path, const char *text) {
    FILE *file = file_says(path, text) ? NULL : fopen(path, "we");
    bool ok;

    if (!file) {
        return file_says(path, text);
    }
    ok = fputs(text, file) >= 0;
    return !fclose(file) && ok;
}

/* The host's id must be another one than that of a libvirt of the system's. */
static const char *host_uuid(struct arena *arena, const char *base) {
    const char *path = arena_printf(arena, "%s/libvirt/uuid", base), *known = file_line(arena, path);

    if (!*known) {
        known = id_uuid(arena);
        file_write(path, known);
    }
    return known;
}

/* Only root reaches the sockets. Guests run as the package's unprivileged user; libvirt gives them their disks. Control
 * groups stay unused: two instances on one machine would take each other's for their own. */
bool libvirt_prepare(struct arena *arena, const char *base, const char **ret_error) {
    static const char *const directories[] = {"etc", "lib", "cache"};
    const char *daemon = arena_printf(arena,
        "host_uuid = \"%s\"\n"
        "listen_tls = 0\n"
        "listen_tcp = 0\n"
        "unix_sock_ro_perms = \"0700\"\n"
        "unix_sock_rw_perms = \"0700\"\n"
        "auth_unix_ro = \"none\"\n"
        "auth_unix_rw = \"none\"\n", host_uuid(arena, base));

    for (size_t i = 0; i < 3; i++) {
        const char *path = arena_printf(arena, "%s/libvirt/%s", base, directories[i]);

        if (mkdir(path, 0711) && errno != EEXIST) {
            *ret_error = arena_printf(arena, "cannot make %s: %s", path, strerror(errno));
            return false;
        }
    }
    if (!file_write(arena_printf(arena, "%s/libvirt/etc/libvirtd.conf", base), daemon)
        || !file_write(arena_printf(arena, "%s/libvirt/etc/qemu.conf", base),
                       "security_driver = \"none\"\n"
                       "namespaces = []\n"
                       "cgroup_controllers = []\n"
                       "remember_owner = 0\n")
        || !file_write(arena_printf(arena, "%s/libvirt/etc/virtlogd.conf", base),
                       "max_size = 2097152\n"
                       "max_backups = 1\n")) {
        *ret_error = arena_printf(arena, "cannot write below %s/libvirt/etc: %s", base, strerror(errno));
        return false;
    }
    return true;
}

/* A guest is ours when its directory lies below our data directory. */
static bool guest_is_ours(virDomainPtr domain, const char *data) {
    char uuid[VIR_UUID_STRING_BUFLEN], path[4096];

    return !virDomainGetUUIDString(domain, uuid)
           && snprintf(path, sizeof path, "%s/instances/%s", data, uuid) < (int)sizeof path && !access(path, F_OK);
}

/* Calls 'each' (null: nothing) for our guests that 'flags' (virConnectListAllDomains) select; returns how many. */
static int guests_each(virConnectPtr libvirt, const char *data, unsigned flags, void (*each)(virDomainPtr)) {
    virDomainPtr *domains = NULL;
    int count = virConnectListAllDomains(libvirt, &domains, flags), ours = 0;

    for (int i = 0; i < count; i++) {
        if (guest_is_ours(domains[i], data)) {
            ours++;
            if (each) {
                each(domains[i]);
            }
        }
        virDomainFree(domains[i]);
    }
    free(domains);
    return ours;
}

static void guest_shut_down(virDomainPtr domain) {
    virDomainShutdown(domain);
}

static void guest_cut_off(virDomainPtr domain) {
    log_info("guest %s did not shut down in time and is cut off", virDomainGetName(domain));
    virDomainDestroy(domain);
}

static void guest_undefine(virDomainPtr domain) {
    virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                                       | VIR_DOMAIN_UNDEFINE_NVRAM);
}

/* libvirt prints errors on its own otherwise; a libvirt that does not run is no error here. */
static void error_ignore(void *unused, virErrorPtr error) {
}

void guests_stop(const char *uri, const char *data, int seconds, bool undefine) {
    const unsigned active = VIR_CONNECT_LIST_DOMAINS_ACTIVE;
    virConnectPtr libvirt;

    virSetErrorFunc(NULL, error_ignore);
    libvirt = virConnectOpen(uri);

    if (!libvirt) {
        return;
    }
    guests_each(libvirt, data, active, guest_shut_down);
    for (int i = 0; i < seconds * 10 && guests_each(libvirt, data, active, NULL); i++) {
        usleep(100000);
    }
    guests_each(libvirt, data, active, guest_cut_off);
    if (undefine) {
        guests_each(libvirt, data, 0, guest_undefine);
    }
    virConnectClose(libvirt);
}

static const char *probe_kernel(struct arena *arena, const struct conf *conf, const char *data) {
    struct utsname machine = {0};
    const char *paths[] = {conf_text(conf, "host", "probe_kernel", ""),
                           arena_printf(arena, "%s/guest/guest.qcow2.vmlinuz", data), NULL, "/vmlinuz"};

    uname(&machine);
    paths[2] = arena_printf(arena, "/boot/vmlinuz-%s", machine.release);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (*paths[i] && !access(paths[i], R_OK)) {
            return paths[i];
        }
    }
    return NULL;
}

/* Boots a kernel without a root file system: a working KVM brings it in a second to its panic, which ends QEMU with
 * status 0. A device node, and even a boot sector that runs, are no proof. */
static bool kernel_boots(struct arena *arena, const char *kernel) {
    struct run_result result;
    const char *const argv[] = {
        "qemu-system-x86_64", "-machine", "pc,accel=kvm", "-cpu", "host", "-m", "128", "-display", "none",
        "-nodefaults", "-no-reboot", "-serial", "stdio", "-kernel", kernel, "-append", "console=ttyS0 panic=-1 quiet",
        NULL};

    return run_program(arena, &(struct run){.argv = argv, .timeout_ms = 6000}, &result)
           && strstr(result.output, "Kernel panic");
}

bool kvm_boots(struct arena *arena, const struct conf *conf, const char *data) {
    const char *wish = conf_text(conf, "host", "kvm", "auto"), *path = arena_printf(arena, "%s/engines/run/kvm", data);
    const char *known = file_line(arena, path), *kernel;
    bool boots;

    if (strcmp(wish, "auto")) {
        return conf_bool(conf, "host", "kvm", false);
    }
    if (access("/dev/kvm", R_OK | W_OK)) {
        return false;
    }
    if (*known) {
        return !strcmp(known, "yes");
    }
    kernel = probe_kernel(arena, conf, data);
    if (!kernel) {
        log_warn("there is no kernel to try KVM with: guests run with TCG ([host] kvm = yes says otherwise)");
        return false;
    }
    boots = kernel_boots(arena, kernel);
    file_write(path, boots ? "yes" : "no");
    return boots;
}
