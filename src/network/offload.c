/* SPDX-License-Identifier: Apache-2.0
 * ethtool's ioctl (linux/ethtool.h). */
#include "network/offload.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool offload_disable(const char *device) {
    static const __u32 commands[] = {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), done = -1;

    for (size_t i = 0; fd >= 0 && i < sizeof commands / sizeof commands[0]; i++) {
        struct ethtool_value value = {.cmd = commands[i], .data = 0};
        struct ifreq request = {.ifr_data = (char *)&value};

        snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
        done = ioctl(fd, SIOCETHTOOL, &request);
    }
    if (fd >= 0) {
        close(fd);
    }
    return done == 0;
}
