/* SPDX-License-Identifier: Apache-2.0
 * `haneul doctor`: is this host fit? One line for each thing looked at: ok, warn (works, but less well) or fail, and
 * what to do. Changes nothing. To add a check: a function and a line in the table. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/run.h"
#include "cmd/cmd.h"
#include "cmd/engines.h"
#include "cmd/role.h"
#include "object_store/object_store.h"

enum verdict { OK, WARN, FAIL };

struct finding {
    enum verdict verdict;
    const char *text;               /* what was found */
    const char *remedy;             /* what to do; null when all is well */
};

static struct finding check_root(struct cmd *cmd);
static struct finding check_programs(struct cmd *cmd);
static struct finding check_users(struct cmd *cmd);
static struct finding check_data(struct cmd *cmd);
static struct finding check_disk(struct cmd *cmd);
static struct finding check_memory(struct cmd *cmd);
static struct finding check_tun(struct cmd *cmd);
static struct finding check_datapath(struct cmd *cmd);
static struct finding check_kvm(struct cmd *cmd);
static struct finding check_listen(struct cmd *cmd);
static struct finding check_libvirt(struct cmd *cmd);
static struct finding check_switch(struct cmd *cmd);
static struct finding check_bridge(struct cmd *cmd);
static struct finding check_objects(struct cmd *cmd);

static const struct check {
    const char *name;
    struct finding (*look)(struct cmd *cmd);
} checks[] = {
    {"rights", check_root},
    {"programs", check_programs},
    {"users", check_users},
    {"data directory", check_data},
    {"disk", check_disk},
    {"memory", check_memory},
    {"tap devices", check_tun},
    {"switch datapath", check_datapath},
    {"virtualization", check_kvm},
    {"address", check_listen},
    {"libvirt", check_libvirt},
    {"Open vSwitch", check_switch},
    {"external network", check_bridge},
    {"object store", check_objects},
};

int cmd_doctor(struct cmd *cmd) {
    static const char *const words[] = {"ok", "warn", "FAIL"};
    int count[3] = {0};

    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        struct finding finding = checks[i].look(cmd);

        count[finding.verdict]++;
        printf("%-4s  %-16s  %s\n", words[finding.verdict], checks[i].name, finding.text);
        if (finding.remedy) {
            printf("%24s-> %s\n", "", finding.remedy);
        }
    }
    printf("%d ok, %d warnings, %d failed\n", count[OK], count[WARN], count[FAIL]);
    return count[FAIL] ? 1 : 0;
}

static struct finding fine(const char *text) {
    return (struct finding){OK, text, NULL};
}

static struct finding check_objects(struct cmd *cmd) {
    const char *driver = conf_text(cmd->conf, "object_store", "driver", "file"), *error;

    if (object_store_fit(driver, &error)) {
        return fine(arena_printf(cmd->arena, "the driver %s has what it needs", driver));
    }
    return (struct finding){FAIL, error, "install what is missing, or change [object_store] driver"};
}

static struct finding check_root(struct cmd *cmd) {
    if (geteuid()) {
        return (struct finding){WARN, "not root: some things below cannot be seen", "sudo haneul doctor"};
    }
    return fine("root, as the agent role needs");
}

static bool in_path(struct arena *arena, const char *program) {
    char *path = arena_printf(arena, "%s:/usr/sbin:/sbin", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
    char *rest = NULL;

    for (char *dir = strtok_r(path, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest)) {
        if (!access(arena_printf(arena, "%s/%s", dir, program), X_OK)) {
            return true;
        }
    }
    return false;
}

static struct finding check_programs(struct cmd *cmd) {
    static const char *const needed[][2] = {
        {"libvirtd", "libvirt-daemon-system libvirt-daemon-driver-qemu"}, {"virtlogd", "libvirt-daemon-system"},
        {"qemu-system-x86_64", "qemu-system-x86"}, {"qemu-img", "qemu-utils"},
        {"qemu-storage-daemon", "qemu-system-common"}, {"ovs-vswitchd", "openvswitch-switch"},
        {"ovs-vsctl", "openvswitch-switch"}, {"ovn-northd", "ovn-central"}, {"ovn-controller", "ovn-host"},
        {"ip", "iproute2"}, {"nft", "nftables"}, {"genisoimage", "genisoimage"}};
    const char *missing = "", *packages = "";

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!in_path(cmd->arena, needed[i][0])) {
            missing = arena_printf(cmd->arena, "%s %s", missing, needed[i][0]);
            packages = arena_printf(cmd->arena, "%s %s", packages, needed[i][1]);
        }
    }
    if (*missing) {
        return (struct finding){FAIL, arena_printf(cmd->arena, "missing:%s", missing),
                                arena_printf(cmd->arena, "apt-get install --no-install-recommends%s", packages)};
    }
    return fine("all that the agent calls are there");
}

