/* SPDX-License-Identifier: Apache-2.0
 * Which engines this host uses, the system's or our own, and where our own ones lie. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "cmd/engines.h"
#include "cmd/engines_private.h"

const char *place_base(struct arena *arena, const char *data) {
    return arena_printf(arena, "%s/engines", data);
}

bool socket_answers(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = strlen(path) < sizeof address.sun_path;

    if (ok) {
        memcpy(address.sun_path, path, strlen(path));
    }
    ok = ok && fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address);
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

bool tap_busy(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = if_nametoindex(name) ? open("/dev/net/tun", O_RDWR | O_CLOEXEC) : -1;
    bool busy;

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    busy = fd >= 0 && ioctl(fd, TUNSETIFF, &request) && errno == EBUSY;
    if (fd >= 0) {
        close(fd);
    }
    return busy;
}

bool switch_is_taken(void) {
    return tap_busy("ovs-netdev");
}

/* One group: the system's where it answers and we never had one of our own, or as the configuration says. */
static bool choose_group(struct arena *arena, const struct host *host, const char *system_socket, const char *own_mark,
                         bool *ret_own, const char **ret_error) {
    const char *how = conf_text(host->conf, "host", "engines", "auto");
    bool answers = socket_answers(system_socket);

    if (!strcmp(how, "system") && !answers) {
        *ret_error = arena_printf(arena, "[host] engines = system, but nothing answers at %s: start the system's "
                                  "service", system_socket);
        return false;
    }
    if (!strcmp(how, "auto")) {
        *ret_own = !answers || !access(own_mark, F_OK);
    } else {
        *ret_own = !strcmp(how, "own");
    }
    return true;
}

bool place_choose(struct arena *arena, struct host *host, struct place *ret_place, const char **ret_error) {
    const char *base = place_base(arena, host->data);
    const struct {
        enum group group;
        const char *system_socket, *own_mark;
    } groups[] = {{LIBVIRT, "/run/libvirt/libvirt-sock", "libvirt/etc"},
                  {CENTRAL, "/run/ovn/ovnnb_db.sock", "ovn/nb.db"},
                  {SWITCH, "/run/openvswitch/db.sock", "ovs/conf.db"}};
    bool *own = ret_place->own;

    ret_place->base = base;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (!choose_group(arena, host, groups[i].system_socket, arena_printf(arena, "%s/%s", base, groups[i].own_mark),
                          &own[groups[i].group], ret_error)) {
            return false;
        }
    }
    own[CONTROLLER] = own[SWITCH] || access("/run/ovn/ovn-controller.pid", F_OK);
    host->libvirt_uri = own[LIBVIRT]
                            ? arena_printf(arena, "qemu+unix:///system?socket=%s/run/libvirt/libvirt-sock", base)
                            : "qemu:///system";
    host->ovn_nb = "unix:/run/ovn/ovnnb_db.sock";
    host->ovn_sb = "unix:/run/ovn/ovnsb_db.sock";
    if (own[CENTRAL]) {
        host->ovn_nb = arena_printf(arena, "unix:%s/run/ovn/nb.sock", base);
        host->ovn_sb = arena_printf(arena, "unix:%s/run/ovn/sb.sock", base);
    }
    host->ovs = "unix:/run/openvswitch/db.sock";
    if (own[SWITCH]) {
        host->ovs = arena_printf(arena, "unix:%s/run/ovs/db.sock", base);
    }
    return true;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where) {
    return remove(path);
}

static const char *boot_id(struct arena *arena) {
    return file_line(arena, "/proc/sys/kernel/random/boot_id");
}

/* Sockets and pid files mean nothing after the machine restarted, and libvirt would take them for running guests. */
static void forget_last_boot(struct arena *arena, const char *base) {
    if (strcmp(boot_id(arena), file_line(arena, arena_printf(arena, "%s/run/boot", base)))) {
        nftw(arena_printf(arena, "%s/run", base), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* QEMU runs as a user of its own and must get through to its disks, hence 0711. */
bool place_make(struct arena *arena, const char *base, const char **ret_error) {
    static const char *const paths[] = {"", "/run", "/run/ovn", "/run/ovs", "/run/libvirt", "/ovn", "/ovs", "/libvirt",
                                        "/log", "/log/libvirt"};

    if (strlen(base) > 70) {
        *ret_error = arena_printf(arena, "%s: the name is too long for sockets below it, 70 bytes fit", base);
        return false;
    }
    forget_last_boot(arena, base);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *path = arena_printf(arena, "%s%s", base, paths[i]);

        if (mkdir(path, 0711) && errno != EEXIST) {
            *ret_error = arena_printf(arena, "cannot make directory %s: %s", path, strerror(errno));
            return false;
        }
    }
    return file_write(arena_printf(arena, "%s/run/boot", base), boot_id(arena));
}
