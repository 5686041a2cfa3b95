/* SPDX-License-Identifier: Apache-2.0
 * Persistent tap devices by the kernel's TUN/TAP interface (Documentation/networking/tuntap.rst). */
#include "compute/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/run.h"
#include "bus/work.h"
#include "compute/document.h"
#include "compute/driver.h"

enum { MAX_LIST = 64 * 1024 * 1024 };

static struct ifreq request_for(const char *device) {
    struct ifreq request = {0};

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
    return request;
}

/* Makes the device persistent, or lets it go. */
static bool tap_persist(const char *device, int persistent) {
    struct ifreq request = request_for(device);
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    bool ok;

    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    ok = fd >= 0 && !ioctl(fd, TUNSETIFF, &request) && !ioctl(fd, TUNSETPERSIST, persistent);
    if (fd >= 0) {
        int error = errno;

        close(fd);
        errno = error;
    }
    return ok;
}

static bool tap_up(const char *device, int mtu) {
    struct ifreq request = request_for(device);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0;

    if (ok && mtu) {
        request.ifr_mtu = mtu;
        ok = !ioctl(fd, SIOCSIFMTU, &request);
    }
    request.ifr_flags = 0;
    if (ok && !ioctl(fd, SIOCGIFFLAGS, &request)) {
        request.ifr_flags |= IFF_UP;
        ok = !ioctl(fd, SIOCSIFFLAGS, &request);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* The host must not answer on a guest's wire. */
static void tap_silence(struct arena *arena, const char *device) {
    int fd = open(arena_printf(arena, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", device), O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (write(fd, "1", 1) < 0) {
            errno = 0;      /* a kernel without IPv6 does not answer either */
        }
        close(fd);
    }
}

/* ---- whose device it is: its alias (ip-link(8)) ---- */

static const char *mark(struct work *work) {
    return arena_printf(work->arena, "haneul %.200s", work->host->data);
}

static bool tap_mark(struct work *work, const char *device) {
    struct run_result result;

    return RUN(work->arena, &result, "ip", "link", "set", "dev", device, "alias", mark(work))
           || work_fail(work, "server %s: cannot name tap %s: %s", work->id, device, result.errors);
}

/* What `ip` tells of the machine's tap devices; null when it cannot. */
static const struct json *taps(struct work *work) {
    struct run_result result;
    const struct run run = {.argv = (const char *const[]){"ip", "-json", "link", "show", "type", "tun", NULL},
                            .max_output = MAX_LIST};
    const struct json *all = run_program(work->arena, &run, &result)
                             ? json_parse(work->arena, result.output, result.output_size, NULL) : NULL;

    if (!all) {
        work_fail(work, "host %s: cannot list tap devices: %s", work->host->name, result.errors ? result.errors : "");
    }
    return all;
}

static bool is_ours(struct work *work, const struct json *link) {
    const char *alias = json_get_text(link, "ifalias");

    return json_get_text(link, "ifname") && alias && !strcmp(alias, mark(work));
}

bool tap_is_ours(struct work *work, const char *device) {
    for (JSON_EACH(link, taps(work))) {
        if (is_ours(work, link) && !strcmp(json_get_text(link, "ifname"), device)) {
            return true;
        }
    }
    return false;
}

bool tap_list(struct work *work) {
    const struct json *all = taps(work);

    json_key(&work->result, "taps");
    json_list(&work->result);
    for (JSON_EACH(link, all)) {
        if (is_ours(work, link)) {
            json_text(&work->result, json_get_text(link, "ifname"));
        }
    }
    json_list_end(&work->result);
    return all;
}

/* ---- plugging ---- */

bool tap_plug(struct work *work, const struct server_nic *nic) {
    if (!if_nametoindex(nic->device) && !tap_persist(nic->device, 1)) {
        return work_fail(work, "server %s: cannot make tap %s: %s", work->id, nic->device, strerror(errno));
    }
    tap_silence(work->arena, nic->device);
    if (!tap_mark(work, nic->device)) {
        return false;
    }
    if (!tap_up(nic->device, (int)nic->mtu)) {
        return work_fail(work, "server %s: cannot bring tap %s up: %s", work->id, nic->device, strerror(errno));
    }
    return !compute_plug || compute_plug(work, nic->port_id, nic->plug)
           || work_fail(work, "server %s: cannot plug %s", work->id, nic->device);
}

bool tap_unplug(struct work *work, const char *port_id, const char *device) {
    if (port_id && compute_plug && !compute_plug(work, port_id, NULL)) {
        return work_fail(work, "server %s: cannot unplug %s", work->id, device);
    }
    return !if_nametoindex(device) || tap_persist(device, 0)
           || work_fail(work, "server %s: cannot remove tap %s: %s", work->id, device, strerror(errno));
}