static struct finding check_users(struct cmd *cmd) {
    const char *name = conf_text(cmd->conf, "api", "user", "haneul");

    if (!getpwnam("libvirt-qemu")) {
        return (struct finding){FAIL, "no user libvirt-qemu, which guests run as",
                                "apt-get install --no-install-recommends libvirt-daemon-system"};
    }
    if (!getpwnam(name)) {
        return (struct finding){WARN, arena_printf(cmd->arena, "no user %s yet", name),
                                "'haneul serve', started by root, makes it"};
    }
    return fine(arena_printf(cmd->arena, "%s for the API, libvirt-qemu for guests", name));
}

/* QEMU runs as a user of its own and must get through to the disks. */
static struct finding check_data(struct cmd *cmd) {
    char *path = arena_text(cmd->arena, role_data(cmd));
    struct stat info;

    if (strlen(path) > 62) {
        return (struct finding){FAIL, arena_printf(cmd->arena, "%s is too long for the names of sockets", path),
                                "choose a data directory of at most 62 bytes"};
    }
    for (char *slash = path + 1; slash; slash = strchr(slash, '/')) {
        char kept = *slash;

        *slash = *slash == '/' ? 0 : kept;
        if (!stat(path, &info) && !(info.st_mode & S_IXOTH)) {
            return (struct finding){FAIL, arena_printf(cmd->arena, "guests cannot pass through %s", path),
                                    arena_printf(cmd->arena, "chmod o+x %s, or another --data", path)};
        }
        *slash = kept;
        slash++;
    }
    return fine(role_data(cmd));
}

static struct finding check_disk(struct cmd *cmd) {
    struct statvfs info;
    const char *path = access(role_data(cmd), F_OK) ? "/" : role_data(cmd);
    long long free_mib;

    if (statvfs(path, &info)) {
        return (struct finding){FAIL, arena_printf(cmd->arena, "%s: %s", path, strerror(errno)),
                                "mend the file system"};
    }
    free_mib = (long long)(info.f_bavail * (info.f_frsize / 1024)) / 1024;
    if (free_mib < 4096) {
        return (struct finding){free_mib < 512 ? FAIL : WARN,
                                arena_printf(cmd->arena, "%lld MiB free at %s", free_mib, path),
                                "free some: images and servers' disks lie there"};
    }
    return fine(arena_printf(cmd->arena, "%lld GiB free at %s", free_mib / 1024, path));
}

static struct finding check_memory(struct cmd *cmd) {
    struct sysinfo info;
    long long mib;

    sysinfo(&info);
    mib = (long long)(info.totalram / 1024 * info.mem_unit / 1024);
    if (mib < 1500) {
        return (struct finding){WARN, arena_printf(cmd->arena, "%lld MiB", mib),
                                "few servers fit: 2 GiB are a good start"};
    }
    return fine(arena_printf(cmd->arena, "%lld MiB, %d processors", mib, get_nprocs()));
}

static struct finding check_tun(struct cmd *cmd) {
    if (access("/dev/net/tun", R_OK | W_OK)) {
        return (struct finding){geteuid() ? WARN : FAIL, arena_printf(cmd->arena, "/dev/net/tun: %s", strerror(errno)),
                                "modprobe tun; in a container, give it /dev/net/tun and CAP_NET_ADMIN"};
    }
    return fine("/dev/net/tun is usable");
}

