/* SPDX-License-Identifier: Apache-2.0
 * Namespaces and devices by ip(8), sockets by setns(2) in a thread that lives no longer than that. */
#include "network/metadata_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/run.h"
#include "network/offload.h"

enum { BACKLOG = 128 };

static const char address[] = "169.254.169.254";
static const char inner[] = "eth0";              /* the device inside */

const char *metadata_network_name(struct arena *arena, const char *network) {
    return arena_printf(arena, "ovnmeta-%s", network);
}

const char *metadata_network_device(struct arena *arena, const char *network) {
    return arena_printf(arena, "md-%.12s", digest_of(arena, "sha256", network, strlen(network)));
}

static const char *namespace_path(struct arena *arena, const char *name) {
    return arena_printf(arena, "/run/netns/%s", name);
}

/* True when the name stands for a namespace. It may be a mere file: what is left when whoever made it had mounts of its
 * own. */
static bool namespace_is(struct arena *arena, const char *name) {
    struct statfs about;

    return statfs(namespace_path(arena, name), &about) == 0 && about.f_type == NSFS_MAGIC;
}

static bool ip_run(struct arena *arena, const struct run *run, const char **ret_error) {
    struct run_result result;

    if (run_program(arena, run, &result)) {
        return true;
    }
    *ret_error = arena_printf(arena, "ip: %.300s", result.errors ? result.errors : "cannot run");
    return false;
}

#define IP(arena, ret_error, ...) \
    ip_run((arena), &(struct run){.argv = (const char *const[]){"ip", __VA_ARGS__, NULL}}, (ret_error))

static bool namespace_make(struct arena *arena, const char *name, const char **ret_error) {
    if (namespace_is(arena, name)) {
        return true;
    }
    unlink(namespace_path(arena, name));
    return IP(arena, ret_error, "netns", "add", name);
}

/* One run of ip for all that is to be done inside. */
static const char *batch(struct arena *arena, const char *mac, const char *cidrs) {
    char *rest = arena_text(arena, cidrs), *cidr;
    const char *text = arena_printf(arena, "link set lo up\nlink set %s address %s\naddr flush dev %s\n"
                                    "addr replace %s/32 dev %s\n", inner, mac, inner, address, inner);

    while ((cidr = strtok_r(rest, " ", &rest)) != NULL) {
        text = arena_printf(arena, "%saddr replace %s dev %s\n", text, cidr, inner);
    }
    return arena_printf(arena, "%slink set %s up\n", text, inner);
}

struct inside {
    const char *name;
    int fd, error;
    bool (*run)(struct inside *inside);
};

static void *enter(void *argument) {
    struct inside *inside = argument;
    char path[300];
    int ns;

    snprintf(path, sizeof path, "/run/netns/%s", inside->name);
    ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWNET) != 0 || !inside->run(inside)) {
        inside->error = errno;
    }
    if (ns >= 0) {
        close(ns);
    }
    return NULL;
}

/* Runs inside->run in a thread that is in the namespace. */
static bool run_inside(struct inside *inside) {
    pthread_t thread;

    if (pthread_create(&thread, NULL, enter, inside) != 0) {
        inside->error = EAGAIN;
        return false;
    }
    pthread_join(thread, NULL);
    errno = inside->error;
    return !inside->error;
}

static bool disable_offload(struct inside *inside) {
    return offload_disable(inner);
}

/* The pair of devices with all that is set on them. */
static bool devices_make(struct arena *arena, const char *name, const char *outer, const char *text,
                         const char **ret_error) {
    return (if_nametoindex(outer) || IP(arena, ret_error, "link", "add", outer, "type", "veth", "peer", "name", inner,
                                        "netns", name)) &&
           IP(arena, ret_error, "link", "set", outer, "up") &&
           ip_run(arena, &(struct run){.argv = (const char *const[]){"ip", "-batch", "-", NULL},
                                       .netns = namespace_path(arena, name), .input = text,
                                       .input_size = strlen(text)}, ret_error);
}

bool metadata_network_up(struct arena *arena, const char *network, const char *mac, const char *cidrs,
                         const char **ret_error) {
    const char *name = metadata_network_name(arena, network), *outer = metadata_network_device(arena, network);
    struct inside inside = {.name = name, .run = disable_offload};
    const char *ignored;

    if (!namespace_make(arena, name, ret_error)) {
        return false;
    }
    if (!devices_make(arena, name, outer, batch(arena, mac, cidrs), ret_error)) {
        /* Whatever stands under the name is not what it should be: the next attempt begins without it. */
        IP(arena, &ignored, "link", "del", outer);
        return false;
    }
    if (!run_inside(&inside)) {
        *ret_error = arena_printf(arena, "offloads in %s: %s", name, strerror(errno));
        return false;
    }
    return true;
}

bool metadata_network_down(struct arena *arena, const char *network, const char **ret_error) {
    const char *name = metadata_network_name(arena, network), *outer = metadata_network_device(arena, network);

    return (!if_nametoindex(outer) || IP(arena, ret_error, "link", "del", outer)) &&
           (!namespace_is(arena, name) || IP(arena, ret_error, "netns", "del", name));
}

static bool open_listener(struct inside *inside) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(80)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

    inet_pton(AF_INET, address, &at.sin_addr);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        setsockopt(fd, SOL_IP, IP_FREEBIND, &one, sizeof one) || bind(fd, (struct sockaddr *)&at, sizeof at) ||
        listen(fd, BACKLOG)) {
        int error = errno;

        if (fd >= 0) {
            close(fd);
        }
        errno = error;
        return false;
    }
    inside->fd = fd;
    return true;
}

int metadata_network_listen(const char *name) {
    struct inside inside = {.name = name, .fd = -1, .run = open_listener};

    return run_inside(&inside) ? inside.fd : -1;
}