static struct finding check_datapath(struct cmd *cmd) {
    if (!kernel_has_openvswitch()) {
        return (struct finding){WARN, "the kernel has no openvswitch: the userspace datapath is used, which is slower",
                                "a kernel with CONFIG_OPENVSWITCH, as Debian's, is faster"};
    }
    return fine("the kernel has openvswitch");
}

static struct finding check_kvm(struct cmd *cmd) {
    if (access("/dev/kvm", F_OK)) {
        return (struct finding){WARN, "no /dev/kvm: guests are emulated (TCG), about ten times slower",
                                "turn on virtualization in the firmware, or nested virtualization in the outer host"};
    }
    if (geteuid()) {
        return fine("/dev/kvm is there; only root can try it");
    }
    if (!kvm_boots(cmd->arena, cmd->conf, role_data(cmd))) {
        return (struct finding){WARN, "no kernel was seen to boot with /dev/kvm: guests are emulated (TCG)",
                                "[host] kvm = yes, if you know better"};
    }
    return fine("a kernel boots with KVM");
}

/* The port is free, or Haneul itself has it. */
static struct finding check_listen(struct cmd *cmd) {
    const char *listen_at = conf_text(cmd->conf, "api", "listen", "127.0.0.1:8470"), *colon = strrchr(listen_at, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};
    bool is_free;
    int fd, error;

    if (!colon || inet_pton(AF_INET, arena_text_size(cmd->arena, listen_at, (size_t)(colon - listen_at)),
                            &address.sin_addr) != 1) {
        return fine(arena_printf(cmd->arena, "%s (not looked at)", listen_at));
    }
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    is_free = !bind(fd, (struct sockaddr *)&address, sizeof address);
    error = errno;
    close(fd);
    if (is_free) {
        return fine(arena_printf(cmd->arena, "%s is free", listen_at));
    }
    if (!access(role_run_path(cmd, "serve.pid"), F_OK)) {
        return fine(arena_printf(cmd->arena, "%s is in use, and a cloud runs on this data directory", listen_at));
    }
    return (struct finding){FAIL, arena_printf(cmd->arena, "%s cannot be used: %s", listen_at, strerror(error)),
                            "choose another one: --listen ADDR:PORT, or [api] listen"};
}

static bool own_answers(struct cmd *cmd, const char *socket_name) {
    return socket_answers(arena_printf(cmd->arena, "%s/engines/run/%s", role_data(cmd), socket_name));
}

static struct finding check_libvirt(struct cmd *cmd) {
    if (own_answers(cmd, "libvirt/libvirt-sock")) {
        return fine("one of our own runs");
    }
    if (socket_answers("/run/libvirt/libvirt-sock")) {
        return fine("the system's answers");
    }
    return fine(geteuid() ? "only root sees whether one runs" : "none runs: the agent starts one of its own");
}

static struct finding check_switch(struct cmd *cmd) {
    if (own_answers(cmd, "ovs/db.sock")) {
        return fine("one of our own runs");
    }
    if (socket_answers("/run/openvswitch/db.sock")) {
        return fine("the system's answers");
    }
    if (switch_is_taken()) {
        return (struct finding){FAIL, "another Open vSwitch has the userspace datapath of this network namespace",
                                "stop it, or: ip netns add NAME; ip netns exec NAME haneul serve"};
    }
    return fine(geteuid() ? "only root sees whether one runs" : "none runs: the agent starts one of its own");
}

static struct finding check_bridge(struct cmd *cmd) {
    const char *bridge = conf_text(cmd->conf, "host", "external_bridge", "br-ex");
    const char *address = conf_text(cmd->conf, "host", "external_address", "172.24.4.1/24");
    struct run_result result;

    if (!if_nametoindex(bridge)) {
        return fine(arena_printf(cmd->arena, "%s will be made, with address %s", bridge, *address ? address : "none"));
    }
    RUN(cmd->arena, &result, "ip", "-o", "-4", "address", "show", "dev", bridge);
    if (*address && !strstr(result.output, address)) {
        return (struct finding){WARN, arena_printf(cmd->arena, "%s lacks the address %s", bridge, address),
                                "floating addresses are not reached from this host until the agent sets it"};
    }
    return fine(arena_printf(cmd->arena, "%s has %s", bridge, *address ? address : "no address, as configured"));
}
